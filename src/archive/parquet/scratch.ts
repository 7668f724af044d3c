// A byte writer that is filled again and again, for what is copied on as soon as it is whole.

import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';

/** Beyond this the memory is given up after use: it was for one huge value. */
const KEPT_BYTES = 4 << 20;

export class Scratch {
  #writer = new ByteWriter(1 << 12);

  /** The writer, empty. What it gave before is overwritten. */
  take(): ByteWriter {
    if (this.#writer.buffer.byteLength > KEPT_BYTES) this.#writer = new ByteWriter(1 << 12);
    this.#writer.offset = 0;
    this.#writer.index = 0;
    return this.#writer;
  }
}
