// What the emulated W&B server refuses, and how: a client that gets by here sends nothing that isn't known to be taken.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startWandbServer, type WandbServer, type WandbServerOptions } from './server.ts';

interface Reply {
  status: number;
  /** Of GraphQL answers. */
  data: Record<string, unknown> | null;
  text: string;
  headers: Headers;
}

async function start(t: TestContext, options: WandbServerOptions = {}) {
  const server = await startWandbServer(options);
  t.after(() => server.close());
  const authorization = `Basic ${btoa(`api:${server.apiKey}`)}`;
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> => {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    });
    const text = await response.text();
    const { data = null } = JSON.parse(text) as { data?: Reply['data'] };
    return { status: response.status, data, text, headers: response.headers };
  };
  const graphql = (query: string, variables: object = {}) => post('/graphql', { query, variables });
  const stream = (body: unknown, run = 'one') => post(`/files/${server.entity}/p/${run}/file_stream`, body);
  const upsert = (input: object) =>
    graphql('mutation ($input: UpsertBucketInput!) { upsertBucket(input: $input) { bucket { id } inserted } }', {
      input,
    });
  return { server, post, graphql, stream, upsert };
}

type Client = Awaited<ReturnType<typeof start>>;

async function withRun(t: TestContext, options: WandbServerOptions = {}): Promise<Client> {
  const client = await start(t, options);
  assert.equal((await client.upsert({ name: 'one', modelName: 'p' })).status, 200);
  return client;
}

/** @throws AssertionError if it isn't refused like that */
async function refused(reply: Promise<Reply>, status: number, message: RegExp) {
  const { status: got, text } = await reply;
  assert.equal(got, status, text);
  assert.match(text, message);
}

const forkConfig = (run_id: string, step: number) =>
  JSON.stringify({ _wandb: { value: { branch_point: { run_id, step } } } });
const row = (step: number) => JSON.stringify({ loss: 1, _step: step, _timestamp: 1, _runtime: 0 });
const history = (offset: number, content: string[]) => ({ files: { 'wandb-history.jsonl': { offset, content } } });

test('a key is asked for', async (t) => {
  const { server, post } = await start(t);
  const wrong = `Basic ${btoa('api:another')}`;
  await refused(post('/graphql', { query: '{ viewer { id } }' }, { authorization: wrong }), 401, /not logged in/);
  const stream = `/files/${server.entity}/p/one/file_stream`;
  await refused(post(stream, {}, { authorization: `Bearer ${server.apiKey}` }), 401, /not logged in/);
  await refused(post('/elsewhere', {}), 404, /There is no POST/);
});

