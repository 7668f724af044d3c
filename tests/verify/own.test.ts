// Archives of ours: undamaged ones pass, and each kind of damage is found and named.

import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { diskName, partName } from '../../src/archive/names.ts';
import type { Manifest } from '../../src/archive/types.ts';
import {
  addOwnRun,
  type Copy,
  codesOf,
  edit,
  flipped,
  OWN_PROJECT,
  OWN_RUN,
  ownArchive,
  ownManifest,
  put,
  rewrite,
  verify,
} from './kit.ts';

const RUN = diskName(OWN_RUN);
const part = (copy: Copy, number: number) => join(copy.project, partName(RUN, number));
const file = (copy: Copy, path: string) => join(copy.projectFiles, 'RUN-1', path);

test('an undamaged archive passes', async (t) => {
  const copy = await ownArchive(t);
  const result = await verify(copy);
  assert.deepEqual(result.problems, []);
  assert.deepEqual(result.notes, []);
  const { runs, parts, files, verified, unverified, adopted, partial } = result;
  assert.deepEqual(
    { runs, parts, files, verified, unverified, adopted, partial },
    { runs: 1, parts: 3, files: 3, verified: 1, unverified: 0, adopted: 0, partial: 0 },
  );
});

/** What may be there besides. */
const HARMLESS: Record<string, (copy: Copy) => Promise<unknown>> = {
  locks: async (copy) => {
    await put(join(copy.data, '_lock'), '');
    await put(join(copy.files, '_lock'), '');
  },
  'litter of operating systems': async (copy) => {
    await put(join(copy.project, '.DS_Store'), 'x');
    await put(join(copy.files, 'Thumbs.db'), 'x');
    await put(file(copy, 'desktop.ini'), 'x');
  },
  'empty folders': (copy) => mkdir(file(copy, 'empty folder/in/it'), { recursive: true }),
  'fields of later versions': (copy) =>
    rewrite(ownManifest(copy), (manifest) => Object.assign(manifest, { later: [1] })),
  'a partial run that was accepted': (copy) =>
    rewrite(ownManifest(copy), (manifest) => {
      manifest.status = 'partial';
      manifest.failures = [{ code: 'server', message: 'no', time: '' }];
      manifest.accepted = new Date(0).toISOString();
    }),
  'a manifest of the first version': (copy) =>
    edit(ownManifest(copy), (bytes) => {
      const { sha256: _, ...manifest } = JSON.parse(bytes.toString()) as { sha256: string };
      return JSON.stringify({ ...manifest, version: 1 });
    }),
};

for (const [name, change] of Object.entries(HARMLESS)) {
  test(`no damage: ${name}`, async (t) => {
    const copy = await ownArchive(t);
    await change(copy);
    const result = await verify(copy);
    assert.deepEqual(result.problems, []);
    assert.equal(result.verified, 1);
  });
}

test('a run that is about to be put in place is the new one, wherever its parts and files are', async (t) => {
  const copy = await ownArchive(t);
  await rename(ownManifest(copy), `${ownManifest(copy)}.next`);
  for (const number of [0, 2]) await rename(part(copy, number), `${part(copy, number)}.tmp`);
  const staged = join(copy.files, '_staged', diskName(OWN_PROJECT), RUN, 'RUN-1/a/first.bin');
  await put(staged, await readFile(file(copy, 'a/first.bin')));
  // That of the earlier export is still at its place.
  await writeFile(file(copy, 'a/first.bin'), 'old');
  await put(join(copy.project, '_runs', `${RUN}.downloads.jsonl`), '');
  const result = await verify(copy);
  assert.deepEqual(result.problems, []);
  assert.deepEqual([result.verified, result.parts], [1, 3]);
  assert.ok(result.notes.some(({ code }) => code === 'pending'));
  await edit(staged, (bytes) => flipped(bytes, 0));
  assert.deepEqual(codesOf(await verify(copy)), ['file_hash']);
  await rm(`${part(copy, 2)}.tmp`);
  assert.ok((await verify(copy)).problems.length > 1);
});

