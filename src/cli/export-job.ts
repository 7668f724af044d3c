// One export from start to end, as the commands `export` and `demo` both run it.

import { ExporterError } from '../model/errors.ts';
import type { RunFilter, Selection } from '../model/runs.ts';
import { createNeptune3Source } from '../sources/neptune3/index.ts';
import type { Source } from '../sources/source.ts';
import { exportRuns } from '../transfer/export.ts';
import type { CliContext } from './context.ts';
import { createErrorReport } from './error-report.ts';
import type { ExportReport } from './export-report.ts';
import { plural } from './format.ts';
import type { Log } from './logging.ts';
import { withProgress } from './progress.ts';
import type { ProjectChoice } from './selection.ts';
import { packageVersion } from './version.ts';

export interface ExportJob {
  token: string;
  projects: ProjectChoice;
  filter: RunFilter;
  selection: Selection;
  /** Absolute. */
  dataPath: string;
  filesPath: string;
  concurrency: number;
  errorReportFile: string;
  /** Draw progress where the terminal can. */
  live: boolean;
}

/** Runs the job. @throws ExporterError for what ends it as a whole; failures of single runs are in the report */
export async function runExportJob(
  job: ExportJob,
  { context, log, signal }: { context: CliContext; log: Log; signal: AbortSignal },
): Promise<ExportReport> {
  const { terminal, redactor } = context;
  const { token, filter, selection, dataPath, filesPath, concurrency } = job;
  const errors = createErrorReport(job.errorReportFile, redactor.redact);
  const source = createNeptune3Source({ token, concurrency, logger: log, signal });
  const started = performance.now();
  try {
    const projects = await resolveProjects(job.projects, source);
    const what = projects.length === 1 ? projects[0] : plural(projects.length, 'project');
    terminal.line(`Exporting ${what} from ${source.address}.`);
    log.file(`projects: ${projects.join(', ')}`);
    const live = terminal.live && job.live;
    const writtenBy = `neptune-exporter ${packageVersion()}`;
    const result = await withProgress({ terminal, verb: 'exporting', live, projects: projects.length }, (progress) =>
      exportRuns({
        source,
        projects,
        filter,
        selection,
        dataPath,
        filesPath,
        writtenBy,
        progress,
        errors,
        logger: log,
        signal,
      }),
    );
    return {
      ...result,
      projects,
      seconds: Math.round(performance.now() - started) / 1000,
      dataPath,
      filesPath,
      errors: errors.count,
      errorReport: errors.count > 0 ? errors.path : null,
      logFile: log.path ?? null,
    };
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
