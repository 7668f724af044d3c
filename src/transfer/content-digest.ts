// The digest of a run's content in the archive: tells whether a target has this very content.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { ArchiveRun } from '../archive/types.ts';
import { onDisk } from '../model/disk-error.ts';

/**
 * SHA-256 over the hashes of the run's parts, in hex. The manifest has them; for a run of the official exporter the
 * parts are read, which gives the same.
 */
export async function contentDigest(run: ArchiveRun, signal?: AbortSignal): Promise<string> {
  const hashes = run.manifest
    ? run.manifest.parts.map((part) => part.sha256)
    : await Array.fromAsync(run.parts, (path) => fileHash(path, signal));
  return createHash('sha256').update(hashes.join('\n')).digest('hex');
}

async function fileHash(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  await onDisk(() => pipeline(createReadStream(path), hash, signal ? { signal } : {}));
  return hash.digest('hex');
}
