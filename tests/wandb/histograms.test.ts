// Histogram series as W&B histograms, and what W&B's form can't say.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Batch } from '../../src/model/batches.ts';
import { histograms } from '../helpers/archive-runs.ts';
import { codesOf, WandbBench } from './bench.ts';
import { numberOf } from './loaded-run.ts';
import { run } from './runs.ts';

const T = 1_700_000_000_000;

interface Shown {
  _type: string;
  bins: number[];
  values: number[];
}

/** So many bins, with counts that tell their place. */
function wide(bins: number): { edges: number[]; values: number[] } {
  return {
    edges: Array.from({ length: bins + 1 }, (_, i) => i / 4),
    values: Array.from({ length: bins }, (_, i) => (i * 7) % 13),
  };
}

const sum = (values: number[]) => values.reduce((all, one) => all + one, 0);

test('histograms are lines of the history at their steps', async (t) => {
  const bench = await WandbBench.create(t);
  const loaded = await bench.loaded([
    run('r', [
      histograms('h', [
        ['0', T, { edges: [-1.5, 0, 2], values: [3, 4] }],
        ['10', T + 1, wide(512)],
        ['20', T + 2, { edges: [0, 1], values: [2 ** 60] }],
      ]),
    ]),
  ]);
  const rows = loaded.rows('h') as [number, number, Shown][];
  assert.deepEqual(
    rows.map(([step, time]) => [step, time]),
    [
      [0, T],
      [10, T + 1],
      [20, T + 2],
    ],
  );
  assert.deepEqual(rows[0]![2], { _type: 'histogram', bins: [-1.5, 0, 2], values: [3, 4] });
  const { edges, values } = wide(512);
  assert.deepEqual(rows[1]![2], { _type: 'histogram', bins: edges, values });
  assert.equal(Number(rows[2]![2].values[0]), 2 ** 60);
  assert.equal(loaded.keptLines('histograms', 'h')?.length, 3, 'always whole, too: their type is only there');
});

test('over 512 bins neighbours are added up, and the whole is kept', async (t) => {
  const bench = await WandbBench.create(t);
  const all = [513, 1000, 1024, 5000].map(wide);
  await bench.write(
    run('r', [
      histograms(
        'h',
        all.map((one, i) => [String(i), T + i, one]),
      ),
    ]),
  );
  const report = await bench.load();
  assert.deepEqual(codesOf(report), { histogram_rebinned: 4 });
  const loaded = await bench.run();
  for (const [i, [, , value]] of loaded.rows('h').entries()) {
    const { bins, values } = value as Shown;
    const { edges, values: counts } = all[i]!;
    assert.ok(values.length <= 512 && values.length >= 256, `${values.length} bins`);
    assert.equal(bins.length, values.length + 1);
    assert.deepEqual([bins[0], bins.at(-1)], [edges[0], edges.at(-1)]);
    assert.equal(sum(values), sum(counts));
    // Each edge is one of the archive's, and each count is that between its edges.
    for (const [n, count] of values.entries()) {
      const [from, to] = [edges.indexOf(bins[n]!), edges.indexOf(bins[n + 1]!)];
      assert.ok(from >= 0 && to > from);
      assert.equal(count, sum(counts.slice(from, to)));
    }
  }
  const kept = loaded.keptLines('histograms', 'h')!;
  assert.deepEqual(
    kept.map(({ edges, values }) => ({ edges, values })),
    all,
  );
});

test('histograms that W&B’s form can’t say are kept whole', async (t) => {
  const bench = await WandbBench.create(t);
  const odd: { edges: number[]; values: number[] }[] = [
    { edges: [1], values: [] },
    { edges: [], values: [] },
    { edges: [0, 1], values: [1, 2] },
    { edges: [0, 0.1, Infinity], values: [1, Number.NaN] },
  ];
  const densities: Batch = {
    kind: 'histogram_series',
    path: 'density',
    length: 1,
    steps: BigInt64Array.of(3_000_000n),
    timestamps: BigInt64Array.of(BigInt(T)),
    values: [{ type: 'DENSITY', edges: Float64Array.of(0, 1), values: Float64Array.of(0.5) }],
  };
  await bench.write(
    run('r', [
      histograms(
        'h',
        odd.map((one, i) => [String(i), T + i, one]),
      ),
      densities,
    ]),
  );
  const report = await bench.load();
  assert.ok((codesOf(report).histogram_odd ?? 0) >= 3, JSON.stringify(codesOf(report)));
  const loaded = await bench.run();
  const kept = loaded.keptLines('histograms', 'h') ?? [];
  const numbers = (values: unknown) => (values as (number | string)[]).map(numberOf);
  assert.deepEqual(
    kept.map(({ edges, values }) => ({ edges: numbers(edges), values: numbers(values) })),
    odd,
  );
  assert.partialDeepStrictEqual(loaded.keptLines('histograms', 'density'), [
    { type: 'DENSITY', edges: [0, 1], values: [0.5] },
  ]);
  for (const [, , value] of loaded.rows('h')) {
    const { bins, values } = value as Shown;
    assert.equal(bins.length, values.length + 1, 'whatever is in the history is a histogram');
  }
  assert.deepEqual(bench.refusals, []);
  assert.equal((await bench.load()).skipped, 1);
});

test('a step of a histogram that is cut is told, and its own is kept', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [histograms('h', [['1.25', T, { edges: [0, 1], values: [1] }]])]));
  assert.equal(codesOf(await bench.load()).step_truncated, 1);
  const loaded = await bench.run();
  assert.equal(loaded.rows('h')[0]?.[0], 1);
  assert.deepEqual(
    loaded.keptLines('histograms', 'h')?.map(({ step }) => String(step)),
    ['1.25'],
  );
});
