// `verify --loader zenml` on a real server: what was loaded is proven equal, and each damage is found and named, and nothing else.

import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { VerifyReport } from '../../src/cli/verify-report.ts';
import type { ReadZenmlVersion } from '../counterparts/zenml-readback.ts';
import {
  fileSeries,
  floats,
  histograms,
  line,
  sampleRun,
  scalars,
  strings,
  writeArchive,
} from '../helpers/archive-runs.ts';
import { runCli } from '../helpers/cli.ts';
import { archiveFolder, artifactsOf, Place, PROJECT, putFile } from './place.ts';

const place = new Place();

const whole = (runId: string) =>
  sampleRun(PROJECT, runId, [
    scalars([
      { path: 'config/lr', type: 'float', value: 0.1 },
      { path: 'config/nan', type: 'float', value: Number.NaN },
      { path: 'config/big', type: 'int', value: 2n ** 62n },
      { path: 'config/zero', type: 'float', value: -0 },
      { path: 'long', type: 'string', value: 'x'.repeat(7000) },
      { path: 'a:b', type: 'int', value: 1n },
    ]),
    floats('loss', line(500, 0.25)),
    strings('log', [['0', 1, 'text']]),
    histograms('h', [['0', 1, { edges: [0, 1], values: [2] }]]),
    fileSeries('img', [['0', 1, 'image.png']]),
    { kind: 'files', rows: [{ path: 'model', type: 'file', file: 'model.bin' }] },
  ]);

async function loaded(t: TestContext, prefix: string): Promise<{ folder: string; version: ReadZenmlVersion }> {
  const folder = await archiveFolder(t);
  await putFile(folder, 'model.bin', 'weights');
  await putFile(folder, 'image.png', 'image');
  await writeArchive(join(folder, 'data'), [whole('r')]);
  await place.loadAll(folder, prefix);
  return { folder, version: await place.version(prefix, 'r', { load: false }) };
}

const fileOf = (version: ReadZenmlVersion, artifact: string, file: string) =>
  join(artifactsOf(version).get(artifact)![0]!.uri, file);

/** What is told, by code and attribute. */
async function problems(folder: string, prefix: string): Promise<string[]> {
  const found = (await place.compare(folder, prefix)).problems;
  return found.map(({ code, attributePath = '-', message }) => `${code} ${attributePath}: ${message}`).sort();
}

test('a run as it was loaded is equal; what the mapping altered is told as that', async (t) => {
  const { folder } = await loaded(t, 'equal');
  const options = ['verify', '-d', 'data', '-f', 'files', '--loader', 'zenml', '--name-prefix', 'equal'];
  const { code, stdout, stderr } = await runCli([...options, '--json'], { cwd: folder, env: place.env });
  assert.equal(code, 0, stderr);
  const { target } = JSON.parse(stdout) as VerifyReport;
  const [run] = target?.runs ?? [];
  assert.deepEqual(
    [run?.state, run?.missing, run?.different, run?.unclear, run?.extras.count],
    ['compared', 0, 0, 0, 0],
    JSON.stringify(run),
  );
  assert.deepEqual(run?.attributes.map(({ attributePath, state, codes }) => [attributePath, state, codes]).sort(), [
    ['a:b', 'altered', ['renamed']],
    ['config/nan', 'altered', ['not_a_number']],
    ['long', 'altered', ['value_too_long']],
  ]);
  assert.deepEqual([target?.points, (target?.files ?? 0) > 6], [500, true]);
});

test('files that are gone, cut or changed in the store are found', async (t) => {
  const { folder, version } = await loaded(t, 'files');
  await rm(fileOf(version, 'neptune-model', 'file_data'));
  await writeFile(fileOf(version, 'neptune-img', 'file_data'), 'imagE');
  await writeFile(fileOf(version, 'neptune-log', 'data.json'), '"cut"');
  const series = fileOf(version, 'neptune_export-float_series', 'file_data');
  const content = await readFile(series);
  content[content.length >> 1]! ^= 1;
  await writeFile(series, content);
  const found = await problems(folder, 'files');
  assert.equal(found.length, 4, found.join('\n'));
  assert.match(found[0]!, /^target_different -: artifact neptune_export-float_series.*another content/);
  assert.match(found[1]!, /^target_different img: .*another content/);
  assert.match(found[2]!, /^target_different log: .*has 5 bytes, it should be \d+/);
  assert.match(found[3]!, /^target_missing model: .*not in the artifact store/);
});

