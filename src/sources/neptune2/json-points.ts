// The hot path of Neptune 2: a page of float points, read from the bytes of its JSON straight into typed arrays.

import { setInt64 } from '../../model/int64.ts';
import { type PointColumns, type SpareColumns, storeStep } from '../point-columns.ts';
import { type NumberEnd, readNumber, textOf } from './decimal.ts';
import { looseFloat } from './loose-json.ts';

/** Points of one answer, in columns that are to be given back once they have been read. */
export interface FloatPage {
  columns: PointColumns;
  length: number;
  /** Points of the whole series by the server's count; undefined if it doesn't tell. */
  total: number | undefined;
  firstStep: number;
  /** Step of the last point as the server wrote it. */
  lastStep: number;
}

/** Bytes that the shortest point takes: more are no more than so many points. */
const SHORTEST_POINT = '{"timestampMillis":1,"step":1,"value":1},'.length;
/** Beyond this steps go the way that tells what is wrong with them. */
const MOST_STEP = 2 ** 33;

const QUOTE = 34;
const COMMA = 44;
const TOTAL_KEY = Buffer.from('totalItemCount');
const VALUES_KEY = Buffer.from('values');
const TIME_KEY = Buffer.from('timestampMillis');
const STEP_KEY = Buffer.from('step');
const VALUE_KEY = Buffer.from('value');

/**
 * Reads `{"totalItemCount":n,"values":[{"timestampMillis":…,"step":…,"value":…},…]}`, in any order of the keys.
 * @returns undefined for whatever isn't quite so: nulls, long integers, escapes, something nested, broken JSON. Such an
 * answer is to be read as any other JSON.
 */
export function readFloatPage(bytes: Uint8Array, spare: SpareColumns): FloatPage | undefined {
  const columns = spare.take(Math.ceil(bytes.length / SHORTEST_POINT) + 1);
  const page = new PageReader(bytes, columns).read();
  if (!page) spare.give(columns);
  return page;
}

class PageReader {
  readonly #bytes: Uint8Array;
  readonly #columns: PointColumns;
  readonly #end: NumberEnd = { at: 0 };
  #at = 0;
  #length = 0;
  #firstStep = 0;
  #lastStep = 0;

  constructor(bytes: Uint8Array, columns: PointColumns) {
    this.#bytes = bytes;
    this.#columns = columns;
  }

  read(): FloatPage | undefined {
    let total: number | undefined;
    let hasValues = false;
    if (!this.#take(123)) return undefined;
    do {
      if (this.#isKey(TOTAL_KEY)) {
        total = this.#number();
        if (!Number.isSafeInteger(total) || total < 0) return undefined;
      } else if (this.#isKey(VALUES_KEY)) {
        if (hasValues || !this.#points()) return undefined;
        hasValues = true;
      } else return undefined;
    } while (this.#take(COMMA));
    if (!this.#take(125) || !hasValues) return undefined;
    this.#space();
    if (this.#at !== this.#bytes.length) return undefined;
    return {
      ...{ columns: this.#columns, length: this.#length, total },
      ...{ firstStep: this.#firstStep, lastStep: this.#lastStep },
    };
  }

  #points(): boolean {
    if (!this.#take(91)) return false;
    if (this.#take(93)) return true;
    do {
      if (!this.#point()) return false;
    } while (this.#take(COMMA));
    return this.#take(93);
  }

  #point(): boolean {
    if (!this.#take(123)) return false;
    const { steps, timestamps, values, stepWords, timeWords } = this.#columns;
    const index = this.#length;
    if (index >= timestamps.length) return false;
    let there = 0;
    do {
      if (this.#isKey(TIME_KEY)) {
        const time = this.#number();
        if (!Number.isSafeInteger(time)) return false;
        setInt64(timeWords, index, time);
        there |= 1;
      } else if (this.#isKey(STEP_KEY)) {
        const step = this.#number();
        if (!(Math.abs(step) < MOST_STEP)) return false;
        storeStep(steps, stepWords, index, step);
        if (index === 0) this.#firstStep = step;
        this.#lastStep = step;
        there |= 2;
      } else if (this.#isKey(VALUE_KEY)) {
        const value = this.#float();
        if (value === undefined) return false;
        values[index] = value;
        there |= 4;
      } else if (!this.#skipMember()) return false;
    } while (this.#take(COMMA));
    this.#length = index + 1;
    return there === 7 && this.#take(125);
  }

  #space(): void {
    const bytes = this.#bytes;
    for (let code = bytes[this.#at]; code === 32 || code === 10 || code === 13 || code === 9; ) {
      code = bytes[++this.#at];
    }
  }

  /** Whether this comes next; if so, it is passed over. */
  #take(code: number): boolean {
    if (this.#bytes[this.#at] !== code) {
      this.#space();
      if (this.#bytes[this.#at] !== code) return false;
    }
    this.#at++;
    return true;
  }

  /** Whether this key and a colon come next; if so, they are passed over. */
  #isKey(key: Uint8Array): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== QUOTE) this.#space();
    let at = this.#at;
    if (bytes[at++] !== QUOTE) return false;
    for (let index = 0; index < key.length; index++) if (bytes[at++] !== key[index]) return false;
    if (bytes[at++] !== QUOTE) return false;
    this.#at = at;
    return this.#take(58);
  }

  /** NaN if what comes next isn't a number. */
  #number(): number {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 32) this.#space();
    const value = readNumber(bytes, this.#at, this.#end);
    if (this.#end.at < 0) return Number.NaN;
    this.#at = this.#end.at;
    return value;
  }

  /** A number or what stands for one; undefined if it is neither. */
  #float(): number | undefined {
    const value = this.#number();
    if (this.#end.at >= 0) return value;
    const bytes = this.#bytes;
    const quoted = this.#take(QUOTE);
    const start = this.#at;
    let at = start;
    for (let code = bytes[at]!; isPlain(code); code = bytes[++at]!);
    if (quoted && bytes[at] !== QUOTE) return undefined;
    this.#at = quoted ? at + 1 : at;
    const text = textOf(bytes, start, at);
    return quoted ? looseFloat(text) : BARE.get(text);
  }

  /** Passes over a member that tells nothing to us, if it holds a plain word, number or text. */
  #skipMember(): boolean {
    const bytes = this.#bytes;
    for (let part = 0; part < 2; part++) {
      const quoted = this.#take(QUOTE);
      // A key is always quoted.
      if (part === 0 && !quoted) return false;
      const start = this.#at;
      while (isPlain(bytes[this.#at]!)) this.#at++;
      if (quoted ? !this.#take(QUOTE) : this.#at === start) return false;
      if (part === 0 && !this.#take(58)) return false;
    }
    return true;
  }
}

/** What looseFloat makes of bare words. */
const BARE = new Map([
  ['NaN', Number.NaN],
  ['null', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** Letters, digits, and signs of numbers and names. */
function isPlain(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 48 && code <= 57) ||
    (code >= 65 && code <= 90) ||
    code === 46 ||
    code === 43 ||
    code === 45 ||
    code === 95
  );
}
