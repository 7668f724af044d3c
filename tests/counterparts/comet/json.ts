// JSON as a strict Java service reads it: no bare NaN, and whole numbers of 64 bits stay whole.

import { demand, Refusal } from './refusal.ts';

export type JsonObject = Record<string, unknown>;
/** A whole number; one that a double can't hold is a bigint. */
export type Whole = number | bigint;

const WIDE_INTEGER = /[:,[]\s*-?\d{16,}\s*[,\]}]/;
const MAX_LONG = 2n ** 63n - 1n;

type Reviver = (key: string, value: unknown) => unknown;

/** @throws Refusal 400 if it is no JSON object or list */
export function parseBody(text: string): unknown {
  try {
    return parseExact(text);
  } catch (error) {
    throw new Refusal(400, `the body is no JSON: ${(error as Error).message}`);
  }
}

/** JSON whose unsafe whole numbers are bigint. @throws SyntaxError */
export function parseExact(text: string): unknown {
  // Going through each value takes ten times as long, so only where it is needed.
  if (!WIDE_INTEGER.test(text)) return JSON.parse(text);
  const revive = (_: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
      ? BigInt(source)
      : value;
  return JSON.parse(text, revive as Reviver);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether it is a whole number of 64 bits, Java's Long. */
export function isLong(value: unknown): value is Whole {
  if (typeof value === 'bigint') return value <= MAX_LONG && value >= -MAX_LONG - 1n;
  return Number.isSafeInteger(value);
}

/** Reads and checks a value; `at` names it in refusals. */
export type Reader<T> = (value: unknown, at: string) => T;
type Fields = Record<string, Reader<unknown>>;
export type Read<F extends Fields> = { [K in keyof F]: ReturnType<F[K]> };

/** An object with these fields and no others. @throws Refusal 400 */
export function read<F extends Fields>(value: unknown, fields: F, at = 'body'): Read<F> {
  demand(isObject(value), `${at} must be a JSON object`);
  for (const name of Object.keys(value))
    demand(Object.hasOwn(fields, name), `Unrecognized field "${name}" of ${at}, known ones are ${Object.keys(fields)}`);
  return Object.fromEntries(
    Object.entries(fields).map(([name, reader]) => [name, reader(value[name], `${at}.${name}`)]),
  ) as Read<F>;
}

export const text: Reader<string> = (value, at) => {
  demand(typeof value === 'string', `${at} must be a text`);
  return value;
};

export const filled: Reader<string> = (value, at) => {
  demand(text(value, at) !== '', `${at} must not be empty`);
  return value as string;
};

export const flag: Reader<boolean> = (value, at) => {
  demand(typeof value === 'boolean', `${at} must be true or false`);
  return value;
};

export const whole: Reader<Whole> = (value, at) => {
  demand(isLong(value), `${at} must be a whole number of 64 bits`);
  return value;
};

/** A whole number that a double holds, e.g. a time in ms. */
export const small: Reader<number> = (value, at) => {
  demand(Number.isSafeInteger(value), `${at} must be a whole number`);
  return value as number;
};

export const anything: Reader<unknown> = (value) => value;

/** Undefined when it is absent or null. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value, at) => (value === undefined || value === null ? undefined : reader(value, at));
}

export function list<T>(reader: Reader<T>): Reader<T[]> {
  return (value, at) => {
    demand(Array.isArray(value), `${at} must be a list`);
    return value.map((item, index) => reader(item, `${at}[${index}]`));
  };
}
