// A temporary file that is filled piece by piece before it is uploaded, so that no series is ever held in memory.

import { type FileHandle, open } from 'node:fs/promises';
import { onDisk } from '../model/disk-error.ts';
import type { SeriesFormat } from './series-files.ts';

const CHUNK = 256 * 1024;

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
      let text = '';
      for (const entry of this.#format.entries(batch)) {
        text += this.#empty ? entry : this.#format.between + entry;
        this.#empty = false;
        if (text.length > CHUNK) {
          await handle.appendFile(text);
          text = '';
        }
      }
      if (text !== '') await handle.appendFile(text);
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
