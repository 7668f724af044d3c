// `verify --loader wandb`: what was loaded is proven equal, and each damage is found and named, and nothing else.

import assert from 'node:assert/strict';
import test from 'node:test';
import {
  fileSeries,
  floats,
  histograms,
  line,
  type SampleRun,
  sampleRun,
  scalars,
  strings,
} from '../helpers/archive-runs.ts';
import { PROJECT, WandbBench } from './bench.ts';
import { Damage } from './damage.ts';
import { png } from './pictures.ts';
import { counting, forkRun, run } from './runs.ts';

const T = 1_700_000_000_000;

/** All that a run may have, odd values included. */
function richRun(runId: string): SampleRun {
  return sampleRun(
    PROJECT,
    runId,
    [
      scalars([
        { path: 'p/int', type: 'int', value: 2n ** 63n - 1n },
        { path: 'p/nan', type: 'float', value: Number.NaN },
        { path: 'p/zero', type: 'float', value: -0 },
        { path: 'p/long', type: 'string', value: 'ä😀'.repeat(60_000) },
        { path: 'p/nul', type: 'string', value: 'x\0y' },
        { path: 'p/half', type: 'string', value: 'x\ud800y' },
        { path: 'p/empty', type: 'string', value: '' },
        { path: 'p/none', type: 'string', value: null },
        { path: 'p/set', type: 'string_set', value: ['a,b', 'c'] },
        { path: 'p/when', type: 'datetime', value: -1n },
        { path: 'a:b', type: 'bool', value: true },
        { path: 'a_b', type: 'bool', value: false },
      ]),
      floats('m/plain', line(3000, 0.37)),
      floats('m/odd', [
        ['0', T, Infinity],
        ['1', T + 1, Number.NaN],
        ['2', T + 2, -0],
        ['3', T + 3, 1],
        ['3', T + 3, 2],
        ['4', null, 1],
        ['5', T + 77, 1],
      ]),
      floats('m/decimal', [
        ['6.25', T + 6, 1],
        ['7.5', T + 7, 2],
        ['999999999999.999999', T + 8, 3],
      ]),
      floats('a:b', [['0', T, 1]]),
      floats('a_b', [['0', T, 2]]),
      strings('s/log', [
        ['0.001', T, 'line\nbreak'],
        ['1', null, 'plain'],
        ['2', T, null],
      ]),
      histograms('h', [
        ['1', T + 1, { edges: [0, 1, 2], values: [1, 2 ** 60] }],
        ['2', T + 2, { edges: [0, Number.NaN, Infinity], values: [1, 2] }],
      ]),
      {
        kind: 'files',
        rows: [
          { path: 'f/model', type: 'file', file: 'rich/model.bin' },
          { path: 'f/empty', type: 'file', file: 'rich/empty' },
          { path: 'f/odd', type: 'file', file: 'rich/odd [name] 100%.txt' },
          { path: 'f/none', type: 'file', file: null },
          { path: 'f/set', type: 'file_set', file: 'rich/set' },
        ],
      },
      fileSeries('f/images', [
        ['0', T, 'rich/0.png'],
        ['1', T + 1, 'rich/1.png'],
      ]),
    ],
    [
      { path: 'sys/name', type: 'string', value: 'an experiment' },
      { path: 'sys/description', type: 'string', value: 'lines\nof "text"' },
      { path: 'sys/tags', type: 'string_set', value: ['a', 'b,c'] },
      { path: 'sys/failed', type: 'bool', value: true },
    ],
  );
}

async function loadRich(bench: WandbBench): Promise<void> {
  const files = {
    'model.bin': 'model',
    empty: '',
    'odd [name] 100%.txt': 'odd',
    'set/a.txt': 'a',
    'set/deep/b.txt': 'b',
  };
  for (const [name, content] of Object.entries(files)) await bench.putFile(`rich/${name}`, content);
  for (const i of [0, 1]) await bench.putFile(`rich/${i}.png`, png(3, 3, i));
  await bench.write(richRun('rich'), forkRun('fork', 'rich', undefined, [counting('m', 0, 3)]));
  const report = await bench.load();
  assert.deepEqual([report.loaded, report.failed], [2, 0]);
}

