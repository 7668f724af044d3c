// Compares what a column's statistics say with the values that were read.

import { int64At, isSafeInt64, words } from '../../model/int64.ts';
import type { Chunk } from '../parquet/footer.ts';

/** What was read of one column of one row group. */
export class Observed {
  /** Values that are there; what a list or row lacks counts as null. */
  values = 0;
  /** Bytes of all texts, in UTF-8. */
  textBytes = 0;
  #least: bigint | number | string | undefined;
  #greatest: bigint | number | string | undefined;

  text(value: string): void {
    if (this.#least === undefined || compareUtf8(value, this.#least as string) < 0) this.#least = value;
    if (this.#greatest === undefined || compareUtf8(value, this.#greatest as string) > 0) this.#greatest = value;
  }

  /** NaN is in no order: statistics leave it out. */
  number(value: bigint | number): void {
    if (Number.isNaN(value)) return;
    if (this.#least === undefined || value < (this.#least as number)) this.#least = value;
    if (this.#greatest === undefined || value > (this.#greatest as number)) this.#greatest = value;
  }

  /** All entries of an int64 column but those with validity 0. @returns how many */
  int64s(column: BigInt64Array, valid: Uint8Array | undefined): number {
    const view = words(column);
    let count = 0;
    let [least, greatest] = [-1, -1];
    for (let row = 0; row < column.length; row++) {
      if (valid?.[row] === 0) continue;
      count++;
      if (least < 0 || isBelow(view, column, row, least)) least = row;
      if (greatest < 0 || isBelow(view, column, greatest, row)) greatest = row;
    }
    if (count === 0) return 0;
    this.number(column[least]!);
    this.number(column[greatest]!);
    return count;
  }

  /** What contradicts the statistics, undefined if nothing does. */
  contradiction(chunk: Chunk): string | undefined {
    const nulls = chunk.entries - this.values;
    if (chunk.nulls !== undefined && chunk.nulls !== nulls) {
      return `the column ${chunk.leaf} has ${nulls} nulls, its statistics say ${chunk.nulls}`;
    }
    if (chunk.least === undefined || chunk.greatest === undefined) return undefined;
    if (this.#is(this.#least, chunk.least, chunk) && this.#is(this.#greatest, chunk.greatest, chunk)) return undefined;
    return `the column ${chunk.leaf} has other values than its statistics say`;
  }

  #is(value: bigint | number | string | undefined, told: Uint8Array, { decimalBytes }: Chunk): boolean {
    const view = new DataView(told.buffer, told.byteOffset, told.byteLength);
    switch (typeof value) {
      case 'string':
        return Buffer.compare(Buffer.from(value), told) === 0;
      case 'bigint':
        return decimalBytes > 0
          ? told.length === decimalBytes && bigEndian(told) === value
          : told.length === 8 && view.getBigInt64(0, true) === value;
      case 'number':
        // Booleans have one byte. Zeros are equal, whatever their signs.
        return told.length === 1 ? told[0] === value : told.length === 8 && view.getFloat64(0, true) === value;
      default:
        return false;
    }
  }
}

/** True if one entry of an int64 column is less than another; without a bigint for each of them. */
export function isBelow(view: Int32Array, column: BigInt64Array, one: number, other: number): boolean {
  const [left, right] = [int64At(view, one), int64At(view, other)];
  if (left !== right) return left < right;
  return !isSafeInt64(view, one) && column[one]! < column[other]!;
}

function bigEndian(bytes: Uint8Array): bigint {
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return BigInt.asIntN(bytes.length * 8, value);
}

/** Orders texts as their bytes in UTF-8 are ordered: surrogates, which stand for the highest code points, come last. */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const [one, other] = [left.charCodeAt(index), right.charCodeAt(index)];
    if (one === other) continue;
    const [oneHigh, otherHigh] = [isSurrogate(one), isSurrogate(other)];
    return oneHigh === otherHigh ? one - other : oneHigh ? 1 : -1;
  }
  return left.length - right.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
