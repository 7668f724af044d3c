// Hashes of files of an archive: one that can't be read is the archive's matter, not a full disk.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { fileHash } from '../../src/targets/file-hash.ts';
import { tempFolder } from '../helpers/temp.ts';

test('a file is hashed; a folder in its place, and nothing there, are errors of the archive that name it', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'empty'), '');
  assert.equal(
    await fileHash(join(folder, 'empty')),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  await mkdir(join(folder, 'a folder'));
  for (const name of ['a folder', 'gone']) {
    await assert.rejects(fileHash(join(folder, name)), (error: Error & { code?: string }) => {
      assert.deepEqual([error.code, error.message.includes(join(folder, name))], ['archive', true]);
      return true;
    });
  }
});
