// What the loader adds to a run's artifact: lists, values, and series that are kept whole.

import { join } from 'node:path';
import type { FileStore, Origin } from '../file-store.ts';
import { listFormat } from '../own-lists.ts';
import { Spool } from '../spool.ts';
import { OWN } from './names.ts';
import { GzipText } from './whole-series.ts';

export class OwnFiles {
  readonly #store: FileStore;
  readonly #folder: string;
  readonly #gzipped = new Map<string, GzipText>();
  #count = 0;

  /** @param folder for temporary files, which stay until the artifact was saved */
  constructor(store: FileStore, folder: string) {
    this.#store = store;
    this.#folder = folder;
  }

  tempFile(): string {
    return join(this.#folder, `file-${this.#count++}`);
  }

  /** A compressed text that is there as soon as something is written to it. @param head its first line */
  gzip(name: string, head = ''): GzipText {
    let text = this.#gzipped.get(name);
    if (!text) {
      text = new GzipText(this.tempFile(), head);
      this.#gzipped.set(name, text);
    }
    return text;
  }

  /** Puts a file into the artifact. @returns its path there */
  async put(name: string, file: string, origin?: Origin): Promise<string> {
    const path = `${OWN}/${name}`;
    await this.#store.put(path, file, origin);
    return path;
  }

  /** Ends the compressed texts, and puts them into the artifact. */
  async finishTexts(): Promise<void> {
    for (const [name, text] of this.#gzipped) {
      await text.end();
      await this.put(name, text.file);
    }
    this.#gzipped.clear();
  }

  /** Puts a JSON file with one list, entry by entry. @param head what else it says */
  async list(head: object, list: string, entries: Iterable<string>): Promise<void> {
    const spool = new Spool(this.tempFile(), listFormat(head, list));
    await spool.add(entries);
    await spool.finish();
    await this.put(spool.name, spool.file);
  }
}
