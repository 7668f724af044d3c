// Reads one column of one row group in portions of rows, whatever its pages and encodings.

import type { FileHandle } from 'node:fs/promises';

import {
  BooleanDecoder,
  BooleanRunDecoder,
  DecimalDecoder,
  type Decoder,
  DeltaDecoder,
  DictionaryDecoder,
  type DictionaryUse,
  type Indexed,
  PlainDecoder,
  TextDecoder,
} from './decode.ts';
import { type Chunk, DamagedFile } from './footer.ts';
import type { PageHeader } from './page-header.ts';
import { type DictionaryPage, type Page, PageReader } from './pages.ts';
import { LEAF, type LeafName } from './schema.ts';

/** Elements of lists that a portion may have. Portions are made so small that only a file made to harm has more. */
const MAX_ELEMENTS = 1 << 24;
/** Values of lists that are gathered at once. */
const PORTION = 4096;

/** How values of one kind are stored and decoded. */
export interface Kind<Out> {
  /** Room for values. */
  array(length: number): Out;
  plain(bytes: Uint8Array, chunk: Chunk): Decoder<Out>;
  other?(encoding: string, bytes: Uint8Array): Decoder<Out> | undefined;
  /** Writes what stands for a null element of a list. Without it such an element is damage. */
  putNull?(out: Out, at: number): void;
}

export const INT64: Kind<BigInt64Array> = {
  array: (length) => new BigInt64Array(length),
  plain: (bytes, { decimalBytes }) =>
    decimalBytes ? new DecimalDecoder(bytes, decimalBytes) : new PlainDecoder(bytes),
  other: (encoding, bytes) => (encoding === 'DELTA_BINARY_PACKED' ? new DeltaDecoder(bytes) : undefined),
};

export const DOUBLE: Kind<Float64Array> = {
  array: (length) => new Float64Array(length),
  plain: (bytes) => new PlainDecoder(bytes),
  // So the official exporter writes a NaN among a histogram's edges or values.
  putNull: (out, at) => {
    out[at] = Number.NaN;
  },
};

export const BOOLEAN: Kind<Uint8Array> = {
  array: (length) => new Uint8Array(length),
  plain: (bytes) => new BooleanDecoder(bytes),
  other: (encoding, bytes) => (encoding === 'RLE' ? new BooleanRunDecoder(bytes) : undefined),
};

export const TEXT: Kind<(string | null)[]> = {
  array: (length) => new Array<string | null>(length).fill(null),
  plain: (bytes) => new TextDecoder<string | null>(bytes, (text) => text),
};

/** Texts of few distinct values, as numbers. One is shared by all row groups of a run. */
export class Interner implements Kind<Int32Array> {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  array(length: number): Int32Array {
    return new Int32Array(length);
  }

  plain(bytes: Uint8Array): Decoder<Int32Array> {
    return new TextDecoder<number>(bytes, (text) => this.number(text));
  }
}

/** Values of some rows. `valid` is there if an entry is null (0); its value then means nothing. */
export interface Portion<Out> {
  values: Out;
  valid?: Uint8Array;
}

/** Lists of some rows: the list of row `i` has the values from `ends[i - 1]` (or 0) to `ends[i]`. */
export interface ListPortion<Out> {
  values: Out;
  ends: Int32Array;
  /** Definition level at which each row's first entry ends; below it nothing is there. */
  levels: Uint8Array;
  /** Number of each row's elements that are null in the file; there if a row has such. */
  nulls?: Int32Array;
}

/**
 * Reading that believes no count: also what is said to be nulls only is read, and pages that hold more than was asked of them
 * are refused. Nothing may be passed over. It is told what it comes by.
 */
export interface StrictReading {
  page(leaf: LeafName, header: PageHeader): void;
  /** A column was read to its end. Called if it has a dictionary. */
  dictionary(leaf: LeafName, entries: Indexed, use: DictionaryUse): void;
}

