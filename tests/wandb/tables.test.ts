// String series as W&B tables: what W&B's own Table class reads is the series.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import type { Points } from '../helpers/archive-runs.ts';
import { sampleRun, strings } from '../helpers/archive-runs.ts';
import { codesOf, PROJECT, WandbBench } from './bench.ts';
import type { LoadedRun } from './loaded-run.ts';
import { png } from './pictures.ts';
import { counting, filesRun, run } from './runs.ts';

const T = 1_700_000_000_000;

interface TableReference {
  _type: string;
  path: string;
  sha256: string;
  size: number;
  ncols: number;
  nrows: number;
  artifact_path: string;
}

/** The reference of a table in the history, checked against the media file. */
function referenceOf(loaded: LoadedRun, key: string): TableReference {
  const rows = loaded.run.rows.filter((row) => Object.hasOwn(row, key));
  assert.equal(rows.length, 1, `${key} is in one line`);
  const reference = rows[0]![key] as TableReference;
  assert.equal(reference._type, 'table-file');
  const file = loaded.run.files[reference.path];
  assert.ok(file, `${reference.path} is a file of the run`);
  assert.deepEqual([file.sha256, file.size], [reference.sha256, reference.size]);
  assert.deepEqual(loaded.run.summary[key], reference);
  return reference;
}

test('a string series is a table with step, value and timestamp', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<string> = [
    ['0', T, 'a; b'],
    ['0.5', T + 1, ''],
    ['2', null, '日本 😀'],
    ['3', T + 3, 'line\nbreak "quoted", \t\u2028'],
    ['3', T + 3, 'again'],
    ['100000', -1, 'x'.repeat(300_000)],
  ];
  const loaded = await bench.loaded([run('r', [strings('logs/out', points), counting('m', 0, 9)])]);
  const [table, ...more] = loaded.tables('logs/out');
  assert.deepEqual(more, []);
  assert.deepEqual(table?.columns, ['step', 'value', 'timestamp']);
  assert.deepEqual(
    table?.rows,
    points.map(([step, time, value]) => [Number(step), value, time]),
  );
  const artifact = loaded.run.artifacts.find(({ type }) => type === 'run_table')!;
  assert.equal(artifact.name, `run-${loaded.run.run}-logs_out:v0`);
  assert.equal(artifact.state, 'COMMITTED');
  assert.deepEqual(Object.keys(artifact.entries), ['logs_out.table.json']);
  const reference = referenceOf(loaded, 'logs_out');
  assert.deepEqual([reference.ncols, reference.nrows], [3, 6]);
  assert.match(reference.path, /^media\/table\/logs_out_\d+_[0-9a-f]{20}\.table\.json$/);
  const step = loaded.run.rows.findIndex((row) => 'logs_out' in row);
  assert.equal(step, loaded.run.rows.length - 1, 'behind the last step');
  assert.equal(loaded.points('m').length, 10);
  assert.equal(loaded.keptLines('texts', 'logs/out'), undefined);
  assert.deepEqual(bench.refusals, []);
});

test('with slashes in its key a table is where W&B’s SDK puts it', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([run('r', [strings('logs/out', [['0', T, 'x']])])], ['--wandb-keep-slashes']);
  const artifact = loaded.run.artifacts.find(({ type }) => type === 'run_table')!;
  assert.match(artifact.name, new RegExp(`^run-${loaded.run.run}-logsout-[A-Za-z0-9_-]{6}:v0$`));
  assert.deepEqual(Object.keys(artifact.entries), ['logs/out.table.json']);
  assert.match(referenceOf(loaded, 'logs/out').path, /^media\/table\/logs\/out_\d+_/);
  assert.equal(loaded.tables('logs/out')[0]?.rows.length, 1);
});

test('slashes that follow each other are taken apart: W&B takes no empty parts of paths', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('i.png', png(2, 2));
  const series = [strings('a//b', [['0', T, 'x']]), strings('/', [['0', T, 'y']]), counting('m///n', 0, 3)];
  const loaded = await bench.loaded([filesRun('r', { 'i//0': 'i.png' }, series)], ['--wandb-keep-slashes']);
  assert.equal(loaded.key('a//b'), 'a/_/b');
  assert.equal(loaded.tables('a//b')[0]?.rows.length, 1);
  assert.equal(loaded.tables('/')[0]?.rows.length, 1);
  assert.equal(loaded.points('m///n').length, 4);
  assert.equal(loaded.rows('i//0').length, 1);
});

test('the steps of a table are Neptune’s times the multiplier, as exact as numbers are', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<string> = [
    ['0.29', T, 'a'],
    ['123456789012.000001', T, 'b'],
  ];
  const loaded = await bench.loaded([run('r', [strings('s', points)])], ['--step-multiplier', '100']);
  const kept = loaded.keptLines('texts', 's');
  assert.deepEqual(
    kept?.map(({ step }) => String(step)),
    ['0.29', '123456789012.000001'],
    'a step of more than 15 digits is kept as it is',
  );
});

test('a step between that has many digits is kept, too', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<string> = [
    ['0', T, 'a'],
    ['99999999999.123457', T, 'b'],
    ['100000000000', T, 'c'],
  ];
  await bench.write(run('r', [strings('s', points), strings('short', [['99999999999.25', T, 'a']])]));
  assert.equal(codesOf(await bench.load()).step_rounded, 3);
  const kept = (await bench.run()).keptLines('texts', 's');
  assert.deepEqual(
    kept?.map(({ step }) => String(step)),
    points.map(([step]) => step),
  );
});

