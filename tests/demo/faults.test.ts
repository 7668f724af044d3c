// Faults on demand: each does what it says, to the requests it is meant for.

import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute, fileOf } from '../../src/demo/dataset.ts';
import { type Fault, type FaultRule, Faults } from '../../src/demo/faults.ts';
import { type Api, projectOf, SEARCH, SIGN, withServer } from './api.ts';
import { readMessage } from './protobuf-reader.ts';

const SIZE = 400_000;
const DATA = projectOf({ file: attribute.file(fileOf('f', 'text/plain', 'x'.repeat(SIZE))) });

async function fileUrl(api: Api): Promise<string> {
  const files = [{ project_identifier: 'ws/p', path: 'f', permission: 'read' }];
  return (await api.json<{ files: { url: string }[] }>(SIGN, { files })).files[0]!.url;
}

/** Runs a server with one fault that meets one request for a file, or one search. */
function withFault(fault: Fault, path: string, use: (api: Api) => Promise<void>): Promise<void> {
  return withServer({ data: DATA, faults: [{ path, fault, times: 1 }] }, use);
}

test('a status takes the place of the answer, with Retry-After in both forms', async () => {
  await withFault({ kind: 'status', status: 429, retryAfter: 2 }, 'search', async (api) => {
    const reply = await api.post(SEARCH, {});
    assert.deepEqual([reply.status, reply.headers.get('retry-after')], [429, '2']);
    assert.equal((await api.post(SEARCH, {})).status, 200);
  });
  await withFault({ kind: 'status', status: 503, retryAfter: 3600, asDate: true }, 'search', async (api) => {
    const reply = await api.post(SEARCH, {});
    const seconds = (Date.parse(reply.headers.get('retry-after')!) - Date.now()) / 1000;
    assert.equal(reply.status, 503);
    assert.ok(seconds > 3500 && seconds <= 3600, `${seconds} s`);
  });
});

test('a cut connection breaks in the middle of the body', async () => {
  await withFault({ kind: 'cut' }, '/storage/', async (api) => {
    const url = await fileUrl(api);
    const response = await fetch(url);
    assert.equal(response.headers.get('content-length'), String(SIZE));
    let received = 0;
    await assert.rejects(async () => {
      for await (const piece of response.body!) received += piece.length;
    });
    assert.equal(received, SIZE / 2);
    assert.equal((await api.get(url)).body.length, SIZE);
  });
});

test('a short body looks whole', async () => {
  await withFault({ kind: 'short' }, '/storage/', async (api) => {
    const reply = await api.get(await fileUrl(api));
    assert.deepEqual(
      [reply.status, reply.body.length, reply.headers.get('content-length')],
      [200, SIZE / 2, String(SIZE / 2)],
    );
  });
});

test('garbage is no protobuf', async () => {
  await withFault({ kind: 'garbage' }, 'search', async (api) => {
    const { status, body } = await api.post(SEARCH, {});
    assert.equal(status, 200);
    assert.throws(() => readMessage(body));
  });
});

test('slow and late answers are right in the end', async () => {
  await withFault({ kind: 'slow', bytesPerSecond: SIZE * 4 }, '/storage/', async (api) => {
    const url = await fileUrl(api);
    const start = performance.now();
    assert.equal((await api.get(url)).body.length, SIZE);
    assert.ok(performance.now() - start > 200);
  });
  await withFault({ kind: 'latency', ms: 120 }, 'search', async (api) => {
    const start = performance.now();
    assert.equal((await api.post(SEARCH, {})).status, 200);
    assert.ok(performance.now() - start > 110);
  });
});

test('a redirect goes where it is told', async () => {
  await withFault({ kind: 'redirect', location: 'http://127.0.0.1:9/login' }, 'projects', async (api) => {
    const reply = await api.authorized('/api/backend/v1/projects');
    assert.deepEqual([reply.status, reply.headers.get('location')], [302, 'http://127.0.0.1:9/login']);
  });
});

test('tokens are revoked midway', async () => {
  await withFault({ kind: 'revokeTokens' }, 'search', async (api) => {
    assert.equal((await api.post(SEARCH, {})).status, 401);
    assert.equal((await api.post(SEARCH, {})).status, 401);
    await api.login();
    assert.equal((await api.post(SEARCH, {})).status, 200);
  });
});

test('rules meet the requests they name', () => {
  const meets = (rule: Omit<FaultRule, 'fault'>, paths: string[]) => {
    const faults = new Faults([{ ...rule, fault: { kind: 'cut' } }]);
    return paths.map((path) => (faults.next(path) ? 'x' : '.')).join('');
  };
  assert.equal(meets({ path: 'b', times: 2, skip: 1 }, ['/a', '/b', '/b', '/a', '/b', '/b']), '..x.x.');
  assert.equal(meets({ path: /\/a$/ }, ['/a', '/ab', '/a']), 'x.x');
  const many = Array.from({ length: 1000 }, () => '/a');
  const some = meets({ path: 'a', probability: 0.3, seed: 7 }, many);
  assert.equal(some, meets({ path: 'a', probability: 0.3, seed: 7 }, many));
  assert.notEqual(some, meets({ path: 'a', probability: 0.3, seed: 8 }, many));
  const met = some.replaceAll('.', '').length;
  assert.ok(met > 240 && met < 360, `${met} of 1000`);
});

test('requests are counted by route and status, without growing with what is asked', async () => {
  await withServer({ data: DATA }, async (api) => {
    for (let n = 0; n < 3; n++) await api.get(`/nothing/${n}`);
    const url = await fileUrl(api);
    await api.get(url);
    assert.equal(api.server.counts.get('unknown 404'), 3);
    assert.equal(api.server.counts.get('GET /storage/ 200'), 1);
    assert.equal(api.server.counts.size, 4);
  });
});
