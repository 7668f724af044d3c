// Archives that are made to harm: each is refused at once by every command, and nothing outside of them is touched.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { diskName, partName } from '../../src/archive/names.ts';
import { readThrift } from '../../src/archive/parquet/thrift.ts';
import { openArchive, readBatches } from '../../src/archive/reader.ts';
import { summarise } from '../../src/archive/summary.ts';
import { runCli } from '../helpers/cli.ts';
import { codesOf, edit, OWN_RUN, officialCopy, ownArchive, ownManifest, put, rewrite, verify } from './kit.ts';
import { listHead, Raw, rewritable, struct, type Value, varint } from './thrift-writer.ts';

const run = promisify(execFile);

type Fields = { [field: number]: Value };

/** A part with another footer. */
function withFooter(part: Buffer, footer: Uint8Array): Buffer {
  const length = part.readUInt32LE(part.length - 8);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(footer.length);
  return Buffer.concat([part.subarray(0, part.length - 8 - length), footer, size, Buffer.from('PAR1')]);
}

/** A part whose footer was changed, and written by the rules. */
function changed(part: Buffer, change: (footer: Fields) => void): Buffer {
  const length = part.readUInt32LE(part.length - 8);
  const { value } = readThrift(part.subarray(part.length - 8 - length, part.length - 8));
  const footer = rewritable(value) as Fields;
  change(footer);
  return withFooter(part, struct(footer));
}

const groups = (footer: Fields) => footer[4] as Fields[];
/** What the footer says of a column. */
const column = (group: Fields, index: number) => (group[1] as Fields[])[index]![3] as Fields;

/** Gives all columns of a row group so many rows. */
function claimRows(group: Fields, rows: bigint): void {
  group[3] = rows;
  for (let index = 0; index < 16; index++) {
    column(group, index)[5] = rows;
    const statistics = column(group, index)[12] as Fields | undefined;
    if (statistics?.[3] !== undefined && statistics[3] !== 0n) statistics[3] = rows;
  }
}

/** The part with another page in place of the first one of a column, whose sizes stay as they are in the footer. */
function withPage(part: Buffer, index: number, page: (body: Buffer) => { header: Fields; body: Uint8Array }): Buffer {
  const length = part.readUInt32LE(part.length - 8);
  const footer = rewritable(readThrift(part.subarray(part.length - 8 - length, part.length - 8)).value) as Fields;
  const meta = column(groups(footer)[0]!, index);
  const start = Number(meta[11] ?? meta[9]);
  const old = readThrift(part.subarray(start));
  const { header, body } = page(part.subarray(start + old.end, start + old.end + (old.value.field_3 as number)));
  const bytes = Buffer.concat([struct(header), body]);
  // It goes behind the others, and the footer points to it.
  const dataEnd = part.length - 8 - length;
  meta[9] = BigInt(dataEnd);
  delete meta[11];
  meta[7] = BigInt(bytes.length);
  const moved = Buffer.concat([part.subarray(0, dataEnd), bytes, part.subarray(dataEnd)]);
  return withFooter(moved, struct(footer));
}

const dataPage = (entries: number, encoding: number, plain: number, packed: number): Fields => ({
  1: 0,
  2: plain,
  3: packed,
  5: { 1: entries, 2: encoding, 3: 3, 4: 3 },
});

/** Snappy bytes of a literal, behind a length that may be another. */
function snappy(content: Uint8Array, declared = content.length): Buffer {
  const literals: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += 60) {
    const piece = content.subarray(at, at + 60);
    literals.push(Buffer.from([(piece.length - 1) << 2]), piece);
  }
  return Buffer.concat([varint(declared), ...literals]);
}

