// Values as Comet takes them: parameters with their native types, texts of at most 1,000 characters, numbers in JSON. Pure.

import type { ScalarRow } from '../../model/batches.ts';
import { codePoints, cutCodePoints, isStorable, storable } from '../text.ts';
import { listJson, timeText } from '../values.ts';

/** Longest text of a parameter or other, in code points: Comet's SDK cuts longer ones. */
export const MAX_TEXT = 1000;

/** A number in JSON; words where JSON has none. A whole double keeps its point, so that it is none of the integers. */
export function numberJson(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text;
}

export interface Parameter {
  json: string;
  /** What it is kept as if Comet can't hold it. */
  text: string;
  /** Whether Comet holds it as it is. */
  fits: boolean;
}

/** A parameter before limits. Undefined for null. */
export function parameterOf(row: ScalarRow): Parameter | undefined {
  const parameter = plainParameter(row);
  if (!parameter) return undefined;
  // In JSON what isn't storable is an escape, and doesn't show.
  const isWhole = row.type !== 'string_set' || row.value === null || row.value.every(isStorable);
  return { ...parameter, fits: isWhole && fits(parameter.text) };
}

function plainParameter(row: ScalarRow): Pick<Parameter, 'json' | 'text'> | undefined {
  if (row.value === null) return undefined;
  switch (row.type) {
    case 'float':
      return { json: numberJson(row.value), text: String(row.value) };
    case 'int': {
      const text = row.value.toString();
      // The service may read numbers as doubles.
      return { json: Number.isSafeInteger(Number(row.value)) ? text : `"${text}"`, text };
    }
    case 'bool':
      return { json: String(row.value), text: String(row.value) };
    case 'datetime': {
      const text = timeText(row.value, ' ') ?? row.value.toString();
      return { json: JSON.stringify(text), text };
    }
    case 'string_set': {
      const json = listJson(row.value);
      return { json, text: json };
    }
    default:
      return { json: JSON.stringify(row.value), text: row.value };
  }
}

/** Whether Comet holds a text as it is. */
export function fits(text: string): boolean {
  return text.length <= 2 * MAX_TEXT && codePoints(text) <= MAX_TEXT && isStorable(text);
}

/** The beginning of a text with a note at its end, as long as Comet takes. */
export function cutText(text: string, note: string): string {
  if (codePoints(text) + codePoints(note) <= MAX_TEXT) return storable(text) + note;
  return cutCodePoints(storable(text), MAX_TEXT - codePoints(note)) + note;
}

/** Whether a text that Comet gives back of a parameter is the value that was sent: it makes texts of all of them. */
export function isHeldAs(json: string, held: string): boolean {
  const sent: unknown = JSON.parse(json);
  if (typeof sent === 'string') return sent === held;
  if (typeof sent === 'number') return held.trim() !== '' && Number(held) === sent;
  if (typeof sent === 'boolean') return held.toLowerCase() === String(sent);
  // As Java writes a list; the service takes lists, but how it gives them back is not written anywhere.
  if (Array.isArray(sent) && held === `[${sent.join(', ')}]`) return true;
  try {
    return JSON.stringify(JSON.parse(held)) === JSON.stringify(sent);
  } catch {
    return false;
  }
}
