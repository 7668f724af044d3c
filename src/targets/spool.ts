// A temporary file that is filled piece by piece before it is uploaded, so that no series is ever held in memory.

import { type FileHandle, open } from 'node:fs/promises';
import { onDisk } from '../model/disk-error.ts';
import type { SeriesFormat } from './series-files.ts';

const CHUNK = 256 * 1024;
/** Memory that entries are gathered in: a long string that grows entry by entry is thousands of small ones to the heap. */
const free: Buffer[] = [];

/** One file in one format. It is open only while a batch is written: a run may have thousands of series. */
export class Spool<B> {
  readonly file: string;
  readonly #format: SeriesFormat<B>;
  #empty = true;
  #begun = false;

  constructor(file: string, format: SeriesFormat<B>) {
    this.file = file;
    this.#format = format;
  }

  get name(): string {
    return this.#format.name;
  }

  /** Appends the entries of a batch. */
  async add(batch: B): Promise<void> {
    await this.#append(async (handle) => {
      const chunk = free.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
      let length = 0;
      try {
        for (const entry of this.#format.entries(batch)) {
          const text = this.#empty ? entry : this.#format.between + entry;
          this.#empty = false;
          // No character takes more than three bytes.
          if (length > 0 && length + text.length * 3 > CHUNK) {
            await handle.appendFile(chunk.subarray(0, length));
            length = 0;
          }
          if (text.length * 3 > CHUNK) await handle.appendFile(text);
          else length += chunk.write(text, length);
        }
        if (length > 0) await handle.appendFile(chunk.subarray(0, length));
      } finally {
        free.push(chunk);
      }
    });
  }

  /** Ends the file. */
  async finish(): Promise<void> {
    await this.#append(async (handle) => {
      if (this.#format.tail !== '') await handle.appendFile(this.#format.tail);
    });
  }

  async #append(task: (handle: FileHandle) => Promise<void>): Promise<void> {
    await onDisk(async () => {
      const handle = await open(this.file, this.#begun ? 'a' : 'w');
      try {
        if (!this.#begun && this.#format.head !== '') await handle.appendFile(this.#format.head);
        this.#begun = true;
        await task(handle);
      } finally {
        await handle.close();
      }
    });
  }
}
