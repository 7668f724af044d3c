// Compares what pyarrow, which official archives are written with, says of its own file with what was found in it.
//
// Much of that no reader needs, and it finds most of what a turned bit does. Other writers say other things, or nothing.

import type { StrictReading } from '../parquet/column-reader.ts';
import type { DictionaryUse, Indexed } from '../parquet/decode.ts';
import type { Footer, RowGroupInfo } from '../parquet/footer.ts';
import type { PageHeader } from '../parquet/page-header.ts';
import { ARROW_SCHEMA, LEAF, LEAVES, type LeafName } from '../parquet/schema.ts';
import type { Thrift } from '../parquet/thrift.ts';
import type { Observed } from './statistics.ts';

const CREATED_BY = 'parquet-cpp-arrow ';
/** Numbers are those of parquet's thrift definition. */
const TYPES = { BOOLEAN: 0, INT64: 2, DOUBLE: 5, BYTE_ARRAY: 6 } as const;
const FIXED_BYTES = 7;
const DATA_PAGE = 0;
const RLE = 3;
/** Characters in which a damaged description differs from the one that pyarrow makes of the official schema. */
const FEW = 8;
const MAX_FIELD: Readonly<Record<'footer' | 'group' | 'chunk' | 'column' | 'page', number>> = {
  footer: 9,
  group: 7,
  chunk: 9,
  column: 17,
  page: 8,
};

/** True for a file that pyarrow wrote. */
export function isArrow({ createdBy }: Footer): boolean {
  return createdBy.startsWith(CREATED_BY);
}

/** What was found in one column of a row group. */
interface ColumnAccount {
  /** Number of pages by type and encoding. */
  pages: Map<string, number>;
  /** Bytes of headers, and of pages before compression. */
  bytes: number;
  /** Statistics of its data pages. */
  statistics: (Thrift | undefined)[];
  /** The dictionary is as it becomes when values are put into it one by one. */
  grown?: boolean;
  /** What is wrong with a header. */
  odd?: string;
}

/** Takes down what the pages of a row group say. */
export class GroupAccount implements StrictReading {
  readonly columns = new Map<LeafName, ColumnAccount>();

  page(leaf: LeafName, header: PageHeader): void {
    const account = this.#column(leaf);
    const { raw, kind, headerBytes, uncompressedBytes } = header;
    account.bytes += headerBytes + uncompressedBytes;
    const details = struct(kind === 'dictionary' ? raw.field_7 : kind === 'data2' ? raw.field_8 : raw.field_5);
    const encoding = kind === 'data2' ? details.field_4 : details.field_2;
    // In its counts pyarrow makes no difference between the versions of data pages.
    const key = `${kind === 'data2' ? DATA_PAGE : raw.field_1} ${encoding}`;
    account.pages.set(key, (account.pages.get(key) ?? 0) + 1);
    if (kind === 'data' || kind === 'data2') {
      account.statistics.push(optionalStruct(kind === 'data' ? details.field_5 : details.field_8));
    }
    const levels = kind !== 'data' || (details.field_3 === RLE && details.field_4 === RLE);
    const sorted = kind === 'dictionary' && details.field_3 === true;
    if (kind === 'other' || !levels || sorted || unknownField(raw, 'page')) {
      account.odd = 'a page whose header is not as pyarrow writes it';
    }
  }

  dictionary(leaf: LeafName, entries: Indexed, { most, inOrder }: DictionaryUse): void {
    this.#column(leaf).grown = inOrder && most + 1 === entries.length && areDistinct(entries);
  }

  #column(leaf: LeafName): ColumnAccount {
    const account = this.columns.get(leaf) ?? { pages: new Map(), bytes: 0, statistics: [] };
    this.columns.set(leaf, account);
    return account;
  }
}

