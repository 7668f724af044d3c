// Logins that end or are refused, servers of other kinds and versions, and what is said of them.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Logger } from '../../src/model/logger.ts';
import { ZenmlTarget } from '../../src/targets/zenml/index.ts';
import { checkVersion, TESTED } from '../../src/targets/zenml/server-version.ts';
import { cloudClient } from '../../src/targets/zenml/store.ts';
import { startZenmlServer, zenmlLogin } from '../counterparts/zenml-server.ts';
import { createStack } from '../counterparts/zenml-stacks.ts';
import { floats, sampleRun, writeArchive } from '../helpers/archive-runs.ts';
import { runCli } from '../helpers/cli.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { deadAddress, serve } from '../helpers/server.ts';
import { archiveFolder, Place, PROJECT } from './place.ts';

const place = new Place();

async function archive(t: TestContext): Promise<string> {
  const folder = await archiveFolder(t);
  await writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'r', [floats('m', [['0', 1, 1]])])]);
  return folder;
}

test('a login with a key, with a user, by token, and a local server without any', async (t) => {
  const folder = await archive(t);
  const { url, apiKey, username, password } = place.server;
  const base = { ZENML_STORE_URL: `${url}/`, ZENML_CONFIG_PATH: '/nowhere', ZENML_LOCAL_STORES_PATH: folder };
  const form = new URLSearchParams({ username, password });
  const login = (await (await fetch(`${url}/api/v1/login`, { method: 'POST', body: form })).json()) as {
    access_token: string;
  };
  for (const [prefix, env] of [
    ['by key', { ZENML_STORE_API_KEY: apiKey }],
    ['by user', { ZENML_STORE_USERNAME: username, ZENML_STORE_PASSWORD: password }],
    ['by token', { ZENML_STORE_API_TOKEN: login.access_token }],
  ] as const) {
    await place.loadAll(folder, prefix, {}, { env: { ...base, ...env } });
  }
  const open = await startZenmlServer({ scheme: 'NO_AUTH' });
  t.after(open.close);
  const local = await zenmlLogin(open);
  t.after(local.remove);
  await place.loadAll(folder, 'open', {}, { env: { ZENML_CONFIG_PATH: local.folder } });
});

