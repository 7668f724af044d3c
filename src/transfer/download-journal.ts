// Marks a run whose export is under way, and remembers which of its files are on disk, so that it can go on if it is interrupted.

import { appendFileSync } from 'node:fs';
import { appendFile, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskError, onDisk } from '../model/disk-error.ts';
import { fileHash } from '../targets/file-hash.ts';

interface Entry {
  /** Below the project's files folder. */
  path: string;
  /** RemoteFile.origin. */
  origin: string;
  bytes: number;
  sha256: string;
}

/**
 * A line a file, appended when the file is whole and at its place. The journal is there from the run's beginning until
 * its manifest says that it is complete: a run with a journal and without a manifest was interrupted (see `findRun`).
 */
export class DownloadJournal {
  readonly #file: string;
  readonly #folder: string;
  readonly #entries: Map<string, Entry>;

  private constructor(file: string, folder: string, entries: Map<string, Entry>) {
    this.#file = file;
    this.#folder = folder;
    this.#entries = entries;
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
    const entries = new Map<string, Entry>();
    for (const line of text.split('\n')) {
      const entry = parse(line);
      if (entry) entries.set(entry.path, entry);
    }
    return new DownloadJournal(file, folder, entries);
  }

  /** The file, if an earlier process fetched just this content to just this place, and it is still there unharmed. */
  async find(path: string, origin: string): Promise<{ bytes: number; sha256: string } | undefined> {
    const entry = this.#entries.get(path);
    if (entry?.origin !== origin) return undefined;
    const target = join(this.#folder, path);
    const there = await stat(target).catch(() => undefined);
    if (!there?.isFile() || there.size !== entry.bytes) return undefined;
    return (await fileHash(target)) === entry.sha256 ? { bytes: entry.bytes, sha256: entry.sha256 } : undefined;
  }

  add(entry: Entry): void {
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

/** Undefined for a line that was cut by the end of its process. */
function parse(line: string): Entry | undefined {
  try {
    const { path, origin, bytes, sha256 } = JSON.parse(line) as Record<string, unknown>;
    const whole =
      typeof path === 'string' && typeof origin === 'string' && typeof bytes === 'number' && typeof sha256 === 'string';
    return whole ? { path, origin, bytes, sha256 } : undefined;
  } catch {
    return undefined;
  }
}
