// The order in which runs are loaded: parents before children, older runs before newer ones. Pure.

import type { RunInfo } from '../model/runs.ts';

export interface OrderedRun<R> {
  run: R;
  info: RunInfo;
  /** The run that this one was forked from, if it is among those to be loaded. */
  parent?: OrderedRun<R>;
}

/**
 * Orders the runs of one project by generation, then by creation time, then by id.
 * @param onCycle told of each run whose parents lead back to itself: it is taken for a run without parent
 */
export function parentsFirst<R>(
  runs: readonly { run: R; info: RunInfo }[],
  onCycle: (info: RunInfo) => void,
): OrderedRun<R>[] {
  const ordered = new Map<string, OrderedRun<R>>();
  for (const { run, info } of runs) ordered.set(info.runId, { run, info });
  for (const one of ordered.values()) {
    const parent = one.info.parentRunId === undefined ? undefined : ordered.get(one.info.parentRunId);
    if (parent) one.parent = parent;
  }
  const generations = new Map<OrderedRun<R>, number>();
  for (const one of ordered.values()) setGenerations(one, generations, onCycle);
  const creation = ({ info }: OrderedRun<R>) => info.creationTime ?? Number.MAX_SAFE_INTEGER;
  return [...ordered.values()].sort(
    (left, right) =>
      generations.get(left)! - generations.get(right)! ||
      creation(left) - creation(right) ||
      (left.info.runId < right.info.runId ? -1 : 1),
  );
}

/** Walks up to the first run whose generation is known, and down again; chains may be thousands long. */
function setGenerations<R>(
  start: OrderedRun<R>,
  generations: Map<OrderedRun<R>, number>,
  onCycle: (info: RunInfo) => void,
): void {
  const line: OrderedRun<R>[] = [];
  const inLine = new Set<OrderedRun<R>>();
  let at: OrderedRun<R> | undefined = start;
  while (at && !generations.has(at)) {
    line.push(at);
    inLine.add(at);
    if (at.parent && inLine.has(at.parent)) {
      onCycle(at.info);
      delete at.parent;
    }
    at = at.parent;
  }
  let generation = at ? generations.get(at)! : -1;
  for (const one of line.reverse()) generations.set(one, ++generation);
}
