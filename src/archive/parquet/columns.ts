// Columns of one row group while it is filled: values without their nulls, and levels as runs.

import { giveBuffer, grownBuffer } from '../../model/memory-pool.ts';
import { RunList } from './runs.ts';
import { LEAF, type Leaf, type LeafName } from './schema.ts';

/** Bytes of plain values after which a page ends. */
const PAGE_BYTES = 1 << 20;

/** Where a page ends: numbers of entries (levels), values and rows since the start of the row group. */
export interface PageEnd {
  entries: number;
  values: number;
  rows: number;
}

/** What every column has: levels, page ends, the size of its plain values. */
export abstract class Column {
  readonly leaf: Leaf;
  readonly definition = new RunList();
  readonly repetition = new RunList();
  readonly pageEnds: PageEnd[] = [];
  /** Number of values that are there. */
  values = 0;
  /** Bytes of the values in plain encoding. */
  rawBytes = 0;
  #pageStart = 0;

  constructor(name: LeafName) {
    this.leaf = LEAF[name];
  }

  /** Entries without a value. `level` says how deep they are there: 0 is a null at the top. */
  nulls(count: number, level = 0): void {
    this.definition.push(level, count);
    if (this.leaf.maxRepetition) this.repetition.push(0, count);
  }

  /** Levels of `count` values that are there, each the only one of its row. */
  protected present(count: number): void {
    this.definition.push(this.leaf.maxDefinition, count);
    this.values += count;
  }

  /** Levels of one row's list. An empty list is one entry without a value. */
  protected list(count: number): void {
    if (count === 0) {
      this.nulls(1, this.leaf.maxDefinition - 2);
      return;
    }
    this.repetition.push(0, 1);
    this.repetition.push(1, count - 1);
    this.present(count);
  }

  /** Told after some rows, in all columns: ends the page if it is large enough. */
  rowsDone(rows: number): void {
    if (this.rawBytes - this.#pageStart >= PAGE_BYTES) this.#endPage(rows);
  }

  /** Ends the last page. */
  complete(rows: number): void {
    if (this.pageEnds.at(-1)?.rows !== rows) this.#endPage(rows);
  }

  /** Gives up the memory of the values. Nothing of the column may be read after this. */
  release(): void {}

  #endPage(rows: number): void {
    this.#pageStart = this.rawBytes;
    this.pageEnds.push({ entries: this.definition.total, values: this.values, rows });
  }
}

/** Int64 values: whole numbers, steps, timestamps. */
export class Int64Column extends Column {
  #data = new BigInt64Array(16);

  append(value: bigint): void {
    this.#data = withRoom(this.#data, this.values, 1);
    this.#data[this.values] = value;
    this.#added(1);
  }

  /** Entries of a column from `start` to `end`; those with validity 0 are nulls. */
  appendAll(column: BigInt64Array, start: number, end: number, valid?: Uint8Array): void {
    for (const run of validRuns(start, end, valid)) {
      const count = run.end - run.start;
      if (run.valid) {
        this.#data = withRoom(this.#data, this.values, count);
        this.#data.set(column.subarray(run.start, run.end), this.values);
        this.#added(count);
      } else this.nulls(count);
    }
  }

  /** The values, without nulls. */
  get data(): BigInt64Array {
    return this.#data.subarray(0, this.values);
  }

  override release(): void {
    giveBuffer(this.#data.buffer);
    this.#data = new BigInt64Array(0);
  }

  #added(count: number): void {
    this.present(count);
    this.rawBytes += count * 8;
  }
}

/** Doubles, one a row or in lists. */
export class DoubleColumn extends Column {
  #data = new Float64Array(16);

  append(value: number): void {
    this.#data = withRoom(this.#data, this.values, 1);
    this.#data[this.values] = value;
    this.present(1);
    this.rawBytes += 8;
  }

  /** Entries of a column from `start` to `end`; those with validity 0 are nulls. */
  appendAll(column: Float64Array, start: number, end: number, valid?: Uint8Array): void {
    for (const run of validRuns(start, end, valid)) {
      if (!run.valid) this.nulls(run.end - run.start);
      else {
        this.#put(column.subarray(run.start, run.end));
        this.present(run.end - run.start);
      }
    }
  }

  /** One row's list. */
  appendList(list: Float64Array): void {
    this.#put(list);
    this.list(list.length);
  }

  /** The values, without nulls. */
  get data(): Float64Array {
    return this.#data.subarray(0, this.values);
  }

