// Histograms in Comet's bins, beside what Comet's own Histogram makes of the same.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { before } from 'node:test';
import type { Histogram } from '../../src/model/batches.ts';
import { binOf, cometHistogram } from '../../src/targets/comet/histogram.ts';
import { runComet } from '../counterparts/comet-readback.ts';

const SCRIPT = join(import.meta.dirname, '..', 'counterparts', 'comet_histogram.py');

const histogram = (edges: number[], values: number[], type: string | null = 'COUNTING'): Histogram => ({
  type,
  edges: Float64Array.from(edges),
  values: Float64Array.from(values),
});

/** The protocol's examples, borders, tiny and huge values, and many between. */
const VALUES = [
  ...[0, 1, -1, 0.5, 3, 1e-12, -1e-12, 2e-12, 1e19, -1e19],
  ...Array.from({ length: 300 }, (_, i) => (i % 2 ? 1 : -1) * 10 ** ((i / 300) * 30 - 11.9)),
];

const HISTOGRAMS: Histogram[] = [
  histogram([0, 1, 2, 3], [1, 2, 3]),
  histogram([-5, -1, 0, 0.5, 100], [7, 0, 3, 11]),
  histogram([-0.3, 0.7], [1_000_003]),
  histogram([2, 2, 3], [5, 1]),
  histogram([1e-30, 1e30], [10]),
];

interface Told {
  bins: number[][];
  borders: (number | null)[];
  counts: Record<string, number>[];
}
let told: Told;

before(async () => {
  const histograms = HISTOGRAMS.map((one) => cometHistogram(one)!.json);
  const asked = JSON.stringify({ values: VALUES, histograms });
  told = await runComet<Told>({ url: 'http://127.0.0.1:9', apiKey: 'none' }, SCRIPT, [asked]);
});

test("a value is in the bin that Comet's SDK counts it in", () => {
  for (const [i, value] of VALUES.entries()) assert.deepEqual([binOf(value)], told.bins[i], `${value}`);
  assert.deepEqual([binOf(1), binOf(-1), binOf(0.5), binOf(3), binOf(0)], [1065, 484, 1058, 1077, 775]);
});

test('the SDK reads our histograms, and no count is lost or added', () => {
  for (const [i, { edges, values }] of HISTOGRAMS.entries()) {
    const counts = Object.entries(told.counts[i]!).map(([bin, count]) => [Number(bin), count] as const);
    const total = values.reduce((sum, value) => sum + value, 0);
    assert.equal(
      counts.reduce((sum, [, count]) => sum + count, 0),
      total,
    );
    for (const [bin] of counts) {
      const [low, high] = [told.borders[bin] ?? -Infinity, told.borders[bin + 1] ?? Infinity];
      assert.ok(high >= edges[0]! && low <= edges.at(-1)!, `${bin} of ${i} lies within its edges`);
    }
  }
});

test('each count is spread over the width of its bin', () => {
  const { index_values } = JSON.parse(cometHistogram(histogram([1, 2, 4], [1000, 1000]))!.json) as {
    index_values: [number, number][];
  };
  const below = (value: number) =>
    index_values.filter(([bin]) => told.borders[bin + 1]! <= value).reduce((sum, [, count]) => sum + count, 0);
  // Up to a border of Comet's, as many as lie there by the width: rounding apart.
  for (const [bin] of index_values) {
    const border = told.borders[bin + 1]!;
    const expected = border <= 2 ? (border - 1) * 1000 : 1000 + ((Math.min(border, 4) - 2) / 2) * 1000;
    assert.ok(Math.abs(below(border) - expected) <= 1, `${border}: ${below(border)}, not ${expected}`);
  }
});

test('what is no count is scaled or left out, and an empty histogram is none', () => {
  const total = (one: Histogram) =>
    (JSON.parse(cometHistogram(one)!.json) as { index_values: [number, number][] }).index_values.reduce(
      (sum, [, count]) => sum + count,
      0,
    );
  assert.equal(total(histogram([0, 1, 2], [0.25, 0.75])), 1_000_000);
  assert.equal(total(histogram([0, 1, 3], [0.5, 0.25], 'DENSITY')), 1_000_000);
  assert.equal(total(histogram([0, 1], [3])), 3);
  const far = [-Number.MAX_VALUE, 0, Number.MAX_VALUE];
  assert.equal(total(histogram(far, [1, 1], 'DENSITY')), 1_000_000);
  // More than a call takes arguments.
  const many = Array.from({ length: 300_000 }, () => 0.5);
  assert.equal(total(histogram([...many.keys(), many.length], many)), 1_000_000);
  assert.equal(total(histogram([0, 1, 2], [Number.MAX_VALUE, Number.MAX_VALUE])), 1_000_000);
  assert.equal(total(histogram([0, 0.1, Number.POSITIVE_INFINITY], [2, 3])), 5);
  assert.equal(total(histogram([Number.NEGATIVE_INFINITY, 1, 2], [2, Number.NaN])), 2);
  for (const empty of [histogram([0, 1], [0]), histogram([1], []), histogram([0, 1], [Number.NaN])]) {
    assert.equal(cometHistogram(empty), undefined);
  }
});
