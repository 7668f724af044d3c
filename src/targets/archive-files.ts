// The files of an archive on their way to a target: where they lie, and whether they are what was exported.

import { access, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExporterError } from '../model/errors.ts';
import { normalRelativePath } from '../model/plain-name.ts';
import { fileHash, readingArchive } from './file-hash.ts';
import type { ExpectedFile, OpenOptions } from './target.ts';

const OF_ONE_FILE = ['not_found', 'server', 'wrong_server', 'archive', 'unsupported'];

/** Whether an error of an upload concerns that file only, and becomes a failure of its attribute; all others end the run. */
export function isOfOneFile(error: unknown): boolean {
  return error instanceof ExporterError && OF_ONE_FILE.includes(error.code);
}

/**
 * A path of the archive on this disk. An archive may come from anywhere: its paths must stay below its files.
 * @throws ExporterError `archive`
 */
export async function archiveFile(
  { filesDirectory, locate }: { filesDirectory: string; locate?: OpenOptions['locate'] | undefined },
  file: string,
): Promise<string> {
  const place = normalRelativePath(file);
  if (place === undefined) {
    throw new ExporterError('archive', `The archive names a file outside its own folder: '${file}'.`);
  }
  return locate ? locate(place) : join(filesDirectory, place);
}

/** Before anything of it is sent: a damaged file must not take the place of a whole one. @throws ExporterError `archive` */
export async function checkFile(
  source: string,
  expected: ExpectedFile | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (!expected) {
    // A file that can't be read is told as such, not as a broken upload.
    await readingArchive(source, () => access(source, constants.R_OK));
    return;
  }
  const { size } = await readingArchive(source, () => stat(source));
  if (size !== expected.bytes) {
    throw new ExporterError(
      'archive',
      `The file ${source} is damaged: it has ${size} bytes, exported were ${expected.bytes}.`,
    );
  }
  if ((await fileHash(source, signal)) !== expected.sha256) {
    throw new ExporterError('archive', `The file ${source} is damaged: its content is not what was exported.`);
  }
}
