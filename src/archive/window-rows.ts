// How much of a row group is held at once while it is read.

import type { RowGroupInfo } from './parquet/footer.ts';
import { LEAF } from './parquet/schema.ts';

/** Rows that are read at once. */
const WINDOW_ROWS = 1 << 16;
/** Bytes that a window should not pass by much. */
const WINDOW_BYTES = 16 * 1024 * 1024;
const MIN_WINDOW_ROWS = 256;

/** Rows of a window: so many that its values take no more than some MB. */
export function windowRows(info: RowGroupInfo): number {
  // Elements of lists may lie packed in the file; expanded they are doubles.
  const sizes = Object.values(info.chunks).map(({ leaf, entries, uncompressedBytes }) =>
    Math.max(uncompressedBytes, LEAF[leaf].maxRepetition ? entries * 8 : 0),
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const fitting = Math.floor((WINDOW_BYTES * info.rows) / Math.max(bytes, 1));
  return Math.min(WINDOW_ROWS, Math.max(MIN_WINDOW_ROWS, fitting));
}
