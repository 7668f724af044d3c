// A local artifact store: two loads that put one file at the same time.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { LocalStore } from '../../src/targets/zenml/store-local.ts';
import { archiveFolder, putFile } from './place.ts';

test('two loads store the same file at the same time, and nothing else is left', async (t) => {
  const folder = await archiveFolder(t);
  const content = Buffer.alloc(3_000_000, 7);
  const file = await putFile(folder, 'f.bin', content);
  const [left, right] = [new LocalStore('s', folder), new LocalStore('s', folder)];
  for (let i = 0; i < 10; i++) {
    const uri = join(folder, 'custom_artifacts', String(i), 'file_data');
    await Promise.all([left.put(uri, file), right.put(uri, file), left.put(uri, file)]);
    assert.ok((await readFile(uri)).equals(content));
    assert.deepEqual(await readdir(dirname(uri)), ['file_data']);
  }
});