test('documents are validated as a whole', async (t) => {
  const { graphql } = await start(t);
  const cases: [string, RegExp][] = [
    ['{ viewer { id shoeSize } }', /Cannot query field \\"shoeSize\\" on type \\"User\\"/],
    ['{ viewer }', /must have a selection/],
    ['{ viewer { id { x } } }', /must not have a selection/],
    ['{ project(name: "p", colour: "red") { id } }', /Unknown argument \\"colour\\"/],
    ['{ project(name: 3) { id } }', /Expected a value of type \\"String\\"/],
    ['query ($a: String) { viewer { id } }', /\$a\\" is never used/],
    ['query ($a: Strin) { project(name: $a) { id } }', /unknown input type/],
    ['query ($a: String) { project(name: "p") { run(name: $a) { id } } }', /used in a position that expects/],
    ['{ project(name: $a) { id } }', /\$a\\" is not defined/],
    ['{ project(name: "p") { run { id } } }', /is required on field \\"Project.run\\"/],
    ['{ viewer { ...Gone } }', /Unknown fragment/],
    ['{ viewer { id } } fragment F on User { id }', /is never used/],
    ['{ viewer { id @client } }', /Unknown directive/],
    [
      'mutation { upsertBucket(input: {name: "x", createdAt: "now"}) { inserted } }',
      /Unknown argument \\"createdAt\\"/,
    ],
    ['mutation { renameRun(input: {}) { id } }', /Cannot query field \\"renameRun\\" on type \\"Mutation\\"/],
    ['{ viewer { id ', /Syntax Error/],
  ];
  for (const [query, message] of cases) await refused(graphql(query), 400, message);
  const input = 'mutation ($input: UpsertBucketInput!) { upsertBucket(input: $input) { inserted } }';
  await refused(graphql(input, { input: { name: 'x', createdAt: '' } }), 400, /unknown field/);
  await refused(graphql(input, { input: { name: 3 } }), 400, /String cannot represent 3/);
  await refused(graphql(input, { input: null }), 400, /must not be null/);
  await refused(graphql(input, { input: { name: 'x', config: 'no JSON' } }), 400, /JSONString/);
});

test('selections are answered exactly; the schema tells of itself', async (t) => {
  const { graphql } = await withRun(t);
  const query = `query ($with: Boolean!) {
    a: project(name: "p") { __typename run(name: "one") { ...R } b: bucket(name: "two", missingOk: true) { id } }
    __type(name: "UpsertBucketInput") { kind inputFields { name } }
  }
  fragment R on Run { name state @include(if: $with) tags @skip(if: $with) ... on Run { historyLineCount } }`;
  const { data } = await graphql(query, { with: true });
  const run = { name: 'one', state: 'running', historyLineCount: 0 };
  assert.deepEqual(data?.a, { __typename: 'Project', run, b: null });
  assert.match(JSON.stringify(data?.__type), /"kind":"INPUT_OBJECT".*"displayName"/);
  assert.deepEqual((await graphql('{ project(name: "absent") { id } }')).data, { project: null });
});

test('names of runs, projects, tags and configs have rules', async (t) => {
  const { upsert, server } = await start(t);
  const cases: [object, number, RegExp][] = [
    [{ name: 'a/b', modelName: 'p' }, 400, /invalid run name/],
    [{ name: ' a', modelName: 'p' }, 400, /whitespace/],
    [{ name: 'x'.repeat(129), modelName: 'p' }, 400, /1 to 128/],
    [{ name: 'a', modelName: 'p:q' }, 400, /invalid project name/],
    [{ name: 'a', modelName: 'p', tags: ['x'.repeat(65)] }, 400, /invalid tag/],
    [{ name: 'a', modelName: 'p', displayName: 'x'.repeat(129) }, 400, /displayName/],
    [{ name: 'a', modelName: 'p', config: '{"lr": 1}' }, 400, /has no/],
    [{ name: 'a', modelName: 'p', state: 'asleep' }, 400, /invalid run state/],
    [{ name: 'a', modelName: 'p', entityName: 'nobody' }, 404, /entity nobody not found/],
    [{ id: 'unknown' }, 404, /not found during upsertBucket/],
    [{ modelName: 'p' }, 400, /needs the name/],
  ];
  for (const [input, status, message] of cases) await refused(upsert(input), status, message);
  assert.deepEqual(server.runs(), []);
});

test('an older server lacks fields, another plan forks', async (t) => {
  const without = ['Run.parquetHistory', 'CreateArtifactInput.tags', 'UpsertBucketInput.jobRepo'];
  const { graphql, upsert } = await start(t, { without });
  const query = '{ project(name: "p") { run(name: "one") { parquetHistory(liveKeys: []) { liveData } } } }';
  await refused(graphql(query), 400, /Cannot query field \\"parquetHistory\\" on type \\"Run\\"/);
  await refused(upsert({ name: 'one', jobRepo: null }), 400, /unknown field/);
  const fork = { name: 'two', modelName: 'p', config: forkConfig('one', 0) };
  await refused((await withRun(t, { forking: 'refused' })).upsert(fork), 403, /forking/);
  await refused((await withRun(t)).upsert(fork), 400, /one has no step 0/);
  const { server, upsert: again } = await withRun(t, { forking: 'ignored' });
  assert.equal((await again(fork)).status, 200);
  assert.equal(server.run('p', 'two').forkFrom, null);
});

test('non-finite numbers are texts, or bare if asked for', async (t) => {
  const line = '{"_step":0,"x":NaN,"text":"NaN, -Infinity","y":-Infinity}';
  for (const [bareNonFinite, answered] of [
    [false, '{"_step":0,"x":"NaN","text":"NaN, -Infinity","y":"-Infinity"}'],
    [true, line],
  ] as const) {
    const { graphql, stream } = await withRun(t, { bareNonFinite });
    assert.equal((await stream(history(0, [line]))).status, 200);
    const { data } = await graphql('{ project(name: "p") { run(name: "one") { history(samples: 10) } } }');
    assert.deepEqual(data, { project: { run: { history: [answered] } } });
  }
});

test('a deleted run is not made again', async (t) => {
  const { upsert, server } = await withRun(t);
  server.deleteRun('p', 'one');
  await refused(upsert({ name: 'one', modelName: 'p' }), 409, /previously created and deleted/);
});

test('history has no gaps, no second versions and rising steps', async (t) => {
  const { server, stream } = await withRun(t);
  assert.equal((await stream(history(0, [row(0), row(5)]))).status, 200);
  // A repeat, alone or with more behind it, is what a lost answer leads to.
  assert.equal((await stream(history(0, [row(0), row(5)]))).status, 200);
  assert.equal((await stream(history(1, [row(5), row(6)]))).status, 200);
  const cases: [unknown, number, RegExp][] = [
    [history(4, [row(9)]), 400, /leaves a gap/],
    [history(0, [row(1)]), 400, /sent before as another one/],
    [history(3, [row(6)]), 400, /does not rise/],
    [history(3, [row(9), row(8)]), 400, /does not rise/],
    [history(3, ['{"x":1}']), 400, /_step must be/],
    [history(3, ['[1]']), 400, /no JSON object/],
    [history(3, ['{"_step":9.5}']), 400, /_step must be/],
    [history(3, ['{"_step":9,"_timestamp":"noon"}']), 400, /_timestamp must be/],
    [{ files: { 'other.txt': { offset: 0, content: [] } } }, 400, /unknown file/],
    [{ rows: [] }, 400, /unknown field rows/],
    [{ complete: true }, 400, /exitcode comes with complete/],
    [{ uploaded: ['never.txt'] }, 400, /no upload address/],
  ];
  for (const [body, status, message] of cases) await refused(stream(body), status, message);
  assert.equal(server.run('p', 'one').historyLines.length, 3);
  await refused(stream(history(0, []), 'absent'), 404, /not found during file_stream/);
});

test('lines and requests have a size', async (t) => {
  const { server, post, stream } = await withRun(t, {
    limits: { lineBytes: 1000, streamBytes: 1500, graphqlBytes: 3000 },
  });
  const wide = (step: number, bytes: number) => JSON.stringify({ _step: step, x: 'x'.repeat(bytes) });
  await refused(stream(history(0, [wide(0, 1000)])), 413, /a line of/);
  await refused(stream(history(0, [wide(0, 900), wide(1, 900)])), 413, /bytes of lines/);
  assert.equal((await stream(history(0, [wide(0, 900), wide(1, 500)]))).status, 200);
  await refused(post('/graphql', { query: `{ viewer { id } } #${'x'.repeat(3000)}` }), 413, /too large/);
  const zipped = gzipSync(JSON.stringify(history(2, [wide(2, 10)])));
  const address = `/files/${server.entity}/p/one/file_stream`;
  assert.equal((await post(address, zipped, { 'content-encoding': 'gzip' })).status, 200);
});

test('requests beyond the rate get 429 and are told when to come again', async (t) => {
  const { graphql, stream } = await withRun(t, { limits: { requestsPerSecond: 2 } });
  assert.equal((await stream({})).headers.get('ratelimit-remaining'), '1');
  const replies = await Promise.all(Array.from({ length: 6 }, () => graphql('{ viewer { id } }')));
  const limited = replies.find(({ status }) => status === 429);
  assert.equal(limited?.headers.get('ratelimit-remaining'), '0');
  assert.equal(limited?.headers.get('retry-after'), '1');
});

const md5 = (text: string | Buffer) => createHash('md5').update(text).digest();

async function put(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method: 'PUT', body: body as string, headers });
  return { status: response.status, text: await response.text(), etag: response.headers.get('etag') };
}

