// Points in time that people give as options, and the spans between them.

import { InvalidArgumentError } from 'commander';
import type { TimeRange } from '../model/runs.ts';
import { usageError } from './errors.ts';

const FORMAT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:(Z)|([+-])(\d\d):?(\d\d))?)?$/i;
const MINUTE_MS = 60_000;

/**
 * Reads `2024-05-31`, `2024-05-31T14:00`, with seconds, with `Z` or an offset; without a zone it is UTC, a day alone is
 * its first moment. What is finer than a millisecond is rounded up: no time of Neptune's lies between.
 * @returns ms since 1970-01-01 UTC @throws InvalidArgumentError
 */
export function parseTime(text: string): number {
  const parts = FORMAT.exec(text.trim());
  if (parts === null) {
    throw new InvalidArgumentError('A time is written as 2024-05-31, 2024-05-31T14:00 or 2024-05-31T14:00:30+02:00.');
  }
  const [, day = '', minutes = '00:00', seconds = '00', fraction = '', , sign, offsetHours = '0', offsetMinutes = '0'] =
    parts;
  const local = Date.parse(`${day}T${minutes}:${seconds}Z`);
  // JavaScript takes the 30th of February for the 1st of March.
  const isReal = !Number.isNaN(local) && new Date(local).toISOString().startsWith(`${day}T${minutes}:${seconds}`);
  if (!isReal || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) {
    throw new InvalidArgumentError('There is no such day or time.');
  }
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * MINUTE_MS;
  const nanoseconds = Number(fraction.padEnd(9, '0'));
  return local + Math.ceil(nanoseconds / 1_000_000) - (sign === '-' ? -offset : offset);
}

/**
 * The span of two options. @param name what their names begin with: `created`, `modified`
 * @returns undefined if neither is given @throws ExporterError `usage` if nothing can lie in the span
 */
export function timeRange(name: string, after: number | undefined, before: number | undefined): TimeRange | undefined {
  if (after === undefined && before === undefined) return undefined;
  if (after !== undefined && before !== undefined && after >= before) {
    throw usageError(
      `No time lies between --${name}-after and --${name}-before.`,
      `--${name}-after means at that time or later, --${name}-before means earlier than that time.`,
    );
  }
  return { ...(after === undefined ? {} : { from: after }), ...(before === undefined ? {} : { before }) };
}
