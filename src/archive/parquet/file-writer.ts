// Writes one parquet file, row group by row group, hashing on the way.

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

import type { RowGroup as RowGroupMetadata } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { giveBuffer, takeBuffer } from '../../model/memory-pool.ts';
import { encodeColumn } from './encode.ts';
import type { RowGroup } from './row-group.ts';
import { ARROW_SCHEMA, SCHEMA } from './schema.ts';

const MAGIC = new TextEncoder().encode('PAR1');
/** Who wrote a file, in the form that readers parse: name, `version`, version of the format. */
export const CREATED_BY = 'neptune-exporter version 1';
/** Footer keys of a file without rows, whose ids would be nowhere else. */
export const PROJECT_ID_KEY = 'neptune_exporter.project_id';
export const RUN_ID_KEY = 'neptune_exporter.run_id';
/** Footer key of the export that wrote the file: parts of two exports of a run are told apart by it. */
export const EXPORT_ID_KEY = 'neptune_exporter.export_id';
/** Room for the headers of a row group's pages. */
const HEADER_BYTES = 1 << 14;
/** Statistics are bounded where they are made, so the library's own cut never applies. */
const NO_CUT = 1 << 20;

/** What became of a file. */
export interface WrittenFile {
  rows: number;
  bytes: number;
  /** Hex. */
  sha256: string;
}

/** A parquet file in the archive's schema. Call its methods one after the other, not side by side. */
export class ParquetFileWriter {
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  readonly #rowGroups: RowGroupMetadata[] = [];
  #rows = 0;
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Creates the file, or empties one that is there. */
  static async create(path: string): Promise<ParquetFileWriter> {
    const writer = new ParquetFileWriter(await open(path, 'w'));
    await writer.#write(MAGIC);
    return writer;
  }

  /** Bytes on disk so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Encodes and writes a row group of at least one row, which is of no use after that. */
  async writeRowGroup(group: RowGroup): Promise<void> {
    const out = new ByteWriter(0);
    // Times and steps shrink to little: half is mostly enough, and the writer makes itself more room.
    out.buffer = takeBuffer(group.rawBytes / 2 + HEADER_BYTES);
    out.view = new DataView(out.buffer);
    const start = this.#bytes;
    const columns = group.complete().map((column) => encodeColumn(out, start, column));
    this.#rowGroups.push({
      columns: columns.map((meta_data) => ({
        meta_data,
        file_offset: meta_data.dictionary_page_offset ?? meta_data.data_page_offset,
      })),
      total_byte_size: columns.reduce((sum, column) => sum + column.total_uncompressed_size, 0n),
      num_rows: BigInt(group.rows),
      file_offset: BigInt(start),
      total_compressed_size: BigInt(out.offset),
    });
    this.#rows += group.rows;
    group.release();
    await this.#write(out.getBytes());
    giveBuffer(out.buffer);
  }

  /** Writes the footer, brings everything to the disk and closes the file. */
  async finish(ids: { projectId: string; runId: string; exportId?: string }): Promise<WrittenFile> {
    const out = new ByteWriter();
    const key_value_metadata = [{ key: 'ARROW:schema', value: ARROW_SCHEMA }];
    if (this.#rows === 0) {
      key_value_metadata.push({ key: PROJECT_ID_KEY, value: ids.projectId }, { key: RUN_ID_KEY, value: ids.runId });
    }
    if (ids.exportId !== undefined) key_value_metadata.push({ key: EXPORT_ID_KEY, value: ids.exportId });
    const footer = {
      version: 2,
      schema: SCHEMA,
      num_rows: BigInt(this.#rows),
      row_groups: this.#rowGroups,
      key_value_metadata,
      created_by: CREATED_BY,
      metadata_length: 0,
    };
    writeMetadata(out, footer, NO_CUT);
    out.appendBytes(MAGIC);
    await this.#write(out.getBytes());
    await this.#file.sync();
    await this.#file.close();
    return { rows: this.#rows, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    // A write may be partial; FileHandle.writeFile goes on until all is written.
    await this.#file.writeFile(bytes);
    this.#bytes += bytes.length;
  }
}
