// Media files of a run: uploads them, reports them, and makes sure that the server has them.

import { createReadStream } from 'node:fs';
import { forEachLimited, sleep, throwIfAborted } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import { ROUND_PAUSE_MS, ROUNDS } from './artifact-save.ts';
import { type RunPlace, type WandbClient, WandbError } from './client.ts';

export interface MediaFile {
  /** Of the run's file. */
  path: string;
  /** On this disk. */
  file: string;
  bytes: number;
  /** base64 */
  md5: string;
}

const FILES_AT_ONCE = 100;
const UPLOADS_AT_ONCE = 4;
/** A server may know of what was sent a little later: pauses before each look, in milliseconds. */
export const LOOKS = [0, 500, 1000, 2000, 4000];

export interface RunFilesOptions {
  client: WandbClient;
  place: RunPlace;
  /** Some may be there already: look before uploading. */
  mayBeThere: boolean;
  report: (paths: readonly string[]) => Promise<void>;
  signal: AbortSignal;
}

export class RunFiles {
  readonly #options: RunFilesOptions;
  #waiting = new Map<string, MediaFile>();

  constructor(options: RunFilesOptions) {
    this.#options = options;
  }

  async add(file: MediaFile): Promise<void> {
    this.#waiting.set(file.path, file);
    if (this.#waiting.size >= FILES_AT_ONCE) await this.flush();
  }

  /** Uploads what waits. @throws ExporterError if the server doesn't have it afterwards */
  async flush(): Promise<void> {
    const files = [...this.#waiting.values()];
    this.#waiting = new Map();
    if (files.length === 0) return;
    const missing = this.#options.mayBeThere ? await this.#missing(files) : files;
    await this.#upload(missing);
    for (const pause of LOOKS) {
      await sleep(pause, this.#options.signal);
      if ((await this.#missing(missing)).length === 0) return;
    }
    const [first] = await this.#missing(missing);
    if (first) throw new ExporterError('server', `W&B has not kept the file ${first.path} as it was sent.`);
  }

  async #upload(files: readonly MediaFile[]): Promise<void> {
    const { client, place, report, signal } = this.#options;
    let rest = files;
    for (let round = 1; rest.length > 0; round++) {
      const again: MediaFile[] = [];
      const places = await client.createFiles(
        place,
        rest.map(({ path }) => path),
      );
      await forEachLimited([...rest.entries()], UPLOADS_AT_ONCE, async ([at, one]) => {
        throwIfAborted(signal);
        try {
          await client.put(places[at]!, () => createReadStream(one.file), one.bytes);
        } catch (error) {
          const isExpired = error instanceof WandbError && error.status === 403;
          if (!isExpired || round === ROUNDS) throw error;
          again.push(one);
        }
      });
      rest = again;
      if (rest.length > 0) await sleep(ROUND_PAUSE_MS * round, signal);
    }
    if (files.length > 0) await report(files.map(({ path }) => path));
  }

  /** Those that the server doesn't have, or not so. */
  async #missing(files: readonly MediaFile[]): Promise<MediaFile[]> {
    if (files.length === 0) return [];
    const { client, place } = this.#options;
    const found = await client.files(
      place,
      files.map(({ path }) => path),
    );
    return files.filter(({ path, bytes, md5 }) => {
      const there = found.get(path);
      return there?.bytes !== bytes || (there.md5 !== undefined && there.md5 !== md5);
    });
  }
}
