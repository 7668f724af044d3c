// What verifying found, as a person reads it.

import { join, relative, sep } from 'node:path';
import type { Problem, VerifyResult } from '../archive/verify/index.ts';
import { count, duration, plural, printable, size } from './format.ts';
import { tableLines } from './table.ts';
import { targetLines } from './target-report.ts';
import type { LoaderResult } from './verify-loader.ts';

/** Problems named one by one; `--json` and the error report have all. */
const NAMED = 20;
/** Columns of ids and sentences in the table. */
const ID_WIDTH = 32;
const WHAT_WIDTH = 90;

/** Result of `verify` as `--json` prints it. */
export interface VerifyReport extends VerifyResult {
  dataPath: string;
  filesPath: string;
  /** Folder of the models' data, if it is another one that was looked at, too. */
  modelDataPath: string | null;
  /** What `--source` compared with: server, runs, points and values that it sent. */
  source: { address: string; compared: number; rows: number } | null;
  /** What `--loader` compared with: each run, and what the target sent. */
  target: Omit<LoaderResult, 'notes'> | null;
  seconds: number;
  /** Where the problems are listed as well; null if there are none. */
  errorReport: string | null;
  logFile: string | null;
}

/** Lines of text; names of others can't command the terminal. */
export function verifyLines(report: VerifyReport): string[] {
  const { problems, notes, target } = report;
  const lines = notes.map(({ code, message }) => `note: ${message} [${code}]`);
  if (target !== null) {
    if (lines.length > 0) lines.push('');
    lines.push(...targetLines(target));
  }
  if (problems.length > 0) {
    if (lines.length > 0) lines.push('');
    lines.push(...problemTable(report));
    const more = problems.length - NAMED;
    if (more > 0) lines.push(`and ${count(more)} more: --json lists all, and so does ${report.errorReport}`);
    lines.push('', ...codeLines(problems));
  }
  if (lines.length > 0) lines.push('');
  lines.push(closingLine(report));
  return lines.map((line) => printable(line));
}

/** The one line that says how it stands. */
export function closingLine(report: VerifyReport): string {
  const { runs, parts, files, bytes, problems, verified, adopted, unverified, source, target } = report;
  const read = [plural(runs, 'run'), plural(parts, 'part'), plural(files, 'file'), size(bytes)].join(', ');
  const outcome =
    problems.length > 0
      ? plural(problems.length, 'problem')
      : unverified === 0
        ? adopted === 0
          ? 'all is as recorded'
          : `all is well, ${count(adopted)} recorded now`
        : `all is readable, ${count(verified)} as recorded`;
  const beside =
    source === null
      ? ''
      : ` Compared with ${source.address}: ${plural(source.compared, 'run')}, ${plural(source.rows, 'record')}.`;
  return `Verified ${read} in ${duration(report.seconds * 1000)}: ${outcome}.${beside}${targetText(target)}`;
}

function targetText(target: VerifyReport['target']): string {
  if (target === null) return '';
  const { address, runs, points, files, bytes } = target;
  const compared = runs.filter(({ state }) => state === 'compared').length;
  const read = [plural(compared, 'run'), plural(points, 'point'), plural(files, 'file'), size(bytes)].join(', ');
  return ` Compared with ${address}: ${read}.`;
}

function problemTable(report: VerifyReport): string[] {
  const shown = report.problems.slice(0, NAMED);
  const rows = shown.map((problem) => [
    problem.projectId || '-',
    problem.runId ?? '-',
    problem.attributePath === undefined ? problem.message : `${problem.attributePath}: ${problem.message}`,
    placeText(problem, report),
  ]);
  return tableLines(
    [
      { title: 'Project', maxWidth: ID_WIDTH },
      { title: 'Run', maxWidth: ID_WIDTH },
      { title: 'What', maxWidth: WHAT_WIDTH },
      { title: 'Where' },
    ],
    rows.map((row) => row.map((text) => text.replace(/[\n\t]/g, ' '))),
  );
}

/** How many of each kind: what is off may be thousands of times the same. */
function codeLines(problems: readonly Problem[]): string[] {
  const counts = new Map<string, number>();
  for (const { code } of problems) counts.set(code, (counts.get(code) ?? 0) + 1);
  const sorted = [...counts].sort(([, left], [, right]) => right - left);
  return [`By kind: ${sorted.map(([code, times]) => `${code} ${count(times)}`).join(', ')}`];
}

/** The path from where the three folders lie, as a rule: `data/…`, `files/…`. */
function placeText({ path }: Problem, { dataPath }: VerifyReport): string {
  if (path === undefined) return '-';
  const short = relative(join(dataPath, '..'), path);
  return short.startsWith('..') ? path : short.replaceAll(sep, '/');
}
