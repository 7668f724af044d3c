// The seed's contract for ZenML, and ours beyond it, word by word: what ZenML's Python client finds after a load.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { python } from '../counterparts/python.ts';
import { readZenml } from '../counterparts/zenml-readback.ts';
import { fileSeries, floats, histograms, sampleRun, scalars, strings, writeArchive } from '../helpers/archive-runs.ts';
import { runCli } from '../helpers/cli.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { archiveFolder, artifactsOf, Place, PROJECT, putFile } from './place.ts';

const place = new Place();
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

const SYS = [
  { path: 'sys/name', type: 'string' as const, value: 'my experiment' },
  { path: 'sys/description', type: 'string' as const, value: 'What it is about.' },
  { path: 'sys/tags', type: 'string_set' as const, value: ['best', 'with, comma'] },
  { path: 'sys/group_tags', type: 'string_set' as const, value: ['group'] },
];

const rich = (runId: string) =>
  sampleRun(
    PROJECT,
    runId,
    [
      scalars([
        { path: 'config/optimizer/lr', type: 'float', value: 0.1 },
        { path: 'config/optimizer/name', type: 'string', value: 'adam' },
        { path: 'config/layers', type: 'int', value: 2n ** 53n + 1n },
        { path: 'config/whole', type: 'float', value: 10 },
        { path: 'config/flag', type: 'bool', value: true },
        { path: 'config/classes', type: 'string_set', value: ['b', 'a'] },
        { path: 'config/started', type: 'datetime', value: 1_684_324_800_123n },
        { path: 'alone', type: 'int', value: 7n },
        { path: 'odd/nan', type: 'float', value: Number.NaN },
        { path: 'odd/inf', type: 'float', value: Number.POSITIVE_INFINITY },
        { path: 'text/long', type: 'string', value: 'ü'.repeat(6000) },
        { path: 'text/nul', type: 'string', value: 'a\0b' },
        { path: 'größe', type: 'int', value: 1n },
      ]),
      floats('metrics/loss', [
        ['0', 1_700_000_000_001, 0.5],
        ['0.5', 1_700_000_000_002, 0.25],
        ['1', 1_700_000_000_003, 0.75],
      ]),
      strings('logs/out', [
        ['0', 1_684_324_800_123, 'first\nline'],
        ['1.5', 2000, '日本'],
      ]),
      histograms('hist', [['1', 1000, { edges: [0, 0.5, 1], values: [3, 4] }]]),
      { kind: 'files', rows: [{ path: 'model/weights', type: 'file', file: 'r/model.bin' }] },
      fileSeries('images', [
        ['0', 1, 'r/0.png'],
        ['0.5', 2, 'r/1.png'],
      ]),
    ],
    SYS,
  );

async function richArchive(folder: string, ...runIds: string[]): Promise<void> {
  await putFile(folder, 'r/model.bin', Buffer.alloc(70_000, 9));
  await putFile(folder, 'r/0.png', 'image 0');
  await putFile(folder, 'r/1.png', 'image 1');
  await writeArchive(join(folder, 'data'), runIds.map(rich));
}

