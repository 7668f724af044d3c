// Large buffers that are used again: fresh ones for each row group would be garbage of several times an export's size.

/** Smaller buffers are cheap to make. */
const LEAST = 1 << 15;
/** What may wait here for its next use. */
const MOST_SPARE = 4 << 20;

const spare = new Map<number, ArrayBuffer[]>();
let spareBytes = 0;

/** A buffer of at least so many bytes. What is in it is left over from its last use. */
export function takeBuffer(bytes: number): ArrayBuffer {
  const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, 1)));
  const buffer = spare.get(size)?.pop();
  if (!buffer) return new ArrayBuffer(size);
  spareBytes -= size;
  return buffer;
}

/** Gives a buffer back for another use: nobody may read it any more. */
export function giveBuffer(buffer: ArrayBuffer): void {
  const size = buffer.byteLength;
  if (size < LEAST || size & (size - 1) || spareBytes + size > MOST_SPARE) return;
  const same = spare.get(size);
  if (same) same.push(buffer);
  else spare.set(size, [buffer]);
  spareBytes += size;
}

/** The buffer if it has room for so many bytes, otherwise a larger one with the used ones; then the old one is given back. */
export function grownBuffer(buffer: ArrayBuffer, used: number, bytes: number): ArrayBuffer {
  if (bytes <= buffer.byteLength) return buffer;
  const larger = takeBuffer(bytes);
  new Uint8Array(larger).set(new Uint8Array(buffer, 0, used));
  giveBuffer(buffer);
  return larger;
}
