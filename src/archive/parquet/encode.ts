// Turns a filled column into a parquet column chunk: dictionary, pages, statistics.

import type { ColumnMetaData, Encoding } from 'hyparquet';
import type { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { ByteWriter as Bytes } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';

import { int64At, words } from '../../model/int64.ts';
import { BoolColumn, type Column, DoubleColumn, Int64Column, type PageEnd, TextColumn } from './columns.ts';
import { DELTA_LIMIT, encodeDelta } from './delta.ts';
import { doubleDictionary } from './double-dictionary.ts';
import { bitWidth, HybridEncoder, type RunList } from './runs.ts';
import { Scratch } from './scratch.ts';
import { snappyCompress } from './snappy.ts';

/** Statistics are for skipping; values longer than this aren't worth their place in the footer. */
const MAX_STATISTIC_BYTES = 1024;
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Columns whose least and greatest values let a reader skip row groups, or sum up a file by its footer. */
const WITH_BOUNDS: ReadonlySet<string> = new Set([
  'project_id',
  'run_id',
  'attribute_path',
  'attribute_type',
  'step',
  'timestamp',
]);

/** Levels and values of the page at hand. */
const levelScratch = new Scratch();
const pageScratch = new Scratch();

/** How the values of a column are written: the dictionary page, if there is one, and each page's bytes, read before the next page's. */
interface Values {
  encoding: Encoding;
  dictionary?: { count: number; bytes: Uint8Array };
  page: (start: number, end: number) => Uint8Array;
  bounds?: { least: bigint | Uint8Array; greatest: bigint | Uint8Array };
}

/**
 * Appends the column chunk to `out` and returns its entry for the footer.
 * @param base offset in the file at which `out` began
 */
export function encodeColumn(out: ByteWriter, base: number, column: Column): ColumnMetaData {
  const start = out.offset;
  // A column of nulls only has no dictionary, and nothing to encode.
  const values: Values = column.values > 0 ? valuesOf(column) : { encoding: 'PLAIN', page: () => new Uint8Array(0) };
  let uncompressed = 0;
  const chunk: Pick<ColumnMetaData, 'dictionary_page_offset'> = {};
  if (values.dictionary) {
    chunk.dictionary_page_offset = BigInt(base + out.offset);
    uncompressed += writeDictionary(out, values.dictionary);
  }
  const data_page_offset = BigInt(base + out.offset);
  const takeDefinition = column.definition.reader();
  const takeRepetition = column.repetition.reader();
  const { maxDefinition, maxRepetition, name, physical } = column.leaf;
  let from: PageEnd = { entries: 0, values: 0, rows: 0 };
  for (const end of column.pageEnds) {
    const entries = end.entries - from.entries;
    const levels = levelScratch.take();
    if (maxRepetition) writeLevels(levels, takeRepetition, entries, 1);
    const repetitionBytes = levels.offset;
    writeLevels(levels, takeDefinition, entries, bitWidth(maxDefinition));
    const count = end.values - from.values;
    uncompressed += writePage(out, levels.getBytes(), count === 0 ? undefined : values.page(from.values, end.values), {
      num_values: entries,
      num_nulls: entries - count,
      num_rows: end.rows - from.rows,
      // Arrow looks for a header in a delta page even if it has no value.
      encoding: count === 0 ? 'PLAIN' : values.encoding,
      definition_levels_byte_length: levels.offset - repetitionBytes,
      repetition_levels_byte_length: repetitionBytes,
    });
    from = end;
  }
  const entries = column.definition.total;
  return {
    type: physical,
    encodings: [...new Set<Encoding>(['RLE', 'PLAIN', values.encoding])],
    path_in_schema: name.split('.'),
    codec: 'SNAPPY',
    num_values: BigInt(entries),
    total_uncompressed_size: BigInt(uncompressed),
    total_compressed_size: BigInt(out.offset - start),
    data_page_offset,
    ...chunk,
    statistics: {
      null_count: BigInt(entries - column.values),
      ...(values.bounds ? { min_value: values.bounds.least, max_value: values.bounds.greatest } : {}),
    },
  };
}

function valuesOf(column: Column): Values {
  if (column instanceof Int64Column) return int64Values(column);
  if (column instanceof DoubleColumn) return doubleValues(column);
  if (column instanceof TextColumn) return textValues(column);
  if (column instanceof BoolColumn) {
    return { encoding: 'PLAIN', page: (start, end) => packBooleans(column.data, start, end) };
  }
  throw new TypeError(`no encoding for the column ${column.leaf.name}`);
}

function int64Values(column: Int64Column): Values {
  const { data } = column;
  const view = words(data);
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < data.length; index++) {
    const value = int64At(view, index);
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  const bounded = WITH_BOUNDS.has(column.leaf.name);
  if (least > -DELTA_LIMIT && greatest < DELTA_LIMIT) {
    return {
      encoding: 'DELTA_BINARY_PACKED',
      page: (start, end) => {
        const out = pageScratch.take();
        encodeDelta(out, view, start, end - start);
        return out.getBytes();
      },
      ...(bounded ? { bounds: { least: BigInt(least), greatest: BigInt(greatest) } } : {}),
    };
  }
  return {
    encoding: 'PLAIN',
    page: (start, end) => littleEndian(data.subarray(start, end)),
    ...(bounded ? { bounds: exactBounds(data) } : {}),
  };
}

function exactBounds(data: BigInt64Array): { least: bigint; greatest: bigint } {
  let least = data[0]!;
  let greatest = least;
  for (const value of data) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return { least, greatest };
}

function doubleValues(column: DoubleColumn): Values {
  const { data } = column;
  const dictionary = doubleDictionary(data);
  if (!dictionary) return { encoding: 'PLAIN', page: (start, end) => littleEndian(data.subarray(start, end)) };
  const { values, indices } = dictionary;
  return {
    encoding: 'RLE_DICTIONARY',
    dictionary: { count: values.length, bytes: littleEndian(values) },
    page: (start, end) =>
      indexPage(values.length, (encoder) => {
        for (let index = start; index < end; ) {
          let next = index + 1;
          while (next < end && indices[next] === indices[index]) next++;
          encoder.add(indices[index]!, next - index);
          index = next;
        }
      }),
  };
}

function textValues(column: TextColumn): Values {
  const { plain, dictionary, indices } = column;
  if (plain) {
    const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
    let at = 0;
    return {
      encoding: 'PLAIN',
      page: (start, end) => {
        const from = at;
        for (let left = end - start; left > 0; left--) at += 4 + view.getUint32(at, true);
        return plain.subarray(from, at);
      },
    };
  }
  const take = indices.reader();
  return {
    encoding: 'RLE_DICTIONARY',
    dictionary: { count: dictionary.length, bytes: plainText(dictionary) },
    page: (start, end) => indexPage(dictionary.length, (encoder) => take(end - start, (i, n) => encoder.add(i, n))),
    ...(WITH_BOUNDS.has(column.leaf.name) ? textBounds(dictionary) : {}),
  };
}

/** Least and greatest by bytes, as parquet orders text; none if one is too long to be worth it. */
function textBounds(dictionary: Uint8Array[]): Pick<Values, 'bounds'> {
  let least = dictionary[0];
  let greatest = least;
  for (const value of dictionary) {
    if (Buffer.compare(value, least!) < 0) least = value;
    if (Buffer.compare(value, greatest!) > 0) greatest = value;
  }
  if (!least || !greatest || Math.max(least.length, greatest.length) > MAX_STATISTIC_BYTES) return {};
  return { bounds: { least, greatest } };
}

function plainText(values: Uint8Array[]): Uint8Array {
  const out = new Bytes(values.reduce((sum, value) => sum + value.length + 4, 0) || 1);
  for (const value of values) {
    out.appendUint32(value.length);
    out.appendBytes(value);
  }
  return out.getBytes();
}

/** A page of dictionary indices: their width, then hybrid runs. */
function indexPage(distinct: number, write: (encoder: HybridEncoder) => void): Uint8Array {
  const out = pageScratch.take();
  const width = bitWidth(distinct - 1);
  out.appendUint8(width);
  const encoder = new HybridEncoder(out, width);
  write(encoder);
  encoder.finish();
  return out.getBytes();
}

function writeLevels(out: ByteWriter, take: ReturnType<RunList['reader']>, count: number, width: number): void {
  const encoder = new HybridEncoder(out, width);
  take(count, (level, times) => encoder.add(level, times));
  encoder.finish();
}

function packBooleans(data: readonly number[], start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((end - start) / 8));
  for (let index = start; index < end; index++) bytes[(index - start) >> 3]! |= data[index]! << ((index - start) & 7);
  return bytes;
}

