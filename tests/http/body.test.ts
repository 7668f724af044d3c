// Bodies of answers: every usual compression, and errors that never end.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import test from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { counting, failsWith, quickClient } from './kit.ts';

const TEXT = Array.from({ length: 20_000 }, (_, index) => Math.sin(index)).join();

const CODINGS: [name: string, body: Uint8Array][] = [
  ['gzip', gzipSync(TEXT)],
  ['GZIP', gzipSync(TEXT)],
  ['x-gzip', gzipSync(TEXT)],
  ['deflate', deflateSync(TEXT)],
  ['Deflate', deflateRawSync(TEXT)],
  ['br', brotliCompressSync(TEXT)],
  ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
  ['identity', Buffer.from(TEXT)],
  ['aws-chunked', Buffer.from(TEXT)],
];

test('compressed bodies are read, and one that ends early is tried again', async (context) => {
  for (const [name, body] of CODINGS) {
    const endsEarly = !['identity', 'aws-chunked'].includes(name);
    const { url, requests } = await counting(context, (_, response, count) => {
      response.writeHead(200, { 'content-encoding': name });
      response.end(endsEarly && count === 1 ? body.subarray(0, body.length - 20) : body);
    });
    const answer = await quickClient(context).request({ method: 'GET', url });
    assert.equal(answer.body.toString(), TEXT, name);
    assert.equal(requests.length, endsEarly ? 2 : 1, name);
  }
});

test('a body in an unknown compression is a bad answer; for an error its status is enough', async (context) => {
  const { url } = await counting(context, (request, response) => {
    response.writeHead(Number(request.url?.slice(1)), { 'content-encoding': 'secret' }).end(TEXT);
  });
  const http = quickClient(context);
  await assert.rejects(http.request({ method: 'GET', url: `${url}/200` }), failsWith('bad_answer', /secret/));
  const { status, body } = await http.request({ method: 'GET', url: `${url}/404` });
  assert.deepEqual([status, body.length], [404, 0]);
});

/** A body that comes in bits and never ends. */
function drip(response: ServerResponse, bit: string, everyMs: number): void {
  const timer = setInterval(() => response.write(bit), everyMs);
  response.on('close', () => clearInterval(timer));
}

test('a body of an error or a redirect that never ends does not hold a request', {
  timeout: 20_000,
}, async (context) => {
  const { url } = await counting(context, (request, response) => {
    const [, status, speed] = request.url!.split('/');
    if (request.url === '/') return response.end('there');
    response.writeHead(Number(status), { location: '/' });
    drip(response, speed === 'slow' ? 'x'.repeat(100) : 'x'.repeat(5000), speed === 'slow' ? 200 : 1);
  });
  const http = quickClient(context, { concurrency: 6 });
  const ask = (path: string) => http.request({ method: 'GET', url: url + path, retry: false });
  const started = performance.now();
  for (const path of ['/503/fast', '/404/fast', '/302/fast']) await ask(path).catch(() => {});
  assert.ok(performance.now() - started < 4000, 'a few KiB took long');
  const [failed, missing, there] = await Promise.allSettled(['/503/slow', '/404/slow', '/302/slow'].map(ask));
  assert.ok(performance.now() - started < 12_000);
  assert.ok(failed?.status === 'rejected' && failsWith('server', /503/)(failed.reason));
  assert.ok(missing?.status === 'fulfilled' && missing.value.status === 404);
  assert.ok(missing.value.body.toString().startsWith('xxx'));
  assert.ok(there?.status === 'fulfilled' && there.value.body.toString() === 'there');
});

test('the words of an error are kept, compressed ones too', async (context) => {
  const { url } = await counting(context, (_, response) => {
    response.writeHead(500, { 'content-encoding': 'gzip' }).end(gzipSync('out of ünits'));
  });
  await assert.rejects(quickClient(context).request({ method: 'GET', url, retry: false }), (error: Error) => {
    assert.equal((error.cause as { text: string }).text, 'out of ünits');
    return true;
  });
});
