// Regular expressions of requests: an RE2-like dialect, run by JavaScript's engine.

import { badRequest } from './refusal.ts';

/** Tells whether a text holds a match anywhere. */
export type Matcher = (text: string) => boolean;

const SYNTAX = /[\^$\\.*+?()[\]{}|/]/;
const META = /[\^$.*+?()[\]{}|]/;

/**
 * Compiles a pattern. Look-around and back references are refused, since engines of linear time have none.
 * @throws Refusal 400 for what is no pattern of the dialect
 */
export function matcherOf(pattern: string): Matcher {
  const names = exactNames(pattern);
  if (names) return (text) => names.has(text);
  const expression = compile(pattern);
  return (text) => expression.test(text);
}

/**
 * The names of a pattern `^name$` or `^(name|name|…)$` without operators: clients ask for thousands of names like
 * this, and a set answers faster than an alternative.
 */
function exactNames(pattern: string): Set<string> | undefined {
  const inner = /^\^\(([\s\S]*)\)\$$/.exec(pattern)?.[1] ?? /^\^([\s\S]*)\$$/.exec(pattern)?.[1];
  if (inner === undefined) return undefined;
  const grouped = pattern.startsWith('^(');
  const names = new Set<string>();
  let name = '';
  for (let at = 0; at < inner.length; at++) {
    const char = inner[at]!;
    if (char === '\\') {
      const next = inner[++at];
      if (next === undefined || /[A-Za-z0-9]/.test(next)) return undefined;
      name += next;
    } else if (char === '|' && grouped) {
      names.add(name);
      name = '';
    } else if (META.test(char)) return undefined;
    else name += char;
  }
  return names.add(name);
}

function compile(pattern: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(pattern);
  const body = flags ? pattern.slice(flags[0].length) : pattern;
  try {
    const expression = new RegExp(translate(body), `u${flags?.[1] ?? ''}`);
    // The engine compiles on first use, and only then finds a pattern too large.
    expression.test('');
    return expression;
  } catch (error) {
    throw badRequest(`"${pattern.slice(0, 200)}" is no regular expression: ${(error as Error).message}`);
  }
}

/** JavaScript's strict mode knows fewer escapes: `\#` or `\ ` of other dialects become plain characters. */
function translate(pattern: string): string {
  let result = '';
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!;
    if (char === '\\') {
      result += translateEscape(pattern[++at]);
      continue;
    }
    const rest = pattern.slice(at, at + 4);
    if (inClass && rest.startsWith('[:')) throw new Error('named character classes are not supported');
    if (!inClass && /^\(\?(=|!|<=|<!)/.test(rest)) throw new Error('look-around is not supported');
    if (char === '[') inClass = true;
    if (char === ']') inClass = false;
    if (!inClass && rest === '(?P<') {
      result += '(?<';
      at += 3;
    } else result += char;
  }
  return result;
}

function translateEscape(char: string | undefined): string {
  if (char === undefined) throw new Error('it ends with a backslash');
  if (/[1-9k]/.test(char)) throw new Error('back references are not supported');
  if (char === 'A') return '^';
  if (char === 'z') return '$';
  if (char === '-') return '\\x2d';
  return /[A-Za-z0-9]/.test(char) || SYNTAX.test(char) ? `\\${char}` : char;
}
