// Counts the rows of each attribute of one row group; apart from the public counts, whose types must not need Node's.

import type { ParquetFile } from './parquet/file-reader.ts';
import type { RowGroupInfo } from './parquet/footer.ts';
import { type Names, readKeys, typeOf } from './part-reader.ts';
import { type AttributeCounts, addRows } from './row-counts.ts';

const WINDOW_ROWS = 1 << 16;

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
