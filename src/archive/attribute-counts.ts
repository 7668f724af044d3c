// Counts the rows of each attribute, from the two columns that name attributes.

import { useParquetFile } from './parquet/file-reader.ts';
import { newNames } from './part-reader.ts';
import type { AttributeCounts } from './row-counts.ts';
import { countRowGroup } from './row-group-counts.ts';
import type { ArchiveRun } from './types.ts';

export type { AttributeCounts } from './row-counts.ts';

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
