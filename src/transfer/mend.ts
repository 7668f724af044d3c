// What a partial run keeps while the next export fetches only what it lacks. Nothing that is there is given up for less.

import { posix } from 'node:path';
import { readBatches } from '../archive/reader.ts';
import type { ArchiveRun, Manifest, ManifestFile, SkippedFile } from '../archive/types.ts';
import type { Batch, FileRow, ScalarBatch } from '../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import { pointsOf } from '../model/points-of.ts';
import type { RunRef, Selection } from '../model/runs.ts';
import { microOfText, stepText } from '../model/steps.ts';
import type { Source } from '../sources/source.ts';
import { contentDigest } from './content-digest.ts';
import { RunContent } from './run-content.ts';
import { coversSelection, keepsRecorded } from './selection-record.ts';

/** True if only what failed needs to be fetched: nothing else can have changed, neither at the source nor in what is asked for. */
export function canMend(previous: Manifest, run: RunRef, selection: Selection, source: Source): boolean {
  const { status, failures, modifiedAt, exportId } = previous;
  return (
    status === 'partial' &&
    exportId !== undefined &&
    previous.source.name === source.name &&
    failures.length > 0 &&
    failures.every(({ attributePath }) => attributePath !== undefined) &&
    modifiedAt !== undefined &&
    modifiedAt === run.modifiedAt &&
    coversSelection(previous, selection) &&
    keepsRecorded(selection, previous.selection)
  );
}

/** What came of one attribute this time. */
interface Come {
  type: string;
  rows: number;
  /** Step of the last point, in micro-steps. */
  lastStep: bigint | undefined;
}

/**
 * One partial run. Single values come anew, with the listing; of series and files only those that failed, or that the
 * last export did not know.
 */
export class Mend {
  readonly #run: ArchiveRun & { manifest: Manifest };
  readonly #before: RunContent;
  /** Attributes that failed before. */
  readonly #failed: ReadonlySet<string>;
  /** Attributes that the source found this time. */
  readonly #found = new Set<string>();
  readonly #come = new Map<string, Come>();
  /** Files that were there before and that this time did not bring. */
  readonly #keptFiles = new Set<ManifestFile>();

  private constructor(run: ArchiveRun & { manifest: Manifest }, before: RunContent) {
    this.#run = run;
    this.#before = before;
    this.#failed = new Set(run.manifest.failures.map(({ attributePath = '' }) => attributePath));
  }

  /** Undefined if the run's parts are no longer what was exported: they must not be copied. */
  static async of(run: ArchiveRun, signal?: AbortSignal): Promise<Mend | undefined> {
    const { manifest } = run;
    if (!manifest) return undefined;
    try {
      await contentDigest(run, signal);
      return new Mend({ ...run, manifest }, await RunContent.of(run));
    } catch (error) {
      if (error instanceof ExporterError && error.code === 'archive') return undefined;
      throw error;
    }
  }

  /** As RunSink.wants. */
  wants(path: string): boolean {
    this.#found.add(path);
    return this.#isRetried(path);
  }

