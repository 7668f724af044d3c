// Loads that are repeated, broken off, or meet what users and other programs do at W&B meanwhile.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { runWandb } from '../counterparts/wandb-readback.ts';
import { fileSeries, floats, line, type SampleRun, scalars, strings } from '../helpers/archive-runs.ts';
import { WandbBench } from './bench.ts';
import { png } from './pictures.ts';
import { counting, filesRun, run } from './runs.ts';

const T = 1_700_000_000_000;
const OFFICIAL = join(import.meta.dirname, 'official_run.py');

/** Counts the lines that requests bring to the runs that are there now. */
function countLines(bench: WandbBench): () => number {
  let lines = 0;
  for (const { history } of bench.server.site.store.runs.values()) {
    const put = history.put.bind(history);
    history.put = (offset, content) => {
      lines += content.length;
      put(offset, content);
    };
  }
  return () => lines;
}

test('a half run goes on where it ended: lines aren’t sent twice', async (t) => {
  const bench = await WandbBench.create(t, {
    faults: [{ operation: 'fileStream', after: 1, kind: 'status', status: 503, times: 1000 }],
  });
  // Some 12 MB of lines: several requests.
  const series = Array.from({ length: 100 }, (_, i) => floats(`metric/${i}`, line(4000, Math.sqrt(i + 2))));
  await bench.write(run('r', series));
  const env = { NEPTUNE_EXPORTER_RETRY_SECONDS: '1' };
  assert.equal((await bench.cli('load', [], env)).code, 3);
  const there = bench.server.runs()[0]!.historyLines.length;
  assert.ok(there > 0 && there < 4000, `${there} lines`);
  bench.server.replaceFaults([]);
  const sent = countLines(bench);
  assert.equal((await bench.load()).completed, 1);
  assert.equal(sent(), 4000 - there);
  assert.equal(bench.server.runs().length, 1);
  const loaded = await bench.run();
  assert.deepEqual(
    loaded.points('metric/7').map(([, , value]) => value),
    line(4000, 3).map(([, , value]) => value),
  );
  assert.deepEqual(bench.server.runs()[0]!.resumed, 0);
});

test('a half run of other content, or with other settings, is removed', async (t) => {
  const bench = await WandbBench.create(t);
  const withFile = (value: number) =>
    filesRun('r', { f: 'gone.txt' }, [
      floats('m', [
        ['1', T, value],
        ['1.5', T + 1, value],
      ]),
    ]);
  await bench.write(withFile(1));
  await bench.load(['--on-step-collision', 'keep-first'], { code: 3 });
  const first = bench.server.runs()[0]!.name;
  await bench.write(withFile(2));
  await bench.load(['--on-step-collision', 'keep-first'], { code: 3 });
  const second = bench.server.runs();
  assert.equal(second.length, 1);
  assert.notEqual(second[0]!.name, first);
  await bench.putFile('gone.txt', 'x');
  assert.equal((await bench.load(['--on-step-collision', 'keep-last'])).completed, 1);
  assert.equal(bench.server.runs().length, 1);
  assert.deepEqual(
    (await bench.run()).points('m').map(([, , value]) => value),
    [2],
  );
});

test('a half run that someone wrote to is not gone on with', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(filesRun('r', { f: 'gone.txt' }, [counting('m', 0, 3)]));
  await bench.load([], { code: 3 });
  const held = [...bench.server.site.store.runs.values()][0]!;
  held.history.put(held.history.lines.length, ['{"_step":1000,"mine":1}']);
  await bench.putFile('gone.txt', 'x');
  const result = await bench.cli('load', ['--json']);
  // Told, or made anew: but never taken for whole with a line that nobody loaded.
  if (result.code === 0) assert.equal((await bench.run()).points('m').length, 4);
  const lines = bench.server
    .runs()
    .filter(({ state }) => state === 'finished')
    .flatMap(({ historyLines }) => historyLines);
  assert.ok(!lines.some((text) => text.includes('mine')));
});

