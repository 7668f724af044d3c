// The summaries of an archive as a person reads them: of its runs, its models, its model versions.

import type { FileTotals } from '../archive/file-check.ts';
import type { ProjectSummary, Summary } from '../archive/summary.ts';
import { count, plural, printable, size } from './format.ts';
import { tableLines } from './table.ts';

/** Partial and damaged runs named one by one; the rest is a number (`--json` has all). */
const NAMED_RUNS = 10;
/** Columns of a run id in a table; ids may have a thousand characters. */
const RUN_ID_WIDTH = 48;

/** How the things that a summary counts are called. */
const WORDS = {
  runs: { title: 'Archive', one: 'run', many: 'runs', fact: 'Runs' },
  models: { title: 'Models in', one: 'model', many: 'models', fact: 'Models' },
  modelVersions: { title: 'Model versions in', one: 'model version', many: 'versions', fact: 'Versions' },
};
export type Summarised = keyof typeof WORDS;

/** Lines of text; names of runs and projects can't command the terminal. */
export function summaryLines(summary: Summary, things: Summarised = 'runs'): string[] {
  const { totals } = summary;
  const { title, one } = WORDS[things];
  const several = totals.projects > 1;
  const lines = [`${title} ${summary.dataPath}`];
  if (several) {
    lines.push(
      `  ${plural(totals.projects, 'project')}, ${plural(totals.runs, one)}, ${plural(totals.records, 'record')}`,
    );
    lines.push(`  ${parquetText(totals.parquet)} of parquet, ${filesText(totals.files, summary.filesPath)}`);
  }
  for (const project of summary.projects) lines.push('', ...projectLines(project, summary.filesPath, things));
  return lines.map((line) => printable(line.replace(/[\n\t]/g, ' ')));
}

function projectLines(project: ProjectSummary, filesPath: string | null, things: Summarised): string[] {
  const { steps, times } = project;
  const { fact, many } = WORDS[things];
  const facts: [string, string][] = [
    [fact, runsText(project)],
    ['Records', recordsText(project)],
    ['Steps', steps === null ? 'none' : `${shortStep(steps.least)} to ${shortStep(steps.greatest)}`],
    ['Times', times === null ? 'none' : `${times.first} to ${times.last}`],
    ['Parquet', parquetText(project.parquet)],
    ['Files', filesText(project.files, filesPath)],
  ];
  const types = Object.entries(project.types).map(([type, { attributes, rows }]) => [
    type,
    count(attributes),
    count(rows),
  ]);
  const biggest = project.biggestRuns.map(({ runId, records, bytes }) => [runId, count(records), size(bytes)]);
  return [
    project.projectId,
    ...facts.map(([name, text]) => `  ${name.padEnd(8)} ${text}`),
    ...block(
      tableLines(
        [{ title: 'Attribute type' }, { title: 'Attributes', align: 'right' }, { title: 'Records', align: 'right' }],
        types,
      ),
    ),
    ...block(
      tableLines(
        [
          { title: `Biggest ${many}`, maxWidth: RUN_ID_WIDTH },
          { title: 'Records', align: 'right' },
          { title: 'Parquet', align: 'right' },
        ],
        biggest,
      ),
    ),
    ...block(runList(`Partial ${many}, which the next export tries again:`, project.partial)),
    ...block(
      runList(
        `Damaged ${many}:`,
        project.damaged.map(({ run, message }) => `${run}: ${message}`),
      ),
    ),
    ...block(
      runList(
        `${fact} whose downloaded files are lost or of another size:`,
        project.damagedFiles.map(({ runId, files, example }) => `${runId}: ${plural(files, 'file')}, e.g. ${example}`),
      ),
    ),
  ];
}

function block(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines.map((line) => `  ${line}`)];
}

function runList(title: string, runs: readonly string[]): string[] {
  if (runs.length === 0) return [];
  const rest = runs.length - NAMED_RUNS;
  return [
    title,
    ...runs.slice(0, NAMED_RUNS).map((run) => `  ${run}`),
    ...(rest > 0 ? [`  and ${count(rest)} more`] : []),
  ];
}

function recordsText({ records, emptyRows }: ProjectSummary): string {
  return emptyRows > 0 ? `${count(records)}, and ${plural(emptyRows, 'row')} without a value` : count(records);
}

function runsText(project: ProjectSummary): string {
  const { runs, partialRuns, acceptedRuns, selectedRuns, unverifiedRuns, interruptedRuns, damagedRuns } = project;
  const details = [
    partialRuns > 0
      ? `${count(partialRuns)} partial${acceptedRuns > 0 ? `, ${count(acceptedRuns)} of them accepted so` : ''}`
      : '',
    selectedRuns > 0 ? `${count(selectedRuns)} with a selection of their attributes` : '',
    unverifiedRuns > 0 ? `${count(unverifiedRuns)} unverified, as they have no manifest` : '',
    interruptedRuns > 0 ? `${count(interruptedRuns)} interrupted, which the next export does again` : '',
  ].filter((text) => text !== '');
  const inside = details.length > 0 ? ` (${details.join(', ')})` : '';
  return `${count(runs)}${inside}${damagedRuns > 0 ? `, and ${count(damagedRuns)} damaged` : ''}`;
}

function parquetText({ files, bytes }: { files: number; bytes: number }): string {
  return `${plural(files, 'file')}, ${size(bytes)}`;
}

function filesText(totals: FileTotals, filesPath: string | null): string {
  const { count: files, bytes, missing, skipped, skippedBytes, damaged } = totals;
  const details = [
    plural(files, 'downloaded file'),
    bytes === null ? 'size unknown' : size(bytes),
    files > 0 && filesPath === null ? 'not looked up, as there is no folder of files' : '',
    missing > 0 ? `and ${count(missing)} missing` : '',
    skipped > 0 ? `${count(skipped)} left out for their size (${size(skippedBytes)})` : '',
    damaged > 0 ? `and ${count(damaged)} lost or of another size` : '',
  ];
  return details.filter((text) => text !== '').join(', ');
}

/** `12.500000` as `12.5`, `3.000000` as `3`. */
function shortStep(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
