// Buckets on S3 whose region nobody says: the service is asked. A server that answers as S3 does to requests for another region.

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import { S3Store } from '../../src/targets/zenml/store-s3.ts';
import { serve } from '../helpers/server.ts';
import { archiveFolder, putFile } from './place.ts';

const REGION = 'eu-central-1';

/** A server with one bucket, and this process as one of a machine without settings for AWS. @returns what it was asked */
async function s3Without(t: TestContext, hasRegion: boolean): Promise<string[]> {
  const asked: string[] = [];
  const url = await serve(t, (request: IncomingMessage, response: ServerResponse) => {
    const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1];
    asked.push(`${request.method} ${region}`);
    request.resume().on('end', () => {
      const there = { 'x-amz-bucket-region': REGION };
      response.writeHead(region === REGION ? 200 : 400, { 'content-length': '0', ...(hasRegion ? there : {}) }).end();
    });
  });
  const own = { AWS_ENDPOINT_URL: url, AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere' };
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  process.env = { ...before, ...own };
  delete process.env.AWS_REGION;
  return asked;
}

test('a bucket without a region in any settings is found where it is', async (t) => {
  const asked = await s3Without(t, true);
  const store = await S3Store.open('s', 's3://bucket/p', { key: 'k', secret: 's' }, {});
  const file = await putFile(await archiveFolder(t), 'x', 'x');
  const { signal } = new AbortController();
  await store.put('s3://bucket/p/x', file, 1, signal);
  assert.equal(await store.size('s3://bucket/p/x', signal), 0);
  assert.deepEqual(asked, ['HEAD us-east-1', `PUT ${REGION}`, `HEAD ${REGION}`]);
  await store.close();
});

test('a region is taken from the variable that Python knows, and where ZenML has it', async (t) => {
  const asked = await s3Without(t, false);
  const { signal } = new AbortController();
  for (const [settings, env] of [
    [{}, { AWS_DEFAULT_REGION: REGION }],
    [{ client_kwargs: { region_name: REGION } }, {}],
  ] as const) {
    const store = await S3Store.open('s', 's3://bucket/p', { key: 'k', secret: 's', ...settings }, env);
    assert.equal(await store.size('s3://bucket/x', signal), 0);
    await store.close();
  }
  assert.ok(
    asked.every((request) => request.endsWith(REGION)),
    String(asked),
  );
});
