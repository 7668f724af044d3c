// One project from a source into the archive: which of its runs are exported, in what batches, and what becomes of the ones that fail.

import { findRun } from '../archive/find-run.ts';
import type { Manifest } from '../archive/types.ts';
import { forEachLimited } from '../http/limits.ts';
import { ExporterError, failureOf } from '../model/errors.ts';
import type { RegistryScope, RunRef } from '../model/runs.ts';
import { recordFailure } from './export-failures.ts';
import type { ExportResult, SettledOptions } from './export-options.ts';
import { RunExport } from './export-run.ts';
import { sinkFor } from './export-sink.ts';
import { RunFolders } from './run-folders.ts';
import { coversSelection, keepsRecorded } from './selection-record.ts';
import { WriteBudget } from './write-budget.ts';

/** Runs that share their requests. */
const BATCH = 16;
/** Batches at once: while one waits for its last answers, the other fills the line. */
const BATCHES_AT_ONCE = 2;

/** What is exported of a project if it isn't its runs. */
export interface Part {
  scope: RegistryScope;
  /** How many of the project's other things are counted in the progress already. */
  before: number;
}

const THINGS: Record<RegistryScope, string> = { models: 'models', model_versions: 'model versions' };

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
  const things = scope === undefined ? 'runs' : THINGS[scope];
  progress.project(projectId);
  const listed = await listAll(projectId, pages, options, result, before);
  progress.project(projectId, before + listed.length);
  const wanted = await withoutWhole(listed, things, options, result);
  if (listed.length === 0) logger.info(`${projectId}: no ${things} match.`);
  const ids = listed.map(({ runId }) => runId);
  const folders = await RunFolders.of(projectId, ids, dataPath, filesPath, scope);
  const budget = new WriteBudget();
  const batches: RunRef[][] = [];
  for (let at = 0; at < wanted.length; at += BATCH) batches.push(wanted.slice(at, at + BATCH));
  // One failing batch stops the others at once: their writers must not go on behind the error's back.
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  await forEachLimited(batches, BATCHES_AT_ONCE, async (batch) => {
    try {
      await exportBatch(batch, { ...options, folders, budget, signal }, result);
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

/** Leaves out the runs that the archive holds whole, and those of which this selection would lose a part. */
async function withoutWhole(
  runs: RunRef[],
  things: string,
  options: SettledOptions,
  result: ExportResult,
): Promise<RunRef[]> {
  const wanted: RunRef[] = [];
  let narrower = 0;
  let wider = 0;
  for (const run of runs) {
    let there: { manifest?: Manifest } | undefined;
    try {
      there = await findRun(options.dataPath, run.projectId, run.runId, run.scope);
    } catch (error) {
      // A manifest that can't be read: nothing is written over it, and the others go on.
      options.errors?.record(run.projectId, run.runId, failureOf(error));
      result.failed++;
      options.progress.runFinished(run.runId, 'failed');
      continue;
    }
    const covers = there?.manifest && coversSelection(there.manifest, options.selection);
    const partial = there?.manifest?.status === 'partial';
    if (!there || (partial && keepsRecorded(options.selection, there.manifest!.selection))) {
      wanted.push(run);
      continue;
    }
    if (partial) {
      wider++;
      result.partial++;
      options.progress.runFinished(run.runId, 'partial');
      continue;
    }
    if (covers === false) narrower++;
    result.skipped++;
    options.progress.runFinished(run.runId, 'skipped');
  }
  if (narrower > 0) {
    options.logger.warn(
      `${narrower} of the skipped ${things} were exported with another selection (-a, -c, --exclude, --exclude-attributes, --max-file-size) that left out some of what is asked for now. Use a fresh --data-path and --files-path to export them anew.`,
    );
  }
  if (wider > 0) {
    options.logger.warn(
      `${wider} ${things} are partial and were exported with a wider selection than this one: they are left as they are. Repeat the export with the first selection to complete them.`,
    );
  }
  return wanted;
}

async function exportBatch(
  batch: RunRef[],
  options: SettledOptions & { folders: RunFolders; budget: WriteBudget; signal: AbortSignal },
  result: ExportResult,
): Promise<void> {
  const { progress } = options;
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
    await options.source.readRuns(batch, options.selection, sinkFor(exports, progress, finish), options.signal);
  } finally {
    // Only what an error left open: nothing of it counts as exported.
    for (const open of exports.values()) await open.abort();
  }
}

/** A run that could not be read at all is closed without a trace: what an earlier export has of it stays. */
async function finishRun(run: RunRef, open: RunExport, options: SettledOptions, result: ExportResult): Promise<void> {
  const { progress, errors } = options;
  for (const failure of open.failures) errors?.record(run.projectId, run.runId, failure);
  if (open.unreadable) {
    await open.abort();
    result.failed++;
    progress.runFinished(run.runId, 'failed');
    return;
  }
  if (open.noBetter) {
    await open.abort();
    result.partial++;
    progress.runFinished(run.runId, 'partial');
    return;
  }
  const { rows, files, bytes, skippedFiles, skippedBytes, failures } = await open.finish();
  const partial = failures.length > 0;
  result.exported++;
  if (partial) result.partial++;
  result.points += rows;
  result.files += files;
  result.bytes += bytes;
  result.skippedFiles += skippedFiles;
  result.skippedBytes += skippedBytes;
  progress.runFinished(run.runId, partial ? 'partial' : 'done');
}
