// One run from the archive into a target: look whether it is there, survey it, hand it over, have it checked.

import { join } from 'node:path';
import { readBatches, readRunInfo } from '../archive/reader.ts';
import type { ArchiveRun } from '../archive/types.ts';
import { throwIfAborted } from '../http/limits.ts';
import { type Batch, rowCount } from '../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';
import { type RunSurvey, surveyBatch } from '../targets/survey.ts';
import type { Alteration, FoundRun, Target } from '../targets/target.ts';
import { contentDigest } from './content-digest.ts';
import type { Progress } from './progress.ts';

export interface LoadRunOptions {
  target: Target;
  /** The archive's folder of files. */
  filesPath: string;
  stepMultiplier: bigint;
  /** The target's id of the parent. */
  parent: string | undefined;
  progress: Progress;
  signal: AbortSignal;
  /** Told as soon as the target has the run, so that its children can name it. */
  onTargetId: (id: string) => void;
}

/** `skipped`: it was there, with `found` saying how. `partial`: loaded, but for what `failures` tell. */
export interface RunLoad {
  outcome: 'loaded' | 'completed' | 'skipped' | 'partial';
  found: FoundRun['state'] | undefined;
  failures: Failure[];
  alterations: Alteration[];
}

/** @throws ExporterError if the run could not be loaded: what the target has of it is half */
export async function loadRun(run: ArchiveRun, info: RunInfo, options: LoadRunOptions): Promise<RunLoad> {
  const { target, stepMultiplier, signal, progress, parent } = options;
  const digest = await contentDigest(run, signal);
  const found = await target.find(info, { digest, stepMultiplier });
  if (found && found.state !== 'half') {
    options.onTargetId(found.id);
    return { outcome: 'skipped', found: found.state, failures: [], alterations: [] };
  }
  const damaged: Failure[] = [];
  const survey: RunSurvey = new Map();
  for await (const batch of readParts(run, (failure) => damaged.push(failure))) {
    throwIfAborted(signal);
    surveyBatch(survey, batch, stepMultiplier);
  }
  const targetRun = await target.open(info, {
    digest,
    stepMultiplier,
    survey,
    filesDirectory: join(options.filesPath, run.project.diskName),
    onBytes: (count) => progress.bytes(count),
    signal,
    ...(parent === undefined ? {} : { parent }),
  });
  options.onTargetId(targetRun.id);
  // What can't be read was told by the survey.
  for await (const batch of readParts(run, () => undefined)) {
    throwIfAborted(signal);
    await targetRun.batch(batch);
    progress.points(rowCount(batch));
  }
  await targetRun.finish(damaged.length === 0);
  const failures = [...damaged, ...targetRun.failures];
  const outcome = failures.length > 0 ? 'partial' : found ? 'completed' : 'loaded';
  return { outcome, found: found?.state, failures, alterations: targetRun.alterations };
}

/**
 * What is known of a run before it is read whole; a damaged part is left out, and told when the run is loaded.
 * @throws ExporterError `archive` if no part can be read
 */
export async function readKnownInfo(run: ArchiveRun): Promise<RunInfo> {
  try {
    return await readRunInfo(run);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const parts: string[] = [];
    for (const part of run.parts) {
      const readable = await readRunInfo({ ...run, parts: [part] }).catch(() => undefined);
      if (readable) parts.push(part);
    }
    if (parts.length === 0) throw error;
    return readRunInfo({ ...run, parts });
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof ExporterError && error.code === 'archive';
}

/** The content of all parts that can be read; a damaged one doesn't take the others with it. */
async function* readParts(run: ArchiveRun, onDamaged: (failure: Failure) => void): AsyncGenerator<Batch> {
  for (const part of run.parts) {
    try {
      yield* readBatches({ ...run, parts: [part] });
    } catch (error) {
      if (!isDamage(error)) throw error;
      onDamaged(failureOf(error));
    }
  }
}
