// `summary`: what an archive holds.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Bind, CliContext } from '../context.ts';
import { EXIT } from '../errors.ts';
import * as shared from '../options.ts';

interface SummaryOptions extends shared.CommonOptions {
  dataPath: string;
  filesPath?: string;
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
    'Show what an archive holds: projects, runs, attribute types, steps, times, sizes. Works on archives of the official exporter, too.',
  );
  shared.addDataPath(command);
  command
    .option('-f, --files-path <folder>', 'folder of the downloaded files (default: files, beside the data)')
    .addOption(shared.manyOption('-p, --project-ids <path>', 'only this project, as workspace/project'))
    .addOption(shared.manyOption('-r, --runs <run id>', 'only this run: the exact id'));
  shared.addLogging(command);
  shared.addJson(command);
  return shared.addExamples(command, EXAMPLES).action(bind(runSummary));
}

async function runSummary(options: SummaryOptions, context: CliContext): Promise<number> {
  context.openLog(options);
  return printSummary(options, context);
}

/**
 * Prints the summary of an archive on standard output, as text or JSON.
 * @returns the exit code @throws ExporterError `archive`
 */
export async function printSummary(
  options: { dataPath: string; filesPath?: string; projectIds?: string[]; runs?: string[]; json: boolean },
  { terminal }: CliContext,
): Promise<number> {
  const { openArchive } = await import('../../archive/reader.ts');
  const { summarise } = await import('../../archive/summary.ts');
  const { summaryLines } = await import('../summary-report.ts');
  const { projectIds = [], runs = [] } = options;
  const dataPath = resolve(options.dataPath);
  const filesPath = options.filesPath ?? filesBeside(dataPath);
  const archive = await openArchive(dataPath);
  const summary = await summarise(archive, {
    ...(filesPath === undefined ? {} : { filesPath: resolve(filesPath) }),
    ...(projectIds.length > 0 ? { projects: projectIds } : {}),
    ...(runs.length > 0 ? { runs } : {}),
  });
  terminal.result(options.json ? JSON.stringify(summary, null, 2) : summaryLines(summary).join('\n'));
  const { damagedRuns, files } = summary.totals;
  return damagedRuns > 0 || files.damaged > 0 ? EXIT.incomplete : EXIT.ok;
}

/** Where an export puts files unless told otherwise. Looking in a wrong folder would count every file as missing. */
function filesBeside(dataPath: string): string | undefined {
  const path = join(dirname(dataPath), 'files');
  return existsSync(path) ? path : undefined;
}
