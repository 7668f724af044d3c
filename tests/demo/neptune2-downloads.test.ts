// Bytes from the Neptune 2 demo server: files, zips of file sets, parts of them; faults and tokens by operation.

import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute2, type DemoAttribute2 } from '../../src/demo/neptune2/dataset.ts';
import { DOCUMENTS } from '../../src/demo/neptune2/operation.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { documentPath } from '../../src/demo/neptune2/swagger.ts';
import { type Api2, projectOf2, withServer2 } from './neptune2-api.ts';

const RUN = { experimentId: 'ws/p/P-1' };
const ARTIFACT: DemoAttribute2 = {
  type: 'artifact',
  artifact: {
    hash: 'abc',
    files: [{ filePath: 'ü/a', fileHash: 'h', type: 'S3', size: 2 ** 40, metadata: { location: 's3://b/a' } }],
  },
};
const DATA = projectOf2({
  file: attribute2.file('näme "1"\n.tar.gz', '0123456789'),
  empty: attribute2.file('empty', ''),
  set: attribute2.fileSet({ 'a.txt': 'a', 'b/c.txt': 'cc', 'b/d/e.txt': '' }),
  hostile: attribute2.fileSet({ '../x': 'x' }, '../../evil.zip'),
  artifact: ARTIFACT,
});

const file = (api: Api2, headers: Record<string, string> = {}) =>
  api.ask('downloadAttribute', { ...RUN, attribute: 'file' }, { headers });

test('files are sent whole, named and with their length', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const reply = await file(api, { range: 'bytes=2-' });
    assert.deepEqual(
      [reply.status, reply.body.toString(), reply.headers.get('content-length')],
      [200, '0123456789', '10'],
    );
    assert.equal(reply.headers.get('accept-ranges'), null);
    const name = Buffer.from(reply.headers.get('content-disposition')!, 'latin1').toString();
    assert.equal(name, 'attachment; filename="näme _1__.tar.gz"');
    const empty = await api.ask('downloadAttribute', { ...RUN, attribute: 'empty' });
    assert.deepEqual([empty.status, empty.body.length], [200, 0]);
    const { fileProperties } = await api
      .json<{ attributes: { name: string; fileProperties?: object }[] }>('getExperimentAttributes', RUN)
      .then(({ attributes }) => attributes.find((one) => one.name === 'file')!);
    assert.deepEqual(fileProperties, {
      attributeName: 'file',
      attributeType: 'file',
      name: 'näme "1"\n.tar.gz',
      ext: 'gz',
      size: 10,
    });
  });
});

test('parts of files are sent where the server knows Range', async () => {
  await withServer2({ data: DATA, ranges: true }, async (api) => {
    const whole = await file(api);
    const etag = whole.headers.get('etag')!;
    const part = await file(api, { range: 'bytes=2-5', 'if-range': etag });
    assert.deepEqual(
      [part.status, part.body.toString(), part.headers.get('content-range')],
      [206, '2345', 'bytes 2-5/10'],
    );
    assert.equal((await file(api, { range: 'bytes=7-', 'if-range': '"other"' })).body.toString(), '0123456789');
    const outside = await file(api, { range: 'bytes=10-' });
    assert.deepEqual([outside.status, outside.headers.get('content-range')], [416, 'bytes */10']);
  });
});

interface ZipRequest {
  id: string;
  downloadUrl?: string;
}

test('zips of file sets are asked for, waited for, and have the name that the server likes', async () => {
  await withServer2({ data: DATA, prepareDelay: 100, movedPaths: true }, async (api) => {
    const { id } = await api.json<ZipRequest>('prepareForDownloadFileSetAttributeZip', {
      ...RUN,
      attribute: 'hostile',
    });
    assert.equal((await api.ask('download', { id })).status, 404);
    assert.deepEqual(await api.json('getDownloadPrepareRequest', { id }), { id });
    let url: string | undefined;
    while (url === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      url = (await api.json<ZipRequest>('getDownloadPrepareRequest', { id })).downloadUrl;
    }
    assert.equal((await api.fetch(url, { anonymous: true })).status, 401);
    const zip = await api.fetch(url);
    assert.equal(zip.headers.get('content-type'), 'application/zip');
    assert.equal(zip.headers.get('content-disposition'), 'attachment; filename="../../evil.zip"');
    assert.equal(zip.body.readUInt32LE(0), 0x04034b50);
    assert.ok(zip.body.includes('../x'));
  });
});

