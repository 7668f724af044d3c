// Marks a run whose export is under way, and remembers which of its files are on disk, so that it can go on if it is interrupted.

import { appendFileSync } from 'node:fs';
import { appendFile, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { isSafeRelativePath } from '../archive/manifest.ts';
import { diskError, onDisk } from '../model/disk-error.ts';
import { fileHash } from '../targets/file-hash.ts';

/** A file that is whole at its place, or staged for it. */
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
  /** RunRef.modifiedAt when it was fetched. */
  modifiedAt?: number;
}

export interface JournalOptions {
  /** Path of the journal. */
  file: string;
  /** The project's folder of files. */
  folder: string;
  /** Where files wait that are to replace those of an earlier export, see `stagedFolder`. */
  staged: string;
  /** When the run changed last at the source: what was fetched before that may be another content by now. */
  modifiedAt: number | undefined;
}

/**
 * A line a file, appended when the file is whole, and a line a folder in which downloads begin. The journal is there from the run's beginning until its manifest says
 * that it is complete.
 */
export class DownloadJournal {
  readonly #options: JournalOptions;
  readonly #byPath = new Map<string, Entry>();
  /** By folder and origin. */
  readonly #inFolder = new Map<string, Entry>();
  /** Paths of all files that earlier processes fetched for the run, be they of no use by now. */
  readonly paths: ReadonlySet<string>;
  /** Folders in which earlier processes began downloads: what they left there is of no use. */
  readonly folders: ReadonlySet<string>;
  readonly #begun = new Set<string>();

  private constructor(options: JournalOptions, entries: Entry[], folders: ReadonlySet<string>) {
    this.#options = options;
    this.paths = new Set(entries.map(({ path }) => path));
    this.folders = folders;
    for (const entry of entries) {
      if (entry.modifiedAt !== options.modifiedAt) continue;
      this.#byPath.set(entry.path, entry);
      this.#inFolder.set(inFolder(posix.dirname(entry.path), entry.origin), entry);
    }
  }

  /** @throws ExporterError `disk` */
  static async open(options: JournalOptions): Promise<DownloadJournal> {
    const { file } = options;
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw diskError(error);
    });
    await onDisk(async () => {
      await mkdir(dirname(file), { recursive: true });
      // A line that was cut by the end of its process must not swallow the next one.
      await appendFile(file, text === '' || text.endsWith('\n') ? '' : '\n');
    });
    const lines = text.split('\n');
    const entries = lines.flatMap((line) => parse(line) ?? []);
    return new DownloadJournal(options, entries, new Set(lines.flatMap((line) => parseFolder(line) ?? [])));
  }

  /** The file, if an earlier process fetched just this content for just this place, and it is still there unharmed. */
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
    const { origin: _, modifiedAt: __, ...file } = entry;
    // A staged one comes first: it is what will be put in place.
    for (const folder of [this.#options.staged, this.#options.folder]) {
      const target = join(folder, file.path);
      const there = await stat(target).catch(() => undefined);
      if (there?.isFile())
        return there.size === file.bytes && (await fileHash(target)) === file.sha256 ? file : undefined;
    }
    return undefined;
  }

  /** Takes down that a download begins in a folder, by its path below the project's files folder. */
  begin(folder: string): void {
    if (this.#begun.has(folder)) return;
    this.#begun.add(folder);
    this.#append({ folder });
  }

  add(file: JournalFile, origin: string): void {
    const { modifiedAt } = this.#options;
    const entry: Entry = { ...file, origin, ...(modifiedAt === undefined ? {} : { modifiedAt }) };
    this.#append(entry);
  }

  #append(line: Entry | { folder: string }): void {
    try {
      appendFileSync(this.#options.file, `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw diskError(error);
    }
  }
}

function inFolder(folder: string, origin: string): string {
  return `${folder}\0${origin}`;
}

/** Undefined for a line that was cut by the end of its process. */
function parse(line: string): Entry | undefined {
  try {
    const { path, origin, bytes, sha256, details, modifiedAt } = JSON.parse(line) as Record<string, unknown>;
    const whole =
      typeof path === 'string' && typeof origin === 'string' && typeof bytes === 'number' && typeof sha256 === 'string';
    if (!whole || !isSafeRelativePath(path)) return undefined;
    return {
      path,
      origin,
      bytes,
      sha256,
      ...(isTextMap(details) ? { details } : {}),
      ...(typeof modifiedAt === 'number' ? { modifiedAt } : {}),
    };
  } catch {
    return undefined;
  }
}

/** The folder that a line of `begin` tells. */
function parseFolder(line: string): string | undefined {
  try {
    const { folder } = JSON.parse(line) as Record<string, unknown>;
    return typeof folder === 'string' && isSafeRelativePath(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function isTextMap(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string');
}
