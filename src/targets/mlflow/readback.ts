// Reads back what MLflow holds of a run: histories page by page, artifacts as hashes. Nothing of it is kept.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { forEachLimited, throwIfAborted } from '../../http/limits.ts';
import { onDisk } from '../../model/disk-error.ts';
import { int64At, isSafeInt64, words } from '../../model/int64.ts';
import { pointText } from '../point-sums.ts';
import type { ExpectedFile } from '../target.ts';
import { type ArtifactPlace, artifactUrl } from './artifacts.ts';
import type { MlflowClient } from './client.ts';
import { held } from './point-count.ts';

/**
 * Points that one request asks for. The server sorts all of a series for each page, and makes the page as a whole in its
 * memory: long series come in larger pages.
 */
const PAGE = { least: 20_000, most: 100_000, perSeries: 10 };
const LISTS_AT_ONCE = 4;
/** An artifact that is read as text. */
const MAX_TEXT = 256 * 1024 * 1024;

/**
 * The points that the server holds of a metric, as texts of `pointText`, a page at a time.
 * @param expected how many there should be
 * @param asHeld values as databases hold them: some of them may not do what the others do
 */
export async function* heldPoints(
  client: MlflowClient,
  { id, key, expected, asHeld }: { id: string; key: string; expected: number; asHeld: boolean },
): AsyncGenerator<string[]> {
  const max = Math.min(PAGE.most, Math.max(PAGE.least, Math.ceil(expected / PAGE.perSeries)));
  let token: string | undefined;
  do {
    const { length, steps, timestamps, values, next } = await client.historyPage(id, key, max, token);
    const [stepWords, timestampWords] = [words(steps), words(timestamps)];
    const whole = (column: BigInt64Array, view: Int32Array, i: number) =>
      isSafeInt64(view, i) ? int64At(view, i) : column[i]!;
    // In pieces: texts take several times the room of the columns.
    for (let from = 0; from < length; from += PIECE) {
      const texts: string[] = [];
      for (let i = from; i < Math.min(length, from + PIECE); i++) {
        const value = asHeld ? held(values[i]!) : values[i]!;
        texts.push(pointText(whole(steps, stepWords, i), whole(timestamps, timestampWords, i), value));
      }
      yield texts;
    }
    token = next;
  } while (token);
}

const PIECE = 4096;

/** Sizes of all artifacts of a run, by their paths; undefined where the server doesn't tell. */
export async function artifactSizes(client: MlflowClient, id: string): Promise<Map<string, number | undefined>> {
  const sizes = new Map<string, number | undefined>();
  let level: (string | undefined)[] = [undefined];
  while (level.length > 0) {
    const below: string[] = [];
    await forEachLimited(level, LISTS_AT_ONCE, async (folder) => {
      for await (const { path, isFolder, bytes } of client.listArtifacts(id, folder)) {
        if (isFolder) below.push(path);
        else sizes.set(path, bytes);
      }
    });
    level = below;
  }
  return sizes;
}

/** Reads artifacts from where they lie. */
export class ArtifactReader {
  readonly #place: ArtifactPlace;
  readonly #client: MlflowClient;
  readonly #signal: AbortSignal;

  constructor(place: ArtifactPlace, client: MlflowClient, signal: AbortSignal) {
    this.#place = place;
    this.#client = client;
    this.#signal = signal;
  }

  /** @param bytes that it should have */
  hash(path: string, bytes: number): Promise<ExpectedFile> {
    return this.#read(path, bytes, async (body) => {
      const hash = createHash('sha256');
      let length = 0;
      for await (const chunk of body) {
        throwIfAborted(this.#signal);
        hash.update(chunk);
        length += chunk.length;
      }
      return { bytes: length, sha256: hash.digest('hex') };
    });
  }

  /** For short files; undefined for one that isn't. */
  text(path: string, bytes: number): Promise<string | undefined> {
    return this.#read(path, bytes, async (body) => {
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of body) {
        length += chunk.length;
        if (length > MAX_TEXT) return undefined;
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString('utf8');
    });
  }

  #read<T>(path: string, bytes: number, consume: (body: AsyncIterable<Uint8Array>) => Promise<T>): Promise<T> {
    const place = this.#place;
    if (place.kind === 'proxy') return this.#client.getArtifact(artifactUrl(place.root, path), bytes, consume);
    return onDisk(() => consume(createReadStream(join(place.folder, path), { highWaterMark: 1 << 20 })));
  }
}
