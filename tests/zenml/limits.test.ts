// What is large, odd or from other programs: limits of the server are honoured and told, and memory stays flat.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { FloatSeriesBatch } from '../../src/model/batches.ts';
import { surveyBatch } from '../../src/targets/survey.ts';
import { readZenml } from '../counterparts/zenml-readback.ts';
import { floats, sampleRun, scalars, strings, writeArchive } from '../helpers/archive-runs.ts';
import { archiveFolder, artifactsOf, Place, PROJECT, putFile } from './place.ts';

const place = new Place();

test('thousands of parameters and series are whole for Python, though no entry is over the limit', async (t) => {
  const folder = await archiveFolder(t);
  const run = sampleRun(PROJECT, 'r', [
    scalars(
      Array.from({ length: 4000 }, (_, i) => ({ path: `params/größe ${i}`, type: 'string', value: `Wert ${i} ü` })),
    ),
    ...Array.from({ length: 1500 }, (_, i) => floats(`m${i}`, [['0', 1, i / 8]])),
    scalars(Array.from({ length: 3000 }, (_, i) => ({ path: `deep/one/p${i}`, type: 'int', value: BigInt(i) }))),
  ]);
  await writeArchive(join(folder, 'data'), [run]);
  const { alterationsByCode } = await place.loadAll(folder, 'large');
  assert.equal(alterationsByCode.renamed, 4000);
  const { metadata } = await place.version('large', 'r', { load: false });
  const params = metadata.params as Record<string, string>;
  for (let i = 0; i < 4000; i++) assert.equal(params[`gr__e ${i}`], `Wert ${i} ü`);
  const series = metadata.series as Record<string, unknown>;
  for (let i = 0; i < 1500; i++) assert.deepEqual(series[`m${i}`], { min: i / 8, max: i / 8, final: i / 8, count: 1 });
  const deep = metadata.deep as Record<string, Record<string, number>>;
  const all = Object.assign({}, ...Object.values(deep)) as Record<string, number>;
  for (let i = 0; i < 3000; i++) assert.equal(all[`p${i}`], i);
  const { problems } = await place.compare(folder, 'large');
  assert.deepEqual(problems, []);
  assert.equal((await place.loadAll(folder, 'large')).skipped, 1);
});

test('metadata have a limit as a whole: what is over it is in the list of attributes, and told', async (t) => {
  const folder = await archiveFolder(t);
  const value = 'x'.repeat(4900);
  const run = sampleRun(PROJECT, 'r', [
    scalars(Array.from({ length: 250 }, (_, i) => ({ path: `p/${i}`, type: 'string', value: `${i} ${value}` }))),
  ]);
  await writeArchive(join(folder, 'data'), [run]);
  const { alterationsByCode } = await place.loadAll(folder, 'full');
  assert.ok(alterationsByCode.metadata_full! > 20 && alterationsByCode.metadata_full! < 100);
  const version = await place.version('full', 'r', { load: false });
  const held = Object.keys(version.metadata.p as object).length;
  assert.equal(held + alterationsByCode.metadata_full!, 250);
  const [list] = artifactsOf(version).get('neptune_export-attributes')!;
  const content = JSON.parse(await readFile(join(list!.uri, 'data.txt'), 'utf8')) as {
    attributes: { path: string; value: unknown }[];
  };
  for (let i = 0; i < 250; i++) {
    assert.equal(content.attributes.find(({ path }) => path === `p/${i}`)?.value, `${i} ${value}`);
  }
});

test('tags that ZenML does not take, a long description, odd texts', async (t) => {
  const folder = await archiveFolder(t);
  const uuid = '6d5d1308-c4b2-45e1-bfe2-0838eed8e6ac';
  const run = sampleRun(
    PROJECT,
    'r',
    [
      scalars([
        { path: 'half', type: 'string', value: 'a\ud800b' },
        { path: 'set', type: 'string_set', value: ['a\0', 'b'] },
        { path: '\ud800', type: 'int', value: 1n },
        { path: 'empty set', type: 'string_set', value: [] },
      ]),
      strings('s\ud800', [['0', 1, 'x\ud800\0']]),
    ],
    [
      { path: 'sys/name', type: 'string', value: 'e'.repeat(300) },
      {
        path: 'sys/tags',
        type: 'string_set',
        value: [uuid, `{${uuid}}`, '', 't'.repeat(300), 'ok\ud800', 'two\nlines'],
      },
      { path: 'sys/description', type: 'string', value: `d\ud800${'d'.repeat(6000)}` },
    ],
  );
  await writeArchive(join(folder, 'data'), [run]);
  const { alterationsByCode } = await place.loadAll(folder, 'odd');
  assert.equal(alterationsByCode.tag_changed, 6);
  assert.equal(alterationsByCode.description_cut, 1);
  const version = await place.version('odd', 'r');
  assert.ok(version.tags.includes(`neptune:${uuid}`));
  assert.ok(version.tags.every((tag) => tag.length > 0 && tag.length <= 255));
  assert.equal(version.description?.length, 5000);
  assert.deepEqual(version.metadata['empty set'], []);
  assert.deepEqual(artifactsOf(version).get('neptune-set')![0]!.loaded, { kind: 'str', value: '["a\\u0000","b"]' });
  const { problems } = await place.compare(folder, 'odd');
  assert.deepEqual(problems, []);
});

