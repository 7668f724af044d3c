// Column batches: the form in which a run's content travels from a source into the archive and on to a target.

import type { FileType, ScalarType } from './attributes.ts';

/** One value of one attribute. `datetime` is milliseconds since 1970-01-01 UTC and may be negative. */
export type ScalarRow = { path: string } & (
  | { type: 'float'; value: number | null }
  | { type: 'int'; value: bigint | null }
  | { type: 'string'; value: string | null }
  | { type: 'bool'; value: boolean | null }
  | { type: 'datetime'; value: bigint | null }
  | { type: 'string_set'; value: string[] | null }
);

/** Values of many attributes of one run, one row each. A null value is only ever read from foreign archives. */
export interface ScalarBatch {
  kind: 'scalars';
  rows: ScalarRow[];
}

/**
 * The columns that all series share. Every column has `length` used entries and may be longer.
 *
 * Integers of 64 bits are kept as such: a step is a whole number of micro-steps (Neptune's decimal with six places
 * times 1,000,000), a timestamp is milliseconds since 1970-01-01 UTC. `model/int64.ts` reads and writes them without
 * a bigint for each entry. A validity column is there only if an entry is null (1 = there, 0 = null); our own exports
 * have no nulls, archives of the official exporter do.
 */
export interface SeriesColumns {
  path: string;
  length: number;
  steps: BigInt64Array;
  timestamps: BigInt64Array;
  stepValid?: Uint8Array;
  timestampValid?: Uint8Array;
}

/** Points of a float series. NaN and infinities are data. A null value (valueValid 0) is how the official exporter writes NaN. */
export interface FloatSeriesBatch extends SeriesColumns {
  kind: 'float_series';
  values: Float64Array;
  valueValid?: Uint8Array;
}

export interface StringSeriesBatch extends SeriesColumns {
  kind: 'string_series';
  values: (string | null)[];
}

/** Neptune's histogram: `edges` has one entry more than `values`; `type` is e.g. `COUNTING`. */
export interface Histogram {
  type: string | null;
  edges: Float64Array;
  values: Float64Array;
}

export interface HistogramSeriesBatch extends SeriesColumns {
  kind: 'histogram_series';
  values: (Histogram | null)[];
}

/** Files of a file series; a value is the path below the project's files folder, null where there is no file. */
export interface FileSeriesBatch extends SeriesColumns {
  kind: 'file_series';
  values: (string | null)[];
}

/** Single files, one row each; `file` is the path below the project's files folder, null where there is no file. */
export interface FileRow {
  path: string;
  type: FileType;
  file: string | null;
}

export interface FileBatch {
  kind: 'files';
  rows: FileRow[];
}

export type SeriesBatch = FloatSeriesBatch | StringSeriesBatch | HistogramSeriesBatch | FileSeriesBatch;

/** A piece of one run's content. Batches of one series come oldest point first. */
export type Batch = ScalarBatch | SeriesBatch | FileBatch;

/** Number of archive rows a batch stands for. */
export function rowCount(batch: Batch): number {
  return batch.kind === 'scalars' || batch.kind === 'files' ? batch.rows.length : batch.length;
}

export type ScalarValue = ScalarRow['value'];
export type { ScalarType };