test('pages show the first 10,000 rows, the artifact has all', async (t) => {
  const bench = await WandbBench.create(t);
  const points = Array.from({ length: 10_001 }, (_, i): [string, number, string] => [String(i), T + i, `line ${i}`]);
  await bench.write(run('r', [strings('s', points)]));
  assert.deepEqual(codesOf(await bench.load()), { table_shortened: 1 });
  const loaded = await bench.run();
  const [table] = loaded.tables('s');
  assert.equal(table?.rows.length, 10_001);
  assert.deepEqual(table?.rows.at(-1), [10_000, 'line 10000', T + 10_000]);
  const reference = referenceOf(loaded, 's');
  const shown = JSON.parse(bench.server.runs()[0]!.files[reference.path]!.bytes.toString()) as { data: unknown[][] };
  assert.equal(shown.data.length, 10_000);
  assert.deepEqual(shown.data[0]?.slice(0, 2), [0, 'line 0']);
});

test('over 200,000 rows there are further tables', async (t) => {
  const bench = await WandbBench.create(t);
  const points = Array.from({ length: 200_001 }, (_, i): [string, number, string] => [String(i), T + i, `${i}`]);
  await bench.write(
    run('r', [
      strings('s', points.slice(0, 150_000)),
      strings('s', points.slice(150_000)),
      strings('s_2', [['0', T, 'x']]),
    ]),
  );
  const { alterationsByCode } = await bench.load();
  assert.equal(alterationsByCode.table_split, 1);
  const loaded = await bench.run();
  const tables = loaded.run.artifacts.flatMap(({ tables: found }) => Object.values(found));
  assert.deepEqual(
    tables.map(({ rows }) => rows.length).sort((a, b) => b - a),
    [200_000, 1, 1],
  );
  assert.deepEqual(
    tables
      .filter(({ rows }) => rows.length === 1)
      .flatMap(({ rows }) => rows.map(([, value]) => value))
      .sort(),
    ['200000', 'x'],
    'a series of that name keeps its own',
  );
  assert.equal((await bench.load()).skipped, 1);
});

test('many tables of one run', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([
    run(
      'r',
      Array.from({ length: 30 }, (_, i) => strings(`s${i}`, [['0', T, `text ${i}`]])),
    ),
  ]);
  for (let i = 0; i < 30; i++) {
    assert.deepEqual(loaded.tables(`s${i}`)[0]?.rows, [[0, `text ${i}`, T]]);
    referenceOf(loaded, `s${i}`);
  }
});

test('nulls and NUL are kept', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    run('r', [
      strings('nulls', [
        ['0', T, null],
        ['1', T, 'x'],
      ]),
      strings('nul', [['0', T, 'x\0y']]),
    ]),
  );
  const report = await bench.load();
  assert.deepEqual(codesOf(report), { text_not_storable: 1 });
  const loaded = await bench.run();
  assert.deepEqual(loaded.tables('nulls')[0]?.rows.at(-1), [1, 'x', T]);
  assert.equal(loaded.tables('nul')[0]?.rows[0]?.[1], 'x\ufffdy');
  assert.deepEqual(
    loaded.keptLines('texts', 'nul')?.map(({ value }) => value),
    ['x\0y'],
  );
  assert.deepEqual(bench.refusals, []);
});

test('a time that no Python date holds leaves the table readable, and is kept', async (t) => {
  const bench = await WandbBench.create(t);
  const far = 253_402_300_800_000n;
  await bench.write(
    run('r', [
      strings('far', [
        ['0', far, 'x'],
        ['1', T, 'y'],
      ]),
    ]),
  );
  assert.ok(Object.keys(codesOf(await bench.load())).length > 0, 'it is told');
  const loaded = await bench.run();
  assert.deepEqual(
    loaded.tables('far')[0]?.rows.map(([step, value]) => [step, value]),
    [
      [0, 'x'],
      [1, 'y'],
    ],
  );
  assert.equal(loaded.keptLines('texts', 'far')?.length, 2);
});

test('an empty series is no table, and no failure', async (t) => {
  const bench = await WandbBench.create(t);
  const { info, batches } = sampleRun(PROJECT, 'r', [strings('s', [])]);
  const loaded = await bench.loaded([{ info, batches }]);
  assert.deepEqual(
    loaded.run.artifacts.filter(({ type }) => type === 'run_table'),
    [],
  );
});

test('the files of a table have the digests that W&B tells', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.loaded([run('r', [strings('s', [['0', T, 'x']])])]);
  const [held] = bench.server.runs();
  for (const { entries, digest } of held!.artifacts) {
    const lines = Object.entries(entries)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, entry]) => `${path}:${entry.digest}\n`);
    assert.equal(
      digest,
      createHash('md5')
        .update(`wandb-artifact-manifest-v1\n${lines.join('')}`)
        .digest('hex'),
    );
    for (const [path, entry] of Object.entries(entries))
      assert.equal(createHash('md5').update(entry.bytes!).digest('base64'), entry.digest, path);
  }
});
