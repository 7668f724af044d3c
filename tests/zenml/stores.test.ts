// Artifact stores on S3, Azure and Google Cloud Storage: files go there by the vendors' clients, and ZenML's client loads them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test, { after, type TestContext } from 'node:test';
import { AzureStore } from '../../src/targets/zenml/store-azure.ts';
import { GcsStore } from '../../src/targets/zenml/store-gcs.ts';
import { S3Store as S3ArtifactStore } from '../../src/targets/zenml/store-s3.ts';
import {
  type AzureStore as AzureServer,
  type ObjectStore,
  type S3Store,
  startAzurite,
  startGcs,
  startS3,
} from '../counterparts/object-stores.ts';
import {
  connectorEnvironment,
  createAzureStack,
  createGcsStack,
  createProject,
  createS3Stack,
  createStack,
  type S3Way,
  type ZenmlStack,
} from '../counterparts/zenml-stacks.ts';
import { floats, sampleRun, strings, writeArchive } from '../helpers/archive-runs.ts';
import { archiveFolder, artifactsOf, Place, PROJECT, putFile } from './place.ts';

let s3: S3Store;
let azure: AzureServer;
let gcs: ObjectStore;
const place = new Place(async () => {
  [s3, azure, gcs] = await Promise.all([startS3(), startAzurite(), startGcs()]);
  return { env: connectorEnvironment(s3) };
});
after(() => Promise.all([s3, azure, gcs].map((store) => store?.close())));

const WEIGHTS = Buffer.alloc(50_000, 3);
const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex');

async function archive(t: TestContext, text: string): Promise<string> {
  const folder = await archiveFolder(t);
  await putFile(folder, 'r/größe 1%25#?.bin', WEIGHTS);
  await putFile(folder, 'r/empty', '');
  await writeArchive(join(folder, 'data'), [run(text)]);
  return folder;
}

const run = (text: string) =>
  sampleRun(PROJECT, 'r', [
    floats('m', [['0', 1, 0.5]]),
    strings('log', [['0', 1, text]]),
    {
      kind: 'files',
      rows: [
        { path: 'model', type: 'file', file: 'r/größe 1%25#?.bin' },
        { path: 'empty', type: 'file', file: 'r/empty' },
      ],
    },
  ]);

/** Loads an archive into a stack, has it compared and read back, changes it, breaks an object, and has that found. */
async function throughStack(
  t: TestContext,
  name: string,
  server: ObjectStore,
  { stack, artifactStore, path }: ZenmlStack,
  environment: Record<string, string> = {},
): Promise<void> {
  const env = { ...place.env, ...environment, ZENML_ACTIVE_STACK_ID: stack.id };
  const folder = await archive(t, 'first');
  await place.loadAll(folder, name, {}, { env });
  const version = await place.version(name, 'r', { stack: stack.id, environment });
  const artifacts = artifactsOf(version);
  const [model] = artifacts.get('neptune-model')!;
  assert.partialDeepStrictEqual(model!.loaded, { kind: 'file', size: WEIGHTS.length, sha256: sha256(WEIGHTS) });
  assert.partialDeepStrictEqual(artifacts.get('neptune-empty')![0]!.loaded, { kind: 'file', size: 0 });
  assert.deepEqual([model!.store, model!.uri.startsWith(`${path}/custom_artifacts/`)], [artifactStore.id, true]);
  const log = artifacts.get('neptune-log')![0]!.loaded;
  assert.ok(log?.kind === 'str' && log.value.includes('first'));
  const clean = await place.compare(folder, name, { env });
  assert.deepEqual([clean.problems, clean.result.runs[0]?.different], [[], 0]);
  assert.equal((await place.loadAll(folder, name, {}, { env })).skipped, 1);

  await writeArchive(join(folder, 'data'), [run('second')]);
  assert.equal((await place.loadAll(folder, name, {}, { env })).updated, 1);
  const keyOf = (uri: string) => uri.slice(uri.indexOf('/', path.indexOf('://') + 3) + 1);
  const objects = await server.list(`${name}/`);
  const logs = Object.entries(objects).filter(([key]) => key.includes('/neptune-log/'));
  assert.equal(logs.length, 1, 'the old object is gone');
  assert.match(logs[0]![1].text ?? '', /second/);

  await server.write(`${keyOf(model!.uri)}/file_data`, Buffer.alloc(WEIGHTS.length, 4));
  const { problems } = await place.compare(folder, name, { env });
  assert.deepEqual(
    problems.map(({ code, attributePath }) => [code, attributePath]),
    [['target_different', 'model']],
  );
}

test('S3, credentials in the configuration', async (t) => {
  await throughStack(
    t,
    's3-configuration',
    s3,
    await createS3Stack(place.server, 's3-configuration', s3, 'configuration'),
  );
});

for (const way of ['reference', 'secret', 'connector', 'role'] satisfies S3Way[]) {
  test(`S3, credentials by ${way}`, async (t) => {
    const name = `s3-${way}`;
    const { stack } = await createS3Stack(place.server, name, s3, way);
    const env = { ...place.env, ZENML_ACTIVE_STACK_ID: stack.id };
    await place.loadAll(await archive(t, way), name, {}, { env });
    const found = Object.entries(await s3.list(`${name}/`)).find(([key]) => key.includes('/neptune-model/'));
    assert.equal(found?.[1].sha256, sha256(WEIGHTS));
  });
}

