// One run on its way into the archive: its parts, its files, its failures, and at the end its manifest.

import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findRun, journalPath } from '../archive/find-run.ts';
import { diskName, FileNamer, type FileNames, Neptune2FileNamer, runsFolder } from '../archive/names.ts';
import { type PartFile, publishRun } from '../archive/publish.ts';
import { keepStaged, removeStaged, stagedFolder } from '../archive/staged-files.ts';
import {
  type ArchiveRun,
  MANIFEST_VERSION,
  type Manifest,
  type ManifestFile,
  type SkippedFile,
} from '../archive/types.ts';
import { RunWriter } from '../archive/writer.ts';
import type { FileType } from '../model/attributes.ts';
import { type Batch, rowCount } from '../model/batches.ts';
import { onDisk } from '../model/disk-error.ts';
import type { Failure } from '../model/errors.ts';
import { DOWNLOAD_SUFFIX } from '../model/plain-name.ts';
import type { RunRef, Selection } from '../model/runs.ts';
import type { RemoteFile, Source } from '../sources/source.ts';
import { DownloadJournal } from './download-journal.ts';
import { FileRows } from './file-rows.ts';
import { isLost } from './lost-content.ts';
import { canMend, Mend } from './mend.ts';
import { RunContent } from './run-content.ts';
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
  /** Told whenever something of the run comes. */
  moved: () => void;
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
  /** The archive's run, which this one is to replace. Without a manifest only if that was lost. */
  previous: ArchiveRun | undefined;
  mend: Mend | undefined;
}

export class RunExport {
  readonly #run: RunRef;
  readonly #options: RunExportOptions;
  readonly #found: Found;
  readonly failures: Failure[] = [];
  readonly #content = new RunContent();
  #files: FileRows | undefined;
  #rows = 0;

  private constructor(run: RunRef, options: RunExportOptions, found: Found) {
    this.#run = run;
    this.#options = options;
    this.#found = found;
  }

  /** Begins a run; what an interrupted or partial export left of it is replaced at the end. @throws ExporterError `disk` */
  static async open(run: RunRef, options: RunExportOptions): Promise<RunExport> {
    const { dataPath, filesPath, source, selection, folders } = options;
    const { projectId, runId, scope, modifiedAt } = run;
    const parts = folders.partsOf(runId);
    const previous = await previousRun(run, dataPath, parts);
    const { manifest } = previous ?? {};
    const mendable = manifest && canMend(manifest, run, selection, source) && !(await isLost(manifest, options, true));
    const mend = mendable ? await Mend.of(previous!, options.signal) : undefined;
    const exportId = randomUUID();
    const staged = stagedFolder(filesPath, projectId, runId, scope);
    // Without a run to replace nothing waits: an earlier export's files would be of another time.
    if (!manifest) await onDisk(() => removeStaged(filesPath, projectId, runId, scope));
    const writer = await RunWriter.create({
      dataPath,
      projectId,
      runId,
      ...(scope === undefined ? {} : { scope }),
      exportId,
      replace: true,
      found: parts,
      keep: manifest !== undefined,
    });
    const journal = await DownloadJournal.open({
      file: journalPath(dataPath, projectId, runId, scope),
      folder: join(filesPath, diskName(projectId)),
      staged,
      modifiedAt,
    });
    options.budget.add(writer);
    return new RunExport(run, options, { writer, journal, exportId, previous, mend });
  }

  async append(batch: Batch): Promise<void> {
    await this.#write(this.#found.mend?.take(batch) ?? batch);
    this.#content.add(batch);
    this.#rows += rowCount(batch);
  }

