// JSON as ZenML's server keeps it: integers of any length, floats with a point or an exponent, and its size in the database. Pure.

import { pythonFloat } from '../values.ts';

/** A finite double, so that Python reads a float. */
export function floatJson(value: number): string {
  return pythonFloat(value);
}

/**
 * Bytes that a JSON text takes in the server's database, which writes what isn't ASCII as escapes of six bytes a
 * UTF-16 unit.
 */
export function storedBytes(json: string): number {
  let bytes = json.length;
  for (let i = 0; i < json.length; i++) if (json.charCodeAt(i) > 0x7f) bytes += 5;
  return bytes;
}

/** ZenML's word for the type of a JSON value; every metadata value needs one. */
export function jsonType(json: string): 'dict' | 'list' | 'str' | 'bool' | 'int' | 'float' {
  const first = json[0];
  if (first === '{') return 'dict';
  if (first === '[') return 'list';
  if (first === '"') return 'str';
  if (first === 't' || first === 'f') return 'bool';
  return /[.eE]/.test(json) ? 'float' : 'int';
}

/** What JSON.parse tells a reviver of a number, beyond what its types know. */
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

const exact: Reviver = (_, value, { source }) => {
  if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value;
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
};

/** Parses JSON, integers beyond 2^53 as bigint. @throws SyntaxError */
export function parseExact(text: string): unknown {
  // A reviver makes it ten times slower.
  if (!/(?:^|[:,[ ])-?\d{16,}(?:$|[,\]} ])/.test(text)) return JSON.parse(text);
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

/** A text that two JSON values share exactly if they are equal: keys sorted, numbers by their value. */
export function canonical(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join()}}`;
}
