// Counts the rows of each attribute, from the two columns that name attributes.

import type { AttributeType } from '../model/attributes.ts';
import { useParquetFile } from './parquet/file-reader.ts';
import { newNames } from './part-reader.ts';
import { countRowGroup } from './row-group-counts.ts';
import type { ArchiveRun } from './types.ts';

/** Rows by type and path. */
export type AttributeCounts = Map<AttributeType, Map<string, number>>;

/**
 * Counts the rows of a run by attribute, those of official archives that hold nothing included. Memory grows with the
 * number of attributes only.
 * @throws ExporterError `archive` naming the file, if one can't be read
 */
export async function countAttributes(run: ArchiveRun): Promise<AttributeCounts> {
  const counts: AttributeCounts = new Map();
  const names = newNames();
  for (const part of run.parts) {
    await useParquetFile(part, async (file) => {
      for (const info of file.footer.rowGroups) await countRowGroup(file, info, names, counts);
    });
  }
  return counts;
}

/** Adds rows of one attribute. */
export function addRows(counts: AttributeCounts, type: AttributeType, path: string, rows: number): void {
  const paths = counts.get(type) ?? new Map<string, number>();
  counts.set(type, paths);
  paths.set(path, (paths.get(path) ?? 0) + rows);
}
