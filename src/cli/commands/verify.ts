// `verify`: prove that an archive is whole, and as it was recorded.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Problem, VerifyFolder, VerifyProgress, VerifyResult } from '../../archive/verify/index.ts';
import type { TargetName } from '../../targets/registry.ts';
import type { ComparableTarget } from '../../targets/target.ts';
import type { Progress } from '../../transfer/progress.ts';
import type { Bind, CliContext } from '../context.ts';
import { EXIT, usageError } from '../errors.ts';
import { appendLine, type Log } from '../logging.ts';
import { type Exporter, exporterOption } from '../neptune.ts';
import * as shared from '../options.ts';
import { withProgress } from '../progress.ts';
import { addTargetOptions, loaderOption, type TargetOptions, targetOptionsIn } from '../target-options.ts';
import type { VerifyReport } from '../verify-report.ts';
import { packageVersion } from '../version.ts';

/** Runs compared with a target at once. */
const DEFAULT_CONCURRENCY = 4;
const MAX_CONCURRENCY = 32;

interface VerifyOptions extends shared.CommonOptions, TargetOptions {
  dataPath: string;
  filesPath?: string;
  modelDataPath?: string;
  modelFilesPath?: string;
  projectIds: string[];
  runs: string[];
  adopt: boolean;
  source: boolean;
  exporter?: Exporter;
  apiToken?: string;
  loader?: TargetName;
  concurrency?: number;
  errorReportFile: string;
  progress: boolean;
  json: boolean;
}

const EXAMPLES = [
  ['Prove what the last export brought', 'neptune-exporter verify'],
  ['An archive somewhere else', 'neptune-exporter verify -d /mnt/exports/data -f /mnt/exports/files'],
  ['Also whether the server has more by now', 'neptune-exporter verify --source'],
  [
    'Also whether all of it is in MLflow',
    'neptune-exporter verify --loader mlflow --mlflow-tracking-uri "http://localhost:5000"',
  ],
  [
    'Record an archive of the official exporter, so that it can be proven from now on',
    'neptune-exporter verify --adopt',
  ],
] as const;

/** The command `verify`. */
export function verifyCommand(bind: Bind): Command {
  const command = new Command('verify').description(
    'Prove that an archive is whole: every part and file is there with its size and hash, and nothing besides. Archives of the official exporter, which recorded no hashes, are read to the last value. Needs no server but for --source and --loader. Ends with 3 if anything is off.',
  );
  shared.addDataPath(command);
  command
    .option('-f, --files-path <folder>', 'folder of the downloaded files (default: files, beside the data)')
    .option('--model-data-path <folder>', 'folder of the parquet data of models (default: model_data, beside the data)')
    .option('--model-files-path <folder>', 'folder of their files (default: model_files, beside their data)')
    .addOption(shared.manyOption('-p, --project-ids <path>', 'only this project, as workspace/project'))
    .addOption(shared.manyOption('-r, --runs <run id>', 'only this run or model: the exact id'))
    .option('--adopt', 'write manifests for whole runs without one, so that from now on they can be proven', false)
    .option(
      '--source',
      'also compare with the server: runs, attributes, numbers of points; files are not fetched',
      false,
    )
    .addOption(exporterOption())
    .option('--api-token <token>', 'API token for --source; better set NEPTUNE_API_TOKEN, which no process list shows')
    .addOption(loaderOption('also compare with what was loaded there: values, every point, files by their hashes'));
  addTargetOptions(command).addOption(
    new Option(
      '--concurrency <n>',
      `runs compared with --loader at the same time (default: ${DEFAULT_CONCURRENCY})`,
    ).argParser(shared.wholeNumber(1, MAX_CONCURRENCY)),
  );
  shared.addErrorReport(command);
  shared.addLogging(command);
  shared.addNoProgress(command);
  shared.addJson(command);
  return shared.addExamples(command, EXAMPLES).action(bind(runVerify));
}

