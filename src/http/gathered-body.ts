// A body put together in memory that is used again for the next one.

import { giveBuffer, grownBuffer, takeBuffer } from '../model/memory-pool.ts';

/**
 * Reads a whole body and hands it to `decode`, after which its bytes are overwritten: nothing of them may be kept.
 * @throws what `tooLarge` makes, when more than `maxBytes` come
 */
export async function decodeGathered<T>(
  body: AsyncIterable<Uint8Array>,
  decode: (body: Buffer) => T,
  { maxBytes, tooLarge }: { maxBytes: number; tooLarge: () => Error },
): Promise<T> {
  let buffer: ArrayBuffer | undefined;
  let first: Uint8Array | undefined;
  let length = 0;
  try {
    for await (const chunk of body) {
      const needed = length + chunk.length;
      if (needed > maxBytes) throw tooLarge();
      // A body of one piece needs no place of its own.
      if (length === 0) first = chunk;
      else {
        buffer = buffer ? grownBuffer(buffer, length, needed) : takeBuffer(needed);
        const bytes = new Uint8Array(buffer);
        if (first) bytes.set(first);
        first = undefined;
        bytes.set(chunk, length);
      }
      length = needed;
    }
    if (first) return decode(Buffer.from(first.buffer, first.byteOffset, first.length));
    return decode(buffer ? Buffer.from(buffer, 0, length) : Buffer.alloc(0));
  } finally {
    if (buffer) giveBuffer(buffer);
  }
}