/** fetch always knows the length, so this goes without it. */
function putChunked(url: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'PUT', headers: { 'transfer-encoding': 'chunked' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end(body);
  });
}

async function uploadUrl({ graphql, server }: Client, path: string): Promise<string> {
  const { data } = await graphql(
    `mutation ($files: [String!]!) {
      createRunFiles(input: {entityName: "${server.entity}", projectName: "p", runName: "one", files: $files}) {
        files { uploadUrl }
      }
    }`,
    { files: [path] },
  );
  return (data!.createRunFiles as { files: { uploadUrl: string }[] }).files[0]!.uploadUrl;
}

test('upload addresses are signed, and good for a while', async (t) => {
  const client = await withRun(t);
  const url = await uploadUrl(client, 'a/b.txt');
  assert.equal((await put(url.replace('b.txt', 'c.txt'), 'x')).status, 403);
  assert.equal((await put(url, 'x', { authorization: 'Basic eA==' })).status, 400);
  assert.equal((await put(url.replace('localhost', '127.0.0.1'), 'x')).status, 404);
  assert.match((await put(url, 'x', { 'content-md5': md5('y').toString('base64') })).text, /BadDigest/);
  assert.notEqual(await putChunked(url, 'x'), 200);
  assert.equal((await put(url, 'x')).status, 200);
  // It is there once it was reported.
  assert.deepEqual(client.server.run('p', 'one').unreported, ['a/b.txt']);
  assert.equal((await client.stream({ uploaded: ['a/b.txt'] })).status, 200);
  assert.equal(client.server.run('p', 'one').files['a/b.txt']?.bytes.toString(), 'x');
  await assert.rejects(uploadUrl(client, '../b.txt'));
  const expired = await withRun(t, { limits: { urlSeconds: -1 } });
  assert.match((await put(await uploadUrl(expired, 'a.txt'), 'x')).text, /Request has expired/);
});

