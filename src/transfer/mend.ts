// What a partial run keeps while the next export fetches only what it lacks: the attributes that the last one got whole.

import { readBatches } from '../archive/reader.ts';
import type { ArchiveRun, Manifest, ManifestFile, SkippedFile } from '../archive/types.ts';
import { type AttributeType, FILE_TYPES } from '../model/attributes.ts';
import type { Batch, SeriesBatch } from '../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import type { RunRef, Selection } from '../model/runs.ts';
import { microOfText } from '../model/steps.ts';
import type { Source } from '../sources/source.ts';
import { contentDigest } from './content-digest.ts';
import { coversSelection, keepsRecorded } from './selection-record.ts';

const KEPT_TYPES: readonly AttributeType[] = [
  'float_series',
  'string_series',
  'histogram_series',
  'file_series',
  ...FILE_TYPES,
];

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

/** What of one attribute that failed came this time. */
interface Retried {
  /** The source found it, or delivered something of it. */
  seen: boolean;
  /** A row came: for single values and files. */
  row: boolean;
  /** Step of the last point that came, in micro-steps. */
  lastStep: bigint | undefined;
}

/** One partial run, and what comes of its failed attributes. Single values always come anew, with the listing. */
export class Mend {
  readonly #run: ArchiveRun & { manifest: Manifest };
  readonly #retried = new Map<string, Retried>();

  private constructor(run: ArchiveRun & { manifest: Manifest }) {
    this.#run = run;
    for (const { attributePath = '' } of run.manifest.failures) {
      this.#retried.set(attributePath, { seen: false, row: false, lastStep: undefined });
    }
  }

  /** Undefined if the run's parts are no longer what was exported: they must not be copied. */
  static async of(run: ArchiveRun, signal?: AbortSignal): Promise<Mend | undefined> {
    const { manifest } = run;
    if (!manifest) return undefined;
    try {
      await contentDigest(run, signal);
    } catch (error) {
      if (error instanceof ExporterError && error.code === 'archive') return undefined;
      throw error;
    }
    return new Mend({ ...run, manifest });
  }

  /** As RunSink.wants. */
  wants(path: string): boolean {
    const retried = this.#retried.get(path);
    if (retried) retried.seen = true;
    return retried !== undefined;
  }

  /** Takes down what came. */
  took(batch: Batch): void {
    if (batch.kind === 'scalars' || batch.kind === 'files') {
      for (const { path } of batch.rows) {
        const retried = this.#retried.get(path);
        if (retried) Object.assign(retried, { seen: true, row: true });
      }
      return;
    }
    const retried = this.#retried.get(batch.path);
    if (!retried || batch.length === 0) return;
    const last = batch.steps[batch.length - 1]!;
    if (retried.lastStep === undefined || last > retried.lastStep) retried.lastStep = last;
  }

  /** Failures of attributes that failed before and that the source says nothing of now. */
  silent(failures: readonly Failure[]): Failure[] {
    const told = new Set(failures.map(({ attributePath }) => attributePath));
    const lost = [...this.#retried].filter(([path, { seen }]) => !seen && !told.has(path));
    return lost.map(([path]) => {
      const type = this.#run.manifest.failures.find(({ attributePath }) => attributePath === path)?.attributeType;
      const error = new ExporterError('not_found', 'The source no longer tells of it.');
      return failureOf(error, { path, ...(type === undefined ? {} : { type }) });
    });
  }

  /** True if some attribute has fewer failures than before. */
  isBetter(failures: readonly Failure[]): boolean {
    const now = countByPath(failures);
    return [...countByPath(this.#run.manifest.failures)].some(([path, count]) => (now.get(path) ?? 0) < count);
  }

  /**
   * Hands over the rows that stay: those of attributes that had not failed, and of the ones that failed again what the
   * last export got beyond this one. Call it when all else has come.
   */
  async copy(failures: readonly Failure[], append: (batch: Batch) => Promise<void>): Promise<void> {
    const failing = new Set(failures.map(({ attributePath }) => attributePath));
    for await (const batch of readBatches(this.#run, { types: KEPT_TYPES })) {
      const kept = this.#kept(batch, failing);
      if (kept) await append(kept);
    }
  }

  #kept(batch: Batch, failing: ReadonlySet<string | undefined>): Batch | undefined {
    if (batch.kind === 'scalars') return undefined;
    if (batch.kind === 'files') {
      const rows = batch.rows.filter(({ path }) => {
        const retried = this.#retried.get(path);
        return !retried || (failing.has(path) && !retried.row);
      });
      return rows.length > 0 ? { kind: 'files', rows } : undefined;
    }
    const retried = this.#retried.get(batch.path);
    if (!retried) return batch;
    if (!failing.has(batch.path)) return undefined;
    const { lastStep } = retried;
    let start = 0;
    if (lastStep !== undefined) while (start < batch.length && batch.steps[start]! <= lastStep) start++;
    return start < batch.length ? from(batch, start) : undefined;
  }

  /** Entries of the earlier manifest whose rows stay. */
  kept<Entry extends ManifestFile | SkippedFile>(entries: readonly Entry[], failures: readonly Failure[]): Entry[] {
    const failing = new Set(failures.map(({ attributePath }) => attributePath));
    return entries.filter(({ attributePath, step }) => {
      const retried = this.#retried.get(attributePath);
      if (!retried) return true;
      if (!failing.has(attributePath)) return false;
      if (step === undefined) return !retried.row;
      return retried.lastStep === undefined || microOfText(step) > retried.lastStep;
    });
  }

  get manifest(): Manifest {
    return this.#run.manifest;
  }
}

/** The points of a batch from an index on. */
function from(batch: SeriesBatch, start: number): SeriesBatch {
  if (start === 0) return batch;
  const columns = {
    length: batch.length - start,
    steps: batch.steps.subarray(start),
    timestamps: batch.timestamps.subarray(start),
    ...(batch.stepValid ? { stepValid: batch.stepValid.subarray(start) } : {}),
    ...(batch.timestampValid ? { timestampValid: batch.timestampValid.subarray(start) } : {}),
  };
  switch (batch.kind) {
    case 'float_series': {
      const { valueValid } = batch;
      return {
        ...batch,
        ...columns,
        values: batch.values.subarray(start),
        ...(valueValid ? { valueValid: valueValid.subarray(start) } : {}),
      };
    }
    case 'string_series':
      return { ...batch, ...columns, values: batch.values.slice(start) };
    case 'histogram_series':
      return { ...batch, ...columns, values: batch.values.slice(start) };
    case 'file_series':
      return { ...batch, ...columns, values: batch.values.slice(start) };
  }
}

/** Number of failures of each attribute. */
export function countByPath(failures: readonly Failure[]): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const { attributePath } of failures) counts.set(attributePath, (counts.get(attributePath) ?? 0) + 1);
  return counts;
}
