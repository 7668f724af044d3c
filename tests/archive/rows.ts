// Rows of an archive in one plain form, for comparing what different readers find.

import { type Batch, rowCount, type ScalarRow, type SeriesBatch } from '../../src/model/batches.ts';

/** A row as readers agree on it: numbers as text, so that NaN, -0 and large integers can be told apart. */
export type PlainRow = Record<string, unknown> & { path: string; type: string };

/** The rows that a batch stands for. */
export function plainRows(batch: Batch): PlainRow[] {
  if (batch.kind === 'scalars') return batch.rows.map(scalarRow);
  if (batch.kind === 'files') {
    return batch.rows.map(({ path, type, file }) => ({ path, type, ...(file === null ? {} : { file }) }));
  }
  return Array.from({ length: rowCount(batch) }, (_, index) => seriesRow(batch, index));
}

function scalarRow({ path, type, value }: ScalarRow): PlainRow {
  if (value === null) return { path, type };
  if (type === 'float') return { path, type, float: plainDouble(value as number) };
  if (typeof value === 'bigint') return { path, type, [type]: String(value) };
  return { path, type, [type]: value };
}

function seriesRow(batch: SeriesBatch, index: number): PlainRow {
  return {
    path: batch.path,
    type: batch.kind,
    ...(batch.stepValid?.[index] === 0 ? {} : { step: String(batch.steps[index]) }),
    ...(batch.timestampValid?.[index] === 0 ? {} : { timestamp: String(batch.timestamps[index]) }),
    ...seriesValue(batch, index),
  };
}

function seriesValue(batch: SeriesBatch, index: number): Record<string, unknown> {
  if (batch.kind === 'float_series') {
    return batch.valueValid?.[index] === 0 ? {} : { float: plainDouble(batch.values[index]!) };
  }
  const value = batch.values[index] ?? null;
  if (value === null) return {};
  if (typeof value !== 'string') {
    const { type, edges, values } = value;
    return { histogram: { type, edges: [...edges].map(plainDouble), values: [...values].map(plainDouble) } };
  }
  return batch.kind === 'string_series' ? { string: value } : { file: value };
}

/** A double's bits in hex; all NaN are one. */
export function plainDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, '0');
}

/** Rows of a run by attribute, in their order: batches may come cut and mixed differently. */
export function byAttribute(rows: Iterable<PlainRow>): Map<string, PlainRow[]> {
  const found = new Map<string, PlainRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.type, row.path]);
    const list = found.get(key);
    if (list) list.push(row);
    else found.set(key, [row]);
  }
  return new Map([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
}
