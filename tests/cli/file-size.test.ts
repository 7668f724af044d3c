// Sizes of files as options.

import assert from 'node:assert/strict';
import test from 'node:test';
import { parseFileSize } from '../../src/cli/file-size.ts';

test('sizes in bytes, decimal and binary units', () => {
  const sizes: [string, number][] = [
    ['0', 0],
    ['1000', 1000],
    ['12B', 12],
    ['3kB', 3000],
    ['500MB', 500_000_000],
    ['500 mb', 500_000_000],
    ['1.5GB', 1_500_000_000],
    ['2TB', 2e12],
    ['1KiB', 1024],
    ['1MiB', 1_048_576],
    ['2GiB', 2_147_483_648],
    ['0.5gib', 536_870_912],
    ['1TiB', 1024 ** 4],
    ['0.29kB', 290],
    ['1.0001kB', 1000],
    [' 7 ', 7],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ];
  for (const [text, bytes] of sizes) assert.equal(parseFileSize(text), bytes, text);
});

test('what is no size', () => {
  for (const text of [
    '',
    'MB',
    '500M',
    '2G',
    '-1',
    '+1',
    '1,5GB',
    '1e6',
    '.5GB',
    '1.GB',
    '5 M B',
    '0x10',
    'NaN',
    '1PB',
  ]) {
    assert.throws(() => parseFileSize(text), /A size is written as/, text);
  }
  for (const text of ['9007199254740992', '9008TB']) assert.throws(() => parseFileSize(text), /as large as that/, text);
});
