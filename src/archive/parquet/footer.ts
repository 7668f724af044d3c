// Reads and checks a parquet file's footer: what lies where in it, and the statistics, exact to the bit.

import type { FileHandle } from 'node:fs/promises';

import { LEAF, LEAVES, type LeafName } from './schema.ts';
import { readThrift, type Thrift } from './thrift.ts';

/** A footer larger than this is no footer of ours or the official exporter's, whatever it says of itself. */
const MAX_FOOTER_BYTES = 64 * 1024 * 1024;
/** What pyarrow puts into one row group at the very most. */
const MAX_ROWS = 64 * 1024 * 1024;
/**
 * Rows (or elements of lists) for each byte of a file beyond which its counts are made up, to keep a reader busy for ever.
 * Rows that cost least, points of a constant series with even steps, come to about 130 a byte where they fill a file.
 * Counts up to the second number are let pass in any file: few rows more than that cost a reader anything.
 */
const MAX_ROWS_PER_BYTE = 2000;
const ALWAYS_PLAUSIBLE = 1 << 20;

/** Numbers are those of parquet's thrift definition. */
const PHYSICAL = { BOOLEAN: 0, INT64: 2, DOUBLE: 5, BYTE_ARRAY: 6, FIXED_LEN_BYTE_ARRAY: 7 } as const;
const REQUIRED = 0;
const REPEATED = 2;
const DECIMAL = 5;
const TIMESTAMP_MILLIS = 9;
const CODECS: Readonly<Record<number, Chunk['codec']>> = { 0: 'UNCOMPRESSED', 1: 'SNAPPY' };

/** One column of one row group. */
export interface Chunk {
  leaf: LeafName;
  codec: 'UNCOMPRESSED' | 'SNAPPY';
  /** Bytes in the file from here to `end`. */
  start: number;
  end: number;
  /** Entries: rows, or more where there are lists. */
  entries: number;
  /** Bytes of a step where it is written as big-endian bytes (official exporter); 0 where it is an int64. */
  decimalBytes: number;
  uncompressedBytes: number;
  /** Statistics, where there are some. */
  nulls?: number;
  least?: Uint8Array;
  greatest?: Uint8Array;
}

export interface RowGroupInfo {
  rows: number;
  chunks: Readonly<Record<LeafName, Chunk>>;
}

export interface Footer {
  /** Size of the file. */
  bytes: number;
  /** Where the footer begins, and all that it says. */
  start: number;
  raw: Thrift;
  rows: number;
  rowGroups: RowGroupInfo[];
  createdBy: string;
  metadata: ReadonlyMap<string, string>;
}

/** What is wrong with a file, in words. Turned into an ExporterError where the file's name is known. */
export class DamagedFile extends Error {}

/**
 * Reads the footer.
 * @throws DamagedFile if this isn't a parquet file, is cut, or hasn't the archive's schema
 */
export async function readFooter(file: FileHandle): Promise<Footer> {
  const { size } = await file.stat();
  if (size < 12) throw new DamagedFile('it is too short for a parquet file');
  const tail = await readExactly(file, size - 8, 8);
  if ((await readExactly(file, 0, 4)).toString('latin1') !== 'PAR1')
    throw new DamagedFile('it does not begin like a parquet file');
  if (tail.toString('latin1', 4) !== 'PAR1') throw new DamagedFile('it does not end like a parquet file');
  const length = tail.readUInt32LE(0);
  if (length > size - 12 || length > MAX_FOOTER_BYTES) throw new DamagedFile('the length of its footer is wrong');
  const bytes = await readExactly(file, size - 8 - length, length);
  let raw: Thrift;
  try {
    raw = readThrift(bytes).value;
  } catch (error) {
    throw new DamagedFile('its footer is damaged', { cause: error });
  }
  const start = size - 8 - length;
  return { bytes: size, start, raw, ...parseFooter(raw, start) };
}

/** Reads so many bytes, no fewer. */
export async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new DamagedFile('it is shorter than its footer says');
    done += bytesRead;
  }
  return buffer;
}

function parseFooter(raw: Thrift, dataEnd: number): Omit<Footer, 'bytes' | 'start' | 'raw'> {
  const decimalBytes = checkSchema(list(raw.field_2, 'schema').map((element) => struct(element)));
  const rowGroups = list(raw.field_4, 'row groups').map((group) => parseRowGroup(struct(group), decimalBytes, dataEnd));
  const metadata = new Map<string, string>();
  for (const entry of raw.field_5 === undefined ? [] : list(raw.field_5, 'metadata')) {
    const { field_1: key, field_2: value } = struct(entry);
    metadata.set(text(key), value === undefined ? '' : text(value));
  }
  const rows = rowGroups.reduce((sum, group) => sum + group.rows, 0);
  if (rows !== size(raw.field_3, 'number of rows'))
    throw new DamagedFile('its row groups have other rows than its footer says');
  checkPlausible(rows, dataEnd, 'rows');
  return {
    rows,
    rowGroups,
    createdBy: raw.field_6 === undefined ? '' : text(raw.field_6),
    metadata,
  };
}

function checkPlausible(count: number, bytes: number, what: string): void {
  if (count <= Math.max(ALWAYS_PLAUSIBLE, bytes * MAX_ROWS_PER_BYTE)) return;
  throw new DamagedFile(`it claims to have ${count} ${what} in ${bytes} bytes`);
}