test('a run whose files are in another store than the active one is told as that', async (t) => {
  const { stack } = await createS3Stack(place.server, 's3-other', s3, 'configuration');
  const folder = await archive(t, 'x');
  await place.loadAll(folder, 'other', {}, { env: { ...place.env, ZENML_ACTIVE_STACK_ID: stack.id } });
  assert.equal((await place.loadAll(folder, 'other')).skipped, 1);
  const { problems } = await place.compare(folder, 'other');
  assert.ok(problems.length >= 4);
  for (const { message } of problems) assert.match(message, /in another artifact store than the active one/);
});

test('Azure, a connection string in the secret', async (t) => {
  const name = 'azure-string';
  await throughStack(t, name, azure, await createAzureStack(place.server, name, azure, 'connection-string'));
});

test('Google Cloud Storage', async (t) => {
  const environment = { STORAGE_EMULATOR_HOST: gcs.endpoint };
  await throughStack(t, 'gcs', gcs, await createGcsStack(place.server, 'gcs', gcs), environment);
});

test('files of several pieces arrive whole', async (t) => {
  const folder = await archiveFolder(t);
  const content = Buffer.alloc(40 * 1024 * 1024 + 11);
  for (let i = 0; i < content.length; i += 4096) content.writeUInt32LE(i, Math.min(i, content.length - 4));
  const file = await putFile(folder, 'large.bin', content);
  const { signal } = new AbortController();
  const kwargs = { endpoint_url: s3.endpoint, region_name: s3.region };
  const { accessKeyId: key, secretAccessKey: secret } = s3.credentials;
  const stores = [
    await S3ArtifactStore.open('s', `s3://${s3.bucket}`, { client_kwargs: JSON.stringify(kwargs), key, secret }, {}),
    await AzureStore.open('a', `az://${azure.bucket}`, { connection_string: azure.connectionString }, {}),
    await GcsStore.open('g', `gs://${gcs.bucket}`, {}, { STORAGE_EMULATOR_HOST: gcs.endpoint }),
  ];
  for (const store of stores) {
    const uri = `${store.root}/large/file_data`;
    await store.put(uri, file, content.length, signal);
    assert.equal(await store.size(uri, signal), content.length, store.root);
    const hash = createHash('sha256');
    for await (const chunk of await store.read(uri, signal)) hash.update(chunk);
    assert.equal(hash.digest('hex'), sha256(content), store.root);
    await store.remove(uri, signal);
    assert.equal(await store.size(uri, signal), undefined);
    await store.remove(uri, signal);
    await store.close();
  }
});

test('a store that refuses ends the load with a clear word, without credentials in it', async (t) => {
  const name = 's3-wrong';
  const path = `s3://${s3.bucket}/${name}`;
  const client_kwargs = { endpoint_url: s3.endpoint, region_name: s3.region };
  const key = s3.credentials.accessKeyId;
  const wrong = await createStack(place.server, name, 's3', { path, client_kwargs, key, secret: 'wrong-secret-wrong' });
  const folder = await archive(t, 'x');
  const env = { ...place.env, ZENML_ACTIVE_STACK_ID: wrong.stack.id };
  const { result, failures } = await place.load(folder, name, {}, { env });
  assert.deepEqual([result.failed, result.loaded], [1, 0]);
  assert.match(failures[0]?.failure.message ?? '', /S3 does not allow the upload to s3:\/\/neptune/);
  assert.ok(!JSON.stringify(failures).includes('wrong-secret'));

  const gone = await createStack(place.server, 's3-gone', 's3', {
    path: 's3://not-there/x',
    client_kwargs,
    key,
    secret: s3.credentials.secretAccessKey,
  });
  const lost = await place.load(folder, 'gone', {}, { env: { ...place.env, ZENML_ACTIVE_STACK_ID: gone.stack.id } });
  assert.equal(lost.result.failed, 1);
  assert.match(lost.failures.map(({ failure }) => failure.message).join(), /NoSuchBucket/);
});

test('an unknown kind of store, and a secret that is not there, are told before anything is made', async (t) => {
  const folder = await archive(t, 'x');
  const b2 = await createStack(place.server, 'b2', 'b2', { path: 'b2://bucket/x' }).catch(() => undefined);
  if (b2) {
    await assert.rejects(place.load(folder, 'b2', {}, { env: { ...place.env, ZENML_ACTIVE_STACK_ID: b2.stack.id } }), {
      code: 'unsupported',
      message: /is of the kind 'b2'/,
    });
  }
  const { stack } = await createStack(place.server, 'no-secret', 's3', {
    path: `s3://${s3.bucket}/x`,
    authentication_secret: 'nowhere',
  });
  const env = { ...place.env, ZENML_ACTIVE_STACK_ID: stack.id };
  await assert.rejects(place.load(folder, 'no-secret', {}, { env }), { code: 'access_denied', message: /'nowhere'/ });
});

test('the active project is used, by id or name', async (t) => {
  const folder = await archive(t, 'x');
  const project = await createProject(place.server, 'second');
  for (const [prefix, id] of [
    ['by-id', project.id],
    ['by-name', 'second'],
  ]) {
    await place.loadAll(folder, prefix!, {}, { env: { ...place.env, ZENML_ACTIVE_PROJECT_ID: id! } });
    assert.equal((await place.model(prefix!, { project: project.id, load: false })).versions.length, 1);
  }
  await assert.rejects(place.load(folder, 'x', {}, { env: { ...place.env, ZENML_ACTIVE_PROJECT_ID: 'nowhere' } }), {
    code: 'usage',
    message: /The ZenML project 'nowhere' is not there/,
  });
});
