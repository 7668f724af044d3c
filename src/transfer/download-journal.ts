// Marks a run whose export is under way, and remembers which of its files are on disk, so that it can go on if it is interrupted.

import { appendFileSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { isSafeRelativePath } from '../archive/manifest.ts';
import { diskError, onDisk } from '../model/disk-error.ts';
import { fileHash } from '../targets/file-hash.ts';

/** A file that is whole at its place. */
export interface JournalFile {
  /** Below the project's files folder. */
  path: string;
  bytes: number;
  sha256: string;
  /** DownloadedFile.details. */
  details?: Record<string, string>;
}

interface Entry extends JournalFile {
  /** RemoteFile.origin. */
  origin: string;
}

/**
 * A line a file, appended when the file is whole and at its place. The journal is there from the run's beginning until
 * its manifest says that it is complete: a run with a journal and without a manifest was interrupted (see `findRun`).
 */
export class DownloadJournal {
  readonly #file: string;
  readonly #folder: string;
  readonly #byPath = new Map<string, Entry>();
  /** By folder and origin. */
  readonly #inFolder = new Map<string, Entry>();

  private constructor(file: string, folder: string, entries: Entry[]) {
    this.#file = file;
    this.#folder = folder;
    for (const entry of entries) {
      this.#byPath.set(entry.path, entry);
      this.#inFolder.set(inFolder(posix.dirname(entry.path), entry.origin), entry);
    }
  }

  /**
   * @param file path of the journal
   * @param folder of the project's files
   * @throws ExporterError `disk`
   */
  static async open(file: string, folder: string): Promise<DownloadJournal> {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw diskError(error);
    });
    await onDisk(async () => {
      await mkdir(dirname(file), { recursive: true });
      await appendFile(file, '');
    });
    return new DownloadJournal(
      file,
      folder,
      text.split('\n').flatMap((line) => parse(line) ?? []),
    );
  }

  /** The file, if an earlier process fetched just this content to just this place, and it is still there unharmed. */
  find(path: string, origin: string): Promise<JournalFile | undefined> {
    const entry = this.#byPath.get(path);
    return this.#unharmed(entry?.origin === origin ? entry : undefined);
  }

  /** Like `find`, for a file whose name in its folder only the server knows. */
  findIn(folder: string, origin: string): Promise<JournalFile | undefined> {
    return this.#unharmed(this.#inFolder.get(inFolder(folder, origin)));
  }

  async #unharmed(entry: Entry | undefined): Promise<JournalFile | undefined> {
    if (!entry) return undefined;
    const { origin: _, ...file } = entry;
    const target = join(this.#folder, file.path);
    const there = await stat(target).catch(() => undefined);
    if (!there?.isFile() || there.size !== file.bytes) return undefined;
    return (await fileHash(target)) === file.sha256 ? file : undefined;
  }

  add(file: JournalFile, origin: string): void {
    const entry: Entry = { ...file, origin };
    try {
      appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      throw diskError(error);
    }
  }

  async remove(): Promise<void> {
    await onDisk(() => rm(this.#file, { force: true }));
  }
}

function inFolder(folder: string, origin: string): string {
  return `${folder}\0${origin}`;
}

/** Undefined for a line that was cut by the end of its process. */
function parse(line: string): Entry | undefined {
  try {
    const { path, origin, bytes, sha256, details } = JSON.parse(line) as Record<string, unknown>;
    const whole =
      typeof path === 'string' && typeof origin === 'string' && typeof bytes === 'number' && typeof sha256 === 'string';
    if (!whole || !isSafeRelativePath(path)) return undefined;
    return { path, origin, bytes, sha256, ...(isTextMap(details) ? { details } : {}) };
  } catch {
    return undefined;
  }
}

function isTextMap(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string');
}