test('metadata, tags and the description that others changed are found', async (t) => {
  const { folder, version } = await loaded(t, 'metadata');
  const resources = [{ id: version.id, type: 'model_version' }];
  const write = (values: object, types: object) =>
    place.server.call('POST', '/run-metadata', { project: place.server.project.id, resources, values, types });
  const { config, series } = version.metadata as { config: object; series: { loss: object } };
  // Members of objects are merged with what is there.
  await write(
    {
      config: { ...config, big: 1, lr: 0.2, more: 5 },
      series: { loss: { ...series.loss, max: 1 } },
      long: 5,
      added: 'by hand',
    },
    { config: 'dict', series: 'dict', long: 'int', added: 'str' },
  );
  await place.server.call('PUT', `/model_versions/${version.id}`, {
    description: 'other words',
    add_tags: ['mine'],
    remove_tags: ['neptune-import'],
  });
  const found = await problems(folder, 'metadata');
  const long = found.findIndex((text) => text.startsWith('target_different long: metadata long'));
  assert.match(found.splice(long, 1)[0]!, /7000 characters.* and is '5'|\(5000 characters\)' and is '5'/);
  assert.deepEqual(found, [
    "target_different -: description: It should be 'Neptune run r of ws/proj' and is 'other words'.",
    `target_different config/big: metadata config/big: It should be '${2n ** 62n}' and is '1'.`,
    "target_different config/lr: metadata config/lr: It should be '0.1' and is '0.2'.",
    "target_different config/zero: metadata config/zero: It should be '-0' and is '0'.",
    "target_different loss: metadata series/loss/max: It should be '124.75' and is '1'.",
    'target_missing -: tag neptune-import: The target does not have it.',
  ]);
  const { extras } = (await place.compare(folder, 'metadata')).result.runs[0]!;
  assert.deepEqual(extras.first.sort(), ['metadata added', 'metadata config/more', 'tag mine']);
});

test('artifacts that were unlinked, deleted or added are found', async (t) => {
  const { folder, version } = await loaded(t, 'links');
  const artifacts = artifactsOf(version);
  await place.server.call('DELETE', `/artifact_versions/${artifacts.get('neptune-h')![0]!.id}`);
  const { id } = await place.server.call('POST', '/artifact_versions', {
    project: place.server.project.id,
    artifact_name: 'mine',
    has_custom_name: true,
    type: 'DataArtifact',
    save_type: 'manual',
    uri: '/tmp/x',
    artifact_store_id: place.server.artifactStore.id,
    materializer: 'zenml.materializers.path_materializer.PathMaterializer',
    data_type: 'pathlib.PosixPath',
  });
  await place.server.call('POST', '/model_version_artifacts', { model_version: version.id, artifact_version: id });
  const found = await problems(folder, 'links');
  assert.equal(found.length, 1, found.join('\n'));
  assert.match(found[0]!, /^target_missing h: artifact neptune-h.*does not have it/);
  const { extras } = (await place.compare(folder, 'links')).result.runs[0]!;
  assert.deepEqual(extras.first, ['artifact mine, version 1']);
});

test('a run that changed in the archive, is half, or is not there is told; nothing is made', async (t) => {
  const { folder } = await loaded(t, 'states');
  await writeArchive(join(folder, 'data'), [
    sampleRun(PROJECT, 'r', [scalars([{ path: 'config/lr', type: 'float', value: 0.3 }])]),
    sampleRun(PROJECT, 'new', []),
  ]);
  const codes = (await place.compare(folder, 'states')).problems.map(({ code, runId }) => `${code} ${runId}`);
  assert.deepEqual(codes.sort(), ['target_run_changed r', 'target_run_missing new']);
  const before = (await place.server.call<{ total: number }>('GET', '/models')).total;
  const other = await place.compare(folder, 'nowhere');
  assert.deepEqual(
    other.problems.map(({ code }) => code),
    ['target_run_missing', 'target_run_missing'],
  );
  assert.equal((await place.server.call<{ total: number }>('GET', '/models')).total, before);
});

test('a version that somebody renamed is still known, and the new name is told', async (t) => {
  const { folder, version } = await loaded(t, 'renamed');
  await place.server.call('PUT', `/model_versions/${version.id}`, { name: 'my best one' });
  const found = await problems(folder, 'renamed');
  assert.deepEqual(found, ["target_different -: version name: It should be 'r' and is 'my best one'."]);
  assert.equal((await place.loadAll(folder, 'renamed')).skipped, 1);
});

test('a load whose temporary files stay nowhere', async (t) => {
  const folder = await archiveFolder(t);
  await writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'r', [floats('m', line(10, 1))])]);
  const env = { ...place.env, TMPDIR: join(folder, 'data', '..') };
  const before = (await readdir(folder)).sort();
  const args = ['load', '-d', 'data', '-f', 'files', '--loader', 'zenml', '--name-prefix', 'temporary'];
  const { code, stderr } = await runCli([...args, '--log-file', '/dev/null'], { cwd: folder, env });
  assert.equal(code, 0, stderr);
  assert.deepEqual((await readdir(folder)).filter((name) => !/\.log$/.test(name)).sort(), before);
});
