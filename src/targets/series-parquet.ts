// Float series as one parquet file of plain columns, for targets that keep files: path, step, time, value. Memory stays flat.

import { createHash } from 'node:crypto';
import { appendFile, writeFile } from 'node:fs/promises';
import type { ColumnMetaData, RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import type { FloatSeriesBatch } from '../model/batches.ts';
import { onDisk } from '../model/disk-error.ts';
import type { ExpectedFile } from './target.ts';

const MAGIC = new TextEncoder().encode('PAR1');
/** Rows that are held before they are written. */
const GROUP_ROWS = 1 << 17;
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const NO_STATISTICS = 0;

const DECIMAL = { scale: 6, precision: 18 } as const;
const SCHEMA: SchemaElement[] = [
  { name: 'schema', num_children: 4, repetition_type: 'REQUIRED' },
  {
    name: 'attribute_path',
    repetition_type: 'REQUIRED',
    type: 'BYTE_ARRAY',
    converted_type: 'UTF8',
    logical_type: { type: 'STRING' },
  },
  {
    name: 'step',
    repetition_type: 'OPTIONAL',
    type: 'INT64',
    converted_type: 'DECIMAL',
    ...DECIMAL,
    logical_type: { type: 'DECIMAL', ...DECIMAL },
  },
  {
    name: 'timestamp',
    repetition_type: 'OPTIONAL',
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  },
  { name: 'value', repetition_type: 'OPTIONAL', type: 'DOUBLE' },
];

/** The rows of one row group on their way. */
class Group {
  rows = 0;
  readonly steps = new BigInt64Array(GROUP_ROWS);
  readonly times = new BigInt64Array(GROUP_ROWS);
  readonly values = new Float64Array(GROUP_ROWS);
  readonly stepValid = new Uint8Array(GROUP_ROWS);
  readonly timeValid = new Uint8Array(GROUP_ROWS);
  readonly valueValid = new Uint8Array(GROUP_ROWS);
  /** Paths in order of appearance, and how many rows each of them has in a row. */
  readonly paths = new Map<string, number>();
  runs: [index: number, rows: number][] = [];

  /** Takes rows of a batch from `from` on. @returns how many */
  add(batch: FloatSeriesBatch, from: number): number {
    const count = Math.min(GROUP_ROWS - this.rows, batch.length - from);
    const copy = <A extends BigInt64Array | Float64Array>(to: A, column: A) =>
      to.set(column.subarray(from, from + count) as never, this.rows);
    copy(this.steps, batch.steps);
    copy(this.times, batch.timestamps);
    copy(this.values, batch.values);
    this.#valid(this.stepValid, batch.stepValid, from, count);
    this.#valid(this.timeValid, batch.timestampValid, from, count);
    this.#valid(this.valueValid, batch.valueValid, from, count);
    const index = this.paths.get(batch.path) ?? this.paths.size;
    this.paths.set(batch.path, index);
    const last = this.runs.at(-1);
    if (last?.[0] === index) last[1] += count;
    else this.runs.push([index, count]);
    this.rows += count;
    return count;
  }

  #valid(to: Uint8Array, valid: Uint8Array | undefined, from: number, count: number): void {
    if (valid) to.set(valid.subarray(from, from + count), this.rows);
    else to.fill(1, this.rows, this.rows + count);
  }

  clear(): void {
    this.rows = 0;
    this.runs = [];
    this.paths.clear();
  }
}

/**
 * Writes float series of any number and length into one file: columns `attribute_path`, `step` (Neptune's own decimal
 * with six places), `timestamp` (ms, UTC) and `value` (double, NaN and infinities as they are); what the archive has as
 * null is null. The same batches in the same pieces make the same bytes. Calls come one after the other.
 */
export class SeriesParquet {
  readonly file: string;
  readonly #hash = createHash('sha256');
  readonly #groups: RowGroup[] = [];
  readonly #group = new Group();
  #bytes = 0;
  rows = 0;

  constructor(file: string) {
    this.file = file;
  }

