// Snappy's block format (google/snappy, format_description.txt), into one buffer that is used again and again.

/** Positions within reach of a copy with a two-byte offset. */
const MAX_OFFSET = 0xffff;
const MAX_TABLE_BITS = 14;
/** From here to the end no copy is begun, so that four bytes can be read anywhere before. */
const MARGIN = 15;
/** An output buffer beyond this is given up after use: it was for one huge value. */
const KEPT_BYTES = 4 << 20;

const table = new Int32Array(1 << MAX_TABLE_BITS);
let output = new Uint8Array(1 << 16);
/** Where the next byte goes. */
let at = 0;

/**
 * Compresses a block. The cost per byte falls the longer nothing is found, so that noise is nearly just copied.
 * @returns the compressed bytes, valid until the next call
 */
export function snappyCompress(input: Uint8Array): Uint8Array {
  const most = 32 + input.length + Math.ceil(input.length / 6);
  if (output.length < most) output = new Uint8Array(most);
  at = 0;
  for (let rest = input.length; ; rest >>>= 7) {
    output[at++] = rest < 0x80 ? rest : (rest & 0x7f) | 0x80;
    if (rest < 0x80) break;
  }
  compress(input);
  const compressed = output.subarray(0, at);
  if (output.length > KEPT_BYTES) output = new Uint8Array(1 << 16);
  return compressed;
}

function compress(input: Uint8Array): void {
  const end = input.length;
  const limit = end - MARGIN;
  let literal = 0;
  if (limit > 1) {
    const bits = Math.min(MAX_TABLE_BITS, 31 - Math.clz32(end));
    const shift = 32 - bits;
    table.fill(0, 0, 1 << bits);
    const view = new DataView(input.buffer, input.byteOffset, end);
    let position = 1;
    let word = view.getInt32(position, true);
    search: while (position <= limit) {
      // Each 32 bytes without a match make the steps one byte longer.
      let skip = 32;
      let candidate: number;
      for (;;) {
        const hash = Math.imul(word, 0x1e35a7bd) >>> shift;
        candidate = table[hash]!;
        table[hash] = position;
        if (position - candidate <= MAX_OFFSET && view.getInt32(candidate, true) === word) break;
        position += skip++ >>> 5;
        if (position > limit) break search;
        word = view.getInt32(position, true);
      }
      putLiteral(input, literal, position);
      for (;;) {
        let next = position + 4;
        for (let other = candidate + 4; next < end && input[next] === input[other]; other++) next++;
        putCopy(position - candidate, next - position);
        position = next;
        literal = next;
        if (position > limit) break search;
        table[Math.imul(view.getInt32(position - 1, true), 0x1e35a7bd) >>> shift] = position - 1;
        word = view.getInt32(position, true);
        const hash = Math.imul(word, 0x1e35a7bd) >>> shift;
        candidate = table[hash]!;
        table[hash] = position;
        if (position - candidate > MAX_OFFSET || view.getInt32(candidate, true) !== word) break;
      }
      position++;
      word = view.getInt32(position, true);
    }
  }
  if (literal < end) putLiteral(input, literal, end);
}

function putLiteral(input: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length === 0) return;
  const value = length - 1;
  if (value < 60) output[at++] = value << 2;
  else {
    const bytes = value < 0x100 ? 1 : value < 0x10000 ? 2 : value < 0x1000000 ? 3 : 4;
    output[at++] = (59 + bytes) << 2;
    for (let byte = 0; byte < bytes; byte++) output[at++] = value >>> (byte * 8);
  }
  if (length > 32) output.set(input.subarray(start, end), at);
  else for (let index = 0; index < length; index++) output[at + index] = input[start + index]!;
  at += length;
}

function putCopy(offset: number, length: number): void {
  let left = length;
  // The last copy must have four bytes at least.
  while (left >= 68) {
    putShortCopy(offset, 64);
    left -= 64;
  }
  if (left > 64) {
    putShortCopy(offset, 60);
    left -= 60;
  }
  putShortCopy(offset, left);
}

function putShortCopy(offset: number, length: number): void {
  if (length < 12 && offset < 2048) {
    output[at++] = 1 | ((length - 4) << 2) | ((offset >>> 8) << 5);
    output[at++] = offset;
  } else {
    output[at++] = 2 | ((length - 1) << 2);
    output[at++] = offset;
    output[at++] = offset >>> 8;
  }
}
