// One run from the archive into a target: look whether it is there, survey it, hand it over, have it checked.

import { join } from 'node:path';
import { isInterrupted } from '../archive/find-run.ts';
import { type ReadOptions, readBatches, readRunInfo } from '../archive/reader.ts';
import { fileOfRun } from '../archive/staged-files.ts';
import type { ArchiveRun, Manifest } from '../archive/types.ts';
import { throwIfAborted } from '../http/limits.ts';
import type { SeriesType } from '../model/attributes.ts';
import { type Batch, rowCount } from '../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';
import { AlterationList } from '../targets/alterations.ts';
import { type CollisionPolicy, leftOut } from '../targets/step-collisions.ts';
import { type RunSurvey, surveyBatch } from '../targets/survey.ts';
import type { Alteration, ExpectedFile, FoundRun, OpenOptions, Target } from '../targets/target.ts';
import { contentDigest } from './content-digest.ts';
import type { Progress } from './progress.ts';
import { stepsOf } from './series-steps.ts';

export interface LoadRunOptions {
  target: Target;
  /** The archive's folder of files. */
  filesPath: string;
  stepMultiplier: bigint;
  onStepCollision?: CollisionPolicy;
  /** Of the run's content, where it is known already. */
  digest?: string;
  /** The target's id of the parent. */
  parent: string | undefined;
  progress: Progress;
  signal: AbortSignal;
  /** Told as soon as the target has the run, so that its children can name it. */
  onTargetId: (id: string) => void;
}

/**
 * `skipped`: it was there, with `found` saying how. `partial`: loaded, but for what `failures` tell; what the export
 * could not get is among them, so that a run that the archive has in part never counts as whole.
 */
export interface RunLoad {
  outcome: 'loaded' | 'completed' | 'updated' | 'skipped' | 'partial';
  found: FoundRun['state'] | undefined;
  failures: Failure[];
  alterations: Alteration[];
}

/** @throws ExporterError if the run could not be loaded: what the target has of it is half */
export async function loadRun(run: ArchiveRun, info: RunInfo, options: LoadRunOptions): Promise<RunLoad> {
  const { target, stepMultiplier, signal, progress } = options;
  const digest = options.digest ?? (await contentDigest(run, signal));
  const found = await target.find(info, { digest, stepMultiplier });
  if (found && isLeft(found)) {
    options.onTargetId(found.id);
    if (options.parent !== undefined && found.state !== 'foreign') await target.relink(info, found, options.parent);
    return { outcome: 'skipped', found: found.state, failures: [], alterations: [] };
  }
  const { prepared, missing } = await prepareRun(run, { ...options, digest });
  const targetRun = await target.open(info, prepared);
  options.onTargetId(targetRun.id);
  // What can't be read was told by the survey.
  for await (const batch of readParts(run, () => undefined)) {
    throwIfAborted(signal);
    await targetRun.batch(batch);
    progress.points(rowCount(batch));
  }
  await targetRun.finish(missing.length === 0);
  const failures = [...missing, ...targetRun.failures];
  const outcome = failures.length > 0 ? 'partial' : found === undefined ? 'loaded' : FOUND_OUTCOMES[found.state];
  return { outcome, found: found?.state, failures, alterations: targetRun.alterations };
}

/** Finds which points a policy leaves out of series whose steps go back or are missing: neighbours don't tell there. */
async function findLeftOut(
  run: ArchiveRun,
  survey: RunSurvey,
  {
    stepMultiplier,
    collisions,
    types,
    signal,
  }: {
    stepMultiplier: bigint;
    collisions: Exclude<CollisionPolicy, 'stop'>;
    types: ReadonlySet<SeriesType>;
    signal: AbortSignal;
  },
): Promise<void> {
  for (const [key, entry] of survey) {
    const isOdd = entry.steps !== undefined && (entry.steps.isUnordered || entry.steps.missing > 0);
    if (!isOdd || !types.has(entry.type as SeriesType)) continue;
    entry.dropped = leftOut(await stepsOf(run, key, types, signal), stepMultiplier, collisions);
  }
}

export interface PrepareOptions
  extends Pick<
    LoadRunOptions,
    'target' | 'filesPath' | 'stepMultiplier' | 'onStepCollision' | 'parent' | 'progress' | 'signal'
  > {
  digest: string;
}

/**
 * What a target has to know of a run before it comes, from a first reading of all of it.
 * @returns also what the archive lacks of the run
 */
