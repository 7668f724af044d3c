// `--adopt`: what it records, what it refuses, and that it touches neither parts nor files.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { glob, readFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { diskName, partName } from '../../src/archive/names.ts';
import { summarise } from '../../src/archive/summary.ts';
import { findRun, openArchive } from '../../src/index.ts';
import { EXPORT_CLASSES } from '../../src/model/attributes.ts';
import { coversSelection, keepsRecorded } from '../../src/transfer/selection-record.ts';
import { validate } from '../archive/json-schema.ts';
import { manifestsIn } from '../helpers/archive-folder.ts';
import { codesOf, edit, modelsCopy, officialCopy, ownArchive, ownManifest, PROJECT, put, verify } from './kit.ts';

const adopt = { adopt: true, writtenBy: 'neptune-exporter 1.2.3' };

/** Hashes of all files below a folder but manifests. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const path of glob('**/*', { cwd: folder })) {
    if (path.includes('_runs')) continue;
    const bytes = await readFile(join(folder, path)).catch(() => undefined);
    if (bytes) found[path] = createHash('sha256').update(bytes).digest('hex');
  }
  return found;
}

/** Points of all float series of a run, as the fixture's own account of itself has them. */
async function floatPoints(runId: string): Promise<number> {
  const text = await readFile(join(import.meta.dirname, '../fixtures/official/expected.json'), 'utf8');
  const { runs } = JSON.parse(text) as {
    runs: Record<string, { series: Record<string, { type: string; steps: [] }> }>;
  };
  const series = Object.values(runs[runId]!.series).filter(({ type }) => type === 'float_series');
  return series.reduce((sum, { steps }) => sum + steps.length, 0);
}

test('an adopted run has a manifest that says what is there, and no more than is known', async (t) => {
  const copy = await officialCopy(t);
  const before = await contents(copy.folder);
  await verify(copy, adopt);
  assert.deepEqual(await contents(copy.folder), before);
  const manifests = await manifestsIn(copy.data);
  assert.deepEqual([...manifests.keys()].sort(), ['RUN-1', 'fork of/RUN-1', 'ночь']);
  const manifest = manifests.get('RUN-1')!;
  const { status, projectId, writtenBy, source, selection, modifiedAt, adopted, failures, counts } = manifest;
  assert.deepEqual(
    { status, projectId, writtenBy, source, modifiedAt, failures },
    {
      status: 'complete',
      projectId: PROJECT,
      writtenBy: adopt.writtenBy,
      source: { name: 'neptune3', address: '' },
      modifiedAt: Date.UTC(2024, 2, 1, 14),
      failures: [],
    },
  );
  assert.ok(adopted !== undefined && Math.abs(Date.parse(adopted) - Date.now()) < 60_000);
  assert.deepEqual(selection, {
    attributes: 'all',
    classes: ['files', 'metrics', 'parameters', 'series'],
    previews: false,
  });
  assert.deepEqual(
    manifest.parts.map(({ name }) => name),
    [0, 1].map((part) => partName(diskName('RUN-1'), part)),
  );
  assert.equal(manifest.files.length, 6);
  const point = manifest.files.find(({ path }) => path === 'RUN-1/images/b/step_0_750000.png');
  assert.deepEqual(point, {
    attributePath: 'images/b',
    attributeType: 'file_series',
    step: '0.750000',
    path: 'RUN-1/images/b/step_0_750000.png',
    bytes: 10,
    sha256: createHash('sha256').update(Buffer.alloc(10, 3)).digest('hex'),
  });
  assert.deepEqual(counts.float_series, { attributes: 4, rows: await floatPoints('RUN-1') });
  assert.equal(manifests.get('ночь')!.modifiedAt, undefined);
});