test('the example of the README: models, versions, nested metadata, summaries, tags, artifacts', async (t) => {
  const folder = await archiveFolder(t);
  const exports = join(folder, 'exports');
  await richArchive(exports, 'RUN-1', '42');
  // Word by word that of the README, after `zenml login`.
  const command = ['load', '--loader', 'zenml', '--data-path', './exports/data', '--files-path', './exports/files'];
  const { code, stderr } = await runCli(command, { cwd: folder, env: place.env });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /2 loaded/);
  const { models } = await readZenml(place.login.folder, { prefix: 'neptune-export-ws-proj', load: false });
  assert.deepEqual(
    models.map(({ name, versions }) => [name, versions.length]),
    [['neptune-export-ws-proj', 2]],
  );
  await place.loadAll(exports, 'rich');
  const model = await place.model('rich');
  assert.deepEqual(model.tags, ['neptune-import', 'neptune-project:ws/proj']);
  assert.equal(model.description, "Imported from Neptune project 'ws/proj'");
  assert.deepEqual(model.versions.map(({ name }) => name).sort(), ['RUN-1', 'neptune-42']);
  const version = model.versions.find(({ name }) => name === 'RUN-1')!;
  assert.equal(version.description, 'What it is about.');
  assert.deepEqual(version.tags, [
    'best',
    'neptune-experiment:my experiment',
    'neptune-group:group',
    'neptune-import',
    'neptune-project:ws/proj',
    'with, comma',
  ]);
  const { metadata, types } = version;
  assert.deepEqual(metadata.config, {
    optimizer: { lr: 0.1, name: 'adam' },
    layers: 2n ** 53n + 1n,
    whole: 10,
    flag: true,
    classes: ['b', 'a'],
    started: '2023-05-17T12:00:00.123000+00:00',
  });
  assert.deepEqual([metadata.alone, types.alone, types.config], [7, 'int', 'dict']);
  assert.deepEqual(metadata.odd, { nan: 'NaN', inf: 'Infinity' });
  assert.deepEqual(metadata.series, { metrics: { loss: { min: 0.25, max: 0.75, final: 0.75, count: 3 } } });
  assert.equal((metadata.sys as Record<string, unknown>).name, 'my experiment');
  assert.deepEqual((metadata.sys as Record<string, unknown>).tags, ['best', 'with, comma']);
  assert.deepEqual(metadata.neptune_import, {
    source: 'neptune',
    tool: 'neptune-exporter',
    loader: 'zenml',
    project_id: 'ws/proj',
    run_id: 'RUN-1',
    sys_id: 'TST-1',
    experiment_name: 'my experiment',
  });
  assert.equal(metadata.gr__e, 1);
  assert.match(
    (metadata.text as Record<string, string>).long!,
    /^ü{4000}.*6000 characters, whole in artifact neptune-text-long/,
  );
});

test('artifacts load back in Python: files, text, bytes and dicts, linked to their version', async (t) => {
  const folder = await archiveFolder(t);
  await richArchive(folder, 'RUN-1');
  await place.loadAll(folder, 'artifacts');
  const artifacts = artifactsOf(await place.version('artifacts', 'RUN-1'));
  assert.deepEqual([...artifacts.keys()].sort(), [
    'neptune-hist',
    'neptune-images',
    'neptune-logs-out',
    'neptune-model-weights',
    'neptune-text-long',
    'neptune-text-nul',
    'neptune_export-alterations',
    'neptune_export-attributes',
    'neptune_export-float_series',
  ]);
  const only = (name: string) => {
    assert.equal(artifacts.get(name)?.length, 1, name);
    return artifacts.get(name)![0]!;
  };
  // A file: a path.
  const weights = only('neptune-model-weights');
  assert.partialDeepStrictEqual(weights.loaded, {
    kind: 'file',
    size: 70_000,
    sha256: sha256(Buffer.alloc(70_000, 9)),
  });
  assert.partialDeepStrictEqual(weights.metadata, {
    neptune_attribute_path: 'model/weights',
    original_path: 'model.bin',
  });
  assert.deepEqual(weights.tags, ['neptune-import']);
  // Files of a series: one version each, with its step.
  const images = artifacts.get('neptune-images')!;
  assert.deepEqual(
    images.map(({ metadata, loaded }) => [metadata.neptune_step, (loaded as { text?: string }).text]).sort(),
    [
      ['0', 'image 0'],
      ['0.5', 'image 1'],
    ],
  );
  // A text.
  const log = only('neptune-logs-out').loaded;
  assert.ok(log?.kind === 'str');
  assert.equal(
    log.value,
    '{"step": 0, "timestamp": "2023-05-17T12:00:00.123000+00:00", "value": "first\\nline"}\n' +
      '{"step": 1.5, "timestamp": "1970-01-01T00:00:02+00:00", "value": "日本"}\n',
  );
  assert.deepEqual(only('neptune-text-long').loaded, { kind: 'str', value: 'ü'.repeat(6000) });
  assert.deepEqual(only('neptune-text-nul').loaded, { kind: 'str', value: 'a\0b' });
  // A dict.
  assert.deepEqual(only('neptune-hist').loaded, {
    kind: 'dict',
    value: {
      histograms: [
        { step: 1, type: 'COUNTING', edges: [0, 0.5, 1], values: [3, 4], timestamp: '1970-01-01T00:00:01+00:00' },
      ],
    },
  });
  // Bytes.
  const list = only('neptune_export-attributes').loaded;
  assert.ok(list?.kind === 'bytes' && list.text);
  const { attributes, run_id } = JSON.parse(list.text) as { run_id: string; attributes: Record<string, unknown>[] };
  assert.equal(run_id, 'RUN-1');
  assert.deepEqual(
    attributes.find(({ path }) => path === 'config/optimizer/lr'),
    { path: 'config/optimizer/lr', type: 'float', key: 'config/optimizer/lr', value: 0.1 },
  );
  assert.deepEqual(
    attributes.find(({ path }) => path === 'model/weights'),
    {
      path: 'model/weights',
      type: 'file',
      artifact: 'neptune-model-weights',
      version: weights.version,
      file_name: 'model.bin',
    },
  );
  const told = only('neptune_export-alterations').loaded;
  assert.ok(told?.kind === 'bytes' && told.text);
  const { alterations } = JSON.parse(told.text) as { alterations: { path: string; code: string }[] };
  assert.deepEqual(alterations.map(({ path, code }) => `${code} ${path}`).sort(), [
    'not_a_number odd/inf',
    'not_a_number odd/nan',
    'renamed größe',
    'value_not_text text/nul',
    'value_too_long text/long',
  ]);
  // The whole series: a parquet file for pyarrow.
  const series = only('neptune_export-float_series');
  assert.equal(series.loaded?.kind, 'file');
  const script =
    'import sys, json, pyarrow.parquet as pq\nprint(json.dumps([[str(v) for v in r.values()] for r in pq.read_table(sys.argv[1]).to_pylist()]))';
  const { stdout } = await promisify(execFile)(await python('mlflow'), ['-c', script, join(series.uri, 'file_data')]);
  assert.deepEqual(JSON.parse(stdout), [
    ['metrics/loss', '0.000000', '2023-11-14 22:13:20.001000+00:00', '0.5'],
    ['metrics/loss', '0.500000', '2023-11-14 22:13:20.002000+00:00', '0.25'],
    ['metrics/loss', '1.000000', '2023-11-14 22:13:20.003000+00:00', '0.75'],
  ]);
});

