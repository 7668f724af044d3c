// What the metadata of a run hold: values with native types, summaries, and cards within ZenML's limits. No server.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { ScalarRow } from '../../src/model/batches.ts';
import { cardsOf, merged } from '../../src/targets/zenml/cards.ts';
import { canonical, jsonType, parseExact, storedBytes } from '../../src/targets/zenml/json.ts';
import { runNames } from '../../src/targets/zenml/names.ts';
import { inMetadata } from '../../src/targets/zenml/plan.ts';
import { Summary } from '../../src/targets/zenml/summaries.ts';
import { excerptJson, MAX_TEXT, misfit, valueJson } from '../../src/targets/zenml/values.ts';
import { floats, scalars } from '../helpers/archive-runs.ts';
import { surveyOf } from '../mlflow/sample.ts';

const json = (row: Omit<ScalarRow, 'path'>) => valueJson({ path: 'p', ...row } as ScalarRow);

test('values have native types: int, float, str, bool, ISO times, lists', () => {
  assert.equal(json({ type: 'int', value: 2n ** 63n - 1n }), '9223372036854775807');
  assert.equal(json({ type: 'float', value: 10 }), '10.0');
  assert.equal(json({ type: 'float', value: -0 }), '-0.0');
  assert.equal(json({ type: 'float', value: 1e-7 }), '1e-07');
  assert.equal(json({ type: 'bool', value: true }), 'true');
  assert.equal(json({ type: 'string', value: 'a"b\n' }), '"a\\"b\\n"');
  assert.equal(json({ type: 'datetime', value: 1_684_324_800_123n }), '"2023-05-17T12:00:00.123000+00:00"');
  assert.equal(json({ type: 'datetime', value: 2n ** 62n }), String(2n ** 62n));
  assert.equal(json({ type: 'string_set', value: ['b', 'a,'] }), '["b","a,"]');
  for (const [value, text] of [
    [Number.NaN, '"NaN"'],
    [Number.POSITIVE_INFINITY, '"Infinity"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ] as const) {
    assert.equal(json({ type: 'float', value }), text, 'never bare: the Python client could not read the run any more');
  }
  assert.equal(json({ type: 'string', value: null }), undefined);
  assert.deepEqual(['{}', '[]', '"1"', 'true', '1', '-1.0', '1e+22'].map(jsonType), [
    'dict',
    'list',
    'str',
    'bool',
    'int',
    'float',
    'float',
  ]);
});

test('texts over the limit, and what not every server keeps, are excerpts that fit', () => {
  const text = (value: string): ScalarRow => ({ path: 'p', type: 'string', value });
  assert.equal(misfit(text('😀'.repeat(MAX_TEXT))), undefined);
  assert.equal(misfit(text('😀'.repeat(MAX_TEXT + 1))), 'long');
  assert.equal(misfit(text('a\0')), 'characters');
  assert.equal(misfit(text('\ud800')), 'characters');
  assert.ok(storedBytes(JSON.stringify('😀'.repeat(MAX_TEXT))) < 65_000);
  const excerpt = excerptJson(text('ü'.repeat(9000)), 'neptune-p', 'v1');
  assert.match(excerpt, /^"ü+… \[9000 characters, whole in artifact neptune-p, version v1\]"$/);
  assert.equal([...(JSON.parse(excerpt) as string)].length, MAX_TEXT);
  assert.equal(excerptJson(text('a\0b\ud800'), 'x', 'v').includes('\\ud800'), false);
});

test('paths become nested cards, one top-level key each', () => {
  const { cards, split } = cardsOf(
    new Map([
      ['config/optimizer/lr', '0.1'],
      ['config/optimizer/name', '"adam"'],
      ['config/epochs', '3'],
      ['top', 'true'],
      ['__proto__/x', '1'],
    ]),
  );
  assert.deepEqual(cards.get('config'), ['{"epochs": 3, "optimizer": {"lr": 0.1, "name": "adam"}}']);
  assert.deepEqual(cards.get('top'), ['true']);
  assert.deepEqual(cards.get('__proto__'), ['{"x": 1}']);
  assert.deepEqual([cards.size, split], [3, 0]);
});

test('a card that ZenML could not store goes in several entries that it merges, and nothing is lost', () => {
  const leaves = new Map([
    ...Array.from({ length: 3000 }, (_, i) => [`flat/p${i}`, JSON.stringify(`größe ${i}`)] as const),
    ...Array.from({ length: 3000 }, (_, i) => [`deep/one/p${i}/q`, JSON.stringify(`größe ${i}`)] as const),
    ['deep/two', '2'] as const,
  ]);
  const { cards, split } = cardsOf(leaves);
  assert.deepEqual([[...cards.keys()].sort(), split], [['deep', 'flat'], 1]);
  for (const entries of cards.values()) {
    assert.ok(entries.length > 1);
    for (const entry of entries) assert.ok(storedBytes(entry) <= 65_000);
  }
  const flat = merged(cards.get('flat')!) as Record<string, unknown>;
  for (let i = 0; i < 3000; i++) assert.equal(flat[`p${i}`], `größe ${i}`);
  const { two, ...pieces } = merged(cards.get('deep')!) as Record<string, Record<string, { q: string }>>;
  assert.equal(two, 2);
  assert.deepEqual(Object.keys(pieces).slice(0, 2), ['one', 'one (2)']);
  const all = Object.assign({}, ...Object.values(pieces)) as Record<string, { q: string }>;
  for (let i = 0; i < 3000; i++) assert.equal(all[`p${i}`]?.q, `größe ${i}`);
});

test('a summary has min, max, final and count of all points, in whatever pieces they come', () => {
  const parts = (...batches: Parameters<Summary['add']>[0][]) => {
    const summary = new Summary();
    for (const batch of batches) summary.add(batch);
    return Object.fromEntries(summary.parts);
  };
  assert.deepEqual(
    parts(
      floats('m', [
        ['0', 1, 3],
        ['1', 2, -1],
      ]),
      floats('m', [['1.5', 3, 2]]),
    ),
    { min: '-1.0', max: '3.0', final: '2.0', count: '3' },
  );
  // The final value is that of the largest step, as the official loader has it.
  assert.deepEqual(
    parts(
      floats('m', [
        ['5', 1, 7],
        ['1', 2, 8],
      ]),
      floats('m', [['2', 3, 9]]),
    ),
    { min: '7.0', max: '9.0', final: '7.0', count: '3' },
  );
  assert.deepEqual(
    parts(
      floats('m', [
        ['0', 1, Number.NaN],
        ['1', 2, Number.POSITIVE_INFINITY],
        ['2', 3, null],
      ]),
    ),
    { min: '"Infinity"', max: '"Infinity"', final: '"Infinity"', count: '2' },
  );
  assert.deepEqual(parts(floats('m', [['0', 1, Number.NaN]])), { final: '"NaN"', count: '1' });
  assert.deepEqual(parts(floats('m', [['0', 1, null]])), { count: '0' });
});

test('equal values are told from others whatever their form', () => {
  const same = (a: string, b: string) => canonical(parseExact(a)) === canonical(parseExact(b));
  assert.ok(same('{"a":1e-5,"b":[1.0]}', '{"b": [1], "a": 0.00001}'));
  assert.ok(!same('9007199254740993', '9007199254740992'));
  assert.ok(!same('{"x":9223372036854775807}', '{"x":9223372036854775808}'));
  assert.ok(!same('-0.0', '0.0'));
  assert.ok(!same('"1"', '1'));
  assert.ok(same('{"__proto__": {"a": 1}}', '{"__proto__":{"a":1}}'));
});

test('metadata have a limit as a whole: system attributes and values come before series', () => {
  const batches = [
    floats('m', [['0', 1, 1]]),
    scalars([
      { path: 'sys/x', type: 'string', value: 's' },
      ...Array.from({ length: 300 }, (_, i) => ({
        path: `p/${String(i).padStart(3, '0')}`,
        type: 'string' as const,
        value: 'x'.repeat(4990),
      })),
    ]),
  ];
  const survey = surveyOf(batches, 1n);
  const chosen = inMetadata(survey, runNames(survey));
  assert.ok(chosen.has('string sys/x') && chosen.has('string p/000'));
  assert.ok(!chosen.has('string p/299') && !chosen.has('float_series m'));
  assert.ok(chosen.size > 150 && chosen.size < 250);
});
