// Which runs of a batch are read together: light ones share requests, heavy ones end one after the other.

import type { RunRef } from '../../model/runs.ts';
import { expectedPoints } from '../float-series.ts';
import type { Found } from './attributes.ts';

/** About one full answer of float points. Runs beyond it gain nothing from sharing requests, and lose more to a kill. */
const GROUP_BYTES = 27_000_000;
const BYTES_PER_POINT = 27;

/** Splits runs, in their order, into groups of about GROUP_BYTES of expected content each. */
export function packRuns(runs: RunRef[], { series, files }: Found): RunRef[][] {
  const bytes = new Map<RunRef, number>();
  const add = (run: RunRef, more: number) => bytes.set(run, (bytes.get(run) ?? 0) + more);
  for (const one of series) add(one.run, expectedPoints(one) * BYTES_PER_POINT);
  for (const { run, file } of files) add(run, file.sizeBytes);
  const groups: RunRef[][] = [];
  let room = 0;
  for (const run of runs) {
    const size = bytes.get(run) ?? 0;
    if (groups.length === 0 || size > room) {
      groups.push([]);
      room = GROUP_BYTES;
    }
    groups.at(-1)!.push(run);
    room -= size;
  }
  return groups;
}
