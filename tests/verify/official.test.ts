// Archives of the official exporter: undamaged ones pass, also once they are adopted, and each kind of damage is found.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { diskName, partName } from '../../src/archive/names.ts';
import { makePng } from '../../src/demo/png.ts';
import { python } from '../counterparts/python.ts';
import { tempFolder } from '../helpers/temp.ts';
import { type Copy, codesOf, edit, flipped, modelsCopy, officialCopy, PROJECT, put, verify } from './kit.ts';

const run = promisify(execFile);
const part = (copy: Copy, runId: string, number: number) => join(copy.project, partName(diskName(runId), number));
const image = (copy: Copy) => join(copy.projectFiles, 'RUN-1/images/a/step_0_000000.png');
const version = (copy: Copy, path: string) => join(copy.projectFiles, 'model_versions/VIS-CHURN-1', path);

for (const [name, make, runs] of [
  ['runs', officialCopy, 3],
  ['models and their versions', modelsCopy, 4],
] as const) {
  test(`undamaged ${name} pass, are adopted as they are, and pass again by their hashes`, async (t) => {
    const copy = await make(t);
    const first = await verify(copy);
    assert.deepEqual(first.problems, []);
    assert.deepEqual([first.runs, first.verified, first.unverified], [runs, 0, runs]);
    assert.ok(first.notes.some(({ code, count }) => code === 'unverified' && count === runs));
    const adopting = await verify(copy, { adopt: true, writtenBy: 'test' });
    assert.deepEqual(adopting.problems, []);
    assert.deepEqual([adopting.adopted, adopting.unverified], [runs, 0]);
    const again = await verify(copy);
    assert.deepEqual(again.problems, []);
    assert.deepEqual([again.verified, again.unverified, again.adopted], [runs, 0, 0]);
    assert.deepEqual([again.parts, again.files, again.bytes], [first.parts, first.files, first.bytes]);
  });
}

interface Damage {
  codes: string[];
  do(copy: Copy): Promise<unknown>;
  /** Ending of a path that is told. */
  path?: string;
}

const cut = (bytes: number): Damage => ({
  codes: ['part_unreadable'],
  do: (copy) => truncate(part(copy, 'RUN-1', 1), bytes),
  path: partName(diskName('RUN-1'), 1),
});

/** A file of the fixture gets a real content, less its end. */
const cutFile = (name: string, content: Uint8Array | string, keep: number): Damage => ({
  codes: ['file_truncated'],
  async do(copy) {
    await writeFile(image(copy), content);
    assert.deepEqual((await verify(copy)).problems, [], `${name} is no damage as long as it is whole`);
    await truncate(image(copy), keep);
  },
  path: 'step_0_000000.png',
});

