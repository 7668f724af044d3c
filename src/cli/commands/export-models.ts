// `export-models`: the model registry of Neptune 2, to an archive on disk.

import { Command } from 'commander';
import { ExporterError } from '../../model/errors.ts';
import type { Bind, CliContext } from '../context.ts';
import { EXIT, usageError } from '../errors.ts';
import * as common from '../export-options.ts';
import { isWhole, modelsLines } from '../export-report.ts';
import { startExport } from '../export-start.ts';
import { askServer, otherNeptune } from '../neptune.ts';
import * as shared from '../options.ts';

interface ExportModelsOptions extends common.BaseExportOptions {
  modelsQuery?: string;
  includeArchivedModels: boolean;
}

const NO_REGISTRY = 'Neptune 3 has no model registry: there are no models to export.';
const NO_REGISTRY_HINT = 'Runs of Neptune 3 are exported by: neptune-exporter export.';

const EXAMPLES = [
  ['All models of a project and their versions', 'neptune-exporter export-models -p "my-org/my-project"'],
  [
    'Models that a query selects, with their versions',
    'neptune-exporter export-models -p "my-org/my-project" -q \'`sys/name`:string CONTAINS "churn"\'',
  ],
  [
    'What is known of the models, but no file over 500 MB',
    'neptune-exporter export-models -p "my-org/my-project" --max-file-size 500MB',
  ],
  [
    'Models made since the beginning of 2024, in UTC',
    'neptune-exporter export-models -p "my-org/my-project" --created-after 2024-01-01',
  ],
  ['Those of all projects of a workspace', 'neptune-exporter export-models --workspace my-org'],
] as const;

/** The command `export-models`. */
export function exportModelsCommand(bind: Bind): Command {
  const command = new Command('export-models').description(
    'Export models and their versions from Neptune 2 to parquet and files. What is there already is skipped.',
  );
  common.addProjects(command);
  command
    .optionsGroup('Which models, each with all its versions:')
    .option('-q, --models-query <nql>', 'only models that this NQL query selects');
  common.addTimes(command, 'models');
  command.option('--include-archived-models', 'also models that are archived or in the trash', false);
  common.addData(command);
  common.addAgain(command, 'models and versions');
  common.addServerAndOutput(command, {
    exporters: 'neptune2, the only one with models',
    data: shared.DEFAULT_MODEL_DATA_PATH,
    files: shared.DEFAULT_MODEL_FILES_PATH,
  });
  return shared.addExamples(command, EXAMPLES).action(bind(runExportModels));
}

async function runExportModels(options: ExportModelsOptions, context: CliContext): Promise<number> {
  const { terminal } = context;
  if (options.exporter === 'neptune3') throw usageError(NO_REGISTRY, NO_REGISTRY_HINT);
  const request = common.readRequest(options, context.env.NEPTUNE_PROJECT);
  common.checkAttributes(options, 'neptune2');
  const { around, ...start } = await startExport(options, context, request.warnings);
  const exporter = options.exporter ?? (await askServer(start.access, terminal));
  if (exporter === 'neptune3') throw noRegistryError();

  const { runModelsJob } = await import('../export-job.ts');
  const { modelsQuery: query, includeArchivedModels: includeArchived } = options;
  const filter = { ...request.filter, includeArchived, ...(query ? { query } : {}) };
  const selection = { ...request.selection, includePreviews: false };
  const job = { ...start.job, exporter, projects: request.projects, filter, selection };
  const report = await runModelsJob(job, around).catch(async (error: unknown) => {
    const found = await otherNeptune(error, exporter, start.access);
    throw found === undefined ? error : noRegistryError(error);
  });
  const chosen = { by: [...(query ? [`-q '${query}'`] : []), ...common.timeOptions(options)], includeArchived };
  for (const line of modelsLines(report, chosen)) terminal.line(line);
  if (options.json) terminal.result(JSON.stringify(report, null, 2));
  return isWhole([report.models, report.versions], options) ? EXIT.ok : EXIT.incomplete;
}

function noRegistryError(cause?: unknown): ExporterError {
  return new ExporterError('wrong_server', NO_REGISTRY, { hint: NO_REGISTRY_HINT, cause });
}
