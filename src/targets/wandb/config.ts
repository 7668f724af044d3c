// The config of a run: its single values with native types, and what of them has no room there. Pure.

import type { ScalarRow } from '../../model/batches.ts';
import type { RunSurvey } from '../survey.ts';
import { cutCodePoints, storable } from '../text.ts';
import { pythonFloat, timeText } from '../values.ts';
import { homeOf } from './names.ts';

/** Longest text that is kept as it is, in code points, and shorter limits for runs with very many. */
export const TEXT_LIMITS = [100_000, 20_000, 4000, 800, 160] as const;
/** Of the whole config; W&B names no limit, but a request has to carry it. */
const MAX_CONFIG_BYTES = 8 << 20;

/** What of a run's values the config has room for. */
export interface ConfigPlan {
  textLimit: number;
  /** Names of the survey. */
  leftOut: ReadonlySet<string>;
}

/** Looks how long the texts may be. */
export function planConfig(survey: RunSurvey, keys: ReadonlyMap<string, string>): ConfigPlan {
  const entries = [...survey].filter(([, { type }]) => homeOf(type) === 'config');
  // Six bytes are the most that JSON takes for a character.
  const size = ([name, { largestText }]: (typeof entries)[number], limit: number) =>
    (keys.get(name)?.length ?? 0) + 40 + Math.min(largestText, limit * 6);
  const total = (limit: number) => entries.reduce((sum, entry) => sum + size(entry, limit), 0);
  const textLimit = TEXT_LIMITS.find((limit) => total(limit) <= MAX_CONFIG_BYTES);
  if (textLimit !== undefined) return { textLimit, leftOut: new Set() };
  const shortest = TEXT_LIMITS.at(-1)!;
  const leftOut = new Set<string>();
  let sum = 0;
  // What the run itself is comes first; the rest in the order of names, so that every load leaves out the same.
  const order = entries.sort(([a, { path: one }], [b, { path: other }]) => {
    const isSys = Number(other.startsWith('sys/')) - Number(one.startsWith('sys/'));
    return isSys || (a < b ? -1 : 1);
  });
  for (const entry of order) {
    sum += size(entry, shortest);
    if (sum > MAX_CONFIG_BYTES) leftOut.add(entry[0]);
  }
  return { textLimit: shortest, leftOut };
}

/** The JSON of a value; undefined for null but of floats. Without limits. */
export function configJson(row: ScalarRow): string | undefined {
  if (row.value === null) return row.type === 'float' ? '"NaN"' : undefined;
  switch (row.type) {
    case 'float':
      return Number.isFinite(row.value) ? pythonFloat(row.value) : `"${row.value}"`;
    case 'int':
      return row.value.toString();
    case 'bool':
      return String(row.value);
    case 'datetime':
      return JSON.stringify(timeText(row.value, ' ')) ?? row.value.toString();
    case 'string_set':
      return JSON.stringify(row.value.map(storable));
    default:
      return JSON.stringify(storable(row.value));
  }
}

/** The beginning of a text, with where the whole is. */
export function shortenedJson(text: string, limit: number, note: string): string {
  return JSON.stringify(cutCodePoints(storable(text), Math.max(0, limit - note.length)) + note);
}
