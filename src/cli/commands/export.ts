// `export`: from Neptune to an archive on disk.

import { Command } from 'commander';
import { ExporterError } from '../../model/errors.ts';
import type { RunFilter } from '../../model/runs.ts';
import type { Bind, CliContext } from '../context.ts';
import { EXIT, usageError } from '../errors.ts';
import * as common from '../export-options.ts';
import { exportLines, isWhole } from '../export-report.ts';
import { startExport } from '../export-start.ts';
import { askServer, type Exporter, otherNeptune, TITLES } from '../neptune.ts';
import * as shared from '../options.ts';
import { readRunIds } from '../runs-file.ts';

interface ExportOptions extends common.BaseExportOptions {
  runs?: string;
  runsFile?: string;
  runsQuery?: string;
  includeArchivedRuns: boolean;
  includeMetricPreviews: boolean;
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
    'All but the monitoring of the hardware, and no file over 500 MB',
    'neptune-exporter export -p "my-org/my-project" --exclude-attributes "^monitoring/" --max-file-size 500MB',
  ],
  ['These very runs, one id a line', 'neptune-exporter export -p "my-org/my-project" --runs-file runs.txt'],
  [
    'Runs of May 2024, in UTC',
    'neptune-exporter export -p "my-org/my-project" --created-after 2024-05-01 --created-before 2024-06-01',
  ],
  [
    'Runs of Neptune 2 that a query selects',
    'neptune-exporter export --exporter neptune2 -p "my-org/my-project" -q \'`sys/tags`:stringSet CONTAINS "best"\'',
  ],
  ['Again, with the runs that changed since', 'neptune-exporter export -p "my-org/my-project" --refresh'],
  [
    'Again, leaving runs as they are that a lost file keeps partial',
    'neptune-exporter export -p "my-org/my-project" --accept-partial',
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
  const command = new Command('export').description(
    'Export runs from Neptune to parquet and files. Runs that are there already are skipped, partial ones are completed.',
  );
  common.addProjects(command);
  command
    .optionsGroup('Which runs:')
    .option(
      '-r, --runs <regex>',
      'only runs whose id matches: in Neptune 3 sys/custom_run_id, anywhere; in Neptune 2 sys/id, from its beginning',
    )
    .option('--runs-file <file>', 'only the runs whose ids are in this file, one a line; - is standard input')
    .option('-q, --runs-query <nql>', 'Neptune 2 only: only runs that this NQL query selects');
  common.addTimes(command, 'runs');
  command.option('--include-archived-runs', 'also runs that are archived or in the trash', false);
  common.addData(command);
  command.option('--include-metric-previews', 'Neptune 3 only: also preview points of metrics', false);
  common.addAgain(command, 'runs');
  common.addServerAndOutput(command);
  return shared.addExamples(command, EXAMPLES).action(bind(runExport));
}

async function runExport(options: ExportOptions, context: CliContext): Promise<number> {
  const { terminal } = context;
  const request = common.readRequest(options, context.env.NEPTUNE_PROJECT);
  checkFor(options.exporter, options);
  const filter = { ...request.filter, ...(await readFilter(options, context)) };
  const { around, ...start } = await startExport(options, context, request.warnings);
  const exporter = options.exporter ?? (await askServer(start.access, terminal));
  checkFor(exporter, options);
  const includePreviews = options.includeMetricPreviews && exporter === 'neptune3';
  if (options.includeMetricPreviews && !includePreviews) {
    around.log.warn('Neptune 2 has no metric previews: --include-metric-previews changes nothing');
  }

  const { runExportJob } = await import('../export-job.ts');
  const selection = { ...request.selection, includePreviews };
  const job = { ...start.job, exporter, projects: request.projects, filter, selection };
  const report = await runExportJob(job, around).catch(async (error: unknown) => {
    const found = await otherNeptune(error, exporter, start.access);
    throw found === undefined ? error : wrongServerError(found, exporter, error);
  });
  const chosen = { by: chosenBy(options), includeArchived: options.includeArchivedRuns };
  for (const line of exportLines(report, chosen)) terminal.line(line);
  if (options.json) terminal.result(JSON.stringify(report, null, 2));
  return isWhole([report], options) ? EXIT.ok : EXIT.incomplete;
}

function wrongServerError(found: Exporter, asked: Exporter, cause: unknown): ExporterError {
  return new ExporterError('wrong_server', `The server is ${TITLES[found]}, not ${TITLES[asked]}.`, {
    hint: `Say --exporter ${found}, or leave the option out.`,
    cause,
  });
}

/** What one Neptune can't do, or must not be asked; both are tried as long as it is not known which one it is. */
function checkFor(exporter: Exporter | undefined, options: ExportOptions): void {
  if (exporter === 'neptune3' && options.runsQuery) {
    throw usageError(
      '-q (--runs-query) is for Neptune 2 only, and this is Neptune 3.',
      'Use -r, a regex on the run id, or --created-after and its like.',
    );
  }
  common.checkRegex(options.runs, '-r (--runs)', exporter);
  common.checkAttributes(options, exporter);
}

/** @throws ExporterError `usage` */
async function readFilter(options: ExportOptions, { terminal }: CliContext): Promise<RunFilter> {
  const { runs, runsFile, runsQuery, includeArchivedRuns: includeArchived } = options;
  if (runs && runsFile !== undefined) throw usageError('-r (--runs) and --runs-file exclude each other.');
  return {
    includeArchived,
    ...(runs ? { idPattern: runs } : {}),
    ...(runsFile === undefined ? {} : { ids: await readRunIds(runsFile, terminal) }),
    ...(runsQuery ? { query: runsQuery } : {}),
  };
}

function chosenBy(options: ExportOptions): string[] {
  const { runs, runsFile, runsQuery } = options;
  return [
    ...(runs ? [`-r '${runs}'`] : []),
    ...(runsFile === undefined ? [] : [`--runs-file '${runsFile}'`]),
    ...(runsQuery ? [`-q '${runsQuery}'`] : []),
    ...common.timeOptions(options),
  ];
}