test('a fork names its parent in the metadata, and by the id of its version', async (t) => {
  const folder = await archiveFolder(t);
  const child = sampleRun(
    PROJECT,
    'child',
    [],
    [
      { path: 'sys/forking/parent', type: 'string', value: 'root' },
      { path: 'sys/forking/step', type: 'int', value: 12n },
    ],
  );
  await writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'root', []), child]);
  await place.loadAll(folder, 'forked');
  const { versions } = await place.model('forked');
  const [root, fork] = ['root', 'child'].map((name) => versions.find((version) => version.name === name)!);
  assert.deepEqual(fork!.metadata.neptune_fork, { parent_run_id: 'root', step: 12, parent_model_version_id: root!.id });
  assert.deepEqual((fork!.metadata.sys as { forking: unknown }).forking, { parent: 'root', step: 12 });
  assert.equal(root!.metadata.neptune_fork, undefined);
});

test('names that ZenML refuses or has already, in one model', async (t) => {
  const folder = await archiveFolder(t);
  const ids = ['007', 'latest', 'run/4 #odd "ü"', ' blank', 'x'.repeat(300), "it's", '三', 'a\nb'];
  await writeArchive(
    join(folder, 'data'),
    ids.map((id) => sampleRun(PROJECT, id, [])),
  );
  const result = await place.loadAll(folder, 'named');
  assert.equal(result.alterationsByCode.run_renamed, 5);
  const { versions } = await place.model('named');
  const names = versions.map(({ name }) => name).sort();
  assert.deepEqual(
    names.filter((name) => !name.startsWith('xxx')),
    [' blank', 'a_b', "it's", 'neptune-007', 'neptune-latest', 'neptune-三', 'run/4 #odd "ü"'],
  );
  const long = versions.find(({ name }) => name.startsWith('xxx'))!;
  assert.equal((long.metadata.neptune_import as { run_id: string }).run_id, 'x'.repeat(300));

  // Another project whose model has the same name, and a run of the same name in it.
  const other = await archiveFolder(t);
  const [a, b] = ['a-b/c', 'a/b-c'].map((projectId, i) => {
    const run = sampleRun(projectId, 'same', [scalars([{ path: 'p', type: 'int', value: BigInt(i) }])]);
    return run;
  });
  await writeArchive(join(other, 'data'), [a!, b!]);
  const shared = await place.loadAll(other, 'shared');
  assert.deepEqual([shared.loaded, shared.alterationsByCode.run_renamed], [2, 1]);
  assert.equal((await place.loadAll(other, 'shared')).skipped, 2);
});

