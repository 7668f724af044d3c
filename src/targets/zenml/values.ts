// Single values as ZenML's metadata holds them: native types, texts for what JSON has no value for. Pure.

import type { ScalarRow } from '../../model/batches.ts';
import { codePoints, cutCodePoints, isStorable, storable } from '../text.ts';
import { timeText } from '../values.ts';
import { floatJson } from './json.ts';

/**
 * Longest text or set in the metadata, in code points. The usual database takes 65,535 bytes of JSON a key, where each
 * code point may take twelve.
 */
export const MAX_TEXT = 5000;

/** JSON of a double. The server takes bare NaN and infinities, and its own client can't read the run any more. */
export function numberJson(value: number): string {
  return Number.isFinite(value) ? floatJson(value) : `"${value}"`;
}

/** JSON of a whole value; undefined where there is none. A time beyond all calendars is its milliseconds. */
export function valueJson(row: ScalarRow): string | undefined {
  if (row.value === null) return row.type === 'float' ? '"NaN"' : undefined;
  switch (row.type) {
    case 'float':
      return numberJson(row.value);
    case 'int':
      return row.value.toString();
    case 'datetime': {
      const time = timeText(row.value, 'T');
      return time === undefined ? row.value.toString() : JSON.stringify(time);
    }
    default:
      return JSON.stringify(row.value);
  }
}

/** Why a value can't be in the metadata as it is: too long, or with characters that not every server keeps. */
export function misfit(row: ScalarRow): 'long' | 'characters' | undefined {
  if (row.value === null || (row.type !== 'string' && row.type !== 'string_set')) return undefined;
  const text = typeof row.value === 'string' ? row.value : row.value.join();
  if (text.length > MAX_TEXT && codePoints(text) > MAX_TEXT) return 'long';
  return isStorable(text) ? undefined : 'characters';
}

/** What the metadata has of a value that is whole in an artifact. */
export function excerptJson(row: ScalarRow, artifact: string, version: string): string {
  const text = typeof row.value === 'string' ? row.value : ((row.value as string[] | null) ?? []).join();
  const note = `… [${codePoints(text)} characters, whole in artifact ${artifact}, version ${version}]`;
  return JSON.stringify(cutCodePoints(storable(text), MAX_TEXT - codePoints(note)) + note);
}
