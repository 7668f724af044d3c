// Collects batches of one run as the columns of a row group.

import type { Batch, FileBatch, ScalarBatch, ScalarRow, SeriesBatch, SeriesColumns } from '../../model/batches.ts';
import { BoolColumn, type Column, DoubleColumn, Int64Column, TextColumn } from './columns.ts';
import { LEAVES, type LeafName } from './schema.ts';

/** Rows that a column is told of at once: pages and row groups end between such slices. */
const SLICE_ROWS = 1 << 14;
/** Bytes of text and lists after which a slice ends early. */
const SLICE_BYTES = 1 << 20;

/** The value columns, by the part of a batch that fills them. */
interface Columns {
  project: TextColumn;
  run: TextColumn;
  path: TextColumn;
  type: TextColumn;
  step: Int64Column;
  timestamp: Int64Column;
  int: Int64Column;
  float: DoubleColumn;
  string: TextColumn;
  bool: BoolColumn;
  datetime: Int64Column;
  stringSet: TextColumn;
  file: TextColumn;
  histogramType: TextColumn;
  edges: DoubleColumn;
  values: DoubleColumn;
}

/** The columns of one row group, in file order by `ordered`. Fill it with `add`, then write it and take a new one. */
export class RowGroup {
  readonly #projectId: string;
  readonly #runId: string;
  readonly #columns: Columns;
  readonly #all: Column[];
  #rows = 0;
  /** Path of the attribute being added, for what is told to `onAltered`. */
  #path = '';

  /** @param onAltered told the attribute path of each text that UTF-8 can't hold exactly (lone surrogates) */
  constructor(projectId: string, runId: string, onAltered: (attributePath: string) => void) {
    this.#projectId = projectId;
    this.#runId = runId;
    const altered = () => onAltered(this.#path);
    const key = (name: LeafName) => new TextColumn(name, false, altered);
    this.#columns = {
      // The ids are the caller's own for every row; altered ones would be told of again and again.
      project: new TextColumn('project_id', false, () => {}),
      run: new TextColumn('run_id', false, () => {}),
      path: key('attribute_path'),
      type: key('attribute_type'),
      step: new Int64Column('step'),
      timestamp: new Int64Column('timestamp'),
      int: new Int64Column('int_value'),
      float: new DoubleColumn('float_value'),
      string: new TextColumn('string_value', true, altered),
      bool: new BoolColumn('bool_value'),
      datetime: new Int64Column('datetime_value'),
      stringSet: key('string_set_value.list.element'),
      file: new TextColumn('file_value.path', true, altered),
      histogramType: key('histogram_value.type'),
      edges: new DoubleColumn('histogram_value.edges.list.element'),
      values: new DoubleColumn('histogram_value.values.list.element'),
    };
    this.#all = Object.values(this.#columns);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes of the values in plain encoding: about what the row group takes in memory. */
  get rawBytes(): number {
    return this.#all.reduce((sum, column) => sum + column.rawBytes, 0);
  }

  /** Adds rows of the batch from `start` on, as many as make a slice, and returns where it stopped. */
  add(batch: Batch, start: number): number {
    const end = this.#addSlice(batch, start);
    this.#columns.project.append(this.#projectId, end - start);
    this.#columns.run.append(this.#runId, end - start);
    this.#rows += end - start;
    for (const column of this.#all) column.rowsDone(this.#rows);
    return end;
  }

  /** Ends all pages and gives the columns in file order. */
  complete(): Column[] {
    for (const column of this.#all) column.complete(this.#rows);
    return this.#all.toSorted((left, right) => LEAVES.indexOf(left.leaf.name) - LEAVES.indexOf(right.leaf.name));
  }

  /** Gives up the memory of the columns, once they are encoded. */
  release(): void {
    for (const column of this.#all) column.release();
  }

  #addSlice(batch: Batch, start: number): number {
    if (batch.kind === 'scalars') return this.#addScalars(batch, start);
    if (batch.kind === 'files') return this.#addFiles(batch, start);
    return this.#addSeries(batch, start);
  }

  #addScalars(batch: ScalarBatch, start: number): number {
    let bytes = 0;
    let index = start;
    while (index < batch.rows.length && index - start < SLICE_ROWS && bytes < SLICE_BYTES) {
      const row = batch.rows[index++]!;
      this.#key(row.path, row.type, 1);
      const target = this.#addScalar(row);
      this.#nullsExcept(1, row.value === null ? [] : [target]);
      bytes += sizeOf(row.value);
    }
    return index;
  }

  /** Adds the value, if it is there, and returns its column. */
  #addScalar(row: ScalarRow): Column {
    const { int, float, string, bool, datetime, stringSet } = this.#columns;
    switch (row.type) {
      case 'int':
        if (row.value !== null) int.append(row.value);
        return int;
      case 'float':
        if (row.value !== null) float.append(row.value);
        return float;
      case 'string':
        if (row.value !== null) string.append(row.value);
        return string;
      case 'bool':
        if (row.value !== null) bool.append(row.value);
        return bool;
      case 'datetime':
        if (row.value !== null) datetime.append(row.value);
        return datetime;
      case 'string_set':
        if (row.value !== null) stringSet.appendList(row.value);
        return stringSet;
    }
  }

  #addFiles(batch: FileBatch, start: number): number {
    const end = Math.min(batch.rows.length, start + SLICE_ROWS);
    const { file } = this.#columns;
    for (let index = start; index < end; index++) {
      const row = batch.rows[index]!;
      this.#key(row.path, row.type, 1);
      if (row.file !== null) file.append(row.file);
      this.#nullsExcept(1, row.file === null ? [] : [file]);
    }
    return end;
  }

