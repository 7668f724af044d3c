// Writes int64 columns as DELTA_BINARY_PACKED, from 32-bit words and doubles, without a bigint for each entry.

import type { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';

import { int64At } from '../../model/int64.ts';

const BLOCK = 128;
const MINIBLOCKS = 4;
const MINIBLOCK = BLOCK / MINIBLOCKS;

/** Below this magnitude values, their differences, and differences of these are exact as doubles. */
export const DELTA_LIMIT = 2 ** 51;

/**
 * Writes `count` entries of an int64 column from `start` on.
 * @param view the column's words (model/int64.ts); every entry's magnitude is below DELTA_LIMIT
 */
export function encodeDelta(out: ByteWriter, view: Int32Array, start: number, count: number): void {
  out.appendVarInt(BLOCK);
  out.appendVarInt(MINIBLOCKS);
  out.appendVarInt(count);
  let previous = count > 0 ? int64At(view, start) : 0;
  appendZigZag(out, previous);
  const deltas = new Float64Array(BLOCK);
  const widths = new Uint8Array(MINIBLOCKS);
  const end = start + count;
  for (let index = start + 1; index < end; index += BLOCK) {
    const size = Math.min(BLOCK, end - index);
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (let entry = 0; entry < size; entry++) {
      const value = int64At(view, index + entry);
      const delta = value - previous;
      previous = value;
      deltas[entry] = delta;
      if (delta < least) least = delta;
      if (delta > most) most = delta;
    }
    appendZigZag(out, least);
    if (least === most) {
      out.appendUint32(0);
      continue;
    }
    for (let entry = 0; entry < size; entry++) deltas[entry]! -= least;
    deltas.fill(0, size);
    for (let block = 0; block < MINIBLOCKS; block++) widths[block] = widthOf(deltas, block * MINIBLOCK);
    out.appendBytes(widths);
    for (let block = 0; block < MINIBLOCKS; block++) {
      if (widths[block] !== 0) out.appendBytes(pack(deltas, block * MINIBLOCK, widths[block]!));
    }
  }
}

/** Bits of the largest of a miniblock's values. */
function widthOf(values: Float64Array, start: number): number {
  let most = 0;
  for (let index = start; index < start + MINIBLOCK; index++) if (values[index]! > most) most = values[index]!;
  const high = Math.floor(most / 2 ** 32);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(most >>> 0);
}

const packed: Uint8Array[] = [];

/** A miniblock's values in `width` bits each, lowest bit first. The array is used again by the next call. */
function pack(values: Float64Array, start: number, width: number): Uint8Array {
  packed[width] ??= new Uint8Array(width * 4);
  const bytes = packed[width];
  let at = 0;
  let held = 0;
  let heldBits = 0;
  for (let index = start; index < start + MINIBLOCK; index++) {
    let value = values[index]!;
    // At most 24 bits at a time, so that they and the up to 7 held ones fit an int32.
    for (let bits = width; bits > 0; bits -= 24) {
      const portion = Math.min(bits, 24);
      const low = bits > 24 ? value % 16777216 : value;
      held |= low << heldBits;
      heldBits += portion;
      while (heldBits >= 8) {
        bytes[at++] = held & 0xff;
        held >>>= 8;
        heldBits -= 8;
      }
      value = (value - low) / 16777216;
    }
  }
  return bytes;
}

/** Zigzag varint of a whole number of magnitude up to 2^52. */
function appendZigZag(out: ByteWriter, value: number): void {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  while (rest >= 128) {
    out.appendUint8((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.appendUint8(rest);
}
