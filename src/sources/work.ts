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
  /** True for an error that concerns every run. @default isFatal */
  endsExport?: (error: unknown) => boolean;
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

/** True for what concerns every run: going on would only fail again. */
export function isFatal(error: unknown): boolean {
  if (error instanceof SinkError) return true;
  return (
    error instanceof ExporterError &&
    ['interrupted', 'token_refused', 'access_denied', 'disk', 'offline'].includes(error.code)
  );
}

/** Time for halves of a request that failed as a whole: the fault is rarely the network's by then. */
export const SPLIT_BUDGET_MS = 5_000;
/** Items that fail alone, while none succeeds, after which it is the service that fails. */
const FAILED_ALONE = 8;

interface IsolatingOptions {
  /** Milliseconds for all tries of a request. */
  budgetMs?: number;
  /** @default isFatal */
  endsExport?: (error: unknown) => boolean;
}

/**
 * Does `task` for all items in one request. If that fails for good, halves the items until the ones that fail stand
 * alone, and tells these: one bad attribute must not take others with it. Where everything fails, not each item is
 * tried for its own time.
 * @throws what `endsExport`
 */
export async function isolating<T>(
  items: T[],
  task: (items: T[], budgetMs: number | undefined) => Promise<void>,
  failed: (item: T, error: unknown) => void,
  options: IsolatingOptions = {},
): Promise<void> {
  const { endsExport = isFatal } = options;
  let succeeded = false;
  let failedAlone = 0;
  const part = async (some: T[], budgetMs: number | undefined): Promise<void> => {
    if (some.length === 0) return;
    try {
      await task(some, budgetMs);
      succeeded = true;
    } catch (error) {
      if (endsExport(error)) throw error;
      // No network: halves would fail the same way, each after its own time.
      const alone = some.length === 1 || (error instanceof ExporterError && error.code === 'network');
      if (alone || (await allFail(some))) {
        failedAlone++;
        for (const item of some) failed(item, error);
        return;
      }
      const middle = Math.ceil(some.length / 2);
      await part(some.slice(0, middle), SPLIT_BUDGET_MS);
      await part(some.slice(middle), SPLIT_BUDGET_MS);
    }
  };
  /** After many failures and no success, one more item, from the other end, stands for the rest. */
  const allFail = async (some: T[]): Promise<boolean> => {
    if (succeeded || failedAlone < FAILED_ALONE) return false;
    try {
      await task(some.slice(-1), SPLIT_BUDGET_MS);
    } catch (error) {
      if (endsExport(error)) throw error;
      return true;
    }
    // It is done, and must not be read twice.
    some.pop();
    succeeded = true;
    return false;
  };
  await part([...items], options.budgetMs);
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
