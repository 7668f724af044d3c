// Many items in one request, of which some fail: the others must neither be lost with them nor wait for them.

import { forEachLimited } from '../http/limits.ts';
import { isTimeout } from '../http/request-errors.ts';
import { isRetryableStatus } from '../http/retry.ts';
import { ExporterError } from '../model/errors.ts';
import { isFatal } from './work.ts';

/** Does something for all items in one request; repeated, it leaves out what is done. `budgetMs`: for all tries, where it isn't the usual time. */
export type Task<T> = (items: T[], budgetMs: number | undefined) => Promise<void>;
type Failed<T> = (item: T, error: unknown) => void;

/** Time for the first request of many items: what takes longer is left for later. */
const SKIM_MS = 2_000;
/** Time for an item that stands alone after the request with others failed for all of its own. */
const ALONE_MS = 5_000;
/** Time for a part of a failed request: if it fails, it is split again. */
const PART_MS = 500;
/** Time after which parts that fail are split no more. */
const SPLITTING_MS = 60_000;
/** Items that fail alone, while none succeeds, after which it is the service that fails. */
const FAILED_ALONE = 8;

/**
 * Does `task` for the items that work, in short time: halves a request that fails, as long as some item works. What
 * another try can't mend is told.
 * @returns the items that may work later
 * @throws what `isFatal`
 */
export async function skimming<T>(items: T[], task: Task<T>, failed: Failed<T>): Promise<T[]> {
  const left: T[] = [];
  let succeeded = false;
  let splitUntil: number | undefined;
  const part = async (some: T[], budgetMs: number): Promise<void> => {
    if (some.length === 0) return;
    try {
      await task(some, budgetMs);
      succeeded = true;
    } catch (error) {
      if (isFatal(error)) throw error;
      splitUntil ??= performance.now() + SPLITTING_MS;
      if (some.length === 1 && !mayWorkLater(error)) failed(some[0]!, error);
      else if (some.length === 1 || performance.now() > splitUntil) left.push(...some);
      else if (!succeeded && (isTimeout(error) || !(await oneWorks(some)))) left.push(...some);
      else await allOf(halvesOf(some).map((half) => part(half, PART_MS)));
    }
  };
  const oneWorks = async (some: T[]): Promise<boolean> => {
    try {
      await task(some.slice(-1), PART_MS);
    } catch (error) {
      if (isFatal(error)) throw error;
      return false;
    }
    // It is done, and must not be read twice.
    some.pop();
    succeeded = true;
    return true;
  };
  await part([...items], SKIM_MS);
  return left;
}

function mayWorkLater(error: unknown): boolean {
  if (!(error instanceof ExporterError)) return false;
  if (error.code === 'network' || error.code === 'bad_answer') return true;
  return error.code === 'server' && error.status !== undefined && isRetryableStatus(error.status);
}

/**
 * Does `task` for all items in one request. If that fails for good, halves the items until the ones that fail stand
 * alone, and tells these: one bad attribute must not take others with it. Where everything fails, not each item is
 * tried for its own time.
 * @throws what `isFatal`
 */
export async function isolating<T>(items: T[], task: Task<T>, failed: Failed<T>): Promise<void> {
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
      const alone = some.length === 1 || isTimeout(error) || performance.now() > splitUntil;
      if (alone || (await allFail(some))) {
        failedAlone++;
        for (const item of some) failed(item, error);
        return;
      }
      await split(some);
    }
  };
  const split = async (some: T[]): Promise<void> => {
    const doHalf = (half: T[]) => part(half, half.length === 1 ? ALONE_MS : PART_MS);
    // Side by side only where few can be bad: a service that fails as a whole is not to be asked for each item at once.
    if (succeeded) await allOf(halvesOf(some).map(doHalf));
    else for (const half of halvesOf(some)) await doHalf(half);
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

function halvesOf<T>(items: T[]): [T[], T[]] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}

/** Waits for all, also if one fails: then its error is thrown. */
export async function allOf(tasks: Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(tasks)) if (outcome.status === 'rejected') throw outcome.reason;
}

/**
 * Does `task` for groups of items, each group in one request: first for what works, then with patience for the rest.
 * @param settled told of each item as soon as it is done, or was told to `failed`
 * @throws what `isFatal`
 */
export async function inGroups<T>(
  groups: Iterable<T[]>,
  atOnce: number,
  task: Task<T>,
  { failed, settled }: { failed: Failed<T>; settled: (item: T) => Promise<void> },
): Promise<void> {
  const later: T[][] = [];
  // What is to be done with an item that is done, as bringing a run to the disk, holds no next request up.
  const settling: Promise<void>[] = [];
  let broken: { error: unknown } | undefined;
  const settle = async (items: T[]): Promise<void> => {
    try {
      for (const item of items) await settled(item);
    } catch (error) {
      broken ??= { error };
    }
  };
  const doGroup = async (group: T[], read: (group: T[]) => Promise<T[]>): Promise<void> => {
    if (broken) throw broken.error;
    const left = await read(group);
    const open = new Set(left);
    settling.push(settle(group.filter((item) => !open.has(item))));
    if (left.length > 0) later.push(left);
  };
  try {
    await forEachLimited(groups, atOnce, (group) => doGroup(group, (all) => skimming(all, task, failed)));
    await forEachLimited(later.splice(0), atOnce, (group) =>
      doGroup(group, async (all) => {
        await isolating(all, task, failed);
        return [];
      }),
    );
  } finally {
    await Promise.all(settling);
  }
  if (broken) throw broken.error;
}
