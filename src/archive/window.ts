// Some rows of a row group as batches: columns are read only if an attribute that is asked for needs them.

import { type AttributeType, type FileType, isScalarType, type ScalarType } from '../model/attributes.ts';
import type { Batch, FileRow, Histogram, ScalarRow, SeriesBatch, SeriesColumns } from '../model/batches.ts';
import { pick, pickValid, type RowSet, rowAt, setSize } from './grouping.ts';
import { BOOLEAN, DOUBLE, INT64, type Kind, type ListPortion, type Portion, TEXT } from './parquet/column-reader.ts';
import type { RowGroupReader } from './parquet/file-reader.ts';
import type { LeafName } from './parquet/schema.ts';
import type { AttributeCount } from './types.ts';

/** An attribute and its rows, counted from the window's start. */
export interface WindowAttribute {
  path: string;
  type: AttributeType;
  rows: RowSet;
}

export interface WindowOptions {
  /** Leave out rows that the official exporter writes for attributes that the run doesn't have. */
  dropAbsent: boolean;
  /** See `PartSelection`. */
  onAbsent: ((rows: AttributeCount) => void) | undefined;
  onNullInList: ((elements: AttributeCount) => void) | undefined;
}

type Of<Type extends AttributeType> = WindowAttribute & { type: Type };

/** Gives the batches of a window. Use once. */
export class Window {
  readonly #group: RowGroupReader;
  readonly #start: number;
  readonly #end: number;
  readonly #options: WindowOptions;
  readonly #columns = new Map<LeafName, Promise<unknown>>();

  constructor(group: RowGroupReader, start: number, end: number, options: WindowOptions) {
    this.#group = group;
    this.#start = start;
    this.#end = end;
    this.#options = options;
  }

  /** Single values first, then the series, then single files. */
  async *batches(attributes: WindowAttribute[]): AsyncGenerator<Batch> {
    const scalars: Of<ScalarType>[] = [];
    const series: Of<SeriesBatch['kind']>[] = [];
    const files: Of<FileType>[] = [];
    for (const attribute of attributes) {
      const { type } = attribute;
      if (isScalarType(type)) scalars.push({ ...attribute, type });
      else if (type === 'file' || type === 'file_set' || type === 'artifact') files.push({ ...attribute, type });
      else series.push({ ...attribute, type });
    }
    if (scalars.length > 0) {
      const rows = this.#present(await this.#scalars(scalars), (row) => row.value !== null);
      if (rows.length > 0) yield { kind: 'scalars', rows };
    }
    for (const attribute of series) {
      const batch = await this.#series(attribute);
      if (batch.length > 0) yield batch;
    }
    if (files.length > 0) {
      const rows = this.#present(await this.#files(files), (row) => row.file !== null);
      if (rows.length > 0) yield { kind: 'files', rows };
    }
  }

  #present<Row extends { path: string; type: AttributeType }>(rows: Row[], isPresent: (row: Row) => boolean): Row[] {
    if (!this.#options.dropAbsent) return rows;
    const absent = new Map<string, AttributeCount>();
    const present = rows.filter((row) => {
      if (isPresent(row)) return true;
      const key = `${row.type} ${row.path}`;
      const told = absent.get(key);
      if (told) told.count++;
      else absent.set(key, { path: row.path, type: row.type, count: 1 });
      return false;
    });
    for (const told of absent.values()) this.#options.onAbsent?.(told);
    return present;
  }

