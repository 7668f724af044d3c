// Files that are cut, by their formats: each is found wherever the cut is, and nothing that is whole is accused.

import assert from 'node:assert/strict';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { whatIsCut } from '../../src/archive/verify/file-shape.ts';
import { makeZip } from '../../src/demo/neptune2/zip.ts';
import { makePng } from '../../src/demo/png.ts';
import { tempFolder } from '../helpers/temp.ts';
import { officialCopy, partsIn } from './kit.ts';
import { BMP, GIF, JPEG, PROGRESSIVE_JPEG, WEBP, XZ } from './pictures.ts';

async function judge(folder: string, name: string, content: Uint8Array | string): Promise<string | undefined> {
  const path = join(folder, name.replaceAll('/', '_'));
  await writeFile(path, content);
  const handle = await open(path, 'r');
  try {
    return await whatIsCut(handle, name, Buffer.byteLength(content), { bytes() {}, check() {} });
  } finally {
    await handle.close();
  }
}

const text = (value: string) => Buffer.from(value, 'latin1');
const number = (bytes: number, value: number, big = false) => {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) big ? buffer.writeBigUInt64BE(BigInt(value)) : buffer.writeBigUInt64LE(BigInt(value));
  else big ? buffer.writeUIntBE(value, 0, bytes) : buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};