test('manifests of adopted runs are as the schema says', async (t) => {
  const copy = await modelsCopy(t);
  await verify(copy, adopt);
  const schema = JSON.parse(await readFile(join(import.meta.dirname, '../../schema/manifest.schema.json'), 'utf8'));
  for (const scope of ['models', 'model_versions'] as const) {
    const manifests = await manifestsIn(copy.data, scope);
    assert.equal(manifests.size, 2);
    for (const manifest of manifests.values()) {
      assert.deepEqual(validate(schema, manifest), []);
      assert.equal(manifest.source.name, 'neptune2');
    }
  }
  // The row of a set of files names its folder, the manifest what lies in it.
  const { files } = (await manifestsIn(copy.data, 'model_versions')).get('VIS-CHURN-1')!;
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'model_versions/VIS-CHURN-1/data/files_list.json',
    'model_versions/VIS-CHURN-1/model/model.zip',
    'model_versions/VIS-CHURN-1/plots/0.png',
    'model_versions/VIS-CHURN-1/plots/1.png',
    'model_versions/VIS-CHURN-1/plots/2.png',
  ]);
});

test('an export takes an adopted run for what an export by default brings', async (t) => {
  const copy = await officialCopy(t);
  await verify(copy, adopt);
  const { manifest } = (await findRun(copy.data, PROJECT, 'RUN-1'))!;
  const all = { attributes: { kind: 'all' } as const, classes: new Set(EXPORT_CLASSES), includePreviews: false };
  assert.equal(coversSelection(manifest!, all), true);
  assert.equal(coversSelection(manifest!, { ...all, includePreviews: true }), false);
  assert.equal(keepsRecorded({ ...all, classes: new Set(['metrics'] as const) }, manifest!.selection), false);
});

test('summary counts an adopted archive as before', async (t) => {
  const copy = await officialCopy(t);
  const sum = async () => (await summarise(await openArchive(copy.data), { filesPath: copy.files })).totals;
  const { unverifiedRuns, ...before } = await sum();
  await verify(copy, adopt);
  assert.equal(unverifiedRuns, 3);
  assert.deepEqual(await sum(), { ...before, unverifiedRuns: 0 });
});

test('what was adopted is damaged from then on if anything changes', async (t) => {
  const copy = await officialCopy(t);
  await verify(copy, adopt);
  await edit(join(copy.projectFiles, 'RUN-1/files/model.bin'), (bytes) => Buffer.from(bytes).fill(0, 3, 4));
  assert.deepEqual(codesOf(await verify(copy, adopt)), ['file_hash']);
});

test('a run in which something looks broken is not adopted, the others are', async (t) => {
  const copy = await officialCopy(t);
  await rm(join(copy.projectFiles, 'RUN-1/files/model.bin'));
  const result = await verify(copy, adopt);
  assert.deepEqual([result.adopted, codesOf(result)], [2, ['file_missing']]);
  assert.deepEqual([...(await manifestsIn(copy.data)).keys()].sort(), ['fork of/RUN-1', 'ночь']);
  // It is still what it was.
  assert.equal((await findRun(copy.data, PROJECT, 'RUN-1'))?.manifest, undefined);
});

test('neither an interrupted run nor one with a damaged manifest is adopted', async (t) => {
  const copy = await ownArchive(t);
  await rm(ownManifest(copy));
  const journal = ownManifest(copy).replace(/\.json$/, '.downloads.jsonl');
  await put(journal, '');
  const interrupted = await verify(copy, adopt);
  assert.deepEqual([interrupted.adopted, codesOf(interrupted)], [0, ['interrupted']]);
  await rename(journal, ownManifest(copy));
  const damaged = await verify(copy, adopt);
  assert.deepEqual([damaged.adopted, codesOf(damaged)], [0, ['manifest_damaged']]);
  assert.equal(await readFile(ownManifest(copy), 'utf8'), '');
});

test('a run of ours that lost its manifest can be adopted, a cut one not', async (t) => {
  const copy = await ownArchive(t);
  await rm(ownManifest(copy));
  const result = await verify(copy, adopt);
  assert.deepEqual([result.adopted, result.problems], [1, []]);
  assert.deepEqual((await verify(copy)).problems, []);
  await rm(ownManifest(copy));
  await truncate(join(copy.project, partName(diskName('RUN-1'), 2)), 3000);
  assert.deepEqual([(await verify(copy, adopt)).adopted, codesOf(await verify(copy))], [0, ['part_unreadable']]);
});

test('only what is asked for is adopted', async (t) => {
  const copy = await officialCopy(t);
  await verify(copy, { ...adopt, runs: ['ночь'] });
  assert.deepEqual([...(await manifestsIn(copy.data)).keys()], ['ночь']);
});
