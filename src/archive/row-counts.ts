// Numbers of rows by attribute type and path.

import type { AttributeType } from '../model/attributes.ts';

/** Rows by type and path. */
export type AttributeCounts = Map<AttributeType, Map<string, number>>;

/** Adds rows of one attribute. */
export function addRows(counts: AttributeCounts, type: AttributeType, path: string, rows: number): void {
  const paths = counts.get(type) ?? new Map<string, number>();
  counts.set(type, paths);
  paths.set(path, (paths.get(path) ?? 0) + rows);
}