const PNG = makePng(20, 20, () => [1, 2, 3]);
const RUN_DAMAGES: Record<string, Damage> = {
  'an empty part': cut(0),
  'a part of eleven bytes': cut(11),
  'a part cut in its first page': cut(100),
  'a part cut by a byte': {
    codes: ['part_unreadable'],
    do: (copy) => edit(part(copy, 'ночь', 0), (bytes) => bytes.subarray(0, -1)),
  },
  'a part with something behind it': {
    codes: ['part_unreadable'],
    do: (copy) => edit(part(copy, 'RUN-1', 0), (bytes) => Buffer.concat([bytes, Buffer.alloc(4)])),
  },
  'a part that begins otherwise': {
    codes: ['part_unreadable'],
    do: (copy) => edit(part(copy, 'RUN-1', 1), (bytes) => flipped(bytes, 0)),
  },
  'a part of zeros': {
    codes: ['part_unreadable'],
    do: (copy) => edit(part(copy, 'RUN-1', 1), (bytes) => Buffer.alloc(bytes.length)),
  },
  'a hole of zeros in a part': {
    codes: ['part_unreadable'],
    do: (copy) => edit(part(copy, 'RUN-1', 1), (bytes) => Buffer.from(bytes).fill(0, 2000, 4096)),
  },
  'a part that is no parquet': {
    codes: ['part_unreadable'],
    do: (copy) => writeFile(part(copy, 'RUN-1', 1), 'a,b\n'.repeat(1000)),
  },
  'a gap between parts': {
    codes: ['part_missing'],
    do: (copy) => rename(part(copy, 'RUN-1', 1), part(copy, 'RUN-1', 2)),
    path: partName(diskName('RUN-1'), 1),
  },
  'part 0 is missing': {
    codes: ['part_missing', 'stranger'],
    do: (copy) => rm(part(copy, 'RUN-1', 0)),
    path: partName(diskName('RUN-1'), 0),
  },
  'a part twice': {
    codes: ['repeated_attribute', 'steps_out_of_order'],
    do: (copy) => cp(part(copy, 'RUN-1', 1), part(copy, 'RUN-1', 2)),
  },
  'part 0 twice': {
    codes: ['repeated_attribute', 'steps_out_of_order'],
    do: (copy) => cp(part(copy, 'RUN-1', 0), part(copy, 'RUN-1', 2)),
  },
  'a part of another run in the row': {
    codes: ['ids_differ'],
    do: (copy) => cp(part(copy, 'fork of/RUN-1', 0), part(copy, 'RUN-1', 2)),
  },
  'a part of another run in place of the own': {
    codes: ['ids_differ', 'wrong_name'],
    do: (copy) => cp(part(copy, 'ночь', 0), part(copy, 'RUN-1', 0)),
  },
  'a run under another name': {
    codes: ['wrong_name'],
    do: (copy) => rename(part(copy, 'ночь', 0), part(copy, 'день', 0)),
  },
  'a project under another name': {
    codes: ['wrong_name'],
    async do(copy) {
      await rename(copy.project, join(copy.data, diskName('team/other')));
      await rename(copy.projectFiles, join(copy.files, diskName('team/other')));
    },
  },
  'a folder in place of a part': {
    codes: ['part_not_regular'],
    async do(copy) {
      await rm(part(copy, 'RUN-1', 0));
      await mkdir(part(copy, 'RUN-1', 0));
    },
  },
  'a link in place of a part': {
    codes: ['part_not_regular'],
    async do(copy) {
      await rename(part(copy, 'ночь', 0), join(copy.folder, 'elsewhere'));
      await symlink(join(copy.folder, 'elsewhere'), part(copy, 'ночь', 0));
    },
  },
  'a pipe in place of a part': {
    codes: ['part_not_regular'],
    async do(copy) {
      await rm(part(copy, 'ночь', 0));
      await run('mkfifo', [part(copy, 'ночь', 0)]);
    },
  },
  'a part under way': { codes: ['leftover'], do: (copy) => put(`${part(copy, 'RUN-1', 2)}.tmp`, 'PAR1') },
  'a project of parts under way': {
    codes: ['leftover'],
    do: (copy) => put(join(copy.data, 'x_y-0123456789abcdef', `${partName(diskName('A'), 0)}.tmp`), 'PAR1'),
  },
  'a stranger among parts': { codes: ['stranger'], do: (copy) => put(join(copy.project, 'RUN-1.csv'), 'x') },
  'a stranger beside projects': { codes: ['stranger'], do: (copy) => put(join(copy.data, 'export.log'), 'x') },
  'a stranger among files': {
    codes: ['stranger'],
    do: (copy) => put(join(copy.projectFiles, 'RUN-1/files/model2.bin'), 'x'),
    path: 'RUN-1/files/model2.bin',
  },
  'a linked folder of a project': {
    codes: ['stranger'],
    async do(copy) {
      await rename(copy.project, join(copy.folder, 'elsewhere'));
      await symlink(join(copy.folder, 'elsewhere'), copy.project);
    },
  },
  'a file is missing': {
    codes: ['file_missing'],
    do: (copy) => rm(join(copy.projectFiles, 'RUN-1/files/model.bin')),
    path: 'model.bin',
  },
  'a point of a file series is missing': {
    codes: ['file_missing'],
    do: (copy) => rm(image(copy)),
    path: 'step_0_000000.png',
  },
  'a folder in place of a file': {
    codes: ['file_not_regular'],
    async do(copy) {
      await rm(image(copy));
      await mkdir(image(copy));
    },
  },
  'a link in place of a file': {
    codes: ['file_not_regular'],
    async do(copy) {
      await rm(image(copy));
      await symlink('step_0_500000.png', image(copy));
    },
  },
  'a linked folder of files': {
    codes: ['file_not_regular', 'stranger'],
    async do(copy) {
      await rename(join(copy.projectFiles, 'RUN-1'), join(copy.folder, 'elsewhere'));
      await symlink(join(copy.folder, 'elsewhere'), join(copy.projectFiles, 'RUN-1'));
    },
  },
  'no folder of files': { codes: ['file_missing'], do: (copy) => rm(copy.files, { recursive: true }) },
  'an empty picture': { codes: ['file_truncated'], do: (copy) => truncate(image(copy), 0) },
  'a picture of two bytes less': cutFile('a picture', PNG, PNG.length - 2),
  'a picture without its end': cutFile('a picture', PNG, PNG.length - 12),
  'a picture of a few bytes': cutFile('a picture', PNG, 5),
};

