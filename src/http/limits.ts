// Bounds on what happens at once: a counting semaphore, and waiting that an abort ends.

import { ExporterError } from '../model/errors.ts';

/** Lets at most `capacity` holders in; the others wait in line. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(capacity: number) {
    this.#free = capacity;
  }

  /** Runs `task` while holding a place. */
  async use<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((admit) => this.#waiting.push(admit));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

/** Runs `task` over all items, at most `limit` at once, in order of start. The first rejection stops new starts and is thrown. */
export async function forEachLimited<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failed = false;
  let failure: unknown;
  for await (const item of items) {
    if (failed) break;
    const job = task(item)
      .catch((error: unknown) => {
        if (!failed) failure = error;
        failed = true;
      })
      .finally(() => running.delete(job));
    running.add(job);
    if (running.size >= limit) await Promise.race(running);
  }
  await Promise.all(running);
  if (failed) throw failure;
}

/** Timers that are set for longer end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves after `ms`, however long that is. @throws ExporterError `interrupted` as soon as the signal is aborted */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let left = ms;
  do {
    await timeout(Math.min(left, MAX_TIMER_MS), signal);
    left -= MAX_TIMER_MS;
  } while (left > 0);
}

function timeout(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(interrupted(signal));
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clearTimeout(timer);
      reject(interrupted(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

export function interrupted(signal?: AbortSignal): ExporterError {
  if (signal?.reason instanceof ExporterError) return signal.reason;
  return new ExporterError('interrupted', 'Interrupted.');
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted(signal);
}
