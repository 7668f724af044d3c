// Parameters with their native types, and what Comet gives back of them.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { ScalarRow } from '../../src/model/batches.ts';
import { metricValueJson } from '../../src/targets/comet/metric-batches.ts';
import { cutText, fits, isHeldAs, parameterOf } from '../../src/targets/comet/values.ts';

test('parameters keep their types; what JSON or doubles have no form for is text', () => {
  const cases: [ScalarRow, json: string | undefined][] = [
    [{ path: 'p', type: 'float', value: 0.1 }, '0.1'],
    [{ path: 'p', type: 'float', value: 10 }, '10.0'],
    [{ path: 'p', type: 'float', value: -0 }, '-0.0'],
    [{ path: 'p', type: 'float', value: 1e300 }, '1e+300'],
    [{ path: 'p', type: 'float', value: 5e-324 }, '5e-324'],
    [{ path: 'p', type: 'float', value: Number.NaN }, '"NaN"'],
    [{ path: 'p', type: 'float', value: Number.NEGATIVE_INFINITY }, '"-Infinity"'],
    [{ path: 'p', type: 'int', value: 7n }, '7'],
    [{ path: 'p', type: 'int', value: 2n ** 53n + 1n }, '"9007199254740993"'],
    [{ path: 'p', type: 'int', value: -(2n ** 63n) }, '"-9223372036854775808"'],
    [{ path: 'p', type: 'bool', value: true }, 'true'],
    [{ path: 'p', type: 'string', value: 'a "b"\n' }, '"a \\"b\\"\\n"'],
    [{ path: 'p', type: 'datetime', value: 1_684_324_800_123n }, '"2023-05-17 12:00:00.123000+00:00"'],
    [{ path: 'p', type: 'datetime', value: 10n ** 17n }, '"100000000000000000"'],
    [{ path: 'p', type: 'string_set', value: ['b', 'a,"c'] }, '["b", "a,\\"c"]'],
    [{ path: 'p', type: 'string', value: null }, undefined],
    [{ path: 'p', type: 'float', value: null }, undefined],
  ];
  for (const [row, json] of cases) {
    assert.equal(parameterOf(row)?.json, json, JSON.stringify(json));
    if (json !== undefined) assert.doesNotThrow(() => JSON.parse(json));
  }
});

test('a value is known again in the text that the service makes of it', () => {
  for (const [json, held] of [
    ['10.0', '10'],
    ['10.0', '10.0'],
    ['1e+300', '1.0E300'],
    ['-0.0', '-0.0'],
    ['true', 'True'],
    ['"NaN"', 'NaN'],
    ['["a", "b"]', '["a","b"]'],
    ['["a", "b"]', '[a, b]'],
    ['[]', '[]'],
    ['""', ''],
  ] as const)
    assert.ok(isHeldAs(json, held), `${json} as ${held}`);
  for (const [json, held] of [
    ['10.0', '11'],
    ['0.0', ''],
    ['true', 'false'],
    ['"a"', 'a '],
    ['["a", "b"]', '["b", "a"]'],
    ['["a"]', 'a'],
  ] as const)
    assert.ok(!isHeldAs(json, held), `${json} as ${held}`);
});

test('texts are measured and cut in code points', () => {
  assert.ok(fits('😀'.repeat(1000)));
  assert.ok(!fits('😀'.repeat(1001)));
  assert.ok(!fits('a\0b') && !fits('\ud800'));
  const cut = cutText('😀'.repeat(1200), ' [cut]');
  assert.equal([...cut].length, 1000);
  assert.ok(cut.endsWith('😀 [cut]'));
  assert.equal(cutText('a\0b', '!'), 'a\ufffdb!');
});

test('values of metrics are numbers, or the words that the SDK sends', () => {
  const values = [0.1, 1e21, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324];
  assert.deepEqual(values.map(metricValueJson), [
    '0.1',
    '1e+21',
    '-0.0',
    '"NaN"',
    '"Infinity"',
    '"-Infinity"',
    '5e-324',
  ]);
});
