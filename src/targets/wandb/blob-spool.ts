// Values of points that are no numbers, on disk as JSON texts until their line is made.

import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { onDisk } from '../../model/disk-error.ts';

const WRITE_BYTES = 1 << 20;
const LENGTH_BYTES = 4;

export class BlobSpool {
  readonly #path: string;
  #file: FileHandle | undefined;
  #size = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #reading: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** @param json in ASCII @returns its place, for `read` */
  async add(json: string): Promise<number> {
    const place = this.#size + this.#waitingBytes;
    const bytes = Buffer.alloc(LENGTH_BYTES + json.length);
    bytes.writeUInt32LE(json.length);
    bytes.write(json, LENGTH_BYTES, 'latin1');
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= WRITE_BYTES) await this.#write();
    return place;
  }

  /** Ends the writing; `read` may be called now. */
  async finish(): Promise<void> {
    await this.#write();
    await onDisk(async () => this.#file?.close());
  }

  read(place: number): string {
    this.#reading ??= openSync(this.#path, 'r');
    const head = Buffer.alloc(LENGTH_BYTES);
    readSync(this.#reading, head, 0, LENGTH_BYTES, place);
    const bytes = Buffer.alloc(head.readUInt32LE());
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#reading, bytes, done, bytes.length - done, place + LENGTH_BYTES + done);
      if (read === 0) throw new Error('a temporary file is shorter than what was written to it');
      done += read;
    }
    return bytes.toString('latin1');
  }

  close(): void {
    if (this.#reading !== undefined) closeSync(this.#reading);
    this.#reading = undefined;
  }

  async #write(): Promise<void> {
    if (this.#waitingBytes === 0) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    await onDisk(async () => {
      this.#file ??= await open(this.#path, 'w');
      await this.#file.appendFile(bytes);
    });
    this.#size += bytes.length;
  }
}
