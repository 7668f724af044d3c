// One run on its way into the archive: its parts, its files, its failures, and at the end its manifest.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { countAttributes } from '../archive/attribute-counts.ts';
import { findRun, journalPath } from '../archive/find-run.ts';
import { diskName, FileNamer, type FileNames, Neptune2FileNamer, runsFolder } from '../archive/names.ts';
import { publishRun } from '../archive/publish.ts';
import { stagedFolder } from '../archive/staged-files.ts';
import { type ArchiveRun, MANIFEST_VERSION, type Manifest, type SkippedFile } from '../archive/types.ts';
import { RunWriter } from '../archive/writer.ts';
import type { FileType } from '../model/attributes.ts';
import { type Batch, rowCount } from '../model/batches.ts';
import { ExporterError, type Failure } from '../model/errors.ts';
import type { RunRef, Selection } from '../model/runs.ts';
import type { RemoteFile, Source } from '../sources/source.ts';
import { DownloadJournal } from './download-journal.ts';
import { FileRows } from './file-rows.ts';
import { isLost } from './lost-content.ts';
import { canMend, countByPath, Mend } from './mend.ts';
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
  signal: AbortSignal;
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

/** What `open` finds before a run begins. */
interface Found {
  writer: RunWriter;
  journal: DownloadJournal;
  exportId: string;
  /** The archive's run, which this one is to replace. */
  previous: Manifest | undefined;
  mend: Mend | undefined;
  /** An earlier export left something of the run. */
  mayExist: boolean;
}

export class RunExport {
  readonly #run: RunRef;
  readonly #options: RunExportOptions;
  readonly #found: Found;
  readonly failures: Failure[] = [];
  #files: FileRows | undefined;
  #rows = 0;

  private constructor(run: RunRef, options: RunExportOptions, found: Found) {
    this.#run = run;
    this.#options = options;
    this.#found = found;
  }

  /** Begins a run; what an interrupted or partial export left of it is replaced at the end. @throws ExporterError `disk` */
  static async open(run: RunRef, options: RunExportOptions): Promise<RunExport> {
    const { dataPath, filesPath, source, selection } = options;
    const { projectId, runId, scope, modifiedAt } = run;
    const mayExist = options.folders.hasFiles(runId);
    const scoped = scope === undefined ? {} : { scope };
    const previous = mayExist ? (await findRun(dataPath, projectId, runId, scope))?.manifest : undefined;
    const mendable = previous && canMend(previous, run, selection, source) && !(await isLost(previous, options));
    const mend = mendable ? await Mend.of(runOf(dataPath, previous), options.signal) : undefined;
    const exportId = randomUUID();
    const writer = await RunWriter.create({ dataPath, projectId, runId, ...scoped, exportId, replace: true, mayExist });
    const journal = await DownloadJournal.open({
      file: journalPath(dataPath, projectId, runId, scope),
      folder: join(filesPath, diskName(projectId)),
      staged: stagedFolder(filesPath, projectId, runId, scope),
      modifiedAt,
    });
    options.budget.add(writer);
    return new RunExport(run, options, { writer, journal, exportId, previous, mend, mayExist });
  }

  async append(batch: Batch): Promise<void> {
    await this.#found.writer.append(batch);
    this.#found.mend?.took(batch);
    await this.#options.budget.settle();
    this.#rows += rowCount(batch);
  }

  /** As RunSink.wants. */
  wants(path: string): boolean {
    return this.#found.mend?.wants(path) ?? true;
  }

