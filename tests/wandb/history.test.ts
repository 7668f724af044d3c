// The history of a W&B run: one line a step over all series, in order, with nothing altered in silence.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Batch, FloatSeriesBatch } from '../../src/model/batches.ts';
import {
  fileSeries,
  floats,
  histograms,
  type Points,
  scalars,
  strings,
  writeArchive,
} from '../helpers/archive-runs.ts';
import { codesOf, WandbBench } from './bench.ts';
import type { LoadedRun } from './loaded-run.ts';
import { counting, run } from './runs.ts';

const T = 1_700_000_000_000;

function stepsOf({ run: { rows } }: LoadedRun): number[] {
  return rows.map((row) => Number(row._step));
}

function assertRising(loaded: LoadedRun): void {
  const steps = stepsOf(loaded);
  assert.deepEqual(
    steps,
    [...new Set(steps)].sort((a, b) => a - b),
    'one line a step, rising',
  );
}

/** Metrics that `_wandb.m` gives another x axis. */
function axesOf({ run: { internal } }: LoadedRun): Map<string, string> {
  type Definition = { 1?: string; 2?: string; 5?: number };
  const all = (internal?.m ?? []) as Definition[];
  return new Map(
    all.flatMap((one): [string, string][] => {
      const axis = one[5] === undefined ? undefined : all[one[5] - 1]?.[1];
      return axis === undefined ? [] : [[one[1] ?? one[2] ?? '', axis]];
    }),
  );
}

test('series are merged by step: one line a step, whatever order they come in', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([
    run('r', [
      counting('late', 500, 999),
      counting('all', 0, 1199),
      counting('even', 2, 2),
      floats(
        'even',
        Array.from({ length: 400 }, (_, i) => [String(4 + i * 2), T + (4 + i * 2) * 1000, i]),
      ),
      histograms('h', [['700', T + 700_000, { edges: [0, 1], values: [3] }]]),
    ]),
  ]);
  assertRising(loaded);
  const lines = loaded.run.rows.length;
  assert.equal(lines, 1200);
  assert.deepEqual(
    loaded.points('late'),
    Array.from({ length: 500 }, (_, i) => [500 + i, T + (500 + i) * 1000, (500 + i) / 8]),
  );
  assert.deepEqual(loaded.points('all').length, 1200);
  assert.equal(loaded.points('even').length, 401);
  const row = loaded.run.rows[700]!;
  assert.deepEqual(
    Object.keys(row)
      .filter((key) => !key.startsWith('_'))
      .sort(),
    ['all', 'even', 'h', 'late'],
  );
  assert.equal(row._timestamp, (T + 700_000) / 1000);
  assert.equal(row._runtime, (T + 700_000 - 1_700_000_000_123) / 1000, 'since the creation');
  assert.equal(loaded.kept('all'), undefined, 'nothing is there twice');
  assert.equal(loaded.run.internal?.m === undefined || axesOf(loaded).size === 0, true, '_step is Neptune’s');
  assert.ok(!('neptune_step' in row));
  assert.deepEqual(bench.refusals, []);
});

test('values of all kinds are as W&B’s SDK writes them', async (t) => {
  const bench = await WandbBench.create(t);
  const values = [Number.NaN, Infinity, -Infinity, -0, 5e-324, -Number.MAX_VALUE, 0.1, 2 ** 53, 1e21, 1 / 3];
  const loaded = await bench.loaded([
    run('r', [
      floats(
        'm',
        values.map((value, i) => [String(i), T + i, value]),
      ),
    ]),
  ]);
  assert.deepEqual(
    loaded.points('m').map(([, , value]) => value),
    values.map((value) => (value === 0 ? 0 : value)),
    'the sign of a zero gets lost in W&B’s reader',
  );
  const lines = bench.server.runs()[0]!.historyLines;
  assert.match(lines[3]!, /:-0\.0[,}]/);
  assert.match(lines[0]!, /:NaN[,}]/, 'bare, as in the SDK');
  assert.match(lines[1]!, /:Infinity[,}]/);
  assert.match(lines[2]!, /:-Infinity[,}]/);
  assert.equal(loaded.kept('m'), undefined);
});

test('a server that answers bare NaN is read back as well', async (t) => {
  const bench = await WandbBench.create(t, { bareNonFinite: true });
  await bench.write(
    run('r', [
      floats('m', [
        ['0', T, Number.NaN],
        ['1', T, -Infinity],
      ]),
      scalars([{ path: 'nan', type: 'float', value: Number.NaN }]),
    ]),
  );
  assert.equal((await bench.load()).loaded, 1);
  assert.equal((await bench.load()).skipped, 1);
});