test('runs that get the same name at the same time are all loaded, and told', async (t) => {
  const folder = await archiveFolder(t);
  const ids = ['1', 'neptune-1', '2', 'neptune-2', '3', 'neptune-3'];
  const write = (value: bigint) =>
    writeArchive(
      join(folder, 'data'),
      ids.map((id) => sampleRun(PROJECT, id, [scalars([{ path: 'p', type: 'int', value }])])),
    );
  await write(1n);
  const { loaded, alterationsByCode } = await place.loadAll(folder, 'race', { concurrency: 6 });
  assert.equal(loaded, 6);
  // One of each two has the other's name, or both have another one than their own.
  const { versions } = await place.model('race');
  const renamed = versions.filter(
    ({ name, metadata }) => name !== (metadata.neptune_import as { run_id: string }).run_id,
  );
  assert.equal(alterationsByCode.run_renamed, renamed.length);
  assert.deepEqual((await place.compare(folder, 'race')).problems, []);
  await write(2n);
  const again = await place.loadAll(folder, 'race');
  assert.deepEqual([again.updated, again.alterationsByCode.run_renamed], [6, renamed.length]);
  const { problems, result } = await place.compare(folder, 'race');
  assert.deepEqual(problems, []);
  assert.deepEqual(
    result.runs.filter(({ extras }) => (extras?.count ?? 0) > 0),
    [],
  );
});

test('a name that only the database of the server takes for that of another run', async (t) => {
  const folder = await archiveFolder(t);
  await writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'r\u00e9', [])]);
  const proxy = await startFaultProxy({ url: place.server.url, token: '' });
  t.after(() => proxy.close());
  const body = '{"detail":["EntityExistsError","A model with the same name and version already exists."]}';
  const when = ({ method, body }: { method: string; body: Buffer }) =>
    method === 'POST' && body.toString().includes('"name":"r\u00e9"');
  const fault = { kind: 'status', status: 409, body, type: 'application/json' } as const;
  proxy.replaceRules([{ path: /\/model_versions$/, when, fault }]);
  const env = { ...place.env, ZENML_STORE_URL: proxy.url, ZENML_STORE_API_KEY: place.server.apiKey };
  const { loaded, alterationsByCode } = await place.loadAll(folder, 'accents', {}, { env });
  assert.deepEqual([loaded, alterationsByCode.run_renamed], [1, 1]);
  const { versions } = await place.model('accents', { load: false });
  assert.match(versions[0]!.name, /^r\u00e9-[0-9a-f]{8}$/);
  assert.equal((await place.loadAll(folder, 'accents', {}, { env })).skipped, 1);
});

test('a renamed version whose name another program took meanwhile is replaced beside it', async (t) => {
  const folder = await archiveFolder(t);
  const write = (value: bigint) =>
    writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'r', [scalars([{ path: 'p', type: 'int', value }])])]);
  await write(1n);
  await place.loadAll(folder, 'aside');
  const { id: model, versions } = await place.model('aside', { load: false });
  await place.server.call('PUT', `/model_versions/${versions[0]!.id}`, { name: 'r-best' });
  await place.server.call('POST', '/model_versions', { name: 'r', model, project: place.server.project.id });
  await write(2n);
  const { updated, alterationsByCode } = await place.loadAll(folder, 'aside');
  assert.deepEqual([updated, alterationsByCode.run_renamed], [1, 1]);
  const now = (await place.model('aside', { load: false })).versions;
  assert.deepEqual(
    now.map(({ metadata }) => metadata.p),
    [undefined, 2],
  );
  assert.match(now[1]!.name, /^r-[0-9a-f]{8}$/);
});

test('a load says once that a step multiplier changes nothing, and a plan is the load', async (t) => {
  const folder = await archiveFolder(t);
  await richArchive(folder, 'RUN-1');
  const options = ['-d', 'data', '-f', 'files', '--loader', 'zenml', '--name-prefix', 'steps', '--json'];
  const plan = await runCli(['load', ...options, '--dry-run'], { cwd: folder, env: place.env });
  assert.equal(plan.code, 0, plan.stderr);
  const planned = JSON.parse(plan.stdout) as { runs: { alterations: { code: string; count: number }[] }[] };
  const { result, warnings } = await place.load(folder, 'steps', { stepMultiplier: 100n });
  assert.deepEqual(warnings.filter((text) => /step multiplier/.test(text)).length, 1);
  const counts: Record<string, number> = {};
  for (const { code, count } of planned.runs[0]!.alterations) counts[code] = (counts[code] ?? 0) + count;
  assert.deepEqual(result.alterationsByCode, counts);
  const { metadata } = await place.version('steps', 'RUN-1');
  assert.deepEqual(metadata.series, { metrics: { loss: { min: 0.25, max: 0.75, final: 0.75, count: 3 } } });
});

