// An open parquet file of the archive: its footer, and columns that are read row range by row range.

import { type FileHandle, open, stat } from 'node:fs/promises';

import { ExporterError } from '../../model/errors.ts';
import { ColumnReader, type Kind, type ListPortion, type Portion, type StrictReading } from './column-reader.ts';
import { DamagedFile, type Footer, type RowGroupInfo, readFooter } from './footer.ts';
import type { LeafName } from './schema.ts';

/** A file that is open for reading, see `useParquetFile`. */
export class ParquetFile {
  readonly footer: Footer;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, footer: Footer) {
    this.#file = file;
    this.footer = footer;
  }

  static async open(path: string): Promise<ParquetFile> {
    // A pipe in its place would keep the opening waiting for ever.
    if (!(await stat(path)).isFile()) throw new DamagedFile('it is no file');
    const file = await open(path, 'r');
    try {
      return new ParquetFile(file, await readFooter(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  rowGroup(info: RowGroupInfo, strict?: StrictReading): RowGroupReader {
    return new RowGroupReader(this.#file, info, strict);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The columns of a row group. Each may be asked for rising row ranges only; what lies between is passed over. */
export class RowGroupReader {
  readonly #file: FileHandle;
  readonly #info: RowGroupInfo;
  readonly #strict: StrictReading | undefined;
  readonly #columns = new Map<LeafName, { reader: ColumnReader<unknown>; row: number }>();

  constructor(file: FileHandle, info: RowGroupInfo, strict?: StrictReading) {
    this.#file = file;
    this.#info = info;
    this.#strict = strict;
  }

  /** Told after all rows of all columns that are of interest were read, see ColumnReader. */
  async end(): Promise<void> {
    for (const { reader } of this.#columns.values()) await reader.end();
  }

  async read<Out>(leaf: LeafName, kind: Kind<Out>, start: number, end: number): Promise<Portion<Out>> {
    return (await this.#at(leaf, kind, start, end)).read(end - start);
  }

  async readLists<Out>(leaf: LeafName, kind: Kind<Out>, start: number, end: number): Promise<ListPortion<Out>> {
    return (await this.#at(leaf, kind, start, end)).readLists(end - start);
  }

  /** The column's reader, standing at the row `start`. */
  async #at<Out>(leaf: LeafName, kind: Kind<Out>, start: number, end: number): Promise<ColumnReader<Out>> {
    let column = this.#columns.get(leaf);
    if (!column) {
      column = { reader: new ColumnReader(this.#file, this.#info.chunks[leaf], kind, this.#strict), row: 0 };
      this.#columns.set(leaf, column);
    }
    if (start > column.row) await column.reader.skip(start - column.row);
    column.row = end;
    return column.reader as ColumnReader<Out>;
  }
}

/** Opens a file for a task. @throws ExporterError `archive` naming the file, if it can't be read */
export async function useParquetFile<T>(path: string, task: (file: ParquetFile) => Promise<T>): Promise<T> {
  let file: ParquetFile | undefined;
  try {
    file = await ParquetFile.open(path);
    return await task(file);
  } catch (error) {
    throw damagedFile(path, error);
  } finally {
    await file?.close();
  }
}

/** What reading a file threw, as an ExporterError `archive` naming the file if the file is to blame. */
export function damagedFile(path: string, error: unknown): unknown {
  if (error instanceof ExporterError) return error;
  const hint = 'Export this run again, or bring the file back from a copy.';
  if (error instanceof DamagedFile) {
    return new ExporterError('archive', `The file ${path} is damaged: ${error.message}.`, { hint, cause: error });
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  return new ExporterError('archive', `The file ${path} can't be read (${code}).`, { hint, cause: error });
}
