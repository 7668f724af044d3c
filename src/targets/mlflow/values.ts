// Params as the official loader prints them (Python's str), and values of metrics in JSON. Pure.

import type { ScalarRow } from '../../model/batches.ts';
import { pythonFloat, stringSetText, timeText } from '../values.ts';

/** Longest value of a param, in code points; MLflow cuts longer ones without a word. */
export const MAX_PARAM = 6000;

/** The text of a param. Undefined for null. */
export function paramText(row: ScalarRow): string | undefined {
  if (row.value === null) return undefined;
  switch (row.type) {
    case 'float':
      return pythonFloat(row.value);
    case 'int':
      return row.value.toString();
    case 'bool':
      return row.value ? 'True' : 'False';
    case 'datetime':
      return timeText(row.value, ' ') ?? row.value.toString();
    case 'string_set':
      return stringSetText(row.value).text;
    default:
      return row.value;
  }
}

/** A metric's value in JSON: the words for what JSON has no number for are strings, as protobuf's JSON takes them. */
export function metricValueJson(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : String(value);
  return Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';
}
