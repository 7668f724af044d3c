// The end of a load in words: what was loaded, what was altered on the way, what is missing, where to look.

import type { LoadResult } from '../transfer/load.ts';
import { count, duration, plural } from './format.ts';

/** Result of a load as `--json` prints it. Paths are absolute; null where there is no such file. */
export interface LoadReport extends LoadResult {
  /** The target's address. */
  target: string;
  seconds: number;
  /** Entries of the error report. */
  errors: number;
  errorReport: string | null;
  logFile: string | null;
}

/** Lines of talk. @param loader name of the target */
export function loadLines(report: LoadReport, loader: string): string[] {
  const { runs, loaded, completed, updated, skipped, rescaled, foreign, failed, partial } = report;
  const outcomes = [
    `${count(loaded)} loaded`,
    completed > 0 ? `${count(completed)} completed that were half there` : '',
    updated > 0 ? `${count(updated)} replaced that had changed` : '',
    `${count(skipped)} skipped (there already)`,
    failed > 0 ? `${count(failed)} not loaded whole${partial > 0 ? ` (${count(partial)} of them in part)` : ''}` : '',
  ].filter((text) => text !== '');
  const lines = [
    `Load into ${report.target} finished in ${duration(report.seconds * 1000)}.`,
    `  Runs: ${count(runs)}, ${outcomes.join(', ')}`,
  ];
  if (rescaled > 0) {
    const used = report.stepMultiplier;
    lines.push(
      `  Of the skipped, ${count(rescaled)} were loaded with another step multiplier than ${used}, and stay as they are.`,
    );
  }
  if (foreign > 0) lines.push(`  Of the skipped, ${count(foreign)} have the name of a run that another program made.`);
  if (report.alterations > 0) {
    const kinds = Object.entries(report.alterationsByCode).map(([code, times]) => `${code} ${count(times)}`);
    lines.push(`  Altered, merged or left out on the way: ${kinds.join(', ')}`);
    const where = report.logFile === null ? '' : 'the log below and ';
    lines.push(
      `  Each is named in ${where}the run's artifact neptune_exporter/alterations.json; docs/mapping-${loader}.md says where the original is kept.`,
    );
  }
  if (report.errorReport !== null) {
    lines.push(`  Not loaded: ${plural(report.errors, 'item')}, listed in ${report.errorReport}`);
    lines.push(
      '  Run the same command again to try once more; what the archive itself lacks has to be exported first.',
    );
  }
  if (report.logFile !== null) lines.push(`  Log: ${report.logFile}`);
  return lines;
}
