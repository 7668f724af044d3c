// `export`: from Neptune to an archive on disk.

import { Command, Option } from 'commander';
import { EXPORT_CLASSES, type ExportClass } from '../../model/attributes.ts';
import { ExporterError } from '../../model/errors.ts';
import type { Selection } from '../../model/runs.ts';
import type { Bind, CliContext } from '../context.ts';
import { EXIT } from '../errors.ts';
import { exportLines } from '../export-report.ts';
import { makeFolder } from '../folders.ts';
import * as shared from '../options.ts';
import {
  checkServerRegex,
  chooseAttributes,
  chooseClasses,
  chooseProjects,
  type ProjectOptions,
} from '../selection.ts';

/** Exporters of this version. */
const EXPORTERS = ['neptune3'] as const;
export const DEFAULT_CONCURRENCY = 16;
const MAX_CONCURRENCY = 64;

interface ExportOptions extends shared.CommonOptions, ProjectOptions {
  exporter?: (typeof EXPORTERS)[number];
  runs?: string;
  attributes: string[];
  classes: ExportClass[];
  exclude: ExportClass[];
  includeArchivedRuns: boolean;
  includeMetricPreviews: boolean;
  dataPath: string;
  filesPath: string;
  apiToken?: string;
  concurrency: number;
  errorReportFile: string;
  progress: boolean;
  json: boolean;
}

const EXAMPLES = [
  ['Everything of a project', 'neptune-exporter export --exporter neptune3 -p "my-org/my-project"'],
  [
    'Parameters and metrics of runs whose id matches a regex',
    'neptune-exporter export --exporter neptune3 -p "my-org/my-project" -r "RUN-.*" -c parameters -c metrics',
  ],
  ['Everything but files', 'neptune-exporter export --exporter neptune3 -p "my-org/my-project" --exclude files'],
  [
    'Attributes that match a regex',
    'neptune-exporter export --exporter neptune3 -p "my-org/my-project" -a "config/.*"',
  ],
  [
    'Attributes of these very names',
    'neptune-exporter export --exporter neptune3 -p "my-org/my-project" -a "metrics/accuracy" -a "metrics/loss"',
  ],
  [
    'All projects of a workspace but some',
    'neptune-exporter export --exporter neptune3 --workspace my-org --project-exclude-pattern "^test-"',
  ],
  [
    'Project and token from the environment',
    'NEPTUNE_PROJECT="my-org/my-project" NEPTUNE_API_TOKEN="..." neptune-exporter export',
  ],
] as const;

/** The command `export`. */
export function exportCommand(bind: Bind): Command {
  const command = new Command('export')
    .description('Export runs from Neptune to parquet and files. Runs that are there already are skipped.')
    .addOption(
      shared.manyOption('-p, --project-ids <path>', 'project, as workspace/project; else NEPTUNE_PROJECT is used'),
    )
    .option('--workspace <name>', 'all projects of a workspace, instead of -p')
    .addOption(shared.manyOption('--project-pattern <regex>', 'with --workspace: only projects whose name matches'))
    .addOption(
      shared.manyOption('--project-exclude-pattern <regex>', 'with --workspace: no projects whose name matches'),
    )
    .addOption(
      new Option(
        '--exporter <version>',
        `version of Neptune: ${EXPORTERS.join(', ')}; if missing, the server is asked`,
      ).argParser(shared.choice(EXPORTERS)),
    )
    .option('-r, --runs <regex>', 'only runs whose id (sys/custom_run_id) matches, anywhere in it')
    .addOption(shared.manyOption('-a, --attributes <name>', 'given once: a regex; given several times: exact names'))
    .addOption(classOption('-c, --classes <class>', `only this class of data: ${EXPORT_CLASSES.join(', ')}`))
    .addOption(classOption('--exclude <class>', 'all but this class of data'))
    .option('--include-archived-runs', 'also runs that are archived or in the trash', false)
    .option('--include-metric-previews', 'also preview points of metrics', false)
    .option('--api-token <token>', 'API token; better set NEPTUNE_API_TOKEN, which no process list shows');
  shared.addDataPath(command);
  shared.addFilesPath(command, 'folder of the downloaded files');
  command.addOption(
    new Option('--concurrency <n>', 'requests to the server at the same time')
      .default(DEFAULT_CONCURRENCY)
      .argParser(shared.wholeNumber(1, MAX_CONCURRENCY)),
  );
  shared.addErrorReport(command);
  shared.addLogging(command);
  shared.addNoProgress(command);
  shared.addJson(command);
  return shared.addExamples(command, EXAMPLES).action(bind(runExport));
}

