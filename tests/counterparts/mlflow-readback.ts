// What MLflow's own Python client reads back, typed.

import { execFile, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
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
    return (await reader)(args);
  }
  const { stdout } = await run(await python('mlflow'), [SCRIPT, ...args], {
    maxBuffer: 1 << 30,
    ...(cwd ? { cwd } : {}),
  });
  return JSON.parse(stdout) as ReadExperiment[];
}

type Reader = (args: string[]) => Promise<ReadExperiment[]>;
let reader: Promise<Reader> | undefined;

/** One Python for all that a test file reads: importing MLflow takes seconds. It ends with the test's process. */
async function startReader(): Promise<Reader> {
  const child = spawn(await python('mlflow'), [SCRIPT, '--serve'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const sockets = [child.stdin, child.stdout] as unknown as Socket[];
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  child.unref();
  for (const socket of sockets) socket.unref();
  return async (args) => {
    // Nothing but a question under way keeps the process of the tests alive.
    if (waiting++ === 0) for (const socket of sockets) socket.ref();
    const before = last;
    const asked = (async () => {
      await before.catch(() => undefined);
      child.stdin.write(`${JSON.stringify(args)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error('the process that reads MLflow back has ended');
      const answer = JSON.parse(value) as ReadExperiment[] | { error: string };
      if ('error' in answer) throw new Error(answer.error);
      return answer;
    })();
    last = asked;
    try {
      return await asked;
    } finally {
      if (--waiting === 0) for (const socket of sockets) socket.unref();
    }
  };
}