/** Words for a problem: its code, run and attribute. */
function said(problems: readonly object[]): string[] {
  return problems.map((problem) => {
    const { code, runId, attributePath = '-' } = problem as { code: string; runId?: string; attributePath?: string };
    return `${code} ${runId} ${attributePath}`;
  });
}

test('everything that was loaded is equal, or altered as the mapping says', async (t) => {
  const bench = await WandbBench.create(t);
  await loadRich(bench);
  const report = await bench.verify();
  assert.deepEqual(said(report.problems), []);
  assert.equal(report.code, 0);
  const rich = report.target?.runs.find(({ runId }) => runId === 'rich');
  assert.deepEqual([rich?.state, rich?.missing, rich?.different, rich?.unclear], ['compared', 0, 0, 0]);
  assert.deepEqual(rich?.extras, { count: 0, first: [] });
  assert.ok(rich!.equal > 5 && rich!.altered > 5, `${rich!.equal} equal, ${rich!.altered} altered`);
  const codes = (path: string) => rich!.attributes.find(({ attributePath }) => attributePath === path)?.codes ?? [];
  assert.ok(codes('p/long').includes('value_too_long'));
  assert.ok(codes('m/odd').includes('step_repeated'));
  assert.deepEqual(codes('m/plain'), ['renamed']);
  assert.ok((report.target?.points ?? 0) > 3000);
  const text = await bench.cli('verify');
  assert.match(text.stdout, /rich +there/);
  const requests = [...bench.server.requests.keys()].filter((name) => /^(upsert|create|delete|commit|PUT)/.test(name));
  const before = new Map(requests.map((name) => [name, bench.server.requests.get(name)]));
  await bench.verify();
  assert.deepEqual(
    new Map(requests.map((name) => [name, bench.server.requests.get(name)])),
    before,
    'nothing was sent',
  );
});

test('each damage at the server is found and named, and nothing else', async (t) => {
  const bench = await WandbBench.create(t);
  await loadRich(bench);
  const damage = new Damage(bench, 'rich');
  const model = Object.keys((await bench.run('rich')).files('f/model'))[0]!;
  const replace = (from: RegExp, to: string) => (text: string) => {
    assert.match(text, from);
    return text.replace(from, to);
  };
  const cases: [what: string, harm: () => () => void, ...expected: string[]][] = [
    [
      'a value altered',
      () => damage.line(1234, replace(/"m_plain":456\.58/, '"m_plain":456.58000000000004')),
      'target_different rich m/plain',
    ],
    ['a value gone', () => damage.line(1234, replace(/"m_plain":456\.58,?/, '')), 'target_missing rich m/plain'],
    ['NaN that became 0', () => damage.line(1, replace(/"m_odd":NaN/, '"m_odd":0')), 'target_different rich m/odd'],
    [
      'a line gone',
      () => damage.lines((lines) => lines.toSpliced(1234, 1)),
      'target_missing rich -',
      'target_missing rich m/plain',
    ],
    ['a bin altered', () => damage.line(1, replace(/"values":\[1,/, '"values":[2,')), 'target_different rich h'],
    [
      'a config value altered',
      () => damage.config((config) => Object.assign(config, { p_set: { value: ['a'] } })),
      'target_different rich p/set',
    ],
    ['a config value gone', () => damage.config((config) => void delete config.p_when), 'target_missing rich p/when'],
    ['a file gone', () => damage.fileGone(model), 'target_missing rich f/model'],
    ['a file changed', () => damage.fileChanged(model, 'other'), 'target_different rich f/model'],
    [
      'the list of attributes changed',
      () => damage.fileChanged('neptune_exporter/attributes.json', '{}'),
      'target_different rich -',
    ],
    ['the notes altered', () => damage.set('notes', 'other'), 'target_different rich sys/description'],
    ['the tags altered', () => damage.set('tags', ['a']), 'target_different rich sys/tags'],
    ['the name altered', () => damage.set('displayName', 'other'), 'target_different rich -'],
    ['a table changed', () => damage.mediaChanged('media/table/', '{}'), 'target_different rich s/log'],
    ['an image gone', () => damage.mediaChanged('media/images/', undefined), 'target_missing rich f/images'],
  ];
  const wrong: string[] = [];
  for (const [what, harm, ...expected] of cases) {
    const undo = harm();
    const { problems } = await bench.verify();
    undo();
    const found = said(problems);
    // Which of the two words a damage gets, and whose it is where an attribute has several things, is less than certain.
    if (found.length === 0 || !found.every((one) => expected.includes(one))) wrong.push(`${what}: ${found.join(', ')}`);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(said((await bench.verify()).problems), [], 'all damage is undone');
});

test('what nothing in the archive accounts for is an extra, no problem', async (t) => {
  const bench = await WandbBench.create(t);
  await loadRich(bench);
  const damage = new Damage(bench, 'rich');
  const harms = [
    damage.config((config) => Object.assign(config, { added: { value: 1 } })),
    damage.line(100, (text) => text.replace('{', '{"extra":1,')),
    damage.fileAdded('files/added.txt'),
  ];
  const report = await bench.verify();
  for (const undo of harms.reverse()) undo();
  const rich = report.target?.runs.find(({ runId }) => runId === 'rich');
  assert.deepEqual(said(report.problems), []);
  assert.ok((rich?.extras.count ?? 0) >= 3, JSON.stringify(rich?.extras));
  assert.match(rich!.extras.first.join('\n'), /added/);
});

test('runs that are missing, half, or of other content are told', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(...['gone', 'half', 'fine'].map((name) => run(name, [counting('m', 0, 3)])));
  await bench.load();
  const held = (name: string) => bench.server.runs().find(({ displayName }) => displayName === name)!;
  bench.server.deleteRun(held('gone').project, held('gone').name);
  bench.server.setState(held('half').project, held('half').name, 'crashed');
  const report = await bench.verify();
  assert.equal(report.code, 3);
  assert.deepEqual(said(report.problems).sort(), ['target_run_half half -', 'target_run_missing gone -']);
});

test('a run of other content', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3)]));
  await bench.load();
  await bench.write(run('r', [counting('m', 0, 4)]));
  assert.deepEqual(said((await bench.verify()).problems), ['target_run_changed r -']);
});

