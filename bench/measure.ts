// Runs commands beside each other, and says how they compare.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cleanEnvironment } from '../tests/helpers/cli.ts';

const run = promisify(execFile);

export interface Figures {
  seconds: number;
  /** Seconds of all its processors, children included. */
  cpu: number;
  /** MiB of the largest process. */
  peak: number;
}

/** Runs one command to its end. @throws if it fails: a broken run has no speed */
export async function measure(python: string, command: string[]): Promise<Figures> {
  const { stdout } = await run(python, [join(import.meta.dirname, 'measure.py'), ...command], {
    env: { ...cleanEnvironment(), MLFLOW_DISABLE_TELEMETRY: 'true' },
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Figures;
}

export interface Case {
  name: string;
  /** Makes the command of one round. */
  ours: (round: number) => string[];
  peer: string;
  theirs: (round: number) => string[];
}

/**
 * Runs both sides in turn, so that what else the machine does meets both.
 * @returns lines of a Markdown table: medians, and the smallest and largest ratio of a round
 */
export async function compare(python: string, { name, ours, peer, theirs }: Case, rounds: number): Promise<string> {
  const pairs: [Figures, Figures][] = [];
  for (let round = 0; round < rounds; round++) {
    pairs.push([await measure(python, ours(round)), await measure(python, theirs(round))]);
  }
  const ratios = pairs.map(([mine, other]) => other.seconds / mine.seconds).sort((a, b) => a - b);
  const mid = (side: 0 | 1, key: keyof Figures) => median(pairs.map((pair) => pair[side][key]));
  const figures = (side: 0 | 1) =>
    `${mid(side, 'seconds').toFixed(2)} s, ${mid(side, 'cpu').toFixed(2)} s CPU, ${mid(side, 'peak').toFixed(0)} MiB`;
  const spread = `${ratios[0]?.toFixed(2)}–${ratios.at(-1)?.toFixed(2)}`;
  return `| ${name} | ${figures(0)} | ${peer}: ${figures(1)} | ${median(ratios).toFixed(2)} (${spread}) |`;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
