// Archive → target: which runs are loaded, in what order, and what becomes of the ones that fail.

import type { Archive } from '../archive/reader.ts';
import type { ArchiveRun } from '../archive/types.ts';
import { forEachLimited, throwIfAborted } from '../http/limits.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import { type Logger, silentLogger } from '../model/logger.ts';
import type { RunInfo } from '../model/runs.ts';
import type { CollisionPolicy } from '../targets/step-collisions.ts';
import type { Target } from '../targets/target.ts';
import { type OrderedRun, parentsFirst } from './load-order.ts';
import { loadRun, type RunLoad, readKnownInfo } from './load-run.ts';
import { type SelectedProject, selectRuns } from './load-selection.ts';
import { planSteps, throwIfColliding } from './load-steps.ts';
import { checking, type Progress, silentProgress } from './progress.ts';

export interface LoadOptions {
  archive: Archive;
  /** The archive's folder of files. */
  filesPath: string;
  target: Target;
  /** Only these project ids. */
  projects?: readonly string[];
  /** Only these run ids. */
  runs?: readonly string[];
  /** Target step = Neptune step x multiplier. `auto`: the smallest power of ten that makes all steps of the selection whole. */
  stepMultiplier: bigint | 'auto';
  /** What becomes of points of one series that fall on one step. @default stop */
  onStepCollision?: CollisionPolicy;
  /** Runs loaded at once. */
  concurrency: number;
  progress?: Progress;
  /** Told of everything that could not be loaded; the run id is empty if a project as a whole is concerned. */
  errorReport?: { record(projectId: string, runId: string, failure: Failure): void };
  logger?: Logger;
  signal?: AbortSignal;
}

export interface LoadResult {
  /** Runs that were asked for. */
  runs: number;
  /** Loaded for the first time, whole. */
  loaded: number;
  /** Half loaded before, whole now. */
  completed: number;
  /** Loaded before with other content, and replaced now. */
  updated: number;
  /** There already; `rescaled` and `foreign` are among them. */
  skipped: number;
  /** Skipped though they were loaded with another step multiplier. */
  rescaled: number;
  /** Skipped since a run of the same name is there that this program didn't make. */
  foreign: number;
  /** Runs that the target doesn't have whole; `partial` is among them. */
  failed: number;
  /** Loaded but for some attributes, files or parts of the archive. */
  partial: number;
  /** Values, points and names that are otherwise at the target than in the archive. */
  alterations: number;
  alterationsByCode: Record<string, number>;
  /** The step multiplier that was used. */
  stepMultiplier: string;
}

type Settled = Omit<LoadOptions, 'stepMultiplier'> & {
  stepMultiplier: bigint;
  progress: Progress;
  logger: Logger;
  signal: AbortSignal;
};

/**
 * Loads the runs of an archive that the target doesn't have whole, after it has made sure that no points would fall
 * together. Connects the target, but leaves it open.
 * @throws ExporterError what ends the load as a whole: no such project or run, `step_collision`, `token_refused`,
 *   `network`, `offline`, `disk`, `interrupted`
 */
export async function loadArchive(options: LoadOptions): Promise<LoadResult> {
  const { progress = silentProgress, logger = silentLogger, target } = options;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const result = emptyResult();
  const damaged = (projectId: string, run: string, error: unknown) => {
    result.runs++;
    result.failed++;
    options.errorReport?.record(projectId, run, failureOf(error));
    logger.error(`${projectId}, run ${run}: ${messageOf(error)}`);
  };
  const { projects, missing } = await selectRuns({ ...options, signal, onDamaged: damaged });
  for (const { runs } of projects) result.runs += runs.length;
  await target.connect();
  const { steps, digests } = await planSteps(projects, { ...options, progress: checking(progress), signal });
  throwIfColliding(steps, options.onStepCollision);
  progress.stage?.('loading', false);
  result.stepMultiplier = steps.multiplier.toString();
  const settled = { ...options, stepMultiplier: steps.multiplier, progress, logger, signal };
  for (const project of projects) await loadProject(project, digests, settled, result, stop);
  if (missing.length > 0) reportMissing(missing, projects, settled, result);
  return result;
}

function emptyResult(): LoadResult {
  const counts = { runs: 0, loaded: 0, completed: 0, updated: 0, skipped: 0, rescaled: 0, foreign: 0 };
  return { ...counts, failed: 0, partial: 0, alterations: 0, alterationsByCode: {}, stepMultiplier: '1' };
}

function reportMissing(
  missing: readonly string[],
  projects: readonly SelectedProject[],
  options: Settled,
  result: LoadResult,
): void {
  for (const runId of missing) {
    const error = new ExporterError('not_found', `The archive has no run '${runId}'.`);
    if (result.runs === 0 && missing.length === 1) throw error;
    result.runs++;
    result.failed++;
    options.errorReport?.record(projects[0]?.project.projectId ?? '', runId, failureOf(error));
    options.logger.error(error.message);
  }
}

