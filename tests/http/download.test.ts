// Downloads over a storage that cuts, lies and forgets: the file at its name is always whole.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { HttpClient } from '../../src/http/client.ts';
import { download } from '../../src/http/download.ts';
import { ExporterError, FileTooLarge } from '../../src/model/errors.ts';

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
  return { requests, target, folder, fetch, url, http };
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

test('a name of 255 bytes leaves room for the download under way', async (context) => {
  const { folder, http, url } = await setUp(context, (request, response, count) => {
    const body = send(request, response);
    if (count === 1) response.write(body.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 20));
    else response.end(body);
  });
  const name = `${'漢'.repeat(83)}.bin.x`;
  assert.equal(Buffer.byteLength(name), 255);
  await download({ client: http, address: async () => url, target: join(folder, name) });
  assert.deepEqual(readdirSync(folder), [name]);
});

test('the answer names the file, and a cut download of it goes on', async (context) => {
  const { folder, http, url, requests } = await setUp(context, (request, response, count) => {
    response.setHeader('content-type', 'image/png');
    const body = send(request, response);
    if (count === 1) response.write(body.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 20));
    else response.end(body);
  });
  const target = join(folder, 'series');
  const name = (headers: Record<string, string>) => `0.${headers['content-type']?.split('/')[1]}`;
  const result = await download({ client: http, address: async () => url, target, name });
  assert.deepEqual(result, { bytes: CONTENT.length, sha256: SHA256, name: '0.png' });
  assert.deepEqual(readdirSync(target), ['0.png']);
  assert.match(requests[1]?.headers.range ?? '', /^bytes=[1-9]/);
});

test('a name that leads out of the folder, or is none, is refused at once', async (context) => {
  const { folder, http, url, requests } = await setUp(context, (request, response) =>
    response.end(send(request, response)),
  );
  const target = join(folder, 'set');
  const bad = ['', '.', '..', '../x', 'a/b', 'a\\b', 'nul.zip', 'x.', 'x\0', 'x.download', 'x'.repeat(256)];
  for (const name of bad) {
    const work = download({ client: http, address: async () => url, target, name: () => name });
    await assert.rejects(work, { code: 'bad_answer' }, name);
  }
  assert.equal(requests.length, bad.length);
  assert.deepEqual(readdirSync(folder), []);
});

test('a file over the limit is given up as soon as that is seen, and leaves nothing', async (context) => {
  let told = true;
  const { folder, http, url, requests, target } = await setUp(context, (request, response) => {
    if (told) response.end(send(request, response));
    else response.end(CONTENT);
  });
  const fetch = (maxBytes: number) => download({ client: http, address: async () => url, target, maxBytes });
  await assert.rejects(fetch(CONTENT.length - 1), (error) => {
    assert.ok(error instanceof FileTooLarge);
    assert.equal(error.bytes, CONTENT.length);
    return true;
  });
  assert.equal(existsSync(dirname(target)), false);
  told = false;
  await assert.rejects(fetch(1000), (error) => error instanceof FileTooLarge && error.bytes > 1000);
  assert.equal(requests.length, 2);
  const left = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.deepEqual(left, []);
  assert.equal((await fetch(CONTENT.length)).bytes, CONTENT.length);
});

test('an address may bring its own headers, and the caller says what refuses it', async (context) => {
  const { http, url, target, requests } = await setUp(context, (request, response, count) => {
    if (request.headers.authorization !== `Bearer ${Math.ceil(count / 2)}`) {
      response.statusCode = request.headers.authorization === undefined ? 403 : 401;
      response.end();
      return;
    }
    const body = send(request, response);
    if (count < 9) response.write(body.subarray(0, 300_000), () => setTimeout(() => response.destroy(), 20));
    else response.end(body);
  });
  let token = 0;
  const refusals: boolean[] = [];
  const address = async (refused: boolean) => {
    refusals.push(refused);
    return { url, headers: { authorization: `Bearer ${++token}` } };
  };
  const refused = new Set([401]);
  const { sha256 } = await download({ client: http, address, target, refused });
  // Each token lasts for two requests: more refusals than are taken in a row, but each time some of the file came.
  assert.equal(sha256, SHA256);
  assert.ok(refusals.length > 4, `${refusals}`);
  assert.equal(refusals[0], false);
  assert.ok(refusals.slice(1).every(Boolean));
  const before = requests.length;
  await assert.rejects(download({ client: http, address: async () => url, target, refused }), { status: 403 });
  assert.equal(requests.length, before + 1);
});

test('an answer with a part of the range, or of another file, never ends as a whole file', async (context) => {
  const other = randomBytes(2_000_000);
  let changed = false;
  let restarted = false;
  const { http, url, target } = await setUp(context, (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const content = changed && (from > 0 || restarted) ? other : CONTENT;
    if (changed && from > 0) restarted = true;
    const always = { 'last-modified': 'Wed, 01 Jan 2025 00:00:00 GMT' };
    if (from === 0) {
      response.writeHead(200, { ...always, 'content-length': content.length });
      if (content === other) response.end(content);
      else response.write(content.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 20));
      return;
    }
    const body = content.subarray(from, from + 600_000);
    response.writeHead(206, {
      ...always,
      'content-length': body.length,
      'content-range': `bytes ${from}-${from + body.length - 1}/${content.length}`,
    });
    response.end(body);
  });
  const fetch = () => download({ client: http, address: async () => url, target });
  assert.deepEqual(await fetch(), { bytes: CONTENT.length, sha256: SHA256 });
  changed = true;
  await fetch();
  assert.ok(restarted);
  assert.ok(readFileSync(target).equals(other));
});
