// The end of an export in words: what was done, what is missing, where to look.

import type { ExportResult } from '../transfer/export.ts';
import { errorLines, type ReportedError } from './error-report.ts';
import { count, duration, plural, size } from './format.ts';
import type { Exporter } from './neptune.ts';

/** What every export reports. Paths are absolute; null where there is no such file. */
export interface JobReport {
  exporter: Exporter;
  projects: string[];
  seconds: number;
  dataPath: string;
  filesPath: string;
  /** Entries of the error report. */
  errors: number;
  /** The first of them. */
  firstErrors: readonly ReportedError[];
  errorReport: string | null;
  logFile: string | null;
}

/** Result of `export` as `--json` prints it. */
export type ExportReport = ExportResult & JobReport;

/** Result of `export-models` as `--json` prints it. */
export interface ModelsReport extends JobReport {
  models: ExportResult;
  versions: ExportResult;
}

/** How the things were chosen, for a word where none matched. */
export interface Chosen {
  /** The options that chose, as they were given: `-r '^a'`. */
  by: readonly string[];
  includeArchived: boolean;
}

const EVERYTHING: Chosen = { by: [], includeArchived: false };

/** Whether nothing is missing of what matched, and everything is up to date if that was asked for. */
export function isWhole(results: readonly ExportResult[], { refresh = false } = {}): boolean {
  return results.every(
    ({ partial, failed, narrower, keptOld, changed }) =>
      partial + failed + narrower + keptOld + (refresh ? changed : 0) === 0,
  );
}

/** Lines of talk after an export of runs. */
export function exportLines(report: ExportReport, chosen: Chosen = EVERYTHING): string[] {
  return reportLines(report, [report], outcomeLines('run', report, chosen));
}

/** Lines of talk after an export of models. */
export function modelsLines(report: ModelsReport, chosen: Chosen = EVERYTHING): string[] {
  const { models, versions } = report;
  const lines = outcomeLines('model', models, chosen);
  if (models.runs + versions.runs + versions.failed > 0) lines.push(...outcomeLines('version', versions));
  return reportLines(report, [models, versions], lines);
}

function outcomeLines(thing: 'run' | 'model' | 'version', result: ExportResult, chosen?: Chosen): string[] {
  const { runs, exported, skipped, partial, keptPartial, keptOld, failed, changed, replaced, accepted } = result;
  const now = partial - keptPartial;
  const details = [
    ...(replaced > 0 ? [`${count(replaced)} of them anew`] : []),
    ...(now > 0 ? [`${count(now)} of them partial`] : []),
  ];
  const ofSkipped = [
    'there already',
    ...(changed > 0 ? [`${count(changed)} changed since`] : []),
    ...(accepted > 0 ? [`${count(accepted)} accepted as partial`] : []),
  ];
  if (runs + failed === 0 && chosen !== undefined) {
    const which = chosen.by.length > 0 ? `match ${chosen.by.join(' and ')}` : 'in the project';
    const archived = `archived ${thing}s are exported with --include-archived-${thing}s`;
    return [chosen.includeArchived ? `  No ${thing}s ${which}.` : `  No ${thing}s ${which}; ${archived}.`];
  }
  const outcomes = [
    `${count(exported)} exported${details.length > 0 ? ` (${details.join(', ')})` : ''}`,
    `${count(skipped)} skipped (${ofSkipped.join(', ')})`,
    ...(keptPartial > 0 ? [`${count(keptPartial)} partial as before`] : []),
    ...(keptOld > 0 ? [`${count(keptOld)} left as they were, since not all of them came`] : []),
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
  ];
  return [`  ${thing.charAt(0).toUpperCase()}${thing.slice(1)}s: ${count(runs)} matched, ${outcomes.join(', ')}`];
}

function reportLines(report: JobReport, results: readonly ExportResult[], outcomes: readonly string[]): string[] {
  const sum = (of: (result: ExportResult) => number) => results.reduce((total, result) => total + of(result), 0);
  const leftOut = sum(({ skippedFiles }) => skippedFiles);
  const lines = [
    `Export finished in ${duration(report.seconds * 1000)}.`,
    ...outcomes,
    `  Data: ${plural(
      sum(({ points }) => points),
      'record',
    )} in ${report.dataPath}`,
    `  Files: ${plural(
      sum(({ files }) => files),
      'file',
    )}, ${size(sum(({ bytes }) => bytes))} in ${report.filesPath}`,
  ];
  if (leftOut > 0) {
    const bytes = size(sum(({ skippedBytes }) => skippedBytes));
    lines.push(`  Left out for --max-file-size: ${plural(leftOut, 'file')}, ${bytes}; the manifests list them`);
  }
  if (report.errorReport !== null) {
    lines.push(`  Not exported: ${plural(report.errors, 'item')}, listed in ${report.errorReport}`);
    lines.push(...errorLines(report.firstErrors, report.errors));
    lines.push('  Run the same command again to try once more what can still come.');
  }
  if (report.logFile !== null) lines.push(`  Log: ${report.logFile}`);
  return lines;
}