function parseRowGroup(raw: Thrift, decimalBytes: number, dataEnd: number): RowGroupInfo {
  const rows = size(raw.field_3, 'rows of a row group');
  if (rows > MAX_ROWS) throw new DamagedFile(`a row group claims to have ${rows} rows`);
  const columns = list(raw.field_1, 'columns');
  if (columns.length !== LEAVES.length) throw new DamagedFile('a row group lacks columns');
  const chunks: Partial<Record<LeafName, Chunk>> = {};
  for (const [index, name] of LEAVES.entries()) {
    const column = struct(struct(columns[index]).field_3);
    chunks[name] = parseChunk(column, name, name === 'step' ? decimalBytes : 0, dataEnd);
    const { entries, start, end } = chunks[name];
    if (LEAF[name].maxRepetition === 0 ? entries !== rows : entries < rows) {
      throw new DamagedFile(`the column ${name} has another number of rows than its row group`);
    }
    checkPlausible(entries - rows, end - start, `elements of ${name}`);
  }
  return { rows, chunks: chunks as Record<LeafName, Chunk> };
}

function parseChunk(raw: Thrift, leaf: LeafName, decimalBytes: number, dataEnd: number): Chunk {
  const codec = CODECS[size(raw.field_4, 'codec')];
  if (!codec) throw new DamagedFile(`the column ${leaf} is compressed in a way other than Snappy`);
  const data = size(raw.field_9, 'offset of a column');
  const dictionary = raw.field_11 === undefined ? 0 : size(raw.field_11, 'offset of a dictionary');
  const entries = size(raw.field_5, 'values of a column');
  // Of a column without rows pyarrow says that it begins at 0.
  const start = entries === 0 ? 4 : dictionary > 0 && dictionary < data ? dictionary : data;
  const end = start + (entries === 0 ? 0 : size(raw.field_7, 'size of a column'));
  if (start < 4 || end > dataEnd) throw new DamagedFile(`the column ${leaf} lies outside the file`);
  const chunk: Chunk = {
    leaf,
    codec,
    start,
    end,
    entries,
    decimalBytes,
    uncompressedBytes: size(raw.field_6, 'size of a column'),
  };
  const statistics = raw.field_12 === undefined ? {} : struct(raw.field_12);
  if (statistics.field_3 !== undefined) chunk.nulls = size(statistics.field_3, 'nulls of a column');
  const { field_5: greatest, field_6: least } = statistics;
  // Bounds that were cut for length may not be taken for values.
  const exact = statistics.field_7 !== false && statistics.field_8 !== false;
  if (exact && least instanceof Uint8Array && greatest instanceof Uint8Array) Object.assign(chunk, { least, greatest });
  return chunk;
}

/** Checks names and types of all columns; returns how many bytes a step has (see `Chunk.decimalBytes`). */
function checkSchema(elements: Thrift[]): number {
  let at = 1;
  let decimalBytes = 0;
  const leaves: string[] = [];
  const walk = (children: number, parents: Thrift[]): void => {
    if (parents.length > 4) throw new DamagedFile('its columns are not those of an archive');
    for (let child = 0; child < children; child++) {
      const element = elements[at++];
      if (!element) throw new DamagedFile('its schema is cut');
      const path = [...parents, element];
      if (element.field_1 === undefined) {
        walk(size(element.field_5, 'number of children'), path);
        continue;
      }
      const name = path
        .map((part) => text(part.field_4))
        .join('.')
        .replace(/\.list\.item$/, '.list.element');
      leaves.push(name);
      if (name === 'step') decimalBytes = checkStep(element);
      checkLeaf(path, name);
    }
  };
  walk(size(struct(elements[0]).field_5, 'number of columns'), []);
  if (leaves.join() !== LEAVES.join()) throw new DamagedFile('its columns are not those of an archive');
  return decimalBytes;
}

/** Checks a column's type, and that it and its parents may be null as in the archive's schema: levels depend on it. */
function checkLeaf(path: Thrift[], name: string): void {
  const leaf = Object.hasOwn(LEAF, name) ? LEAF[name as LeafName] : undefined;
  if (!leaf) throw new DamagedFile(`it has a column ${name}, which archives don't have`);
  const element = path.at(-1)!;
  const definition = path.filter((part) => part.field_3 !== REQUIRED).length;
  const repetition = path.filter((part) => part.field_3 === REPEATED).length;
  const time = leaf.name === 'timestamp' || leaf.name === 'datetime_value';
  if (
    (name !== 'step' && element.field_1 !== PHYSICAL[leaf.physical]) ||
    definition !== leaf.maxDefinition ||
    repetition !== leaf.maxRepetition ||
    (time && element.field_6 !== TIMESTAMP_MILLIS && !isMillis(element.field_10))
  ) {
    throw new DamagedFile(`its column ${name} has another type than in an archive`);
  }
}

function isMillis(logicalType: unknown): boolean {
  const timestamp = (logicalType as { field_8?: { field_2?: { field_1?: unknown } } } | undefined)?.field_8;
  return timestamp?.field_2?.field_1 !== undefined;
}

function checkStep(element: Thrift): number {
  const fixed = element.field_1 === PHYSICAL.FIXED_LEN_BYTE_ARRAY;
  const bytes = fixed ? size(element.field_2, 'bytes of a step') : 0;
  if (
    (!fixed && element.field_1 !== PHYSICAL.INT64) ||
    (fixed && (bytes < 8 || bytes > 16)) ||
    element.field_6 !== DECIMAL ||
    element.field_7 !== 6
  ) {
    throw new DamagedFile('its column step has another type than in an archive');
  }
  return bytes;
}

function list(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new DamagedFile(`its footer lacks the ${what}`);
}

function struct(value: unknown): Thrift {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Thrift;
  throw new DamagedFile('its footer is damaged');
}

function text(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8');
  throw new DamagedFile('its footer is damaged');
}

function size(value: unknown, what: string): number {
  const number = Number(value);
  if ((typeof value === 'bigint' || typeof value === 'number') && Number.isSafeInteger(number) && number >= 0) {
    return number;
  }
  throw new DamagedFile(`its footer has no valid ${what}`);
}