test('a changed run is replaced: files that are the same stay, others go from server and store', async (t) => {
  const folder = await archiveFolder(t);
  await putFile(folder, 'same.bin', 'the same');
  await putFile(folder, 'old.bin', 'old');
  const files = (file: string, value: bigint) =>
    sampleRun(PROJECT, 'r', [
      scalars([{ path: 'p', type: 'int', value }]),
      {
        kind: 'files',
        rows: [
          { path: 'same', type: 'file', file: 'same.bin' },
          { path: 'changing', type: 'file', file },
        ],
      },
    ]);
  await writeArchive(join(folder, 'data'), [files('old.bin', 1n)]);
  await place.loadAll(folder, 'changing');
  const before = artifactsOf(await place.version('changing', 'r'));
  await putFile(folder, 'new.bin', 'new');
  await writeArchive(join(folder, 'data'), [files('new.bin', 2n)]);
  assert.equal((await place.loadAll(folder, 'changing')).updated, 1);
  const { versions } = await place.model('changing');
  assert.deepEqual(
    versions.map(({ name, metadata, tags }) => [name, metadata.p, tags.includes('neptune-import:incomplete')]),
    [['r', 2, false]],
  );
  const now = artifactsOf(versions[0]!);
  assert.equal(now.get('neptune-same')![0]!.id, before.get('neptune-same')![0]!.id, 'not stored again');
  assert.equal((now.get('neptune-changing')![0]!.loaded as { text?: string }).text, 'new');
  const gone = before.get('neptune-changing')![0]!;
  await assert.rejects(readFile(join(gone.uri, 'file_data')), { code: 'ENOENT' });
  await assert.rejects(place.server.call('GET', `/artifact_versions/${gone.id}`), /404/);
});

test('a half run is gone on with: what is stored is not stored again; another content takes its place', async (t) => {
  const folder = await archiveFolder(t);
  await putFile(folder, 'a.bin', 'a');
  const withFiles = (value: bigint) =>
    sampleRun(PROJECT, 'r', [
      scalars([{ path: `p${value}`, type: 'int', value }]),
      {
        kind: 'files',
        rows: [
          { path: 'a', type: 'file', file: 'a.bin' },
          { path: 'late', type: 'file', file: 'late.bin' },
        ],
      },
    ]);
  await writeArchive(join(folder, 'data'), [withFiles(1n)]);
  const first = await place.load(folder, 'half');
  assert.deepEqual([first.result.partial, first.failures[0]?.failure.code], [1, 'not_found']);
  const half = await place.version('half', 'r');
  assert.deepEqual(half.tags, ['neptune-import:incomplete']);
  assert.match(half.description ?? '', /^Being loaded by neptune-exporter: this version is not whole yet/);
  const [stored] = artifactsOf(half).get('neptune-a')!;
  const { mtimeMs } = await stat(join(stored!.uri, 'file_data'));

  await putFile(folder, 'late.bin', 'late');
  assert.equal((await place.loadAll(folder, 'half')).completed, 1);
  const whole = await place.version('half', 'r');
  assert.equal(whole.id, half.id);
  assert.equal(artifactsOf(whole).get('neptune-a')![0]!.id, stored!.id);
  assert.equal((await stat(join(stored!.uri, 'file_data'))).mtimeMs, mtimeMs, 'not stored again');
  assert.equal(artifactsOf(whole).get('neptune_export-attributes')?.length, 1, 'the list of the first load is gone');

  // A half run of another content: nothing of it stays in the metadata.
  await rm(join(folder, 'files'), { recursive: true });
  await putFile(folder, 'a.bin', 'a');
  await writeArchive(join(folder, 'data'), [withFiles(2n)]);
  await place.load(folder, 'half');
  await putFile(folder, 'late.bin', 'late');
  await writeArchive(join(folder, 'data'), [withFiles(3n)]);
  assert.equal((await place.loadAll(folder, 'half')).completed, 1);
  const { versions } = await place.model('half');
  assert.deepEqual(
    versions.map(({ name, metadata }) => [name, metadata.p1, metadata.p2, metadata.p3]),
    [['r', undefined, undefined, 3]],
  );
});