test('a line has one time; points with another one keep theirs', async (t) => {
  const bench = await WandbBench.create(t);
  const times = (path: string, first: number, second: number) =>
    floats(path, [
      ['0', first, 1],
      ['1', second, 2],
    ]);
  const loaded = await bench.loaded([
    run('r', [times('a', T, T + 10), times('b', T, T + 20), times('c', T + 7, T + 30)]),
  ]);
  assert.deepEqual(
    loaded.run.rows.map(({ _timestamp }) => _timestamp),
    [T / 1000, (T + 10) / 1000],
    'that of most of its points, else the earliest',
  );
  assert.equal(loaded.kept('a'), undefined);
  assert.deepEqual(loaded.kept('b'), [
    { step: '0', time: T, value: 1 },
    { step: '1', time: T + 20, value: 2 },
  ]);
  assert.deepEqual(
    loaded.kept('c')?.map(({ time }) => time),
    [T + 7, T + 30],
  );
  const again = await WandbBench.create(t);
  await again.write(run('r', [times('a', T, T + 10), times('b', T, T + 20), times('c', T + 7, T + 30)]));
  assert.deepEqual(codesOf(await again.load()), { timestamp_merged: 3 });
});

test('points without a time keep having none', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([
    run('r', [
      floats('untimed', [
        ['0', null, 1],
        ['1', null, 2],
      ]),
      floats('timed', [['1', T, 3]]),
    ]),
  ]);
  assert.deepEqual(
    loaded.run.rows.map(({ _timestamp }) => _timestamp ?? null),
    [null, T / 1000],
  );
  assert.deepEqual(loaded.kept('untimed'), [
    { step: '0', time: null, value: 1 },
    { step: '1', time: null, value: 2 },
  ]);
});

test('with a multiplier, Neptune’s own step is the x axis of every metric', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded(
    [
      run('r', [
        floats('m', [
          ['0.29', T, 1],
          ['0.57', T + 1, 2],
          ['1', T + 2, 3],
        ]),
        floats('a/b', [['0.57', T + 1, 4]]),
        histograms('h', [['1', T + 2, { edges: [0, 1], values: [1] }]]),
      ]),
    ],
    ['--step-multiplier', '100'],
  );
  assert.deepEqual(stepsOf(loaded), [29, 57, 100]);
  assert.deepEqual(
    loaded.run.rows.map(({ neptune_step }) => neptune_step),
    [0.29, 0.57, 1],
  );
  const axes = axesOf(loaded);
  for (const key of ['m', 'a_b', 'h']) {
    assert.equal(axes.get(key) ?? axes.get('*'), 'neptune_step', key);
  }
  assert.equal(String(loaded.mark.multiplier), '100');
  assert.equal(loaded.kept('m'), undefined, 'every point is as it was');
});

test('steps that are cut are told, and kept', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<number> = [
    ['0.5', T, 1],
    ['1.75', T + 1, 2],
    ['3', T + 2, 3],
  ];
  await bench.write(run('r', [floats('m', points), counting('whole', 0, 3)]));
  const report = await bench.load();
  assert.equal(codesOf(report).step_truncated, 2);
  const loaded = await bench.run();
  assert.deepEqual(
    loaded.points('m').map(([step, , value]) => [step, value]),
    [
      [0, 1],
      [1, 2],
      [3, 3],
    ],
  );
  assert.deepEqual(
    loaded.kept('m'),
    points.map(([step, time, value]) => ({ step, time, value })),
  );
  assert.ok(loaded.run.rows.every((row) => 'neptune_step' in row || row._step === undefined || 'whole' in row));
});

test('negative steps are moved up, with Neptune’s as x axis', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', -5, 5), counting('n', 0, 2)]));
  assert.ok((await bench.plan()).runs[0]!.alterations.some(({ code }) => code === 'step_moved'));
  assert.ok((codesOf(await bench.load()).step_moved ?? 0) > 0);
  const loaded = await bench.run();
  assertRising(loaded);
  assert.deepEqual(
    loaded.points('m').map(([step, , value]) => [step, value]),
    Array.from({ length: 11 }, (_, i) => [i, (i - 5) / 8]),
  );
  assert.deepEqual(
    loaded.rows('m').map(([step]) => loaded.run.rows.find(({ _step }) => _step === step)?.neptune_step),
    Array.from({ length: 11 }, (_, i) => i - 5),
  );
  assert.equal(String(loaded.mark.step_shift), '5');
  assert.equal(axesOf(loaded).get('m') ?? axesOf(loaded).get('*'), 'neptune_step');
});

