// Batches of points: each is at the service once, whatever becomes of its answers, and those of an earlier load stay.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ExporterError } from '../../src/model/errors.ts';
import { MARKS_A_METRIC } from '../../src/targets/comet/batch-marks.ts';
import { MetricBatches, OtherPoints } from '../../src/targets/comet/metric-batches.ts';
import { floats, line } from '../helpers/archive-runs.ts';

interface Value {
  metricName: string;
  metricValue: number | string;
  step: number;
  timestamp: number;
}

/** What a service does with one call. */
type Fate = 'taken' | 'lost' | 'refused' | 'failed';

/** Keeps what comes, as often as it comes. */
class Service {
  readonly values: Value[] = [];
  calls = 0;
  fate: (call: number) => Fate = () => 'taken';

  batches(known: ReadonlyMap<number, readonly number[]> = new Map(), budgetMs = 60_000): MetricBatches {
    return new MetricBatches({
      experimentKey: 'neptune0123456789',
      send: async (body) => this.#take(body),
      marks: async (name) => this.marks(name),
      known,
      budgetMs,
      signal: new AbortController().signal,
    });
  }

  async #take(body: Buffer): Promise<void> {
    const fate = this.fate(this.calls++);
    // The caller may use its memory again once this returns.
    const { values } = JSON.parse(body.toString('latin1')) as { values: Value[] };
    await new Promise((resolve) => setImmediate(resolve));
    if (fate === 'refused') throw new ExporterError('server', 'no', { status: 400 });
    if (fate === 'failed') throw new ExporterError('server', 'not now', { status: 503 });
    assert.ok(values.length <= 1000, `${values.length} values in a batch`);
    this.values.push(...values);
    if (fate === 'lost') throw new ExporterError('network', 'cut');
  }

  marks(name: string): Map<number, number[]> {
    const marks = new Map<number, number[]>();
    for (const { metricName, metricValue, step } of this.values) {
      if (metricName === name) marks.set(step, [...(marks.get(step) ?? []), Number(metricValue)]);
    }
    return marks;
  }

  /** Points by their metric, without the marks of batches. */
  points(name: string): [number, number, number | string][] {
    return this.values
      .filter(({ metricName }) => metricName === name)
      .map(({ step, timestamp, metricValue }) => [step, timestamp, metricValue]);
  }
}

const expected = (length: number, slope: number) =>
  line(length, slope).map(([step, time, value]) => [Number(step), time, value]);

async function send(batches: MetricBatches, length = 2500): Promise<void> {
  const points = line(length, 0.5);
  for (let from = 0; from < length; from += 700)
    await batches.add('a', floats('a', points.slice(from, from + 700)), 1n);
  await batches.add('b', floats('b', line(30, 2)), 1n);
  await batches.flush();
}

function assertWhole(service: Service, length = 2500): void {
  const sorted = service.points('a').sort(([left], [right]) => left - right);
  assert.deepEqual(sorted, expected(length, 0.5));
  assert.deepEqual(service.points('b'), expected(30, 2));
}

test('batches are full, and each value has what the service wants', async () => {
  const service = new Service();
  const batches = service.batches();
  await send(batches);
  assert.equal(service.calls, 3);
  assertWhole(service);
  assert.deepEqual(await batches.check(), { batches: 3, missing: 0, extra: 0 });
});

test('after a lost answer it is looked before a batch is sent again', async (t) => {
  for (const fates of [['lost'], ['failed', 'lost'], ['failed', 'failed', 'taken', 'lost', 'lost']] as Fate[][]) {
    await t.test(fates.join(), async () => {
      const service = new Service();
      service.fate = (call) => fates[call] ?? 'taken';
      const batches = service.batches();
      await send(batches);
      assertWhole(service);
      assert.deepEqual(await batches.check(), { batches: 3, missing: 0, extra: 0 });
    });
  }
});

test('what is refused, or fails for good, is thrown', async () => {
  const refusing = new Service();
  refusing.fate = () => 'refused';
  await assert.rejects(send(refusing.batches()), { status: 400 });
  const failing = new Service();
  failing.fate = () => 'failed';
  await assert.rejects(send(failing.batches(undefined, 100)), { status: 503 });
  assert.ok(failing.calls >= 2);
});

test('a second load sends what is missing, and nothing twice', async () => {
  const service = new Service();
  service.fate = (call) => (call === 1 ? 'refused' : 'taken');
  await assert.rejects(send(service.batches()));
  service.fate = () => 'taken';
  const before = service.calls;
  const batches = service.batches(service.marks('sys.neptune_exporter.batch'));
  await send(batches);
  assertWhole(service);
  assert.ok(service.calls - before < 3);
  assert.deepEqual(await batches.check(), { batches: 3, missing: 0, extra: 0 });
});

test('points of another archive, batches that are gone, and those that came twice are found', async () => {
  const service = new Service();
  await send(service.batches());
  const known = service.marks('sys.neptune_exporter.batch');
  const other = service.batches(known);
  await assert.rejects(other.add('a', floats('a', line(999, 0.7)), 1n), OtherPoints);
  const again = service.batches();
  await send(again);
  assert.deepEqual(await again.check(), { batches: 3, missing: 0, extra: 3 });
  service.values.length = 0;
  assert.deepEqual(await again.check(), { batches: 3, missing: 3, extra: 0 });
});

test('marks of very many batches are in several metrics', async () => {
  const service = new Service();
  const batches = service.batches();
  const many = MARKS_A_METRIC + 2;
  const point = floats('a', line(1, 1));
  for (let i = 0; i < many; i++) {
    await batches.add('a', point, 1n);
    await batches.flush();
  }
  assert.deepEqual(await batches.check(), { batches: many, missing: 0, extra: 0 });
  assert.equal(service.marks('sys.neptune_exporter.batch.1').size, 2);
});

test('every number comes as it is: steps and times of 64 bits, steps cut, points without a step, a time or a value', async () => {
  const service = new Service();
  const batch = floats('n', [
    ['1.999999', 1, 0.1],
    ['999999999999', 2, Number.NaN],
    ['-2.5', -3, -0],
    ['4', null, null],
  ]);
  const bodies: string[] = [];
  const batches = new MetricBatches({
    experimentKey: 'k',
    send: async (body) => void bodies.push(body.toString()),
    marks: async () => service.marks(''),
    known: new Map(),
    budgetMs: 0,
    signal: new AbortController().signal,
  });
  assert.equal(await batches.add('n', { ...batch, stepValid: Uint8Array.of(1, 1, 1, 0) }, 1n), 0);
  assert.equal(await batches.add('n', floats('n', [['999999999999', 9_007_199_254_740_993n, 1]]), 10n ** 9n), 1);
  await batches.flush();
  const values = [...bodies.join().matchAll(/"metricValue":([^,]+),"step":(-?\d+),.*?"timestamp":(-?\d+)/g)];
  assert.deepEqual(
    values.slice(0, -1).map(([, value, step, time]) => [value, step, time]),
    [
      ['0.1', '1', '1'],
      ['"NaN"', '999999999999', '2'],
      ['-0.0', '-2', '-3'],
      ['"NaN"', '0', '0'],
      ['1', '9223372036854775807', '9007199254740993'],
    ],
  );
});
