// The digest of a run's content in the archive: tells whether a target has this very content.

import { createHash } from 'node:crypto';
import { placeOf } from '../archive/reader.ts';
import type { ArchiveRun } from '../archive/types.ts';
import { ExporterError } from '../model/errors.ts';
import { fileHash } from '../targets/file-hash.ts';

/**
 * SHA-256 over the hashes of the run's parts, in hex. The parts are always read: the manifest says what was written,
 * not what has become of it on the disk.
 * @throws ExporterError `archive` if a part can't be read, or isn't the one that the manifest tells of
 */
export async function contentDigest(run: ArchiveRun, signal?: AbortSignal): Promise<string> {
  const hashes = await Array.fromAsync(run.parts, async (path) => fileHash(await placeOf(path), signal));
  for (const [index, part] of (run.manifest?.parts ?? []).entries()) {
    if (part.sha256 === hashes[index]) continue;
    throw new ExporterError('archive', `The part ${part.name} is damaged: it is not what was exported.`, {
      hint: 'Export this run again, or bring the file back from a copy.',
    });
  }
  return createHash('sha256').update(hashes.join('\n')).digest('hex');
}