test('several points of a series at one step: the line has the last, the archive’s are kept', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<number> = [
    ['1', T, 1],
    ['1', T + 1, 1],
    ['1', T + 1, 2],
    ['2', T + 2, 3],
    ['2', T + 2, 3],
  ];
  await bench.write(run('r', [floats('m', points)]));
  assert.equal(codesOf(await bench.load()).step_repeated, 3);
  const loaded = await bench.run();
  assert.deepEqual(
    loaded.points('m').map(([step, , value]) => [step, value]),
    [
      [1, 2],
      [2, 3],
    ],
  );
  assert.deepEqual(
    loaded.kept('m'),
    points.map(([step, time, value]) => ({ step, time, value })),
  );
});

test('series that go back, in later batches too, are put in order', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([
    run('r', [
      floats('m', [
        ['5', T + 5, 5],
        ['7', T + 7, 7],
      ]),
      counting('n', 0, 9),
      floats('m', [
        ['2', T + 2, 2],
        ['9', T + 9, 9],
        ['1', T + 1, 1],
      ]),
    ]),
  ]);
  assertRising(loaded);
  assert.deepEqual(
    loaded.points('m').map(([step, , value]) => [step, value]),
    [1, 2, 5, 7, 9].map((step) => [step, step]),
  );
  assert.equal(loaded.points('n').length, 10);
});

test('a series that begins again behind another one has one value a line, and all are kept', async (t) => {
  const bench = await WandbBench.create(t);
  const batches = [counting('a', 0, 299), counting('b', 0, 299), counting('a', 0, 299, (step) => -step - 1)];
  // Parts of an archive come one after the other, each with some of a series.
  await writeArchive(join(bench.folder, 'data'), [run('r', batches)], 2000);
  const report = await bench.load();
  assert.deepEqual(codesOf(report), { step_repeated: 300 });
  const loaded = await bench.run();
  assert.deepEqual(
    loaded.points('a').map(([, , value]) => value),
    Array.from({ length: 300 }, (_, i) => -i - 1),
  );
  assert.equal(loaded.kept('a')?.length, 600);
  const [, , third] = bench.server.runs()[0]!.historyLines;
  assert.equal(third?.match(/"a":/g)?.length, 1);
});

test('points without a step are at step 0, and kept', async (t) => {
  const bench = await WandbBench.create(t);
  const batch: FloatSeriesBatch = { ...floats('m', [['4', T, 1]]), stepValid: Uint8Array.of(0) };
  await bench.write(run('r', [batch as Batch, counting('n', 0, 1)]));
  assert.equal(codesOf(await bench.load()).step_missing, 1);
  const loaded = await bench.run();
  assert.deepEqual(
    loaded.points('m').map(([step, , value]) => [step, value]),
    [[0, 1]],
  );
  assert.deepEqual(
    loaded.kept('m')?.map(({ step, value }) => [step, value]),
    [['', 1]],
  );
});

test('steps beyond 2^53 are not in the history, but kept', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<number> = [
    ['0', T, 1],
    ['1', T + 1, 2],
    ['999999999999', T + 2, 3],
  ];
  await bench.write(run('r', [floats('m', points)]));
  const args = ['--step-multiplier', '1000000'];
  const planned = (await bench.plan(args)).runs[0]!.alterations.map(({ code }) => code);
  assert.ok(planned.includes('step_out_of_range'), planned.join());
  assert.ok(planned.includes('steps_sparse'), planned.join());
  assert.equal(codesOf(await bench.load(args)).step_out_of_range, 1);
  const loaded = await bench.run();
  assert.deepEqual(
    loaded.points('m').map(([step, , value]) => [step, value]),
    [
      [0, 1],
      [1_000_000, 2],
    ],
  );
  assert.deepEqual(
    loaded.kept('m'),
    points.map(([step, time, value]) => ({ step, time, value })),
  );
});

