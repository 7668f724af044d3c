// Runs commands beside each other, and says how they compare.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cleanEnvironment } from '../tests/helpers/cli.ts';

const run = promisify(execFile);

/** What a command took. */
export interface Figures {
  seconds: number;
  /** Seconds of all its processors, children included. */
  cpu: number;
  /** MiB of the largest process. */
  peak: number;
  /** Requests that the server had of it, where there is one that counts. */
  requests?: number;
}

export interface Command {
  argv: string[];
  env?: Record<string, string>;
}

export interface Side {
  name: string;
  /** Makes the command of one round. */
  command(round: number): Command;
}

export interface Comparison {
  name: string;
  ours: Side['command'];
  peer?: Side;
  /** Requests since the last question. */
  requests?: () => Promise<number>;
  /** How much work it is, for a rate: e.g. 10 million points. */
  amount?: { count: number; unit: string };
}

/** What a comparison came to. The ratios are the peer's figure by ours, round by round, in order. */
export interface Outcome {
  name: string;
  ours: Figures;
  peer?: { name: string; figures: Figures; times: number[]; cpu: number[]; memory: number[] };
  amount?: Comparison['amount'];
}

/** Runs one command to its end. @param python any that has the standard library @throws if it fails: a broken run has no speed */
export async function measure(python: string, { argv, env }: Command): Promise<Figures> {
  const { stdout } = await run(python, [join(import.meta.dirname, 'measure.py'), ...argv], {
    env: cleanEnvironment({ MLFLOW_DISABLE_TELEMETRY: 'true', TZ: 'UTC', ...env }),
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Figures;
}

/** Runs both sides in turn, so that what else the machine does meets both. */
export async function compare(
  python: string,
  { name, ours, peer, requests, amount }: Comparison,
  rounds: number,
): Promise<Outcome> {
  const mine: Figures[] = [];
  const theirs: Figures[] = [];
  const once = async (command: Command): Promise<Figures> => {
    await requests?.();
    const figures = await measure(python, command);
    return requests ? { ...figures, requests: await requests() } : figures;
  };
  for (let round = 0; round < rounds; round++) {
    mine.push(await once(ours(round)));
    if (peer) theirs.push(await once(peer.command(round)));
  }
  const ratios = (key: 'seconds' | 'cpu' | 'peak') =>
    theirs.map((figures, round) => figures[key] / (mine[round]?.[key] ?? Number.NaN)).sort((a, b) => a - b);
  return {
    name,
    ours: middle(mine),
    ...(peer
      ? {
          peer: {
            name: peer.name,
            figures: middle(theirs),
            times: ratios('seconds'),
            cpu: ratios('cpu'),
            memory: ratios('peak'),
          },
        }
      : {}),
    ...(amount ? { amount } : {}),
  };
}

/** The median of each figure. */
function middle(all: Figures[]): Figures {
  const of = (key: keyof Figures) => median(all.map((figures) => figures[key] ?? Number.NaN));
  const requests = of('requests');
  return { seconds: of('seconds'), cpu: of('cpu'), peak: of('peak'), ...(requests >= 0 ? { requests } : {}) };
}

/** The middle one; of an even number the larger of the two. */
export function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
