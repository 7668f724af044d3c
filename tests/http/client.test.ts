// The HTTP client against a server that misbehaves in every way it must survive.

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { HttpClient } from '../../src/http/client.ts';
import { retryAfterMs } from '../../src/http/retry.ts';
import { ExporterError } from '../../src/model/errors.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serve(context: TestContext, handler: Handler): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function client(context: TestContext, budgetMs = 5000): HttpClient {
  const http = new HttpClient({
    userAgent: 'test',
    concurrency: 4,
    retry: { budgetMs, firstPauseMs: 5, maxPauseMs: 20 },
  });
  context.after(() => http.close());
  return http;
}

const failsWith = (code: string, status?: number) => (error: unknown) =>
  error instanceof ExporterError && error.code === code && (status === undefined || error.status === status);

test('500, 502 and 503 are tried again', async (context) => {
  const server = await serve(context, (_, response, count) => {
    response.statusCode = [500, 502, 503, 200][count - 1]!;
    response.end('ok');
  });
  const answer = await client(context).request({ method: 'GET', url: server.url });
  assert.equal(answer.body.toString(), 'ok');
  assert.equal(server.requests.length, 4);
});

test('other statuses are final', async (context) => {
  const server = await serve(context, (_, response) => {
    response.statusCode = 404;
    response.end('no');
  });
  const answer = await client(context).request({ method: 'GET', url: server.url });
  assert.equal(answer.status, 404);
  assert.equal(server.requests.length, 1);
});

test('a server that fails for ever is given up after the budget', async (context) => {
  const server = await serve(context, (_, response) => {
    response.statusCode = 503;
    response.end();
  });
  const request = client(context, 100).request({ method: 'GET', url: server.url });
  await assert.rejects(request, failsWith('server', 503));
  assert.ok(server.requests.length > 2);
});

test('Retry-After is waited for, is not held against the budget, and holds for all callers', async (context) => {
  const times: number[] = [];
  const server = await serve(context, (_, response, count) => {
    times.push(Date.now());
    if (count === 1) {
      response.writeHead(429, { 'retry-after': '0.5' });
      response.end();
    } else response.end('ok');
  });
  const http = client(context, 100);
  const first = http.request({ method: 'GET', url: server.url });
  while (times.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = http.request({ method: 'GET', url: server.url });
  await Promise.all([first, second]);
  assert.ok(times[1]! - times[0]! >= 495, 'the second try came too early');
  assert.equal(times.length, 3);
});

test('Retry-After is read as seconds, fractions and dates', () => {
  const now = Date.UTC(2025, 0, 1);
  assert.equal(retryAfterMs('30', now), 30_000);
  assert.equal(retryAfterMs('0.25', now), 250);
  assert.equal(retryAfterMs('Wed, 01 Jan 2025 00:00:07 GMT', now), 7000);
  assert.equal(retryAfterMs('Tue, 31 Dec 2024 00:00:00 GMT', now), 0);
  assert.equal(retryAfterMs('soon', now), undefined);
  assert.equal(retryAfterMs('soon 5', now), undefined);
  assert.equal(retryAfterMs('-1', now), undefined);
  assert.equal(retryAfterMs(undefined, now), undefined);
});

test('a body cut in the middle is tried again, plain and compressed', async (context) => {
  const text = 'x'.repeat(100_000) + Math.random();
  const server = await serve(context, (request, response, count) => {
    const zipped = request.url === '/gzip';
    const body = zipped ? gzipSync(text) : Buffer.from(text);
    const headers = zipped ? { 'content-encoding': 'gzip' } : {};
    if (count % 2 === 1) {
      response.writeHead(200, { ...headers, 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2), () => response.destroy());
    } else {
      response.writeHead(200, headers);
      response.end(body);
    }
  });
  const http = client(context);
  for (const path of ['/', '/gzip']) {
    const answer = await http.request({ method: 'GET', url: server.url + path });
    assert.equal(answer.body.toString(), text);
  }
  assert.equal(server.requests.length, 4);
});

test('a compressed body that ends early with a fitting length is tried again', async (context) => {
  const body = gzipSync('y'.repeat(50_000) + Math.random());
  const server = await serve(context, (_, response, count) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(count === 1 ? body.subarray(0, body.length - 20) : body);
  });
  const answer = await client(context).request({ method: 'GET', url: server.url });
  assert.equal(answer.body.length > 50_000, true);
  assert.equal(server.requests.length, 2);
});

test('an answer that its reader calls bad is tried again', async (context) => {
  const server = await serve(context, (_, response, count) => response.end(count === 1 ? 'garbage' : 'fine'));
  const text = await client(context).stream({ method: 'GET', url: server.url }, async ({ body }) => {
    let all = '';
    for await (const chunk of body) all += Buffer.from(chunk).toString();
    if (all === 'garbage') throw new ExporterError('bad_answer', 'garbage');
    return all;
  });
  assert.equal(text, 'fine');
});

test('nobody at home, an unknown name, and an abort are told apart', async (context) => {
  const http = client(context, 50);
  await assert.rejects(http.request({ method: 'GET', url: 'http://127.0.0.1:9' }), failsWith('network'));
  const server = await serve(context, () => {});
  const abort = new AbortController();
  const hanging = http.request({ method: 'GET', url: server.url, signal: abort.signal });
  setTimeout(() => abort.abort(), 20);
  await assert.rejects(hanging, failsWith('interrupted'));
});

test('a proxy from the environment is not asked for this machine', async (context) => {
  const server = await serve(context, (_, response) => response.end('direct'));
  const saved = process.env.HTTP_PROXY;
  process.env.HTTP_PROXY = 'http://127.0.0.1:9';
  context.after(() => {
    if (saved === undefined) delete process.env.HTTP_PROXY;
    else process.env.HTTP_PROXY = saved;
  });
  const answer = await client(context, 50).request({ method: 'GET', url: server.url });
  assert.equal(answer.body.toString(), 'direct');
});

test('a Retry-After of nothing does not make a hot loop', async (context) => {
  for (const header of ['0', 'Wed, 01 Jan 2020 00:00:00 GMT', 'soon 5']) {
    const server = await serve(context, (_, response) => {
      response.writeHead(503, { 'retry-after': header });
      response.end();
    });
    await assert.rejects(client(context, 100).request({ method: 'GET', url: server.url }), failsWith('server', 503));
    assert.ok(server.requests.length < 60, `${server.requests.length} requests for ${header}`);
  }
});

test('a host that is gone is not asked by every request for its whole budget', async (context) => {
  const http = client(context, 100);
  const url = 'http://127.0.0.1:9';
  await assert.rejects(http.request({ method: 'GET', url }), failsWith('network'));
  await assert.rejects(http.request({ method: 'GET', url }), failsWith('offline'));
  const started = Date.now();
  for (let index = 0; index < 20; index++)
    await assert.rejects(http.request({ method: 'GET', url }), failsWith('offline'));
  assert.ok(Date.now() - started < 1000);
});
