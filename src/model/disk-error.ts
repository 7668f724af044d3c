// Puts errors of the file system in words.

import { ExporterError } from './errors.ts';

const FREE_SPACE = 'Free some space and start again: what is done stays done.';
const LARGER = 'Choose a folder on another file system, or raise the limit (ulimit -f); then start again.';
const OTHER_FOLDER = 'Choose another folder, or change its permissions.';

/** Full disk, no permission, read-only, a name too long: what happened, where, and what to do. */
export function diskError(error: unknown): ExporterError {
  if (error instanceof ExporterError) return error;
  const { code, path, message } = error as NodeJS.ErrnoException;
  const where = path ? `: ${path}` : '';
  const sentences: Record<string, [string, string]> = {
    ENOSPC: ['The disk is full', FREE_SPACE],
    EFBIG: ['The file is larger than the file system, or a limit of this process, allows', LARGER],
    EDQUOT: ['The disk quota is used up', FREE_SPACE],
    EACCES: ['No permission for this path', OTHER_FOLDER],
    EPERM: ['No permission for this path', OTHER_FOLDER],
    EROFS: ['The file system is read-only', OTHER_FOLDER],
    ENOTDIR: ['A file is where a folder should be', OTHER_FOLDER],
    EEXIST: ['Something else is already at this path', OTHER_FOLDER],
    EISDIR: ['A folder is where a file should be', OTHER_FOLDER],
    ENAMETOOLONG: ['The path is too long for this file system', 'Choose a folder with a shorter path.'],
  };
  const known = code === undefined ? undefined : sentences[code];
  const [sentence, hint] = known ?? [`The file system failed (${message})`, 'Check the disk.'];
  return new ExporterError('disk', `${sentence}${known ? where : ''}.`, { hint, cause: error });
}

/** Runs a task on the file system, turning its errors into ExporterErrors of code `disk`. */
export async function onDisk<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw diskError(error);
  }
}
