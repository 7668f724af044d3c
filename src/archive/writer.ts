// Writes one run into the archive: batches in, numbered parquet parts out, part_0 last.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { AttributeType } from '../model/attributes.ts';
import { type Batch, rowCount } from '../model/batches.ts';
import { diskError, onDisk } from '../model/disk-error.ts';
import { ExporterError } from '../model/errors.ts';
import { words } from '../model/int64.ts';
import type { RegistryScope } from '../model/runs.ts';
import { MAX_MICRO, stepText } from '../model/steps.ts';
import { diskName, partName, runsFolder } from './names.ts';
import { ParquetFileWriter } from './parquet/file-writer.ts';
import { RowGroup } from './parquet/row-group.ts';
import { type PartFile, partFiles, placeParts, temporaryName } from './publish.ts';
import type { ManifestPart, TypeCount } from './types.ts';

const PART_BYTES = 50 * 1024 * 1024;
/** Some 110,000 points: the three columns of their numbers and one slice more just fit 1 MiB each. */
const ROW_GROUP_BYTES = 10 << 18;
const ROW_GROUP_ROWS = 1 << 20;

export interface RunWriterOptions {
  /** The archive's folder; made if missing. */
  dataPath: string;
  projectId: string;
  runId: string;
  /** For a model or a model version. */
  scope?: RegistryScope;
  /** As Manifest.exportId, for the parts' metadata. */
  exportId?: string;
  /** Size on disk after which the next part is begun. @default 50 MiB */
  partBytes?: number;
  /**
   * Bytes of plain values that are collected before they are written. Larger makes slightly smaller files, and costs
   * up to three times as much memory. @default 2.5 MiB
   */
  rowGroupBytes?: number;
  /** Replace the run if it is there already. @default false */
  replace?: boolean;
  /**
   * Parts of this run that are there already. Telling them saves the reading of the project's folder, which takes long
   * where it holds many runs.
   */
  found?: readonly PartFile[];
  /** Parts without part_0 are of a run that has a manifest: they stay until the new ones are whole. @default false */
  keep?: boolean;
  /** Told of each text with a lone surrogate: UTF-8 can't hold it, U+FFFD is written in its place. */
  onAltered?: (attributePath: string) => void;
}

export interface WrittenRun {
  parts: ManifestPart[];
  counts: Partial<Record<AttributeType, TypeCount>>;
  /** Number of texts in which lone surrogates became U+FFFD. */
  alteredTexts: number;
}

/**
 * The writer of one run. Nothing of the run is visible to readers before `finish`: parts are `.parquet.tmp` until then.
 * Its methods may be called side by side; they are carried out one after the other. A failed call leaves the writer
 * unusable but for `abort`, except for `unsupported`, which leaves nothing of the refused batch.
 */
export class RunWriter {
  /** Folder of the parts. */
  readonly directory: string;
  /** Disk name of the run. */
  readonly diskName: string;
  readonly #options: RunWriterOptions;
  readonly #partBytes: number;
  readonly #rowGroupBytes: number;
  readonly #parts: ManifestPart[] = [];
  readonly #paths = new Map<AttributeType, Set<string>>();
  readonly #rows = new Map<AttributeType, number>();
  #file: ParquetFileWriter | undefined;
  #group: RowGroup;
  #alteredTexts = 0;
  /** Parts of the run that this one replaces. */
  #old: readonly PartFile[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #state: 'open' | 'broken' | 'complete' | 'published' | 'aborted' = 'open';

  private constructor(options: RunWriterOptions) {
    this.#options = options;
    this.directory = runsFolder(options.dataPath, options.projectId, options.scope);
    this.diskName = diskName(options.runId);
    this.#partBytes = options.partBytes ?? PART_BYTES;
    this.#rowGroupBytes = options.rowGroupBytes ?? ROW_GROUP_BYTES;
    this.#group = this.#newGroup();
  }

  /**
   * Begins a run. Removes what an interrupted export of the same run left: temporary files, and parts without part_0.
   * @throws ExporterError `archive` if the run is there already and `replace` isn't set; `disk`
   */
  static async create(options: RunWriterOptions): Promise<RunWriter> {
    for (const id of [options.projectId, options.runId]) {
      if (!id.isWellFormed()) throw new ExporterError('unsupported', `The id ${id} has half a character in it.`);
    }
    const writer = new RunWriter(options);
    await onDisk(async () => {
      await mkdir(writer.directory, { recursive: true });
      const found = options.found ?? (await partFiles(writer.directory, writer.diskName));
      const present = options.keep === true || found.some((file) => file.name === partName(writer.diskName, 0));
      writer.#old = present ? found.filter(({ temporary }) => !temporary) : [];
      if (present && !options.replace) {
        throw new ExporterError('archive', `The run ${options.runId} is already in ${writer.directory}.`, {
          hint: 'Remove its files, or export to another folder.',
        });
      }
      // Parts of a run that is to be replaced stay until the new ones are whole.
      for (const file of found) if (file.temporary || !present) await rm(join(writer.directory, file.name));
    });
    return writer;
  }

  /** Bytes that wait in memory to be written. Bound the total over many runs with `flush`. */
  get bufferedBytes(): number {
    return this.#group.rawBytes;
  }

  /** Number of texts in which lone surrogates became U+FFFD so far. */
  get alteredTexts(): number {
    return this.#alteredTexts;
  }

