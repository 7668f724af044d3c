// Names and values that a server may send to harm a careless program, for property-based tests.

import fc from 'fast-check';

const LONG = 300;

/** Names that mean something to a file system, a shell, a program, or this archive. */
export const HOSTILE_NAMES = [
  '..',
  '.',
  '../../../etc/passwd',
  '..\\..\\windows',
  '/etc/passwd',
  '//server/share',
  'C:\\Windows\\x',
  'C:',
  '~',
  '~root/x',
  '%2e%2e/%2e%2e/x',
  '%00',
  'a/../b',
  'a/./b',
  'a//b',
  'a/',
  'CON',
  'nul.txt',
  'COM1',
  'x_part_0.parquet',
  'x_part_0.parquet.tmp',
  'x.download',
  '_runs',
  '_staged',
  '_lock',
  'models',
  'model_versions',
  'data',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'Case',
  'case',
  'caf\u00e9',
  'cafe\u0301',
  'trailing.',
  'trailing ',
  ' leading',
  '-rf',
  'new\nline',
  'carriage\rreturn',
  'nul\0byte',
  'bell\x07',
  '\u202egnp.exe',
  '\u2028',
  '\ufeff',
  'star*?<>|"',
  '$(touch x)',
  '`touch x`',
  'x'.repeat(LONG),
  'é'.repeat(LONG / 2),
  '🚀'.repeat(80),
  'a/b/c/d/e/f/g/h/i/j/k',
  'step_1_000000',
  'a-0123456789abcdef',
];

const hostile = fc.constantFrom(...HOSTILE_NAMES);

/** Names that can be asked for: an address can't carry halves of surrogate pairs. */
export const names: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: hostile },
  fc.tuple(hostile, fc.constantFrom('/', '', '.', '\\'), hostile).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
);

/** @param surrogates whether halves of surrogate pairs may be in it, which UTF-8 can't carry */
export function texts(surrogates: boolean): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(...HOSTILE_NAMES, '', 'NaN', 'null', '"', '\\', '\\u0000', 'y'.repeat(70_000)),
    ...(surrogates ? [fc.constantFrom('\ud800', 'a\udfffb', '\udc00\ud800')] : []),
  );
}

export const doubles: fc.Arbitrary<number> = fc.oneof(
  fc.double(),
  fc.constantFrom(NaN, 0, Infinity, -Infinity, 5e-324, -5e-324, Number.MAX_VALUE, 2 ** 53 + 2, 0.1, 1e21, 1e-7),
);

export const integers: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n, 2n ** 53n + 1n),
);

/** Milliseconds, as far as dates go. */
export const times: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -8.64e15, max: 8.64e15 }),
  fc.constantFrom(0, -1, 8.64e15, -8.64e15, 999, 1_700_000_000_000),
);

/** Rising steps in micro-steps, up to the largest that Neptune has. */
export const rising: fc.Arbitrary<number[]> = fc
  .uniqueArray(
    fc.oneof(fc.nat(5_000_000), fc.integer({ min: 0, max: 10 ** 15 }), fc.constantFrom(0, 1, 999_999, 10 ** 15)),
    { maxLength: 8 },
  )
  .map((steps) => steps.sort((a, b) => a - b));

/** Such as a header can carry. */
export const mimeTypes: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', 'text/plain', 'image/png', '../../x', 'a/b; c=d', '__proto__', 'x'.repeat(128)),
  fc.string({ unit: 'grapheme-ascii', maxLength: 10 }),
);