/** What contradicts the footer as a whole. */
export function footerContradictions({ raw, rowGroups, start, metadata }: Footer): string[] {
  const found: string[] = [];
  if (unknownField(raw, 'footer')) found.push('its footer has something that pyarrow does not write');
  const orders = raw.field_7;
  if (
    orders !== undefined &&
    (!Array.isArray(orders) || orders.length !== LEAVES.length || !orders.every(isEmptyOrder))
  ) {
    found.push('its footer orders columns in an unknown way');
  }
  if (!holdsTogether(metadata)) found.push('the description of its columns in its footer is damaged');
  const elements = raw.field_2 as Thrift[];
  if (!elements.slice(1).every(isPlainElement)) found.push('its footer gives a column another meaning');
  // Of columns without rows it isn't told where they lie.
  if (rowGroups.some(({ rows }) => rows === 0)) return found;
  // Without indexes of pages, chunks lie one behind the other.
  const chunks = rowGroups.flatMap((group) => LEAVES.map((leaf) => group.chunks[leaf]));
  const gap = chunks.findIndex((chunk, index) => chunk.start !== (index === 0 ? 4 : chunks[index - 1]!.end));
  if (gap >= 0) found.push(`the column ${chunks[gap]!.leaf} does not lie where it should`);
  const indexed = (raw.field_4 as Thrift[]).some((group) =>
    (group.field_1 as Thrift[]).some(
      (chunk) => struct(chunk).field_4 !== undefined || struct(chunk).field_6 !== undefined,
    ),
  );
  if (!indexed && chunks.length > 0 && chunks.at(-1)!.end !== start)
    found.push('there is something between its columns and its footer');
  return found;
}

/** What contradicts the account of one row group, a sentence each. */
export function groupContradictions(
  { raw }: Footer,
  index: number,
  info: RowGroupInfo,
  account: GroupAccount,
  observed: ReadonlyMap<LeafName, Observed>,
): string[] {
  const group = (raw.field_4 as Thrift[])[index]!;
  const columns = (group.field_1 as Thrift[]).map((chunk) => ({
    chunk: struct(chunk),
    meta: struct(struct(chunk).field_3),
  }));
  const sum = (field: string) => columns.reduce((total, { meta }) => total + Number(meta[field]), 0);
  const found: string[] = [];
  const total = group.field_6 === undefined || Number(group.field_6) === sum('field_7');
  if (Number(group.field_2) !== sum('field_6') || !total || unknownField(group, 'group')) {
    found.push('a row group has another size than its columns');
  }
  for (const [position, leaf] of LEAVES.entries()) {
    const { chunk, meta } = columns[position]!;
    const wrong =
      (unknownField(chunk, 'chunk') || unknownField(meta, 'column')
        ? 'has something that pyarrow does not write'
        : undefined) ?? columnContradiction(leaf, meta, info, account.columns.get(leaf), observed.get(leaf)!);
    if (wrong !== undefined) found.push(`the column ${leaf} ${wrong}`);
  }
  return found;
}

function columnContradiction(
  leaf: LeafName,
  meta: Thrift,
  info: RowGroupInfo,
  account: ColumnAccount | undefined,
  observed: Observed,
): string | undefined {
  if (!account) return 'was not read';
  if (account.odd !== undefined) return `has ${account.odd}`;
  const { entries, decimalBytes, uncompressedBytes } = info.chunks[leaf];
  const type = decimalBytes > 0 ? FIXED_BYTES : TYPES[LEAF[leaf].physical];
  const path = (meta.field_3 as unknown[])
    .map(textOf)
    .join('.')
    .replace(/\.item$/, '.element');
  if (meta.field_1 !== type || path !== leaf) return 'is called otherwise than in the schema';
  if (account.bytes !== uncompressedBytes) return `has ${account.bytes} bytes, its footer says ${uncompressedBytes}`;
  const told = meta.field_13 as Thrift[] | undefined;
  if (told && !samePages(told, account.pages)) return 'has other pages than its footer says';
  if (account.grown === false) return 'has a dictionary that its values could not have made';
  const statistics = optionalStruct(meta.field_12);
  if (
    statistics &&
    !(sameOrAbsent(statistics, 'field_1', 'field_5') && sameOrAbsent(statistics, 'field_2', 'field_6'))
  ) {
    return 'has statistics that contradict each other';
  }
  if (statistics && !pagesAgree(account.statistics, statistics))
    return 'has statistics that contradict those of its pages';
  const sizes = optionalStruct(meta.field_16);
  const levels = sizes?.field_3 as bigint[] | undefined;
  const definitions = levels && levels.length > 0 ? levels.map(Number) : undefined;
  if (definitions && (definitions.at(-1) !== observed.values || definitions.reduce((a, b) => a + b, 0) !== entries)) {
    return 'has other levels than its footer says';
  }
  if (sizes?.field_1 !== undefined && Number(sizes.field_1) !== observed.textBytes) {
    return `has texts of ${observed.textBytes} bytes, its footer says ${sizes.field_1}`;
  }
  return undefined;
}

