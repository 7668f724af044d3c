// An archive that the official exporter wrote arrives point by point.

import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { codesOf, WandbBench } from './bench.ts';
import { LoadedRun, numberOf } from './loaded-run.ts';

interface Expected {
  projectId: string;
  runs: Record<
    string,
    {
      scalars: Record<string, [type: string, value: unknown]>;
      series: Record<string, { type: string; steps: number[]; timestamps: number[]; values: unknown[] }>;
    }
  >;
}

const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'official');

test('an archive of the official exporter arrives whole', async (t) => {
  const bench = await WandbBench.create(t);
  for (const name of ['data', 'files']) await cp(join(FOLDER, name), join(bench.folder, name), { recursive: true });
  const expected = JSON.parse(await readFile(join(FOLDER, 'expected.json'), 'utf8')) as Expected;
  const report = await bench.load(['--step-multiplier', '100']);
  assert.deepEqual(
    [report.loaded, report.failed],
    [Object.keys(expected.runs).length, 0],
    JSON.stringify(codesOf(report)),
  );
  const [project] = new Set(bench.server.runs().map((one) => one.project));
  const loaded = new Map((await bench.read(project)).runs.map((one) => [one.name, new LoadedRun(one)]));
  for (const [name, { scalars, series }] of Object.entries(expected.runs)) {
    const run = loaded.get(name)!;
    for (const [path, [type, value]] of Object.entries(scalars)) assertScalar(run, path, type, value);
    for (const [path, one] of Object.entries(series)) assertSeries(run, path, one);
    const steps = run.run.rows.map(({ _step }) => Number(_step));
    assert.ok(
      steps.every((step, i) => i === 0 || step > steps[i - 1]!),
      `${name}: steps rise`,
    );
  }
  const files = [...loaded.values()].flatMap((run) => Object.keys(run.own?.entries ?? {}));
  assert.ok(
    files.some((path) => path.startsWith('files/') && path.endsWith('model.bin')),
    files.join(),
  );
  assert.equal((await bench.load(['--step-multiplier', '100'])).skipped, report.loaded);
  assert.deepEqual(bench.refusals, []);
});

function assertScalar(run: LoadedRun, path: string, type: string, value: unknown): void {
  const found = run.run.config[run.key(path, type)];
  if (type === 'int') assert.equal(String(found), String(value), path);
  else if (type === 'float') assert.deepEqual(numberOf(found as string), numberOf(value as string), path);
  else if (type === 'datetime') assert.equal(Date.parse(String(found)), Number(value), path);
  else assert.deepEqual(found, value, path);
}

type Series = Expected['runs'][string]['series'][string];

function assertSeries(run: LoadedRun, path: string, { type, steps, timestamps, values }: Series): void {
  const whole = steps.map((step) => step / 10_000);
  if (type === 'float_series') {
    const points = run.points(path);
    const byStep = new Map(points.map(([step, , value]) => [step, value]));
    for (const [i, step] of whole.entries()) {
      const given = values[i] === null ? Number.NaN : numberOf(values[i] as string);
      // W&B's reader has no negative zero.
      const value = given === 0 ? 0 : given;
      assert.deepEqual(byStep.get(step), value, `${path} at ${step}`);
    }
    assert.equal(points.length, new Set(whole).size);
    const times = run.kept(path)?.map(({ time }) => time) ?? points.map(([, time]) => time);
    assert.deepEqual(times.toSorted(), timestamps.toSorted());
  } else if (type === 'string_series') {
    const rows = run.tables(path).flatMap((table) => table.rows);
    assert.deepEqual(
      rows,
      values.map((value, i) => [whole[i], value, timestamps[i]]),
      path,
    );
  } else if (type === 'histogram_series') {
    const kept = run.keptLines('histograms', path);
    const found = kept ?? run.rows(path).map(([, , value]) => ({ ...(value as object), type: 'COUNTING' }));
    assert.equal(found.length, values.length, path);
  } else {
    assert.equal(Object.keys(run.files(path)).length, steps.length, path);
  }
}