  async #write(batch: Batch): Promise<void> {
    await this.#found.writer.append(batch);
    await this.#options.budget.settle();
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
      folder: previous?.manifest ? stagedFolder(filesPath, projectId, runId, scope) : folder,
      names: this.#names(folder, attributes),
      journal,
      maxFileSize: selection.maxFileSize,
      moved: this.#options.moved,
      append: (batch) => this.append(batch),
    });
  }

  /** The layout is that of the official tool for the version of Neptune. */
  #names(folder: string, attributes: FileAttributes): FileNames {
    const { source, folders } = this.#options;
    const { projectId, runId, scope } = this.#run;
    if (source.name === 'neptune3') {
      const plain = folders.plainFolder(runId, this.#found.previous?.manifest?.files);
      const plainFolder = plain === undefined ? {} : { plainFolder: plain };
      return new FileNamer({ projectFilesDir: folder, runId, attributes, ...plainFolder });
    }
    const plain = folders.plainFolder(runId);
    const plainFolder = plain === undefined ? {} : { plainFolder: plain };
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
   * True if the archive's run is to stay: this try has less of something that failed than that one, or brought nothing
   * more. A server that is about to go must not take with it what was saved before.
   */
  async isNoBetter(): Promise<boolean> {
    const { previous, mend } = this.#found;
    if (!previous || this.failures.length === 0) return false;
    await this.#files?.flush();
    if (mend) return !mend.isBetter([...this.failures, ...mend.silent(this.failures)]);
    if (!(await this.#holdsFailing(previous))) return true;
    const { manifest } = previous;
    if (!manifest) return false;
    const wider = !coversSelection(manifest, this.#options.selection);
    const newer = this.#run.modifiedAt !== manifest.modifiedAt;
    return !wider && !newer && this.failures.length >= manifest.failures.length;
  }

  /** True if of everything that failed as much came as the archive has. */
  async #holdsFailing(previous: ArchiveRun): Promise<boolean> {
    const paths = new Set(this.failures.flatMap(({ attributePath }) => attributePath ?? []));
    this.#content.addFiles(this.#files?.manifest ?? []);
    return this.#content.holds(await RunContent.ofReadable(previous), paths);
  }

  /** The archive had the run whole before. */
  get wasComplete(): boolean {
    return this.#found.previous?.manifest?.status === 'complete';
  }

  /** Puts the run in place, with its manifest. @throws ExporterError `disk` */
  async finish(): Promise<FinishedRun> {
    const { writer, mend, exportId, previous, journal } = this.#found;
    const { source, selection, dataPath, filesPath, writtenBy, budget } = this.#options;
    await this.#files?.flush();
    if (mend) {
      this.failures.push(...mend.silent(this.failures));
      this.failures.push(...(await mend.copy(this.failures, (batch) => this.#write(batch))));
    }
    budget.remove(writer);
    const { parts, counts } = await writer.complete();
    const fetched = this.#files?.manifest ?? [];
    const skippedNow = this.#files?.skipped ?? [];
    const files = [...fetched, ...(mend?.keptFiles ?? [])];
    const skipped = [...skippedNow, ...(mend?.keptSkipped ?? [])];
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
    await onDisk(() => this.#removeUseless(fetched, files, journal));
    const replaced = { parts: writer.replaced, ...(previous?.manifest ? { manifest: previous.manifest } : {}) };
    await publishRun({ dataPath, filesPath }, manifest, replaced, () => writer.published());
    return {
      rows: this.#rows,
      files: fetched.length,
      bytes: sumBytes(fetched),
      skippedFiles: skippedNow.length,
      skippedBytes: sumBytes(skippedNow),
      failures: this.failures,
    };
  }

  /** Removes files that exports which ended early fetched, or began to fetch, for this run, and that are not of it. */
  async #removeUseless(
    fetched: readonly ManifestFile[],
    files: readonly ManifestFile[],
    journal: DownloadJournal,
  ): Promise<void> {
    const { filesPath } = this.#options;
    const { projectId, runId, scope } = this.#run;
    const pathsOf = (list: readonly ManifestFile[]) => new Set(list.flatMap(({ path }) => path ?? []));
    await keepStaged(stagedFolder(filesPath, projectId, runId, scope), pathsOf(fetched));
    // Those of the earlier run stay until this one is in place.
    const used = new Set([...pathsOf(files), ...pathsOf(this.#found.previous?.manifest?.files ?? [])]);
    const folder = join(filesPath, diskName(projectId));
    for (const path of journal.paths) if (!used.has(path)) await rm(join(folder, path), { force: true });
    for (const place of journal.folders) {
      const names = await readdir(join(folder, place)).catch(() => []);
      for (const name of names)
        if (name.endsWith(DOWNLOAD_SUFFIX)) await rm(join(folder, place, name), { force: true });
    }
  }

  /** Leaves nothing of the run behind but downloaded files, which the next export takes over; nothing is done once it is published. */
  async abort(): Promise<void> {
    this.#options.budget.remove(this.#found.writer);
    await this.#found.writer.abort();
  }
}

/** What the archive has of a run: what a manifest tells of, or parts that lost theirs. */
async function previousRun(
  { projectId, runId, scope }: RunRef,
  dataPath: string,
  found: readonly PartFile[],
): Promise<ArchiveRun | undefined> {
  const there = await findRun(dataPath, projectId, runId, scope);
  if (!there) return undefined;
  const { manifest } = there;
  const directory = runsFolder(dataPath, projectId, scope);
  const names = manifest
    ? manifest.parts.map(({ name }) => name)
    : found.filter(({ temporary }) => !temporary).map(({ name }) => name);
  const scoped = scope === undefined ? {} : { scope };
  return {
    project: { directory, diskName: diskName(projectId), projectId, ...scoped },
    ...scoped,
    diskName: diskName(runId),
    projectId,
    runId,
    parts: names.map((name) => join(directory, name)),
    ...(manifest ? { manifest } : {}),
  };
}

function sumBytes(files: readonly { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function sortKey({ attributePath, step = '' }: SkippedFile): string {
  return `${attributePath}\0${step.padStart(20)}`;
}
