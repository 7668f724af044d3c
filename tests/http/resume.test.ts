// Downloads that go on after a cut: never with a part of other content, and from the beginning where they can't.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { download } from '../../src/http/download.ts';
import { counting, cut, failsWith, type Handler, quickClient } from './kit.ts';

const CONTENT = randomBytes(1_000_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const OTHER = randomBytes(CONTENT.length);
const CUT_AT = 300_000;
const MONDAY = 'Mon, 06 Jan 2025 00:00:00 GMT';
const TUESDAY = 'Tue, 07 Jan 2025 00:00:00 GMT';

async function setUp(context: TestContext, handler: Handler) {
  const { url, requests } = await counting(context, handler);
  const folder = mkdtempSync(join(tmpdir(), 'resume-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const client = quickClient(context);
  const fetch = (more: { size?: number; remade?: boolean } = {}) =>
    download({ client, address: async () => url, target: join(folder, 'file'), ...more });
  return { fetch, requests, folder };
}

function rangeStart(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
}

/** Answers with what was asked for. */
function answer(request: IncomingMessage, response: ServerResponse, headers: OutgoingHttpHeaders): void {
  const from = rangeStart(request);
  const range = { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` };
  response.writeHead(from > 0 ? 206 : 200, { ...headers, ...(from > 0 ? range : {}) });
  response.end(CONTENT.subarray(from));
}

const CHANGED: [what: string, before: OutgoingHttpHeaders, after: OutgoingHttpHeaders][] = [
  ['a strong ETag, and If-Range is not heeded', { etag: '"1"' }, { etag: '"2"' }],
  ['a weak ETag', { etag: 'W/"1"' }, { etag: 'W/"2"' }],
  ['a time', { 'last-modified': MONDAY }, { 'last-modified': TUESDAY }],
  ['a time beside one ETag', { etag: '"1"', 'last-modified': MONDAY }, { etag: '"1"', 'last-modified': TUESDAY }],
  ['a validator that only the first answer has', { etag: '"1"' }, {}],
  ['nothing that tells content apart', {}, {}],
];

for (const [what, before, after] of CHANGED) {
  test(`content that changed of the same length is not glued: ${what}`, async (context) => {
    const { fetch, requests } = await setUp(context, (request, response, count) => {
      if (count > 1) return answer(request, response, after);
      response.writeHead(200, { ...before, 'content-length': OTHER.length });
      cut(response, OTHER.subarray(0, CUT_AT));
    });
    assert.deepEqual(await fetch(), { bytes: CONTENT.length, sha256: SHA256 });
    assert.equal(requests.at(-1)?.headers.range, undefined);
  });
}

const KEPT: [what: string, headers: OutgoingHttpHeaders, ifRange: string | undefined, size: number | undefined][] = [
  ['a strong ETag', { etag: '"1"' }, '"1"', undefined],
  ['a weak ETag', { etag: 'W/"1"' }, undefined, undefined],
  ['a time', { 'last-modified': MONDAY }, undefined, undefined],
  ['the size', {}, undefined, CONTENT.length],
];

for (const [what, headers, ifRange, size] of KEPT) {
  test(`a cut download goes on where the content proves to be the same by ${what}`, async (context) => {
    const { fetch, requests } = await setUp(context, (request, response, count) => {
      if (count > 1) return answer(request, response, headers);
      response.writeHead(200, { ...headers, 'content-length': CONTENT.length });
      cut(response, CONTENT.subarray(0, CUT_AT));
    });
    const { sha256 } = await fetch(size === undefined ? {} : { size });
    assert.equal(sha256, SHA256);
    assert.equal(requests.length, 2);
    assert.ok(rangeStart(requests[1]!) > 0);
    assert.equal(requests[1]!.headers['if-range'], ifRange);
  });
}

test('content that is made anew for each request only goes on with the same strong ETag', async (context) => {
  const weak = { etag: 'W/"1"' };
  const time = { 'last-modified': MONDAY };
  for (const [before, after] of [
    [weak, weak],
    [time, time],
    [{ etag: '"1"', ...time }, time],
  ]) {
    const { fetch } = await setUp(context, (request, response, count) => {
      if (count > 1) return answer(request, response, after!);
      response.writeHead(200, { ...before, 'content-length': OTHER.length });
      cut(response, OTHER.subarray(0, CUT_AT));
    });
    assert.equal((await fetch({ remade: true })).sha256, SHA256);
  }
});

type Refusal = (response: ServerResponse, from: number) => void;
const RANGE = (from: number) => ({ 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` });
const REFUSALS: [what: string, refusal: Refusal][] = [
  ['206 without Content-Range', (response, from) => response.writeHead(206).end(CONTENT.subarray(from))],
  ['206 with another start', (response) => response.writeHead(206, RANGE(0)).end(CONTENT)],
  ['206 with more than it says', (response, from) => response.writeHead(206, RANGE(from)).end(CONTENT)],
  ['416', (response) => response.writeHead(416).end()],
  [
    'a compressed part',
    (response, from) =>
      response.writeHead(206, { ...RANGE(from), 'content-encoding': 'gzip' }).end(gzipSync(CONTENT.subarray(from))),
  ],
];

for (const [what, refusal] of REFUSALS) {
  test(`a storage that answers a range with ${what} is asked for the whole, and not for ever`, async (context) => {
    let ends = true;
    const { fetch, requests, folder } = await setUp(context, (request, response, count) => {
      response.setHeader('etag', '"1"');
      const from = rangeStart(request);
      if (from > 0) return refusal(response, from);
      if (ends && count > 2) return answer(request, response, {});
      response.writeHead(200, { 'content-length': CONTENT.length });
      cut(response, CONTENT.subarray(0, CUT_AT));
    });
    assert.deepEqual(await fetch({ size: CONTENT.length }), { bytes: CONTENT.length, sha256: SHA256 });
    assert.equal(requests.length, 3);
    ends = false;
    await assert.rejects(fetch({ size: CONTENT.length }), failsWith('network'));
    assert.ok(requests.slice(3).filter(rangeStart).length <= 2);
    assert.deepEqual(readdirSync(folder), ['file']);
  });
}

test('a part that nobody asked for, with other bytes than it says, is given up', async (context) => {
  const { fetch } = await setUp(context, (_, response) =>
    response.writeHead(206, RANGE(0)).end(CONTENT.subarray(0, 9)),
  );
  await assert.rejects(fetch(), failsWith('bad_answer'));
});

test('a compressed body is never gone on with', async (context) => {
  const zipped = gzipSync(CONTENT);
  const { fetch, requests } = await setUp(context, (request, response, count) => {
    if (request.headers.range !== undefined) return answer(request, response, { etag: '"1"' });
    response.writeHead(200, { etag: '"1"', 'content-encoding': 'GZip', 'content-length': zipped.length });
    if (count === 1) cut(response, zipped.subarray(0, CUT_AT));
    else response.end(zipped);
  });
  assert.equal((await fetch({ size: CONTENT.length })).sha256, SHA256);
  assert.deepEqual(
    requests.map(({ headers }) => headers.range),
    [undefined, undefined],
  );
});

test('a download in an unknown compression is refused, and leaves nothing', async (context) => {
  const { fetch, folder } = await setUp(context, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'zstd-of-tomorrow' }).end(CONTENT);
  });
  await assert.rejects(fetch(), failsWith('bad_answer', /zstd-of-tomorrow/));
  assert.deepEqual(readdirSync(folder), []);
});