/** Zeros of both signs are two entries. */
function areDistinct(entries: Indexed): boolean {
  const bits =
    entries instanceof Float64Array ? new BigInt64Array(entries.buffer, entries.byteOffset, entries.length) : entries;
  return new Set<unknown>(bits).size === entries.length;
}

/** Numbers of pages by type and encoding. */
function samePages(told: readonly Thrift[], found: ReadonlyMap<string, number>): boolean {
  const pages = told.filter((one) => Number(one.field_3) > 0);
  return (
    pages.length === found.size &&
    pages.every((one) => found.get(`${one.field_1} ${one.field_2}`) === Number(one.field_3))
  );
}

/** Nulls of all pages are those of the column; a single page has the column's bounds, too. */
function pagesAgree(pages: readonly (Thrift | undefined)[], column: Thrift): boolean {
  if (pages.length === 0 || pages.some((page) => page === undefined)) return true;
  const nulls = pages.map((page) => page!.field_3);
  if (nulls.every((count) => count !== undefined) && column.field_3 !== undefined) {
    if (nulls.reduce<number>((sum, count) => sum + Number(count), 0) !== Number(column.field_3)) return false;
  }
  const [page] = pages;
  return (
    pages.length > 1 ||
    (sameOrAbsent(page!, 'field_5', 'field_5', column) && sameOrAbsent(page!, 'field_6', 'field_6', column))
  );
}

function sameOrAbsent(left: Thrift, one: string, other: string, right = left): boolean {
  const [a, b] = [left[one], right[other]];
  return !(a instanceof Uint8Array && b instanceof Uint8Array) || Buffer.compare(a, b) === 0;
}

/** Arrow's own description is in base64, and holds what pandas says once more. */
function holdsTogether(metadata: ReadonlyMap<string, string>): boolean {
  const arrow = metadata.get('ARROW:schema');
  const pandas = metadata.get('pandas');
  if (arrow === undefined) return true;
  const bytes = Buffer.from(arrow, 'base64');
  if (bytes.toString('base64') !== arrow || isNearly(arrow, ARROW_SCHEMA)) return false;
  return pandas === undefined || bytes.includes(pandas);
}

/** True for a text that is another one but for a few characters. */
function isNearly(text: string, other: string): boolean {
  if (text.length !== other.length || text === other) return false;
  let different = 0;
  for (let index = 0; index < text.length; index++) if (text[index] !== other[index]) different++;
  return different <= FEW;
}

/** Doubles, 64-bit numbers and booleans have no further meaning, texts are texts. */
function isPlainElement({ field_1: type, field_6: converted, field_10: logical }: Thrift): boolean {
  if (type === TYPES.DOUBLE || type === TYPES.BOOLEAN) return converted === undefined && logical === undefined;
  if (type !== TYPES.BYTE_ARRAY) return true;
  return (
    (converted === undefined || converted === 0) && (logical === undefined || struct(logical).field_1 !== undefined)
  );
}

function isEmptyOrder(order: unknown): boolean {
  return Object.keys(struct(order)).join() === 'field_1';
}

/** Fields that no version of the format has: a turned bit makes one number of another. */
function unknownField(value: Thrift, kind: keyof typeof MAX_FIELD): boolean {
  return Object.keys(value).some((name) => {
    const field = Number(name.slice('field_'.length));
    return field < 1 || field > MAX_FIELD[kind];
  });
}

function struct(value: unknown): Thrift {
  return typeof value === 'object' && value !== null ? (value as Thrift) : {};
}

function optionalStruct(value: unknown): Thrift | undefined {
  return value === undefined ? undefined : struct(value);
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
}
