// The steps of series in an archive, read without their values being kept.

import { readBatches } from '../archive/reader.ts';
import type { ArchiveRun } from '../archive/types.ts';
import { throwIfAborted } from '../http/limits.ts';
import type { SeriesType } from '../model/attributes.ts';
import type { SeriesBatch } from '../model/batches.ts';
import { ExporterError } from '../model/errors.ts';
import { surveyKey } from '../targets/survey.ts';

/** Steps of one series, by `surveyKey`, in its order; undefined for a missing one. Held as a whole. */
export async function stepsOf(
  run: ArchiveRun,
  key: string,
  types: ReadonlySet<SeriesType>,
  signal: AbortSignal,
): Promise<(bigint | undefined)[]> {
  const steps: (bigint | undefined)[] = [];
  for await (const batch of readableSeries(run, types, signal)) {
    if (surveyKey(batch.kind, batch.path) !== key) continue;
    for (let i = 0; i < batch.length; i++) steps.push(batch.stepValid?.[i] === 0 ? undefined : batch.steps[i]!);
  }
  return steps;
}

/** Series of all parts that can be read. */
export async function* readableSeries(
  run: ArchiveRun,
  types: ReadonlySet<SeriesType>,
  signal: AbortSignal,
): AsyncGenerator<SeriesBatch> {
  for (const part of run.parts) {
    try {
      for await (const batch of readBatches({ ...run, parts: [part] }, { types: [...types] })) {
        throwIfAborted(signal);
        if ('path' in batch) yield batch;
      }
    } catch (error) {
      if (!(error instanceof ExporterError && error.code === 'archive')) throw error;
    }
  }
}
