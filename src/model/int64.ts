// Int64 columns without a bigint for each entry: a BigInt64Array is filled and read through a 32-bit view.

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const LOW = LITTLE_ENDIAN ? 0 : 1;
const HIGH = 1 - LOW;
const TWO_32 = 4294967296;

/** The 32-bit words of an int64 column, for `setInt64` and `int64At`. */
export function words(column: BigInt64Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length * 2);
}

/** Stores a safe integer (|value| <= 2^53) at an index of the column behind `view`. */
export function setInt64(view: Int32Array, index: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  view[index * 2 + LOW] = (value - high * TWO_32) | 0;
  view[index * 2 + HIGH] = high;
}

/** Stores an entry by its two words. */
export function setInt64Words(view: Int32Array, index: number, low: number, high: number): void {
  view[index * 2 + LOW] = low;
  view[index * 2 + HIGH] = high;
}

/** The entry as a number: exact if it is a safe integer, otherwise the nearest double (check with `isSafeInt64`). */
export function int64At(view: Int32Array, index: number): number {
  return view[index * 2 + HIGH]! * TWO_32 + (view[index * 2 + LOW]! >>> 0);
}

/** True if the entry fits a double exactly as a safe integer. */
export function isSafeInt64(view: Int32Array, index: number): boolean {
  const high = view[index * 2 + HIGH]!;
  return high >= -2097152 && high < 2097152;
}
