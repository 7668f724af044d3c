// Sums of an archive: of the official exporter's, of ours, and with something wrong in it.

import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';

import { noFiles } from '../../src/archive/file-check.ts';
import { journalPath } from '../../src/archive/find-run.ts';
import { writeManifest } from '../../src/archive/manifest.ts';
import { diskName, partName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import { summarise } from '../../src/archive/summary.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import type { Batch } from '../../src/model/batches.ts';
import { tempFolder } from '../helpers/temp.ts';

const OFFICIAL = join(import.meta.dirname, '..', 'fixtures', 'official');
const OFFICIAL_MODELS = join(import.meta.dirname, '..', 'fixtures', 'official-models');

test('an archive of the official exporter is summed up, its files looked up', async () => {
  const archive = await openArchive(join(OFFICIAL, 'data'));
  const summary = await summarise(archive, { filesPath: join(OFFICIAL, 'files') });
  assert.deepEqual(JSON.parse(JSON.stringify(summary)), summary);
  const [project] = summary.projects;
  assert.ok(project);
  assert.equal(project.projectId, 'team.α/vision models');
  assert.deepEqual([project.runs, project.unverifiedRuns, project.partialRuns, project.damagedRuns], [3, 3, 0, 0]);
  assert.deepEqual(project.files, { ...noFiles(), count: 6, bytes: 850 });
  assert.deepEqual(project.types.float_series?.attributes, 4);
  assert.deepEqual(project.types.string_series, { attributes: 1, rows: 40 });
  assert.deepEqual(project.steps, { least: '0.000000', greatest: '224.750000' });
  assert.deepEqual(project.times, { first: '2024-03-01T12:00:00.000Z', last: '2024-03-01T12:14:59.003Z' });
  assert.equal(project.biggestRuns[0]?.runId, 'RUN-1');
  const rows = Object.values(project.types).reduce((sum, type) => sum + type.rows, 0);
  assert.equal(project.records, rows);
  assert.equal(summary.totals.records, rows);
  // Rows of nulls stand for nothing, as the fixture's own account of itself has it.
  const expected: { runs: Record<string, { absent: number; scalars: Record<string, [string, unknown]> }> } = JSON.parse(
    await readFile(join(OFFICIAL, 'expected.json'), 'utf8'),
  );
  const accounts = Object.values(expected.runs);
  const sum = (numbers: number[]) => numbers.reduce((left, right) => left + right, 0);
  assert.ok(project.emptyRows > 0);
  assert.equal(project.emptyRows, sum(accounts.map(({ absent }) => absent)));
  const scalars = accounts.flatMap((run) => Object.entries(run.scalars));
  const ofType = (wanted: string) => scalars.filter(([, [type]]) => type === wanted);
  assert.deepEqual(project.types.float, {
    attributes: new Set(ofType('float').map(([path]) => path)).size,
    rows: ofType('float').length,
  });
  assert.equal((await summarise(archive)).totals.files.bytes, null);
});

test('models of the official exporter are summed up, a set of files being a folder', async () => {
  const dataPath = join(OFFICIAL_MODELS, 'model_data');
  const filesPath = join(OFFICIAL_MODELS, 'model_files');
  const models = await summarise(await openArchive(dataPath, { scope: 'models' }), { filesPath });
  assert.deepEqual(
    models.projects.map(({ projectId, runs, unverifiedRuns }) => [projectId, runs, unverifiedRuns]),
    [['team.α/vision models', 2, 2]],
  );
  assert.deepEqual([models.totals.records, models.totals.emptyRows], [7, 1]);
  assert.deepEqual(models.totals.files, { ...noFiles(), count: 1, bytes: 2 });
  const versions = await summarise(await openArchive(dataPath, { scope: 'model_versions' }), { filesPath });
  assert.deepEqual([versions.totals.runs, versions.totals.records, versions.totals.emptyRows], [2, 11, 0]);
  assert.deepEqual(versions.totals.files, { ...noFiles(), count: 5, bytes: 100 + 2 + 30 });
  assert.deepEqual(versions.projects[0]?.types.file_series, { attributes: 1, rows: 3 });
  assert.deepEqual(versions.projects[0]?.times, null);
  await assert.rejects(openArchive(dataPath), { code: 'archive', message: /not an archive of runs/ });
});

function content(runs: number): Batch[] {
  return [
    {
      kind: 'scalars',
      rows: [
        { path: 'sys/name', type: 'string', value: 'n' },
        { path: 'lr', type: 'float', value: 1 },
      ],
    },
    {
      kind: 'float_series',
      path: 'loss',
      length: runs,
      steps: BigInt64Array.from({ length: runs }, (_, index) => BigInt(index) * 1_500_000n - 1_000_000n),
      timestamps: BigInt64Array.from({ length: runs }, (_, index) => BigInt(index)),
      values: new Float64Array(runs),
    },
  ];
}

async function write(dataPath: string, runId: string, batches: Batch[], status?: 'complete' | 'partial') {
  const writer = await RunWriter.create({ dataPath, projectId: 'ws/p', runId });
  for (const batch of batches) await writer.append(batch);
  const { parts, counts } = await writer.finish();
  if (!status) return;
  const file = { attributePath: 'f', attributeType: 'file' as const, sha256: '0'.repeat(64) };
  await writeManifest(dataPath, {
    format: 'neptune-exporter-run',
    version: 1,
    status,
    projectId: 'ws/p',
    runId,
    writtenBy: 'test',
    writtenAt: new Date(0).toISOString(),
    source: { name: 'test', address: '' },
    selection: { attributes: 'all', classes: [], previews: false },
    parts,
    files: [
      { ...file, path: 'r/f', bytes: 10 },
      { ...file, path: null, bytes: 0 },
    ],
    counts,
    failures: [],
  });
}

test('manifests tell files and partial runs; the largest runs come first', async (t) => {
  const dataPath = await tempFolder(t);
  await write(dataPath, 'small', content(3), 'complete');
  await write(dataPath, 'large', content(40_000), 'partial');
  await write(dataPath, 'empty', []);
  for (let index = 0; index < 5; index++) await write(dataPath, `r${index}`, content(10 + index));
  const archive = await openArchive(dataPath);
  const { projects, totals } = await summarise(archive);
  const [project] = projects;
  assert.ok(project);
  assert.deepEqual([totals.runs, totals.partialRuns, totals.unverifiedRuns], [8, 1, 6]);
  assert.deepEqual(project.partial, ['large']);
  assert.deepEqual(totals.files, { ...noFiles(), count: 2, bytes: 20, missing: 2 });
  assert.deepEqual(project.types.float_series, { attributes: 1, rows: 40_063 });
  assert.deepEqual(project.types.string, { attributes: 1, rows: 7 });
  assert.deepEqual(project.steps, { least: '-1.000000', greatest: '59997.500000' });
  assert.deepEqual(
    project.biggestRuns.map(({ runId }) => runId),
    ['large', 'r4', 'r3', 'r2', 'r1'],
  );
  const one = await summarise(archive, { projects: ['ws/p'], runs: ['small'] });
  assert.deepEqual([one.totals.runs, one.totals.records], [1, 5]);
  await assert.rejects(summarise(archive, { projects: ['ws/q'] }), { code: 'archive', message: /ws\/q/ });
  await assert.rejects(summarise(archive, { runs: ['small', 'lost'] }), { code: 'archive', message: /lost/ });
});

test('a damaged run is listed, and the others are summed up', async (t) => {
  const dataPath = await tempFolder(t);
  await cp(join(OFFICIAL, 'data'), dataPath, { recursive: true });
  const folder = join(dataPath, (await readdir(dataPath))[0]!);
  const path = join(folder, partName(diskName('RUN-1'), 1));
  await writeFile(path, (await readFile(path)).subarray(0, 1000));
  await mkdir(join(folder, '_runs'));
  await writeFile(join(folder, '_runs', `${diskName('ночь')}.json`), '{}');
  const { totals, projects } = await summarise(await openArchive(dataPath));
  assert.deepEqual([totals.runs, totals.damagedRuns], [1, 2]);
  const damaged = projects[0]?.damaged.map(({ run, message }) => [run, message.includes('damaged')]);
  assert.deepEqual(damaged?.sort(), [
    [diskName('RUN-1'), true],
    [diskName('ночь'), true],
  ]);
});

test('downloaded files that are lost or cut are counted, with one named', async (t) => {
  const folder = await tempFolder(t);
  const [dataPath, filesPath] = [join(folder, 'data'), join(folder, 'files')];
  await write(dataPath, 'one', [], 'complete');
  await write(dataPath, 'two', [], 'complete');
  await mkdir(join(filesPath, diskName('ws/p'), 'r'), { recursive: true });
  const file = join(filesPath, diskName('ws/p'), 'r', 'f');
  await writeFile(file, '0123456789');
  const archive = await openArchive(dataPath);
  const whole = await summarise(archive, { filesPath });
  assert.deepEqual(whole.totals.files, { ...noFiles(), count: 2, bytes: 20, missing: 2 });
  assert.deepEqual(whole.projects[0]?.damagedFiles, []);
  await truncate(file, 7);
  const cut = await summarise(archive, { filesPath });
  assert.deepEqual(cut.totals.files, { ...noFiles(), missing: 2, damaged: 2 });
  assert.deepEqual(cut.projects[0]?.damagedFiles, [
    { runId: 'one', files: 1, example: 'r/f has 7 B instead of 10 B' },
    { runId: 'two', files: 1, example: 'r/f has 7 B instead of 10 B' },
  ]);
  await rm(file);
  const lost = await summarise(archive, { filesPath, runs: ['one'] });
  assert.deepEqual(lost.projects[0]?.damagedFiles, [{ runId: 'one', files: 1, example: 'r/f is not there' }]);
  assert.deepEqual(lost.projects[0]?.damaged, []);
});

test('a run without part_0 and a project without a readable run are damaged, others are summed up', async (t) => {
  const dataPath = await tempFolder(t);
  await cp(join(OFFICIAL, 'data'), dataPath, { recursive: true });
  await write(dataPath, 'whole', content(2), 'complete');
  await write(dataPath, 'lost', content(2), 'complete');
  await rm(join(dataPath, diskName('ws/p'), partName(diskName('lost'), 0)));
  const first = await summarise(await openArchive(dataPath), { projects: ['ws/p'] });
  assert.deepEqual([first.totals.runs, first.totals.damagedRuns], [1, 1]);
  assert.equal(first.projects[0]?.damaged[0]?.run, diskName('lost'));
  const asked = await summarise(await openArchive(dataPath), { runs: ['lost'] });
  assert.deepEqual([asked.totals.runs, asked.totals.damagedRuns], [0, 1]);
  const other = await summarise(await openArchive(dataPath), { runs: ['whole'] });
  assert.deepEqual([other.totals.runs, other.totals.damagedRuns], [1, 0]);
  // Without manifests, the folder is all that tells which project it is.
  await rm(join(dataPath, diskName('ws/p'), '_runs'), { recursive: true });
  await truncate(join(dataPath, diskName('ws/p'), partName(diskName('whole'), 0)), 30);
  const archive = await openArchive(dataPath);
  const { totals, projects } = await summarise(archive);
  assert.deepEqual([totals.projects, totals.runs, totals.damagedRuns], [2, 3, 1]);
  assert.ok(projects.some(({ projectId, damagedRuns }) => projectId === diskName('ws/p') && damagedRuns === 1));
  assert.equal((await summarise(archive, { projects: ['ws/p'] })).totals.damagedRuns, 1);
  assert.equal((await summarise(archive, { projects: ['team.α/vision models'] })).totals.damagedRuns, 0);
});

test('a run whose export was interrupted is told apart from one of the official exporter', async (t) => {
  const dataPath = await tempFolder(t);
  await write(dataPath, 'half', content(2));
  await write(dataPath, 'foreign', content(2));
  const journal = journalPath(dataPath, 'ws/p', 'half');
  await mkdir(dirname(journal), { recursive: true });
  await writeFile(journal, '');
  const { totals } = await summarise(await openArchive(dataPath));
  assert.deepEqual([totals.runs, totals.unverifiedRuns, totals.interruptedRuns], [2, 1, 1]);
});
