// Downloads over a storage that cuts, lies and forgets: the file at its name is always whole.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { HttpClient } from '../../src/http/client.ts';
import { download } from '../../src/http/download.ts';
import { ExporterError } from '../../src/model/errors.ts';

const CONTENT = randomBytes(3_000_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function setUp(context: TestContext, handler: Handler) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
  const folder = mkdtempSync(join(tmpdir(), 'download-'));
  const http = new HttpClient({
    userAgent: 'test',
    concurrency: 2,
    retry: { budgetMs: 300, firstPauseMs: 5, maxPauseMs: 20 },
  });
  context.after(async () => {
    server.closeAllConnections();
    server.close();
    await http.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const target = join(folder, 'a', 'b', 'file.bin');
  const fetch = (size: number | undefined = CONTENT.length, address = async () => url) =>
    download({ client: http, address, target, ...(size === undefined ? {} : { size }) });
  return { requests, target, folder, fetch, url };
}

/** Answers a range if asked for one. */
function send(request: IncomingMessage, response: ServerResponse, etag = '"v1"'): Buffer {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const body = CONTENT.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': body.length,
    etag,
    ...(from > 0 ? { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` } : {}),
  });
  return body;
}

test('a download that is cut goes on where it ended', async (context) => {
  const { requests, target, fetch } = await setUp(context, (request, response, count) => {
    const body = send(request, response);
    if (count < 4) response.write(body.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 20));
    else response.end(body);
  });
  assert.deepEqual(await fetch(), { bytes: CONTENT.length, sha256: SHA256 });
  assert.ok(readFileSync(target).equals(CONTENT));
  assert.equal(requests.length, 4);
  assert.match(requests[3]!.headers.range ?? '', /^bytes=[1-9]/);
});

test('content that changed in between is fetched anew', async (context) => {
  const { target, fetch } = await setUp(context, (request, response, count) => {
    if (count === 1) {
      response.writeHead(200, { 'content-length': CONTENT.length, etag: '"old"' });
      response.write(randomBytes(400_000), () => setTimeout(() => response.destroy(), 20));
    } else {
      if (request.headers['if-range'] !== '"v1"') delete request.headers.range;
      response.end(send(request, response));
    }
  });
  assert.deepEqual(await fetch(), { bytes: CONTENT.length, sha256: SHA256 });
  assert.ok(readFileSync(target).equals(CONTENT));
});

test('a body that is short once, though it says it is whole, is fetched again', async (context) => {
  const { target, fetch } = await setUp(context, (request, response, count) => {
    response.end(count === 1 ? CONTENT.subarray(0, 1000) : send(request, response));
  });
  assert.deepEqual(await fetch(), { bytes: CONTENT.length, sha256: SHA256 });
  assert.ok(readFileSync(target).equals(CONTENT));
});

test('a size that the storage insists on is kept and told', async (context) => {
  for (const told of [10, CONTENT.length * 2]) {
    const { requests, target, fetch } = await setUp(context, (request, response) =>
      response.end(send(request, response)),
    );
    assert.deepEqual(await fetch(told), { bytes: CONTENT.length, sha256: SHA256 });
    assert.ok(readFileSync(target).equals(CONTENT));
    assert.equal(requests.length, 3);
  }
});

test('a signed address that has ended is replaced; one refused for ever is given up', async (context) => {
  const { fetch, url } = await setUp(context, (request, response) => {
    if (request.url?.includes('stale')) {
      response.statusCode = 403;
      response.end();
    } else response.end(send(request, response));
  });
  let asked = 0;
  const addresses = async () => (asked++ === 0 ? `${url}?stale` : url);
  assert.equal((await fetch(CONTENT.length, addresses)).sha256, SHA256);
  await assert.rejects(
    fetch(1, async () => `${url}?stale`),
    (error) => error instanceof ExporterError && error.status === 403,
  );
});

test('a missing file is told as such, at once', async (context) => {
  const { requests, fetch } = await setUp(context, (_, response) => {
    response.statusCode = 404;
    response.end();
  });
  await assert.rejects(fetch(), (error) => error instanceof ExporterError && error.code === 'not_found');
  assert.equal(requests.length, 1);
});

test('a file from before is replaced only by a whole one', async (context) => {
  let cut = true;
  const { target, fetch } = await setUp(context, (request, response) => {
    if (cut) response.socket?.destroy();
    else response.end(send(request, response));
  });
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, 'old');
  await assert.rejects(fetch());
  assert.equal(readFileSync(target, 'utf8'), 'old');
  cut = false;
  assert.equal((await fetch()).sha256, SHA256);
  assert.ok(readFileSync(target).equals(CONTENT));
});

test('an empty file is a file', async (context) => {
  const { target, fetch } = await setUp(context, (_, response) => response.end());
  assert.equal((await fetch(0)).bytes, 0);
  assert.equal(readFileSync(target).length, 0);
});