/** What the steps of the command share. */
interface Job {
  options: VerifyOptions;
  context: CliContext;
  log: Log;
  signal: AbortSignal;
  /** Folders and selection. */
  chosen: { folders: readonly VerifyFolder[]; projects?: string[]; runs?: string[] };
  onProblem(problem: Problem): void;
  shown<T>(verb: string, task: (progress: Progress) => Promise<T>): Promise<T>;
}

async function runVerify(options: VerifyOptions, context: CliContext): Promise<number> {
  const { terminal, redactor } = context;
  const { closingLine, verifyLines } = await import('../verify-report.ts');
  checkLoaderOptions(options);
  if (options.source) {
    // Before the long work begins.
    const { sourceToken } = await import('../verify-source.ts');
    sourceToken(options.apiToken, context);
  }
  const log = context.openLog(options);
  const signal = context.interruptSignal('Run the same command again: it begins anew.');
  const folders = foldersOf(options);
  const errorReport = resolve(options.errorReportFile);
  const started = performance.now();
  const live = terminal.live && options.progress;
  const found = await verify({
    options,
    context,
    log,
    signal,
    chosen: {
      folders,
      ...(options.projectIds.length > 0 ? { projects: options.projectIds } : {}),
      ...(options.runs.length > 0 ? { runs: options.runs } : {}),
    },
    onProblem(problem) {
      const { code, projectId, runId = '', path = '', message } = problem;
      log.file(`${code}: ${projectId} ${runId} ${path}: ${message}`);
      appendLine(errorReport, redactor.redact(problemLine(problem)));
    },
    shown: (verb, task) => withProgress({ terminal, verb, live }, task),
  });
  const report: VerifyReport = {
    dataPath: folders[0]!.dataPath,
    filesPath: folders[0]!.filesPath,
    modelDataPath: folders[1]?.dataPath ?? null,
    ...found,
    seconds: Math.round(performance.now() - started) / 1000,
    errorReport: found.problems.length > 0 ? errorReport : null,
    logFile: log.path ?? null,
  };
  if (options.json) {
    terminal.result(JSON.stringify(report, null, 2));
    terminal.line(closingLine(report));
  } else terminal.result(verifyLines(report).join('\n'));
  return report.problems.length > 0 ? EXIT.incomplete : EXIT.ok;
}

/** The archive by itself, then beside its source and beside a target, if that is asked for. */
async function verify(job: Job): Promise<VerifyResult & Pick<VerifyReport, 'source' | 'target'>> {
  const { options, signal, chosen, onProblem } = job;
  const { verifyArchive } = await import('../../archive/verify/index.ts');
  const target = await openLoader(job);
  try {
    const result = await job.shown('verifying', (progress) =>
      verifyArchive({
        ...chosen,
        adopt: options.adopt,
        writtenBy: `neptune-exporter ${packageVersion()}`,
        onProblem,
        progress: progressOf(progress),
        signal,
      }),
    );
    const source = options.source ? await compareSource(job, result) : null;
    return { ...result, source, target: target ? await compareTarget(job, target, result) : null };
  } finally {
    await target?.close();
  }
}

/** Problems and notes are added to the result. */
async function compareSource(job: Job, result: VerifyResult): Promise<NonNullable<VerifyReport['source']>> {
  const { options, context, log, signal, chosen } = job;
  const { compareArchive } = await import('../verify-source.ts');
  const check = {
    ...chosen,
    ...(options.apiToken === undefined ? {} : { apiToken: options.apiToken }),
    ...(options.exporter === undefined ? {} : { exporter: options.exporter }),
    onProblem: (problem: Problem) => addProblem(job, result, problem),
  };
  const { notes, ...source } = await job.shown('comparing', (progress) =>
    compareArchive(check, { context, log, signal, progress }),
  );
  result.notes.push(...notes);
  return source;
}

