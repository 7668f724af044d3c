// One export from start to end, as the commands `export`, `export-models` and `demo` all run it.

import { ExporterError } from '../model/errors.ts';
import type { RunFilter, Selection } from '../model/runs.ts';
import { createSource } from '../sources/registry.ts';
import type { Source } from '../sources/source.ts';
import { type ExportOptions, exportRuns } from '../transfer/export.ts';
import { exportModels } from '../transfer/export-models.ts';
import type { CliContext } from './context.ts';
import { createErrorReport } from './error-report.ts';
import type { ExportReport, JobReport, ModelsReport } from './export-report.ts';
import { plural } from './format.ts';
import { collectEarly } from './heap.ts';
import type { Log } from './logging.ts';
import type { Exporter } from './neptune.ts';
import { withProgress } from './progress.ts';
import type { ProjectChoice } from './selection.ts';
import { packageVersion } from './version.ts';

export interface ExportJob {
  exporter: Exporter;
  token: string;
  /** Accept any certificate of the server. */
  insecure: boolean;
  projects: ProjectChoice;
  filter: RunFilter;
  selection: Selection;
  /** Absolute. */
  dataPath: string;
  filesPath: string;
  concurrency: number;
  /** How long something that fails is tried again. */
  retrySeconds: number;
  errorReportFile: string;
  /** As in ExportOptions. */
  refresh: boolean;
  acceptPartial: boolean;
  /** Draw progress where the terminal can. */
  live: boolean;
}

export interface Surroundings {
  context: CliContext;
  log: Log;
  signal: AbortSignal;
}

/** Exports runs. @throws ExporterError for what ends it as a whole; failures of single runs are in the report */
export async function runExportJob(job: ExportJob, around: Surroundings): Promise<ExportReport> {
  const { result, report } = await runJob(job, around, 'runs', exportRuns);
  return { ...result, ...report };
}

/** Exports models and their versions. @throws as `runExportJob` */
export async function runModelsJob(job: ExportJob, around: Surroundings): Promise<ModelsReport> {
  const { result, report } = await runJob(job, around, 'models', exportModels);
  return { ...result, ...report };
}

/** @param things what is exported */
async function runJob<T>(
  job: ExportJob,
  { context, log, signal }: Surroundings,
  things: 'runs' | 'models',
  work: (options: ExportOptions) => Promise<T>,
): Promise<{ result: T; report: JobReport }> {
  const { terminal, redactor } = context;
  const { exporter, token, insecure, filter, selection, dataPath, filesPath, concurrency, retrySeconds } = job;
  if (exporter === 'neptune2') collectEarly();
  const errors = createErrorReport(job.errorReportFile, redactor.redact);
  const source = createSource(exporter, {
    token,
    insecure,
    concurrency,
    retryBudgetMs: retrySeconds * 1000,
    logger: log,
    signal,
  });
  const started = performance.now();
  try {
    const projects = await resolveProjects(job.projects, source);
    const where = projects.length === 1 ? projects[0] : plural(projects.length, 'project');
    terminal.line(`Exporting ${things === 'models' ? `the models of ${where}` : where} from ${source.address}.`);
    log.file(`projects: ${projects.join(', ')}`);
    const live = terminal.live && job.live;
    const writtenBy = `neptune-exporter ${packageVersion()}`;
    const counted = things === 'models' ? 'models and versions' : things;
    const options = { terminal, verb: 'exporting', things: counted, live, projects: projects.length };
    const result = await withProgress(options, (progress) =>
      work({
        source,
        projects,
        filter,
        selection,
        dataPath,
        filesPath,
        refresh: job.refresh,
        acceptPartial: job.acceptPartial,
        writtenBy,
        progress,
        errors,
        logger: log,
        signal,
      }),
    );
    const report = {
      exporter,
      projects,
      seconds: Math.round(performance.now() - started) / 1000,
      dataPath,
      filesPath,
      errors: errors.count,
      firstErrors: errors.first,
      errorReport: errors.count > 0 ? errors.path : null,
      logFile: log.path ?? null,
    };
    return { result, report };
  } finally {
    await source.close();
  }
}

/** The projects' paths; a workspace is asked for its own. @throws ExporterError `usage` if none is left */
async function resolveProjects(choice: ProjectChoice, source: Source): Promise<string[]> {
  if (choice.kind === 'named') return choice.projects;
  const all = [...new Set(await source.listProjects(choice.workspace))];
  const chosen = all.filter(choice.matches);
  if (chosen.length === 0) {
    const details =
      choice.filtered && all.length > 0 ? { hint: `The workspace has: ${all.slice(0, 10).join(', ')}.` } : {};
    const which = choice.filtered ? ' whose name passes the patterns' : '';
    throw new ExporterError('usage', `The workspace '${choice.workspace}' has no project${which}.`, details);
  }
  return chosen;
}