  async add(batch: FloatSeriesBatch): Promise<void> {
    for (let from = 0; from < batch.length; ) {
      from += this.#group.add(batch, from);
      if (this.#group.rows === GROUP_ROWS) await this.#flush();
    }
  }

  /** Ends the file. */
  async finish(): Promise<ExpectedFile> {
    if (this.#group.rows > 0 || this.rows === 0) await this.#flush();
    const out = new ByteWriter();
    const footer = {
      version: 2,
      schema: SCHEMA,
      num_rows: BigInt(this.rows),
      row_groups: this.#groups,
      created_by: 'neptune-exporter version 1',
      metadata_length: 0,
    };
    writeMetadata(out, footer, NO_STATISTICS);
    out.appendBytes(MAGIC);
    await this.#write(out.getBytes());
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async #flush(): Promise<void> {
    if (this.#bytes === 0) await this.#write(MAGIC);
    const group = this.#group;
    if (group.rows === 0) return;
    const out = new ByteWriter(1 << 16);
    const start = this.#bytes;
    const columns = [
      pathColumn(out, start, group),
      column(out, start, 'step', 'INT64', group.steps, group.stepValid, group.rows),
      column(out, start, 'timestamp', 'INT64', group.times, group.timeValid, group.rows),
      column(out, start, 'value', 'DOUBLE', group.values, group.valueValid, group.rows),
    ];
    this.#groups.push({
      columns: columns.map((meta_data) => ({
        meta_data,
        file_offset: meta_data.dictionary_page_offset ?? meta_data.data_page_offset,
      })),
      total_byte_size: columns.reduce((sum, { total_uncompressed_size: size }) => sum + size, 0n),
      num_rows: BigInt(group.rows),
      file_offset: BigInt(start),
      total_compressed_size: BigInt(out.offset),
    });
    this.rows += group.rows;
    group.clear();
    await this.#write(out.getBytes());
  }

  async #write(bytes: Uint8Array): Promise<void> {
    // Open only for the moment: nobody tells the end of a run that is given up.
    await onDisk(() => (this.#bytes === 0 ? writeFile : appendFile)(this.file, bytes));
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }
}

function pathColumn(out: ByteWriter, base: number, { paths, runs, rows }: Group): ColumnMetaData {
  const start = out.offset;
  const dictionary = new ByteWriter();
  for (const path of paths.keys()) {
    const bytes = Buffer.from(path, 'utf8');
    dictionary.appendUint32(bytes.length);
    dictionary.appendBytes(bytes);
  }
  const words = dictionary.getBytes();
  const compressed = snappyCompress(words);
  const dictionary_page_offset = BigInt(base + out.offset);
  writePageHeader(out, {
    type: 'DICTIONARY_PAGE',
    uncompressed_page_size: words.length,
    compressed_page_size: compressed.length,
    dictionary_page_header: { num_values: paths.size, encoding: 'PLAIN' },
  });
  let uncompressed = out.offset - start + words.length;
  out.appendBytes(compressed);
  const data_page_offset = BigInt(base + out.offset);
  const width = paths.size === 1 ? 0 : 32 - Math.clz32(paths.size - 1);
  const indices = new ByteWriter();
  indices.appendUint8(width);
  for (const [index, count] of runs) {
    varint(indices, count * 2);
    for (let bits = 0; bits < width; bits += 8) indices.appendUint8((index >>> bits) & 0xff);
  }
  uncompressed += page(out, new Uint8Array(0), indices.getBytes(), rows, 0, 'RLE_DICTIONARY');
  return {
    type: 'BYTE_ARRAY',
    encodings: ['RLE', 'PLAIN', 'RLE_DICTIONARY'],
    path_in_schema: ['attribute_path'],
    codec: 'SNAPPY',
    num_values: BigInt(rows),
    total_uncompressed_size: BigInt(uncompressed),
    total_compressed_size: BigInt(out.offset - start),
    dictionary_page_offset,
    data_page_offset,
  };
}

function column(
  out: ByteWriter,
  base: number,
  name: string,
  type: 'INT64' | 'DOUBLE',
  data: BigInt64Array | Float64Array,
  valid: Uint8Array,
  rows: number,
): ColumnMetaData {
  const start = out.offset;
  let present = rows;
  for (let i = 0; i < rows; i++) if (valid[i] === 0) present--;
  const values =
    present === rows ? data.subarray(0, rows) : (data as BigInt64Array).slice(0, rows).filter((_, i) => valid[i] !== 0);
  const uncompressed = page(out, levels(valid, rows, present), bytesOf(values), rows, rows - present, 'PLAIN');
  return {
    type,
    encodings: ['RLE', 'PLAIN'],
    path_in_schema: [name],
    codec: 'SNAPPY',
    num_values: BigInt(rows),
    total_uncompressed_size: BigInt(uncompressed),
    total_compressed_size: BigInt(out.offset - start),
    data_page_offset: BigInt(base + start),
    statistics: { null_count: BigInt(rows - present) },
  };
}

/** Definition levels of one bit: one run if all are there or none is, else bits. */
function levels(valid: Uint8Array, rows: number, present: number): Uint8Array {
  const out = new ByteWriter();
  if (present === rows || present === 0) {
    varint(out, rows * 2);
    out.appendUint8(present === 0 ? 0 : 1);
    return out.getBytes();
  }
  const groups = Math.ceil(rows / 8);
  varint(out, groups * 2 + 1);
  for (let group = 0; group < groups; group++) {
    let bits = 0;
    for (let i = 0; i < 8; i++) if (group * 8 + i < rows && valid[group * 8 + i] !== 0) bits |= 1 << i;
    out.appendUint8(bits);
  }
  return out.getBytes();
}

/** A data page of version 2. @returns its size without compression */
function page(
  out: ByteWriter,
  definition: Uint8Array,
  values: Uint8Array,
  rows: number,
  nulls: number,
  encoding: 'PLAIN' | 'RLE_DICTIONARY',
): number {
  const compressed = values.length === 0 ? values : snappyCompress(values);
  const start = out.offset;
  writePageHeader(out, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: definition.length + values.length,
    compressed_page_size: definition.length + compressed.length,
    data_page_header_v2: {
      num_values: rows,
      num_nulls: nulls,
      num_rows: rows,
      encoding,
      definition_levels_byte_length: definition.length,
      repetition_levels_byte_length: 0,
      is_compressed: values.length > 0,
    },
  });
  const header = out.offset - start;
  out.appendBytes(definition);
  out.appendBytes(compressed);
  return header + definition.length + values.length;
}

function varint(out: ByteWriter, value: number): void {
  let left = value;
  while (left > 0x7f) {
    out.appendUint8((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  out.appendUint8(left);
}

/** In parquet's order of bytes. */
function bytesOf(array: BigInt64Array | Float64Array): Uint8Array {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return LITTLE_ENDIAN ? bytes : Buffer.from(bytes).swap64();
}
