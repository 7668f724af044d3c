// What W&B wants to know of a file: length, MD5, SHA-256, in one reading.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { throwIfAborted } from '../../http/limits.ts';
import { readingArchive } from '../file-hash.ts';

export interface FileDigests {
  bytes: number;
  /** base64 */
  md5: string;
  /** Hex. */
  sha256: string;
}

/** @throws ExporterError `archive` if the file can't be read, `interrupted` */
export async function fileDigests(path: string, signal: AbortSignal): Promise<FileDigests> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let bytes = 0;
  await readingArchive(path, async () => {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      throwIfAborted(signal);
      md5.update(chunk);
      sha256.update(chunk);
      bytes += chunk.length;
    }
  });
  return { bytes, md5: md5.digest('base64'), sha256: sha256.digest('hex') };
}

/** MD5 of each part of a file, in hex. @param partBytes of all parts but the last */
export async function partDigests(
  path: string,
  bytes: number,
  partBytes: number,
  signal: AbortSignal,
): Promise<string[]> {
  const digests: string[] = [];
  for (let start = 0; start < bytes; start += partBytes) {
    const hash = createHash('md5');
    const end = Math.min(bytes, start + partBytes) - 1;
    for await (const chunk of createReadStream(path, { start, end, highWaterMark: 1 << 20 })) {
      throwIfAborted(signal);
      hash.update(chunk as Buffer);
    }
    digests.push(hash.digest('hex'));
  }
  return digests;
}