function classOption(flags: string, description: string): Option {
  return new Option(flags, `${description} (repeatable)`).default([]).argParser(shared.choices(EXPORT_CLASSES));
}

/** What is asked for, checked without the network. @throws ExporterError `usage` */
function readRequest(options: ExportOptions, env: CliContext['env']) {
  const projects = chooseProjects(options, env.NEPTUNE_PROJECT);
  const { attributes, warning } = chooseAttributes(options.attributes);
  if (options.runs) checkServerRegex(options.runs, '-r (--runs)');
  const selection: Selection = {
    attributes,
    classes: chooseClasses(options.classes, options.exclude),
    includePreviews: options.includeMetricPreviews,
  };
  const filter = { ...(options.runs ? { idPattern: options.runs } : {}), includeArchived: options.includeArchivedRuns };
  return { projects, selection, filter, warning };
}

async function runExport(options: ExportOptions, context: CliContext): Promise<number> {
  const { warning, ...request } = readRequest(options, context.env);
  const { parseApiToken } = await import('../../sources/token.ts');
  const token = parseApiToken(options.apiToken ?? context.env.NEPTUNE_API_TOKEN).text;
  const dataPath = await makeFolder(options.dataPath);
  const filesPath = await makeFolder(options.filesPath);
  const log = context.openLog(options);
  if (warning !== undefined) log.warn(warning);
  const signal = context.interruptSignal();
  if (options.exporter === undefined) await askServer(token, context, signal);

  const { runExportJob } = await import('../export-job.ts');
  const report = await runExportJob(
    {
      ...request,
      token,
      dataPath,
      filesPath,
      concurrency: options.concurrency,
      errorReportFile: options.errorReportFile,
      live: options.progress,
    },
    { context, log, signal },
  ).catch(async (error: unknown) => {
    throw await explainMissing(error, token, signal);
  });
  for (const line of exportLines(report, options.runs)) context.terminal.line(line);
  if (options.json) context.terminal.result(JSON.stringify(report, null, 2));
  return report.partial + report.failed > 0 ? EXIT.incomplete : EXIT.ok;
}

/** Without `--exporter` the server says which Neptune it is, and so do we. */
async function askServer(token: string, { terminal }: CliContext, signal: AbortSignal): Promise<void> {
  const { detectServer } = await import('../../sources/detect.ts');
  const found = await detectServer({ token, signal });
  if (found === 'neptune2') throw neptune2Error();
  terminal.line('The server is Neptune 3.');
}

/** A Neptune 2 server has no such addresses: it is asked what it is before the error is told. */
async function explainMissing(error: unknown, token: string, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof ExporterError) || (error.status !== 404 && error.status !== 405)) return error;
  const { detectServer } = await import('../../sources/detect.ts');
  const found = await detectServer({ token, signal }).catch(() => undefined);
  return found === 'neptune2' ? neptune2Error() : error;
}

function neptune2Error(): ExporterError {
  return new ExporterError(
    'wrong_server',
    'The server is Neptune 2, which this version of neptune-exporter does not read.',
    {
      hint: 'A version that has --exporter neptune2 is needed.',
    },
  );
}
