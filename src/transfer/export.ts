// Source → archive: which runs are exported, in what batches, and what becomes of the ones that fail.

import { findRun } from '../archive/find-run.ts';
import type { Manifest } from '../archive/types.ts';
import { forEachLimited } from '../http/limits.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import { type Logger, silentLogger } from '../model/logger.ts';
import type { RunFilter, RunRef, Selection } from '../model/runs.ts';
import type { Source } from '../sources/source.ts';
import { RunExport } from './export-run.ts';
import { sinkFor } from './export-sink.ts';
import { type Progress, silentProgress } from './progress.ts';
import { RunFolders } from './run-folders.ts';
import { coversSelection, keepsRecorded } from './selection-record.ts';
import { WriteBudget } from './write-budget.ts';

export interface ExportOptions {
  source: Source;
  /** Project paths. */
  projects: string[];
  filter: RunFilter;
  selection: Selection;
  /** Folders of the archive; made when missing. */
  dataPath: string;
  filesPath: string;
  /** Name and version of the writing program, for the manifest. */
  writtenBy: string;
  progress?: Progress;
  /** Told of everything that could not be exported; the run id is empty if a project as a whole is concerned. */
  errors?: { record(projectId: string, runId: string, failure: Failure): void };
  logger?: Logger;
  signal?: AbortSignal;
}

export interface ExportResult {
  /** Runs that matched. */
  runs: number;
  exported: number;
  /** There already, and whole as far as the archive knows. */
  skipped: number;
  /** Runs of which something is missing: exported now, or there from before and left as they are. */
  partial: number;
  /** Runs that could not be exported at all, and projects. */
  failed: number;
  /** Rows of the archive. */
  points: number;
  files: number;
  /** Of files. */
  bytes: number;
}

/** Runs that share their requests. */
const BATCH = 16;
/** Batches at once: while one waits for its last answers, the other fills the line. */
const BATCHES_AT_ONCE = 2;

/**
 * Exports the runs of some projects that the archive doesn't have whole.
 * @throws ExporterError what ends the export as a whole: `token_refused`, `disk`, `interrupted`; or the error of the
 *   only project
 */
export async function exportRuns(options: ExportOptions): Promise<ExportResult> {
  const { progress = silentProgress, logger = silentLogger } = options;
  const result: ExportResult = {
    runs: 0,
    exported: 0,
    skipped: 0,
    partial: 0,
    failed: 0,
    points: 0,
    files: 0,
    bytes: 0,
  };
  for (const projectId of options.projects) {
    try {
      await exportProject(projectId, { ...options, progress, logger }, result);
    } catch (error) {
      if (options.projects.length === 1 || endsExport(error)) throw error;
      result.failed++;
      options.errors?.record(projectId, '', failureOf(error));
      logger.error(`${projectId}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return result;
}

/** What concerns every project. */
function endsExport(error: unknown): boolean {
  return (
    !(error instanceof ExporterError) ||
    ['token_refused', 'disk', 'interrupted', 'offline', 'wrong_server'].includes(error.code)
  );
}

type Settled = ExportOptions & { progress: Progress; logger: Logger };

async function exportProject(projectId: string, options: Settled, result: ExportResult): Promise<void> {
  const { source, progress, logger } = options;
  progress.project(projectId);
  const listed = await listAll(projectId, options, result);
  progress.project(projectId, listed.length);
  const wanted = await withoutWhole(listed, options, result);
  if (listed.length === 0) logger.info(`${projectId}: no runs match.`);
  const ids = listed.map(({ runId }) => runId);
  const folders = await RunFolders.of(projectId, ids, options.dataPath, options.filesPath);
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
  logger.debug(`${projectId}: done with ${source.name}`);
}

/** All runs that match; a run id that comes twice would write over the first, so it is reported instead. */
async function listAll(projectId: string, options: Settled, result: ExportResult): Promise<RunRef[]> {
  const runs = new Map<string, RunRef>();
  for await (const page of options.source.listRuns(projectId, options.filter)) {
    for (const run of page) {
      if (!runs.has(run.runId)) {
        runs.set(run.runId, run);
        continue;
      }
      const text = `The run ${run.sysId} has the same run id as ${runs.get(run.runId)?.sysId}.`;
      options.errors?.record(projectId, run.runId, failureOf(new ExporterError('unsupported', text)));
      result.failed++;
      result.runs++;
    }
    options.progress.project(projectId, runs.size);
  }
  result.runs += runs.size;
  return [...runs.values()];
}

/** Leaves out the runs that the archive holds whole, and those of which this selection would lose a part. */
async function withoutWhole(runs: RunRef[], options: Settled, result: ExportResult): Promise<RunRef[]> {
  const wanted: RunRef[] = [];
  let narrower = 0;
  let wider = 0;
  for (const run of runs) {
    let there: { manifest?: Manifest } | undefined;
    try {
      there = await findRun(options.dataPath, run.projectId, run.runId);
    } catch (error) {
      // A manifest that can't be read: nothing is written over it, and the others go on.
      options.errors?.record(run.projectId, run.runId, failureOf(error));
      result.failed++;
      options.progress.runFinished(run.runId, 'failed');
      continue;
    }
    const covers = there?.manifest && coversSelection(there.manifest.selection, options.selection);
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
      `${narrower} of the skipped runs were exported with another selection (-a, -c, --exclude) that left out some of what is asked for now. Use a fresh --data-path to export them anew.`,
    );
  }
  if (wider > 0) {
    options.logger.warn(
      `${wider} runs are partial and were exported with a wider selection than this one: they are left as they are. Repeat the export with the first selection to complete them.`,
    );
  }
  return wanted;
}

async function exportBatch(
  batch: RunRef[],
  options: Settled & { folders: RunFolders; budget: WriteBudget; signal: AbortSignal },
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
async function finishRun(run: RunRef, open: RunExport, options: Settled, result: ExportResult): Promise<void> {
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
  const { rows, files, bytes, failures } = await open.finish();
  const partial = failures.length > 0;
  result.exported++;
  if (partial) result.partial++;
  result.points += rows;
  result.files += files;
  result.bytes += bytes;
  progress.runFinished(run.runId, partial ? 'partial' : 'done');
}
