// One project from a source into the archive: which of its runs are exported, in what batches, and what becomes of the ones that fail.

import { sweepLeftovers } from '../archive/leftovers.ts';
import { diskName } from '../archive/names.ts';
import { settleProject } from '../archive/publish.ts';
import { ExporterError, failureOf } from '../model/errors.ts';
import type { RegistryScope, RunRef } from '../model/runs.ts';
import { chooseRuns, thingsOf } from './export-choice.ts';
import { recordFailure } from './export-failures.ts';
import type { ExportResult, SettledOptions } from './export-options.ts';
import { RunExport } from './export-run.ts';
import { sinkFor } from './export-sink.ts';
import { RunFolders } from './run-folders.ts';
import { whileMoving } from './while-moving.ts';
import { WriteBudget } from './write-budget.ts';

/** Runs that share their requests. */
const BATCH = 16;
/**
 * Batches at once: while one waits for its last answers, another fills the line. One of which nothing has come for two
 * seconds gives its place to the next: something of it is tried again and again.
 */
const PACE = { moving: 2, most: 16, idleMs: 2000 };

/** What is exported of a project if it isn't its runs. */
export interface Part {
  scope: RegistryScope;
  /** How many of the project's other things are counted in the progress already. */
  before: number;
}

/**
 * Exports the runs (or what `part` says) of a project that the archive doesn't have whole, and counts them in `result`.
 * @param pages as the source lists them
 * @returns all that were listed
 */
export async function exportProject(
  projectId: string,
  pages: AsyncIterable<RunRef[]>,
  options: SettledOptions,
  result: ExportResult,
  part?: Part,
): Promise<RunRef[]> {
  const { source, progress, logger, dataPath, filesPath } = options;
  const { scope, before = 0 } = part ?? {};
  const things = thingsOf(scope);
  progress.project(projectId);
  const listed = await listAll(projectId, pages, options, result, before);
  progress.project(projectId, before + listed.length);
  await settleProject({ dataPath, filesPath }, projectId, scope, ({ message }) => logger.warn(message));
  const wanted = await chooseRuns(listed, things, options, result);
  if (listed.length === 0) logger.info(`${projectId}: no ${things} match.`);
  const ids = listed.map(({ runId }) => runId);
  const folders = await RunFolders.of(projectId, ids, dataPath, filesPath, scope);
  const exported = new Set(wanted.map(({ runId }) => diskName(runId)));
  await sweepLeftovers({ dataPath, filesPath }, projectId, scope, (run) => exported.has(run));
  const budget = new WriteBudget(source.name);
  const batches: RunRef[][] = [];
  for (let at = 0; at < wanted.length; at += BATCH) batches.push(wanted.slice(at, at + BATCH));
  // One failing batch stops the others at once: their writers must not go on behind the error's back.
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  await whileMoving(batches, PACE, async (batch, moved) => {
    try {
      await exportBatch(batch, { ...options, folders, budget, signal, moved }, result);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  logger.debug(`${projectId}: done with the ${things} of ${source.name}`);
  return listed;
}

/**
 * All runs that match; a run id that comes twice would write over the first, so it is reported instead. If the listing
 * ends too early, what came before goes on its way.
 */
async function listAll(
  projectId: string,
  pages: AsyncIterable<RunRef[]>,
  options: SettledOptions,
  result: ExportResult,
  before: number,
): Promise<RunRef[]> {
  const runs = new Map<string, RunRef>();
  const add = (run: RunRef) => {
    const first = runs.get(run.runId);
    if (first === undefined) {
      runs.set(run.runId, run);
      return;
    }
    const text = `The run ${run.sysId} has the same run id as ${first.sysId}.`;
    options.errors?.record(projectId, run.runId, failureOf(new ExporterError('unsupported', text)));
    result.failed++;
    result.runs++;
  };
  try {
    for await (const page of pages) {
      for (const run of page) add(run);
      options.progress.project(projectId, before + runs.size);
    }
  } catch (error) {
    if (!(error instanceof ExporterError && error.code === 'bad_answer') || runs.size === 0) throw error;
    recordFailure(projectId, error, options, result);
  }
  result.runs += runs.size;
  return [...runs.values()];
}

async function exportBatch(
  batch: RunRef[],
  options: SettledOptions & { folders: RunFolders; budget: WriteBudget; signal: AbortSignal; moved: () => void },
  result: ExportResult,
): Promise<void> {
  const { progress, moved } = options;
  const exports = new Map<RunRef, RunExport>();
  try {
    for (const run of batch) {
      progress.runStarted(run.runId);
      exports.set(run, await RunExport.open(run, options));
    }
    const finish = async (run: RunRef, open: RunExport) => {
      await finishRun(run, open, options, result);
      exports.delete(run);
    };
    await options.source.readRuns(batch, options.selection, sinkFor(exports, progress, moved, finish), options.signal);
  } finally {
    // Only what an error left open: nothing of it counts as exported.
    for (const open of exports.values()) await open.abort();
  }
}

/** A run that could not be read at all is closed without a trace: what an earlier export has of it stays. */
async function finishRun(run: RunRef, open: RunExport, options: SettledOptions, result: ExportResult): Promise<void> {
  const { progress, errors } = options;
  if (open.unreadable || (await open.isNoBetter())) {
    for (const failure of open.failures) errors?.record(run.projectId, run.runId, failure);
    await open.abort();
    if (open.unreadable) result.failed++;
    else if (open.wasComplete) result.keptOld++;
    else {
      result.partial++;
      result.keptPartial++;
    }
    progress.runFinished(run.runId, open.unreadable ? 'failed' : 'partial');
    return;
  }
  const { rows, files, bytes, skippedFiles, skippedBytes, failures } = await open.finish();
  for (const failure of failures) errors?.record(run.projectId, run.runId, failure);
  const partial = failures.length > 0;
  result.exported++;
  if (open.wasComplete) result.replaced++;
  if (partial) result.partial++;
  result.points += rows;
  result.files += files;
  result.bytes += bytes;
  result.skippedFiles += skippedFiles;
  result.skippedBytes += skippedBytes;
  progress.runFinished(run.runId, partial ? 'partial' : 'done');
}
