// How many pieces of work go on at once: some that move, and besides them those that only wait.

import { setTimeout as sleep } from 'node:timers/promises';

export interface Pace {
  /** Pieces that move at once. */
  moving: number;
  /** All pieces at once. */
  most: number;
  /** Milliseconds without a sign of life after which a piece counts as waiting. */
  idleMs: number;
}

/**
 * Does a task for each item in their order. A task that stands still, since something of it is tried again and again,
 * gives its place to the next one, so that one thing that fails for ever does not hold up all others.
 * @param task calls `moved` whenever it gets on
 * @throws what the first failing task throws, when the others have ended
 */
export async function whileMoving<T>(
  items: readonly T[],
  { moving, most, idleMs }: Pace,
  task: (item: T, moved: () => void) => Promise<void>,
): Promise<void> {
  const running = new Map<Promise<void>, { movedAt: number }>();
  let failed = false;
  let failure: unknown;
  const isFull = () => {
    const since = performance.now() - idleMs;
    const lively = [...running.values()].filter(({ movedAt }) => movedAt > since).length;
    return running.size >= most || lively >= moving;
  };
  for (const item of items) {
    while (!failed && isFull()) {
      const pause = new AbortController();
      const looksAgain = sleep(idleMs / 4, undefined, { signal: pause.signal }).catch(() => {});
      await Promise.race([...running.keys(), looksAgain]);
      pause.abort();
    }
    if (failed) break;
    const state = { movedAt: performance.now() };
    const job = task(item, () => {
      state.movedAt = performance.now();
    })
      .catch((error: unknown) => {
        if (!failed) failure = error;
        failed = true;
      })
      .finally(() => running.delete(job));
    running.set(job, state);
  }
  await Promise.all(running.keys());
  if (failed) throw failure;
}
