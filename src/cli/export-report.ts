// The end of an export in words: what was done, what is missing, where to look.

import type { ExportResult } from '../transfer/export.ts';
import { count, duration, plural, size } from './format.ts';

/** Result of an export as `--json` prints it. Paths are absolute; null where there is no such file. */
export interface ExportReport extends ExportResult {
  projects: string[];
  seconds: number;
  dataPath: string;
  filesPath: string;
  /** Entries of the error report. */
  errors: number;
  errorReport: string | null;
  logFile: string | null;
}

/** Lines of talk. `pattern` is the filter on run ids, for a word where nothing matched. */
export function exportLines(report: ExportReport, pattern: string | undefined): string[] {
  const { runs, exported, skipped, partial, failed } = report;
  const lines = [`Export finished in ${duration(report.seconds * 1000)}.`];
  if (runs === 0) {
    const which = pattern ? `whose id matches '${pattern}'` : 'in the project';
    lines.push(`  No runs ${which}; archived runs are exported with --include-archived-runs.`);
  } else {
    const outcomes = [
      `${count(exported)} exported${partial > 0 ? ` (${count(partial)} of them partial)` : ''}`,
      `${count(skipped)} skipped (there already)`,
      ...(failed > 0 ? [`${count(failed)} failed`] : []),
    ];
    lines.push(`  Runs: ${count(runs)} matched, ${outcomes.join(', ')}`);
  }
  lines.push(
    `  Data: ${plural(report.points, 'record')} in ${report.dataPath}`,
    `  Files: ${plural(report.files, 'file')}, ${size(report.bytes)} in ${report.filesPath}`,
  );
  if (report.errorReport !== null) {
    lines.push(`  Not exported: ${plural(report.errors, 'item')}, listed in ${report.errorReport}`);
    lines.push('  Run the same command again to try what is missing once more.');
  }
  if (report.logFile !== null) lines.push(`  Log: ${report.logFile}`);
  return lines;
}
