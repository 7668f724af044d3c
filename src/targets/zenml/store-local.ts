// A local artifact store: a folder of this machine.

import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onDisk } from '../../model/disk-error.ts';
import { readingArchive } from '../file-hash.ts';
import type { ArtifactStore } from './store.ts';

/** After this nobody is copying any more. */
const STALE_MS = 3_600_000;

export class LocalStore implements ArtifactStore {
  readonly id: string;
  readonly root: string;

  constructor(id: string, root: string) {
    this.id = id;
    this.root = root.replace(/\/+$/, '');
  }

  async put(uri: string, file: string): Promise<void> {
    await onDisk(() => mkdir(dirname(uri), { recursive: true }));
    // Another load may store the same file at the same time, in this process or on another machine.
    const partial = `${uri}.${randomUUID()}.partial`;
    await readingArchive(file, () => stat(file));
    try {
      await onDisk(async () => {
        await copyFile(file, partial);
        await rename(partial, uri);
      });
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    await removeStale(dirname(uri));
  }

  async size(uri: string): Promise<number | undefined> {
    return (await stat(uri).catch(() => undefined))?.size;
  }

  async read(uri: string): Promise<AsyncIterable<Uint8Array>> {
    return createReadStream(uri, { highWaterMark: 1 << 20 });
  }

  async remove(uri: string): Promise<void> {
    await onDisk(() => rm(uri, { force: true }));
    // The folder goes with its only file.
    await rmdir(dirname(uri)).catch(() => {});
  }

  async close(): Promise<void> {}
}

/** Removes what loads that were killed left half copied. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!name.endsWith('.partial')) continue;
    const changed = (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Date.now() - changed > STALE_MS) await rm(path, { force: true });
  }
}