test('a wrong key, no key, and an expired login are one sentence each', async (t) => {
  const folder = await archive(t);
  const { url } = place.server;
  const load = (env: Record<string, string>) =>
    runCli(['load', '--loader', 'zenml', '-d', 'data', '-f', 'files'], {
      cwd: folder,
      env: { ZENML_STORE_URL: url, ...env },
    });
  const wrong = await load({ ZENML_STORE_API_KEY: 'ZENKEY_bm90LWEta2V5' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /The ZenML server refused the credentials\.[\s\S]*zenml login/);
  assert.ok(!wrong.stderr.includes('bm90LWEta2V5') && !wrong.stderr.includes('    at '), wrong.stderr);
  const none = await load({ ZENML_CONFIG_PATH: folder });
  assert.match(none.stderr, /There is no login for the ZenML server http/);
  const token = await load({ ZENML_STORE_API_TOKEN: 'not.a.token' });
  assert.match(token.stderr, /The ZenML server refused the credentials/);
  const nothing = await runCli(['load', '--loader', 'zenml', '-d', 'data'], { cwd: folder, env: { HOME: folder } });
  assert.equal(nothing.code, 2);
  assert.match(nothing.stderr, /No ZenML server is set[\s\S]*zenml login <address of the server>/);
});

test('a token that ends while a load is under way is renewed with the key', async (t) => {
  const folder = await archive(t);
  const proxy = await startFaultProxy({ url: place.server.url, token: '' });
  t.after(() => proxy.close());
  const body = '{"detail":["CredentialsNotValid","expired"]}';
  const fault = { kind: 'status', status: 401, body, type: 'application/json' } as const;
  proxy.replaceRules([/run-metadata$/, /artifact_versions$/].map((path) => ({ path, fault, times: 1 })));
  const env = { ...place.env, ZENML_STORE_URL: proxy.url, ZENML_STORE_API_KEY: place.server.apiKey };
  await place.loadAll(folder, 'renewed', {}, { env });
  assert.ok(proxy.log.filter(({ path }) => path.endsWith('/login')).length >= 2);
});

test('what the server does not allow is told in its words, and nothing is tried without end', async (t) => {
  const folder = await archive(t);
  const proxy = await startFaultProxy({ url: place.server.url, token: '' });
  t.after(() => proxy.close());
  const env = { ...place.env, ZENML_STORE_URL: proxy.url, ZENML_STORE_API_KEY: place.server.apiKey };
  for (const [status, body, message] of [
    [
      403,
      '{"detail":["IllegalOperationError","Insufficient permissions to create this."]}',
      /does not allow POST models: Insufficient/,
    ],
    [
      400,
      '{"detail":"ZENKEY_c2VjcmV0 is no key, nor is eyJhbGci.eyJzdWIi.c2ln"}',
      /: \*\*\* is no key, nor is \*\*\*$/,
    ],
    [422, '["ValueError","bad body"]', /refused POST models \(HTTP 422\): bad body/],
    [413, '', /takes no requests as large/],
    [400, '<html>Bad gateway page</html>', /answers POST models with HTTP 400, not as ZenML does/],
  ] as const) {
    const when = ({ method }: { method: string }) => method === 'POST';
    proxy.replaceRules([
      { path: /\/models$/, when, fault: { kind: 'status', status, body, type: 'application/json' } },
    ]);
    const { result, failures } = await place.load(folder, 'refused', {}, { env });
    assert.equal(result.failed, 1);
    assert.match(failures[0]?.failure.message ?? '', message);
  }
});

test('another server, another version, nobody there', async (t) => {
  const env = (url: string) => ({ ZENML_STORE_URL: url, ZENML_STORE_API_KEY: 'k', ZENML_CONFIG_PATH: '/nowhere' });
  const connect = async (url: string, logger?: Logger) => {
    const target = new ZenmlTarget({ env: env(url), cwd: '/', retryBudgetMs: 200, ...(logger ? { logger } : {}) });
    await target.connect().finally(() => target.close());
  };
  const web = await serve(t, (_: IncomingMessage, response: ServerResponse) => response.end('<html>Hello</html>'));
  await assert.rejects(connect(web), { code: 'wrong_server', message: /does not answer as ZenML does/ });
  await assert.rejects(connect(await deadAddress()), { code: 'network' });
  const future = await serve(t, (_: IncomingMessage, response: ServerResponse) =>
    response.end(JSON.stringify({ id: 'x', version: '1.2.0', auth_scheme: 'NO_AUTH' })),
  );
  await assert.rejects(connect(future), {
    code: 'unsupported',
    message: /has version 1\.2\.0, which is not supported/,
    hint: /tested with 0\.98\.0/,
  });
  const said: string[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (text: string) => void said.push(text) };
  checkVersion(TESTED, logger);
  assert.deepEqual(said, []);
  checkVersion('0.90.1', logger);
  assert.match(said[0] ?? '', /0\.90\.1; this program is tested with 0\.98\.0/);
  for (const version of ['0.79.0', 'x', '2'])
    assert.throws(() => checkVersion(version, logger), { code: 'unsupported' });
  assert.equal(place.server.version, TESTED, 'the version that is said to be tested');
});

test('a client of a cloud that is not installed is named, with the command that brings it', async () => {
  const missing = () => Promise.reject(Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }));
  await assert.rejects(cloudClient('@aws-sdk/client-s3', 'S3', missing), {
    code: 'target_missing',
    message: /needs the package @aws-sdk\/client-s3, which is not installed/,
    hint: 'Install it beside neptune-exporter: npm install @aws-sdk/client-s3',
  });
});

test('a store that nobody answers for ends the load', async (t) => {
  const folder = await archive(t);
  const path = 's3://bucket-of-nobody/x';
  const client_kwargs = { endpoint_url: await deadAddress() };
  const { stack } = await createStack(place.server, 'dead', 's3', { path, client_kwargs, key: 'k', secret: 's' });
  const env = { ...place.env, ZENML_ACTIVE_STACK_ID: stack.id };
  await assert.rejects(place.load(folder, 'dead', {}, { env }), { code: 'network', message: /S3 can't be reached/ });
});

test('a local store of a server elsewhere is used, and who loads is told where the files are', async (t) => {
  const folder = await archive(t);
  const { port } = new URL(place.server.url);
  // The same server by a name that doesn't look like this machine.
  const env = { ...place.env, ZENML_STORE_URL: `http://[::ffff:127.0.0.1]:${port}` };
  const { result, warnings } = await place.load(
    folder,
    'elsewhere',
    {},
    { env: { ...env, ZENML_STORE_API_KEY: place.server.apiKey } },
  );
  assert.equal(result.loaded, 1);
  assert.match(warnings.join(), /artifact store is local: files go to .*local_stores.* on this machine only/);
  assert.deepEqual((await place.load(folder, 'near')).warnings, []);
});

test('a load into a local store loads no client of a cloud', async (t) => {
  const folder = await archive(t);
  const hooks = join(folder, 'hooks.mjs');
  const log = "process._rawDebug('loaded ' + url)";
  await writeFile(
    hooks,
    `import { registerHooks } from 'node:module';
     registerHooks({ load(url, context, next) { ${log}; return next(url, context); } });`,
  );
  const env = { ...place.env, NODE_OPTIONS: `--import=${pathToFileURL(hooks).href}` };
  const args = ['load', '--loader', 'zenml', '-d', 'data', '-f', 'files', '--name-prefix', 'light'];
  const { code, stderr } = await runCli(args, { cwd: folder, env });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /loaded file:.*zenml\/run\.ts/);
  assert.doesNotMatch(stderr, /loaded file:.*(?:@aws-sdk|@azure|@google-cloud|@smithy|store-s3)/);
});
