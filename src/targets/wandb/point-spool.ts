// Points of all series of a run on disk, so that they can be merged by step without being held in memory.

import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { onDisk } from '../../model/disk-error.ts';
import { int64At, isSafeInt64 } from '../../model/int64.ts';
import { scaledMicro } from '../steps.ts';

/** A record is step, time (both int64) and value (double, or a place in another file). */
export const RECORD_WORDS = 6;
const RECORD_BYTES = RECORD_WORDS * 4;
const MICRO = 1_000_000;
/** Steps and times that a point doesn't have. */
export const ABSENT = -(2n ** 63n);
/** The last step of a history: below 2^53 there must be room for the closing lines. */
export const LAST_STEP = Number.MAX_SAFE_INTEGER - 1000;
/** Most records that are added at once. */
export const RECORDS_AT_ONCE = 16_384;
/** Points of a series that wait until they are worth a piece of the file. */
const SMALL = 128;
const WRITE_BYTES = 1 << 20;

/** Points of one series in rising order, as they came; pieces of the file, by their place and number of records. */
export interface SpoolSource {
  series: number;
  pieces: { at: number; count: number }[];
  last: number;
}

/** Some points, as records. */
export interface Records {
  words: Int32Array;
  /** The same memory. */
  values: Float64Array;
  length: number;
}

export function newRecords(length: number): Records {
  const buffer = new ArrayBuffer(length * RECORD_BYTES);
  return { words: new Int32Array(buffer), values: new Float64Array(buffer), length };
}

/**
 * The whole step of each record, cut towards zero; points without one are at step 0. NaN beyond 2^53.
 * @param multiplier of the load
 */
export function wholeSteps(records: Records, multiplier: bigint, steps: Float64Array): void {
  const { words, length } = records;
  const column = new BigInt64Array(words.buffer, words.byteOffset, length * 3);
  for (let i = 0; i < length; i++) {
    if (!isSafeInt64(words, i * 3) && column[i * 3] === ABSENT) {
      steps[i] = 0;
      continue;
    }
    const scaled = scaledMicro(column, words, i * 3, multiplier);
    if (typeof scaled === 'number') {
      steps[i] = (scaled - (scaled % MICRO)) / MICRO + 0;
    } else {
      const whole = Number(scaled / 1_000_000n);
      steps[i] = Number.isSafeInteger(whole) ? whole : Number.NaN;
    }
  }
}

/** The time of a record in milliseconds; undefined for none. Times beyond 2^53 are rounded. */
export function timeOf({ words }: Pick<Records, 'words'>, index: number): number | undefined {
  const time = int64At(words, index * 3 + 1);
  // No time is the least int64 of all.
  return time <= -9_223_372_036_854_775_000 ? undefined : time;
}

export class PointSpool {
  readonly #path: string;
  readonly #multiplier: bigint;
  #file: FileHandle | undefined;
  /** Bytes in the file, and those that wait for it. */
  #size = 0;
  readonly #waiting = Buffer.allocUnsafeSlow(WRITE_BYTES);
  #waitingBytes = 0;
  readonly #sources: SpoolSource[] = [];
  readonly #open = new Map<number, SpoolSource>();
  readonly #small = new Map<number, Records>();
  #steps = new Float64Array(0);

  constructor(path: string, multiplier: bigint) {
    this.#path = path;
    this.#multiplier = multiplier;
  }

  /**
   * Adds points of a series in the order in which they came, at most `RECORDS_AT_ONCE`. The records may be used again
   * afterwards.
   */
  async add(series: number, records: Records): Promise<void> {
    const waiting = this.#small.get(series);
    const together = (waiting?.length ?? 0) + records.length;
    if (together >= SMALL) {
      this.#small.delete(series);
      const all = waiting ? joined(waiting, records) : records;
      await this.#append(series, all);
    } else {
      this.#small.set(series, joined(waiting ?? newRecords(0), records));
    }
  }