test('the last steps below 2^53 are not in the history: what is shown behind them would have no step', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<number> = [
    ['0', T, 1],
    ['900719925474.0991', T + 1, 2],
  ];
  await bench.write(run('r', [floats('m', points), strings('s', [['0', T, 'x']])]));
  const args = ['--step-multiplier', '10000'];
  const planned = (await bench.plan(args)).runs[0]!.alterations.map(({ code }) => code);
  assert.ok(planned.includes('step_out_of_range'), planned.join());
  assert.equal(codesOf(await bench.load(args)).step_out_of_range, 1);
  const loaded = await bench.run();
  assert.equal(loaded.points('m').length, 1);
  assert.equal(loaded.kept('m')?.length, 2);
});

test('steps that would be beyond 2^53 once they are moved up are not in the history either', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<number> = [
    ['-999999999', T, 1],
    ['0', T + 1, 2],
    ['999999999', T + 2, 3],
  ];
  await bench.write(run('r', [floats('m', points)]));
  const report = await bench.load(['--step-multiplier', '8000000']);
  assert.deepEqual([report.loaded, (codesOf(report).step_out_of_range ?? 0) > 0], [1, true]);
  // W&B's own reader would page through all these steps.
  const [held] = bench.server.runs();
  const own = held!.artifacts.find(({ type }) => type === 'neptune-run');
  const bytes = own?.entries['neptune_exporter/series.csv.gz']?.bytes;
  assert.equal(gunzipSync(bytes!).toString().trimEnd().split('\n').length, 1 + points.length);
});

test('a multiplier that is larger than steps need is warned of in the plan, one that is needed is not', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 2000)]));
  const codes = async (multiplier: string) =>
    (await bench.plan(['--step-multiplier', multiplier])).runs[0]!.alterations.map(({ code }) => code);
  assert.ok((await codes('1000')).includes('steps_sparse'));
  assert.ok(!(await codes('1')).includes('steps_sparse'));
  const text = await bench.cli('load', ['--dry-run', '--step-multiplier', '1000']);
  assert.match(text.stdout, /steps_sparse/);
});

test('points that a policy leaves out are kept beside the history', async (t) => {
  const points: Points<number> = [0, 1, 2, 3, 4].map((i) => [`${i / 4}`, T + i, i]);
  for (const [policy, value] of [
    ['keep-first', 0],
    ['keep-last', 3],
  ] as const) {
    const bench = await WandbBench.create(t);
    await bench.write(run('r', [floats('m', points)]));
    assert.equal((await bench.cli('load')).code, 1);
    assert.equal(bench.server.runs().length, 0, 'nothing was sent');
    assert.equal(codesOf(await bench.load(['--on-step-collision', policy])).step_collision, 3);
    const loaded = await bench.run();
    assert.deepEqual(
      loaded.points('m').map(([step, , found]) => [step, found]),
      [
        [0, value],
        [1, 4],
      ],
    );
    assert.deepEqual(
      loaded.kept('m'),
      points.map(([step, time, one]) => ({ step, time, value: one })),
    );
  }
});

test('nulls of the official exporter are NaN', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    run('r', [
      floats('m', [
        ['0', T, null],
        ['1', T + 1, 1],
      ]),
    ]),
  );
  const report = await bench.load();
  assert.ok((codesOf(report).null_as_nan ?? 0) + (codesOf(report).null_or_absent ?? 0) > 0, JSON.stringify(report));
  assert.deepEqual(
    (await bench.run()).points('m').map(([, , value]) => value),
    [Number.NaN, 1],
  );
});

test('the summary has the last value of every key', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('one.txt', 'x');
  const loaded = await bench.loaded([
    run('r', [
      counting('m', 0, 9),
      counting('early', 0, 3),
      histograms('h', [['4', T, { edges: [0, 1, 2], values: [1, 2] }]]),
      strings('s', [['0', T, 'text']]),
      fileSeries('f', [['0', T, 'one.txt']]),
    ]),
  ]);
  const { summary } = loaded.run;
  assert.equal(summary.m, 9 / 8);
  assert.equal(summary.early, 3 / 8);
  assert.partialDeepStrictEqual(summary.h, { _type: 'histogram', values: [1, 2] });
  assert.partialDeepStrictEqual(summary.s, { _type: 'table-file' });
  assert.equal(summary._step, loaded.run.last_step);
  const { runtime } = summary._wandb as { runtime: number };
  assert.ok(Number.isInteger(runtime) && runtime >= 0);
});

test('a run without anything is whole', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([run('r', [])]);
  assert.deepEqual([loaded.run.state, loaded.run.rows], ['finished', []]);
  assert.ok(loaded.attribute('sys/name'));
});
