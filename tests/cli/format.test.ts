// Numbers, times and widths as people see them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { count, duration, fit, pad, plural, printable, size, width } from '../../src/cli/format.ts';

test('numbers, sizes and durations', () => {
  assert.equal(count(1234567.6), '1,234,568');
  assert.equal(count(12345678901234567890n), '12,345,678,901,234,567,890');
  assert.equal(plural(1, 'run'), '1 run');
  assert.equal(plural(0, 'entry', 'entries'), '0 entries');
  const sizes = [0, 999, 1000, 9949, 9960, 999_499, 999_500, 1_500_000_000];
  assert.deepEqual(sizes.map(size), ['0 B', '999 B', '1.0 kB', '9.9 kB', '10 kB', '999 kB', '1.0 MB', '1.5 GB']);
  const times = [0, 940, 9940, 9960, 59_400, 59_600, 3_599_000, 3_600_000, 90_000_000];
  assert.deepEqual(times.map(duration), [
    '0.0 s',
    '0.9 s',
    '9.9 s',
    '10 s',
    '59 s',
    '1 min 00 s',
    '59 min 59 s',
    '1 h 00 min',
    '25 h 00 min',
  ]);
});

test('widths count columns, not characters', () => {
  assert.equal(width('abc'), 3);
  assert.equal(width('日本'), 4);
  assert.equal(width('e\u0301'), 1);
  assert.equal(width('😀'), 2);
  assert.equal(fit('abcdef', 4), 'abc…');
  assert.equal(fit('日本語', 4), '日…');
  assert.equal(fit('abc', 3), 'abc');
  assert.equal(pad('日', 4, 'right'), '  日');
});

test('foreign text cannot command the terminal', () => {
  assert.equal(printable('a\x1b[2Jb\x07\r\u009bc\td\n'), 'a\ufffd[2Jb\ufffd\ufffd\ufffdc\td\n');
});