  /**
   * Adds the batch's rows. The batch is read before the promise resolves and may be used again afterwards.
   * @throws ExporterError `unsupported` for a step with more than 18 digits, before anything is added; `disk`
   */
  append(batch: Batch): Promise<void> {
    return this.#next(async () => {
      checkSteps(batch);
      this.#count(batch);
      const rows = rowCount(batch);
      for (let done = 0; done < rows; ) {
        done = this.#group.add(batch, done);
        if (this.#group.rawBytes >= this.#rowGroupBytes || this.#group.rows >= ROW_GROUP_ROWS) await this.#writeGroup();
      }
    });
  }

  /** Writes what waits in memory. Costs a row group of its own, so don't call it for a few rows without need. */
  flush(): Promise<void> {
    return this.#next(() => this.#writeGroup());
  }

  /**
   * Ends the run: all parts are brought to the disk, under their temporary names, for `publishRun`. There is always a
   * part_0, also for a run without rows. `abort` still gives the run up after this.
   * @throws ExporterError `disk`
   */
  complete(): Promise<WrittenRun> {
    return this.#next(async () => {
      await this.#writeGroup();
      await this.#closePart();
      if (this.#parts.length === 0) {
        await this.#openPart();
        await this.#closePart();
      }
      this.#state = 'complete';
      return { parts: this.#parts, counts: this.#counts(), alteredTexts: this.#alteredTexts };
    });
  }

  /**
   * Like `complete`, and names the parts, the last one first and part_0 last: a run without a manifest.
   * @throws ExporterError `disk`
   */
  async finish(): Promise<WrittenRun> {
    const written = await this.complete();
    await onDisk(() => placeParts(this.directory, this.diskName, this.#parts.length, this.#old));
    this.#state = 'published';
    return written;
  }

  /** Parts of the run that this one replaces. */
  get replaced(): readonly PartFile[] {
    return this.#old;
  }

  /** Tells that the parts have been put in place: from now on `abort` does nothing. */
  published(): void {
    this.#state = 'published';
  }

  /** Gives the run up and removes its temporary files. Does nothing once the parts are in place. */
  async abort(): Promise<void> {
    await this.#queue.catch(() => {});
    if (this.#state === 'published' || this.#state === 'aborted') return;
    this.#state = 'aborted';
    await onDisk(async () => {
      await this.#file?.abandon();
      this.#file = undefined;
      for (let part = this.#parts.length; part >= 0; part--) await rm(this.#temporary(part), { force: true });
    });
  }

  /** Carries out tasks one after the other. */
  #next<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(async () => {
      if (this.#state !== 'open')
        throw new Error(`the writer of run ${this.#options.runId} is closed (${this.#state})`);
      try {
        return await task();
      } catch (error) {
        if (!(error instanceof ExporterError && error.code === 'unsupported')) this.#state = 'broken';
        // What isn't of the file system is a fault of ours, and must not be taken for a full disk.
        throw (error as NodeJS.ErrnoException).syscall === undefined ? error : diskError(error);
      }
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  #newGroup(): RowGroup {
    const { projectId, runId, onAltered } = this.#options;
    return new RowGroup(projectId, runId, (path) => {
      this.#alteredTexts++;
      onAltered?.(path);
    });
  }

  async #writeGroup(): Promise<void> {
    if (this.#group.rows === 0) return;
    const file = this.#file ?? (await this.#openPart());
    const group = this.#group;
    this.#group = this.#newGroup();
    await file.writeRowGroup(group);
    if (file.bytes > this.#partBytes) await this.#closePart();
  }

  async #openPart(): Promise<ParquetFileWriter> {
    this.#file = await ParquetFileWriter.create(this.#temporary(this.#parts.length));
    return this.#file;
  }

  async #closePart(): Promise<void> {
    if (!this.#file) return;
    const written = await this.#file.finish(this.#options);
    this.#file = undefined;
    this.#parts.push({ name: partName(this.diskName, this.#parts.length), ...written });
  }

  #temporary(part: number): string {
    return join(this.directory, temporaryName(this.diskName, part));
  }

  #count(batch: Batch): void {
    const rows = batch.kind === 'scalars' || batch.kind === 'files' ? batch.rows : undefined;
    if (rows) for (const row of rows) this.#countRows(row.type, row.path, 1);
    else if ('path' in batch) this.#countRows(batch.kind, batch.path, batch.length);
  }

  #countRows(type: AttributeType, path: string, rows: number): void {
    let paths = this.#paths.get(type);
    if (!paths) {
      paths = new Set();
      this.#paths.set(type, paths);
    }
    paths.add(path);
    this.#rows.set(type, (this.#rows.get(type) ?? 0) + rows);
  }

  #counts(): Partial<Record<AttributeType, TypeCount>> {
    const counts: Partial<Record<AttributeType, TypeCount>> = {};
    for (const [type, paths] of this.#paths) counts[type] = { attributes: paths.size, rows: this.#rows.get(type) ?? 0 };
    return counts;
  }
}

/** High word of the largest step; entries below it in magnitude need no closer look. */
const SAFE_HIGH = Number(MAX_MICRO >> 32n) - 1;
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function checkSteps(batch: Batch): void {
  if (batch.kind === 'scalars' || batch.kind === 'files') return;
  const view = words(batch.steps);
  for (let index = 0; index < batch.length; index++) {
    const high = view[index * 2 + (LITTLE_ENDIAN ? 1 : 0)]!;
    if ((high >= -SAFE_HIGH && high <= SAFE_HIGH) || batch.stepValid?.[index] === 0) continue;
    const step = batch.steps[index]!;
    if (step > MAX_MICRO || step < -MAX_MICRO) {
      throw new ExporterError('unsupported', `The attribute ${batch.path} has the step ${stepText(step)}.`, {
        hint: 'The archive holds steps with at most 12 digits before the point.',
      });
    }
  }
}
