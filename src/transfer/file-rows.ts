// Downloaded files on their way into the archive: where each goes on disk, and its row, gathered into batches.

import { join } from 'node:path';
import type { FileNamer } from '../archive/names.ts';
import type { ManifestFile } from '../archive/types.ts';
import type { Batch, FileRow } from '../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import { stepText } from '../model/steps.ts';
import type { RemoteFile } from '../sources/source.ts';
import type { DownloadJournal } from './download-journal.ts';

/** Rows that wait at most before they go to the writer. */
const ROWS_AT_ONCE = 256;

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
  readonly #series = new Map<string, SeriesRow[]>();
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
   * Downloads a file and adds its row. A file that can't be had gets a row without a path, and its failure is returned.
   * @throws ExporterError `disk`, `interrupted`
   */
  async add(file: RemoteFile): Promise<{ bytes: number } | { failure: Failure }> {
    const path = this.#namer.relativePath(file.attributePath, {
      ...(file.step === undefined ? {} : { step: file.step }),
      ...(file.mimeType === undefined ? {} : { mimeType: file.mimeType }),
    });
    try {
      const { bytes, sha256 } = await this.#fetch(file, path);
      this.manifest.push({
        attributePath: file.attributePath,
        attributeType: file.type,
        ...(file.step === undefined ? {} : { step: stepText(file.step) }),
        path,
        bytes,
        sha256,
      });
      await this.#row(file, path);
      return { bytes };
    } catch (error) {
      if (error instanceof ExporterError && (error.code === 'disk' || error.code === 'interrupted')) throw error;
      await this.#row(file, null);
      return { failure: failureOf(error, { path: file.attributePath, type: file.type }) };
    }
  }

  /** Takes over what an interrupted export of this run has fetched already. */
  async #fetch(file: RemoteFile, path: string): Promise<{ bytes: number; sha256: string }> {
    const there = await this.#journal.find(path, file.origin);
    if (there) return there;
    const fetched = await file.download(join(this.#projectFolder, path));
    this.#journal.add({ path, origin: file.origin, ...fetched });
    return fetched;
  }

  async #row(file: RemoteFile, path: string | null): Promise<void> {
    if (file.type === 'file_series') {
      const rows = this.#series.get(file.attributePath) ?? [];
      this.#series.set(file.attributePath, rows);
      rows.push({ step: file.step ?? 0n, timestamp: file.timestamp ?? 0n, value: path });
    } else {
      this.#files.push({ path: file.attributePath, type: file.type, file: path });
    }
    if (++this.#waiting >= ROWS_AT_ONCE) await this.flush();
  }

  /** Hands the waiting rows to the writer. */
  async flush(): Promise<void> {
    const files = this.#files;
    const series = [...this.#series];
    this.#files = [];
    this.#series.clear();
    this.#waiting = 0;
    if (files.length > 0) await this.#append({ kind: 'files', rows: files });
    for (const [path, rows] of series) {
      // Downloads end in any order.
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