const MODEL_DAMAGES: Record<string, Damage> = {
  'a set of files without its folder': {
    codes: ['file_missing'],
    do: (copy) => rm(version(copy, 'model'), { recursive: true }),
    path: 'model',
  },
  'a set of files whose folder is empty': {
    codes: ['file_missing'],
    do: (copy) => rm(version(copy, 'model/model.zip')),
  },
  'a file in place of a set of files': {
    codes: ['file_not_regular'],
    async do(copy) {
      await rm(version(copy, 'model'), { recursive: true });
      await writeFile(version(copy, 'model'), 'x');
    },
  },
  'a link in a set of files': {
    codes: ['file_not_regular'],
    do: (copy) => symlink('/etc/passwd', version(copy, 'model/link')),
  },
  'a cut zip in a set of files': {
    codes: ['file_truncated'],
    do: (copy) => writeFile(version(copy, 'model/model.zip'), 'PK\x03\x04 and some more'),
  },
  'an artifact without its list': { codes: ['file_missing'], do: (copy) => rm(version(copy, 'data/files_list.json')) },
  'a cut list of an artifact': {
    codes: ['file_truncated'],
    do: (copy) => writeFile(version(copy, 'data/files_list.json'), '[{"path": "a'),
  },
  'a file of a model is missing': {
    codes: ['file_missing'],
    do: (copy) => rm(join(copy.projectFiles, 'models/VIS-CHURN/signature')),
  },
  'a stranger among the points of a series': {
    codes: ['stranger'],
    do: (copy) => put(version(copy, 'plots/9.png'), 'x'),
  },
  'a damaged version': {
    codes: ['part_unreadable'],
    do: (copy) =>
      edit(join(copy.project, 'model_versions', partName(diskName('VIS-CHURN-2'), 0)), (bytes) =>
        bytes.subarray(0, 900),
      ),
  },
  'a stranger among models': { codes: ['stranger'], do: (copy) => put(join(copy.project, 'models', 'notes.txt'), 'x') },
};

for (const [damages, make] of [
  [RUN_DAMAGES, officialCopy],
  [MODEL_DAMAGES, modelsCopy],
] as const) {
  for (const [name, { codes, do: damage, path }] of Object.entries(damages)) {
    test(`damage: ${name}`, async (t) => {
      const copy = await make(t);
      await damage(copy);
      const result = await verify(copy, { adopt: true });
      assert.deepEqual(codesOf(result), codes, JSON.stringify(result.problems, null, 2));
      if (path !== undefined) {
        const paths = result.problems.map((problem) => problem.path ?? '');
        assert.ok(
          paths.some((one) => one.endsWith(path)),
          `${path} is not among ${paths}`,
        );
      }
    });
  }
}

test('what a writer of parquet files may do is no damage, and what it may not do to an archive is found', async (t) => {
  const folder = await tempFolder(t);
  const copy = await officialCopy(t);
  const original = await readFile(part(copy, 'RUN-1', 0));
  const script = join(import.meta.dirname, 'damage_parts.py');
  const { stdout } = await run(await python('neptune3'), [script, part(copy, 'RUN-1', 0), folder]);
  const kinds = Object.entries(JSON.parse(stdout) as Record<string, string[]>);
  assert.ok(kinds.length > 35);
  for (const [kind, codes] of kinds) {
    await cp(join(folder, `${kind}.parquet`), part(copy, 'RUN-1', 0));
    const found = codesOf(await verify(copy, { runs: ['RUN-1'], projects: [PROJECT] }));
    // What is the consequence of the damage is told as well.
    assert.ok(
      codes.length === 0 ? found.length === 0 : codes.every((code) => found.includes(code as never)),
      `${kind}: ${found}`,
    );
  }
  await writeFile(part(copy, 'RUN-1', 0), original);
  assert.deepEqual((await verify(copy)).problems, []);
});
