// What the readers of one batch of runs share: the API, the sink, and how failures are told apart.

import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import type { RunRef } from '../model/runs.ts';
import type { Api } from './api.ts';
import type { RunSink } from './source.ts';
import type { Turns } from './turns.ts';

export interface Work {
  api: Api;
  sink: RunSink;
  signal: AbortSignal;
  /** The call that answers many float series at once: its path, and what it is told of each series and of all.
   * `counted`: the server's count of a series' points is that of the points that it will send.
   */
  floats: { path: string; parameters: Record<string, unknown>; options: Record<string, unknown>; counted?: true };
  /** The order in which answers to that call are read, of all batches. */
  turns: Turns;
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
