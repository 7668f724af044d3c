// Tells files that are cut, by their own formats. A format that isn't recognised for sure is left alone, and so is what follows a format's end: both are legal.

import type { FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import { createGunzip } from 'node:zlib';
import { isCutJson } from './json-shape.ts';
import type { TaskContext } from './regular-file.ts';

/** A check of one format: why the file is cut, undefined if it is whole or nobody can be sure. */
type Check = (file: ShapeFile) => Promise<string | undefined>;

interface Format {
  /** How files of the format begin. */
  magic: Buffer;
  /** Where in the file that is. @default 0 */
  at?: number;
  check: Check;
}

const PIECE = 1 << 18;
/** What a zip's comment may have, with the record before it. */
const ZIP_TAIL = 65_557;
/** A compressed file that grows to more than both is made to keep a reader busy: it isn't read to its end. */
const GZIP_BYTES = 2 ** 30;
const GZIP_RATIO = 100;
const MAX_NPY_HEADER = 1 << 20;

/** Endings of names that no empty file can have. */
const NEVER_EMPTY = new Set(
  '.png .jpg .jpeg .gif .webp .bmp .tif .tiff .pdf .zip .gz .tgz .xz .npy .npz .pt .pth .ckpt .safetensors .h5 .hdf5 .parquet .sqlite .onnx .pkl .joblib .mp4 .mov .webm .wav .mp3 .json .ipynb .svg'.split(
    ' ',
  ),
);

const FORMATS: readonly Format[] = [
  { magic: Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), check: png },
  { magic: Buffer.from([0xff, 0xd8, 0xff]), check: jpeg },
  { magic: Buffer.from('GIF87a'), check: gif },
  { magic: Buffer.from('GIF89a'), check: gif },
  { magic: Buffer.from('PK\x03\x04'), check: zip },
  { magic: Buffer.from([0x1f, 0x8b, 8]), check: gzip },
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), check: xz },
  { magic: Buffer.from('%PDF-'), check: pdf },
  { magic: Buffer.from('\x93NUMPY', 'latin1'), check: npy },
  { magic: Buffer.from('PAR1'), check: parquet },
  { magic: Buffer.from('SQLite format 3\0'), check: sqlite },
  { magic: Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), check: hdf5 },
  { magic: Buffer.from('RIFF'), check: riff },
  { magic: Buffer.from('ftyp'), at: 4, check: mp4 },
];

/** Formats without a sign of their own: the name must say it, and the content agree. */
const BY_NAME: Readonly<Record<string, Check>> = {
  '.json': json,
  '.ipynb': json,
  '.safetensors': safetensors,
  '.bmp': bmp,
  '.svg': svg,
};

/**
 * Looks whether a file is whole by its own format.
 * @returns what it lacks, in words
 */
export async function whatIsCut(handle: FileHandle, name: string, bytes: number, context: TaskContext) {
  const file = new ShapeFile(handle, bytes, context);
  const ending = extname(name).toLowerCase();
  if (bytes === 0) return NEVER_EMPTY.has(ending) ? `it is empty, which no ${ending} file can be` : undefined;
  const head = await file.read(0, 16);
  for (const { magic, at = 0, check } of FORMATS) {
    const begin = head.subarray(at, at + magic.length);
    if (begin.equals(magic)) return check(file);
  }
  const byName = BY_NAME[ending];
  if (byName) return byName(file);
  const own = FORMATS.filter(({ at = 0, magic }) => at === 0 && magic.subarray(0, bytes).equals(head) && bytes >= 3);
  // Cut within its very first bytes: only the name tells the format then.
  return own.length > 0 && NEVER_EMPTY.has(ending) ? `it ends after ${bytes} bytes` : undefined;
}

/** A file that is read here and there. */
class ShapeFile {
  readonly bytes: number;
  readonly context: TaskContext;
  readonly handle: FileHandle;

  constructor(handle: FileHandle, bytes: number, context: TaskContext) {
    this.handle = handle;
    this.bytes = bytes;
    this.context = context;
  }