async function loadProject(
  { project: { projectId }, runs, others }: SelectedProject,
  digests: ReadonlyMap<ArchiveRun, string>,
  options: Settled,
  result: LoadResult,
  stop: AbortController,
): Promise<void> {
  const { progress, logger, concurrency } = options;
  progress.project(projectId, runs.length);
  const ordered = parentsFirst(runs, ({ runId }) =>
    logger.warn(`${projectId}: the forks of run ${runId} lead back to itself; it is loaded without its parent`),
  );
  const targetIds = new Map<string, string>();
  const settled = new Map<OrderedRun<ArchiveRun>, PromiseWithResolvers<void>>();
  for (const one of ordered) settled.set(one, Promise.withResolvers());
  await forEachLimited(ordered, concurrency, async (one) => {
    try {
      if (one.parent) await settled.get(one.parent)?.promise;
      throwIfAborted(options.signal);
      await loadOne(one, digests.get(one.run), others, targetIds, options, result);
    } catch (error) {
      // One failing stops the others at once, so that nothing goes on behind the error's back.
      stop.abort(error);
      throw error;
    } finally {
      settled.get(one)?.resolve();
    }
  });
}

async function loadOne(
  { run, info, parent }: OrderedRun<ArchiveRun>,
  digest: string | undefined,
  others: Map<string, ArchiveRun>,
  targetIds: Map<string, string>,
  options: Settled,
  result: LoadResult,
): Promise<void> {
  const { progress, logger, errorReport } = options;
  const { projectId, runId } = info;
  const shown = `${projectId}, run ${runId}`;
  progress.runStarted(runId);
  try {
    const load = await loadRun(run, info, {
      ...options,
      ...(digest === undefined ? {} : { digest }),
      parent: parent ? requireParent(parent.info, targetIds) : await outsideParent(info, others, options),
      onTargetId: (id) => targetIds.set(runId, id),
    });
    count(load, result);
    for (const failure of load.failures) errorReport?.record(projectId, runId, failure);
    tell(shown, load, logger);
    progress.runFinished(runId, outcomeOf(load));
  } catch (error) {
    if (endsLoad(error)) throw error;
    result.failed++;
    errorReport?.record(projectId, runId, failureOf(error));
    logger.error(`${shown}: ${messageOf(error)}`);
    progress.runFinished(runId, 'failed');
  }
}

/** A child without its parent would never get it later: it waits until the parent is there. */
function requireParent(parent: RunInfo, targetIds: Map<string, string>): string {
  const id = targetIds.get(parent.runId);
  if (id !== undefined) return id;
  throw new ExporterError('not_found', `Its parent run ${parent.runId} could not be loaded.`, {
    hint: 'Start the load again: both will be tried.',
  });
}

/** A parent that isn't to be loaded now may be at the target already. */
async function outsideParent(
  { parentRunId }: RunInfo,
  others: Map<string, ArchiveRun>,
  { target, stepMultiplier, logger }: Settled,
): Promise<string | undefined> {
  const parent = parentRunId === undefined ? undefined : others.get(parentRunId);
  if (!parent) return undefined;
  const found = await target.find(await readKnownInfo(parent), { digest: '', stepMultiplier });
  if (!found) logger.warn(`The parent ${parentRunId} is not at the target: the fork is loaded without a link to it`);
  return found?.id;
}

function count(load: RunLoad, result: LoadResult): void {
  if (load.outcome === 'partial') {
    result.partial++;
    result.failed++;
  } else {
    result[load.outcome]++;
  }
  if (load.outcome === 'skipped' && (load.found === 'rescaled' || load.found === 'foreign')) result[load.found]++;
  for (const { code, count: times } of load.alterations) {
    result.alterations += times;
    result.alterationsByCode[code] = (result.alterationsByCode[code] ?? 0) + times;
  }
}

function tell(shown: string, { outcome, found, failures, alterations }: RunLoad, logger: Logger): void {
  for (const { attributePath, message } of failures) {
    logger.error(`${shown}${attributePath === undefined ? '' : `, ${attributePath}`}: ${message}`);
  }
  for (const { attributePath, message, code, count: times } of alterations) {
    logger.info(`${shown}, ${attributePath ?? 'run'}: ${message} (${code}, ${times})`);
  }
  if (found === 'rescaled') {
    logger.warn(`${shown}: skipped; it was loaded before with another step multiplier`);
  } else if (found === 'foreign') {
    logger.warn(`${shown}: skipped; a run of this name is there that another program made`);
  } else {
    logger.debug(`${shown}: ${outcome}`);
  }
}

function outcomeOf({ outcome }: RunLoad): 'done' | 'skipped' | 'partial' {
  return outcome === 'skipped' || outcome === 'partial' ? outcome : 'done';
}

/** What concerns every run. */
function endsLoad(error: unknown): boolean {
  return (
    error instanceof ExporterError &&
    ['token_refused', 'network', 'offline', 'disk', 'interrupted'].includes(error.code)
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
