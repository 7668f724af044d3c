// What things are called at W&B: projects, runs, groups, tags, keys.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { ScalarRow } from '../../src/model/batches.ts';
import { floats, sampleRun, scalars } from '../helpers/archive-runs.ts';
import { PROJECT, WandbBench } from './bench.ts';
import { counting, run, valuesRun } from './runs.ts';

const text = (path: string, value: string): ScalarRow => ({ path, type: 'string', value });

test('a run has its name, group, tags, notes, host, state and times', async (t) => {
  const bench = await WandbBench.create(t);
  const sys: ScalarRow[] = [
    text('sys/name', 'an experiment: größe'),
    text('sys/description', 'lines\nof "text"'),
    text('sys/hostname', 'machine-7'),
    { path: 'sys/tags', type: 'string_set', value: ['b', 'a tag, with comma', 'x'.repeat(70), ''] },
    { path: 'sys/group_tags', type: 'string_set', value: ['group tag', 'b'] },
    { path: 'sys/failed', type: 'bool', value: true },
  ];
  const loaded = await bench.loaded([sampleRun(PROJECT, 'Run 1/ä', [], sys)]);
  const { name, group, tags, notes, state, config } = loaded.run;
  assert.deepEqual([name, group, notes], ['Run 1/ä', 'an experiment: größe', 'lines\nof "text"']);
  assert.equal(state, 'failed');
  assert.equal(tags.length, 4, tags.join());
  for (const tag of ['b', 'a tag, with comma', 'group tag']) assert.ok(tags.includes(tag), tag);
  const cut = tags.find((tag) => tag.startsWith('xxx'));
  assert.match(cut ?? '', /^x+.[0-9a-f]{8}$/);
  assert.ok(cut!.length <= 64);
  assert.deepEqual(loaded.config('sys/tags'), ['b', 'a tag, with comma', 'x'.repeat(70), '']);
  assert.equal(config.sys_name, 'an experiment: größe');
  assert.equal(config.sys_creation_time, '2023-11-14 22:13:20.123000+00:00');
  assert.equal(config.sys_failed, true);
  const [held] = bench.server.runs();
  const site = [...bench.server.site.store.runs.values()][0]!;
  assert.equal(site.host, 'machine-7');
  assert.deepEqual([held?.exitCode, held?.project], [1, 'ws_proj']);
  assert.match(held!.name, /^[0-9a-f]{16}-[0-9a-f]{8}-\w+$/);
  assert.deepEqual(bench.refusals, []);
  const plan = await bench.plan();
  assert.deepEqual(
    plan.runs.map(({ state: there }) => there),
    ['whole'],
  );
});

test('tags that W&B refuses are told', async (t) => {
  const bench = await WandbBench.create(t);
  const sys: ScalarRow[] = [{ path: 'sys/tags', type: 'string_set', value: ['', 'x'.repeat(65), 'fine'] }];
  await bench.write(sampleRun(PROJECT, 'r', [], sys));
  const planned = (await bench.plan()).runs[0]!.alterations;
  const { alterationsByCode } = await bench.load();
  assert.deepEqual([alterationsByCode.tag_cut, alterationsByCode.tag_left_out], [1, 1]);
  for (const code of ['tag_cut', 'tag_left_out']) assert.ok(planned.some((one) => one.code === code));
  const { run: read } = await bench.run();
  assert.equal(read.tags.length, 2);
  assert.equal(read.group, null, 'no sys/name, no group');
});