  fileAttributes(attributes: FileAttributes): void {
    const { filesPath, selection } = this.#options;
    const { projectId, runId, scope } = this.#run;
    const folder = join(filesPath, diskName(projectId));
    const { previous, journal } = this.#found;
    this.#files = new FileRows({
      // As long as readers see the earlier run its files stay as they are.
      folder: previous ? stagedFolder(filesPath, projectId, runId, scope) : folder,
      names: this.#names(folder, attributes),
      journal,
      maxFileSize: selection.maxFileSize,
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
   * True if the archive's run is to stay: this try failed in what that one has, or brought nothing more. A server that
   * is about to go must not take with it what was saved before.
   */
  async isNoBetter(): Promise<boolean> {
    const { previous, mend } = this.#found;
    if (!previous || this.failures.length === 0) return false;
    if (mend) return !mend.isBetter([...this.failures, ...mend.silent(this.failures)]);
    const before = countByPath(previous.failures);
    const worse = [...countByPath(this.failures)].filter(([path, count]) => count > (before.get(path) ?? 0));
    if (worse.length > 0) return this.#holdsAny(previous, new Set(worse.map(([path]) => path)));
    const wider = !coversSelection(previous, this.#options.selection);
    const newer = this.#run.modifiedAt !== previous.modifiedAt;
    return !wider && !newer && this.failures.length >= previous.failures.length;
  }

  /** True if the archive's run has something of one of these attributes; also if it can't be read. */
  async #holdsAny(previous: Manifest, paths: ReadonlySet<string | undefined>): Promise<boolean> {
    try {
      const counts = await countAttributes(runOf(this.#options.dataPath, previous));
      return [...counts.values()].some((rows) => [...rows.keys()].some((path) => paths.has(path)));
    } catch (error) {
      if (error instanceof ExporterError && error.code === 'archive') return true;
      throw error;
    }
  }

  /** The archive had the run whole before. */
  get wasComplete(): boolean {
    return this.#found.previous?.status === 'complete';
  }

  /** Puts the run in place, with its manifest. @throws ExporterError `disk` */
  async finish(): Promise<FinishedRun> {
    const { writer, mend, exportId, mayExist } = this.#found;
    const { source, selection, dataPath, filesPath, writtenBy, budget } = this.#options;
    await this.#files?.flush();
    this.failures.push(...(mend?.silent(this.failures) ?? []));
    await mend?.copy(this.failures, async (batch) => {
      await writer.append(batch);
      await budget.settle();
    });
    budget.remove(writer);
    const { parts, counts } = await writer.complete();
    const fetched = this.#files?.manifest ?? [];
    const skippedNow = this.#files?.skipped ?? [];
    const files = [...fetched, ...(mend?.kept(mend.manifest.files, this.failures) ?? [])];
    const skipped = [...skippedNow, ...(mend?.kept(mend.manifest.skippedFiles ?? [], this.failures) ?? [])];
    files.sort((a, b) => ((a.path ?? '') < (b.path ?? '') ? -1 : 1));
    skipped.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    const { projectId, runId, sysId, scope, modifiedAt } = this.#run;
    const manifest: Manifest = {
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
      exportId,
      parts,
      files,
      ...(skipped.length > 0 ? { skippedFiles: skipped } : {}),
      counts,
      failures: this.failures,
    };
    // What is published may not be taken back: the next export finishes it.
    writer.published();
    await publishRun({ dataPath, filesPath }, manifest, mayExist);
    return {
      rows: this.#rows,
      files: fetched.length,
      bytes: sumBytes(fetched),
      skippedFiles: skippedNow.length,
      skippedBytes: sumBytes(skippedNow),
      failures: this.failures,
    };
  }

  /** Leaves nothing of the run behind but downloaded files, which the next export takes over. */
  async abort(): Promise<void> {
    this.#options.budget.remove(this.#found.writer);
    await this.#found.writer.abort();
  }
}

/** The run that a manifest tells of. */
function runOf(dataPath: string, manifest: Manifest): ArchiveRun {
  const { projectId, runId, scope, parts } = manifest;
  const directory = runsFolder(dataPath, projectId, scope);
  return {
    project: { directory, diskName: diskName(projectId), projectId, ...(scope === undefined ? {} : { scope }) },
    ...(scope === undefined ? {} : { scope }),
    diskName: diskName(runId),
    projectId,
    runId,
    parts: parts.map(({ name }) => join(directory, name)),
    manifest,
  };
}

function sumBytes(files: readonly { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function sortKey({ attributePath, step = '' }: SkippedFile): string {
  return `${attributePath}\0${step.padStart(20)}`;
}
