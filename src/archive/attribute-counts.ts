// Counts the rows of each attribute, from the two columns that name attributes.

import type { AttributeType } from '../model/attributes.ts';
import { type ParquetFile, useParquetFile } from './parquet/file-reader.ts';
import type { RowGroupInfo } from './parquet/footer.ts';
import { type Names, newNames, readKeys, typeOf } from './part-reader.ts';
import type { ArchiveRun } from './types.ts';

const WINDOW_ROWS = 1 << 16;

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

/** Adds the rows of a row group. @param names shared by the parts of a run */
export async function countRowGroup(
  file: ParquetFile,
  info: RowGroupInfo,
  names: Names,
  counts: AttributeCounts,
): Promise<void> {
  const group = file.rowGroup(info);
  for (let start = 0; start < info.rows; start += WINDOW_ROWS) {
    const keys = await readKeys(group, names, start, Math.min(start + WINDOW_ROWS, info.rows));
    for (let row = 0; row < keys.paths.length; ) {
      const [path, type] = [keys.paths[row]!, keys.types[row]!];
      let next = row + 1;
      while (next < keys.paths.length && keys.paths[next] === path && keys.types[next] === type) next++;
      addRows(counts, typeOf(names, type), names.paths.texts[path]!, next - row);
      row = next;
    }
  }
}

/** Adds rows of one attribute. */
export function addRows(counts: AttributeCounts, type: AttributeType, path: string, rows: number): void {
  const paths = counts.get(type) ?? new Map<string, number>();
  counts.set(type, paths);
  paths.set(path, (paths.get(path) ?? 0) + rows);
}
