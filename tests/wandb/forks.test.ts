// Forks: real ones where the server makes them, ordinary runs that name their parent where it doesn't.

import assert from 'node:assert/strict';
import test from 'node:test';
import { floats } from '../helpers/archive-runs.ts';
import { codesOf, WandbBench } from './bench.ts';
import { counting, forkRun, run } from './runs.ts';

const parent = () => run('parent', [counting('m', 0, 20), counting('n', 0, 20)]);
const steps = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a child without the parent’s points inherits them', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(parent(), forkRun('child', 'parent', 10, [counting('m', 11, 15, (step) => -step)]));
  assert.equal((await bench.load()).loaded, 2);
  const [mother, child] = ['parent', 'child'].map(
    (name) => bench.server.runs().find((one) => one.displayName === name)!,
  );
  assert.deepEqual(child!.forkFrom, { run: mother!.name, step: 10 });
  const loaded = await bench.run('child');
  assert.deepEqual(
    loaded.points('m').map(([step]) => step),
    steps(0, 15),
  );
  assert.deepEqual(loaded.points('m').at(-1)?.[2], -15);
  assert.equal(loaded.mark.parent, mother!.name);
  assert.equal(loaded.config('sys/forking/parent'), 'parent');
  assert.equal(loaded.config('sys/forking/step'), 10);
  assert.equal((await bench.load()).skipped, 2);
  assert.deepEqual(bench.refusals, []);
});

test('a child with the parent’s points doesn’t send them again, and keeps its own', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(parent(), forkRun('child', 'parent', 10, [counting('m', 0, 15)]));
  const report = await bench.load();
  assert.equal(codesOf(report).fork_inherited, 11);
  const loaded = await bench.run('child');
  assert.deepEqual(
    loaded.points('m').map(([step]) => step),
    steps(0, 15),
  );
  assert.equal(loaded.kept('m')?.length, 16);
  const child = bench.server.runs().find(({ displayName }) => displayName === 'child')!;
  assert.notEqual(child.forkFrom, null);
  assert.equal((await bench.load()).skipped, 2);
});

test('what isn’t known before is decided by the server: forks that it refuses or ignores are ordinary runs', async (t) => {
  for (const forking of ['refused', 'ignored'] as const) {
    const bench = await WandbBench.create(t, { forking });
    await bench.write(
      parent(),
      forkRun('with', 'parent', 10, [counting('m', 0, 15, (step) => -step - 1)]),
      forkRun('without', 'parent', 10, [counting('m', 11, 15)]),
    );
    const report = await bench.load();
    assert.deepEqual([report.loaded, report.failed], [3, 0], forking);
    assert.equal(codesOf(report).fork_not_native, 2, forking);
    const loaded = await bench.runs();
    const [withPoints, without] = ['with', 'without'].map((name) => loaded.find(({ run: one }) => one.name === name)!);
    assert.deepEqual(
      withPoints!.points('m').map(([step, , value]) => [step, value]),
      steps(0, 15).map((step) => [step, -step - 1]),
    );
    assert.deepEqual(
      without!.points('m').map(([step]) => step),
      steps(11, 15),
    );
    assert.equal(withPoints!.mark.parent, loaded.find(({ run: one }) => one.name === 'parent')?.run.run);
    assert.equal((await bench.load()).skipped, 3);
  }
});

test('that the server ignored a fork is told, too, if the load ended right after it asked for one', async (t) => {
  const bench = await WandbBench.create(t, { forking: 'ignored' });
  await bench.write(parent());
  await bench.load();
  bench.server.replaceFaults([{ operation: 'upsertBucket', after: 1, kind: 'cut', times: 1000 }]);
  await bench.write(forkRun('child', 'parent', 10, [counting('m', 0, 15)]));
  assert.equal((await bench.cli('load', [], { NEPTUNE_EXPORTER_RETRY_SECONDS: '0' })).code, 1);
  bench.server.replaceFaults([]);
  assert.equal(codesOf(await bench.load()).fork_not_native, 1);
  assert.equal((await bench.run('child')).points('m').length, 16);
});

