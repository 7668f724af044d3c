// The summary of an archive as a person reads it.

import type { FileTotals, ProjectSummary, Summary } from '../archive/summary.ts';
import { count, plural, printable, size } from './format.ts';
import { tableLines } from './table.ts';

/** Partial and damaged runs named one by one; the rest is a number (`--json` has all). */
const NAMED_RUNS = 10;

/** Lines of text; names of runs and projects can't command the terminal. */
export function summaryLines(summary: Summary): string[] {
  const { totals } = summary;
  const several = totals.projects > 1;
  const lines = [`Archive ${summary.dataPath}`];
  if (several) {
    lines.push(
      `  ${plural(totals.projects, 'project')}, ${plural(totals.runs, 'run')}, ${plural(totals.records, 'record')}`,
    );
    lines.push(`  ${parquetText(totals.parquet)} of parquet, ${filesText(totals.files)}`);
  }
  for (const project of summary.projects) lines.push('', ...projectLines(project));
  return lines.map((line) => printable(line.replace(/[\n\t]/g, ' ')));
}

function projectLines(project: ProjectSummary): string[] {
  const { steps, times } = project;
  const facts: [string, string][] = [
    ['Runs', runsText(project)],
    ['Records', count(project.records)],
    ['Steps', steps === null ? 'none' : `${shortStep(steps.least)} to ${shortStep(steps.greatest)}`],
    ['Times', times === null ? 'none' : `${times.first} to ${times.last}`],
    ['Parquet', parquetText(project.parquet)],
    ['Files', filesText(project.files)],
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
        [{ title: 'Biggest runs' }, { title: 'Records', align: 'right' }, { title: 'Parquet', align: 'right' }],
        biggest,
      ),
    ),
    ...block(runList('Partial runs, which the next export tries again:', project.partial)),
    ...block(
      runList(
        'Damaged runs:',
        project.damaged.map(({ run, message }) => `${run}: ${message}`),
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

function runsText({ runs, partialRuns, unverifiedRuns, damagedRuns }: ProjectSummary): string {
  const details = [
    partialRuns > 0 ? `${count(partialRuns)} partial` : '',
    unverifiedRuns > 0 ? `${count(unverifiedRuns)} unverified, as they have no manifest` : '',
  ].filter((text) => text !== '');
  const inside = details.length > 0 ? ` (${details.join(', ')})` : '';
  return `${count(runs)}${inside}${damagedRuns > 0 ? `, and ${count(damagedRuns)} damaged` : ''}`;
}

function parquetText({ files, bytes }: { files: number; bytes: number }): string {
  return `${plural(files, 'file')}, ${size(bytes)}`;
}

function filesText({ count: files, bytes, missing }: FileTotals): string {
  const known = `${plural(files, 'downloaded file')}${bytes === null ? ', size unknown' : `, ${size(bytes)}`}`;
  return missing > 0 ? `${known}, and ${count(missing)} missing` : known;
}

/** `12.500000` as `12.5`, `3.000000` as `3`. */
function shortStep(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
