// What of a run's attributes is there, counted: of an earlier export, or of the one under way.

import { countAttributes } from '../archive/attribute-counts.ts';
import type { ArchiveRun, ManifestFile } from '../archive/types.ts';
import type { Batch } from '../model/batches.ts';
import { ExporterError } from '../model/errors.ts';

/** Names a point of a file series, or a single file. */
export function fileKey(attributePath: string, step: string | undefined): string {
  return `${attributePath}\0${step ?? ''}`;
}

/** Rows by attribute path, and which files are there. */
export class RunContent {
  readonly #rows = new Map<string, number>();
  /** Files by `fileKey`. */
  readonly #files = new Map<string, ManifestFile>();

  /**
   * Of a run in the archive.
   * @throws ExporterError `archive` if it can't be read
   */
  static async of(run: ArchiveRun): Promise<RunContent> {
    const content = new RunContent();
    for (const rows of (await countAttributes(run)).values()) {
      for (const [path, count] of rows) content.#addRows(path, count);
    }
    content.addFiles(run.manifest?.files ?? []);
    return content;
  }

  /** Of those parts of a run that can still be read. */
  static async ofReadable(run: ArchiveRun): Promise<RunContent> {
    const content = new RunContent();
    for (const part of run.parts) {
      try {
        const { manifest: _, ...rest } = run;
        const readable = await RunContent.of({ ...rest, parts: [part] });
        for (const [path, count] of readable.#rows) content.#addRows(path, count);
      } catch (error) {
        if (!(error instanceof ExporterError && error.code === 'archive')) throw error;
      }
    }
    content.addFiles(run.manifest?.files ?? []);
    return content;
  }

  add(batch: Batch): void {
    if (batch.kind === 'scalars' || batch.kind === 'files') for (const { path } of batch.rows) this.#addRows(path, 1);
    else this.#addRows(batch.path, batch.length);
  }

  #addRows(path: string, rows: number): void {
    this.#rows.set(path, (this.#rows.get(path) ?? 0) + rows);
  }

  addFiles(files: readonly ManifestFile[]): void {
    for (const file of files) if (file.path !== null) this.#files.set(fileKey(file.attributePath, file.step), file);
  }

  has(path: string): boolean {
    return this.#rows.has(path);
  }

  rows(path: string): number {
    return this.#rows.get(path) ?? 0;
  }

  file(attributePath: string, step: string | undefined): ManifestFile | undefined {
    return this.#files.get(fileKey(attributePath, step));
  }

  /** True if this has all rows and files that the other has of some attributes. */
  holds(other: RunContent, paths: ReadonlySet<string>): boolean {
    for (const path of paths) if (this.rows(path) < other.rows(path)) return false;
    for (const [key, { attributePath }] of other.#files) {
      if (paths.has(attributePath) && !this.#files.has(key)) return false;
    }
    return true;
  }
}