/** A column of a row group. Calls must not overlap. Errors are `DamagedFile`. */
export class ColumnReader<Out> {
  readonly #chunk: Chunk;
  readonly #kind: Kind<Out>;
  readonly #strict: StrictReading | undefined;
  readonly #pages: PageReader;
  readonly #use: DictionaryUse = { most: -1, inOrder: true };
  #dictionary: Indexed | undefined;
  #page: Page | undefined;
  #values: Decoder<Out> | undefined;
  /** Entries left in the page, and in the pages after it. */
  #left = 0;
  #later: number;

  constructor(file: FileHandle, chunk: Chunk, kind: Kind<Out>, strict?: StrictReading) {
    this.#chunk = chunk;
    this.#kind = kind;
    this.#strict = strict;
    this.#pages = new PageReader(file, chunk, strict && ((header) => strict.page(chunk.leaf, header)));
    this.#later = chunk.entries;
  }

  /** The next `count` rows of a column without lists. */
  async read(count: number): Promise<Portion<Out>> {
    const values = this.#kind.array(count);
    if (this.#onlyNulls()) return { values, valid: new Uint8Array(count) };
    const full = LEAF[this.#chunk.leaf].maxDefinition;
    let valid: Uint8Array | undefined;
    for (let at = 0; at < count; ) {
      const page = await this.#current();
      const run = page.definition.run(Math.min(this.#left, count - at));
      if (run.value === full) this.#decoder(page).read(values, at, run.count);
      else {
        valid ??= new Uint8Array(count).fill(1);
        valid.fill(0, at, at + run.count);
      }
      this.#left -= run.count;
      at += run.count;
    }
    return valid ? { values, valid } : { values };
  }

  /** The next `count` rows of a column of lists. */
  async readLists(count: number): Promise<ListPortion<Out>> {
    const ends = new Int32Array(count);
    const levels = new Uint8Array(count);
    const portions: { values: Out; length: number }[] = [];
    let nulls: Int32Array | undefined;
    let length = 0;
    const full = LEAF[this.#chunk.leaf].maxDefinition;
    for (let row = 0; row < count; ) {
      const page = await this.#current();
      // Rows without elements have one entry each, and mostly come in long runs.
      if (page.definition.peek() < full - 1) {
        const run = page.definition.run(Math.min(this.#left, count - row));
        page.repetition?.skip(run.count);
        this.#left -= run.count;
        levels.fill(run.value, row, row + run.count);
        ends.fill(length, row, row + run.count);
        row += run.count;
        continue;
      }
      for (let entry = 0; entry === 0 || this.#rowGoesOn() || (await this.#rowGoesOnLater()); entry++) {
        const here = this.#page!;
        here.repetition?.next();
        const level = here.definition.next();
        this.#left--;
        if (length === MAX_ELEMENTS) throw new DamagedFile(`the lists of ${this.#chunk.leaf} are too long to be true`);
        if (level !== full && !this.#kind.putNull) {
          throw new DamagedFile(`a list of ${this.#chunk.leaf} has an element that is null`);
        }
        const last = portions.at(-1);
        const target = last && last.length < PORTION ? last : { values: this.#kind.array(PORTION), length: 0 };
        if (target !== last) portions.push(target);
        if (level === full) this.#decoder(here).read(target.values, target.length, 1);
        else {
          this.#kind.putNull?.(target.values, target.length);
          nulls ??= new Int32Array(count);
          nulls[row]!++;
        }
        target.length++;
        length++;
      }
      levels[row] = full;
      ends[row++] = length;
    }
    return { values: this.#join(portions, length), ends, levels, ...(nulls ? { nulls } : {}) };
  }

  /** Passes over rows, decoding no more than it has to. */
  async skip(count: number): Promise<void> {
    if (LEAF[this.#chunk.leaf].maxRepetition) {
      await this.readLists(count);
      return;
    }
    if (this.#onlyNulls()) return;
    const full = LEAF[this.#chunk.leaf].maxDefinition;
    for (let done = 0; done < count; ) {
      const page = await this.#current();
      const run = page.definition.run(Math.min(this.#left, count - done));
      // Nothing further is asked of a page that is left, so its values need not be passed over.
      if (run.value === full && run.count < this.#left) this.#decoder(page).skip(run.count);
      this.#left -= run.count;
      done += run.count;
    }
  }

  /** Told after all rows were read by a strict reader. @throws DamagedFile if the chunk has more than these */
  async end(): Promise<void> {
    this.#leavePage();
    for (;;) {
      const page = await this.#pages.next();
      if (!page) break;
      if (page.kind === 'dictionary' || page.entries > 0) {
        throw new DamagedFile(`the column ${this.#chunk.leaf} has more pages than its footer says`);
      }
    }
    if (this.#dictionary) this.#strict?.dictionary(this.#chunk.leaf, this.#dictionary, this.#use);
  }

  /** Of a column without lists: in one with, empty lists count as nulls too. */
  #onlyNulls(): boolean {
    return this.#strict === undefined && this.#chunk.nulls === this.#chunk.entries;
  }

  /** Whoever reads all rows of a page takes all that is in it. */
  #leavePage(): void {
    if (!this.#strict || !this.#page) return;
    const { definition, repetition } = this.#page;
    if (definition.rest() > 0 || (repetition?.rest() ?? 0) > 0 || (this.#values?.rest() ?? 0) > 0) {
      throw new DamagedFile(`a page of the column ${this.#chunk.leaf} holds more than its rows`);
    }
  }

  /** Is the next entry of this page of the same row? */
  #rowGoesOn(): boolean {
    return this.#left > 0 && this.#page?.repetition?.peek() === 1;
  }

  /** Does a row go on in the next page? (Only in pages of version 1.) */
  async #rowGoesOnLater(): Promise<boolean> {
    if (this.#left > 0 || this.#later === 0) return false;
    const page = await this.#current();
    return page.repetition?.peek() === 1;
  }

  async #current(): Promise<Page> {
    while (!this.#page || this.#left === 0) {
      this.#leavePage();
      const page = await this.#pages.next();
      if (!page) throw new DamagedFile(`the column ${this.#chunk.leaf} has fewer rows than its footer says`);
      if (page.kind === 'dictionary') {
        this.#dictionary = this.#readDictionary(page);
        continue;
      }
      if (!(page.entries >= 0 && page.entries <= this.#later)) {
        throw new DamagedFile(`the column ${this.#chunk.leaf} has more rows than its footer says`);
      }
      this.#page = page;
      this.#values = undefined;
      this.#left = page.entries;
      this.#later -= page.entries;
    }
    return this.#page;
  }

  #decoder(page: Page): Decoder<Out> {
    this.#values ??= this.#newDecoder(page);
    return this.#values;
  }

  #newDecoder({ encoding, values }: Page): Decoder<Out> {
    if (encoding === 'PLAIN') return this.#kind.plain(values, this.#chunk);
    if (encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY') {
      if (!this.#dictionary) throw new DamagedFile(`the column ${this.#chunk.leaf} has lost its dictionary`);
      return new DictionaryDecoder(values, this.#dictionary, this.#strict && this.#use) as unknown as Decoder<Out>;
    }
    const decoder = this.#kind.other?.(encoding, values);
    if (!decoder) throw new DamagedFile(`the column ${this.#chunk.leaf} has the encoding ${encoding}`);
    return decoder;
  }

  #readDictionary(page: DictionaryPage): Indexed {
    // The least that an entry takes is the length of an empty text.
    if (!(page.count >= 0 && page.count <= page.values.length / 4)) throw new DamagedFile('a dictionary is damaged');
    const values = this.#kind.array(page.count);
    const decoder = this.#kind.plain(page.values, this.#chunk);
    decoder.read(values, 0, page.count);
    if (this.#strict && decoder.rest() > 0) throw new DamagedFile('a dictionary is damaged');
    return values as unknown as Indexed;
  }

  #join(portions: { values: Out; length: number }[], length: number): Out {
    const all = this.#kind.array(length);
    const target = all as unknown as unknown[];
    let at = 0;
    for (const portion of portions) {
      const source = portion.values as unknown as unknown[];
      for (let index = 0; index < portion.length; index++) target[at++] = source[index];
    }
    return all;
  }
}
