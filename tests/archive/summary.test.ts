// Sums of an archive: of the official exporter's, of ours, and with something wrong in it.

import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { writeManifest } from '../../src/archive/manifest.ts';
import { diskName, partName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import { summarise } from '../../src/archive/summary.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import type { Batch } from '../../src/model/batches.ts';
import { tempFolder } from '../helpers/temp.ts';

const OFFICIAL = join(import.meta.dirname, '..', 'fixtures', 'official');

test('an archive of the official exporter is summed up, its files looked up', async () => {
  const archive = await openArchive(join(OFFICIAL, 'data'));
  const summary = await summarise(archive, { filesPath: join(OFFICIAL, 'files') });
  assert.deepEqual(JSON.parse(JSON.stringify(summary)), summary);
  const [project] = summary.projects;
  assert.ok(project);
  assert.equal(project.projectId, 'team.α/vision models');
  assert.deepEqual([project.runs, project.unverifiedRuns, project.partialRuns, project.damagedRuns], [3, 3, 0, 0]);
  assert.deepEqual(project.files, { count: 6, bytes: 850, missing: 0 });
  assert.deepEqual(project.types.float_series?.attributes, 4);
  assert.deepEqual(project.types.string_series, { attributes: 1, rows: 40 });
  assert.deepEqual(project.steps, { least: '0.000000', greatest: '224.750000' });
  assert.deepEqual(project.times, { first: '2024-03-01T12:00:00.000Z', last: '2024-03-01T12:14:59.003Z' });
  assert.equal(project.biggestRuns[0]?.runId, 'RUN-1');
  const rows = Object.values(project.types).reduce((sum, type) => sum + type.rows, 0);
  assert.equal(project.records, rows);
  assert.equal(summary.totals.records, rows);
  assert.equal((await summarise(archive)).totals.files.bytes, null);
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
  assert.deepEqual(totals.files, { count: 2, bytes: 20, missing: 2 });
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