/** The target of `--loader`, reached before the long work begins. */
async function openLoader({ options, context, log, signal, chosen }: Job): Promise<ComparableTarget | undefined> {
  if (options.loader === undefined) return undefined;
  const { openTarget } = await import('../verify-loader.ts');
  return openTarget(options.loader, options, chosen.folders, { context, log, signal });
}

/** Problems and notes are added to the result. */
async function compareTarget(
  job: Job,
  target: ComparableTarget,
  result: VerifyResult,
): Promise<NonNullable<VerifyReport['target']>> {
  const { options, signal, chosen } = job;
  const { compareLoaded } = await import('../verify-loader.ts');
  const problems: Problem[] = [];
  const check = {
    ...chosen,
    target,
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    onProblem(problem: Problem) {
      problems.push(problem);
      job.onProblem(problem);
    },
  };
  const { notes, ...found } = await job.shown('comparing', (progress) => compareLoaded(check, { signal, progress }));
  // Runs are compared side by side: the order must not be one of chance.
  const byRun = Map.groupBy(problems, ({ projectId, runId }) => `${projectId}\0${runId}`);
  for (const run of [...byRun.keys()].sort()) result.problems.push(...byRun.get(run)!);
  result.notes.push(...notes);
  return found;
}

function addProblem({ onProblem }: Job, { problems }: VerifyResult, problem: Problem): void {
  problems.push(problem);
  onProblem(problem);
}

/** @throws ExporterError `usage` for options of a target without one */
function checkLoaderOptions(options: VerifyOptions): void {
  if (options.loader !== undefined) return;
  const [flag] = [...targetOptionsIn(options), ...(options.concurrency === undefined ? [] : ['--concurrency'])];
  if (flag === undefined) return;
  throw usageError(`${flag} needs --loader.`, 'With --loader mlflow the archive is compared with what MLflow holds.');
}

/** Where runs are, and where models are looked for: with the runs, and in a folder of their own. */
function foldersOf(options: VerifyOptions): VerifyFolder[] {
  const dataPath = resolve(options.dataPath);
  const given = options.filesPath === undefined ? undefined : resolve(options.filesPath);
  const filesPath = given ?? beside(dataPath, 'files');
  const modelData = resolve(options.modelDataPath ?? beside(dataPath, 'model_data'));
  const filesOf = (path: string) => resolve(options.modelFilesPath ?? beside(path, 'model_files'));
  const own = options.modelFilesPath ?? given ?? existing(beside(dataPath, 'model_files')) ?? filesPath;
  const main: VerifyFolder = { dataPath, filesPath, modelFilesPath: resolve(own) };
  const isWanted = options.modelDataPath !== undefined || existsSync(modelData);
  if (modelData === dataPath || !isWanted) return [main];
  const models: VerifyFolder = { dataPath: modelData, filesPath: filesOf(modelData) };
  // Whoever exported models only has no folder of runs.
  const isDefault = dataPath === resolve(shared.DEFAULT_DATA_PATH);
  return isDefault && !existsSync(dataPath) ? [models] : [main, models];
}

function beside(path: string, name: string): string {
  return join(dirname(path), name);
}

function existing(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

function progressOf(progress: Progress): VerifyProgress {
  return {
    project: (id, runs) => progress.project(id, runs),
    runStarted: (id) => progress.runStarted(id),
    runFinished(id, isFine, rows) {
      progress.points(rows);
      progress.runFinished(id, isFine ? 'done' : 'failed');
    },
    bytes: (count) => progress.bytes(count),
  };
}

/** As the error report of an export, with the place on disk. */
function problemLine({ code, message, projectId, runId, attributePath, path }: Problem): string {
  return JSON.stringify({
    project_id: projectId,
    run_id: runId ?? null,
    attribute_path: attributePath ?? null,
    attribute_type: null,
    exception: 'ArchiveError',
    message,
    code,
    time: new Date().toISOString(),
    attempts: null,
    path: path ?? null,
  });
}
