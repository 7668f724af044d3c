// Tokens and files: what ends, what is refused, and parts of files.

import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute, fileOf } from '../../src/demo/dataset.ts';
import type { StorageProvider } from '../../src/demo/storage.ts';
import { type Api, projectOf, SEARCH, SIGN, withServer } from './api.ts';

const PATH = 'a b/ü?#%20&/c.txt';
const CONTENT = '0123456789';
const DATA = projectOf({
  file: attribute.file(fileOf(PATH, 'text/plain', CONTENT)),
  empty: attribute.file(fileOf('empty', '', '')),
});

async function signed(api: Api, ...paths: string[]): Promise<string[]> {
  const files = paths.map((path) => ({ project_identifier: 'ws/p', path, permission: 'read' }));
  const answer = await api.json<{ files: { url: string; path: string; provider: string }[] }>(SIGN, { files });
  assert.deepEqual(
    answer.files.map(({ path }) => path),
    paths,
  );
  return answer.files.map(({ url }) => url);
}

test('signed files are served whole and in parts', async () => {
  await withServer({ data: DATA }, async (api) => {
    const [url, empty, missing] = await signed(api, PATH, 'empty', 'missing');
    const whole = await api.get(url!);
    assert.equal(whole.status, 200);
    assert.equal(whole.body.toString(), CONTENT);
    assert.equal(whole.headers.get('content-type'), 'text/plain');
    const etag = whole.headers.get('etag')!;
    const parts: [Record<string, string>, number, string, string | null][] = [
      [{ range: 'bytes=3-5' }, 206, '345', 'bytes 3-5/10'],
      [{ range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
      [{ range: 'bytes=-2' }, 206, '89', 'bytes 8-9/10'],
      [{ 'x-ms-range': 'bytes=0-33554431' }, 206, CONTENT, 'bytes 0-9/10'],
      [{ range: 'bytes=7-', 'if-range': etag }, 206, '789', 'bytes 7-9/10'],
      [{ range: 'bytes=7-', 'if-range': '"other"' }, 200, CONTENT, null],
    ];
    for (const [headers, status, body, range] of parts) {
      const reply = await api.get(url!, headers);
      assert.deepEqual(
        [reply.status, reply.body.toString(), reply.headers.get('content-range')],
        [status, body, range],
      );
    }
    const beyond = await api.get(url!, { range: 'bytes=10-' });
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */10']);
    const nothing = await api.get(empty!);
    assert.deepEqual([nothing.status, nothing.body.length], [200, 0]);
    assert.equal((await api.get(missing!)).status, 404);
  });
});

test('signed URLs are refused with a bearer token or when tampered with', async () => {
  await withServer({ data: DATA }, async (api) => {
    const [url] = await signed(api, PATH);
    assert.equal((await api.authorized(url!)).status, 400);
    assert.equal((await api.get(url!.replace('c.txt', 'd.txt'))).status, 403);
    assert.equal((await api.get(url!.replace('se=', 'se=9'))).status, 403);
    assert.equal((await api.get(url!.replace(/\?.*/, ''))).status, 403);
    assert.equal((await api.get('/storage/demo/ws/p/%')).status, 403);
    assert.equal((await api.get(`${api.server.url}//`)).status, 404);
  });
});

test('signed URLs end, each storage in its own way', async () => {
  const statuses: [StorageProvider, number][] = [
    ['gcp', 400],
    ['aws', 400],
    ['azure', 403],
  ];
  for (const [provider, status] of statuses) {
    await withServer({ data: DATA, provider, signedUrlSeconds: 0 }, async (api) => {
      const [url] = await signed(api, PATH);
      assert.equal((await api.get(url!)).status, status, provider);
    });
  }
});

const REFRESH = '/auth/realms/neptune/protocol/openid-connect/token';

async function refresh(api: Api, change: Record<string, string> = {}) {
  const form = {
    grant_type: 'refresh_token',
    refresh_token: api.refreshToken,
    client_id: 'neptune-cli',
    expires_in: '-3.5',
    ...change,
  };
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return api.post(REFRESH, new URLSearchParams(form).toString(), type);
}

test('access tokens can be refreshed, and revoked', async () => {
  await withServer({ data: DATA }, async (api) => {
    const claims = JSON.parse(Buffer.from(api.accessToken.split('.')[1]!, 'base64url').toString());
    assert.equal(`${claims.iss}/protocol/openid-connect/token`, `${api.server.url}${REFRESH}`);
    assert.equal(claims.azp, 'neptune-cli');
    assert.ok(Math.abs(claims.exp - Date.now() / 1000 - 600) < 10);

    api.server.revokeTokens();
    assert.equal((await api.post(SEARCH, {})).status, 401);
    const renewed = JSON.parse((await refresh(api)).body.toString());
    api.accessToken = renewed.access_token;
    assert.equal((await api.post(SEARCH, {})).status, 200);

    assert.equal((await refresh(api, { grant_type: 'password' })).status, 400);
    assert.equal((await refresh(api, { client_id: 'me' })).status, 400);
    assert.equal((await refresh(api, { refresh_token: api.accessToken })).status, 400);
    assert.equal((await refresh(api, { expires_in: 'soon' })).status, 400);
    api.server.revokeTokens(true);
    assert.equal((await refresh(api)).status, 400);
    await api.login();
    assert.equal((await api.post(SEARCH, {})).status, 200);
  });
});

test('access tokens end by themselves', async () => {
  await withServer({ data: DATA, tokenSeconds: 0 }, async (api) => {
    assert.equal((await api.post(SEARCH, {})).status, 401);
  });
});
