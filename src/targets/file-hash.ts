// The hash of a file on disk, as manifests have it.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { throwIfAborted } from '../http/limits.ts';
import { onDisk } from '../model/disk-error.ts';

/** SHA-256 in hex. @throws ExporterError `disk`, `interrupted` */
export async function fileHash(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await onDisk(async () => {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      throwIfAborted(signal);
      hash.update(chunk as Buffer);
    }
  });
  return hash.digest('hex');
}
