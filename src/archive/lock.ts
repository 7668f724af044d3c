// Keeps two exports out of one folder: a lock of the operating system, which ends with its process however that ends.

import { realpath, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { diskError } from '../model/disk-error.ts';
import { ExporterError } from '../model/errors.ts';

/** Name of the lock file in a folder of the archive. Without content; there while an export works, or was killed. */
export const LOCK_NAME = '_lock';
/** What SQLite answers where the lock is another's: SQLITE_BUSY. */
const BUSY = 5;
/** Lowest byte of SQLite's errors of a file system, here one that knows no locks: SQLITE_IOERR. */
const NO_LOCKS = 10;

export interface FolderLock {
  /** Gives the folders free. */
  release(): Promise<void>;
}

/**
 * Takes folders, which must be there, for one writer. The lock is SQLite's on a file, as Node has no other way to the
 * operating system's: a process that was killed holds nothing, whatever a clock or a reused process id says.
 * @param onUnlockable told of a folder whose file system knows no locks; it is used without one
 * @throws ExporterError `locked` if another process, or another call of this one, has one of them; `disk`
 */
export async function lockFolders(
  folders: readonly string[],
  onUnlockable: (message: string) => void = () => {},
): Promise<FolderLock> {
  const held: FolderLock[] = [];
  const release = async () => {
    for (const lock of held.reverse()) await lock.release();
  };
  try {
    // A link to a folder is that folder.
    const real = await Promise.all(folders.map((path) => realpath(path).catch(() => resolve(path))));
    for (const folder of new Set(real)) {
      const lock = await lockFolder(folder);
      if (lock === 'unlockable')
        onUnlockable(`The file system of ${folder} knows no locks: don't export there twice at once.`);
      else held.push(lock);
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

async function lockFolder(folder: string): Promise<FolderLock | 'unlockable'> {
  const path = join(folder, LOCK_NAME);
  for (;;) {
    const lock = await tryLock(path, folder);
    if (lock) return lock;
  }
}

/**
 * Undefined if the lock file is not proven to be the one that others see: it was made just now, or its last holder
 * removed it meanwhile. Opening it by other means than SQLite's would end this process's own locks on it (POSIX).
 */
async function tryLock(path: string, folder: string): Promise<FolderLock | 'unlockable' | undefined> {
  const { DatabaseSync } = await loadSqlite();
  const before = await inodeOf(path);
  let database: InstanceType<typeof DatabaseSync> | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // Without a journal on disk no second file stands beside the lock.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === NO_LOCKS) {
      if (before === undefined) await rm(path, { force: true }).catch(() => {});
      return 'unlockable';
    }
    throw lockError(error, folder);
  }
  const mine = database;
  if (before === undefined || before !== (await inodeOf(path))) {
    mine.close();
    return undefined;
  }
  return {
    async release() {
      // Removed while it is still held: the next holder makes a new one. Windows keeps open files.
      await rm(path, { force: true }).catch(() => {});
      mine.close();
    },
  };
}

/** Node 22 warns that its SQLite may still change; what is used here has been the same since its first version. */
async function loadSqlite(): Promise<typeof import('node:sqlite')> {
  const warn = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return await import('node:sqlite');
  } finally {
    process.emitWarning = warn;
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found?.ino;
}

function lockError(error: unknown, folder: string): ExporterError {
  const { errcode } = error as { errcode?: number };
  if (errcode === BUSY) {
    return new ExporterError('locked', `Another export is writing to ${folder}.`, {
      hint: 'Wait until it has ended, or export to another folder.',
      cause: error,
    });
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && code !== 'ERR_SQLITE_ERROR') return diskError(error);
  return new ExporterError('disk', `The folder ${folder} can't be locked (${(error as Error).message}).`, {
    hint: 'Check that files can be written there, and that its file system knows locks.',
    cause: error,
  });
}
