// The demo's export: the whole path from the sample's server to a summary, and what to type next.

import { basename, join, relative } from 'node:path';
import { EXPORT_CLASSES } from '../model/attributes.ts';
import { printSummary } from './commands/summary.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './errors.ts';
import type { ExportJob, Surroundings } from './export-job.ts';
import { DEFAULT_CONCURRENCY, DEFAULT_RETRY_SECONDS } from './export-options.ts';
import { exportLines, isWhole, modelsLines } from './export-report.ts';
import { makeFolder } from './folders.ts';
import { type Exporter, TITLES } from './neptune.ts';

export interface DemoExport {
  exporter: Exporter;
  token: string;
  /** The sample's. */
  project: string;
  /** Gets `data` and `files`; from Neptune 2 also `model_data` and `model_files`. */
  folder: string;
  verbose: boolean;
  /** Draw progress where the terminal can. */
  live: boolean;
  /** The summary as JSON. */
  json: boolean;
}

/** @returns the exit code */
export async function exportSample(demo: DemoExport, context: CliContext): Promise<number> {
  const { exporter, token, project, live, verbose, json } = demo;
  const { terminal } = context;
  const folder = await makeFolder(demo.folder);
  const log = context.openLog({ verbose, logFile: join(folder, 'neptune_exporter.log') });
  const around: Surroundings = { context, log, signal: context.interruptSignal() };
  terminal.line(`A ${TITLES[exporter]} server with a sample project runs on this machine.`);
  const job: ExportJob = {
    exporter,
    token,
    insecure: false,
    projects: { kind: 'named', projects: [project] },
    filter: { includeArchived: false },
    selection: { attributes: { kind: 'all' }, classes: new Set(EXPORT_CLASSES), includePreviews: false },
    dataPath: await makeFolder(join(folder, 'data')),
    filesPath: await makeFolder(join(folder, 'files')),
    concurrency: DEFAULT_CONCURRENCY,
    retrySeconds: DEFAULT_RETRY_SECONDS,
    errorReportFile: join(folder, 'neptune_exporter_errors.jsonl'),
    refresh: true,
    acceptPartial: false,
    live,
  };
  const { dataPath, filesPath } = job;
  const areRunsWhole = await exportRuns(job, around);
  const models = exporter === 'neptune2' ? await makeFolder(join(folder, 'model_data')) : undefined;
  let areModelsWhole = true;
  if (models !== undefined) {
    const modelFiles = await makeFolder(join(folder, 'model_files'));
    areModelsWhole = await exportModels({ ...job, dataPath: models, filesPath: modelFiles }, around);
  }
  terminal.line('');
  await printSummary({ dataPath, filesPath, ...(models ? { modelDataPath: models } : {}), json }, context);
  for (const line of nextSteps(exporter, folder)) terminal.line(line);
  return areRunsWhole && areModelsWhole ? EXIT.ok : EXIT.incomplete;
}

async function exportRuns(job: ExportJob, around: Surroundings): Promise<boolean> {
  const { runExportJob } = await import('./export-job.ts');
  const report = await runExportJob(job, around);
  for (const line of exportLines(report)) around.context.terminal.line(line);
  return isWhole([report]);
}

async function exportModels(job: ExportJob, around: Surroundings): Promise<boolean> {
  const { runModelsJob } = await import('./export-job.ts');
  const report = await runModelsJob(job, around);
  for (const line of modelsLines(report)) around.context.terminal.line(line);
  return isWhole([report.models, report.versions]);
}

/** A path as it can be pasted into a shell, short where it lies below the current folder. */
function shellPath(path: string): string {
  const short = relative(process.cwd(), path);
  const text = short.startsWith('..') ? path : short;
  return /^[\w./@%+:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The words that start this program here: its name where it is installed, the paths of node and script in a checkout. */
function invocation(): string {
  const script = process.argv[1] ?? '';
  if (basename(script) === 'neptune-exporter') return 'neptune-exporter';
  return `${shellPath(process.execPath)} ${shellPath(script)}`;
}

function nextSteps(exporter: Exporter, folder: string): string[] {
  const program = invocation();
  const path = (name: string) => shellPath(join(folder, name));
  const [data, files] = [path('data'), path('files')];
  const [models, which] =
    exporter === 'neptune2' ? [` --model-data-path ${path('model_data')}`, ' --exporter neptune2'] : ['', ''];
  return [
    '',
    'What to try next:',
    `  ${program} summary -d ${data}${models}`,
    `  ${program} verify -d ${data} -f ${files}${models}`,
    `  ${program} load --loader mlflow --mlflow-tracking-uri sqlite:///mlflow.db -d ${data} -f ${files}`,
    `  ${program} demo${which} --serve     (and export from it with options of your own)`,
    `  ${program} export --help    (for your own project)`,
  ];
}
