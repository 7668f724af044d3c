// What `export` and `export-models` have in common: their options, and what these ask for in the model's words.

import { type Command, Option } from 'commander';
import { EXPORT_CLASSES, type ExportClass } from '../model/attributes.ts';
import type { RunFilter, Selection } from '../model/runs.ts';
import { parseFileSize } from './file-size.ts';
import { type Exporter, exporterOption } from './neptune.ts';
import * as shared from './options.ts';
import { checkServerRegex, compileRegex } from './regex.ts';
import {
  chooseAttributes,
  chooseClasses,
  chooseProjects,
  type ProjectChoice,
  type ProjectOptions,
} from './selection.ts';
import { parseTime, timeRange } from './times.ts';

export const DEFAULT_CONCURRENCY = 16;
const MAX_CONCURRENCY = 64;
export const DEFAULT_RETRY_SECONDS = 60;
const MAX_RETRY_SECONDS = 86_400;

/** Options as commander hands them over. */
export interface BaseExportOptions extends shared.CommonOptions, ProjectOptions {
  exporter?: Exporter;
  attributes: string[];
  excludeAttributes: string[];
  classes: ExportClass[];
  exclude: ExportClass[];
  /** Bytes. */
  maxFileSize?: number;
  /** Times in ms since 1970-01-01 UTC. */
  createdAfter?: number;
  createdBefore?: number;
  modifiedAfter?: number;
  modifiedBefore?: number;
  refresh: boolean;
  acceptPartial: boolean;
  dataPath: string;
  filesPath: string;
  apiToken?: string;
  concurrency: number;
  retrySeconds: number;
  errorReportFile: string;
  progress: boolean;
  json: boolean;
}

/** `-p`, `--workspace` and its patterns. */
export function addProjects(command: Command): Command {
  return command
    .optionsGroup('Which projects:')
    .addOption(
      shared.manyOption('-p, --project-ids <path>', 'project, as workspace/project; else NEPTUNE_PROJECT is used'),
    )
    .option('--workspace <name>', 'all projects of a workspace, instead of -p')
    .addOption(shared.manyOption('--project-pattern <regex>', 'with --workspace: only projects whose name matches'))
    .addOption(
      shared.manyOption('--project-exclude-pattern <regex>', 'with --workspace: no projects whose name matches'),
    );
}

/** `--created-after` and its like. @param things what is selected: `runs`, `models` */
export function addTimes(command: Command, things: string): Command {
  const time = (name: string, description: string) =>
    command.addOption(new Option(`--${name} <time>`, description).argParser(parseTime));
  time(
    'created-after',
    `only ${things} created at this time or later: 2024-05-31, 2024-05-31T14:00, in UTC, or with +02:00`,
  );
  time('created-before', `only ${things} created earlier than this`);
  time('modified-after', `only ${things} changed last at this time or later`);
  return time('modified-before', `only ${things} changed last earlier than this`);
}

/** `-a`, `-c` and their like. */
export function addData(command: Command): Command {
  return command
    .optionsGroup('Which data:')
    .addOption(shared.manyOption('-a, --attributes <name>', 'given once: a regex; given several times: exact names'))
    .addOption(
      shared.manyOption(
        '--exclude-attributes <regex>',
        'no attributes whose name matches, anywhere in it: "^monitoring/"',
      ),
    )
    .addOption(classOption('-c, --classes <class>', `only this class of data: ${EXPORT_CLASSES.join(', ')}`))
    .addOption(classOption('--exclude <class>', 'all but this class of data'))
    .addOption(
      new Option('--max-file-size <size>', 'leave out larger files: 1000 (bytes), 500MB, 2GiB').argParser(
        parseFileSize,
      ),
    );
}

function classOption(flags: string, description: string): Option {
  return new Option(flags, `${description} (repeatable)`).default([]).argParser(shared.choices(EXPORT_CLASSES));
}

