// Single values in the config of a W&B run: exact, and whole somewhere where the config can't hold them.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { ScalarRow } from '../../src/model/batches.ts';
import { scalars } from '../helpers/archive-runs.ts';
import { codesOf, WandbBench } from './bench.ts';
import { run, valuesRun } from './runs.ts';

test('values have their native types, and all of their digits', async (t) => {
  const bench = await WandbBench.create(t);
  const rows: [ScalarRow, unknown][] = [
    [{ path: 'int/max', type: 'int', value: 2n ** 63n - 1n }, 9_223_372_036_854_775_807n],
    [{ path: 'int/min', type: 'int', value: -(2n ** 63n) }, -9_223_372_036_854_775_808n],
    [{ path: 'int/odd', type: 'int', value: 2n ** 53n + 1n }, 9_007_199_254_740_993n],
    [{ path: 'int/small', type: 'int', value: -3n }, -3],
    [{ path: 'float/tenth', type: 'float', value: 0.1 }, 0.1],
    [{ path: 'float/whole', type: 'float', value: 10 }, 10],
    [{ path: 'float/tiny', type: 'float', value: 5e-324 }, 5e-324],
    [{ path: 'float/huge', type: 'float', value: Number.MAX_VALUE }, Number.MAX_VALUE],
    [{ path: 'float/2^53', type: 'float', value: 2 ** 53 + 2 }, 2 ** 53 + 2],
    [{ path: 'float/zero', type: 'float', value: -0 }, -0],
    [{ path: 'float/nan', type: 'float', value: Number.NaN }, 'NaN'],
    [{ path: 'float/inf', type: 'float', value: Infinity }, 'Infinity'],
    [{ path: 'float/minus', type: 'float', value: -Infinity }, '-Infinity'],
    [{ path: 'bool/yes', type: 'bool', value: true }, true],
    [{ path: 'bool/no', type: 'bool', value: false }, false],
    [{ path: 'time', type: 'datetime', value: 1_684_324_800_123n }, '2023-05-17 12:00:00.123000+00:00'],
    [{ path: 'time/early', type: 'datetime', value: -1n }, '1969-12-31 23:59:59.999000+00:00'],
    [{ path: 'set', type: 'string_set', value: ['b', 'a,c', ''] }, ['b', 'a,c', '']],
    [{ path: 'set/empty', type: 'string_set', value: [] }, []],
    [{ path: 'string/empty', type: 'string', value: '' }, ''],
    [{ path: 'string/unicode', type: 'string', value: '日本 😀 é\u0301 \u00a0\u2028' }, '日本 😀 é\u0301 \u00a0\u2028'],
    [{ path: 'string/lines', type: 'string', value: ' a\r\n\tb\n ' }, ' a\r\n\tb\n '],
    [{ path: 'string/quotes', type: 'string', value: `'"\\%;--<b>&amp;{}` }, `'"\\%;--<b>&amp;{}`],
    [{ path: 'string/nan', type: 'string', value: 'NaN' }, 'NaN'],
    [{ path: 'string/number', type: 'string', value: '9007199254740993' }, '9007199254740993'],
  ];
  const loaded = await bench.loaded([
    valuesRun(
      'r',
      rows.map(([row]) => row),
    ),
  ]);
  for (const [{ path }, expected] of rows) assert.deepEqual(loaded.config(path), expected, path);
  // A reader takes digits alone for a whole number.
  assert.match(bench.server.runs()[0]!.configText, /"float_2_53":\s?\{"value":\s?9\.?007199254740994(e\+?15|\.0)\}/);
  assert.deepEqual(bench.refusals, []);
});

test('what the config tells as text is counted', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    valuesRun('r', [
      { path: 'nan', type: 'float', value: Number.NaN },
      { path: 'inf', type: 'float', value: -Infinity },
      { path: 'never', type: 'datetime', value: 2n ** 63n - 1n },
      { path: 'null/float', type: 'float', value: null },
      { path: 'null/string', type: 'string', value: null },
    ]),
  );
  const planned = (await bench.plan()).runs[0]!.alterations;
  const report = await bench.load();
  assert.deepEqual(codesOf(report), { value_as_text: 3, datetime_as_number: 1, null_as_nan: 1, null_value: 1 });
  for (const code of Object.keys(codesOf(report)))
    assert.ok(
      planned.some((one) => one.code === code),
      code,
    );
  const loaded = await bench.run();
  assert.equal(loaded.config('never'), 9_223_372_036_854_775_807n);
  assert.equal(loaded.config('null/float'), 'NaN');
  assert.ok(!('null_string' in loaded.run.config));
});

test('a long text is whole in the artifact, and the config says where', async (t) => {
  const bench = await WandbBench.create(t);
  const limit = '😀'.repeat(50_000) + 'ü'.repeat(50_000);
  const long = `${limit}end`;
  const loaded = await bench.loaded([
    valuesRun('r', [
      { path: 'limit', type: 'string', value: limit },
      { path: 'long', type: 'string', value: long },
      { path: 'sys/description', type: 'string', value: long },
    ]),
  ]);
  assert.equal(loaded.config('limit'), limit);
  assert.equal(loaded.wholeValue('long'), long);
  const shown = String(loaded.config('long'));
  assert.ok(shown.length < long.length && shown.startsWith('😀😀'), 'the beginning is shown');
  assert.ok(shown.isWellFormed(), 'no character is cut in half');
  assert.match(shown.slice(-300), /neptune_exporter\/values\.jsonl\.gz/);
});

