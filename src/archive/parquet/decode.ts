// Decoders of parquet's encodings. Each gives values in portions, so that a page is never expanded as a whole.

import { DamagedFile } from './footer.ts';

/** Gives a page's values one portion after the other. */
export interface Decoder<Out> {
  /** Writes the next `count` values to `out` from index `at` on. */
  read(out: Out, at: number, count: number): void;
  skip(count: number): void;
  /** How much of the page (bytes, or values) was never asked for; 0 if all of it was taken. */
  rest(): number;
}

const SCRATCH = new Int32Array(1024);

/** Reads hybrid runs: levels and dictionary indices. */
export class HybridDecoder {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  readonly #width: number;
  /** Integers left in the current run. */
  #left = 0;
  #packed = false;
  #value = 0;
  #bit = 0;

  constructor(bytes: Uint8Array, start: number, end: number, width: number) {
    if (width > 31 || end > bytes.length) throw new DamagedFile('a page is damaged');
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#width = width;
  }

  /** The next integer, without taking it. */
  peek(): number {
    if (this.#left === 0) this.#nextRun();
    return this.#packed ? this.#unpack(this.#bit) : this.#value;
  }

  next(): number {
    const value = this.peek();
    this.#advance(1);
    return value;
  }

  /** Writes the next `count` integers to `out` from index `at` on. */
  read(out: Int32Array, at: number, count: number): void {
    for (let done = 0; done < count; ) {
      if (this.#left === 0) this.#nextRun();
      const take = Math.min(this.#left, count - done);
      if (this.#packed) {
        for (let index = 0; index < take; index++)
          out[at + done + index] = this.#unpack(this.#bit + index * this.#width);
      } else out.fill(this.#value, at + done, at + done + take);
      this.#advance(take);
      done += take;
    }
  }

  /** Takes up to `count` integers that are all the same and says which and how many. */
  run(count: number): { value: number; count: number } {
    const value = this.peek();
    let length = 1;
    if (this.#packed) {
      const most = Math.min(count, this.#left);
      while (length < most && this.#unpack(this.#bit + length * this.#width) === value) length++;
    } else length = Math.min(count, this.#left);
    this.#advance(length);
    return { value, count: length };
  }

  skip(count: number): void {
    for (let left = count; left > 0; ) {
      if (this.#left === 0) this.#nextRun();
      const take = Math.min(this.#left, left);
      this.#advance(take);
      left -= take;
    }
  }

  /** Bytes or integers that were not taken. The last group of a packed run may be filled up. */
  rest(): number {
    return this.#end - this.#at + (this.#packed && this.#left < 8 ? 0 : this.#left);
  }

  #advance(count: number): void {
    this.#left -= count;
    if (this.#packed) this.#bit += count * this.#width;
  }

  #nextRun(): void {
    // Runs may be empty, and there may be many of them.
    do this.#oneRun();
    while (this.#left === 0);
  }

  #oneRun(): void {
    const header = this.#varint();
    this.#packed = (header & 1) === 1;
    if (this.#packed) {
      const bytes = (header >>> 1) * this.#width;
      this.#left = (header >>> 1) * 8;
      this.#bit = this.#at * 8;
      // Some writers leave out the end of the last group.
      this.#at = Math.min(this.#at + bytes, this.#end);
    } else {
      this.#left = header >>> 1;
      this.#value = 0;
      for (let bit = 0; bit < this.#width; bit += 8) this.#value |= this.#byte() << bit;
    }
  }

  /** The integer at a bit position. */
  #unpack(bit: number): number {
    let value = 0;
    let have = -(bit & 7);
    for (let byte = bit >>> 3; have < this.#width; byte++, have += 8) {
      if (byte >= this.#end) throw new DamagedFile('a page is cut');
      const part = this.#bytes[byte]!;
      value |= have < 0 ? part >>> -have : part << have;
    }
    return this.#width === 31 ? value & 0x7fffffff : value & ((1 << this.#width) - 1);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new DamagedFile('a page is damaged');
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new DamagedFile('a page is cut');
    return this.#bytes[this.#at++]!;
  }
}

/** Fixed-size values as they are: int64 and double. */
export class PlainDecoder implements Decoder<BigInt64Array | Float64Array> {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(out: BigInt64Array | Float64Array, at: number, count: number): void {
    const portion = take(this.#bytes, this.#at, count * 8);
    new Uint8Array(out.buffer, out.byteOffset + at * 8, count * 8).set(portion);
    this.#at += count * 8;
  }

  skip(count: number): void {
    this.#at += count * 8;
  }

  rest(): number {
    return this.#bytes.length - this.#at;
  }
}

/** Decimals as big-endian two's complement, which is how pyarrow writes them. */
export class DecimalDecoder implements Decoder<BigInt64Array> {
  readonly #bytes: Uint8Array;
  readonly #size: number;
  #at = 0;

  /** @param size bytes of one decimal, 8 to 16 */
  constructor(bytes: Uint8Array, size: number) {
    this.#bytes = bytes;
    this.#size = size;
  }

  read(out: BigInt64Array, at: number, count: number): void {
    const portion = take(this.#bytes, this.#at, count * this.#size);
    // Of longer ones the upper bytes only repeat the sign: a step has 18 digits.
    for (let index = 0; index < count; index++) {
      const from = (index + 1) * this.#size - 8;
      for (let byte = 0; byte < 8; byte++) BYTES[7 - byte] = portion[from + byte]!;
      out[at + index] = INT64[0]!;
    }
    this.#at += count * this.#size;
  }

  skip(count: number): void {
    this.#at += count * this.#size;
  }

  rest(): number {
    return this.#bytes.length - this.#at;
  }
}

const INT64 = new BigInt64Array(1);
const BYTES = new Uint8Array(INT64.buffer);

/** Booleans, one bit each. */
export class BooleanDecoder implements Decoder<Uint8Array> {
  readonly #bytes: Uint8Array;
  #bit = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(out: Uint8Array, at: number, count: number): void {
    for (let index = 0; index < count; index++, this.#bit++) {
      const byte = this.#bytes[this.#bit >> 3];
      if (byte === undefined) throw new DamagedFile('a page is cut');
      out[at + index] = (byte >> (this.#bit & 7)) & 1;
    }
  }

  skip(count: number): void {
    this.#bit += count;
  }

  rest(): number {
    return this.#bytes.length - Math.ceil(this.#bit / 8);
  }
}

/** Booleans as runs (data pages of version 2 of some writers). */
export class BooleanRunDecoder implements Decoder<Uint8Array> {
  readonly #runs: HybridDecoder;

  constructor(bytes: Uint8Array) {
    this.#runs = new HybridDecoder(bytes, 4, bytes.length, 1);
  }

  read(out: Uint8Array, at: number, count: number): void {
    for (let index = 0; index < count; index++) out[at + index] = this.#runs.next();
  }

  skip(count: number): void {
    this.#runs.skip(count);
  }

  rest(): number {
    return this.#runs.rest();
  }
}

/** Texts, each behind its length. `to` makes of each what `Out` holds; `utf8` is what the text was read from. */
export class TextDecoder<Item> implements Decoder<Item[] | Int32Array> {
  readonly #bytes: Buffer;
  readonly #to: (text: string, utf8: () => Uint8Array) => Item;
  #at = 0;

  constructor(bytes: Uint8Array, to: (text: string, utf8: () => Uint8Array) => Item) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#to = to;
  }

  read(out: Item[] | Int32Array, at: number, count: number): void {
    const target = out as Item[];
    for (let index = 0; index < count; index++) {
      const [start, end] = this.#next();
      target[at + index] = this.#to(this.#bytes.toString('utf8', start, end), () => this.#bytes.subarray(start, end));
    }
  }

  skip(count: number): void {
    for (let left = count; left > 0; left--) this.#next();
  }

  rest(): number {
    return this.#bytes.length - this.#at;
  }

  #next(): [number, number] {
    const start = this.#at + 4;
    if (start > this.#bytes.length) throw new DamagedFile('a page is cut');
    const end = start + this.#bytes.readUInt32LE(this.#at);
    if (end > this.#bytes.length) throw new DamagedFile('a page is cut');
    this.#at = end;
    return [start, end];
  }
}

/** How the pages of a column use their dictionary, entry by entry. */
export interface DictionaryUse {
  /** The highest entry so far; -1 before the first. */
  most: number;
  /** Each entry was used for the first time after all before it. */
  inOrder: boolean;
}

/** Indices into a dictionary. */
export class DictionaryDecoder<Out extends Indexed> implements Decoder<Out> {
  readonly #runs: HybridDecoder;
  readonly #dictionary: Out;
  readonly #size: number;
  readonly #use: DictionaryUse | undefined;

  /** @param use is kept up to date */
  constructor(bytes: Uint8Array, dictionary: Out, use?: DictionaryUse) {
    this.#use = use;
    if (bytes.length === 0) throw new DamagedFile('a page is cut');
    this.#runs = new HybridDecoder(bytes, 1, bytes.length, bytes[0]!);
    this.#dictionary = dictionary;
    this.#size = dictionary.length;
  }

  read(out: Out, at: number, count: number): void {
    // Indexed alike, whatever the kind of array: both sides have the same.
    const target = out as unknown as number[];
    const source = this.#dictionary as unknown as number[];
    for (let done = 0; done < count; ) {
      const portion = Math.min(SCRATCH.length, count - done);
      this.#runs.read(SCRATCH, 0, portion);
      if (this.#use) follow(this.#use, portion);
      for (let index = 0; index < portion; index++) {
        if (SCRATCH[index]! >= this.#size) throw new DamagedFile('a page refers to nothing in its dictionary');
        target[at + done + index] = source[SCRATCH[index]!]!;
      }
      done += portion;
    }
  }

  skip(count: number): void {
    this.#runs.skip(count);
  }

  rest(): number {
    return this.#runs.rest();
  }
}

function follow(use: DictionaryUse, portion: number): void {
  for (let index = 0; index < portion; index++) {
    const entry = SCRATCH[index]!;
    if (entry <= use.most) continue;
    if (entry !== use.most + 1) use.inOrder = false;
    use.most = entry;
  }
}

export type Indexed = Float64Array | BigInt64Array | Int32Array | (string | null)[];

/** DELTA_BINARY_PACKED int64, in 32-bit words with wrap-around as the format asks. */
export class DeltaDecoder implements Decoder<BigInt64Array> {
  readonly #bytes: Uint8Array;
  #at = 0;
  readonly #miniblocks: number;
  readonly #miniblockSize: number;
  #left: number;
  #first = true;
  /** Current value, and least delta of the block, as low and high words. */
  #low = 0;
  #high = 0;
  #leastLow = 0;
  #leastHigh = 0;
  #widths: Uint8Array = new Uint8Array(0);
  #miniblock = 0;
  #inMiniblock = 0;
  #bit = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const block = this.#varint();
    this.#miniblocks = this.#varint();
    this.#left = this.#varint();
    this.#miniblockSize = block / this.#miniblocks;
    if (block % 128 !== 0 || !Number.isInteger(this.#miniblockSize / 32) || block > 1 << 20) {
      throw new DamagedFile('a page is damaged');
    }
    [this.#low, this.#high] = this.#zigzag();
    this.#miniblock = this.#miniblocks;
  }

  read(out: BigInt64Array, at: number, count: number): void {
    const view = new Int32Array(out.buffer, out.byteOffset, out.length * 2);
    for (let index = at; index < at + count; index++) {
      this.#step();
      view[index * 2 + LOW] = this.#low;
      view[index * 2 + 1 - LOW] = this.#high;
    }
  }

  skip(count: number): void {
    for (let left = count; left > 0; left--) this.#step();
  }

  rest(): number {
    return this.#left;
  }

  /** Goes to the next value. */
  #step(): void {
    if (this.#left-- <= 0) throw new DamagedFile('a page is cut');
    if (this.#first) {
      this.#first = false;
      return;
    }
    if (this.#miniblock === this.#miniblocks) this.#nextBlock();
    const width = this.#widths[this.#miniblock]!;
    const low = width === 0 ? 0 : this.#bits(this.#bit, Math.min(width, 32));
    const high = width > 32 ? this.#bits(this.#bit + 32, width - 32) : 0;
    this.#bit += width;
    const sum = (this.#low >>> 0) + (this.#leastLow >>> 0) + low;
    this.#low = sum | 0;
    this.#high = (this.#high + this.#leastHigh + high + Math.floor(sum / 4294967296)) | 0;
    if (++this.#inMiniblock === this.#miniblockSize) this.#nextMiniblock();
  }

  #nextBlock(): void {
    [this.#leastLow, this.#leastHigh] = this.#zigzag();
    this.#widths = take(this.#bytes, this.#at, this.#miniblocks);
    if (this.#widths.some((width) => width > 64)) throw new DamagedFile('a page is damaged');
    this.#at += this.#miniblocks;
    this.#miniblock = 0;
    this.#inMiniblock = 0;
    this.#bit = this.#at * 8;
  }

  #nextMiniblock(): void {
    this.#inMiniblock = 0;
    this.#at += (this.#widths[this.#miniblock]! * this.#miniblockSize) / 8;
    this.#bit = this.#at * 8;
    this.#miniblock++;
  }

  /** `width` (at most 32) bits as an unsigned number. */
  #bits(bit: number, width: number): number {
    let value = 0;
    let scale = 1;
    let drop = bit & 7;
    let byte = bit >>> 3;
    for (let need = width; need > 0; ) {
      if (byte >= this.#bytes.length) throw new DamagedFile('a page is cut');
      const bits = Math.min(8 - drop, need);
      value += ((this.#bytes[byte++]! >>> drop) & ((1 << bits) - 1)) * scale;
      scale *= 1 << bits;
      need -= bits;
      drop = 0;
    }
    return value;
  }

  #varint(): number {
    const value = this.#varint64();
    if (value > 0x7fffffffn) throw new DamagedFile('a page is damaged');
    return Number(value);
  }

  #varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new DamagedFile('a page is cut');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new DamagedFile('a page is damaged');
  }

  #zigzag(): [number, number] {
    const coded = this.#varint64();
    const value = (coded >> 1n) ^ -(coded & 1n);
    return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
  }
}

/** Index of the lower word of an int64. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

function take(bytes: Uint8Array, at: number, count: number): Uint8Array {
  if (at + count > bytes.length) throw new DamagedFile('a page is cut');
  return bytes.subarray(at, at + count);
}
