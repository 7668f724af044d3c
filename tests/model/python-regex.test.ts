// Python patterns mean the same here as in Python's own `re`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { compilePythonRegex, RegexError } from '../../src/model/python-regex.ts';

const SUBJECTS = [
  '',
  'abc',
  'ABC',
  'proj-1',
  'proj_12',
  'my.project',
  'my project',
  'a-b]c',
  'naïve größe',
  'проект 42',
  '٣',
  'x{2}',
  'xx',
  'aba',
  'a+b',
  'tab\there',
  'a\nb',
  'line\n',
  '^caret',
  'C:\\dir',
  '日本語',
  '😀',
  '#&~!,:;',
];

const PATTERNS = [
  'abc',
  '^abc$',
  '(?i)abc',
  '(?i)ГРОЕКТ|проЕКТ',
  '\\Aproj',
  '\\d+\\Z',
  '(?P<word>a).(?P=word)',
  '(?P<first>.)b(?#comment)(\\1)',
  '\\w+\\s\\d+',
  '^\\w+$',
  '^\\W$',
  '[\\w.]+',
  '[^\\w]',
  '[\\W]',
  '[]a]',
  '[^]a]',
  '[a-]',
  '[-a]b',
  '[a\\-b]',
  '[\\]]',
  '[.*+?]',
  '[&#~!,:;]+',
  '[[]',
  '\\bgröße\\b',
  '\\Bro',
  'x{2}',
  'x{,2}$',
  'x{2',
  'x\\{2\\}',
  '^x{a}',
  'a.b',
  '(?s)a.b',
  '(?m)^b$',
  'line$',
  '\\-|\\.|\\ |\\#',
  '\\t',
  '\\x61\\u0062',
  '(?:a|b)+?c',
  '(?=a)a',
  '(?<!a)b',
  '[a-c]+',
  '[\\d-]+$',
  '\\\\dir',
  '}',
  ']',
  '日.語',
  '^.$',
  '|',
  '/',
];

const BROKEN: [string, RegExp][] = [
  ['(abc', /missing \) for `\(` at position 1/],
  ['a(b(c)', /position 2/],
  ['abc)', /unbalanced `\)` at position 4/],
  ['[abc', /missing \] for `\[`/],
  ['*abc', /nothing to repeat before `\*` at position 1/],
  ['a|*', /nothing to repeat/],
  ['a**', /two repetitions in a row/],
  ['abc\\', /single backslash/],
  ['a{3,1}', /.+/],
  ['[z-a]', /.+/],
];

test('patterns match as in Python', async () => {
  const script = `
import json, re, sys
patterns, subjects = json.load(sys.stdin)
json.dump([[bool(re.search(p, s)) for s in subjects] for p in patterns], sys.stdout)`;
  const running = promisify(execFile)(process.env.PYTHON ?? 'python3', ['-W', 'ignore', '-c', script]);
  running.child.stdin?.end(JSON.stringify([PATTERNS, SUBJECTS]));
  const expected = JSON.parse((await running).stdout) as boolean[][];
  for (const [index, pattern] of PATTERNS.entries()) {
    const regex = compilePythonRegex(pattern);
    const found = SUBJECTS.map((subject) => regex.test(subject));
    assert.deepEqual(found, expected[index], `${pattern} became ${regex}`);
  }
});

test('broken patterns are told apart from those of another dialect', () => {
  for (const [pattern, reason] of BROKEN) {
    assert.throws(
      () => compilePythonRegex(pattern),
      (error) => error instanceof RegexError && error.kind === 'broken' && reason.test(error.message),
      pattern,
    );
  }
  for (const pattern of ['\\z', '\\Qa.b\\E', 'a++', '(?>a)', '\\pL', '(?x)a b']) {
    assert.throws(
      () => compilePythonRegex(pattern),
      (error) => error instanceof RegexError && error.kind === 'unsupported',
      pattern,
    );
  }
});