  /** So many bytes from a position on, fewer at the end of the file. */
  async read(at: number, count: number): Promise<Buffer> {
    const length = Math.max(0, Math.min(count, this.bytes - at));
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.handle.read(buffer, done, length - done, at + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  }

  /** The file in pieces, from a position on. */
  async *pieces(from = 0): AsyncGenerator<Buffer> {
    for (let at = from; at < this.bytes; at += PIECE) {
      this.context.check();
      yield await this.read(at, PIECE);
    }
  }
}

async function png(file: ShapeFile): Promise<string | undefined> {
  for (let at = 8; at < file.bytes; ) {
    file.context.check();
    const head = await file.read(at, 8);
    if (head.length < 8) return CUT;
    const [length, type] = [head.readUInt32BE(0), head.toString('latin1', 4)];
    if (!/^[A-Za-z]{4}$/.test(type) || length > 0x7fffffff) return undefined;
    at += 12 + length;
    if (at > file.bytes) return CUT;
    if (type === 'IEND') return undefined;
  }
  return 'the picture has no end';
}

const CUT = 'it ends in the middle';

/** Segments have lengths; between them lies what was encoded, to the next marker. */
async function jpeg(file: ShapeFile): Promise<string | undefined> {
  let at = 2;
  for (;;) {
    file.context.check();
    const head = await file.read(at, 4);
    if (head.length < 2) return 'the picture has no end';
    if (head[0] !== 0xff) return undefined;
    const marker = head[1]!;
    if (marker === 0xd9) return undefined;
    if (marker === 0xff) {
      at++;
      continue;
    }
    // Markers without a segment.
    if (marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (head.length < 4) return CUT;
    at += 2 + head.readUInt16BE(2);
    if (at > file.bytes) return CUT;
    if (marker !== 0xda) continue;
    const next = await endOfScan(file, at);
    if (next === undefined) return 'the picture has no end';
    at = next;
  }
}

/** Where the next marker is that ends what was encoded: `ff` with `00` or a restart marker after it belongs to it. */
async function endOfScan(file: ShapeFile, from: number): Promise<number | undefined> {
  let position = from;
  let afterFf = false;
  for await (const piece of file.pieces(from)) {
    for (let index: number = afterFf ? 0 : piece.indexOf(0xff); index >= 0 && index < piece.length; ) {
      if (!afterFf) {
        afterFf = true;
        index++;
        continue;
      }
      const byte: number = piece[index]!;
      if (byte !== 0 && byte !== 0xff && !(byte >= 0xd0 && byte <= 0xd7)) return position + index - 1;
      afterFf = byte === 0xff;
      index = afterFf ? index + 1 : piece.indexOf(0xff, index + 1);
    }
    position += piece.length;
  }
  return undefined;
}

async function gif(file: ShapeFile): Promise<string | undefined> {
  const screen = await file.read(6, 7);
  if (screen.length < 7) return CUT;
  let at = 13 + colours(screen[4]!);
  for (;;) {
    file.context.check();
    const block = await file.read(at, 10);
    if (block.length === 0) return 'the picture has no end';
    if (block[0] === 0x3b) return undefined;
    if (block[0] === 0x21) at += 2;
    else if (block[0] === 0x2c) {
      if (block.length < 10) return CUT;
      at += 11 + colours(block[9]!);
    } else return undefined;
    const end = await endOfBlocks(file, at);
    if (end === undefined) return CUT;
    at = end;
  }
}

function colours(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

/** Each block has its length before it, the last one has none. */
async function endOfBlocks(file: ShapeFile, from: number): Promise<number | undefined> {
  let start = from;
  let piece: Buffer = Buffer.alloc(0);
  for (let at = from; ; ) {
    if (at - start >= piece.length) {
      file.context.check();
      start = at;
      piece = await file.read(at, PIECE);
      if (piece.length === 0) return undefined;
    }
    const length = piece[at - start]!;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/** At the end stands where the list of members is, and there it must be. Also of .pt, .npz, .docx and many more. */
async function zip(file: ShapeFile): Promise<string | undefined> {
  const end = Buffer.from('PK\x05\x06');
  const from = Math.max(0, file.bytes - ZIP_TAIL);
  const tail = await file.read(from, ZIP_TAIL);
  for (let at = tail.lastIndexOf(end); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf(end, at - 1)) {
    if (await isZipEnd(file, from + at)) return undefined;
  }
  // Something long may have been put behind it.
  let overlap: Buffer = Buffer.alloc(0);
  let position = 0;
  for await (const piece of file.pieces()) {
    const both = Buffer.concat([overlap, piece]);
    for (let at = both.indexOf(end); at >= 0; at = both.indexOf(end, at + 1)) {
      if (await isZipEnd(file, position - overlap.length + at)) return undefined;
    }
    position += piece.length;
    overlap = both.subarray(Math.max(0, both.length - 3));
  }
  return 'the archive has no end';
}

async function isZipEnd(file: ShapeFile, at: number): Promise<boolean> {
  const record = await file.read(at, 22);
  if (record.length < 22 || at + 22 + record.readUInt16LE(20) > file.bytes) return false;
  let [entries, size, start] = [record.readUInt16LE(10), record.readUInt32LE(12), record.readUInt32LE(16)];
  if (entries === 0xffff || size === 0xffffffff || start === 0xffffffff) {
    const locator = await file.read(Math.max(0, at - 20), 20);
    if (at >= 20 && locator.toString('latin1', 0, 4) === 'PK\x06\x07') {
      const large = await file.read(Number(locator.readBigUInt64LE(8)), 56);
      if (large.length < 56 || large.toString('latin1', 0, 4) !== 'PK\x06\x06') return false;
      [entries, size, start] = [32, 40, 48].map((offset) => Number(large.readBigUInt64LE(offset))) as [
        number,
        number,
        number,
      ];
    }
  }
  if (start + size > at) return false;
  return entries === 0 || (await file.read(start, 4)).toString('latin1') === 'PK\x01\x02';
}

async function gzip(file: ShapeFile): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const gunzip = createGunzip();
  let bytes = 0;
  let done = false;
  promise.then(() => {
    done = true;
  });
  gunzip.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > GZIP_BYTES && bytes > file.bytes * GZIP_RATIO) resolve(undefined);
  });
  gunzip.on('end', () => resolve(undefined));
  gunzip.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // What can be unpacked nowhere is not for sure of this format.
    const isSure = bytes > 0 || /incorrect (data|length) check/.test(message);
    const damaged = isSure ? 'what is compressed in it is damaged' : undefined;
    resolve(code === 'Z_BUF_ERROR' ? 'what is compressed in it has no end' : damaged);
  });
  const feed = async () => {
    for await (const piece of file.pieces()) {
      if (done) return;
      if (!gunzip.write(piece)) await Promise.race([drained(gunzip), promise]);
    }
    if (!done) gunzip.end();
  };
  try {
    const [result] = await Promise.all([promise, feed()]);
    return result;
  } finally {
    gunzip.destroy();
  }
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}