test('with the multiplier and the policy that it was loaded with, without saying so', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(
    run('r', [
      floats('m', [
        ['0.25', T, 1],
        ['0.5', T + 1, 2],
        ['1', T + 2, 3],
        ['-3', T + 3, 4],
      ]),
    ]),
  );
  await bench.load(['--step-multiplier', '3', '--on-step-collision', 'keep-first']);
  assert.deepEqual(said((await bench.verify()).problems), []);
  new Damage(bench, 'r').lines((lines) => lines.slice(0, -1));
  assert.ok(said((await bench.verify()).problems).includes('target_missing r m'));
});

test('an x axis that is lost', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3), counting('n', 0, 3)]));
  await bench.load(['--step-multiplier', '10']);
  new Damage(bench, 'r').config((config) => {
    (config._wandb as { value: { m?: unknown[] } }).value.m?.pop();
  });
  assert.deepEqual(said((await bench.verify()).problems), ['target_different r n']);
});

test('forks, native or not', async (t) => {
  for (const forking of ['done', 'refused'] as const) {
    const bench = await WandbBench.create(t, { forking });
    await bench.write(
      run('parent', [counting('m', 0, 20)]),
      forkRun('with', 'parent', 10, [counting('m', 0, 15)]),
      forkRun('without', 'parent', 10, [counting('m', 11, 15)]),
    );
    await bench.load();
    const report = await bench.verify();
    assert.deepEqual(said(report.problems), [], forking);
    for (const { extras, runId } of report.target!.runs) assert.equal(extras.count, 0, `${runId} ${extras.first}`);
  }
});

test('with slashes, in another project', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('train/loss', 0, 3)]));
  const args = ['--wandb-keep-slashes', '--wandb-project-name', 'other'];
  await bench.load(args);
  assert.deepEqual(said((await bench.verify(args)).problems), []);
  assert.deepEqual(said((await bench.verify()).problems), ['target_run_missing r -']);
});