const MIB = 1 << 20;
const BOMBS: Record<string, (part: Buffer) => Buffer> = {
  'a row group of 60 million rows': (part) =>
    changed(part, (footer) => {
      claimRows(groups(footer)[0]!, 60_000_000n);
      footer[3] = 60_000_000n + (groups(footer)[1]![3] as bigint);
    }),
  'three thousand row groups of a million rows on the same bytes': (part) =>
    changed(part, (footer) => {
      const group = groups(footer)[0]!;
      claimRows(group, 1_000_000n);
      footer[4] = new Array<Value>(3000).fill(group);
      footer[3] = 3_000_000_000n;
    }),
  'a row group of 2^62 rows': (part) =>
    changed(part, (footer) => {
      claimRows(groups(footer)[0]!, 2n ** 62n);
      footer[3] = 2n ** 62n;
    }),
  'rows of less than none': (part) =>
    changed(part, (footer) => {
      claimRows(groups(footer)[0]!, -5n);
      footer[3] = -5n;
    }),
  'other rows than its row groups': (part) =>
    changed(part, (footer) => {
      footer[3] = 5n;
    }),
  'lists of a billion elements': (part) =>
    changed(part, (footer) => {
      column(groups(footer)[0]!, 11)[5] = 1_000_000_000n;
    }),
  'a footer that is a list of two billion structs': (part) =>
    withFooter(part, Buffer.concat([Buffer.from([0x15, 4, 0x19]), listHead(2 ** 31 - 1, 12)])),
  'a footer of millions of empty structs': (part) =>
    withFooter(part, Buffer.concat([Buffer.from([0x15, 4, 0x19]), listHead(20 * MIB, 12), Buffer.alloc(20 * MIB)])),
  'a footer whose integer has no end': (part) =>
    withFooter(part, Buffer.concat([Buffer.from([0x16]), Buffer.alloc(4 * MIB, 0x80)])),
  'a footer of structs in structs': (part) => withFooter(part, Buffer.alloc(8 * MIB, 0x1c)),
  'a footer of lists in lists': (part) =>
    withFooter(part, Buffer.concat([Buffer.from([0x19]), Buffer.alloc(8 * MIB, 0x19)])),
  'a text longer than the footer': (part) =>
    withFooter(part, Buffer.concat([Buffer.from([0x18]), varint(2 ** 31 - 1)])),
  'a footer longer than the file': (part) => {
    const copy = Buffer.from(part);
    copy.writeUInt32LE(0xffffffff, copy.length - 8);
    return copy;
  },
  'a column beyond the end of the file': (part) =>
    changed(part, (footer) => {
      column(groups(footer)[0]!, 2)[7] = 2n ** 40n;
    }),
  'a page that unpacks to two gigabytes': (part) =>
    withPage(part, 2, (body) => ({ header: dataPage(13, 8, 2 ** 31 - 1, body.length), body })),
  'a page longer than its column': (part) =>
    withPage(part, 2, (body) => ({ header: dataPage(13, 8, 100, 2 ** 31 - 1), body })),
  'a page of less than no bytes': (part) => withPage(part, 2, (body) => ({ header: dataPage(13, 8, -1, -1), body })),
  'a page that declares another length inside': (part) =>
    withPage(part, 2, () => {
      const body = snappy(Buffer.alloc(50), 2 ** 31 - 1);
      return { header: dataPage(13, 0, 50, body.length), body };
    }),
  'a dictionary of two billion values': (part) =>
    withPage(part, 2, () => {
      const body = snappy(Buffer.alloc(50));
      return { header: { 1: 2, 2: 50, 3: body.length, 7: { 1: 2 ** 31 - 1, 2: 0 } }, body };
    }),
  'a dictionary of a value for each bit': (part) =>
    withPage(part, 2, () => {
      // Copies of what stands 64 bytes before: they unpack to twenty times their size.
      const copies = Buffer.concat(new Array<Buffer>(200_000).fill(Buffer.from([0xfe, 64, 0])));
      const plain = 60 + 4 + 200_000 * 64;
      const body = Buffer.concat([
        varint(plain),
        Buffer.from([59 << 2]),
        Buffer.alloc(60),
        Buffer.from([3 << 2]),
        Buffer.alloc(4),
        copies,
      ]);
      return { header: { 1: 2, 2: plain, 3: body.length, 7: { 1: plain * 8, 2: 0 } }, body };
    }),
  'a text in a page that is longer than the page': (part) =>
    withPage(part, 2, () => {
      const plain = Buffer.concat([Buffer.from([2, 0, 0, 0, 26, 1]), Buffer.from([0xff, 0xff, 0xff, 0x7f, 65])]);
      const body = snappy(plain);
      return { header: dataPage(13, 0, plain.length, body.length), body };
    }),
  'levels without end': (part) =>
    withPage(part, 2, () => {
      const plain = Buffer.alloc(MIB);
      plain.writeUInt32LE(MIB - 8, 0);
      const body = snappy(plain);
      return { header: dataPage(13, 0, plain.length, body.length), body };
    }),
  'a page header of structs in structs': (part) =>
    withPage(part, 2, (body) => ({ header: { 5: new Raw(12, Buffer.alloc(MIB, 0x1c)) }, body })),
};