function npy(): Buffer {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (4, 5), }`.padEnd(117, ' ');
  return Buffer.concat([
    text('\x93NUMPY\x01\x00'),
    number(2, header.length + 1),
    text(`${header}\n`),
    Buffer.alloc(160),
  ]);
}

function safetensors(): Buffer {
  const header = JSON.stringify({ w: { dtype: 'F32', shape: [10], data_offsets: [0, 40] }, __metadata__: { a: 'b' } });
  return Buffer.concat([number(8, header.length), text(header), Buffer.alloc(40)]);
}

function hdf5(): Buffer {
  const buffer = Buffer.alloc(200);
  text('\x89HDF\r\n\x1a\n').copy(buffer);
  buffer[13] = 8;
  buffer.writeBigUInt64LE(200n, 40);
  return buffer;
}

function mp4(): Buffer {
  const box = (type: string, size: number) =>
    Buffer.concat([number(4, size, true), text(type), Buffer.alloc(size - 8)]);
  const large = Buffer.concat([number(4, 1, true), text('mdat'), number(8, 116, true), Buffer.alloc(100)]);
  return Buffer.concat([box('ftyp', 24), large, box('moov', 60)]);
}

/** A zip whose sizes stand in records of 64 bits. */
function zip64(): Buffer {
  const zip = makeZip([['a.txt', text('hello')]]);
  const end = zip.lastIndexOf('PK\x05\x06');
  const [size, start] = [zip.readUInt32LE(end + 12), zip.readUInt32LE(end + 16)];
  const record = Buffer.concat([
    ...[text('PK\x06\x06'), number(8, 44), number(2, 45), number(2, 45), number(4, 0), number(4, 0)],
    ...[number(8, 1), number(8, 1), number(8, size), number(8, start)],
  ]);
  const locator = Buffer.concat([text('PK\x06\x07'), number(4, 0), number(8, end), number(4, 1)]);
  const last = Buffer.from(zip.subarray(end));
  last.fill(0xff, 8, 20);
  return Buffer.concat([zip.subarray(0, end), record, locator, last]);
}

async function sqlite(folder: string): Promise<Buffer> {
  const path = join(folder, 'made.sqlite');
  const database = new DatabaseSync(path);
  database.exec('create table t (a); insert into t values (1)');
  database.close();
  return readFile(path);
}

const zip = makeZip([
  ['a.txt', text('hello')],
  ['b/c.bin', Buffer.alloc(3000, 'xyz')],
]);
const json = JSON.stringify({ a: [1, 2, { b: 'text with ] and \\" and {' }], c: null });

/** Whole files, and the least of them of which a cut is seen. */
const WHOLE: Record<string, { content: Buffer | string; from?: number; upTo?: number }> = {
  'a.png': { content: makePng(30, 30, (x, y) => [x, y, x * y]) },
  'a.jpg': { content: JPEG },
  'progressive.jpeg': { content: PROGRESSIVE_JPEG },
  'a.gif': { content: GIF },
  'a.webp': { content: WEBP },
  'a.bmp': { content: BMP, from: 2 },
  'a.zip': { content: zip },
  'model.pt': { content: zip },
  'large.npz': { content: zip64() },
  'a.gz': { content: gzipSync(Buffer.alloc(5000, 'some text')) },
  'two-members.gz': { content: Buffer.concat([gzipSync('one'), gzipSync('two')]), from: 33 },
  'a.xz': { content: XZ, from: 6 },
  'a.pdf': { content: '%PDF-1.4\n1 0 obj\n<< >>\nendobj\nxref\n0 1\ntrailer\n<< >>\nstartxref\n9\n%%EOF', from: 5 },
  'a.npy': { content: npy(), from: 6 },
  'a.safetensors': { content: safetensors(), from: 9 },
  'a.h5': { content: hdf5(), from: 8 },
  'a.mp4': { content: mp4(), from: 8 },
  'a.json': { content: json, from: 1 },
  'a.ipynb': { content: ` \n[${json}]`, from: 3 },
  'a.svg': {
    content: '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"></path></svg>',
    from: 6,
    upTo: -1,
  },
};

for (const [name, { content, from = 3, upTo = 0 }] of Object.entries(WHOLE)) {
  test(`${name} is whole, and cut anywhere it is not`, async (t) => {
    const folder = await tempFolder(t);
    const bytes = Buffer.from(content as string);
    assert.equal(await judge(folder, name, bytes), undefined);
    const step = Math.max(1, Math.floor(bytes.length / 150));
    // At the ends of boxes and members a shorter file would be a whole one.
    const ends = name === 'a.mp4' ? [24, 140] : name === 'two-members.gz' ? [23] : [];
    for (let length = from; length < bytes.length + upTo; length += step) {
      if (ends.includes(length)) continue;
      assert.ok(await judge(folder, name, bytes.subarray(0, length)), `${name} of ${length} of ${bytes.length} bytes`);
    }
    assert.ok(await judge(folder, name, ''), `${name} without a byte`);
  });
}

test('a database and a table of parquet are whole, and cut they are not', async (t) => {
  const { project } = await officialCopy(t);
  const folder = await tempFolder(t);
  const parquet = await readFile((await partsIn(project))[0]!);
  for (const [name, bytes] of [
    ['a.sqlite', await sqlite(folder)],
    ['a.parquet', parquet],
  ] as const) {
    assert.equal(await judge(folder, name, bytes), undefined);
    for (const length of [20, 99, 200, bytes.length - 1])
      assert.ok(await judge(folder, name, bytes.subarray(0, length)), name);
  }
});

/** Correct, or unknown, and never to be accused. */
const HARMLESS: Record<string, Buffer | string> = {
  'trailing.png': Buffer.concat([WHOLE['a.png']!.content as Buffer, Buffer.alloc(5000, 'x')]),
  'trailing.jpg': Buffer.concat([JPEG, text('some bytes of a camera')]),
  'trailing.gif': Buffer.concat([GIF, Buffer.alloc(10)]),
  'comment.zip': Buffer.concat([zip.subarray(0, -2), number(2, 60_000), Buffer.alloc(60_000, 'c')]),
  'long-tail.zip': Buffer.concat([zip, Buffer.alloc(200_000, 't')]),
  'empty.zip': makeZip([]),
  'zeros.gz': Buffer.concat([gzipSync('x'), Buffer.alloc(512)]),
  'tail.pdf': Buffer.concat([text('%PDF-1.4\n%%EOF\n'), Buffer.alloc(3000)]),
  'tail.npy': Buffer.concat([npy(), Buffer.alloc(8)]),
  'objects.npy': text(
    `\x93NUMPY\x01\x00\x40\x00${`{'descr': '|O', 'fortran_order': False, 'shape': (9999,), }`.padEnd(64, ' ')}x`,
  ),
  'no-picture.png': Buffer.alloc(100, 'x'),
  'letters.png': 'PNG',
  'is-a.jpg': 'a text that is called otherwise',
  'python.json': '{"loss": NaN, "best": -Infinity, "worst": Infinity}',
  'lines.json': '{"a": 1}\n{"a": 2}\n',
  'text.json': '"just a text"',
  'number.json': '17',
  'comments.json': '{ // don\'t\n "a": 1 ',
  'single-quotes.json': "{'a': 'it is [",
  'no-json.json': 'hello [',
  'bom.json': '\ufeff{"a": "ü"}',
  'escaped.json': '{"a\\\\": "\\"", "b": "\\\\"}',
  'streamed.wav': Buffer.concat([text('RIFF'), number(4, 0xffffffff), text('WAVEfmt '), Buffer.alloc(100)]),
  'open-end.mp4': Buffer.concat([
    number(4, 16, true),
    text('ftypisom'),
    number(4, 0, true),
    number(4, 0, true),
    text('mdat'),
    Buffer.alloc(99),
  ]),
  'weights.bin': deflateRawSync(Buffer.alloc(100)),
  'notes.txt': '',
  '__init__.py': '',
  'no ending': '',
  'self-closed.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>\n',
  'page.svg': '<!DOCTYPE html><p>',
  'PK-text.txt': 'PK is a prefix',
};

test('what is whole, or of no format for sure, is not accused', async (t) => {
  const folder = await tempFolder(t);
  for (const [name, content] of Object.entries(HARMLESS))
    assert.equal(await judge(folder, name, content), undefined, name);
});

test('a damaged stream of gzip is found by its checksum', async (t) => {
  const folder = await tempFolder(t);
  const good = gzipSync(Buffer.from(Array.from({ length: 5000 }, (_, index) => index * 7919)));
  const bad = Buffer.from(good);
  bad[good.length - 5]! ^= 1;
  assert.ok(await judge(folder, 'a.gz', bad));
});