  async #scalars(attributes: Of<ScalarType>[]): Promise<ScalarRow[]> {
    const rows: { at: number; row: ScalarRow }[] = [];
    for (const { path, type, rows: set } of attributes) {
      const valueAt = await this.#scalarValues(type);
      for (let index = 0; index < setSize(set); index++) {
        const at = rowAt(set, index);
        rows.push({ at, row: { path, type, value: valueAt(at) } as ScalarRow });
      }
    }
    return rows.sort((left, right) => left.at - right.at).map(({ row }) => row);
  }

  /** Reads the type's column and returns its value by row. */
  async #scalarValues(type: ScalarType): Promise<(row: number) => ScalarRow['value']> {
    switch (type) {
      case 'float':
        return valueAt(await this.#read('float_value', DOUBLE));
      case 'int':
        return valueAt(await this.#read('int_value', INT64));
      case 'datetime':
        return valueAt(await this.#read('datetime_value', INT64));
      case 'string':
        return valueAt(await this.#read('string_value', TEXT));
      case 'bool': {
        const at = valueAt(await this.#read('bool_value', BOOLEAN));
        return (row) => (at(row) === null ? null : at(row) === 1);
      }
      case 'string_set': {
        const lists = await this.#readLists('string_set_value.list.element', TEXT);
        // Elements are never null, see ColumnReader.
        return (row) => (lists.levels[row] === 0 ? null : (listAt(lists, row) as string[]));
      }
    }
  }

  async #series({ path, type, rows }: Of<SeriesBatch['kind']>): Promise<SeriesBatch> {
    switch (type) {
      case 'float_series': {
        const { values, valid } = await this.#read('float_value', DOUBLE);
        const valueValid = pickValid(valid, rows);
        const points = await this.#points(path, rows);
        return { kind: type, ...points, values: pick(values, rows), ...(valueValid ? { valueValid } : {}) };
      }
      case 'string_series': {
        const { values } = await this.#read('string_value', TEXT);
        return { kind: type, ...(await this.#points(path, rows)), values: pickItems(values, rows) };
      }
      case 'histogram_series': {
        const values = await this.#histograms(path, rows);
        return { kind: type, ...(await this.#points(path, rows)), values };
      }
      case 'file_series': {
        const { values } = await this.#read('file_value.path', TEXT);
        const set = this.#options.dropAbsent ? await this.#withoutAbsentPoints(path, rows, values) : rows;
        return { kind: type, ...(await this.#points(path, set)), values: pickItems(values, set) };
      }
    }
  }

  /** The official exporter gives a file series a row at every step that another file series of the run has. */
  async #withoutAbsentPoints(path: string, set: RowSet, files: (string | null)[]): Promise<RowSet> {
    const { valid } = await this.#read('timestamp', INT64);
    const all = Int32Array.from({ length: setSize(set) }, (_, index) => rowAt(set, index));
    const rows = all.filter((row) => files[row] !== null || valid?.[row] !== 0);
    const count = all.length - rows.length;
    if (count === 0) return set;
    this.#options.onAbsent?.({ path, type: 'file_series', count });
    return { start: set.start, end: set.end, rows };
  }

  async #points(path: string, rows: RowSet): Promise<SeriesColumns> {
    const steps = await this.#read('step', INT64);
    const timestamps = await this.#read('timestamp', INT64);
    const stepValid = pickValid(steps.valid, rows);
    const timestampValid = pickValid(timestamps.valid, rows);
    return {
      path,
      length: setSize(rows),
      steps: pick(steps.values, rows),
      timestamps: pick(timestamps.values, rows),
      ...(stepValid ? { stepValid } : {}),
      ...(timestampValid ? { timestampValid } : {}),
    };
  }

  async #histograms(path: string, rows: RowSet): Promise<(Histogram | null)[]> {
    const types = await this.#read('histogram_value.type', TEXT);
    const edges = await this.#readLists('histogram_value.edges.list.element', DOUBLE);
    const values = await this.#readLists('histogram_value.values.list.element', DOUBLE);
    const count = nullsOf(edges, rows) + nullsOf(values, rows);
    if (count > 0) this.#options.onNullInList?.({ path, type: 'histogram_series', count });
    return Array.from({ length: setSize(rows) }, (_, index) => {
      const row = rowAt(rows, index);
      if (edges.levels[row] === 0) return null;
      return { type: types.values[row] ?? null, edges: listAt(edges, row), values: listAt(values, row) };
    });
  }

  async #files(attributes: Of<FileType>[]): Promise<FileRow[]> {
    const { values } = await this.#read('file_value.path', TEXT);
    const rows: { at: number; row: FileRow }[] = [];
    for (const { path, type, rows: set } of attributes) {
      for (let index = 0; index < setSize(set); index++) {
        const at = rowAt(set, index);
        rows.push({ at, row: { path, type, file: values[at] ?? null } });
      }
    }
    return rows.sort((left, right) => left.at - right.at).map(({ row }) => row);
  }

  /** A column of the window, read once. */
  #read<Out>(leaf: LeafName, kind: Kind<Out>): Promise<Portion<Out>> {
    return this.#once(leaf, () => this.#group.read(leaf, kind, this.#start, this.#end));
  }

  #readLists<Out>(leaf: LeafName, kind: Kind<Out>): Promise<ListPortion<Out>> {
    return this.#once(leaf, () => this.#group.readLists(leaf, kind, this.#start, this.#end));
  }

  #once<T>(leaf: LeafName, read: () => Promise<T>): Promise<T> {
    let column = this.#columns.get(leaf) as Promise<T> | undefined;
    if (!column) {
      column = read();
      this.#columns.set(leaf, column);
    }
    return column;
  }
}

function valueAt<T>({ values, valid }: Portion<ArrayLike<T>>): (row: number) => T | null {
  return (row) => (valid?.[row] === 0 ? null : values[row]!);
}

function listAt<Out extends Float64Array | (string | null)[]>({ values, ends }: ListPortion<Out>, row: number): Out {
  return values.slice(row === 0 ? 0 : ends[row - 1]!, ends[row]!) as Out;
}

/** Number of null elements in the lists of some rows. */
function nullsOf({ nulls }: ListPortion<Float64Array>, rows: RowSet): number {
  let count = 0;
  if (nulls) for (let index = 0; index < setSize(rows); index++) count += nulls[rowAt(rows, index)]!;
  return count;
}

function pickItems<T>(items: T[], rows: RowSet): T[] {
  return rows.rows ? Array.from(rows.rows, (row) => items[row]!) : items.slice(rows.start, rows.end);
}