test('names over the limit are cut, end with a hash, and stay apart', async (t) => {
  const bench = await WandbBench.create(t);
  const long = (end: string) => `${'n'.repeat(130)}${end}`;
  const runs = ['a', 'b'].map((end) => run(long(end), [], { 'sys/name': `${'g'.repeat(129)}${end}` }));
  await bench.write(...runs);
  const prefix = 'p'.repeat(150);
  const report = await bench.load(['--name-prefix', prefix]);
  assert.deepEqual(
    [report.loaded, report.alterationsByCode.run_name_cut, report.alterationsByCode.group_cut],
    [2, 2, 2],
  );
  assert.ok((report.alterationsByCode.project_name_cut ?? 0) >= 1);
  const [one, two] = bench.server.runs();
  assert.notEqual(one!.displayName, two!.displayName);
  assert.notEqual(one!.group, two!.group);
  assert.match(one!.project, /^p{119}-[0-9a-f]{8}$/);
  for (const { displayName, group } of bench.server.runs()) {
    assert.ok(displayName.length <= 128 && displayName.startsWith('nnn') && /[0-9a-f]{8}$/.test(displayName));
    assert.ok(group!.length <= 128 && group!.startsWith('ggg') && /[0-9a-f]{8}$/.test(group!));
  }
  const found = (await bench.runs(one!.project)).map((loaded) => [
    loaded.config('sys/custom_run_id'),
    loaded.config('sys/name'),
  ]);
  assert.deepEqual(found.sort(), [
    [long('a'), `${'g'.repeat(129)}a`],
    [long('b'), `${'g'.repeat(129)}b`],
  ]);
  assert.deepEqual(bench.refusals, []);
});

test('names of characters that take two units fit however W&B counts', async (t) => {
  const bench = await WandbBench.create(t);
  const sys: ScalarRow[] = [
    text('sys/name', '🧪'.repeat(100)),
    { path: 'sys/tags', type: 'string_set', value: ['🏷'.repeat(50)] },
  ];
  const loaded = await bench.loaded([sampleRun(PROJECT, '🏃'.repeat(100), [], sys)]);
  const { name, group, tags } = loaded.run;
  assert.match(name, /^🏃+-[0-9a-f]{8}$/u);
  assert.match(group ?? '', /^🧪+-[0-9a-f]{8}$/u);
  assert.match(tags[0] ?? '', /^🏷+-[0-9a-f]{8}$/u);
  assert.deepEqual(bench.refusals, []);
});

test('a run without a custom id is named by its run id, and the prefix goes before the project', async (t) => {
  const bench = await WandbBench.create(t);
  const plain = sampleRun('team.α/vision models', 'TST-1', []);
  const rows = plain.batches[0]!.kind === 'scalars' ? plain.batches[0]!.rows : [];
  const batches = [scalars(rows.filter(({ path }) => path !== 'sys/custom_run_id'))];
  const { customRunId: _, ...info } = plain.info;
  await bench.write({ info, batches });
  assert.equal((await bench.load(['--name-prefix', 'my team'])).loaded, 1);
  const [held] = bench.server.runs();
  assert.deepEqual([held?.project, held?.displayName], ['my_team_team___vision_models', 'TST-1']);
});

test('attributes that would share a key all arrive, and a path that is its own key keeps it', async (t) => {
  const bench = await WandbBench.create(t);
  const paths = [
    'a_b',
    'a/b',
    'a:b',
    '1st',
    'ü',
    'é',
    '_step',
    '_wandb',
    'neptune_exporter',
    '_timestamp',
    'neptune_step',
  ];
  const loaded = await bench.loaded([
    run('r', [
      scalars(paths.map((path, i) => ({ path, type: 'int', value: BigInt(i) }))),
      ...paths.map((path, i) => floats(path, [['5', 1_700_000_000_000, i + 0.5]])),
    ]),
  ]);
  const { config, rows } = loaded.run;
  for (const [i, path] of paths.entries()) {
    const key = loaded.key(path, 'int');
    assert.equal(config[key], i, path);
    assert.match(key, /^[A-Za-z_][A-Za-z0-9_]*$/);
    const metric = loaded.key(path, 'float_series');
    assert.match(metric, /^[A-Za-z_][A-Za-z0-9_]*$/);
    assert.deepEqual(
      rows.map((row) => row[metric]).filter((value) => value !== undefined),
      [i + 0.5],
      path,
    );
  }
  assert.equal(loaded.key('a_b', 'int'), 'a_b');
  assert.equal(loaded.key('1st', 'int'), '_1st');
  for (const path of ['a/b', 'a:b']) assert.match(loaded.key(path, 'int'), /^a_b_[0-9a-f]{8}$/);
  assert.equal(
    new Set(loaded.attributes.filter(({ type }) => type === 'int').map(({ key }) => key)).size,
    loaded.attributes.filter(({ type }) => type === 'int').length,
  );
  assert.equal(rows.at(-1)?._step, 5);
  assert.deepEqual(bench.refusals, []);
});

