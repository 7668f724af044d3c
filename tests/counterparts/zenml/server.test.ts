// The real server, its real client, and what a loader by plain REST has to write for that client.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type AzureStore, type ObjectStore, type S3Store, startAzurite, startGcs, startS3 } from '../object-stores.ts';
import { type ReadZenmlArtifact, type ReadZenmlOptions, readZenml } from '../zenml-readback.ts';
import {
  type Entity,
  localStoreFolder,
  startZenmlServer,
  type ZenmlLogin,
  type ZenmlServer,
  zenmlLogin,
} from '../zenml-server.ts';
import {
  connectorEnvironment,
  createAzureStack,
  createFolderStack,
  createGcsStack,
  createProject,
  createS3Stack,
  type ZenmlStack,
} from '../zenml-stacks.ts';

const PATH = {
  materializer: {
    module: 'zenml.materializers.path_materializer',
    attribute: 'PathMaterializer',
    type: 'internal',
  },
  data_type: { module: 'pathlib', attribute: 'PosixPath', type: 'builtin' },
};
const builtIn = (materializer: string, type: string) => ({
  materializer: {
    module: 'zenml.materializers.built_in_materializer',
    attribute: materializer,
    type: 'internal',
  },
  data_type: { module: 'builtins', attribute: type, type: 'builtin' },
});

const CONTENT = Buffer.from([0xff, 0, 1, 2]);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

let s3: S3Store;
let azure: AzureStore;
let server: ZenmlServer;
let login: ZenmlLogin;

before(async () => {
  [s3, azure] = await Promise.all([startS3(), startAzurite()]);
  server = await startZenmlServer({ env: connectorEnvironment(s3) });
  login = await zenmlLogin(server, server.apiKey);
});

after(async () => {
  await login?.remove();
  await Promise.all([server, s3, azure].map((each) => each?.close()));
});

const newVersion = async (model: string, project = server.project.id): Promise<Entity> => {
  const { id } = await server.call('POST', '/models', { name: model, project });
  return server.call('POST', '/model_versions', { name: 'RUN-1', model: id, project });
};

/** Registers a folder of files as an artifact of a model version. */
async function addArtifact(version: Entity, artifact: object, project = server.project.id): Promise<void> {
  const fixed = { project, has_custom_name: true, type: 'DataArtifact', save_type: 'manual' };
  const { id } = await server.call('POST', '/artifact_versions', { ...fixed, ...artifact });
  await server.call('POST', '/model_version_artifacts', { model_version: version.id, artifact_version: id });
}

async function readOne(model: string, options: ReadZenmlOptions = {}): Promise<ReadZenmlArtifact[]> {
  const { models } = await readZenml(login.folder, { prefix: model, ...options });
  return models[0]!.versions[0]!.artifacts;
}

test('a key logs in by a plain request; a wrong one does not', async () => {
  const ask = (password: string) =>
    fetch(`${server.url}/api/v1/login`, { method: 'POST', body: new URLSearchParams({ password }) });
  const answer = await ask(server.apiKey);
  assert.equal(answer.status, 200);
  const { access_token } = (await answer.json()) as { access_token: string };
  const user = await fetch(`${server.url}/api/v1/current-user`, {
    headers: { authorization: `Bearer ${access_token}` },
  });
  assert.equal(((await user.json()) as Entity).name, 'tests');
  assert.equal((await ask(`${server.apiKey.slice(0, -6)}AAAAA=`)).status, 401);
});

test('the files of a login name the server, the key, and what is active', async () => {
  const config = await readFile(join(login.folder, 'config.yaml'), 'utf8');
  assert.match(config, new RegExp(`^active_project_id: ${server.project.id}$`, 'm'));
  assert.match(config, new RegExp(`^active_stack_id: ${server.stack.id}$`, 'm'));
  const credentials = await readFile(join(login.folder, 'credentials.yaml'), 'utf8');
  assert.match(credentials, new RegExp(`^${server.url}:\n  api_key: ${server.apiKey}$`, 'm'));
});