  #isRetried(path: string): boolean {
    return this.#failed.has(path) || !this.#before.has(path);
  }

  /** What is written of a batch that came: a file that is there takes the place of one that could not be had. */
  take(batch: Batch): Batch {
    const note = (path: string, type: string, rows: number, lastStep?: bigint) => {
      const come = this.#come.get(path) ?? { type, rows: 0, lastStep: undefined };
      this.#come.set(path, come);
      come.rows += rows;
      if (lastStep !== undefined && (come.lastStep === undefined || lastStep > come.lastStep)) come.lastStep = lastStep;
    };
    if (batch.kind === 'scalars') {
      for (const { path, type } of batch.rows) note(path, type, 1);
      return batch;
    }
    if (batch.kind === 'files') {
      for (const { path, type } of batch.rows) note(path, type, 1);
      return { kind: 'files', rows: batch.rows.map((row) => this.#withFile(row)) };
    }
    if (batch.length > 0) note(batch.path, batch.kind, batch.length, batch.steps[batch.length - 1]);
    if (batch.kind !== 'file_series') return batch;
    const values = batch.values.map((value, index) => {
      if (value !== null || index >= batch.length) return value;
      return this.#keptFile(batch.path, stepText(batch.steps[index]!), 'file_series')?.path ?? null;
    });
    return { ...batch, values };
  }

  #withFile(row: FileRow): FileRow {
    if (row.file !== null) return row;
    const path = this.#keptFile(row.path, undefined, row.type)?.path;
    if (path === undefined || path === null) return row;
    // A set of files is a folder in its row.
    return { ...row, file: row.type === 'file_set' ? posix.dirname(path) : path };
  }

  #keptFile(attributePath: string, step: string | undefined, type: string): ManifestFile | undefined {
    const file = this.#before.file(attributePath, step);
    if (!file || file.attributeType !== type) return undefined;
    this.#keptFiles.add(file);
    return file;
  }

  /** Failures that nobody told: attributes that are no longer there, or with less, though the run did not change. */
  silent(failures: readonly Failure[]): Failure[] {
    const told = new Set(failures.map(({ attributePath }) => attributePath));
    const lost = (path: string, type: string | undefined, text: string) =>
      failureOf(new ExporterError('bad_answer', text), { path, ...(type === undefined ? {} : { type }) });
    const silent: Failure[] = [];
    for (const path of this.#failed) {
      if (told.has(path) || this.#found.has(path) || this.#come.has(path)) continue;
      const type = this.#run.manifest.failures.find(({ attributePath }) => attributePath === path)?.attributeType;
      silent.push(lost(path, type, 'It could not be exported, and the source no longer tells of it.'));
      told.add(path);
    }
    for (const [path, { type, rows }] of this.#come) {
      if (told.has(path) || !this.#isRetried(path) || rows >= this.#before.rows(path)) continue;
      const text = `The source sends ${rows} rows of it, the archive has ${this.#before.rows(path)}: these stay.`;
      silent.push(lost(path, type, text));
      told.add(path);
    }
    return silent;
  }

  /** True if some attribute has fewer failures than before, or came that was not there. */
  isBetter(failures: readonly Failure[]): boolean {
    const now = countByPath(failures);
    const fewer = [...countByPath(this.#run.manifest.failures)].some(([path, count]) => (now.get(path) ?? 0) < count);
    return fewer || [...this.#come].some(([path, { rows }]) => rows > this.#before.rows(path));
  }

  /**
   * Hands over the rows that stay: of what was not asked for again, and of the rest what the last export had beyond this
   * one. Call it when all else has come.
   * @returns failures of single values that are there, but did not come
   */
  async copy(failures: readonly Failure[], append: (batch: Batch) => Promise<void>): Promise<Failure[]> {
    const told = new Set(failures.map(({ attributePath }) => attributePath));
    const silent: Failure[] = [];
    for await (const batch of readBatches(this.#run)) {
      const kept = this.#kept(batch);
      if (!kept) continue;
      await append(kept);
      if (kept.kind !== 'scalars') continue;
      for (const { path, type } of kept.rows) {
        if (told.has(path)) continue;
        told.add(path);
        const text = 'The source no longer tells of it, though the run did not change: the value is kept.';
        silent.push(failureOf(new ExporterError('bad_answer', text), { path, type }));
      }
    }
    return silent;
  }

  #kept(batch: Batch): Batch | undefined {
    if (batch.kind === 'scalars') {
      const rows: ScalarBatch['rows'] = batch.rows.filter(({ path }) => !this.#come.has(path));
      return rows.length > 0 ? { kind: 'scalars', rows } : undefined;
    }
    if (batch.kind === 'files') {
      const rows = batch.rows.filter(({ path }) => !this.#come.has(path));
      return rows.length > 0 ? { kind: 'files', rows } : undefined;
    }
    const come = this.#come.get(batch.path);
    if (!come) return batch;
    // Another type by now: one path can't have both.
    if (come.type !== batch.kind || come.lastStep === undefined) return undefined;
    const { lastStep } = come;
    let start = 0;
    while (start < batch.length && batch.steps[start]! <= lastStep) start++;
    const rows = Array.from({ length: batch.length - start }, (_, index) => start + index);
    return rows.length > 0 ? pointsOf(batch, rows) : undefined;
  }

  /** Entries of the earlier manifest whose rows stay. */
  get keptFiles(): ManifestFile[] {
    return this.#run.manifest.files.filter((file) => this.#keptFiles.has(file) || this.#stays(file));
  }

  get keptSkipped(): SkippedFile[] {
    return (this.#run.manifest.skippedFiles ?? []).filter((file) => this.#stays(file));
  }

  /** True if `copy` hands over the row of a file. */
  #stays({
    attributePath,
    attributeType,
    step,
  }: Pick<ManifestFile, 'attributePath' | 'attributeType' | 'step'>): boolean {
    const come = this.#come.get(attributePath);
    if (!come) return true;
    if (come.type !== attributeType || step === undefined || come.lastStep === undefined) return false;
    return microOfText(step) > come.lastStep;
  }
}

/** Number of failures of each attribute. */
export function countByPath(failures: readonly Failure[]): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const { attributePath } of failures) counts.set(attributePath, (counts.get(attributePath) ?? 0) + 1);
  return counts;
}