/** What becomes of what is there already. @param things what is exported: `runs`, `models and versions` */
export function addAgain(command: Command, things: string): Command {
  return command
    .optionsGroup('What is there already:')
    .option('--refresh', `bring ${things} up to date that changed at the source since they were exported`, false)
    .option(
      '--accept-partial',
      `leave partial ${things} as they are instead of trying again what failed; verify and load take them as whole then`,
      false,
    );
}

/** Options that say nothing of what is exported. @param own what is another for a command than for `export` */
export function addServerAndOutput(
  command: Command,
  own: { exporters?: string; data?: string; files?: string } = {},
): Command {
  command
    .optionsGroup('Server:')
    .addOption(exporterOption(own.exporters))
    .option('--api-token <token>', 'API token; better set NEPTUNE_API_TOKEN, which no process list shows')
    .addOption(
      new Option('--concurrency <n>', 'requests to the server at the same time')
        .default(DEFAULT_CONCURRENCY)
        .argParser(shared.wholeNumber(1, MAX_CONCURRENCY)),
    )
    .addOption(
      new Option('--retry-seconds <n>', 'how long something that fails is tried again before it is given up')
        .default(DEFAULT_RETRY_SECONDS)
        .argParser(shared.wholeNumber(0, MAX_RETRY_SECONDS)),
    )
    .optionsGroup('Output:');
  shared.addDataPath(command, own.data);
  shared.addFilesPath(command, 'folder of the downloaded files', own.files);
  shared.addErrorReport(command);
  shared.addLogging(command);
  shared.addNoProgress(command);
  return shared.addJson(command);
}

/** What is asked for, as far as both commands have it. */
export interface ExportRequest {
  projects: ProjectChoice;
  filter: Pick<RunFilter, 'created' | 'modified'>;
  selection: Omit<Selection, 'includePreviews'>;
  /** What people should know before the work begins. */
  warnings: string[];
}

/** Reads the options without the network. @throws ExporterError `usage` */
export function readRequest(options: BaseExportOptions, environmentProject: string | undefined): ExportRequest {
  const projects = chooseProjects(options, environmentProject);
  const { attributes, warning } = chooseAttributes(options.attributes);
  const { excludeAttributes: excluded, maxFileSize } = options;
  for (const pattern of excluded) compileRegex(pattern, '--exclude-attributes');
  const created = timeRange('created', options.createdAfter, options.createdBefore);
  const modified = timeRange('modified', options.modifiedAfter, options.modifiedBefore);
  return {
    projects,
    filter: { ...(created ? { created } : {}), ...(modified ? { modified } : {}) },
    selection: {
      attributes,
      classes: chooseClasses(options.classes, options.exclude),
      ...(excluded.length > 0 ? { excluded } : {}),
      ...(maxFileSize === undefined ? {} : { maxFileSize }),
    },
    warnings: warning === undefined ? [] : [warning],
  };
}

/**
 * Refuses a regex that can't be matched. Neptune 3 matches by itself, in a dialect of its own; for Neptune 2 it is done
 * here. As long as it is not known which one it is, only what is wrong for both is refused.
 * @throws ExporterError `usage`
 */
export function checkRegex(pattern: string | undefined, option: string, exporter: Exporter | undefined): void {
  if (!pattern) return;
  if (exporter === 'neptune2') compileRegex(pattern, option);
  else checkServerRegex(pattern, option);
}

/** Checks a single `-a`, which is a regex. @throws ExporterError `usage` */
export function checkAttributes({ attributes }: BaseExportOptions, exporter: Exporter | undefined): void {
  if (attributes.length === 1) checkRegex(attributes[0], '-a (--attributes)', exporter);
}

/** Names of the given options that choose among runs or models by time. */
export function timeOptions(options: BaseExportOptions): string[] {
  const { createdAfter, createdBefore, modifiedAfter, modifiedBefore } = options;
  const given = {
    '--created-after': createdAfter,
    '--created-before': createdBefore,
    '--modified-after': modifiedAfter,
    '--modified-before': modifiedBefore,
  };
  return Object.entries(given).flatMap(([name, time]) => (time === undefined ? [] : [name]));
}