const CREATE = `mutation ($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id state artifactSequence { latestArtifact { id } } } }
}`;
const FILES = `mutation ($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) {
    files { edges { node { storagePath uploadUrl uploadHeaders artifact { id }
      uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } } } } }
  }
}`;
const MANIFEST = `mutation ($artifactID: ID!, $digest: String!, $entity: String!) {
  createArtifactManifest(input: {artifactID: $artifactID, name: "wandb_manifest.json", digest: $digest,
    entityName: $entity, projectName: "p", runName: "one", type: FULL}) {
    artifactManifest { id file { uploadUrl uploadHeaders } }
  }
}`;
const COMMIT = 'mutation ($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id digest } } }';
const COMPLETE = `mutation ($parts: [UploadPartsInput!]!, $id: ID!, $path: String!, $upload: String!) {
  completeMultipartUploadArtifact(input: {completeMultipartAction: Complete, completedParts: $parts, artifactID: $id,
    storagePath: $path, uploadID: $upload}) { digest }
}`;

interface FileNode {
  storagePath: string;
  uploadUrl: string | null;
  uploadHeaders: string[];
  artifact: { id: string };
  uploadMultipartUrls: { uploadID: string; uploadUrlParts: { partNumber: number; uploadUrl: string }[] } | null;
}

const headersOf = (lines: string[]) => Object.fromEntries(lines.map((line) => line.split(/:(.*)/s).slice(0, 2)));

/** Makes an artifact of files as far as its manifest; the rest is up to the caller. */
async function artifactOf({ graphql, server }: Client, contents: Record<string, string>, options: object = {}) {
  const paths = Object.keys(contents).sort();
  const lines = paths.map((path) => `${path}:${md5(contents[path]!).toString('base64')}\n`).join('');
  const digest = md5(`wandb-artifact-manifest-v1\n${lines}`).toString('hex');
  const input = {
    entityName: server.entity,
    projectName: 'p',
    runName: 'one',
    artifactTypeName: 'files',
    artifactCollectionName: 'files',
    digestAlgorithm: 'MANIFEST_MD5',
    enableDigestDeduplication: true,
    digest,
    ...options,
  };
  const created = await graphql(CREATE, { input });
  assert.equal(created.status, 200, created.text);
  const { artifact } = created.data!.createArtifact as { artifact: { id: string; state: string } };
  return { ...artifact, paths, digest };
}

