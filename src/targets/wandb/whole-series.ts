// Series of which W&B's forms don't hold all as it is, whole: text files in the run's artifact, compressed.

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { TransformOptions } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, type ZlibOptions } from 'node:zlib';
import type {
  FileSeriesBatch,
  FloatSeriesBatch,
  HistogramSeriesBatch,
  StringSeriesBatch,
} from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { giveBuffer, takeBuffer } from '../../model/memory-pool.ts';
import { histogramsJson, isoTime, seriesCsv, seriesJsonl } from '../series-files.ts';
import { decimalStepText } from '../steps.ts';
import { putRows, rowsRoom } from './csv-rows.ts';
import type { Records } from './point-spool.ts';

const CHUNK = 64 * 1024;
const GZIP: ZlibOptions & TransformOptions = { level: 1, writableHighWaterMark: 1 << 20 };

/** A compressed text file that grows. */
export class GzipText {
  readonly file: string;
  // Fast: what is kept here is seldom looked at. The next piece is made while one is compressed.
  readonly #gzip = createGzip(GZIP);
  readonly #done: Promise<void>;
  #text: string;

  constructor(file: string, head = '') {
    this.file = file;
    this.#text = head;
    this.#done = pipeline(this.#gzip, createWriteStream(file));
    // Told by whoever writes next, or ends the file.
    this.#done.catch(() => {});
    this.#gzip.on('error', () => {});
  }

  async write(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length > CHUNK) await this.#flush();
  }

  /** @param taken told when the bytes are no longer read */
  async writeBytes(bytes: Uint8Array, taken: () => void): Promise<void> {
    if (this.#text !== '') await this.#flush();
    await this.#write(bytes, taken);
  }

  async end(): Promise<void> {
    await this.#flush();
    this.#gzip.end();
    await onDisk(() => this.#done);
  }

  async #flush(): Promise<void> {
    const chunk = Buffer.from(this.#text, 'utf8');
    this.#text = '';
    await this.#write(chunk);
  }

  async #write(chunk: Uint8Array, taken: () => void = () => {}): Promise<void> {
    if (this.#gzip.destroyed) await onDisk(() => this.#done);
    if (!this.#gzip.write(chunk, taken)) await Promise.race([once(this.#gzip, 'drain'), onDisk(() => this.#done)]);
  }
}

export const SERIES_HEAD = 'attribute,step,timestamp,value\n';
export const FILES_HEAD = 'attribute,step,timestamp,file\n';

/** A text as a field of CSV. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A float series with Neptune's own steps. */
export async function writeFloats(file: GzipText, batch: FloatSeriesBatch): Promise<void> {
  const attribute = csvField(batch.path);
  for (const row of seriesCsv.entries(batch)) await file.write(`${attribute},${row}`);
}

/** The same, of points that were spooled. */
export async function writeRecords(file: GzipText, path: string, records: Records): Promise<void> {
  const attribute = Buffer.from(csvField(path), 'utf8');
  const buffer = takeBuffer(rowsRoom(attribute, records));
  const length = putRows(Buffer.from(buffer), attribute, records);
  await file.writeBytes(Buffer.from(buffer, 0, length), () => giveBuffer(buffer));
}

/** Histograms with Neptune's own steps, a JSON object a line. */
export async function writeHistograms(file: GzipText, batch: HistogramSeriesBatch): Promise<void> {
  const head = `{"attribute": ${JSON.stringify(batch.path)}, `;
  for (const entry of histogramsJson(1n).entries(batch)) await file.write(`${head}${entry.slice(1)}\n`);
}

/** Texts with Neptune's own steps, a JSON object a line. */
export async function writeTexts(file: GzipText, batch: StringSeriesBatch): Promise<void> {
  const head = `{"attribute": ${JSON.stringify(batch.path)}, `;
  for (const entry of seriesJsonl(1n).entries(batch)) await file.write(`${head}${entry.slice(1)}`);
}

/** Steps and times of the files of a series, and their paths below the project's files; nothing of files that aren't there. */
export async function writeFileSeries(file: GzipText, batch: FileSeriesBatch): Promise<void> {
  const attribute = csvField(batch.path);
  for (let i = 0; i < batch.length; i++) {
    const step = batch.stepValid?.[i] === 0 ? '' : decimalStepText(batch.steps[i]!);
    const time = batch.timestampValid?.[i] === 0 ? '' : isoTime(batch.timestamps[i]!);
    const value = batch.values[i];
    if (value !== null && value !== undefined) await file.write(`${attribute},${step},${time},${csvField(value)}\n`);
  }
}
