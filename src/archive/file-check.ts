// Looks whether the downloaded files of a run are there, and as long as they should be.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { forEachLimited } from '../http/limits.ts';
import { normalRelativePath } from '../model/plain-name.ts';

/** Files looked up at once. */
const CONCURRENCY = 16;

export interface FileTotals {
  /** Downloaded files, without the damaged ones. */
  count: number;
  /** Their size; null if that of some isn't known (no manifest, and no folder to look it up in). */
  bytes: number | null;
  /** Files that were never had: the server had none, or it could not be fetched. */
  missing: number;
  /** Files that were left out by choice, for their size. */
  skipped: number;
  skippedBytes: number;
  /** Files that the archive names, but the folder doesn't have, or with another size. */
  damaged: number;
}

export function noFiles(): FileTotals {
  return { count: 0, bytes: 0, missing: 0, skipped: 0, skippedBytes: 0, damaged: 0 };
}

/** Counts the files of one run. */
export class FolderCheck {
  readonly totals: FileTotals = noFiles();
  /** What is wrong with one damaged file. */
  damage: string | undefined;
  readonly #placeOf: ((path: string) => string | Promise<string>) | undefined;

  /** @param placeOf absolute path of a file of the archive; without it nothing is looked up */
  constructor(placeOf: ((path: string) => string | Promise<string>) | undefined) {
    this.#placeOf = placeOf;
  }

  addSkipped(files: readonly { bytes: number }[]): void {
    this.totals.skipped += files.length;
    for (const { bytes } of files) this.totals.skippedBytes += bytes;
  }

  /** Adds files. `path` is that in the archive, `bytes` the size that a manifest tells. */
  async addAll(files: readonly { path: string | null; bytes?: number }[]): Promise<void> {
    await forEachLimited(files, CONCURRENCY, async ({ path, bytes }) => {
      if (path === null) this.totals.missing++;
      else if (this.#placeOf === undefined) this.#found(bytes ?? null);
      else await this.#lookUp(this.#placeOf, path, bytes);
    });
  }

  async #lookUp(
    placeOf: (path: string) => string | Promise<string>,
    path: string,
    expected: number | undefined,
  ): Promise<void> {
    const place = normalRelativePath(path);
    const bytes = place === undefined ? undefined : await sizeOf(await placeOf(place));
    if (bytes === undefined) this.#damaged(`${path} is not there`);
    else if (expected !== undefined && bytes !== expected) {
      this.#damaged(`${path} has ${bytes} B instead of ${expected} B`);
    } else this.#found(bytes);
  }

  #found(bytes: number | null): void {
    const { totals } = this;
    totals.count++;
    totals.bytes = bytes === null || totals.bytes === null ? null : totals.bytes + bytes;
  }

  #damaged(what: string): void {
    this.totals.damaged++;
    this.damage ??= what;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) return found?.size;
  // A set of files of Neptune 2: its row names the folder.
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}