  /** Ends the writing. */
  async finish(): Promise<void> {
    for (const [series, records] of this.#small) await this.#append(series, records);
    this.#small.clear();
    await this.#write();
    await onDisk(async () => this.#file?.close());
  }

  /** Points by sources: each in rising order of whole steps; of one series those that came earlier come first. */
  get sources(): readonly SpoolSource[] {
    return this.#sources;
  }

  /** Opens the file for `readRecords`. */
  reader(): SpoolReader {
    return new SpoolReader(this.#sources.length === 0 ? undefined : this.#path);
  }

  /** @param records at most as many as are written at once */
  async #append(series: number, records: Records): Promise<void> {
    const length = records.length * RECORD_BYTES;
    if (this.#waitingBytes + length > WRITE_BYTES) await this.#write();
    if (this.#steps.length < records.length) this.#steps = new Float64Array(records.length);
    const steps = this.#steps;
    wholeSteps(records, this.#multiplier, steps);
    const { ordered, first, last } = inOrder(records, steps);
    let source = this.#open.get(series);
    if (!source || first < source.last) {
      source = { series, pieces: [], last };
      this.#sources.push(source);
      this.#open.set(series, source);
    }
    source.last = last;
    const previous = source.pieces.at(-1);
    // Pieces that lie side by side are one.
    const at = this.#size + this.#waitingBytes;
    if (previous && previous.at + previous.count * RECORD_BYTES === at) previous.count += records.length;
    else source.pieces.push({ at, count: records.length });
    this.#waiting.set(new Uint8Array(ordered.words.buffer, 0, length), this.#waitingBytes);
    this.#waitingBytes += length;
  }

  async #write(): Promise<void> {
    if (this.#waitingBytes === 0) return;
    await onDisk(async () => {
      this.#file ??= await open(this.#path, 'w');
      await this.#file.appendFile(this.#waiting.subarray(0, this.#waitingBytes));
    });
    this.#size += this.#waitingBytes;
    this.#waitingBytes = 0;
  }
}

/** Reads records; synchronous, since pieces are small and were just written. */
export class SpoolReader {
  readonly #file: number | undefined;

  constructor(path: string | undefined) {
    this.#file = path === undefined ? undefined : openSync(path, 'r');
  }

  /** Reads records of a piece into the beginning of `into`. */
  read(into: Records, piece: { at: number }, from: number, count: number): void {
    const bytes = new Uint8Array(into.words.buffer, 0, count * RECORD_BYTES);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#file!, bytes, done, bytes.length - done, piece.at + from * RECORD_BYTES + done);
      if (read === 0) throw new Error('a temporary file is shorter than what was written to it');
      done += read;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

function joined(first: Records, second: Records): Records {
  const all = newRecords(first.length + second.length);
  all.words.set(first.words.subarray(0, first.length * RECORD_WORDS));
  all.words.set(second.words.subarray(0, second.length * RECORD_WORDS), first.length * RECORD_WORDS);
  return all;
}

/** The records by rising whole steps; equal ones keep their order. */
function inOrder(records: Records, steps: Float64Array): { ordered: Records; first: number; last: number } {
  let isRising = true;
  for (let i = 1; i < records.length; i++) if (steps[i]! < steps[i - 1]!) isRising = false;
  if (isRising) return { ordered: records, first: steps[0]!, last: steps[records.length - 1]! };
  const order = Uint32Array.from({ length: records.length }, (_, i) => i).sort(
    (a, b) => steps[a]! - steps[b]! || a - b,
  );
  const ordered = newRecords(records.length);
  for (const [to, from] of order.entries()) {
    const start = from * RECORD_WORDS;
    ordered.words.set(records.words.subarray(start, start + RECORD_WORDS), to * RECORD_WORDS);
  }
  return { ordered, first: steps[order[0]!]!, last: steps[order.at(-1)!]! };
}