async function filesOf({ graphql }: Client, artifactID: string, files: object[]): Promise<FileNode[]> {
  const artifactFiles = files.map((file) => ({ artifactID, ...file }));
  const reply = await graphql(FILES, { input: { artifactFiles, storageLayout: 'V2' } });
  assert.equal(reply.status, 200, reply.text);
  const { files: connection } = reply.data!.createArtifactFiles as { files: { edges: { node: FileNode }[] } };
  return connection.edges.map(({ node }) => node);
}

async function putManifest({ graphql, server }: Client, artifactID: string, manifest: object) {
  const bytes = JSON.stringify(manifest);
  const variables = { artifactID, digest: md5(bytes).toString('base64'), entity: server.entity };
  const { data } = await graphql(MANIFEST, variables);
  const { file } = (data!.createArtifactManifest as { artifactManifest: { file: FileNode } }).artifactManifest;
  assert.equal((await put(file.uploadUrl!, bytes, headersOf(file.uploadHeaders))).status, 200);
}

function manifestOf(contents: Record<string, string>, birth: (path: string) => string | undefined) {
  const entry = (path: string) => ({
    digest: md5(contents[path]!).toString('base64'),
    size: Buffer.byteLength(contents[path]!),
    birthArtifactID: birth(path),
  });
  return {
    version: 1,
    storagePolicy: 'wandb-storage-policy-v1',
    storagePolicyConfig: { storageLayout: 'V2' },
    contents: Object.fromEntries(Object.keys(contents).map((path) => [path, entry(path)])),
  };
}

test('an artifact is committed when all of it is there', async (t) => {
  const client = await withRun(t);
  const contents = { 'dir/f.txt': 'hällo', 'g.txt': 'g' };
  const { id } = await artifactOf(client, contents, { aliases: [{ artifactCollectionName: 'files', alias: 'mine' }] });
  const commit = () => client.graphql(COMMIT, { id });
  await refused(commit(), 400, /manifest was not uploaded/);
  const specs = Object.entries(contents).map(([name, text]) => ({ name, md5: md5(text).toString('base64') }));
  const nodes = await filesOf(client, id, specs);
  const [first, second] = nodes;
  await putManifest(
    client,
    id,
    manifestOf(contents, () => id),
  );
  await refused(commit(), 400, /content of dir\/f.txt was not uploaded/);
  assert.equal((await put(first!.uploadUrl!, 'hällo')).status, 403);
  assert.match((await put(first!.uploadUrl!, 'other', headersOf(first!.uploadHeaders))).text, /BadDigest/);
  for (const [at, node] of [first!, second!].entries())
    assert.equal((await put(node.uploadUrl!, Object.values(contents)[at]!, headersOf(node.uploadHeaders))).status, 200);
  await putManifest(
    client,
    id,
    manifestOf({ ...contents, 'g.txt': 'other' }, () => id),
  );
  await refused(commit(), 400, /content of g.txt was not uploaded/);
  await putManifest(
    client,
    id,
    manifestOf({ 'g.txt': 'g' }, () => id),
  );
  await refused(commit(), 400, /the contents have/);
  await putManifest(
    client,
    id,
    manifestOf(contents, () => undefined),
  );
  await refused(commit(), 400, /birthArtifactID/);
  await putManifest(
    client,
    id,
    manifestOf(contents, () => id),
  );
  assert.equal((await commit()).status, 200);
  await refused(commit(), 400, /needs a pending one/);
  const [held] = client.server.run('p', 'one').artifacts;
  assert.deepEqual([held!.version, held!.aliases], ['v0', ['latest', 'mine']]);
  // The same content again is there already; a part of it needs no second upload.
  assert.equal((await artifactOf(client, contents)).state, 'COMMITTED');
  const next = await artifactOf(client, { 'g.txt': 'g' });
  const [known] = await filesOf(client, next.id, [{ name: 'g.txt', md5: md5('g').toString('base64') }]);
  assert.deepEqual([known!.uploadUrl, known!.artifact.id], [null, id]);
});

