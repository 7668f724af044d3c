// What the readers of one batch of runs share: the API, the sink, and how failures are told apart.

import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import type { RunRef } from '../model/runs.ts';
import type { Api } from './api.ts';
import type { RunSink } from './source.ts';

export interface Work {
  api: Api;
  sink: RunSink;
  signal: AbortSignal;
  /** The call that answers many float series at once: its path, and what it is told of each series and of all.
   * `counted`: the server's count of a series' points is that of the points that it will send.
   */
  floats: { path: string; parameters: Record<string, unknown>; options: Record<string, unknown>; counted?: true };
  /** Runs that have a parent, or of which that isn't known: they may list series whose points are the parent's. */
  forks: Set<RunRef>;
  /** Requests that one reader keeps in flight. */
  concurrency: number;
}

/** A series of one run. */
export interface SeriesRef {
  run: RunRef;
  path: string;
  type: 'float_series' | 'string_series' | 'histogram_series' | 'file_series';
  /** Step of the last point where the server told: a guess at the number of points, no more. */
  lastStep: number | undefined;
}

/** The id by which series are asked for: `workspace/project/KEY-1`. */
export function holder(run: RunRef): string {
  return `${run.projectId}/${run.sysId}`;
}

/** Thrown by a sink: the destination is broken, which no other request can mend. */
export class SinkError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Hands something to the sink, marking its rejections. */
export async function handOver(delivery: Promise<void>): Promise<void> {
  try {
    await delivery;
  } catch (error) {
    throw new SinkError(error);
  }
}

/** True for what concerns every run: going on would only fail again. A refusal may be of one request only. */
export function isFatal(error: unknown): boolean {
  if (error instanceof SinkError) return true;
  return error instanceof ExporterError && ['interrupted', 'token_refused', 'disk', 'offline'].includes(error.code);
}

/** Time for an item that stands alone after the request with others failed for all of its own. */
const ALONE_MS = 5_000;
/** Time for a part of a failed request: if it fails, it is split again. */
const PART_MS = 1_000;
/** Time after which parts that fail are split no more. */
const SPLITTING_MS = 60_000;
/** Items that fail alone, while none succeeds, after which it is the service that fails. */
const FAILED_ALONE = 8;

/**
 * Does `task` for all items in one request. If that fails for good, halves the items until the ones that fail stand
 * alone, and tells these: one bad attribute must not take others with it. Where everything fails, not each item is
 * tried for its own time.
 * @param task is given milliseconds for all tries of a request, where it isn't the usual time
 * @throws what `isFatal`
 */
export async function isolating<T>(
  items: T[],
  task: (items: T[], budgetMs: number | undefined) => Promise<void>,
  failed: (item: T, error: unknown) => void,
): Promise<void> {
  let succeeded = false;
  let failedAlone = 0;
  let splitUntil: number | undefined;
  const part = async (some: T[], budgetMs: number | undefined): Promise<void> => {
    if (some.length === 0) return;
    try {
      await task(some, budgetMs);
      succeeded = true;
    } catch (error) {
      if (isFatal(error)) throw error;
      splitUntil ??= performance.now() + SPLITTING_MS;
      if (some.length === 1 || performance.now() > splitUntil || (await allFail(some))) {
        failedAlone++;
        for (const item of some) failed(item, error);
        return;
      }
      await split(some);
    }
  };
  const split = async (some: T[]): Promise<void> => {
    const middle = Math.ceil(some.length / 2);
    const halves = [some.slice(0, middle), some.slice(middle)];
    const halfDone = (half: T[]) => part(half, half.length === 1 ? ALONE_MS : PART_MS);
    // Side by side only where few can be bad: a service that fails as a whole is not to be asked for each item at once.
    if (succeeded) await allOf(halves.map(halfDone));
    else for (const half of halves) await halfDone(half);
  };
  /** Before anything is split, and after many failures, one more item, from the other end, stands for the rest. */
  const allFail = async (some: T[]): Promise<boolean> => {
    if (succeeded || (failedAlone > 0 && failedAlone < FAILED_ALONE)) return false;
    try {
      await task(some.slice(-1), PART_MS);
    } catch (error) {
      if (isFatal(error)) throw error;
      return failedAlone > 0;
    }
    // It is done, and must not be read twice.
    some.pop();
    succeeded = true;
    return false;
  };
  await part([...items], undefined);
}

/** Waits for all, also if one fails: then its error is thrown. */
async function allOf(tasks: Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(tasks)) if (outcome.status === 'rejected') throw outcome.reason;
}

/**
 * A series that the server lists with a last step, but answers nothing for. In a fork that is right: the points are its
 * parent's. Elsewhere, points that are there did not come.
 */
export function reportSilent({ sink, forks }: Work, series: SeriesRef): void {
  if (series.lastStep === undefined || forks.has(series.run)) return;
  const text = `The server lists ${series.path} up to step ${series.lastStep}, but sends no point of it.`;
  sink.failure(series.run, failureOfSeries(series, new ExporterError('bad_answer', text)));
}

export function failureOfSeries(series: SeriesRef, error: unknown): Failure {
  return failureOf(error, { path: series.path, type: series.type });
}
