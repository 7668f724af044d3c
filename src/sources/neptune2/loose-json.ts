// JSON as Neptune 2 servers write it: numbers beyond JSON's, and integers beyond a double.

import { ExporterError } from '../../model/errors.ts';

/** Strings stay; what no JSON parser takes becomes the text that JVM servers quote. */
const BARE = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g;
/** A whole number that may not fit a double. */
const LONG_DIGITS = /[:[,\s]-?\d{16,}/;

/**
 * Parses an answer. Bare NaN and infinities come as texts; integers beyond 2^53 as bigint.
 * @throws ExporterError `bad_answer`
 */
export function parseLooseJson(body: Uint8Array): unknown {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
  try {
    return parse(text);
  } catch (error) {
    try {
      return parse(text.replace(BARE, (found) => (found.startsWith('"') ? found : `"${found}"`)));
    } catch {
      throw new ExporterError('bad_answer', "The server's answer is not valid JSON.", { cause: error });
    }
  }
}

function parse(text: string): unknown {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text);
  return JSON.parse(text, keepInteger as (key: string, value: unknown) => unknown);
}

function keepInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? '')) return value;
  return BigInt(context!.source!);
}

/** A float: a number, the text of one that JSON can't hold, or null for NaN. Undefined if it is none of them. */
export function looseFloat(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value === null || value === undefined || value === 'NaN') return Number.NaN;
  if (value === 'Infinity' || value === '+Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  // Some servers quote all numbers.
  if (typeof value === 'string' && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value)) return Number(value);
  return undefined;
}

/** A 64-bit integer. Undefined if it is none. */
export function looseInt(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return fits(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? fits(BigInt(value)) : undefined;
}

/** A count or size; undefined if it is none. Some servers quote all numbers. */
export function countOf(value: unknown): number | undefined {
  const int = looseInt(value);
  return int !== undefined && int >= 0n && int <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(int) : undefined;
}

function fits(value: bigint): bigint | undefined {
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