test('folders of the archive may lie in each other, or be one', async (t) => {
  const nested = await ownArchive(t);
  await rename(nested.files, join(nested.data, 'files'));
  assert.deepEqual((await verify({ data: nested.data, files: join(nested.data, 'files') })).problems, []);
  const same = await ownArchive(t);
  await cp(same.files, same.data, { recursive: true });
  await rm(same.files, { recursive: true });
  const both = { data: same.data, files: same.data };
  assert.deepEqual((await verify(both)).problems, []);
  await put(join(same.project, 'RUN-1/stranger'), '');
  await put(join(same.data, 'stranger'), '');
  assert.deepEqual(
    (await verify(both)).problems.map(({ code }) => code),
    ['stranger', 'stranger'],
  );
});

interface Damage {
  /** Codes that are told, no others. */
  codes: string[];
  do(copy: Copy): Promise<unknown>;
  /** Ending of a path that is told. */
  path?: string;
}

const manifestDamage = (change: (text: string) => string): Damage => ({
  codes: ['manifest_damaged'],
  do: (copy) => edit(ownManifest(copy), (bytes) => change(bytes.toString())),
  path: `${RUN}.json`,
});
const filePath = (path: string): Damage => ({
  codes: ['manifest_damaged'],
  do: (copy) =>
    rewrite(ownManifest(copy), (manifest) => {
      manifest.files[0]!.path = path;
    }),
});

