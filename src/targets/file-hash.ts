// The hash of a file on disk, as manifests have it.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { throwIfAborted } from '../http/limits.ts';
import { ExporterError } from '../model/errors.ts';

/**
 * SHA-256 in hex.
 * @throws ExporterError `archive` if the file can't be read: that is its own matter, as a full disk is not; `interrupted`
 */
export async function fileHash(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await readingArchive(path, async () => {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      throwIfAborted(signal);
      hash.update(chunk as Buffer);
    }
  });
  return hash.digest('hex');
}

/** Runs a task that reads one file of an archive. @throws ExporterError `archive` for what the file system says of it */
export async function readingArchive<T>(path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (error instanceof ExporterError || code === undefined || syscall === undefined) throw error;
    throw new ExporterError('archive', `The file ${path} can't be read (${code}).`, {
      hint: 'Check its permissions, or bring it back from a copy.',
      cause: error,
    });
  }
}
