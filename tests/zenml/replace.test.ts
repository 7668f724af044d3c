// Loads that replace a run and end at each of their last requests: there is always one whole copy, and nothing is left behind.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { localStoreFolder, type Page } from '../counterparts/zenml-server.ts';
import { floats, line, sampleRun, scalars, strings, writeArchive } from '../helpers/archive-runs.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { archiveFolder, Place, PROJECT, putFile } from './place.ts';

const place = new Place();
/** Requests, counted from the last one of a load, at which it ends. */
const LAST = 14;

const changed = (value: number) =>
  sampleRun(PROJECT, 'r', [
    scalars([{ path: 'p', type: 'int', value: BigInt(value) }]),
    floats('m', line(20, value)),
    strings('s', [['0', 1, `text ${value}`]]),
    { kind: 'files', rows: [{ path: 'f', type: 'file', file: 'f.bin' }] },
  ]);

test('a replacement that ends at any of its last requests is completed by the next load', async (t) => {
  const folder = await archiveFolder(t);
  await putFile(folder, 'f.bin', 'the same in all');
  const proxy = await startFaultProxy({ url: place.server.url, token: '' }, { onRequest: () => count() });
  t.after(() => proxy.close());
  let count = () => {};
  const env = { ...place.env, ZENML_STORE_URL: proxy.url, ZENML_STORE_API_KEY: place.server.apiKey };
  let requests = 0;
  for (const value of [1, 2]) {
    await writeArchive(join(folder, 'data'), [changed(value)]);
    const before = proxy.log.length;
    await place.loadAll(folder, 'replaced', {}, { env });
    requests = proxy.log.length - before;
  }
  assert.ok(requests > LAST + 5, `${requests} requests`);
  for (let fromEnd = LAST; fromEnd >= 0; fromEnd--) {
    const value = 100 + fromEnd;
    await writeArchive(join(folder, 'data'), [changed(value)]);
    const abort = new AbortController();
    let left = requests - fromEnd;
    count = () => {
      if (--left === 0) abort.abort();
    };
    const ended = await place.load(folder, 'replaced', { signal: abort.signal }, { env }).then(
      () => 'whole',
      (error: { code?: string }) => error.code,
    );
    count = () => {};
    assert.ok(ended === 'interrupted' || fromEnd < 2, `${ended} at ${fromEnd}`);
    const { versions: between } = await place.model('replaced', { load: false });
    assert.ok(between.length <= 2 && between.length >= 1, 'one, or the old one and the new one');
    await place.loadAll(folder, 'replaced', {}, { env });
    const { versions } = await place.model('replaced');
    assert.deepEqual(
      versions.map(({ name, metadata, tags }) => [name, metadata.p, tags.includes('neptune-import:incomplete')]),
      [['r', value, false]],
      `ended ${fromEnd} requests before the last`,
    );
    for (const { name, loaded } of versions[0]!.artifacts) assert.notEqual(loaded?.kind, 'error', name);
    const names = versions[0]!.artifacts.map(({ name }) => name).sort();
    assert.deepEqual(names, ['neptune-f', 'neptune-s', 'neptune_export-attributes', 'neptune_export-float_series']);
    const all = await place.server.call<Page>('GET', '/artifact_versions?size=1000');
    assert.equal(all.total, 4, 'no artifact of an earlier load is left at the server');
  }
  const store = localStoreFolder(place.login.folder, place.server.artifactStore);
  const files = (await readdir(store, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  assert.equal(files.length, 4, 'no file of an earlier load is left in the store');
});
