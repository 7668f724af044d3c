// Reads the pages of a column chunk one after the other, in small pieces of the file.

import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { snappyUncompress } from 'hyparquet/src/snappy.js';

import { HybridDecoder } from './decode.ts';
import { type Chunk, DamagedFile, readExactly } from './footer.ts';
import { type PageHeader, readPageHeader } from './page-header.ts';
import { bitWidth } from './runs.ts';
import { LEAF } from './schema.ts';

const BLOCK_BYTES = 256 * 1024;
/** No header is longer: statistics in it are bounded by what writers put there. */
const MAX_HEADER_BYTES = 1 << 20;
/** Snappy's best is 64 bytes from 3. A page that claims more is made to exhaust memory. */
const MAX_EXPANSION = 22;

/** One data page, its levels and values still encoded. */
export interface Page {
  kind: 'data';
  entries: number;
  definition: HybridDecoder;
  /** Only where there are lists. */
  repetition: HybridDecoder | undefined;
  encoding: string;
  values: Uint8Array;
}

export interface DictionaryPage {
  kind: 'dictionary';
  count: number;
  values: Uint8Array;
}

/** Walks through the pages of one column chunk. */
export class PageReader {
  readonly #file: FileHandle;
  readonly #chunk: Chunk;
  readonly #onPage: ((header: PageHeader) => void) | undefined;
  #block: Uint8Array = new Uint8Array(0);
  /** Position in the file of the block's first byte. */
  #position: number;

  /** @param onPage told of each page's header */
  constructor(file: FileHandle, chunk: Chunk, onPage?: (header: PageHeader) => void) {
    this.#file = file;
    this.#chunk = chunk;
    this.#onPage = onPage;
    this.#position = chunk.start;
  }

  /** The next page, undefined at the end of the chunk. @throws DamagedFile */
  async next(): Promise<Page | DictionaryPage | undefined> {
    while (this.#position < this.#chunk.end) {
      const header = await this.#header();
      const size = header.compressedBytes;
      if (!(size >= 0 && this.#position + size <= this.#chunk.end)) throw new DamagedFile('a page is cut');
      const bytes = (await this.#ensure(size)).subarray(0, size);
      if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0) {
        throw new DamagedFile('a page is not what its own checksum says');
      }
      this.#consume(size);
      this.#onPage?.(header);
      const page = this.#page(header, bytes);
      if (page) return page;
    }
    return undefined;
  }

  #page(header: PageHeader, bytes: Uint8Array): Page | DictionaryPage | undefined {
    if (header.kind === 'other') return undefined;
    if (header.kind === 'dictionary') {
      return { kind: 'dictionary', count: header.count, values: this.#uncompress(bytes, header.uncompressedBytes) };
    }
    const { maxDefinition, maxRepetition } = LEAF[this.#chunk.leaf];
    const width = bitWidth(maxDefinition);
    const { entries, encoding } = header;
    if (header.kind === 'data') {
      const plain = this.#uncompress(bytes, header.uncompressedBytes);
      const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
      // Levels lie behind their lengths.
      let at = 0;
      const levels = (bits: number): HybridDecoder => {
        if (at + 4 > plain.length) throw new DamagedFile('a page is cut');
        const start = at + 4;
        at = start + view.getUint32(at, true);
        return new HybridDecoder(plain, start, at, bits);
      };
      const repetition = maxRepetition ? levels(1) : undefined;
      const definition = levels(width);
      return { kind: 'data', entries, repetition, definition, encoding, values: plain.subarray(at) };
    }
    const split = header.repetitionBytes;
    const end = split + header.definitionBytes;
    if (!(split >= 0 && end >= split && end <= bytes.length)) throw new DamagedFile('a page is damaged');
    const values = bytes.subarray(end);
    return {
      kind: 'data',
      entries,
      repetition: maxRepetition ? new HybridDecoder(bytes, 0, split, 1) : undefined,
      definition: new HybridDecoder(bytes, split, end, width),
      encoding,
      values: header.isCompressed ? this.#uncompress(values, header.uncompressedBytes - end) : values,
    };
  }

  #uncompress(bytes: Uint8Array, size: number): Uint8Array {
    if (this.#chunk.codec === 'UNCOMPRESSED') return bytes;
    if (!(size >= 0 && size <= bytes.length * MAX_EXPANSION)) throw new DamagedFile('the size of a page is wrong');
    if (snappyLength(bytes) !== size) throw new DamagedFile('the size of a page is wrong');
    const plain = new Uint8Array(size);
    try {
      snappyUncompress(bytes, plain);
    } catch (error) {
      throw new DamagedFile('a page can not be decompressed', { cause: error });
    }
    return plain;
  }

  async #header(): Promise<PageHeader> {
    for (let size = 1024; ; size *= 8) {
      const bytes = await this.#ensure(size);
      try {
        const header = readPageHeader(bytes);
        this.#consume(header.headerBytes);
        return header;
      } catch (error) {
        // Cut short, or damaged: more bytes tell.
        const all = bytes.length >= this.#chunk.end - this.#position;
        if (all || size >= MAX_HEADER_BYTES) throw new DamagedFile('the header of a page is damaged', { cause: error });
      }
    }
  }

  /** At least `count` bytes from the position on, fewer only at the end of the chunk. */
  async #ensure(count: number): Promise<Uint8Array> {
    const available = this.#chunk.end - this.#position;
    if (this.#block.length < Math.min(count, available)) {
      const length = Math.min(Math.max(count, BLOCK_BYTES), available);
      this.#block = await readExactly(this.#file, this.#position, length);
    }
    return this.#block;
  }

  #consume(count: number): void {
    this.#block = this.#block.subarray(count);
    this.#position += count;
  }
}

/** The length that compressed bytes declare at their beginning; NaN if they don't. */
function snappyLength(bytes: Uint8Array): number {
  let length = 0;
  for (let index = 0; index < Math.min(5, bytes.length); index++) {
    const byte = bytes[index]!;
    length += (byte & 127) * 2 ** (7 * index);
    if (byte < 128) return length;
  }
  return Number.NaN;
}