export async function prepareRun(
  run: ArchiveRun,
  options: PrepareOptions,
): Promise<{ prepared: OpenOptions; missing: Failure[] }> {
  const { digest, stepMultiplier, signal, progress, parent, onStepCollision: collisions } = options;
  const missing = await exportFailures(run);
  const skipped = run.manifest?.skippedFiles ?? [];
  const alterations = new AlterationList();
  for (const { attributePath } of skipped) {
    alterations.add('file_left_out', attributePath, 'The export left out files of it for their size.');
  }
  const accepted = acceptedFailures(run.manifest);
  for (const { attributePath, message } of accepted) {
    alterations.add(
      'not_exported',
      attributePath,
      `The archive has it not or not whole, which was accepted: ${message}`,
    );
  }
  const survey = await surveyRun(run, stepMultiplier, signal, missing, alterations);
  if (collisions !== undefined && collisions !== 'stop') {
    await findLeftOut(run, survey, { stepMultiplier, collisions, types: options.target.wholeSteps, signal });
  }
  const prepared: OpenOptions = {
    digest,
    stepMultiplier,
    ...(collisions === undefined ? {} : { collisions }),
    survey,
    filesDirectory: join(options.filesPath, run.project.diskName),
    ...(run.pending ? { locate: (path: string) => fileOfRun(run, options.filesPath, path) } : {}),
    files: expectedFiles(run.manifest),
    failedAttributes: new Set(
      [...missing, ...skipped, ...accepted].flatMap(({ attributePath }) => attributePath ?? []),
    ),
    alterations: alterations.all,
    onBytes: (count) => progress.bytes(count),
    signal,
    ...(parent === undefined ? {} : { parent }),
  };
  return { prepared, missing };
}

/** What it means that a run was there in this state, and is loaded now. */
const FOUND_OUTCOMES = {
  half: 'completed',
  changed: 'updated',
  whole: 'skipped',
  rescaled: 'skipped',
  foreign: 'skipped',
} as const;

/** True if a load leaves a run as the target has it. */
export function isLeft({ state }: FoundRun): boolean {
  return FOUND_OUTCOMES[state] === 'skipped';
}

/** Surveys all of a run that can be read. What can't be, and what the archive doesn't tell, is added to the lists. */
export async function surveyRun(
  run: ArchiveRun,
  stepMultiplier: bigint,
  signal: AbortSignal,
  missing: Failure[],
  alterations: AlterationList,
): Promise<RunSurvey> {
  const survey: RunSurvey = new Map();
  for await (const batch of readParts(run, (failure) => missing.push(failure), nullsInto(alterations))) {
    throwIfAborted(signal);
    surveyBatch(survey, batch, stepMultiplier);
  }
  return survey;
}

/** What the archive lacks since the export could not get it, and nobody accepted that. */
export async function exportFailures(run: ArchiveRun): Promise<Failure[]> {
  const { manifest } = run;
  if (await isInterrupted(run)) {
    return [failureOf(new ExporterError('archive', 'The export of this run was interrupted: export it again.'))];
  }
  if (manifest?.status !== 'partial' || manifest.accepted !== undefined) return [];
  const failures = manifest.failures.map((failure) => ({
    ...failure,
    message: `The archive has it not or not whole, export the run again: ${failure.message}`,
  }));
  if (failures.length > 0) return failures;
  const error = new ExporterError('archive', 'The archive has this run only in part: export it again.');
  return [failureOf(error)];
}

/** What the archive lacks, and the user wants it so. */
function acceptedFailures(manifest: Manifest | undefined): readonly Failure[] {
  return manifest?.status === 'partial' && manifest.accepted !== undefined ? manifest.failures : [];
}

function expectedFiles(manifest: Manifest | undefined): Map<string, ExpectedFile> {
  const files = new Map<string, ExpectedFile>();
  for (const { path, bytes, sha256 } of manifest?.files ?? []) if (path !== null) files.set(path, { bytes, sha256 });
  return files;
}

/** Types whose values the official exporter may have written as null. */
const MAYBE_LOST = new Set(['float', 'file', 'file_series', 'file_set', 'artifact']);

/** Takes down what the official exporter wrote as null, where that may have been a value. */
function nullsInto(alterations: AlterationList): Pick<ReadOptions, 'onAbsent' | 'onNullInList'> {
  return {
    onAbsent({ path, type, count }) {
      if (!MAYBE_LOST.has(type)) return;
      const what = type === 'float' ? 'was NaN' : 'has a file that the export could not get';
      const message = `Left out: the archive does not tell whether the run lacks the attribute or it ${what}.`;
      alterations.add('null_or_absent', path, message, count);
    },
    onNullInList({ path, count }) {
      alterations.add('null_as_nan', path, 'Numbers of histograms that the archive has as null are NaN.', count);
    },
  };
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
export async function* readParts(
  run: ArchiveRun,
  onDamaged: (failure: Failure) => void,
  options: ReadOptions = {},
): AsyncGenerator<Batch> {
  for (const part of run.parts) {
    try {
      yield* readBatches({ ...run, parts: [part] }, options);
    } catch (error) {
      if (!isDamage(error)) throw error;
      onDamaged(failureOf(error));
    }
  }
}