  #addSeries(batch: SeriesBatch, start: number): number {
    const end = sliceEnd(batch, start);
    this.#key(batch.path, batch.kind, end - start);
    this.#addPoints(batch, start, end);
    const { step, timestamp } = this.#columns;
    this.#nullsExcept(end - start, [step, timestamp, ...this.#addValues(batch, start, end)]);
    return end;
  }

  #addPoints(batch: SeriesColumns, start: number, end: number): void {
    this.#columns.step.appendAll(batch.steps, start, end, batch.stepValid);
    this.#columns.timestamp.appendAll(batch.timestamps, start, end, batch.timestampValid);
  }

  /** Adds the values of a series, nulls included, and returns the columns that they went into. */
  #addValues(batch: SeriesBatch, start: number, end: number): Column[] {
    const { float, string, file, histogramType, edges, values } = this.#columns;
    if (batch.kind === 'float_series') {
      float.appendAll(batch.values, start, end, batch.valueValid);
      return [float];
    }
    if (batch.kind === 'histogram_series') {
      for (let index = start; index < end; index++) {
        const histogram = batch.values[index] ?? null;
        if (histogram === null) {
          for (const column of [histogramType, edges, values]) column.nulls(1);
          continue;
        }
        if (histogram.type === null) histogramType.nulls(1, 1);
        else histogramType.append(histogram.type);
        edges.appendList(histogram.edges);
        values.appendList(histogram.values);
      }
      return [histogramType, edges, values];
    }
    const texts = batch.kind === 'string_series' ? string : file;
    for (let index = start; index < end; index++) {
      const value = batch.values[index] ?? null;
      if (value === null) texts.nulls(1);
      else texts.append(value);
    }
    return [texts];
  }

  #key(path: string, type: string, count: number): void {
    this.#path = path;
    this.#columns.path.append(path, count);
    this.#columns.type.append(type, count);
  }

  /** Nulls in all columns but those filled already; the four ids are never null. */
  #nullsExcept(count: number, filled: readonly Column[]): void {
    const { project, run, path, type, ...rest } = this.#columns;
    for (const column of Object.values(rest)) if (!filled.includes(column)) column.nulls(count);
  }
}

/** End of a slice: rows and bytes bounded, at least one row. */
function sliceEnd(batch: SeriesBatch, start: number): number {
  const last = Math.min(batch.length, start + SLICE_ROWS);
  if (batch.kind === 'float_series') return last;
  let bytes = 0;
  let end = start;
  while (end < last && bytes < SLICE_BYTES) bytes += sizeOf(batch.values[end++] ?? null);
  return end;
}

/** Bytes of a value, roughly: for bounds, not for accounts. */
function sizeOf(value: SeriesBatch['values'][number] | ScalarRow['value'] | null): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce((sum, item) => sum + item.length + 4, 0);
  if (value !== null && typeof value === 'object') return value.edges.byteLength + value.values.byteLength;
  return 8;
}
