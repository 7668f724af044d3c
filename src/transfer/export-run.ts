// One run on its way into the archive: its parts, its files, its failures, and at the end its manifest.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { findRun, journalPath } from '../archive/find-run.ts';
import { writeManifest } from '../archive/manifest.ts';
import { diskName, FileNamer, type FileNames, Neptune2FileNamer } from '../archive/names.ts';
import { MANIFEST_VERSION, type Manifest, type SkippedFile } from '../archive/types.ts';
import { RunWriter } from '../archive/writer.ts';
import type { FileType } from '../model/attributes.ts';
import { type Batch, rowCount } from '../model/batches.ts';
import type { Failure } from '../model/errors.ts';
import type { RunRef, Selection } from '../model/runs.ts';
import type { RemoteFile, Source } from '../sources/source.ts';
import { DownloadJournal } from './download-journal.ts';
import { FileRows } from './file-rows.ts';
import type { RunFolders } from './run-folders.ts';
import { coversSelection, recordSelection } from './selection-record.ts';
import type { WriteBudget } from './write-budget.ts';

export interface RunExportOptions {
  source: Source;
  selection: Selection;
  dataPath: string;
  filesPath: string;
  writtenBy: string;
  folders: RunFolders;
  budget: WriteBudget;
}

/** What a run came to. */
export interface FinishedRun {
  rows: number;
  files: number;
  bytes: number;
  skippedFiles: number;
  skippedBytes: number;
  failures: Failure[];
}

type FileAttributes = { path: string; mimeType?: string; type: FileType | 'file_series' }[];

export class RunExport {
  readonly #run: RunRef;
  readonly #options: RunExportOptions;
  readonly #writer: RunWriter;
  readonly #journal: DownloadJournal;
  readonly #exportId: string;
  readonly #previous: Manifest | undefined;
  readonly failures: Failure[] = [];
  #files: FileRows | undefined;
  #rows = 0;

  private constructor(
    run: RunRef,
    options: RunExportOptions,
    writer: RunWriter,
    journal: DownloadJournal,
    exportId: string,
    previous: Manifest | undefined,
  ) {
    this.#run = run;
    this.#options = options;
    this.#writer = writer;
    this.#journal = journal;
    this.#exportId = exportId;
    this.#previous = previous;
  }

  /** Begins a run; what an interrupted or partial export left of it is replaced at the end. @throws ExporterError `disk` */
  static async open(run: RunRef, options: RunExportOptions): Promise<RunExport> {
    const { dataPath } = options;
    const { projectId, runId, scope } = run;
    const mayExist = options.folders.hasFiles(runId);
    const scoped = scope === undefined ? {} : { scope };
    const exportId = randomUUID();
    const writer = await RunWriter.create({ dataPath, projectId, runId, ...scoped, exportId, replace: true, mayExist });
    const journal = await DownloadJournal.open(
      journalPath(dataPath, projectId, runId, scope),
      join(options.filesPath, diskName(projectId)),
    );
    options.budget.add(writer);
    const there = mayExist ? await findRun(dataPath, projectId, runId, scope) : undefined;
    return new RunExport(run, options, writer, journal, exportId, there?.manifest);
  }

  async append(batch: Batch): Promise<void> {
    await this.#writer.append(batch);
    await this.#options.budget.settle();
    this.#rows += rowCount(batch);
  }