test('texts that are no text are replaced, and whole in the artifact', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    valuesRun('r', [
      { path: 'nul', type: 'string', value: 'x\0y' },
      { path: 'set', type: 'string_set', value: ['a\0', 'b'] },
    ]),
  );
  assert.equal(codesOf(await bench.load()).value_not_text, 2);
  const loaded = await bench.run();
  assert.equal(loaded.config('nul'), 'x\ufffdy');
  assert.deepEqual(loaded.config('set'), ['a\ufffd', 'b']);
  assert.equal(loaded.wholeValue('nul'), 'x\0y');
  assert.deepEqual(loaded.wholeValue('set'), ['a\0', 'b']);
});

test('a config over 8 MiB is one that W&B takes, and everything is whole in the artifact', async (t) => {
  const bench = await WandbBench.create(t);
  const text = (i: number) => `${i} ${'ü'.repeat(60_000)}`;
  const rows = Array.from({ length: 150 }, (_, i): ScalarRow => ({ path: `t/${i}`, type: 'string', value: text(i) }));
  const loaded = await bench.loaded([valuesRun('r', [...rows, { path: 'int', type: 'int', value: 7n }])]);
  const { configText } = bench.server.runs()[0]!;
  assert.ok(Buffer.byteLength(configText) <= 8 << 20, `${Buffer.byteLength(configText)} bytes`);
  assert.equal(loaded.config('int'), 7);
  let shortened = 0;
  for (const [i, { path }] of rows.entries()) {
    const value = loaded.config(path);
    if (value === text(i)) continue;
    shortened += 1;
    assert.equal(loaded.wholeValue(path), text(i), path);
    if (value !== undefined) assert.ok(String(value).startsWith(`${i} ü`), path);
  }
  assert.ok(shortened > 0);
  const { alterationsByCode } = await bench.load([], {});
  assert.deepEqual(alterationsByCode, {}, 'skipped now');
});

test('a config of characters that take many bytes', async (t) => {
  const bench = await WandbBench.create(t);
  const texts = ['😀'.repeat(20_000), '"\\'.repeat(10_000), '\u0001'.repeat(20_000)];
  const rows = Array.from(
    { length: 201 },
    (_, i): ScalarRow => ({ path: `t/${i}`, type: 'string', value: `${i} ${texts[i % 3]}` }),
  );
  const loaded = await bench.loaded([valuesRun('r', rows)]);
  assert.ok(Buffer.byteLength(bench.server.runs()[0]!.configText) <= 8 << 20);
  for (const { path, value } of rows) {
    const found = loaded.config(path) === value ? value : loaded.wholeValue(path);
    assert.equal(found, value, path);
  }
});

test('values without number are whole, too', async (t) => {
  const bench = await WandbBench.create(t);
  // So many that their names alone would be too much.
  const rows = Array.from(
    { length: 36_000 },
    (_, i): ScalarRow => ({ path: `${'long/name/'.repeat(18)}${i}`, type: 'string', value: `value ${i}` }),
  );
  await bench.write(valuesRun('r', rows));
  const report = await bench.load();
  const loaded = await bench.run();
  assert.ok((report.alterationsByCode.value_left_out ?? 0) > 0);
  assert.ok(Buffer.byteLength(bench.server.runs()[0]!.configText) <= 8 << 20);
  const byPath = new Map(loaded.attributes.map((one) => [one.path, one]));
  let leftOut = 0;
  for (const [i, { path }] of rows.entries()) {
    const { key = '' } = byPath.get(path)!;
    if (loaded.run.config[key] === `value ${i}`) continue;
    leftOut += 1;
    assert.equal(loaded.wholeValue(path), `value ${i}`, path);
    if (leftOut > 50) break;
  }
  assert.ok(leftOut > 0);
  assert.equal(loaded.config('sys/custom_run_id'), 'r', 'what tells of the run itself stays');
});

test('two values of one attribute: the first is in the config, the other one is kept', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    run('r', [
      scalars([{ path: 'p', type: 'string', value: 'first' }]),
      scalars([{ path: 'p', type: 'string', value: 'second' }]),
    ]),
  );
  assert.equal(codesOf(await bench.load()).repeated_value, 1);
  const loaded = await bench.run();
  assert.equal(loaded.config('p'), 'first');
  assert.equal(loaded.wholeValue('p'), 'second');
});

test('other sets with the same letters, and other values of what has no room, are kept', async (t) => {
  const bench = await WandbBench.create(t);
  const set = (value: string[]) => scalars([{ path: 'set', type: 'string_set', value }]);
  // So many that the last ones are left out.
  const many = (end: string) =>
    Array.from(
      { length: 14_000 },
      // JSON takes six bytes for each of these.
      (_, i): ScalarRow => ({ path: `t/${i}`, type: 'string', value: '\u0001'.repeat(99) + end }),
    );
  await bench.write(run('r', [set(['a,b']), set(['a', 'b']), scalars(many('1')), scalars(many('2').slice(-2))]));
  const codes = codesOf(await bench.load());
  assert.deepEqual([codes.repeated_value, (codes.value_left_out ?? 0) > 2], [3, true]);
  const loaded = await bench.run();
  const kept = (path: string) => loaded.keptLines('values', path)?.map(({ value }) => value);
  assert.deepEqual(kept('set')?.at(-1), ['a', 'b']);
  assert.deepEqual(kept('t/9999'), [`${'\u0001'.repeat(99)}1`]);
  assert.equal(kept('t/13999')?.at(-1), `${'\u0001'.repeat(99)}2`);
});

test('the key of W&B readers and nothing of this machine is in the config', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([valuesRun('r', [])]);
  assert.equal(typeof loaded.run.internal?.t, 'object');
  const { configText } = bench.server.runs()[0]!;
  for (const secret of [bench.folder, bench.server.apiKey, process.execPath]) assert.ok(!configText.includes(secret));
  assert.ok(!('e' in (loaded.run.internal ?? {})));
});