/** Longer than any of them takes, however busy the machine is; the bombs would take hours. */
const QUICK_MS = 15_000;

for (const [name, bomb] of Object.entries(BOMBS)) {
  test(`bomb: ${name}`, async (t) => {
    const copy = await officialCopy(t);
    const path = join(copy.project, partName(diskName('RUN-1'), 1));
    const first = join(copy.project, partName(diskName('RUN-1'), 0));
    const archive = await openArchive(copy.data);
    const [project] = archive.projects();
    const runs = await Array.fromAsync(archive.runs(project!));
    const victim = runs.find(({ runId }) => runId === 'RUN-1')!;
    const started = performance.now();
    // In a part that is only read later, and in the one that tells what run it is.
    await writeFile(path, bomb(await readFile(first)));
    await assert.rejects(
      async () => {
        for await (const _ of readBatches({ ...victim, parts: [path] }));
      },
      { code: 'archive' },
      'reading it, as load does',
    );
    assert.deepEqual((await summarise(archive)).projects[0]!.damaged.length, 1, 'summary');
    assert.ok(codesOf(await verify(copy)).includes('part_unreadable'), 'verify');
    await edit(first, bomb);
    assert.ok(codesOf(await verify(copy)).includes('part_unreadable'), 'verify, in part 0');
    assert.ok(performance.now() - started < QUICK_MS, `it took ${Math.round(performance.now() - started)} ms`);
  });
}

test('commands refuse manifests that point out of the archive, and read nothing there', async (t) => {
  for (const path of ['../../../secret', '/etc/passwd', '..\\secret', 'a\0b', 'RUN-1/../../../secret']) {
    const copy = await ownArchive(t);
    await put(join(copy.folder, 'secret'), 'secret');
    await rewrite(ownManifest(copy), (manifest) => {
      manifest.files[0]!.path = path;
    });
    for (const command of ['verify', 'summary']) {
      const { code, stdout } = await runCli([command, '-d', 'data', '--json'], { cwd: copy.folder });
      assert.equal(code, 3, `${command} ${path}`);
      assert.ok(stdout.includes(diskName(OWN_RUN)), `${command} names the run`);
      assert.ok(stdout.includes('is not a path inside the archive'), stdout);
    }
  }
});

test('rows that name files outside of the archive are told, and read nothing there', async (t) => {
  const copy = await officialCopy(t);
  const path = join(copy.project, partName(diskName('RUN-1'), 1));
  await put(join(copy.folder, 'xx'), 'outside');
  // The same length, so that nothing else has to change: only what it says is another.
  const bytes = await readFile(path);
  const at = bytes.indexOf('RUN-1/files/model.bin');
  assert.ok(at > 0);
  for (let from = at; from >= 0; from = bytes.indexOf('RUN-1/files/model.bin', from + 1))
    bytes.write('../../../../../../xxx', from);
  await writeFile(path, bytes);
  const { problems } = await verify(copy);
  const told = problems.find(({ code }) => code === 'path_outside');
  assert.match(told?.message ?? '', /\.\.\/xxx/);
  assert.equal(told?.attributePath, 'files/model');
});

test('links and pipes are never followed or waited for', async (t) => {
  const copy = await ownArchive(t);
  const file = join(copy.projectFiles, 'RUN-1/a/first.bin');
  await rm(file);
  await run('mkfifo', [file]);
  await run('mkfifo', [join(copy.projectFiles, 'RUN-1/pipe')]);
  const manifest = ownManifest(copy);
  await rename(manifest, join(copy.folder, 'elsewhere'));
  await symlink('/dev/zero', join(copy.projectFiles, 'RUN-1/endless'));
  await rename(join(copy.folder, 'elsewhere'), manifest);
  await symlink(copy.folder, join(copy.projectFiles, 'RUN-1/loop'));
  const { problems } = await verify(copy);
  assert.deepEqual(problems.map(({ code, path }) => `${code} ${path?.split('/').at(-1)}`).sort(), [
    'file_not_regular first.bin',
    'stranger endless',
    'stranger loop',
    'stranger pipe',
  ]);
});
