// One project from a source into the archive: which of its runs are exported, in what batches, and what becomes of the ones that fail.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FolderCheck } from '../archive/file-check.ts';
import { findRun } from '../archive/find-run.ts';
import { diskName } from '../archive/names.ts';
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

/**
 * Leaves out the runs that the archive holds whole, and those of which this selection would lose a part. A run that was
 * exported with less than is asked for now, or whose files are lost, is exported anew.
 */
async function withoutWhole(
  runs: RunRef[],
  things: string,
  options: SettledOptions,
  result: ExportResult,
): Promise<RunRef[]> {
  const wanted: RunRef[] = [];
  const before = { ...result };
  let lost = 0;
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
    const manifest = there?.manifest;
    const keeps = manifest !== undefined && keepsRecorded(options.selection, manifest.selection);
    const partial = manifest?.status === 'partial';
    const covers = manifest === undefined || coversSelection(manifest, options.selection);
    const isLost = manifest !== undefined && keeps && (await hasLostFiles(manifest, options.filesPath));
    if (!there || (keeps && (partial || !covers || isLost))) {
      if (isLost) lost++;
      wanted.push(run);
      continue;
    }
    if (partial) {
      result.partial++;
      result.keptPartial++;
      options.progress.runFinished(run.runId, 'partial');
      continue;
    }
    if (!covers) result.narrower++;
    if (manifest === undefined) result.unverified++;
    if ((run.modifiedAt ?? 0) > (manifest?.modifiedAt ?? Number.POSITIVE_INFINITY)) result.changed++;
    result.skipped++;
    options.progress.runFinished(run.runId, 'skipped');
  }
  const since = (name: 'narrower' | 'keptPartial' | 'changed' | 'unverified') => result[name] - before[name];
  const warn = (count: number, text: string) => {
    if (count > 0) options.logger.warn(`${count} ${text}`);
  };
  warn(
    since('narrower'),
    `of the skipped ${things} were exported with another selection (-a, -c, --exclude, --exclude-attributes, --max-file-size) that left out some of what is asked for now, and has some that isn't. Ask for both, or use a fresh --data-path and --files-path.`,
  );
  warn(
    since('keptPartial'),
    `${things} are partial and were exported with a wider selection than this one: they are left as they are. Repeat the export with the first selection to complete them.`,
  );
  warn(
    since('changed'),
    `of the skipped ${things} have changed at the source since they were exported. Use a fresh --data-path and --files-path to have them as they are now.`,
  );
  warn(
    since('unverified'),
    `of the skipped ${things} are the official exporter's: nobody recorded whether they are whole.`,
  );
  warn(lost, `${things} are exported anew, as downloaded files of theirs are lost or of another size.`);
  return wanted;
}

/** Files that the manifest names and the folder doesn't have. A folder that isn't there at all is another one's. */
async function hasLostFiles({ projectId, files }: Manifest, filesPath: string): Promise<boolean> {
  const project = diskName(projectId);
  if (files.length === 0 || !existsSync(join(filesPath, project))) return false;
  const check = new FolderCheck(filesPath, project);
  await check.addAll(files);
  return check.totals.damaged > 0;
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
    result.keptPartial++;
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
