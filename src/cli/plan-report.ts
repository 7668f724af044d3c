// The plan of a load as a person reads it, and as JSON.

import type { LoadPlan, PlannedState } from '../transfer/load-plan.ts';
import { count, plural, printable } from './format.ts';
import { tableLines } from './table.ts';

/** Things named one by one; `--json` has all. */
const NAMED = 10;
const NAME_WIDTH = 60;

/** What becomes of runs in each state, in the order of the report. */
const STATES: [PlannedState, string][] = [
  ['new', 'to be made'],
  ['half', 'half there, to be completed'],
  ['changed', 'there with other content, to be replaced'],
  ['whole', 'there already, to be skipped'],
  ['rescaled', 'there with another step multiplier, to be skipped'],
  ['foreign', "there under the name of another program's run, to be skipped"],
  ['unreadable', 'that can not be read'],
];

/** Lines of a plan. @param notes as Target.valueNotes */
export function planLines(plan: LoadPlan, address: string, notes: { nan: string; infinity: string }): string[] {
  const { runs, groups, missing } = plan;
  const lines = [`Plan for a load into ${address}; nothing was sent.`, ''];
  lines.push(`Runs: ${count(runs.length)}`);
  for (const [state, text] of STATES) {
    const number = runs.filter((run) => run.state === state).length;
    if (number > 0) lines.push(`  ${count(number)} ${text}`);
  }
  if (missing.length > 0) lines.push(`  ${count(missing.length)} not in the archive: ${cut(missing).join(', ')}`);
  const sum = (of: 'records' | 'points' | 'files') => runs.reduce((total, run) => total + run[of], 0);
  lines.push(
    `To be sent: ${plural(sum('records'), 'record')}, ${plural(sum('points'), 'point')}, ${plural(sum('files'), 'file')}`,
  );
  lines.push('', ...groupLines(groups), '', ...stepLines(plan), ...valueLines(plan, notes), ...alterationLines(plan));
  return lines.map(printable);
}

function groupLines(groups: LoadPlan['groups']): string[] {
  const rows = groups.slice(0, NAMED).map(({ name, exists, runs }) => [name, exists ? 'there' : 'new', count(runs)]);
  const table = tableLines(
    [{ title: 'Goes to', maxWidth: NAME_WIDTH }, { title: '' }, { title: 'Runs', align: 'right' }],
    rows,
  );
  const more = groups.length - NAMED;
  return more > 0 ? [...table, `and ${count(more)} more`] : table;
}

function stepLines({ steps }: LoadPlan): string[] {
  const { asked, multiplier, exact, separate, fractionalPoints, fractionalSeries, collidingPoints, collidingSeries } =
    steps;
  const lines = [`Steps: multiplier ${multiplier}${asked === 'auto' ? ' (auto)' : ''}`];
  if (fractionalPoints === 0) lines.push('  all steps are whole numbers');
  else {
    lines.push(
      `  ${plural(fractionalPoints, 'point')} of ${plural(fractionalSeries, 'series', 'series')} have steps that are not whole: they are cut`,
    );
    lines.push(`  the smallest multiplier that is exact for all: --step-multiplier ${exact}`);
  }
  if (collidingPoints > 0) {
    lines.push(
      `  ${plural(collidingPoints, 'point')} of ${plural(collidingSeries, 'series', 'series')} would fall on steps of other points:`,
    );
    for (const { runId, attributePath, points, multiplier: helps } of steps.collisions) {
      lines.push(`    run ${runId}, ${attributePath}: ${count(points)}; kept apart by ${helps}`);
    }
    lines.push(`  a load stops there, unless --step-multiplier ${separate} or more, or --on-step-collision is given`);
  }
  if (steps.repeatedPoints > 0) {
    lines.push(`  ${plural(steps.repeatedPoints, 'point')} have the very step of another one in the archive`);
  }
  return lines;
}

function valueLines({ values }: LoadPlan, notes: { nan: string; infinity: string }): string[] {
  const lines: string[] = [];
  if (values.nans > 0) lines.push(`Values: ${count(values.nans)} NaN; ${notes.nan}`);
  if (values.infinities > 0) lines.push(`Values: ${count(values.infinities)} infinite; ${notes.infinity}`);
  return lines;
}

function alterationLines({ runs }: LoadPlan): string[] {
  const byCode = new Map<string, { times: number; examples: string[]; attributes: number }>();
  for (const { runId, alterations } of runs) {
    for (const { code, attributePath, message, count: times } of alterations) {
      const known = byCode.get(code) ?? { times: 0, examples: [], attributes: 0 };
      byCode.set(code, known);
      known.times += times;
      known.attributes++;
      if (known.examples.length < 3) known.examples.push(`run ${runId}, ${attributePath ?? 'the run'}: ${message}`);
    }
  }
  const failures = runs.reduce((total, run) => total + run.failures.length, 0);
  const lines = byCode.size > 0 ? ['', 'Altered on the way:'] : [];
  for (const [code, { times, examples, attributes }] of byCode) {
    lines.push(`  ${code}: ${count(times)} in ${plural(attributes, 'attribute')}`);
    for (const example of examples) lines.push(`    ${example.replace(/[\n\t]/g, ' ')}`);
  }
  if (failures > 0) {
    lines.push('', `Missing in the archive: ${plural(failures, 'item')}; the runs concerned do not count as whole`);
    const named = runs.flatMap(({ runId, failures: own }) =>
      own.map(({ attributePath, message }) => `  run ${runId}${attributePath ? `, ${attributePath}` : ''}: ${message}`),
    );
    lines.push(...cut(named));
  }
  return lines;
}

function cut(items: readonly string[]): string[] {
  return items.length > NAMED ? [...items.slice(0, NAMED), `and ${count(items.length - NAMED)} more`] : [...items];
}

/** The plan as JSON: multipliers as text, since they may have any size. */
export function planJson(plan: LoadPlan, address: string): string {
  const asText = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
  return JSON.stringify({ target: address, ...plan }, asText, 2);
}

/** True if a load would do all it is asked for. */
export function isFeasible(plan: LoadPlan, stops: boolean): boolean {
  const collides = stops && plan.steps.collidingPoints > 0;
  return !collides && plan.missing.length === 0 && plan.runs.every(({ failures }) => failures.length === 0);
}
