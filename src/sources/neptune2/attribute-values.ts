// The attributes of one run as the server lists them: single values become rows, series and files are still to be read.

import type { ScalarRow } from '../../model/batches.ts';
import { ExporterError } from '../../model/errors.ts';
import { asArray, asObject } from '../json.ts';
import { countOf, looseFloat, looseInt } from './loose-json.ts';
import { rowsOfReference } from './references.ts';

export type ListedAttribute =
  | { kind: 'rows'; path: string; rows: ScalarRow[] }
  | {
      kind: 'series';
      path: string;
      type: 'float_series' | 'string_series' | 'file_series';
      lastStep: number | undefined;
      /** Of an image series, where the server tells it. */
      channelId?: string;
    }
  | { kind: 'file'; path: string; type: 'file' | 'file_set'; size: number | undefined; details: Record<string, string> }
  | { kind: 'artifact'; path: string; hash: string }
  /** Something that can't be carried over, and why. */
  | { kind: 'unreadable'; path: string; type: string; error: ExporterError };

/**
 * Reads an entry of a listing: `{name, type, <type>Properties}`.
 * @throws ExporterError `bad_answer` if it isn't one
 */
export function readAttribute(entry: unknown): ListedAttribute {
  const { name, type, ...rest } = asObject(entry);
  if (typeof name !== 'string' || typeof type !== 'string') {
    const error = new ExporterError('bad_answer', 'The server lists an attribute without a name or a type.');
    return { kind: 'unreadable', path: typeof name === 'string' ? name : '', type: String(type), error };
  }
  const found = rest[`${type}Properties`];
  const properties = typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
  const unreadable = (text: string): ListedAttribute => ({
    kind: 'unreadable',
    path: name,
    type,
    error: new ExporterError('unsupported', text),
  });
  switch (type) {
    case 'floatSeries':
      return { kind: 'series', path: name, type: 'float_series', lastStep: lastStepOf(properties) };
    case 'stringSeries':
      return { kind: 'series', path: name, type: 'string_series', lastStep: lastStepOf(properties) };
    case 'imageSeries':
      return {
        kind: 'series',
        path: name,
        type: 'file_series',
        lastStep: lastStepOf(properties),
        ...(typeof properties.channelId === 'string' ? { channelId: properties.channelId } : {}),
      };
    case 'file':
      return { kind: 'file', path: name, type: 'file', size: sizeOf(properties), details: fileDetails(properties) };
    case 'fileSet':
      return { kind: 'file', path: name, type: 'file_set', size: sizeOf(properties), details: {} };
    case 'artifact':
      if (typeof properties.hash !== 'string') return unreadable('The server lists an artifact without its hash.');
      return { kind: 'artifact', path: name, hash: properties.hash };
    case 'gitRef':
    case 'notebookRef':
    case 'experimentState':
      return { kind: 'rows', path: name, rows: rowsOfReference(name, type, properties) };
  }
  const row = scalarRow(name, type, properties);
  if (row === undefined) return unreadable(`An attribute of the type ${type} is not known here.`);
  if (row === 'wrong') {
    return unreadable(`The server sends no readable value for an attribute of the type ${type}.`);
  }
  return { kind: 'rows', path: name, rows: [row] };
}

/** Undefined for another type; `wrong` if the value isn't of it. */
function scalarRow(
  path: string,
  type: string,
  { value, values }: Record<string, unknown>,
): ScalarRow | 'wrong' | undefined {
  const none = value === null || value === undefined;
  switch (type) {
    case 'float': {
      const float = looseFloat(value);
      return float === undefined ? 'wrong' : { path, type: 'float', value: float };
    }
    case 'int': {
      const int = none ? null : looseInt(value);
      return int === undefined ? 'wrong' : { path, type: 'int', value: int };
    }
    case 'string':
      return none || typeof value === 'string'
        ? { path, type: 'string', value: none ? null : (value as string) }
        : 'wrong';
    case 'bool': {
      const bool = none ? null : value === 'true' ? true : value === 'false' ? false : value;
      return bool === null || typeof bool === 'boolean' ? { path, type: 'bool', value: bool } : 'wrong';
    }
    case 'datetime': {
      const time = none ? null : timeOf(value);
      return time === undefined ? 'wrong' : { path, type: 'datetime', value: time };
    }
    case 'stringSet': {
      const list = values === null || values === undefined ? [] : values;
      if (!Array.isArray(list) || list.some((one) => typeof one !== 'string')) return 'wrong';
      return { path, type: 'string_set', value: list as string[] };
    }
    default:
      return undefined;
  }
}

/** Milliseconds since 1970-01-01 UTC of an ISO 8601 text; without a zone it is UTC. */
export function timeOf(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || !/^[+-]?\d{4,6}-\d\d-\d\d/.test(value)) return undefined;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(value) || !value.includes('T') ? value : `${value}Z`;
  const ms = Date.parse(zoned);
  return Number.isNaN(ms) ? undefined : BigInt(ms);
}

function lastStepOf({ lastStep }: Record<string, unknown>): number | undefined {
  const step = lastStep === null || lastStep === undefined ? undefined : looseFloat(lastStep);
  return step === undefined || !Number.isFinite(step) ? undefined : step;
}

function sizeOf({ size }: Record<string, unknown>): number | undefined {
  return countOf(size);
}

/** The name under which a file was logged, which its path on disk doesn't have. */
function fileDetails({ name, ext }: Record<string, unknown>): Record<string, string> {
  return {
    ...(typeof name === 'string' && name !== '' ? { name } : {}),
    ...(typeof ext === 'string' && ext !== '' ? { ext } : {}),
  };
}

/** The attributes of a listing. @throws ExporterError `bad_answer` */
export function attributesOf(answer: unknown): unknown[] {
  return asArray(asObject(answer).attributes, 'attributes');
}
