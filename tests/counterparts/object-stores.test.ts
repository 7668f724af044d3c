import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type ObjectStore, startAzurite, startGcs, startS3 } from './object-stores.ts';

const KEY = 'a b/ü+%#?=&/c.txt';
const CONTENT = Buffer.from('some text\n');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

async function checkObjects(store: ObjectStore): Promise<void> {
  await store.write(KEY, CONTENT);
  await store.write('other', Buffer.from([0xff, 0]));
  assert.deepEqual(Object.keys(await store.list()), [KEY, 'other']);
  const { contentType: _, ...found } = (await store.list('a b/'))[KEY]!;
  assert.deepEqual(found, { size: 10, sha256: SHA256, text: 'some text\n' });
  assert.deepEqual(await store.read('other'), Buffer.from([0xff, 0]));
}

test('S3: objects by key, and calls without a signature are refused', async (t: TestContext) => {
  const store = await startS3();
  t.after(store.close);
  await checkObjects(store);
  assert.equal((await fetch(`${store.endpoint}/${store.bucket}?list-type=2`)).ok, false);
  const { sessionToken } = await store.assumeRole();
  assert.ok(sessionToken);
});

test('Azure: objects by key, and a shared access signature', async (t: TestContext) => {
  const store = await startAzurite();
  t.after(store.close);
  await checkObjects(store);
  const url = `${store.endpoint}/${store.bucket}/other`;
  assert.equal((await fetch(url)).ok, false);
  assert.equal((await fetch(`${url}?${store.sas}`)).status, 200);
  assert.equal((await fetch(`${url}?${store.sas}x`)).status, 403);
});

test('Google: objects by key', async (t: TestContext) => {
  const store = await startGcs();
  t.after(store.close);
  await checkObjects(store);
});