  fileAttributes(attributes: FileAttributes): void {
    const folder = join(this.#options.filesPath, diskName(this.#run.projectId));
    this.#files = new FileRows({
      folder,
      names: this.#names(folder, attributes),
      journal: this.#journal,
      maxFileSize: this.#options.selection.maxFileSize,
      append: (batch) => this.append(batch),
    });
  }

  /** The layout is that of the official tool for the version of Neptune. */
  #names(folder: string, attributes: FileAttributes): FileNames {
    const { source, folders } = this.#options;
    const { projectId, runId, scope } = this.#run;
    const plain = folders.plainFolder(runId);
    const plainFolder = plain === undefined ? {} : { plainFolder: plain };
    if (source.name === 'neptune3')
      return new FileNamer({ projectFilesDir: folder, runId, attributes, ...plainFolder });
    const scoped = scope === undefined ? {} : { scope };
    return new Neptune2FileNamer({ projectId, runId, attributes, ...scoped, ...plainFolder });
  }

  /** @returns bytes that came; what is wrong with the file is among the failures then */
  async file(file: RemoteFile): Promise<number> {
    if (!this.#files) this.fileAttributes([{ path: file.attributePath, type: file.type }]);
    const { bytes, failure } = await this.#files!.add(file);
    if (failure) this.failures.push(failure);
    return bytes;
  }

  failure(failure: Failure): void {
    this.failures.push(failure);
  }

  /** The run as a whole could not be read: there is nothing to put in place. */
  get unreadable(): boolean {
    return this.failures.some((failure) => failure.attributePath === undefined);
  }

  /**
   * True if the archive's run is to stay: this try failed where that one had not, or brought nothing more. A server that
   * is about to go must not take with it what was saved before. Where a file of it was replaced by a newer one, the rest
   * must follow, or they would no longer fit together.
   */
  get noBetter(): boolean {
    if (!this.#previous || this.failures.length === 0 || this.#replacedFiles()) return false;
    const before = countByPath(this.#previous.failures);
    const now = countByPath(this.failures);
    if ([...now].some(([path, count]) => count > (before.get(path) ?? 0))) return true;
    const wider = !coversSelection(this.#previous, this.#options.selection);
    const newer = (this.#run.modifiedAt ?? 0) > (this.#previous.modifiedAt ?? 0);
    return !wider && !newer && this.failures.length >= this.#previous.failures.length;
  }

  #replacedFiles(): boolean {
    const before = new Map(this.#previous?.files.map(({ path, sha256 }) => [path, sha256]));
    return (this.#files?.manifest ?? []).some(({ path, sha256 }) => (before.get(path) ?? sha256) !== sha256);
  }

  /** Puts the run in place: parts first, part_0 last, then the manifest. @throws ExporterError `disk` */
  async finish(): Promise<FinishedRun> {
    await this.#files?.flush();
    this.#options.budget.remove(this.#writer);
    const { parts, counts } = await this.#writer.finish();
    const { source, selection, dataPath, writtenBy } = this.#options;
    const files = (this.#files?.manifest ?? []).sort((a, b) => ((a.path ?? '') < (b.path ?? '') ? -1 : 1));
    const skipped = (this.#files?.skipped ?? []).sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    const { projectId, runId, sysId, scope, modifiedAt } = this.#run;
    await writeManifest(dataPath, {
      format: 'neptune-exporter-run',
      version: MANIFEST_VERSION,
      status: this.failures.length > 0 ? 'partial' : 'complete',
      projectId,
      runId,
      sysId,
      ...(scope === undefined ? {} : { scope }),
      writtenBy,
      writtenAt: new Date().toISOString(),
      source: { name: source.name, address: source.address },
      selection: recordSelection(selection),
      ...(modifiedAt === undefined ? {} : { modifiedAt }),
      exportId: this.#exportId,
      parts,
      files,
      ...(skipped.length > 0 ? { skippedFiles: skipped } : {}),
      counts,
      failures: this.failures,
    });
    // A partial run is exported again: what it has of its files need not come a second time.
    if (this.failures.length === 0) await this.#journal.remove();
    return {
      rows: this.#rows,
      files: files.length,
      bytes: sumBytes(files),
      skippedFiles: skipped.length,
      skippedBytes: sumBytes(skipped),
      failures: this.failures,
    };
  }

  /** Leaves nothing of the run behind but downloaded files, which the next export takes over. */
  async abort(): Promise<void> {
    this.#options.budget.remove(this.#writer);
    await this.#writer.abort();
  }
}

function sumBytes(files: readonly { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function sortKey({ attributePath, step = '' }: SkippedFile): string {
  return `${attributePath}\0${step.padStart(20)}`;
}

function countByPath(failures: Failure[]): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const { attributePath } of failures) counts.set(attributePath, (counts.get(attributePath) ?? 0) + 1);
  return counts;
}