test('tags, numbers and texts of a version are read back exactly', async () => {
  const { project } = server;
  const model = await server.call('POST', '/models', {
    name: 'exact',
    project: project.id,
    description: 'd',
    tags: ['m'],
  });
  const version = await server.call('POST', '/model_versions', {
    name: 'a/ü 1',
    model: model.id,
    project: project.id,
    description: 'text',
    tags: ['b', 'a, c'],
  });
  const values = { whole: 1, half: 0.5, one: 1.0, text: 'NaN', nested: { 'a:b': [true, null] } };
  const types = { whole: 'int', half: 'float', one: 'float', text: 'str', nested: 'dict', big: 'int' };
  const resources = [{ id: version.id, type: 'model_version' }];
  // JavaScript's JSON can't say these two.
  const body = JSON.stringify({ project: project.id, resources, values: { ...values, big: 0 }, types });
  const exact = body.replace('"big":0', '"big":9223372036854775807').replace('"one":1', '"one":1.0');
  const form = new URLSearchParams({ password: server.apiKey });
  const answer = await fetch(`${server.url}/api/v1/login`, { method: 'POST', body: form });
  const { access_token } = (await answer.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
  const written = await fetch(`${server.url}/api/v1/run-metadata`, { method: 'POST', headers, body: exact });
  assert.equal(written.status, 200);

  const read = await readZenml(login.folder, { prefix: 'exact' });
  assert.equal(read.project, 'default');
  const [found] = read.models;
  assert.deepEqual([found!.description, found!.tags], ['d', ['m']]);
  const { id, user, ...rest } = found!.versions[0]!;
  assert.equal(id, version.id);
  assert.equal(user, 'default');
  assert.deepEqual(rest, {
    name: 'a/ü 1',
    number: 1,
    stage: null,
    description: 'text',
    tags: ['a, c', 'b'],
    metadata: { ...values, big: 2n ** 63n - 1n },
    types,
    artifacts: [],
  });
});

test('files in the local store are loaded by the client', async () => {
  const root = localStoreFolder(login.folder, server.artifactStore);
  const version = await newVersion('local');
  const add = async (artifact_name: string, file: string, content: Buffer | string, how: object) => {
    const uri = join(root, 'custom_artifacts', artifact_name, 'one');
    await mkdir(uri, { recursive: true });
    await writeFile(join(uri, file), content);
    const metadata = { original_path: file };
    await addArtifact(version, { artifact_name, uri, artifact_store_id: server.artifactStore.id, metadata, ...how });
    return uri;
  };
  const uri = await add('file', 'file_data', CONTENT, PATH);
  await add('text', 'data.json', '"a text"', builtIn('BuiltInMaterializer', 'str'));
  await add('bytes', 'data.txt', CONTENT, builtIn('BytesMaterializer', 'bytes'));
  await add('dict', 'data.json', '{"a":[9007199254740993,null]}', builtIn('BuiltInContainerMaterializer', 'dict'));
  await mkdir(join(root, 'packed', 'sub'), { recursive: true });
  await writeFile(join(root, 'packed', 'sub', 'a ü.txt'), CONTENT);
  const packed = execFileSync('tar', ['-czf', '-', '-C', join(root, 'packed'), 'sub']);
  await add('folder', 'data.tar.gz', packed, PATH);
  await add('missing', 'other', CONTENT, PATH);

  const [file, text, bytes, dict, folder, missing] = await readOne('local');
  const { id, loaded, ...rest } = file!;
  assert.ok(id);
  assert.deepEqual(loaded, { kind: 'file', name: 'file_data', size: 4, sha256: SHA256 });
  assert.deepEqual(rest, {
    name: 'file',
    version: '1',
    type: 'DataArtifact',
    save_type: 'manual',
    uri,
    materializer: 'zenml.materializers.path_materializer.PathMaterializer',
    data_type: 'pathlib.PosixPath',
    store: server.artifactStore.id,
    tags: [],
    visualizations: [],
    metadata: { original_path: 'file_data' },
    types: { original_path: 'str' },
  });
  assert.deepEqual(text!.loaded, { kind: 'str', value: 'a text' });
  assert.deepEqual(bytes!.loaded, { kind: 'bytes', size: 4, sha256: SHA256 });
  assert.deepEqual(dict!.loaded, { kind: 'dict', value: { a: [2n ** 53n + 1n, null] } });
  assert.deepEqual(folder!.loaded, { kind: 'folder', files: { 'sub/a ü.txt': { size: 4, sha256: SHA256 } } });
  assert.equal(missing!.loaded!.kind, 'error');
});

async function checkObjectStore(
  name: string,
  store: ObjectStore,
  { stack, artifactStore, path }: ZenmlStack,
  environment: Record<string, string> = {},
): Promise<void> {
  const version = await newVersion(name);
  const uri = `${path}/custom_artifacts/file/one`;
  await store.write(`${name}/custom_artifacts/file/one/file_data`, CONTENT);
  await addArtifact(version, { artifact_name: name, uri, artifact_store_id: artifactStore.id, ...PATH });
  const [found] = await readOne(name, { stack: stack.id, environment });
  assert.deepEqual([found!.name, found!.uri], [name, uri]);
  assert.deepEqual(found!.loaded, { kind: 'file', name: 'file_data', size: 4, sha256: SHA256 });
}

for (const way of ['configuration', 'reference', 'secret', 'connector', 'role'] as const)
  test(`objects of an S3 store whose credentials come by ${way} are loaded by the client`, async () => {
    const stack = await createS3Stack(server, `s3-${way}`, s3, way);
    await checkObjectStore(`s3-${way}`, s3, stack, connectorEnvironment(s3));
  });

for (const way of ['key', 'connection-string', 'sas'] as const)
  test(`the server keeps an Azure store whose secret has a ${way}`, async () => {
    const { artifactStore, path } = await createAzureStack(server, `azure-${way}`, azure, way);
    const { metadata } = await server.call('GET', `/components/${artifactStore.id}`);
    assert.deepEqual(metadata!.configuration, { path, authentication_secret: `azure-${way}` });
  });

test('blobs of an Azure store whose secret has a connection string are loaded by the client', async () => {
  const name = 'azure-blobs';
  await checkObjectStore(name, azure, await createAzureStack(server, name, azure, 'connection-string'));
});

test('objects of a Google store are loaded by the client', async (t) => {
  const store = await startGcs();
  t.after(store.close);
  const stack = await createGcsStack(server, 'gcs', store);
  await checkObjectStore('gcs', store, stack, { STORAGE_EMULATOR_HOST: store.endpoint });
});

test('another project and another stack are used when told', async () => {
  const project = await createProject(server, 'second');
  const { stack } = await createFolderStack(server, 'folder', join(login.folder, 'elsewhere'));
  await newVersion('elsewhere', project.id);
  const config = await readFile(join(login.folder, 'config.yaml'), 'utf8');
  const read = await readZenml(login.folder, { project: project.id, stack: stack.id });
  assert.deepEqual([read.project, read.stack], ['second', 'folder']);
  assert.deepEqual(
    read.models.map(({ name }) => name),
    ['elsewhere'],
  );
  assert.equal(await readFile(join(login.folder, 'config.yaml'), 'utf8'), config);
});

test('a server without authentication needs no token, and a login to it leaves no credentials', async (t) => {
  const open = await startZenmlServer({ scheme: 'NO_AUTH' });
  t.after(open.close);
  assert.equal((await fetch(`${open.url}/api/v1/current-user`)).status, 200);
  const local = await zenmlLogin(open);
  t.after(local.remove);
  await assert.rejects(readFile(join(local.folder, 'credentials.yaml')), { code: 'ENOENT' });
  assert.deepEqual(await readZenml(local.folder), { project: 'default', stack: 'default', models: [] });
});
