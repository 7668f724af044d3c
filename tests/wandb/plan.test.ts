// `load --dry-run` says what a load does, and sends nothing.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { LoadReport } from '../../src/cli/load-report.ts';
import {
  floats,
  histograms,
  line,
  type Points,
  type SampleRun,
  sampleRun,
  scalars,
  strings,
} from '../helpers/archive-runs.ts';
import { type Plan, PROJECT, WandbBench } from './bench.ts';
import { counting, forkRun, run } from './runs.ts';

const T = 1_700_000_000_000;

/** Codes that only the merge of all series, the content of files or the server tell. */
const UNFORESEEN = new Set([
  'timestamp_merged',
  'row_too_long',
  'file_renamed',
  'fork_not_native',
  'fork_inherited',
  'file_absent',
]);

/** Codes of a plan, but for what is not foreseen. */
function planned({ runs }: Plan): string[] {
  return [...new Set(runs.flatMap(({ alterations }) => alterations.map(({ code }) => code)))].sort();
}

function altered({ alterationsByCode }: LoadReport): string[] {
  return Object.keys(alterationsByCode)
    .filter((code) => !UNFORESEEN.has(code))
    .sort();
}

const wide = (bins: number) => ({
  edges: Array.from({ length: bins + 1 }, (_, i) => i),
  values: Array.from({ length: bins }, () => 1),
});

/** A run for each thing that may be altered. */
const RUNS: Record<string, () => SampleRun> = {
  names: () => run('r', [floats('a/b', [['0', T, 1]]), floats('a_b', [['0', T, 1]])]),
  texts: () =>
    run('r', [
      scalars([
        { path: 'long', type: 'string', value: 'x'.repeat(100_001) },
        { path: 'nul', type: 'string', value: 'x\0y' },
        { path: 'nan', type: 'float', value: Number.NaN },
        { path: 'inf', type: 'float', value: Infinity },
        { path: 'null', type: 'float', value: null },
        { path: 'none', type: 'string', value: null },
        { path: 'never', type: 'datetime', value: 2n ** 62n },
      ]),
    ]),
  'fractional steps': () =>
    run('r', [
      floats('m', [
        ['0.5', T, 1],
        ['1', T, 2],
      ]),
    ]),
  'negative steps': () => run('r', [counting('m', -3, 3)]),
  'repeated steps': () =>
    run('r', [
      floats('m', [
        ['1', T, 1],
        ['1', T, 2],
      ]),
    ]),
  nulls: () => run('r', [floats('m', [['1', T, null]])]),
  histograms: () =>
    run('r', [
      histograms('wide', [['0', T, wide(600)]]),
      histograms('odd', [['0', T, { edges: [1, 2], values: [1, 2] }]]),
    ]),
  tables: () =>
    run('r', [
      strings(
        'many',
        line(10_001, 0).map(([step, time]) => [step, time, 'x']),
      ),
      strings('half', [['0', T, '\ud800']]),
      strings('long step', [['123456789012.000001', T, 'x']]),
    ]),
  'a name': () => run('n'.repeat(200), [], { 'sys/name': 'g'.repeat(200) }),
  tags: () => sampleRun(PROJECT, 'r', [], [{ path: 'sys/tags', type: 'string_set', value: ['', 't'.repeat(99)] }]),
};

for (const [name, make] of Object.entries(RUNS)) {
  test(`the plan and the load alter the same: ${name}`, async (t) => {
    const bench = await WandbBench.create(t);
    await bench.write(make());
    const plan = await bench.plan();
    const requests = [...bench.server.requests.keys()];
    assert.ok(!requests.some((one) => /^(upsert|create|delete|commit|fileStream|PUT|mark)/.test(one)), requests.join());
    assert.deepEqual(bench.server.runs(), []);
    assert.equal(bench.server.site.store.projects.size, 0);
    const report = await bench.load();
    assert.deepEqual(planned(plan), altered(report));
    const [one] = plan.runs;
    const [held] = bench.server.runs();
    assert.deepEqual([one?.name, one?.group.split('/').at(-1)], [held?.displayName, held?.project]);
  });
}

test('points that would fall together, and beyond 2^53', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    run('r', [
      floats('m', [
        ['0.25', T, 1],
        ['0.5', T, 2],
        ['999999999999', T, 3],
      ]),
    ]),
  );
  assert.equal((await bench.plan([], 3)).steps.collidingPoints, 1);
  const args = ['--on-step-collision', 'keep-last'];
  assert.deepEqual(planned(await bench.plan(args)).includes('step_collision'), true);
  const beyond = ['--step-multiplier', '1000000'];
  const codes = planned(await bench.plan(beyond));
  assert.ok(codes.includes('step_out_of_range'), codes.join());
  assert.ok(altered(await bench.load(beyond)).includes('step_out_of_range'));
});

test('a negative step that is cut to 0 moves nothing', async (t) => {
  const bench = await WandbBench.create(t);
  const points: Points<number> = [
    ['-0.5', T, 1],
    ['1', T, 2],
  ];
  await bench.write(run('r', [floats('m', points)]));
  const codes = planned(await bench.plan());
  assert.deepEqual([codes.includes('step_truncated'), codes.includes('step_moved')], [true, false]);
  const moved = planned(await bench.plan(['--step-multiplier', '10']));
  assert.ok(moved.includes('step_moved'), moved.join());
  assert.deepEqual(altered(await bench.load()), codes);
});

test('the states of runs', async (t) => {
  const bench = await WandbBench.create(t);
  const names = ['whole', 'changed', 'half', 'foreign', 'rescaled'];
  await bench.write(...names.map((name) => run(name, [counting('m', 0, 3)])));
  await bench.load(['-r', 'whole', '-r', 'changed', '-r', 'half']);
  const rescaled = await bench.load(['-r', 'rescaled', '--step-multiplier', '2']);
  assert.equal(rescaled.loaded, 1);
  const half = bench.server.runs().find(({ displayName }) => displayName === 'half')!;
  bench.server.setState(half.project, half.name, 'running');
  const site = bench.server.site;
  const project = [...site.store.projects.values()][0]!;
  const { Run } = await import('../counterparts/wandb/store.ts');
  const foreign = new Run(project, 'abc', 'foreign');
  project.runs.set(foreign.name, foreign);
  site.store.runs.set(foreign.id, foreign);
  await bench.write(run('changed', [counting('m', 0, 4)]), run('new', []));
  const plan = await bench.plan();
  assert.deepEqual(Object.fromEntries(plan.runs.map(({ runId, state }) => [runId, state])), {
    whole: 'whole',
    changed: 'changed',
    half: 'half',
    foreign: 'foreign',
    rescaled: 'rescaled',
    new: 'new',
  });
  assert.deepEqual(
    plan.groups.map(({ exists }) => exists),
    [true],
  );
  const report = await bench.load();
  assert.deepEqual(
    [report.loaded, report.updated, report.completed, report.skipped, report.foreign, report.rescaled],
    [1, 1, 1, 3, 1, 1],
  );
});

test('a fork in the plan', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('parent', [counting('m', 0, 9)]), forkRun('child', 'parent', 5, [counting('m', 0, 9)]));
  const plan = await bench.plan();
  assert.deepEqual(
    plan.runs.map(({ state }) => state),
    ['new', 'new'],
  );
});
