// Downloaded files on their way into the archive: where each goes on disk, and its row, gathered into batches.

import { join } from 'node:path';
import type { FileNamer } from '../archive/names.ts';
import type { ManifestFile } from '../archive/types.ts';
import type { Batch, FileRow } from '../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import { stepText } from '../model/steps.ts';
import type { RemoteFile } from '../sources/source.ts';
import type { DownloadJournal } from './download-journal.ts';

/** Codes of errors that concern more than one file. */
const NOT_THE_FILES = new Set(['disk', 'interrupted', 'token_refused', 'offline']);
/** Rows that wait at most before they go to the writer. */
const ROWS_AT_ONCE = 256;

/** Rows of one series: in the order of their steps once no download of it is under way. */
interface SeriesRows {
  underWay: number;
  rows: SeriesRow[];
}

interface SeriesRow {
  step: bigint;
  timestamp: bigint;
  value: string | null;
}

/** The files of one run. */
export class FileRows {
  /** Every file that is on disk, for the manifest. */
  readonly manifest: ManifestFile[] = [];
  readonly #projectFolder: string;
  readonly #namer: FileNamer;
  readonly #journal: DownloadJournal;
  readonly #append: (batch: Batch) => Promise<void>;
  #files: FileRow[] = [];
  readonly #series = new Map<string, SeriesRows>();
  #waiting = 0;

  constructor(
    projectFolder: string,
    namer: FileNamer,
    journal: DownloadJournal,
    append: (batch: Batch) => Promise<void>,
  ) {
    this.#projectFolder = projectFolder;
    this.#journal = journal;
    this.#namer = namer;
    this.#append = append;
  }

  /**
   * Downloads a file and adds its row. A file that can't be had gets a row without a path. What is wrong is returned.
   * @throws ExporterError what isn't this file's own fault: `disk`, `interrupted`, `token_refused`, `offline`
   */
  async add(file: RemoteFile): Promise<{ bytes: number; failure?: Failure }> {
    const path = this.#namer.relativePath(file.attributePath, {
      ...(file.step === undefined ? {} : { step: file.step }),
      ...(file.mimeType === undefined ? {} : { mimeType: file.mimeType }),
    });
    const rows = file.type === 'file_series' ? this.#rowsOf(file.attributePath) : undefined;
    if (rows) rows.underWay++;
    let fetched: { bytes: number; sha256: string } | undefined;
    let failure: Failure | undefined;
    try {
      fetched = await this.#fetch(file, path);
      this.manifest.push({
        attributePath: file.attributePath,
        attributeType: file.type,
        ...(file.step === undefined ? {} : { step: stepText(file.step) }),
        path,
        ...fetched,
      });
      failure = sizeFailure(file, fetched.bytes);
    } catch (error) {
      if (error instanceof ExporterError && NOT_THE_FILES.has(error.code)) throw error;
      failure = failureOf(error, { path: file.attributePath, type: file.type });
    }
    if (rows) rows.underWay--;
    await this.#row(file, fetched ? path : null);
    return { bytes: fetched?.bytes ?? 0, ...(failure ? { failure } : {}) };
  }

  /** Takes over what an interrupted export of this run has fetched already. */
  async #fetch(file: RemoteFile, path: string): Promise<{ bytes: number; sha256: string }> {
    const there = await this.#journal.find(path, file.origin);
    if (there) return there;
    const fetched = await file.download(join(this.#projectFolder, path));
    this.#journal.add({ path, origin: file.origin, ...fetched });
    return fetched;
  }

  #rowsOf(attributePath: string): SeriesRows {
    let rows = this.#series.get(attributePath);
    if (!rows) {
      rows = { underWay: 0, rows: [] };
      this.#series.set(attributePath, rows);
    }
    return rows;
  }

  async #row(file: RemoteFile, path: string | null): Promise<void> {
    if (file.type === 'file_series') {
      this.#rowsOf(file.attributePath).rows.push({
        step: file.step ?? 0n,
        timestamp: file.timestamp ?? 0n,
        value: path,
      });
    } else {
      this.#files.push({ path: file.attributePath, type: file.type, file: path });
    }
    if (++this.#waiting >= ROWS_AT_ONCE) await this.flush();
  }

  /** Hands rows that wait to the writer; those of a series only when no earlier step of it can still come. */
  async flush(): Promise<void> {
    const files = this.#files;
    const series = [...this.#series].filter(([, { underWay, rows }]) => underWay === 0 && rows.length > 0);
    this.#files = [];
    for (const [path] of series) this.#series.delete(path);
    this.#waiting = 0;
    if (files.length > 0) await this.#append({ kind: 'files', rows: files });
    for (const [path, { rows }] of series) {
      rows.sort((a, b) => (a.step < b.step ? -1 : a.step > b.step ? 1 : 0));
      await this.#append({
        kind: 'file_series',
        path,
        length: rows.length,
        steps: BigInt64Array.from(rows, ({ step }) => step),
        timestamps: BigInt64Array.from(rows, ({ timestamp }) => timestamp),
        values: rows.map(({ value }) => value),
      });
    }
  }
}

/** A file that is kept though the source told another size. */
function sizeFailure(file: RemoteFile, bytes: number): Failure | undefined {
  if (file.size === undefined || file.size === bytes) return undefined;
  const text = `The source says that the file has ${file.size} bytes, but its storage has ${bytes}: these are kept.`;
  return failureOf(new ExporterError('bad_answer', text), { path: file.attributePath, type: file.type });
}