test('artifacts have rules for names, types and metadata', async (t) => {
  const client = await withRun(t);
  const good = { 'a.txt': 'a' };
  const { id } = await artifactOf(client, good);
  const cases: [object, number, RegExp][] = [
    [{ artifactCollectionName: 'a/b' }, 400, /invalid artifact name/],
    [{ artifactCollectionName: 'x'.repeat(129) }, 400, /invalid artifact name/],
    [{ artifactTypeName: 'a:b' }, 400, /invalid artifact type/],
    [{ artifactTypeName: 'another' }, 409, /already exists with type files/],
    [{ aliases: [{ artifactCollectionName: 'files', alias: 'a/b' }] }, 400, /invalid alias/],
    [{ tags: [{ tagName: 'a.b' }] }, 400, /invalid tag/],
    [{ metadata: '{"x": NaN}' }, 400, /invalid metadata/],
    [{ digest: 'abc' }, 400, /invalid digest/],
    [{ runName: 'absent' }, 404, /not found during createArtifact/],
    [{ projectName: 'absent' }, 404, /could not find project/],
  ];
  const { server, graphql } = client;
  const base = {
    ...{ entityName: server.entity, projectName: 'p', runName: 'one', artifactTypeName: 'files' },
    ...{ artifactCollectionName: 'files', digestAlgorithm: 'MANIFEST_MD5', digest: '0'.repeat(32) },
  };
  for (const [change, status, message] of cases)
    await refused(graphql(CREATE, { input: { ...base, ...change } }), status, message);
  const spec = { artifactID: id, name: 'a.txt', md5: md5('a').toString('hex') };
  await refused(graphql(FILES, { input: { artifactFiles: [spec], storageLayout: 'V2' } }), 400, /must be base64/);
});

test('large files come in parts', async (t) => {
  const client = await withRun(t, { limits: { partBytes: 4 } });
  const parts = ['abcd', 'efgh', 'i'];
  const whole = parts.join('');
  const { id } = await artifactOf(client, { 'large.bin': whole });
  const uploadPartsInput = parts.map((part, at) => ({ partNumber: at + 1, hexMD5: md5(part).toString('hex') }));
  const file = { name: 'large.bin', md5: md5(whole).toString('base64'), uploadPartsInput };
  const [node] = await filesOf(client, id, [file]);
  const { uploadID, uploadUrlParts } = node!.uploadMultipartUrls!;
  const complete = (done: object[]) =>
    client.graphql(COMPLETE, { parts: done, id, path: node!.storagePath, upload: uploadID });
  await refused(complete(uploadPartsInput), 400, /InvalidPart: part 1/);
  const headers = (part: string) => ({ 'content-md5': md5(part).toString('base64') });
  assert.match((await put(uploadUrlParts[0]!.uploadUrl, 'other', headers('other'))).text, /SignatureDoesNotMatch/);
  const done: object[] = [];
  for (const [at, { partNumber, uploadUrl: url }] of uploadUrlParts.entries()) {
    const { status, etag } = await put(url, parts[at]!, headers(parts[at]!));
    assert.equal(status, 200);
    done.push({ partNumber, hexMD5: etag });
  }
  await refused(complete(done.slice(1)), 400, /not all parts/);
  const { data } = await complete(done);
  assert.deepEqual(data, { completeMultipartUploadArtifact: { digest: md5(whole).toString('base64') } });
});

test('faults happen as ordered', async (t) => {
  const { graphql, server, stream } = await withRun(t);
  server.replaceFaults([
    { operation: 'viewer', kind: 'status', status: 503, after: 1, times: 2 },
    { operation: 'fileStream', kind: 'lost' },
  ]);
  const statuses: number[] = [];
  for (let at = 0; at < 4; at++) statuses.push((await graphql('{ viewer { id } }')).status);
  assert.deepEqual(statuses, [200, 503, 503, 200]);
  await assert.rejects(stream(history(0, [row(0)])));
  assert.equal(lineCount(server), 1);
  server.replaceFaults([{ operation: 'fileStream', kind: 'cut' }]);
  await assert.rejects(stream(history(1, [row(1)])));
  assert.equal(lineCount(server), 1);
});

function lineCount(server: WandbServer): number {
  return server.run('p', 'one').historyLines.length;
}