test('long paths become keys of 200 characters', async (t) => {
  const bench = await WandbBench.create(t);
  const paths = ['a', 'b'].map((end) => `${'long/'.repeat(60)}${end}`);
  const loaded = await bench.loaded([
    run(
      'r',
      paths.map((path, i) => floats(path, [['0', 1, i]])),
    ),
  ]);
  const keys = paths.map((path) => loaded.key(path));
  assert.notEqual(keys[0], keys[1]);
  for (const [i, key] of keys.entries()) {
    assert.ok(key.length <= 200 && key.startsWith('long_long_'), key);
    assert.equal(loaded.points(paths[i]!)[0]?.[2], i);
  }
});

test('--wandb-keep-slashes keeps them, and runs loaded without it are replaced', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('train/loss', 0, 3), scalars([text('config/note', 'x'), text('a:b/c', 'y')])]));
  await bench.load();
  const before = await bench.run();
  assert.deepEqual([before.key('train/loss'), before.key('config/note')], ['train_loss', 'config_note']);
  const report = await bench.load(['--wandb-keep-slashes']);
  assert.deepEqual([report.updated, report.skipped], [1, 0]);
  const after = await bench.run();
  assert.deepEqual([after.key('train/loss'), after.key('config/note')], ['train/loss', 'config/note']);
  assert.equal(after.run.config['a_b/c'], 'y');
  assert.equal(after.points('train/loss').length, 4);
  assert.notEqual(after.run.run, before.run.run);
  assert.equal((await bench.load(['--wandb-keep-slashes'])).skipped, 1);
  assert.equal((await bench.load()).updated, 1);
  const others = bench.refusals.filter((one) => !one.includes('409'));
  assert.deepEqual(others, [], 'but for the id of a deleted run');
});

test('--wandb-project-name takes all projects', async (t) => {
  const bench = await WandbBench.create(t);
  const runs = ['ws/one', 'ws/two'].map((project) => sampleRun(project, 'same', [counting('m', 0, 1)]));
  await bench.write(...runs);
  const args = ['--wandb-project-name', 'all of it', '--name-prefix', 'p'];
  assert.deepEqual(
    (await bench.plan(args)).groups.map(({ name, runs: count }) => [name.split('/').at(-1), count]),
    [['all of it', 2]],
  );
  assert.equal((await bench.load(args)).loaded, 2);
  assert.deepEqual(
    bench.server.runs().map(({ project, displayName }) => [project, displayName]),
    [
      ['all of it', 'same'],
      ['all of it', 'same'],
    ],
  );
  const again = await bench.load(args);
  assert.deepEqual([again.skipped, again.foreign], [2, 0]);
  for (const bad of ['a/b', '', 'x'.repeat(129)]) {
    const refused = await bench.cli('load', ['--wandb-project-name', bad]);
    assert.notEqual(refused.code, 0, `project ${bad}`);
  }
});

test('another entity is another place', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(valuesRun('r', []));
  const first = await bench.cli('load');
  assert.match(first.stderr + first.stdout, /emulated-team/, 'the default entity is said');
  assert.equal((await bench.load(['--wandb-entity', 'other-team'])).loaded, 1);
  assert.equal((await bench.load([], { env: { WANDB_ENTITY: 'other-team' } })).skipped, 1);
  assert.deepEqual(
    bench.server
      .runs()
      .map(({ entity }) => entity)
      .sort(),
    ['emulated-team', 'other-team'],
  );
  const unknown = await bench.cli('load', ['--wandb-entity', 'nobody']);
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /nobody/);
});