  override release(): void {
    giveBuffer(this.#data.buffer);
    this.#data = new Float64Array(0);
  }

  #put(values: Float64Array): void {
    this.#data = withRoom(this.#data, this.values, values.length);
    this.#data.set(values, this.values);
    this.rawBytes += values.length * 8;
  }
}

/** Booleans. */
export class BoolColumn extends Column {
  readonly data: number[] = [];

  append(value: boolean): void {
    this.data.push(value ? 1 : 0);
    this.present(1);
    this.rawBytes += 1;
  }
}

/** Distinct values from which on a column that repeats little is no longer worth a dictionary. */
const DICTIONARY_TRIAL = 256;

/** Text. Starts with a dictionary; a column of free text gives it up when most values are new. */
export class TextColumn extends Column {
  /** Distinct values in order of appearance, as UTF-8. */
  readonly dictionary: Uint8Array[] = [];
  /** Index into the dictionary, by value. */
  indices = new RunList();
  /** All values in plain encoding (length in four bytes, then UTF-8), in place of the dictionary. */
  plain: Uint8Array<ArrayBuffer> | undefined;
  #plainUsed = 0;
  readonly #known = new Map<string, number>();
  readonly #freeText: boolean;
  readonly #onAltered: () => void;

  /**
   * @param freeText the values may be all different; otherwise the dictionary always stays
   * @param onAltered told of each value with a lone surrogate, which UTF-8 can't hold: it becomes U+FFFD
   */
  constructor(name: LeafName, freeText: boolean, onAltered: () => void) {
    super(name);
    this.#freeText = freeText;
    this.#onAltered = onAltered;
  }

  /** `count` rows of one value. In a column with few distinct values rows cost nothing. */
  append(value: string, count = 1): void {
    this.#add(value, count);
    this.present(count);
  }

  /** One row's list. */
  appendList(list: readonly string[]): void {
    for (const value of list) this.#add(value, 1);
    this.list(list.length);
  }

  override release(): void {
    if (this.plain) giveBuffer(this.plain.buffer);
    this.plain = undefined;
  }

  #add(value: string, count: number): void {
    if (!value.isWellFormed()) this.#onAltered();
    if (this.plain) {
      this.#addPlain(Buffer.from(value, 'utf8'), count);
      return;
    }
    let index = this.#known.get(value);
    if (index === undefined) {
      const bytes = Buffer.from(value, 'utf8');
      index = this.dictionary.push(bytes) - 1;
      this.#known.set(value, index);
      this.rawBytes += bytes.length + 4;
    }
    this.indices.push(index, count);
    const distinct = this.dictionary.length;
    if (this.#freeText && distinct >= DICTIONARY_TRIAL && distinct * 2 > this.indices.total) this.#giveUpDictionary();
  }

  #giveUpDictionary(): void {
    this.plain = new Uint8Array(1 << 16);
    this.rawBytes = 0;
    this.indices.reader()(this.indices.total, (index, count) => this.#addPlain(this.dictionary[index]!, count));
    this.indices = new RunList();
    this.dictionary.length = 0;
    this.#known.clear();
  }

  #addPlain(bytes: Uint8Array, count: number): void {
    const size = bytes.length;
    this.rawBytes += (size + 4) * count;
    this.plain = withRoom(this.plain!, this.#plainUsed, (size + 4) * count);
    for (let left = count; left > 0; left--) {
      this.plain[this.#plainUsed++] = size;
      this.plain[this.#plainUsed++] = size >>> 8;
      this.plain[this.#plainUsed++] = size >>> 16;
      this.plain[this.#plainUsed++] = size >>> 24;
      this.plain.set(bytes, this.#plainUsed);
      this.#plainUsed += size;
    }
  }
}

type Values = Uint8Array<ArrayBuffer> | Float64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;

/** The array, or a larger copy, so that `count` more entries fit behind the used ones. The array itself is no longer to be used. */
function withRoom<T extends Values>(array: T, used: number, count: number): T {
  if (used + count <= array.length) return array;
  const size = array.BYTES_PER_ELEMENT;
  const buffer = grownBuffer(array.buffer, used * size, Math.max(array.length * 2, used + count) * size);
  return new (array.constructor as new (buffer: ArrayBuffer) => T)(buffer);
}

/** Stretches of entries that are all there or all null. */
function* validRuns(
  start: number,
  end: number,
  valid: Uint8Array | undefined,
): Generator<{ start: number; end: number; valid: boolean }> {
  if (!valid) {
    if (end > start) yield { start, end, valid: true };
    return;
  }
  for (let from = start; from < end; ) {
    let to = from + 1;
    while (to < end && valid[to] === valid[from]) to++;
    yield { start: from, end: to, valid: valid[from] !== 0 };
    from = to;
  }
}
