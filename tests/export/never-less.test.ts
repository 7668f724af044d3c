// Nothing that was saved is given up for less: other runs of one id, servers that fail otherwise than before, kills, lost parts.

import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { manifestPath, readManifest } from '../../src/archive/manifest.ts';
import { diskName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import { summarise } from '../../src/archive/summary.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { fakeBench } from './fake-bench.ts';
import { fakeSource } from './fake-source.ts';

const FAILS = new ExporterError('server', 'It failed.');
const point = (step: number, more = {}) => ({
  attributePath: 's',
  type: 'file_series' as const,
  step,
  timestamp: 0n,
  content: `point ${step}`,
  ...more,
});

test('a run that changed, and of which less comes now, stays', async (t) => {
  const { now, exportAll, values } = await fakeBench(t, { series: { a: { values: [1, 2, 3, 4], failsAfter: 3 } } });
  await exportAll();
  now({ modifiedAt: 2, series: { a: { values: [1, 2, 3, 4, 5], failsAfter: 0 } } });
  assert.equal((await exportAll()).keptPartial, 1);
  assert.deepEqual(await values('a'), [1, 2, 3]);
});

test('other points of a file series that fail now do not take the place of those that failed before', async (t) => {
  const files = (failing: number[]) =>
    [0, 1, 2, 3].map((step) => point(step, failing.includes(step) ? { fails: FAILS } : {}));
  const bench = await fakeBench(t, { files: files([2, 3]) });
  await bench.exportAll();
  const before = await bench.files();
  bench.now({ modifiedAt: 2, files: files([0, 1]) });
  assert.equal((await bench.exportAll()).keptPartial, 1);
  assert.deepEqual(await bench.values('s'), ['run/s/step_0_000000', 'run/s/step_1_000000', null, null]);
  for (const [path, content] of Object.entries(before)) assert.equal((await bench.files())[path], content);
});

test('single values that do not come with what is mended stay, and are told', async (t) => {
  const { now, exportAll, values, manifest } = await fakeBench(t, {
    rows: [{ path: 'lr', type: 'int', value: 1n }],
    series: { a: { values: [1, 2], failsAfter: 1 } },
  });
  await exportAll();
  now({ rows: [], series: { a: { values: [1, 2] } } });
  assert.equal((await exportAll()).partial, 1);
  assert.deepEqual([await values('lr'), await values('a')], [['1'], [1, 2]]);
  const [failure, ...others] = (await manifest()).failures;
  assert.deepEqual([failure?.attributePath, failure?.code, others], ['lr', 'bad_answer', []]);
});

test('what the last export did not know comes with what is mended', async (t) => {
  const { now, exportAll, values, manifest } = await fakeBench(t, { series: { a: { values: [1, 2], failsAfter: 1 } } });
  await exportAll();
  now({
    series: { a: { values: [1, 2] }, fresh: { values: [7] } },
    files: [{ attributePath: 'f', type: 'file', content: 'f' }],
  });
  await exportAll();
  assert.deepEqual([await values('fresh'), await values('f')], [[7], ['run/f']]);
  assert.equal((await manifest()).status, 'complete');
});

test('a series that comes shorter, though nothing changed, keeps what there was, and is told', async (t) => {
  const { now, exportAll, values, manifest } = await fakeBench(t, {
    series: { a: { values: [1, 2, 3, 4], failsAfter: 3 }, b: { values: [1], failsAfter: 0 } },
  });
  await exportAll();
  now({ series: { a: { values: [1] }, b: { values: [1] } } });
  await exportAll();
  assert.deepEqual([await values('a'), await values('b')], [[1, 2, 3], [1]]);
  assert.deepEqual(
    (await manifest()).failures.map(({ attributePath }) => attributePath),
    ['a'],
  );
});

test('a file that is kept though something is wrong with it stays when it can no longer be had', async (t) => {
  const kept = { attributePath: 'f', type: 'file' as const, content: 'as it is', size: 99 };
  const bench = await fakeBench(t, { files: [kept], series: { a: { values: [1], failsAfter: 0 } } });
  await bench.exportAll();
  assert.deepEqual((await bench.manifest()).failures.map(({ attributePath }) => attributePath).sort(), ['a', 'f']);
  // The file is in the journal; without it, it has to come again.
  await rm(join(bench.dataPath, diskName('w/p'), '_runs', `${diskName('run')}.downloads.jsonl`));
  bench.now({ files: [{ ...kept, fails: FAILS }], series: { a: { values: [1] } } });
  await bench.exportAll();
  assert.deepEqual(await bench.values('f'), ['run/f']);
  assert.equal((await bench.files())['run/f'], 'as it is');
  const { files, failures } = await bench.manifest();
  assert.deepEqual([files.map(({ path }) => path), failures.length], [['run/f'], 1]);
});

test('without part_0 the other parts stay until the run is there again', async (t) => {
  const { source, dataPath, exportAll, manifest, values, now } = await fakeBench(t, {
    series: { a: { values: [1, 2, 3] } },
    files: [{ attributePath: 'old', type: 'file', content: 'old' }],
  });
  await exportAll();
  const directory = join(dataPath, diskName('w/p'));
  // A run of several parts, as far as names go.
  const writer = await RunWriter.create({ dataPath, projectId: 'w/p', runId: 'other' });
  await writer.finish();
  const part = `${diskName('run')}_part_0.parquet`;
  await rm(join(directory, part));
  await writeFile(join(directory, `${diskName('run')}_part_1.parquet`), 'what is left');
  const broken = { ...source, readRuns: () => Promise.reject(new ExporterError('network', 'No network.')) };
  await assert.rejects(exportAll({}, broken), /No network/);
  assert.ok((await readdir(directory)).includes(`${diskName('run')}_part_1.parquet`));
  // Of what is there once more nothing may be lost either.
  now({ series: { a: { values: [1, 2, 3] } }, files: [{ attributePath: 'old', type: 'file', fails: FAILS }] });
  assert.equal((await exportAll()).keptOld, 1);
  assert.equal((await manifest()).files.length, 1);
  now({ files: [{ attributePath: 'old', type: 'file', content: 'old' }] });
  assert.equal((await exportAll()).exported, 1);
  assert.deepEqual(await values('a'), [1, 2, 3]);
});

test('another run of the same id never replaces the one that is there', async (t) => {
  const { source, now, exportAll, values, failures, manifest } = await fakeBench(t, {
    sysId: 'P-1',
    series: { a: { values: [1, 2, 3] } },
  });
  await exportAll();
  now({ sysId: 'P-7', modifiedAt: 2, series: { a: { values: [9] } } });
  assert.equal((await exportAll({ refresh: true })).failed, 1);
  assert.match(failures[0]!.message, /another run of the id run: P-1 of .*; here it is P-7/);
  assert.deepEqual([await values('a'), (await manifest()).sysId], [[1, 2, 3], 'P-1']);
  const other = fakeSource('neptune2', source.projects);
  now({ sysId: 'P-1', modifiedAt: 3 });
  assert.equal((await exportAll({ refresh: true }, other)).failed, 1);
  assert.deepEqual(await values('a'), [1, 2, 3]);
});

test('runs whose names come to one folder keep their files apart, whenever they come', async (t) => {
  const bench = await fakeBench(t, {});
  const file = (content: string) => [{ attributePath: 'm', type: 'file' as const, content }];
  delete bench.source.projects['w/p']!.runs!.run;
  bench.now({ files: file('of a.b') }, 'a.b');
  await bench.exportAll();
  bench.now({ files: file('of a_b') }, 'a_b');
  await bench.exportAll();
  bench.now({ modifiedAt: 2, files: file('of a.b, changed') }, 'a.b');
  await bench.exportAll({ refresh: true });
  const contents = async (runId: string) => {
    const [path] = await bench.values('m', runId);
    return (await bench.files())[String(path)];
  };
  assert.deepEqual([await contents('a.b'), await contents('a_b')], ['of a.b, changed', 'of a_b']);
  assert.deepEqual(Object.keys(await bench.files()).length, 2);
});

test('files that an interrupted refresh staged are not taken for those of a later export', async (t) => {
  const file = (content: string) => ({ attributePath: 'f', type: 'file' as const, content });
  const bench = await fakeBench(t, { files: [file('v1')] });
  await bench.exportAll();
  // Interrupted when the new file is staged.
  bench.now({ modifiedAt: 2, files: [file('v2, longer')] });
  const stopping = { ...bench.source };
  stopping.readRuns = async (runs, selection, sink, signal) => {
    const rejecting = { ...sink, done: () => Promise.reject(new ExporterError('interrupted', 'Stop.')) };
    await bench.source.readRuns(runs, selection, rejecting, signal);
  };
  await assert.rejects(bench.exportAll({ refresh: true }, stopping), /Stop/);
  assert.ok((await bench.leftovers()).length > 0);
  assert.equal((await bench.files())['run/f'], 'v1', 'the old run is as it was');
  // Whoever wants a run anew removes its parts and its manifest.
  const directory = join(bench.dataPath, diskName('w/p'));
  await rm(manifestPath(directory, diskName('run')));
  await rm(join(directory, `${diskName('run')}_part_0.parquet`));
  bench.now({ modifiedAt: 3, files: [file('v3')] });
  assert.equal((await bench.exportAll()).exported, 1);
  assert.deepEqual(await bench.files(), { 'run/f': 'v3' });
  assert.deepEqual(await bench.leftovers(), []);
  const { totals } = await summarise(await openArchive(bench.dataPath), { filesPath: bench.filesPath });
  assert.deepEqual([totals.files.count, totals.files.damaged], [1, 0]);
});

test('what ended early leaves nothing once the run is whole', async (t) => {
  const file = (attributePath: string, more = {}) => ({
    attributePath,
    type: 'file' as const,
    content: attributePath,
    ...more,
  });
  const bench = await fakeBench(t, { files: [file('old')] });
  const stopping = { ...bench.source };
  stopping.readRuns = async (runs, selection, sink, signal) => {
    const rejecting = { ...sink, done: () => Promise.reject(new ExporterError('interrupted', 'Stop.')) };
    await bench.source.readRuns(runs, selection, rejecting, signal);
  };
  await assert.rejects(bench.exportAll({}, stopping), /Stop/);
  bench.now({ modifiedAt: 2, files: [file('Best')] });
  await bench.exportAll();
  assert.deepEqual(Object.keys(await bench.files()), ['run/Best'], 'a file of the first try is not of the run');
  bench.now({ modifiedAt: 3, files: [file('best')] });
  await bench.exportAll({ refresh: true });
  assert.deepEqual(Object.keys(await bench.files()), ['run/best']);
  // A refresh that fails, and then an export that has nothing to do.
  bench.now({ modifiedAt: 4, files: [file('best', { fails: FAILS }), file('more')] });
  assert.equal((await bench.exportAll({ refresh: true })).keptOld, 1);
  assert.equal((await bench.exportAll()).changed, 1);
  assert.deepEqual(await bench.leftovers(), []);
  assert.deepEqual(Object.keys(await bench.files()), ['run/best']);
});

test('--accept-partial accepts what failed, nothing else', async (t) => {
  const failing = { files: [{ attributePath: 'f', type: 'file' as const, fails: FAILS }] };
  const wider = await fakeBench(t, { ...failing, series: { a: { values: [1] } } });
  await wider.exportAll({ classes: ['files'] });
  const more = await wider.exportAll({ acceptPartial: true });
  assert.deepEqual([more.accepted, more.exported], [0, 1], 'what was never asked for is fetched');
  assert.deepEqual(await wider.values('a'), [1]);
  assert.equal((await wider.exportAll({ acceptPartial: true })).accepted, 1);
  wider.now({ modifiedAt: 2, series: { a: { values: [1, 2] } } });
  const changed = await wider.exportAll({ acceptPartial: true });
  assert.deepEqual([changed.accepted, changed.changed], [1, 1]);
  const refreshed = await wider.exportAll({ acceptPartial: true, refresh: true });
  assert.deepEqual([refreshed.accepted, refreshed.exported], [0, 1]);
  assert.deepEqual(await wider.values('a'), [1, 2]);
});

test('a next manifest of a newer program, or one that can not be read, is not touched', async (t) => {
  const bench = await fakeBench(t, { series: { a: { values: [1] } } });
  await bench.exportAll();
  const path = manifestPath(join(bench.dataPath, diskName('w/p')), diskName('run'));
  const newer = { ...(JSON.parse(await readFile(path, 'utf8')) as object), version: 99 };
  await writeFile(`${path}.next`, JSON.stringify(newer));
  await assert.rejects(bench.exportAll(), /format version 99/);
  assert.ok((await readFile(`${path}.next`, 'utf8')).includes('99'));
  await writeFile(`${path}.next`, '{"format":');
  assert.equal((await bench.exportAll()).skipped, 1);
  assert.equal((await readManifest(bench.dataPath, 'w/p', 'run'))?.status, 'complete');
});

test('a run that lost its manifest is read anew, and stays if less comes', async (t) => {
  const { dataPath, now, exportAll, values } = await fakeBench(t, {
    series: { a: { values: [1, 2, 3] }, b: { values: [1, 2], failsAfter: 1 } },
  });
  await exportAll();
  await rm(manifestPath(join(dataPath, diskName('w/p')), diskName('run')));
  now({ series: { a: { values: [1, 2, 3], failsAfter: 0 }, b: { values: [1, 2] } } });
  assert.equal((await exportAll()).exported, 0);
  assert.deepEqual(await values('a'), [1, 2, 3]);
  now({ series: { a: { values: [1, 2, 3] }, b: { values: [1, 2] } } });
  assert.equal((await exportAll()).exported, 1);
  assert.deepEqual(await values('b'), [1, 2]);
});

test('another folder of files is filled, though the run lacks only a series', async (t) => {
  const bench = await fakeBench(t, {
    series: { a: { values: [1], failsAfter: 0 } },
    files: [{ attributePath: 'f', type: 'file', content: 'f' }],
  });
  await bench.exportAll();
  bench.now({ series: { a: { values: [1] } } });
  const filesPath = join(bench.folder, 'elsewhere');
  assert.equal((await bench.exportAll({ filesPath })).partial, 0);
  assert.equal(await readFile(join(filesPath, diskName('w/p'), 'run', 'f'), 'utf8'), 'f');
});

test('a file of another size than told is fetched again by the next export, and a download that was killed leaves nothing', async (t) => {
  const file = (more: object) => ({ attributePath: 'f', type: 'file' as const, content: 'half', size: 8, ...more });
  const bench = await fakeBench(t, { files: [file({})] });
  assert.equal((await bench.exportAll()).partial, 1);
  await writeFile(join(bench.filesPath, diskName('w/p'), 'run', 'gone.bin.download'), 'what a killed process had');
  bench.now({ files: [file({ content: 'the file' })] });
  assert.equal((await bench.exportAll()).partial, 0);
  assert.deepEqual(bench.source.downloads, ['run f']);
  assert.deepEqual(await bench.files(), { 'run/f': 'the file' });
  assert.deepEqual(await bench.leftovers(), []);
});
