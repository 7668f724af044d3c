// What a comparison says of texts and files that aren't as they should be. Pure.

import type { TargetDifference } from './target.ts';
import { codePoints } from './text.ts';

/** Values in messages. */
const SHOWN = 60;

/** An artifact that isn't there. */
export function absentFile(path: string): TargetDifference {
  return { kind: 'missing', what: `artifact ${path}`, message: 'The target does not have it.' };
}

/** How a text differs from what it should be; undefined if it doesn't. */
export function textDifference(
  what: string,
  expected: string,
  found: string | undefined,
): TargetDifference | undefined {
  if (found === expected) return undefined;
  if (found === undefined) return { kind: 'missing', what, message: 'The target does not have it.', expected };
  const message = `It should be '${shown(expected)}' and is '${shown(found)}'.`;
  return { kind: 'different', what, message, expected, found };
}

/** A text as messages have it: long ones are cut. */
export function shown(text: string): string {
  const length = codePoints(text);
  return length <= SHOWN ? text : `${text.slice(0, SHOWN).toWellFormed()}… (${length} characters)`;
}
