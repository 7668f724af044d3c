// `summary`: what an archive holds.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Archive } from '../../archive/reader.ts';
import type { Summary } from '../../archive/summary.ts';
import type { ExporterError } from '../../model/errors.ts';
import type { Bind, CliContext } from '../context.ts';
import { EXIT } from '../errors.ts';
import * as shared from '../options.ts';
import type { Summarised } from '../summary-report.ts';

interface SummaryOptions extends shared.CommonOptions {
  dataPath: string;
  filesPath?: string;
  modelDataPath?: string;
  modelFilesPath?: string;
  projectIds: string[];
  runs: string[];
  json: boolean;
}

const EXAMPLES = [
  ['What the last export brought', 'neptune-exporter summary'],
  [
    'An archive somewhere else',
    'neptune-exporter summary --data-path /mnt/exports/data --files-path /mnt/exports/files',
  ],
  ['For a program', 'neptune-exporter summary --json'],
] as const;

/** The command `summary`. */
export function summaryCommand(bind: Bind): Command {
  const command = new Command('summary').description(
    'Show what an archive holds: projects, runs, models, attribute types, steps, times, sizes. Works on archives of the official exporter, too.',
  );
  shared.addDataPath(command);
  command
    .option('-f, --files-path <folder>', 'folder of the downloaded files (default: files, beside the data)')
    .option(
      '--model-data-path <folder>',
      'folder of the parquet data of models (default: -d if it has some, else model_data beside it)',
    )
    .option('--model-files-path <folder>', 'folder of their files (default: model_files, beside their data)')
    .addOption(shared.manyOption('-p, --project-ids <path>', 'only this project, as workspace/project'))
    .addOption(shared.manyOption('-r, --runs <run id>', 'only this run or model: the exact id'));
  shared.addLogging(command);
  shared.addJson(command);
  return shared.addExamples(command, EXAMPLES).action(bind(runSummary));
}

async function runSummary(options: SummaryOptions, context: CliContext): Promise<number> {
  context.openLog(options);
  const sibling = join(dirname(resolve(options.dataPath)), 'model_data');
  return printSummary({ ...options, maybeModels: [options.dataPath, sibling] }, context);
}

export interface PrintOptions {
  dataPath: string;
  /** @default the folder `files` beside the data, if it is there */
  filesPath?: string;
  /** Folder of the models' data. */
  modelDataPath?: string;
  /** @default `filesPath` for models in `dataPath`, else the folder `model_files` beside the models' data */
  modelFilesPath?: string;
  /** Where models are looked for otherwise: in the first of these folders that has some. @default `dataPath` */
  maybeModels?: string[];
  projectIds?: string[];
  runs?: string[];
  json: boolean;
}

/**
 * Prints the summary of an archive on standard output, as text or JSON: of runs, models and model versions, as far as
 * there are any.
 * @returns the exit code @throws ExporterError `archive`
 */
export async function printSummary(options: PrintOptions, { terminal }: CliContext): Promise<number> {
  const { summaryLines } = await import('../summary-report.ts');
  const { runs, ...registry } = await collect(options);
  const parts = Object.entries({ runs, ...registry }).flatMap(([things, summary]) =>
    summary ? [{ things: things as Summarised, summary }] : [],
  );
  terminal.result(
    options.json
      ? JSON.stringify({ ...runs, ...registry }, null, 2)
      : parts.map(({ things, summary }) => summaryLines(summary, things).join('\n')).join('\n\n'),
  );
  const incomplete = parts.some(({ summary: { totals } }) => totals.damagedRuns > 0 || totals.files.damaged > 0);
  return incomplete ? EXIT.incomplete : EXIT.ok;
}

type Summaries = Partial<Record<Summarised, Summary>>;

/** Sums up what there is. A project or run that is asked for has to be in one of the archives. */
async function collect(options: PrintOptions): Promise<Summaries> {
  const { summarise } = await import('../../archive/summary.ts');
  const { projectIds = [], runs = [] } = options;
  const archives = await openAll(options);
  const summaries: Summaries = {};
  const missing = new Map<string, ExporterError[]>();
  for (const [things, { archive, filesPath }] of archives) {
    const summary = await summarise(archive, {
      ...(filesPath === undefined ? {} : { filesPath: resolve(filesPath) }),
      ...(projectIds.length > 0 ? { projects: projectIds } : {}),
      ...(runs.length > 0 ? { runs } : {}),
      onMissing(what, id, error) {
        const key = `${what} ${id}`;
        missing.set(key, [...(missing.get(key) ?? []), error]);
      },
    });
    const { totals } = summary;
    const nothing = runs.length > 0 ? totals.runs + totals.damagedRuns === 0 : totals.projects === 0;
    if (!nothing) summaries[things] = summary;
  }
  for (const errors of missing.values()) if (errors.length === archives.size) throw errors[0];
  return summaries;
}

interface Opened {
  archive: Archive;
  filesPath: string | undefined;
}

async function openAll(options: PrintOptions): Promise<Map<Summarised, Opened>> {
  const { findArchive, openArchive } = await import('../../archive/reader.ts');
  const { modelDataPath, modelFilesPath, maybeModels = [options.dataPath] } = options;
  const dataPath = resolve(options.dataPath);
  const filesPath = options.filesPath ?? beside(dataPath, 'files');
  const opened = new Map<Summarised, Opened>();
  for (const path of (modelDataPath === undefined ? maybeModels : [modelDataPath]).map((one) => resolve(one))) {
    if (opened.size > 0 || (modelDataPath === undefined && !existsSync(path))) continue;
    // Runs and models may have been exported to one folder.
    const both = path === dataPath ? options.filesPath : undefined;
    const files = modelFilesPath ?? both ?? beside(path, 'model_files') ?? (path === dataPath ? filesPath : undefined);
    for (const [things, scope] of REGISTRY) {
      const archive = await findArchive(path, { scope });
      if (archive) opened.set(things, { archive, filesPath: files });
    }
  }
  if (modelDataPath !== undefined && opened.size === 0) await openArchive(resolve(modelDataPath), { scope: 'models' });
  const expected = existsSync(dataPath) || dataPath !== resolve(shared.DEFAULT_DATA_PATH);
  const runs = opened.size === 0 ? await openArchive(dataPath) : expected ? await findArchive(dataPath) : undefined;
  return new Map([...(runs ? [['runs', { archive: runs, filesPath }] as const] : []), ...opened]);
}

const REGISTRY = [
  ['models', 'models'],
  ['modelVersions', 'model_versions'],
] as const;

/** Where an export puts files unless told otherwise. Looking in a wrong folder would count every file as missing. */
function beside(dataPath: string, name: string): string | undefined {
  const path = join(dirname(dataPath), name);
  return existsSync(path) ? path : undefined;
}