const DAMAGES: Record<string, Damage> = {
  'a part is missing': { codes: ['part_missing'], do: (copy) => rm(part(copy, 1)), path: partName(RUN, 1) },
  'part 0 is missing': { codes: ['part_missing'], do: (copy) => rm(part(copy, 0)), path: partName(RUN, 0) },
  'the last part is missing': { codes: ['part_missing'], do: (copy) => rm(part(copy, 2)), path: partName(RUN, 2) },
  'a part is empty': { codes: ['part_size'], do: (copy) => truncate(part(copy, 1), 0), path: partName(RUN, 1) },
  'part 0 is empty': { codes: ['part_size'], do: (copy) => truncate(part(copy, 0), 0) },
  'a part is cut': { codes: ['part_size'], do: (copy) => truncate(part(copy, 1), 5000) },
  'a part is longer': {
    codes: ['part_size'],
    do: (copy) => edit(part(copy, 1), (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
  },
  'a bit of a part': {
    codes: ['part_hash'],
    do: (copy) => edit(part(copy, 1), (bytes) => flipped(bytes, 100)),
    path: partName(RUN, 1),
  },
  'a link in place of a part': {
    codes: ['part_not_regular'],
    async do(copy) {
      await rename(part(copy, 1), join(copy.folder, 'elsewhere'));
      await symlink(join(copy.folder, 'elsewhere'), part(copy, 1));
    },
  },
  'a folder in place of a part': {
    codes: ['part_not_regular'],
    async do(copy) {
      await rm(part(copy, 1));
      await mkdir(part(copy, 1));
    },
  },
  'parts that changed their places': {
    codes: ['part_size'],
    async do(copy) {
      await rename(part(copy, 0), `${part(copy, 0)}.x`);
      await rename(part(copy, 1), part(copy, 0));
      await rename(`${part(copy, 0)}.x`, part(copy, 1));
    },
  },
  'a part of another export, recorded': {
    codes: ['part_export'],
    async do(copy) {
      const other = await ownArchive({ after() {} }, { exportId: 'export-2' });
      await cp(part(other, 1), part(copy, 1));
      const { parts } = JSON.parse(await readFile(ownManifest(other), 'utf8')) as Manifest;
      await rewrite(ownManifest(copy), (manifest) => {
        manifest.parts[1] = parts[1]!;
      });
      await rm(other.folder, { recursive: true });
    },
    path: partName(RUN, 1),
  },
  'a part of another run, recorded': {
    codes: ['ids_differ'],
    async do(copy) {
      const other = await addOwnRun(copy, 'RUN-2');
      await cp(join(copy.project, other.parts[1]!.name), part(copy, 1));
      await rewrite(ownManifest(copy), (manifest) => {
        manifest.parts[1] = { ...other.parts[1]!, name: partName(RUN, 1) };
      });
    },
  },
  'a part too many': { codes: ['stranger'], do: (copy) => cp(part(copy, 1), part(copy, 3)), path: partName(RUN, 3) },
  'a manifest that counts other rows in a part': {
    codes: ['manifest_foreign', 'part_rows'],
    do: (copy) =>
      rewrite(ownManifest(copy), (manifest) => {
        manifest.parts[0]!.rows++;
      }),
  },
  'a manifest whose counts are others': {
    codes: ['manifest_foreign'],
    do: (copy) =>
      rewrite(ownManifest(copy), (manifest) => {
        manifest.counts.float_series!.rows++;
      }),
  },
  'a manifest that is not JSON': manifestDamage(() => 'no JSON'),
  'a manifest that is empty': manifestDamage(() => ''),
  'a manifest that is cut': manifestDamage((text) => text.slice(0, text.length / 2)),
  'a manifest that was altered': manifestDamage((text) =>
    text.replace('"P-1"', '"P-2"').replace('http://localhost', 'http://other'),
  ),
  'a manifest of a later version': {
    codes: ['manifest_damaged'],
    do: (copy) =>
      rewrite(ownManifest(copy), (manifest) => {
        manifest.version = 99;
      }),
  },
  'a manifest that is a folder': {
    codes: ['manifest_damaged', 'stranger'],
    async do(copy) {
      await rm(ownManifest(copy));
      await mkdir(ownManifest(copy));
    },
  },
  'a manifest of another run': {
    codes: ['manifest_foreign'],
    async do(copy) {
      await addOwnRun(copy, 'RUN-2');
      await cp(ownManifest(copy, 'RUN-2'), ownManifest(copy));
    },
  },
  'a manifest of another project': {
    codes: ['manifest_foreign'],
    do: (copy) =>
      rewrite(ownManifest(copy), (manifest) => {
        manifest.projectId = 'ws/q';
      }),
  },
  'a manifest of a model': {
    codes: ['manifest_foreign'],
    do: (copy) =>
      rewrite(ownManifest(copy), (manifest) => {
        manifest.scope = 'models';
      }),
  },
  'a manifest without a run': {
    codes: ['part_missing'],
    do: async (copy) => Promise.all([0, 1, 2].map((number) => rm(part(copy, number)))),
  },
  'a path out of the folder': filePath('../../outside'),
  'an absolute path': filePath('/etc/passwd'),
  'a path with a backslash': filePath('..\\..\\outside'),
  'a path with a NUL': filePath('RUN-1/\0'),
  'a part with a path': {
    codes: ['manifest_damaged'],
    do: (copy) =>
      rewrite(ownManifest(copy), (manifest) => {
        manifest.parts[0]!.name = '../x.parquet';
      }),
  },
  'a renamed folder of a project': {
    codes: ['wrong_name'],
    async do(copy) {
      await rename(copy.project, join(copy.data, 'ws_other-0123456789abcdef'));
      await rename(copy.projectFiles, join(copy.files, 'ws_other-0123456789abcdef'));
    },
  },
  'a file is missing': { codes: ['file_missing'], do: (copy) => rm(file(copy, 'a/first.bin')), path: 'a/first.bin' },
  'a file is empty': { codes: ['file_size'], do: (copy) => truncate(file(copy, 'a/first.bin'), 0) },
  'a file is cut': {
    codes: ['file_size'],
    do: (copy) => truncate(file(copy, 'a/second.bin'), 3),
    path: 'a/second.bin',
  },
  'an empty file has content': { codes: ['file_size'], do: (copy) => writeFile(file(copy, 'empty'), 'x') },
  'a bit of a file': {
    codes: ['file_hash'],
    do: (copy) => edit(file(copy, 'a/first.bin'), (bytes) => flipped(bytes, 0)),
    path: 'a/first.bin',
  },
  'files that changed their places': {
    codes: ['file_size'],
    async do(copy) {
      await rename(file(copy, 'a/first.bin'), file(copy, 'x'));
      await rename(file(copy, 'a/second.bin'), file(copy, 'a/first.bin'));
      await rename(file(copy, 'x'), file(copy, 'a/second.bin'));
    },
  },
  'a folder in place of a file': {
    codes: ['file_not_regular'],
    async do(copy) {
      await rm(file(copy, 'a/first.bin'));
      await mkdir(file(copy, 'a/first.bin'));
    },
  },
  'a link in place of a file': {
    codes: ['file_not_regular'],
    async do(copy) {
      await rename(file(copy, 'a/first.bin'), join(copy.folder, 'elsewhere'));
      await symlink(join(copy.folder, 'elsewhere'), file(copy, 'a/first.bin'));
    },
    path: 'a/first.bin',
  },
  'a link that leads nowhere': {
    codes: ['file_not_regular'],
    async do(copy) {
      await rm(file(copy, 'a/first.bin'));
      await symlink('/nowhere', file(copy, 'a/first.bin'));
    },
  },
  'a link in place of a folder of files': {
    codes: ['file_not_regular', 'stranger'],
    async do(copy) {
      await rename(file(copy, 'a'), join(copy.folder, 'elsewhere'));
      await symlink(join(copy.folder, 'elsewhere'), file(copy, 'a'));
    },
  },
  'a file in place of a folder': {
    codes: ['file_missing', 'stranger'],
    async do(copy) {
      await rm(file(copy, 'a'), { recursive: true });
      await writeFile(file(copy, 'a'), '');
    },
  },
  'no folder of files': { codes: ['file_missing'], do: (copy) => rm(copy.files, { recursive: true }) },
  'no folder of files of the project': {
    codes: ['file_missing'],
    do: (copy) => rm(copy.projectFiles, { recursive: true }),
  },
  'a partial run': {
    codes: ['partial'],
    do: (copy) =>
      rewrite(ownManifest(copy), (manifest) => {
        manifest.status = 'partial';
        manifest.failures = [{ attributePath: 'x', code: 'server', message: 'it refused', time: '' }];
      }),
  },
  'a run whose export was interrupted': {
    codes: ['interrupted'],
    async do(copy) {
      await rm(ownManifest(copy));
      await put(join(copy.project, '_runs', `${RUN}.downloads.jsonl`), '');
    },
  },
  'a journal without a run': {
    codes: ['leftover'],
    do: (copy) => put(join(copy.project, '_runs', `${diskName('RUN-9')}.downloads.jsonl`), ''),
  },
  'a journal of a whole run': {
    codes: ['leftover'],
    do: (copy) => put(join(copy.project, '_runs', `${RUN}.downloads.jsonl`), ''),
  },
  'a half-written manifest': { codes: ['leftover'], do: (copy) => put(`${ownManifest(copy)}.tmp`, '{') },
  'a part under way': { codes: ['leftover'], do: (copy) => put(`${part(copy, 0)}.tmp`, 'PAR1') },
  'a part under way of another run': {
    codes: ['leftover'],
    do: (copy) => put(join(copy.project, `${partName(diskName('RUN-9'), 0)}.tmp`), ''),
  },
  'a download under way': { codes: ['leftover'], do: (copy) => put(file(copy, 'a/third.bin.download'), 'x') },
  'a staged file': {
    codes: ['leftover'],
    do: (copy) => put(join(copy.files, '_staged', diskName(OWN_PROJECT), RUN, 'RUN-1/a'), 'x'),
  },
  'a staged file of another project': {
    codes: ['leftover'],
    do: (copy) => put(join(copy.files, '_staged', 'other-0123456789abcdef', RUN, 'a'), 'x'),
  },
  'parts without part 0': {
    codes: ['part_missing'],
    do: (copy) => cp(part(copy, 1), join(copy.project, partName(diskName('RUN-9'), 1))),
  },
  'a stranger among files': {
    codes: ['stranger'],
    do: (copy) => put(file(copy, 'a/third.bin'), ''),
    path: 'a/third.bin',
  },
  'a hidden stranger': { codes: ['stranger'], do: (copy) => put(file(copy, '.hidden'), '') },
  'a stranger beside the files of projects': {
    codes: ['stranger'],
    do: (copy) => put(join(copy.files, 'notes.txt'), ''),
  },
  'a folder of files of no project': {
    codes: ['stranger'],
    do: (copy) => put(join(copy.files, 'other-0123456789abcdef', 'a'), ''),
  },
  'a stranger among data': { codes: ['stranger'], do: (copy) => put(join(copy.project, 'notes.txt'), '') },
  'a stranger beside projects': { codes: ['stranger'], do: (copy) => put(join(copy.data, 'notes.txt'), '') },
  'a strange folder': { codes: ['stranger'], do: (copy) => put(join(copy.project, 'backup', 'x'), '') },
  'a stranger among manifests': {
    codes: ['stranger'],
    do: (copy) => put(join(copy.project, '_runs', 'notes.txt'), ''),
  },
  'a manifest of the first version, and a bit of a part': {
    codes: ['part_hash'],
    async do(copy) {
      await HARMLESS['a manifest of the first version']!(copy);
      await edit(part(copy, 1), (bytes) => flipped(bytes, 100));
    },
  },
  'a manifest of the first version that counts otherwise': {
    codes: ['manifest_foreign', 'part_rows'],
    async do(copy) {
      await HARMLESS['a manifest of the first version']!(copy);
      await edit(ownManifest(copy), (bytes) =>
        bytes.toString().replace('"rows":3}', '"rows":2}').replace('"rows":2}', '"rows":1}'),
      );
    },
  },
};

test('there are many kinds of damage', () =>
  assert.ok(Object.keys(DAMAGES).length >= 60, `${Object.keys(DAMAGES).length}`));

for (const [name, { codes, do: damage, path }] of Object.entries(DAMAGES)) {
  test(`damage: ${name}`, async (t) => {
    const copy = await ownArchive(t);
    await damage(copy);
    const result = await verify(copy);
    assert.deepEqual(codesOf(result), codes, JSON.stringify(result.problems, null, 2));
    for (const { message } of result.problems) assert.ok(message.length > 5);
    if (path !== undefined) {
      const paths = result.problems.map((problem) => problem.path ?? '');
      assert.ok(
        paths.some((one) => one.endsWith(path)),
        `${path} is not among ${paths}`,
      );
    }
  });
}

test('a damaged run does not hide what is wrong with others, nor what else is wrong with it', async (t) => {
  const copy = await ownArchive(t);
  await addOwnRun(copy, 'RUN-2');
  await addOwnRun(copy, 'RUN-3');
  await rm(part(copy, 0));
  await edit(part(copy, 1), (bytes) => flipped(bytes, 200));
  await rm(file(copy, 'empty'));
  await truncate(join(copy.project, partName(diskName('RUN-3'), 2)), 10);
  const result = await verify(copy);
  const found = result.problems.map(({ runId, code }) => `${runId} ${code}`);
  assert.deepEqual([...new Set(found)].sort(), [
    'RUN-1 file_missing',
    'RUN-1 part_hash',
    'RUN-1 part_missing',
    'RUN-2 file_missing',
    'RUN-3 file_missing',
    'RUN-3 part_size',
  ]);
  assert.deepEqual([result.runs, result.verified], [3, 0]);
});

test('only some runs are looked at if some are asked for', async (t) => {
  const copy = await ownArchive(t);
  await addOwnRun(copy, 'RUN-2');
  await truncate(part(copy, 0), 10);
  await put(file(copy, 'stranger'), '');
  assert.deepEqual((await verify(copy, { runs: ['RUN-2'] })).problems, []);
  assert.deepEqual(codesOf(await verify(copy, { runs: ['RUN-1'], projects: [OWN_PROJECT] })), ['part_size']);
  await assert.rejects(verify(copy, { runs: ['RUN-9'] }), { code: 'archive', message: /RUN-9/ });
  await assert.rejects(verify(copy, { projects: ['ws/q'] }), { code: 'archive', message: /ws\/q/ });
});
