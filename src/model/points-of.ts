// Some points of a batch as a batch of their own.

import type { SeriesBatch } from './batches.ts';

/** @param rows indices of the points, rising */
export function pointsOf(batch: SeriesBatch, rows: readonly number[]): SeriesBatch {
  if (rows.length === batch.length) return batch;
  const { stepValid, timestampValid } = batch;
  const columns = {
    path: batch.path,
    length: rows.length,
    steps: BigInt64Array.from(rows, (row) => batch.steps[row]!),
    timestamps: BigInt64Array.from(rows, (row) => batch.timestamps[row]!),
    ...(stepValid ? { stepValid: Uint8Array.from(rows, (row) => stepValid[row]!) } : {}),
    ...(timestampValid ? { timestampValid: Uint8Array.from(rows, (row) => timestampValid[row]!) } : {}),
  };
  switch (batch.kind) {
    case 'float_series': {
      const { valueValid } = batch;
      return {
        kind: batch.kind,
        ...columns,
        values: Float64Array.from(rows, (row) => batch.values[row]!),
        ...(valueValid ? { valueValid: Uint8Array.from(rows, (row) => valueValid[row]!) } : {}),
      };
    }
    case 'string_series':
      return { kind: batch.kind, ...columns, values: rows.map((row) => batch.values[row]!) };
    case 'histogram_series':
      return { kind: batch.kind, ...columns, values: rows.map((row) => batch.values[row]!) };
    case 'file_series':
      return { kind: batch.kind, ...columns, values: rows.map((row) => batch.values[row]!) };
  }
}
