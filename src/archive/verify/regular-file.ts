// Opens what must be a plain file, never a link, a pipe or a folder; and hashes it in pieces.

import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';

const CHUNK = 1 << 20;
/** A link that takes the file's place after it was looked at is refused, a pipe doesn't keep the opening waiting. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Buffers that no file uses right now. */
const spare: Buffer[] = [];

/** What a task needs of the one that runs it. */
export interface TaskContext {
  /** Told of bytes that were read. */
  bytes(count: number): void;
  /** Called now and then. @throws to end the task */
  check(): void;
}

/** What lies at a path other than a plain file. */
export function oddityOf(found: Stats): string | undefined {
  if (found.isFile()) return undefined;
  if (found.isSymbolicLink()) return 'a link';
  if (found.isDirectory()) return 'a folder';
  return 'something that is no file';
}

/** What the file system says of a path itself, undefined if nothing is there. */
export async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A file in a folder's place has nothing below it; a name too long for the system can't be there.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

/**
 * Finds the first folder on the way from `root` (which may be a link itself) to a file that is a link.
 * @param path below the root, in parts
 * @param known folders that were looked at already
 */
export async function linkOnTheWay(
  root: string,
  path: readonly string[],
  known: Set<string>,
): Promise<string | undefined> {
  let at = root;
  for (const part of path.slice(0, -1)) {
    at = join(at, part);
    if (known.has(at)) continue;
    if ((await look(at))?.isSymbolicLink()) return at;
    known.add(at);
  }
  return undefined;
}

/** Opens a plain file for a task. */
export async function useFile<T>(path: string, task: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, FLAGS);
  try {
    return await task(file);
  } finally {
    await file.close();
  }
}

/** Size and SHA-256 (hex) of a file. The next piece is read while one is hashed. */
export async function hashFile(file: FileHandle, context: TaskContext): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let [current, next] = [spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK), spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK)];
  let bytes = 0;
  let { bytesRead } = await file.read(current, 0, CHUNK, 0);
  while (bytesRead > 0) {
    context.check();
    const ahead = file.read(next, 0, CHUNK, bytes + bytesRead);
    hash.update(bytesRead === CHUNK ? current : current.subarray(0, bytesRead));
    bytes += bytesRead;
    context.bytes(bytesRead);
    [current, next] = [next, current];
    ({ bytesRead } = await ahead);
  }
  spare.push(current, next);
  return { bytes, sha256: hash.digest('hex') };
}

/** What an error of the file system says, in words; undefined for any other error. */
export function refusal(error: unknown): string | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code !== undefined && syscall !== undefined ? `it can't be read (${code})` : undefined;
}
