// Parquet's hybrid of run-length and bit-packed integers: what levels and dictionary indices are written in.

import type { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';

/** Bits that hold every integer from 0 to `max`. */
export function bitWidth(max: number): number {
  return 32 - Math.clz32(max);
}

/** Small integers, kept as runs: a million equal ones cost as much as one. */
export class RunList {
  #values = new Int32Array(16);
  #counts = new Int32Array(16);
  #runs = 0;
  #total = 0;

  /** Number of integers. */
  get total(): number {
    return this.#total;
  }

  push(value: number, count: number): void {
    if (count === 0) return;
    this.#total += count;
    if (this.#runs > 0 && this.#values[this.#runs - 1] === value) {
      this.#counts[this.#runs - 1]! += count;
      return;
    }
    if (this.#runs === this.#values.length) {
      this.#values = grown(this.#values);
      this.#counts = grown(this.#counts);
    }
    this.#values[this.#runs] = value;
    this.#counts[this.#runs++] = count;
  }

  /** Gives the runs one after the other, in portions of as many integers as asked for. */
  reader(): (count: number, each: (value: number, count: number) => void) => void {
    let run = 0;
    let used = 0;
    return (count, each) => {
      for (let left = count; left > 0; ) {
        const take = Math.min(left, this.#counts[run]! - used);
        each(this.#values[run]!, take);
        left -= take;
        used += take;
        if (used === this.#counts[run]) {
          run++;
          used = 0;
        }
      }
    };
  }
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** Groups of eight that one bit-packed run may have here. */
const PACKED_LIMIT = 504;

/** Writes integers of `width` bits (at most 24) as hybrid runs. Call `finish` at the end of a page. */
export class HybridEncoder {
  readonly #out: ByteWriter;
  readonly #width: number;
  #pending: Int32Array | undefined;
  #pendingCount = 0;

  constructor(out: ByteWriter, width: number) {
    this.#out = out;
    this.#width = width;
  }

  add(value: number, count: number): void {
    for (let left = count; left > 0; left--) {
      // A bit-packed run ends on a multiple of eight only; from there on a repeated value is a run of its own.
      if (left >= 8 && this.#pendingCount % 8 === 0) {
        this.#flush();
        this.#out.appendVarInt(left << 1);
        for (let bit = 0; bit < this.#width; bit += 8) this.#out.appendUint8((value >>> bit) & 0xff);
        return;
      }
      // Most columns of a row group hold one value, or none, and never need it.
      this.#pending ??= new Int32Array(PACKED_LIMIT);
      this.#pending[this.#pendingCount++] = value;
      if (this.#pendingCount === PACKED_LIMIT) this.#flush();
    }
  }

  finish(): void {
    this.#flush();
  }

  #flush(): void {
    if (this.#pendingCount === 0 || !this.#pending) return;
    const groups = Math.ceil(this.#pendingCount / 8);
    this.#pending.fill(0, this.#pendingCount, groups * 8);
    this.#out.appendVarInt((groups << 1) | 1);
    this.#out.appendBytes(packBits(this.#pending, groups * 8, this.#width));
    this.#pendingCount = 0;
  }
}

/** Packs the first integers of `values` (a multiple of eight, `width` <= 24 bits each), lowest bit first. */
function packBits(values: Int32Array, count: number, width: number): Uint8Array {
  const bytes = new Uint8Array((count * width) / 8);
  let held = 0;
  let heldBits = 0;
  let at = 0;
  for (let index = 0; index < count; index++) {
    held |= values[index]! << heldBits;
    heldBits += width;
    while (heldBits >= 8) {
      bytes[at++] = held & 0xff;
      held >>>= 8;
      heldBits -= 8;
    }
  }
  return bytes;
}
