// Downloaded files on their way into the archive: where each goes on disk, and its row, gathered into batches.

import { join, posix } from 'node:path';
import { type FileNames, POINT_NAME } from '../archive/names.ts';
import type { ManifestFile, SkippedFile } from '../archive/types.ts';
import type { Batch, FileRow } from '../model/batches.ts';
import { ExporterError, type Failure, FileTooLarge, failureOf } from '../model/errors.ts';
import { stepText } from '../model/steps.ts';
import type { RemoteFile } from '../sources/source.ts';
import type { DownloadJournal, JournalFile } from './download-journal.ts';

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
  timestamp: bigint | undefined;
  value: string | null;
}

export interface FileRowsOptions {
  /** Where the files go: the project's folder of files, or where they wait until the run replaces an earlier one. */
  folder: string;
  names: FileNames;
  journal: DownloadJournal;
  /** Bytes: larger files are left out. */
  maxFileSize?: number | undefined;
  /** Told whenever something comes. */
  moved: () => void;
  append: (batch: Batch) => Promise<void>;
}

/** The files of one run. */
export class FileRows {
  /** Every file that is on disk, for the manifest. */
  readonly manifest: ManifestFile[] = [];
  /** Every file that was left out by choice. */
  readonly skipped: SkippedFile[] = [];
  readonly #options: FileRowsOptions;
  #files: FileRow[] = [];
  readonly #series = new Map<string, SeriesRows>();
  #waiting = 0;

  constructor(options: FileRowsOptions) {
    this.#options = options;
  }

  /**
   * Downloads a file and adds its row. A file that can't be had, or is too large to be wanted, gets a row without a
   * path. What is wrong is returned.
   * @throws ExporterError what isn't this file's own fault: `disk`, `interrupted`, `token_refused`, `offline`
   */
  async add(file: RemoteFile): Promise<{ bytes: number; failure?: Failure }> {
    const { attributePath, type } = file;
    const place = this.#options.names.relativePath(attributePath, {
      ...(file.step === undefined ? {} : { step: file.step }),
      ...(file.mimeType === undefined ? {} : { mimeType: file.mimeType }),
    });
    const step = file.step === undefined ? {} : { step: stepText(file.step) };
    const rows = file.type === 'file_series' ? this.#rowsOf(file.attributePath) : undefined;
    if (rows) rows.underWay++;
    let fetched: (JournalFile & { flaw?: string }) | undefined;
    let failure: Failure | undefined;
    try {
      fetched = await this.#fetch(file, place);
      const details = { ...file.details, ...fetched.details };
      this.manifest.push({
        attributePath,
        attributeType: type,
        ...step,
        path: fetched.path,
        bytes: fetched.bytes,
        sha256: fetched.sha256,
        ...(Object.keys(details).length > 0 ? { details } : {}),
      });
      failure = flawFailure(file, fetched.flaw) ?? sizeFailure(file, fetched.bytes);
    } catch (error) {
      if (error instanceof ExporterError && NOT_THE_FILES.has(error.code)) throw error;
      if (error instanceof FileTooLarge) {
        this.skipped.push({ attributePath, attributeType: type, ...step, bytes: error.bytes });
      } else {
        failure = failureOf(error, { path: attributePath, type });
      }
    }
    if (rows) rows.underWay--;
    // The zip of a file set has a name of the server's; its row tells the folder, as the official exporter's does.
    await this.#row(file, fetched ? (type === 'file_set' ? place : fetched.path) : null);
    return { bytes: fetched?.bytes ?? 0, ...(failure ? { failure } : {}) };
  }

  /** Takes over what an interrupted export of this run has fetched already. @throws FileTooLarge */
  async #fetch(file: RemoteFile, place: string): Promise<JournalFile & { flaw?: string }> {
    const { folder, journal, maxFileSize } = this.#options;
    const check = (bytes: number | undefined) => {
      if (bytes !== undefined && maxFileSize !== undefined && bytes > maxFileSize) {
        throw new FileTooLarge(bytes, maxFileSize);
      }
    };
    check(file.size);
    const there = await (file.namedByAnswer ? journal.findIn(place, file.origin) : journal.find(place, file.origin));
    check(there?.bytes);
    if (there) return there;
    const limits = { onBytes: this.#options.moved, ...(maxFileSize === undefined ? {} : { maxBytes: maxFileSize }) };
    journal.begin(file.namedByAnswer ? place : posix.dirname(place));
    const { name, flaw, ...fetched } = await file.download(join(folder, place), limits);
    const whole = { path: file.namedByAnswer ? `${place}/${answeredName(file, name)}` : place, ...fetched };
    // What is flawed, or of another size than told, is to be fetched again by the next export.
    if (flaw !== undefined) return { ...whole, flaw };
    if (sizeFailure(file, whole.bytes)) return whole;
    journal.add(whole, file.origin);
    return whole;
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
        timestamp: file.timestamp,
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
    const { append } = this.#options;
    if (files.length > 0) await append({ kind: 'files', rows: files });
    for (const [path, { rows }] of series) {
      rows.sort((a, b) => (a.step < b.step ? -1 : a.step > b.step ? 1 : 0));
      const timed = rows.every(({ timestamp }) => timestamp !== undefined);
      await append({
        kind: 'file_series',
        path,
        length: rows.length,
        steps: BigInt64Array.from(rows, ({ step }) => step),
        timestamps: BigInt64Array.from(rows, ({ timestamp }) => timestamp ?? 0n),
        ...(timed ? {} : { timestampValid: Uint8Array.from(rows, ({ timestamp }) => Number(timestamp !== undefined)) }),
        values: rows.map(({ value }) => value),
      });
    }
  }
}

/** The name that the server gave a file in its folder. */
function answeredName(file: RemoteFile, name: string | undefined): string {
  if (name === undefined) throw new Error(`the download of ${file.attributePath} tells no name`);
  // Names of other attributes in the folder were chosen so that they can't be a point's.
  if (file.type === 'file_series' && !POINT_NAME.test(name)) {
    throw new Error(`the download of ${file.attributePath} names a point ${name}`);
  }
  return name;
}

/** A file that is kept though its content shows that something is missing. */
function flawFailure(file: RemoteFile, flaw: string | undefined): Failure | undefined {
  if (flaw === undefined) return undefined;
  const error = new ExporterError('bad_answer', `${flaw} It is kept as it is.`);
  return failureOf(error, { path: file.attributePath, type: file.type });
}

/** A file that is kept though the source told another size; that of a file set is not its zip's. */
function sizeFailure(file: RemoteFile, bytes: number): Failure | undefined {
  if (file.type === 'file_set') return undefined;
  if (file.size === undefined || file.size === bytes) return undefined;
  const text = `The source says that the file has ${file.size} bytes, but its storage has ${bytes}: these are kept.`;
  return failureOf(new ExporterError('bad_answer', text), { path: file.attributePath, type: file.type });
}