test('lines of a half run that lacks an image are not gone on with once it is there', async (t) => {
  const shapes: Record<string, () => SampleRun> = {
    'of a series': () =>
      run('r', [
        counting('m', 0, 5),
        fileSeries('i', [
          ['1', T, 'here.png'],
          ['3', T, 'gone.png'],
        ]),
      ]),
    'of its own': () => filesRun('r', { i: 'here.png', j: 'gone.png' }, [counting('m', 0, 5)]),
  };
  for (const [name, shape] of Object.entries(shapes)) {
    const bench = await WandbBench.create(t);
    await bench.putFile('here.png', png(2, 2));
    await bench.write(shape());
    for (let i = 0; i < 2; i++) await bench.load([], { code: 3 });
    assert.equal(bench.server.runs().length, 1, 'nothing changed: the same run');
    await bench.putFile('gone.png', png(2, 2, 9));
    if (name === 'of a series') {
      const removed = await bench.cli('load');
      assert.equal(removed.code, 3, name);
      assert.match(removed.stderr, /it was removed/);
      assert.equal((await bench.load()).loaded, 1);
    } else assert.equal((await bench.load()).completed, 1);
    assert.deepEqual((await bench.verify()).problems, [], name);
    assert.equal(bench.server.runs().length, 1);
  }
});

test('a table that W&B refused once', async (t) => {
  const bench = await WandbBench.create(t, {
    faults: [{ operation: 'createArtifact', after: 1, kind: 'status', status: 400 }],
  });
  await bench.write(
    run(
      'r',
      ['s', 't'].map((path) => strings(path, [['0', T, path]])),
    ),
  );
  await bench.load([], { code: 3 });
  assert.equal((await bench.load()).completed, 1);
  assert.deepEqual((await bench.verify()).problems, []);
});

test('a run that was deleted at W&B is made anew, with an id of its own', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3), strings('s', [['0', T, 'x']])]));
  await bench.load();
  const first = bench.server.runs()[0]!;
  for (const end of ['-2', '-3']) {
    const { project, name } = bench.server.runs()[0]!;
    bench.server.deleteRun(project, name);
    assert.equal((await bench.load()).loaded, 1);
    const [again] = bench.server.runs();
    assert.equal(again!.name, `${first.name}${end}`);
    assert.equal((await bench.load()).skipped, 1);
    assert.equal((await bench.run()).points('m').length, 4);
  }
});

test('a changed run, changed back', async (t) => {
  const bench = await WandbBench.create(t);
  const version = (value: bigint) => run('r', [scalars([{ path: 'p', type: 'int', value }]), counting('m', 0, 3)]);
  for (const [i, value] of [1n, 2n, 1n, 2n].entries()) {
    await bench.write(version(value));
    const report = await bench.load();
    assert.deepEqual([report.loaded + report.updated, report.failed], [1, 0], `${i}`);
    const loaded = await bench.run();
    assert.equal(loaded.config('p'), Number(value));
    assert.equal(loaded.run.state, 'finished');
    assert.equal((await bench.load()).skipped, 1);
  }
  assert.equal((await bench.verify()).code, 0);
});

test('until the new run is finished, the old one stays', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3)]));
  await bench.load();
  await bench.write(run('r', [counting('m', 0, 4)]));
  // Lines and summary arrive, the end of the run doesn't.
  bench.server.replaceFaults([{ operation: 'fileStream', after: 2, kind: 'status', status: 503, times: 1000 }]);
  assert.equal((await bench.cli('load', [], { NEPTUNE_EXPORTER_RETRY_SECONDS: '0' })).code, 3);
  const states = () => bench.server.runs().map(({ state, historyLines }) => `${state} ${historyLines.length}`);
  assert.deepEqual(states(), ['finished 4', 'running 5']);
  // The end arrives, and the old run can't be deleted.
  bench.server.replaceFaults([{ operation: 'deleteRun', kind: 'status', status: 503, times: 1000 }]);
  assert.equal((await bench.cli('load', [], { NEPTUNE_EXPORTER_RETRY_SECONDS: '0' })).code, 3);
  assert.deepEqual(states(), ['finished 4', 'finished 5']);
  bench.server.replaceFaults([]);
  assert.equal((await bench.load()).completed, 1);
  assert.deepEqual(states(), ['finished 5']);
});

