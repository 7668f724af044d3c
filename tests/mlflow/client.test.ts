// What goes over the wire and what its answers mean to people, against a server of the test's own.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import test from 'node:test';
import { HttpClient } from '../../src/http/client.ts';
import { artifactStore } from '../../src/targets/mlflow/artifacts.ts';
import { MlflowClient } from '../../src/targets/mlflow/client.ts';
import { LogBatches } from '../../src/targets/mlflow/log-batches.ts';
import { createTarget } from '../../src/targets/registry.ts';

type After = { after(task: () => Promise<void>): void };

/** A server that answers every request in one way and keeps what came. */
async function serve(t: After, status: number, body: string): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { url: `http://127.0.0.1:${address.port}`, seen };
}

async function connectError(t: After, status: number, body: string): Promise<Error & { code: string; hint: string }> {
  const { url } = await serve(t, status, body);
  const env = { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' };
  const target = await createTarget('mlflow', { mlflowTrackingUri: url }, env);
  t.after(() => target.close());
  return target.connect().then(
    () => assert.fail('connect() should fail'),
    (error) => error,
  );
}

test('refusals are told in words, without SQL', async (t) => {
  const refused = await connectError(t, 401, 'You are not authenticated.');
  assert.equal(refused.code, 'token_refused');
  assert.match(refused.hint, /MLFLOW_TRACKING_USERNAME/);
  const forbidden = await connectError(t, 403, 'Invalid Host header - possible DNS rebinding attack detected');
  assert.equal(forbidden.code, 'access_denied');
  assert.match(forbidden.message, /Invalid Host header/);
  const sql = JSON.stringify({
    error_code: 'BAD_REQUEST',
    message: '(psycopg2.errors.X) value too long\n[SQL: INSERT INTO params VALUES (secret)]',
  });
  assert.doesNotMatch((await connectError(t, 400, sql)).message, /secret|INSERT|psycopg/);
  const fault = JSON.stringify({ error_code: 'INTERNAL_ERROR', message: 'disk is full [SQL: secret]' });
  const failed = await connectError(t, 500, fault);
  assert.equal(failed.code, 'server');
  assert.match(failed.message, /HTTP 500.*disk is full$/);
  assert.equal((await connectError(t, 200, '<html>')).code, 'wrong_server');
  assert.equal((await connectError(t, 404, '<html>')).code, 'wrong_server');
});

test('credentials and workspace go with every request, under the prefix of the address', async (t) => {
  const { url, seen } = await serve(t, 200, '{}');
  const env = { MLFLOW_TRACKING_TOKEN: 'secret', MLFLOW_WORKSPACE: 'team' };
  const target = await createTarget('mlflow', { mlflowTrackingUri: `${url}/base/` }, env);
  t.after(() => target.close());
  await target.connect();
  assert.ok(seen.length >= 3);
  for (const { url: path, headers } of seen) {
    assert.match(path ?? '', /^\/base\//);
    assert.equal(headers.authorization, 'Bearer secret');
    assert.equal(headers['x-mlflow-workspace'], 'team');
    assert.equal(headers.origin, undefined);
  }
  const withUser = await createTarget('mlflow', { mlflowTrackingUri: 'http://me:hidden@host:1/x' }, {});
  t.after(() => withUser.close());
  assert.equal(withUser.address, 'http://host:1/x');
});

test('artifacts go through the server, to no other storage, and credentials to no other host', async (t) => {
  const own = await serve(t, 200, '');
  const other = await serve(t, 200, '');
  const http = new HttpClient({ userAgent: 'test', concurrency: 1 });
  t.after(() => http.close());
  const client = new MlflowClient({ http, base: `${own.url}/p`, headers: { authorization: 'secret' } });
  const put = (uri: string) => artifactStore(uri, client, false).put('a b/ü.txt', import.meta.filename);
  await put('mlflow-artifacts:/1/run/artifacts');
  await put(`mlflow-artifacts://${new URL(other.url).host}/1/run/artifacts`);
  await put(`${other.url}/api/2.0/mlflow-artifacts/artifacts/1/run`);
  assert.equal(own.seen[0]?.url, '/p/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/a%20b/%C3%BC.txt');
  assert.equal(own.seen[0]?.headers.authorization, 'secret');
  assert.deepEqual(
    other.seen.map(({ url, headers }) => [url, headers.authorization]),
    [
      ['/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/a%20b/%C3%BC.txt', undefined],
      ['/api/2.0/mlflow-artifacts/artifacts/1/run/a%20b/%C3%BC.txt', undefined],
    ],
  );
  for (const uri of ['s3://bucket/x', '/srv/mlruns', 'file:///srv/mlruns', 'wasbs://c@a/x']) {
    assert.throws(() => artifactStore(uri, client, false), { code: 'unsupported' }, uri);
  }
});

test('calls are filled to the limits, and a failed one ends the run', async () => {
  const bodies: string[] = [];
  const batches = new LogBatches('run', async (body) => {
    bodies.push(body);
  });
  for (let i = 0; i < 2500; i++) if (!batches.addMetric(`{"i":${i}}`)) await batches.room();
  for (let i = 0; i < 250; i++) await batches.addParam(`p${i}`, '\u0001'.repeat(i < 100 ? 5000 : 1));
  await batches.flush();
  const calls = bodies.map((body) => JSON.parse(body) as { metrics?: unknown[]; params?: unknown[] });
  assert.deepEqual(
    calls.flatMap(({ metrics }) => metrics?.length ?? []),
    [1000, 1000, 500],
  );
  assert.equal(
    calls.reduce((sum, { params }) => sum + (params?.length ?? 0), 0),
    250,
  );
  for (const [i, { params }] of calls.entries()) {
    assert.ok(Buffer.byteLength(bodies[i]!) < 1_000_000);
    assert.ok((params?.length ?? 0) <= 100);
  }
  const failing = new LogBatches('run', () => Promise.reject(new Error('no')));
  failing.addMetric('{}');
  await failing.room();
  await assert.rejects(failing.flush(), /no/);
});
