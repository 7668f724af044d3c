// What MLflow's own Python client reads back, typed.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Ask, startLineServer } from './line-server.ts';
import { python } from './python.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'mlflow_readback.py');

/** Step, time in milliseconds, value: all in Python's `repr`. */
export type ReadPoint = [step: string, timestamp: string, value: string];

export interface ReadArtifact {
  size: number;
  sha256: string;
  /** Short UTF-8 files only. */
  text?: string;
}

export interface ReadRun {
  id: string;
  name: string;
  status: string;
  start: number;
  end: number | null;
  lifecycle: string;
  user: string;
  params: Record<string, string>;
  tags: Record<string, string>;
  metrics: Record<string, ReadPoint[]>;
  artifacts: Record<string, ReadArtifact>;
}

export interface ReadExperiment {
  name: string;
  tags: Record<string, string>;
  runs: ReadRun[];
}

/**
 * Reads all experiments whose name begins with the prefix; runs that were deleted are among them. `artifacts` is empty
 * unless asked for.
 */
export async function readBack(
  uri: string,
  prefix: string,
  { artifacts, cwd }: { artifacts?: boolean; cwd?: string } = {},
): Promise<ReadExperiment[]> {
  const args = [uri, prefix, ...(artifacts ? ['--artifacts'] : [])];
  if (cwd === undefined && /^https?:/.test(uri)) {
    reader ??= startReader();
    return (JSON.parse(await (await reader)(args)) as { answer: ReadExperiment[] }).answer;
  }
  const { stdout } = await run(await python('mlflow'), [SCRIPT, ...args], {
    maxBuffer: 1 << 30,
    ...(cwd ? { cwd } : {}),
  });
  return JSON.parse(stdout) as ReadExperiment[];
}

let reader: Promise<Ask> | undefined;

/** One Python for all that a test file reads: importing MLflow takes seconds. */
async function startReader(): Promise<Ask> {
  return startLineServer(await python('mlflow'), [SCRIPT, '--serve']);
}