test('another multiplier beside a half of another content', async (t) => {
  const bench = await WandbBench.create(t);
  const first = run('r', [counting('m', 0, 3)]);
  await bench.write(first);
  await bench.load();
  const whole = bench.server.runs()[0]!.name;
  await bench.write(filesRun('r', { f: 'gone.txt' }, [counting('m', 0, 4)]));
  await bench.load([], { code: 3 });
  await bench.write(first);
  assert.equal((await bench.load(['--step-multiplier', '10'])).rescaled, 1);
  assert.equal((await bench.load()).completed, 1);
  assert.deepEqual(
    bench.server.runs().map(({ name }) => name),
    [whole],
  );
});

test('another multiplier: skipped, and told', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3)]));
  await bench.load();
  const report = await bench.load(['--step-multiplier', '10']);
  assert.deepEqual([report.skipped, report.rescaled], [1, 1]);
  assert.deepEqual(
    (await bench.run()).points('m').map(([step]) => step),
    [0, 1, 2, 3],
  );
});

test('a run that crashed at W&B is half', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3)]));
  await bench.load();
  const { project, name } = bench.server.runs()[0]!;
  for (const state of ['crashed', 'running', 'killed'] as const) {
    bench.server.setState(project, name, state);
    assert.equal((await bench.load()).completed, 1, state);
    assert.equal(bench.server.runs()[0]?.state, 'finished');
  }
  assert.equal(bench.server.runs().length, 1);
});

test('what users change at W&B stays, and the run stays whole', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3)]));
  await bench.load();
  const held = [...bench.server.site.store.runs.values()][0]!;
  held.displayName = 'renamed by a user';
  held.tags = ['best'];
  held.notes = 'mine';
  assert.equal((await bench.load()).skipped, 1);
  assert.deepEqual([held.displayName, held.tags, held.notes], ['renamed by a user', ['best'], 'mine']);
});

test('a run of the official exporter with the same name is foreign', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('RUN-1', [counting('m', 0, 3)]), run('RUN-2', [counting('m', 0, 3)]));
  await runWandb(bench.server, OFFICIAL, ['ws_proj', 'RUN-1', 'an experiment']);
  assert.equal(bench.server.runs().length, 1);
  const report = await bench.load();
  assert.deepEqual([report.loaded, report.skipped, report.foreign], [1, 1, 1]);
  assert.match(report.stderr, /RUN-1/);
  const official = bench.server.runs().find(({ displayName }) => displayName === 'RUN-1')!;
  assert.deepEqual([official.config.sys_name, official.historyLines.length, official.resumed], ['an experiment', 2, 0]);
});

test('two loads at once make one run', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.putFile('f.txt', 'x');
  await bench.write(...['a', 'b', 'c'].map((name) => filesRun(name, { f: 'f.txt' }, [counting('m', 0, 99)])));
  await Promise.all([bench.cli('load'), bench.cli('load')]);
  assert.equal((await bench.load()).failed, 0);
  const runs = await bench.runs();
  assert.deepEqual(runs.map(({ run: { name } }) => name).sort(), ['a', 'b', 'c']);
  for (const loaded of runs) assert.deepEqual([loaded.run.state, loaded.points('m').length], ['finished', 100]);
});

test('the SDK can go on with a loaded run', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', [counting('m', 0, 3)]));
  await bench.load();
  const { name } = bench.server.runs()[0]!;
  await runWandb(bench.server, join(import.meta.dirname, 'resume_run.py'), ['ws_proj', name]);
  const rows = (await bench.run()).run.rows;
  assert.deepEqual(rows.at(-1)?.later, 1);
  assert.equal(rows.length, 5);
  // It isn't what was loaded any more, which only verify says: it is the user's now.
  assert.equal((await bench.load()).skipped, 1);
});
