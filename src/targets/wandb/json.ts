// JSON as W&B's own client writes and answers it: bare NaN and infinities, whole numbers of 64 bits. Pure.

export type JsonObject = Record<string, unknown>;

/** The JSON text of a double: shortest digits that read back to it, bare words for what JSON has no number for. */
export function numberJson(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  // Readers take digits alone for a whole number, which from 2^53 on isn't the double.
  return Math.abs(value) >= 9007199254740992 && Number.isFinite(value) ? value.toExponential() : String(value);
}

/** Seconds of a time in milliseconds, exact. */
export function secondsJson(ms: number | bigint): string {
  if (typeof ms === 'number' && Math.abs(ms) < 1e15) return String(ms / 1000);
  const whole = BigInt(ms);
  const absolute = (whole < 0n ? -whole : whole).toString().padStart(4, '0');
  return `${whole < 0n ? '-' : ''}${absolute.slice(0, -3)}.${absolute.slice(-3)}`;
}

/** JSON of a text in ASCII. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** JSON text as it stands inside a JSON string. */
export function inner(json: string): string {
  return JSON.stringify(json).slice(1, -1);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const STRING_OR_BARE = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;
type Reviver = (key: string, value: unknown) => unknown;

/**
 * Reads JSON: whole numbers that no double holds become bigint, bare non-finite numbers texts, as some servers send them
 * anyway.
 * @throws SyntaxError
 */
export function parseExact(text: string): unknown {
  // Going through each value takes ten times as long, so only where it is needed.
  const revive = /\d{16}/.test(text) ? wholeNumbers : undefined;
  try {
    return JSON.parse(text, revive);
  } catch {
    return JSON.parse(
      text.replace(STRING_OR_BARE, (found) => (found.startsWith('"') ? found : `"${found}"`)),
      revive,
    );
  }
}

const wholeNumbers = ((_: string, value: unknown, { source }: { source?: string }) =>
  typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
    ? BigInt(source)
    : value) as Reviver;

/** An object in JSON text; undefined if the text is something else. */
export function objectIn(text: unknown): JsonObject | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value = parseExact(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The first difference between what should be there and what is, as a path; undefined if nothing differs. */
export function difference(expected: unknown, found: unknown, path = ''): string | undefined {
  if (Array.isArray(expected) && Array.isArray(found)) {
    if (expected.length !== found.length) return path;
    for (const [at, one] of expected.entries()) {
      const deeper = difference(one, found[at], `${path}[${at}]`);
      if (deeper !== undefined) return deeper;
    }
    return undefined;
  }
  if (isObject(expected) && isObject(found)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(found)])) {
      if (!Object.hasOwn(expected, key) || !Object.hasOwn(found, key)) return `${path}.${key}`;
      const deeper = difference(expected[key], found[key], `${path}.${key}`);
      if (deeper !== undefined) return deeper;
    }
    return undefined;
  }
  // A server may write a large double with all its digits.
  if (typeof expected === 'number' && typeof found === 'bigint') return Number(found) === expected ? undefined : path;
  // Whether a zero has a sign, W&B doesn't say.
  return expected === found || (expected === 0 && found === 0) ? undefined : path;
}