test('without a fork step that is whole the run is an ordinary one', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    parent(),
    forkRun('half step', 'parent', 10.5, [counting('m', 0, 15)]),
    forkRun('no step', 'parent', undefined, [counting('m', 0, 15)]),
  );
  const report = await bench.load();
  assert.deepEqual([report.loaded, report.failed], [3, 0]);
  for (const name of ['half step', 'no step']) {
    const loaded = await bench.run(name);
    assert.equal(loaded.points('m').length, 16, name);
    assert.equal(bench.server.runs().find(({ displayName }) => displayName === name)?.forkFrom, null, name);
    assert.ok(loaded.mark.parent, name);
  }
});

test('a fork behind the end of its parent inherits all of it', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(parent(), forkRun('child', 'parent', 100, [counting('m', 0, 15), counting('n', 30, 40)]));
  assert.equal((await bench.load()).loaded, 2);
  const loaded = await bench.run('child');
  assert.deepEqual(
    loaded.points('n').map(([step]) => step),
    [...steps(0, 20), ...steps(30, 40)],
  );
  assert.equal(loaded.kept('m')?.length, 16);
  assert.equal((await bench.verify()).code, 0);
});

test('with a multiplier the fork is at the multiplied step', async (t) => {
  const bench = await WandbBench.create(t);
  const halves = (from: number, to: number) =>
    floats(
      'm',
      steps(from, to).map((i) => [String(i / 2), 1_700_000_000_000 + i, i]),
    );
  await bench.write(run('parent', [halves(0, 10)]), forkRun('child', 'parent', 2.5, [halves(0, 12)]));
  await bench.load(['--step-multiplier', '2']);
  const child = bench.server.runs().find(({ displayName }) => displayName === 'child')!;
  assert.equal(child.forkFrom?.step, 5);
  const loaded = await bench.run('child');
  assert.deepEqual(
    loaded.run.rows.map(({ _step, neptune_step }) => [_step, neptune_step]),
    steps(0, 12).map((i) => [i, i / 2]),
  );
});

test('forks of forks, and a parent that is replaced', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    parent(),
    forkRun('child', 'parent', 10, [counting('m', 11, 15)]),
    forkRun('grandchild', 'child', 13, [counting('m', 14, 17)]),
  );
  await bench.load();
  assert.deepEqual(
    (await bench.run('grandchild')).points('m').map(([step]) => step),
    steps(0, 17),
  );
  await bench.write(run('parent', [counting('m', 0, 30), counting('n', 0, 20)]));
  const report = await bench.load();
  assert.deepEqual([report.updated, report.failed], [1, 0]);
  const runs = await bench.runs();
  const id = (name: string) => runs.find(({ run: one }) => one.name === name)?.run.run;
  assert.equal(runs.find(({ run: one }) => one.name === 'child')?.mark.parent, id('parent'), 'the new one');
  assert.equal(runs.length, 3);
  assert.equal((await bench.load()).skipped, 3);
  assert.deepEqual((await bench.verify()).problems, []);
});

test('a parent with negative steps: the fork is where Neptune’s step is', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    run('parent', [counting('m', -5, 10)]),
    forkRun('child', 'parent', 5, [counting('m', -5, 8, (step) => step * 2)]),
  );
  assert.equal((await bench.load()).loaded, 2);
  const loaded = await bench.run('child');
  const shown = loaded.run.rows.map(({ neptune_step, m }) => [Number(neptune_step), Number(m)]);
  assert.deepEqual(
    shown.map(([step]) => step),
    steps(-5, 8),
  );
  assert.deepEqual(shown.at(-1), [8, 16]);
});

test('a child loaded before its parent names nobody', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(parent(), forkRun('child', 'parent', 10, [counting('m', 11, 15)]));
  assert.equal((await bench.load(['-r', 'child'])).failed, 0);
  const loaded = await bench.run('child');
  assert.equal(loaded.config('sys/forking/parent'), 'parent');
  assert.equal(loaded.points('m').length, 5);
});