test('file sets are listed folder by folder, and read member by member', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const list = async (path: string) =>
      (
        await api.json<{ name: string; size?: number; fileType: string }[]>('lsFileSetAttribute', {
          ...RUN,
          attribute: 'set',
          path,
        })
      ).map(({ name, size, fileType }) => `${fileType} ${name} ${size}`);
    assert.deepEqual(await list(''), ['directory b undefined', 'file a.txt 1']);
    assert.deepEqual(await list('b'), ['directory d undefined', 'file c.txt 2']);
    assert.deepEqual(await list('b/d/'), ['file e.txt 0']);
    const member = await api.ask('downloadAttribute', { ...RUN, attribute: 'set', path: 'b/c.txt' });
    assert.deepEqual([member.status, member.body.toString()], [200, 'cc']);
  });
});

test('lists of artifacts come from a service of their own, which a server may lack', async () => {
  const headers = { 'x-neptune-artifact-api-version': '2' };
  await withServer2({ data: DATA }, async (api) => {
    assert.deepEqual(await api.json('listArtifactFiles', { projectIdentifier: 'ws/p', hash: 'abc' }, { headers }), {
      files: [
        {
          filePath: 'ü/a',
          fileHash: 'h',
          type: 'S3',
          size: 2 ** 40,
          metadata: [{ key: 'location', value: 's3://b/a' }],
        },
      ],
    });
  });
  await withServer2({ data: DATA, artifacts: false }, async (api) => {
    const { artifacts } = await api.json<{ artifacts?: object }>(
      'getClientConfig',
      {},
      { headers: { 'x-neptune-api-token': api.server.token } },
    );
    assert.equal(artifacts, undefined);
    assert.equal((await api.fetch(documentPath('artifacts'))).status, 404);
  });
});

test('requests are counted by operation, and faults meet the operations they name', async () => {
  const fault = { kind: 'status', status: 429, retryAfter: 7 } as const;
  await withServer2(
    { data: DATA, movedPaths: true, faults: [{ operation: 'downloadAttribute', fault, times: 1 }] },
    async (api) => {
      const reply = await file(api);
      assert.deepEqual([reply.status, reply.headers.get('retry-after')], [429, '7']);
      assert.equal((await file(api)).status, 200);
      const { counts } = api.server;
      assert.deepEqual([counts.get('downloadAttribute 429'), counts.get('downloadAttribute 200')], [1, 1]);
      assert.equal(counts.get('exchangeApiToken 200'), 1);
      for (const document of DOCUMENTS) assert.equal(counts.get(`swagger ${document} 200`), 1);
    },
  );
});

test('tokens are refreshed where their issuer says, until they are revoked', async () => {
  for (const movedPaths of [false, true]) {
    await withServer2({ data: DATA, movedPaths }, async (api) => {
      const claims = JSON.parse(Buffer.from(api.accessToken.split('.')[1]!, 'base64url').toString()) as Record<
        string,
        string
      >;
      const refresh = () =>
        fetch(`${claims.iss}/protocol/openid-connect/token`, {
          method: 'POST',
          body: new URLSearchParams({
            grant_type: 'refresh_token',
            client_id: claims.azp!,
            refresh_token: api.refreshToken,
          }),
        });
      const reply = await refresh();
      const { access_token } = (await reply.json()) as { access_token: string };
      api.server.revokeTokens();
      assert.equal((await file(api)).status, 401);
      const again = (await (await refresh()).json()) as { access_token: string };
      assert.notEqual(again.access_token, access_token);
      assert.equal((await file(api, { authorization: `Bearer ${again.access_token}` })).status, 200);
      api.server.revokeTokens(true);
      const refused = await refresh();
      assert.deepEqual([refused.status, ((await refused.json()) as { error: string }).error], [400, 'invalid_grant']);
    });
  }
});

test('by the address of the token there is only the configuration, where that sends clients elsewhere', async (t) => {
  const server = await startNeptune2DemoServer({ data: DATA, apiHost: 'localhost' });
  t.after(() => server.close());
  const get = (address: string, path: string) =>
    fetch(address + path, { headers: { 'x-neptune-api-token': server.token } });
  const config = await get(server.url, '/api/backend/v1/clients/config');
  const { apiUrl } = (await config.json()) as { apiUrl: string };
  assert.equal(apiUrl, `http://localhost:${new URL(server.url).port}`);
  assert.equal((await get(server.url, '/api/backend/v1/authorization/oauth-token')).status, 404);
  assert.equal((await get(apiUrl, '/api/backend/v1/authorization/oauth-token')).status, 200);
  assert.equal((await get(server.url, documentPath('backend'))).status, 200);
});