async function xz(file: ShapeFile): Promise<string | undefined> {
  const tail = await file.read(Math.max(0, file.bytes - 4096), 4096);
  let end = tail.length;
  while (end > 0 && tail[end - 1] === 0) end--;
  return tail.toString('latin1', Math.max(0, end - 2), end) === 'YZ'
    ? undefined
    : 'what is compressed in it has no end';
}

async function pdf(file: ShapeFile): Promise<string | undefined> {
  const tail = await file.read(Math.max(0, file.bytes - 65_536), 65_536);
  return tail.includes('%%EOF') ? undefined : 'the document has no end';
}

async function npy(file: ShapeFile): Promise<string | undefined> {
  const head = await file.read(6, 6);
  if (head.length < 6) return CUT;
  const long = head[0]! > 1;
  const length = long ? head.readUInt32LE(2) : head.readUInt16LE(2);
  const start = long ? 12 : 10;
  if (length > MAX_NPY_HEADER) return undefined;
  if (start + length > file.bytes) return CUT;
  const header = (await file.read(start, length)).toString('latin1');
  const item = /'descr':\s*'[<>|=]?([a-zA-Z])(\d+)'/.exec(header);
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header);
  if (!item || !shape) return undefined;
  const dimensions = shape[1]!.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  const unit = item[1] === 'U' ? 4 : 1;
  const size = dimensions.reduce((product, one) => product * one, Number(item[2]) * unit);
  return item[1] !== 'O' && start + length + size > file.bytes ? CUT : undefined;
}