test('files of a set keep their paths, however long the name of the run', async (t) => {
  const folder = await archiveFolder(t);
  const paths = ['a/x.txt', 'b/x.txt', 'x.txt', 'größe/😀.txt'];
  for (const path of paths) await putFile(folder, `set/${path}`, path);
  const run = sampleRun(PROJECT, 'r'.repeat(260), [
    { kind: 'files', rows: [{ path: 'code', type: 'file_set', file: 'set' }] },
  ]);
  await writeArchive(join(folder, 'data'), [run]);
  await place.loadAll(folder, 'set');
  const artifacts = artifactsOf((await place.model('set')).versions[0]!);
  const files = artifacts.get('neptune-code')!;
  assert.deepEqual(files.map(({ metadata }) => metadata.original_path).sort(), paths.toSorted());
  for (const { loaded, metadata } of files) assert.equal((loaded as { text: string }).text, metadata.original_path);
  const list = artifacts.get('neptune_export-attributes')![0]!.loaded as { text: string };
  const { attributes } = JSON.parse(list.text) as { attributes: { path: string; file_name?: string }[] };
  const names = attributes.filter(({ path }) => path === 'code').map(({ file_name }) => file_name);
  assert.deepEqual(names.sort(), paths.toSorted());
});

test('points and values without a value, and times that no calendar has, are told as they are stored', async (t) => {
  const folder = await archiveFolder(t);
  const run = sampleRun(PROJECT, 'r', [
    scalars([{ path: 'far', type: 'datetime', value: 9n * 10n ** 18n }]),
    strings('s', [
      ['0', 1, 'x'],
      ['1', 2, null],
    ]),
  ]);
  await writeArchive(join(folder, 'data'), [run]);
  assert.deepEqual((await place.loadAll(folder, 'without')).alterationsByCode, {
    datetime_as_number: 1,
    null_value: 1,
  });
  const version = await place.version('without', 'r');
  assert.equal(version.metadata.far, 9n * 10n ** 18n);
  const text = artifactsOf(version).get('neptune-s')![0]!.loaded as { value: string };
  assert.match(text.value, /"value": null}\n$/);
  const told = artifactsOf(version).get('neptune_export-alterations')![0]!.loaded as { text: string };
  assert.match(told.text, /"null_value","message":"Points without a value have null for it\."/);
});

test('runs without anything, and without points, are whole', async (t) => {
  const folder = await archiveFolder(t);
  await writeArchive(join(folder, 'data'), [
    { info: { projectId: PROJECT, runId: 'bare', sys: new Map() }, batches: [scalars([])] },
    sampleRun(PROJECT, 'plain', [floats('m', [['0', 1, null]])]),
  ]);
  assert.equal((await place.loadAll(folder, 'bare')).loaded, 2);
  const { versions } = await place.model('bare');
  assert.ok(versions.every(({ metadata }) => metadata.neptune_exporter_loaded !== undefined));
  assert.deepEqual(versions.find(({ name }) => name === 'plain')?.metadata.series, { m: { count: 0 } });
});

test('an archive of the official exporter arrives, is proven, and skipped by the next load', async () => {
  const folder = join(import.meta.dirname, '..', 'fixtures', 'official');
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as {
    runs: Record<string, { series: Record<string, { type: string; steps: number[]; values: unknown[] }> }>;
  };
  const result = await place.loadAll(folder, 'official');
  assert.equal(result.loaded, Object.keys(expected.runs).length);
  const { problems } = await place.compare(folder, 'official');
  assert.deepEqual(problems, []);
  assert.equal((await place.loadAll(folder, 'official')).skipped, result.loaded);
  const { models } = await readZenml(place.login.folder, { prefix: 'official-neptune-export-' });
  const versions = models.flatMap((model) => model.versions);
  assert.equal(versions.length, result.loaded);
  const first = versions.find(({ name }) => name === 'RUN-1')!;
  assert.equal((first.metadata.config as Record<string, unknown>).layers, 9007199254740993n);
  for (const { loaded, name } of versions.flatMap(({ artifacts }) => artifacts)) {
    assert.notEqual(loaded?.kind, 'error', name);
  }
  for (const [name, { series }] of Object.entries(expected.runs)) {
    const { metadata } = versions.find((version) => version.name === name)!;
    for (const [path, { type, values }] of Object.entries(series)) {
      if (type !== 'float_series') continue;
      let summary: unknown = metadata.series;
      for (const part of path.split('/')) summary = (summary as Record<string, unknown> | undefined)?.[part];
      assert.equal((summary as { count: number }).count, values.filter((value) => value !== null).length, path);
    }
  }
});

/** Loads points of ten series, made on the way. @returns bytes of memory at most */
async function loadPoints(points: number): Promise<number> {
  const length = 50_000;
  const steps = BigInt64Array.from({ length }, (_, i) => BigInt(i) * 1_000_000n);
  const values = Float64Array.from({ length }, (_, i) => Math.sin(i));
  function* batches(): Generator<FloatSeriesBatch> {
    for (let from = 0; from < points; from += length) {
      yield { kind: 'float_series', path: `m${(from / length) % 10}`, length, steps, timestamps: steps, values };
    }
  }
  const survey = new Map();
  for (const batch of batches()) surveyBatch(survey, batch, 1n);
  const target = place.target('memory');
  await target.connect();
  const info = { projectId: PROJECT, runId: `${points}`, customRunId: `points ${points}`, sys: new Map() };
  const { signal } = new AbortController();
  const run = await target.open(info, { digest: 'd', stepMultiplier: 1n, survey, filesDirectory: '/nowhere', signal });
  let most = 0;
  for (const batch of batches()) {
    await run.batch(batch);
    most = Math.max(most, process.memoryUsage.rss());
  }
  await run.finish(true);
  most = Math.max(most, process.memoryUsage.rss());
  assert.deepEqual(run.failures, []);
  await target.close();
  return most;
}

test('memory does not grow with the points', async () => {
  const few = await loadPoints(500_000);
  const many = await loadPoints(8_000_000);
  assert.ok(many < few + 80 * 1024 * 1024, `${few >> 20} MiB with 0.5 million points, ${many >> 20} with 8 million`);
});
