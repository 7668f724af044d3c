// What a comparison with a target found, run by run, as a person reads it.

import type { ComparedRun, TargetResult } from '../transfer/compare-target.ts';
import { count } from './format.ts';
import { tableLines } from './table.ts';

/** Runs in the table; `--json` has all. */
const LISTED = 20;
const ID_WIDTH = 32;

const STATES: Record<ComparedRun['state'], string> = {
  compared: 'there',
  missing: 'not there',
  half: 'half there',
  changed: 'of other content',
  foreign: "another program's",
  unread: 'not compared',
  failed: 'could not be asked',
};

/** A table of runs, those with something off first, and what the mapping altered. */
export function targetLines({ runs }: Pick<TargetResult, 'runs'>): string[] {
  const ordered = [...runs.filter(isOff), ...runs.filter((run) => !isOff(run))];
  const lines = tableLines(
    [
      { title: 'Project', maxWidth: ID_WIDTH },
      { title: 'Run', maxWidth: ID_WIDTH },
      { title: 'At the target' },
      { title: 'Equal', align: 'right' },
      { title: 'Altered', align: 'right' },
      { title: 'Missing', align: 'right' },
      { title: 'Different', align: 'right' },
    ],
    ordered.slice(0, LISTED).map((run) => {
      const { projectId, runId, state, equal, altered, missing, different, unclear } = run;
      const numbers = state === 'compared' ? [equal, altered, missing, different + unclear].map(count) : [];
      return [projectId, runId, STATES[state], ...numbers].map((text) => text.replace(/[\n\t]/g, ' '));
    }),
  );
  const more = runs.length - LISTED;
  if (more > 0) lines.push(`and ${count(more)} more: --json lists all`);
  return [...lines, ...codeLine(runs)];
}

function isOff({ state, attributes }: ComparedRun): boolean {
  return state !== 'compared' || attributes.some((verdict) => verdict.state !== 'altered');
}

/** How many attributes the mapping altered, by its codes. */
function codeLine(runs: readonly ComparedRun[]): string[] {
  const counts = new Map<string, number>();
  for (const { attributes } of runs) {
    for (const { codes } of attributes) for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const sorted = [...counts].sort(([, left], [, right]) => right - left);
  return [`Altered by the mapping: ${sorted.map(([code, times]) => `${code} ${count(times)}`).join(', ')}`];
}