async function safetensors(file: ShapeFile): Promise<string | undefined> {
  const head = await file.read(0, 9);
  if (head.length < 9) return CUT;
  const length = Number(head.readBigUInt64LE(0));
  if (head[8] !== 0x7b || length > 100_000_000) return undefined;
  if (8 + length > file.bytes) return CUT;
  let header: unknown;
  try {
    header = JSON.parse((await file.read(8, length)).toString('utf8'));
  } catch {
    return undefined;
  }
  const ends = Object.values(header as Record<string, { data_offsets?: unknown }>).flatMap((tensor) => {
    const offsets = tensor?.data_offsets;
    return Array.isArray(offsets) && typeof offsets[1] === 'number' ? [offsets[1]] : [];
  });
  const size = ends.reduce((most, end) => Math.max(most, end), 0);
  return 8 + length + size > file.bytes ? CUT : undefined;
}

async function parquet(file: ShapeFile): Promise<string | undefined> {
  const tail = (await file.read(Math.max(0, file.bytes - 4), 4)).toString('latin1');
  return file.bytes >= 12 && (tail === 'PAR1' || tail === 'PARE') ? undefined : 'the table has no end';
}

async function sqlite(file: ShapeFile): Promise<string | undefined> {
  const head = await file.read(0, 100);
  if (head.length < 100) return CUT;
  const [size, pages] = [head.readUInt16BE(16), head.readUInt32BE(28)];
  // Old programs leave the count as it was: then these two differ.
  if (head.readUInt32BE(24) !== head.readUInt32BE(92)) return undefined;
  return pages * (size === 1 ? 65_536 : size) > file.bytes ? CUT : undefined;
}

async function hdf5(file: ShapeFile): Promise<string | undefined> {
  const head = await file.read(0, 64);
  if (head.length < 48) return CUT;
  const version = head[8]!;
  const wide = version < 2 ? head[13] === 8 : head[9] === 8;
  const at = version === 0 ? 40 : version === 1 ? 44 : 28;
  if (!wide || version > 3) return undefined;
  if (head.length < at + 8) return CUT;
  const end = head.readBigUInt64LE(at);
  return end !== 0xffffffffffffffffn && end > BigInt(file.bytes) ? CUT : undefined;
}

/** WAV, WebP, AVI. Programs that stream one leave the size open. */
async function riff(file: ShapeFile): Promise<string | undefined> {
  const head = await file.read(0, 12);
  if (head.length < 12) return CUT;
  const size = head.readUInt32LE(4);
  return size < 0x7fffff00 && size + 8 > file.bytes ? CUT : undefined;
}

/** MP4, MOV, HEIC: boxes with their lengths. */
async function mp4(file: ShapeFile): Promise<string | undefined> {
  for (let at = 0; at < file.bytes; ) {
    file.context.check();
    const head = await file.read(at, 16);
    if (head.length < 8) return at === 0 ? undefined : CUT;
    if (!/^[\x20-\x7e\xa9]{4}$/.test(head.toString('latin1', 4, 8))) return undefined;
    const short = head.readUInt32BE(0);
    if (short === 0) return undefined;
    if (short === 1 && head.length < 16) return CUT;
    const size = short === 1 ? Number(head.readBigUInt64BE(8)) : short;
    if (size < 8) return undefined;
    at += size;
    if (at > file.bytes) return CUT;
  }
  return undefined;
}

async function bmp(file: ShapeFile): Promise<string | undefined> {
  const head = await file.read(0, 6);
  if (head.toString('latin1', 0, 2) !== 'BM') return undefined;
  return head.length < 6 || head.readUInt32LE(2) > file.bytes ? CUT : undefined;
}

async function svg(file: ShapeFile): Promise<string | undefined> {
  const head = (await file.read(0, 4096))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (!/^(<\?xml|<svg)/.test(head)) return undefined;
  const tail = (await file.read(Math.max(0, file.bytes - 4096), 4096)).toString('latin1').trimEnd();
  return /<\/([\w-]+:)?svg\s*>|\/>\s*$|-->\s*$/.test(tail) ? undefined : 'the picture has no end';
}

function json(file: ShapeFile): Promise<string | undefined> {
  return isCutJson(file.pieces()).then((cut) => (cut ? 'the JSON in it has no end' : undefined));
}
