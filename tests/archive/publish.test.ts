// A run is replaced in one step: whenever its writer dies, readers see the old run or the new one, and the next export goes on.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { settleProject } from '../../src/archive/publish.ts';
import { tempFolder } from '../helpers/temp.ts';
import { PROJECT, PROJECT_FOLDER, readByName, readVersion, writeVersion } from './versions.ts';

const CHILD = join(import.meta.dirname, 'publish-child.ts');
const DIE = pathToFileURL(join(import.meta.dirname, 'die-at.ts')).href;

/** Runs the writer of a version until its nth change of the file system. True if it was killed before its end. */
async function writeUntil(folder: string, version: number, rows: number, changes: number): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', DIE, CHILD, folder, `${version}`, `${rows}`], {
    env: { ...process.env, DIE_AT: `${changes}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.ok(signal === 'SIGKILL' || code === 0, `the writer ended with ${code ?? signal}`);
  return signal === 'SIGKILL';
}

/** Everything below the archive's folders, sorted. */
async function listing(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

/** The old run is of version 1 or 2, the new one of the next: they differ in where one has a folder and the other a file. */
const CASES: [name: string, version: number, rowsBefore: number | undefined, rowsAfter: number][] = [
  ['a first run of several parts', 1, undefined, 4000],
  ['one part by one part', 1, 500, 600],
  ['one part by several', 2, 500, 4000],
  ['several parts by more', 1, 3000, 5000],
  ['several parts by fewer', 2, 5000, 2500],
  ['several parts by one', 1, 4000, 500],
];

for (const [name, version, before, after] of CASES) {
  test(`${name}: killed at every change of the file system`, async (t) => {
    const base = await tempFolder(t);
    const old = join(base, 'old');
    const fresh = join(base, 'fresh');
    for (const folder of [old, fresh]) await mkdir(folder);
    if (before !== undefined) await writeVersion(old, version, before);
    await writeVersion(fresh, version + 1, after);
    const whole = await listing(fresh);
    const [first, second] = [before === undefined ? undefined : `${version}/${before}`, `${version + 1}/${after}`];
    const seen = new Set<string | undefined>();
    for (let changes = 0; ; changes++) {
      const folder = join(base, `killed at ${changes}`);
      await cp(old, folder, { recursive: true });
      const killed = await writeUntil(folder, version + 1, after, changes);
      const found = await readVersion(folder).catch((error: Error) => error.message);
      assert.ok(found === first || found === second, `killed at change ${changes}: ${found}`);
      seen.add(found);
      // Programs that know no manifests go by names, and may find nothing for a moment.
      const byName = await readByName(folder);
      const allowed = [undefined, first, second].map((text) => text?.split('/')[0]);
      assert.ok(allowed.includes(byName), `killed at change ${changes}, by names: ${byName}`);
      // The next export first finishes what was begun.
      const damage: string[] = [];
      const folders = { dataPath: join(folder, 'data'), filesPath: join(folder, 'files') };
      await settleProject(folders, PROJECT, undefined, ({ message }) => damage.push(message));
      assert.deepEqual(damage, []);
      assert.equal(await readVersion(folder), found, `settled after change ${changes}`);
      const pending = (await listing(folder)).filter((path) => path.endsWith('.next'));
      assert.deepEqual(pending, []);
      if (found === second) assert.deepEqual(await listing(folder), whole, `left after change ${changes}`);
      await writeVersion(folder, version + 1, after);
      assert.deepEqual(await listing(folder), whole, `left by the next export after change ${changes}`);
      await rm(folder, { recursive: true });
      if (!killed) break;
    }
    assert.deepEqual(seen, new Set([first, second]));
  });
}

test('readers that read all the time see one version or the other, never a mixture', async (t) => {
  const folder = await tempFolder(t);
  await writeVersion(folder, 1, 3000);
  let done = false;
  const writing = (async () => {
    for (let version = 2; version <= 25; version++) await writeVersion(folder, version, 1000 + (version % 5) * 900);
    done = true;
  })();
  const seen = new Set<string>();
  const refused: string[] = [];
  while (!done) {
    const found = await readVersion(folder).catch((error: Error) => {
      refused.push(error.message);
      return undefined;
    });
    if (found !== undefined) seen.add(found);
  }
  await writing;
  for (const found of seen) assert.match(found, /^\d+\/\d+$/);
  assert.ok(seen.size > 1, 'the versions went by unseen');
  // A run that is replaced in the middle of being read is refused in a sentence, not mixed.
  for (const message of refused)
    assert.match(message, /another export|can't be read|of another run|ENOENT|EISDIR|ENOTDIR/);
});

test('a next manifest whose parts are lost is given up, and the old run stays', async (t) => {
  const folder = await tempFolder(t);
  await writeVersion(folder, 1, 3000);
  const project = join(folder, 'data', PROJECT_FOLDER);
  const isPending = async () => (await readdir(join(project, '_runs'))).some((name) => name.endsWith('.json.next'));
  for (let changes = 0; !(await isPending()); changes++) await writeUntil(folder, 2, 3000, changes);
  const lost = (await readdir(project)).find((name) => name.endsWith('_part_1.parquet.tmp'));
  assert.ok(lost, `${await readdir(project)}`);
  await rm(join(project, lost));
  const damage: string[] = [];
  const folders = { dataPath: join(folder, 'data'), filesPath: join(folder, 'files') };
  await settleProject(folders, PROJECT, undefined, ({ message }) => damage.push(message));
  assert.equal(damage.length, 1);
  assert.match(damage[0]!, /could not be put in place: parts of it are lost/);
  assert.equal(await readVersion(folder), '1/3000');
});
