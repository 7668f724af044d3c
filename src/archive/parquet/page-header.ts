// The header of a page, in words.

import { readThrift, type Thrift } from './thrift.ts';

/** Numbers are those of parquet's thrift definition. */
const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;
const DATA_PAGE_V2 = 3;
const ENCODINGS: Readonly<Record<number, string>> = {
  0: 'PLAIN',
  2: 'PLAIN_DICTIONARY',
  3: 'RLE',
  4: 'BIT_PACKED',
  5: 'DELTA_BINARY_PACKED',
  6: 'DELTA_LENGTH_BYTE_ARRAY',
  7: 'DELTA_BYTE_ARRAY',
  8: 'RLE_DICTIONARY',
  9: 'BYTE_STREAM_SPLIT',
};

/** What every page says of itself; numbers as they are written, so they may be negative. */
interface Common {
  /** Bytes of the header itself. */
  headerBytes: number;
  uncompressedBytes: number;
  compressedBytes: number;
  /** Of the page's bytes as they lie in the file; few writers tell it. */
  crc: number | undefined;
  /** All that the header says. */
  raw: Thrift;
}

export type PageHeader = Common &
  (
    | { kind: 'data'; entries: number; encoding: string }
    | {
        kind: 'data2';
        entries: number;
        encoding: string;
        definitionBytes: number;
        repetitionBytes: number;
        isCompressed: boolean;
      }
    | { kind: 'dictionary'; count: number }
    /** Index pages, and what later versions may bring. */
    | { kind: 'other' }
  );

/** @throws Error if it is damaged, or longer than the bytes */
export function readPageHeader(bytes: Uint8Array): PageHeader {
  const { value: raw, end } = readThrift(bytes);
  const common: Common = {
    headerBytes: end,
    uncompressedBytes: number(raw.field_2),
    compressedBytes: number(raw.field_3),
    crc: raw.field_4 === undefined ? undefined : number(raw.field_4),
    raw,
  };
  const struct = (value: unknown) => {
    if (typeof value !== 'object' || value === null) throw new Error('a page without a header of its kind');
    return value as Thrift;
  };
  switch (raw.field_1) {
    case DATA_PAGE: {
      const page = struct(raw.field_5);
      return { ...common, kind: 'data', entries: number(page.field_1), encoding: encoding(page.field_2) };
    }
    case DICTIONARY_PAGE:
      return { ...common, kind: 'dictionary', count: number(struct(raw.field_7).field_1) };
    case DATA_PAGE_V2: {
      const page = struct(raw.field_8);
      return {
        ...common,
        kind: 'data2',
        entries: number(page.field_1),
        encoding: encoding(page.field_4),
        definitionBytes: number(page.field_5),
        repetitionBytes: number(page.field_6),
        isCompressed: page.field_7 !== false,
      };
    }
    default:
      return { ...common, kind: 'other' };
  }
}

function number(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new Error('a page header lacks a number');
}

function encoding(value: unknown): string {
  return ENCODINGS[number(value)] ?? String(value);
}