/** The array's bytes in parquet's order. */
function littleEndian(array: Float64Array | BigInt64Array): Uint8Array {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return LITTLE_ENDIAN ? bytes : Buffer.from(bytes).swap64();
}

function writeDictionary(out: ByteWriter, dictionary: { count: number; bytes: Uint8Array }): number {
  const compressed = snappyCompress(dictionary.bytes);
  const start = out.offset;
  writePageHeader(out, {
    type: 'DICTIONARY_PAGE',
    uncompressed_page_size: dictionary.bytes.length,
    compressed_page_size: compressed.length,
    dictionary_page_header: { num_values: dictionary.count, encoding: 'PLAIN' },
  });
  const header = out.offset - start;
  out.appendBytes(compressed);
  return header + dictionary.bytes.length;
}

/** Writes a data page of version 2. A page of nulls only has no values: nothing to compress. */
function writePage(
  out: ByteWriter,
  levels: Uint8Array,
  values: Uint8Array | undefined,
  header: Omit<NonNullable<Parameters<typeof writePageHeader>[1]['data_page_header_v2']>, 'is_compressed'>,
): number {
  const compressed = values ? snappyCompress(values) : new Uint8Array(0);
  const plainSize = levels.length + (values?.length ?? 0);
  const start = out.offset;
  writePageHeader(out, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: plainSize,
    compressed_page_size: levels.length + compressed.length,
    data_page_header_v2: { ...header, is_compressed: values !== undefined },
  });
  const headerSize = out.offset - start;
  out.appendBytes(levels);
  out.appendBytes(compressed);
  return headerSize + plainSize;
}
