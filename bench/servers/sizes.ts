// What the bench's Neptune holds.

export const PROJECT = 'bench/project';

export interface ProjectSize {
  version: 2 | 3;
  runs: number;
  /** Float series of each run. */
  series: number;
  /** Points of each series. */
  points: number;
  /** What each request waits for before it is answered. */
  latencyMs?: number;
  /** Neptune 2: the most points of a series in one answer. @default 1000 */
  page?: number;
  /** Neptune 2: newer servers answer many series in one request. */
  bulk?: boolean;
}

export function allPoints({ runs, series, points }: ProjectSize): number {
  return runs * series * points;
}
