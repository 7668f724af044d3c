// The points of all series of a run, merged by whole steps: everything that has a point at a step comes together.

import {
  newRecords,
  type PointSpool,
  RECORD_WORDS,
  type Records,
  type SpoolReader,
  type SpoolSource,
  wholeSteps,
} from './point-spool.ts';

/** Memory for records that are read ahead, of all sources together. */
const WINDOW_BYTES = 12 << 20;
const WINDOW_RECORDS = { least: 32, most: 4096 };

/** All points of one step. The arrays are used again for the next one. */
export interface MergedStep {
  step: number;
  /** Points: `series[i]` is of the record `i`; points of one series stand together in the order in which they came. */
  length: number;
  series: Int32Array;
  records: Records;
}

/** Where the merge is in a source. */
interface Cursor {
  source: SpoolSource;
  piece: number;
  /** Records of the piece that were read. */
  read: number;
  window: Records;
  steps: Float64Array;
  at: number;
  length: number;
}

/** Goes through a finished spool step by step. */
export function* mergedSteps(spool: PointSpool, multiplier: bigint): Generator<MergedStep> {
  const reader = spool.reader();
  try {
    // One series may have several sources: at equal steps, what stands side by side here comes side by side.
    const sources = [...spool.sources].sort((a, b) => a.series - b.series);
    yield* merge(sources, reader, multiplier);
  } finally {
    reader.close();
  }
}

function* merge(sources: readonly SpoolSource[], reader: SpoolReader, multiplier: bigint): Generator<MergedStep> {
  const each = Math.floor(WINDOW_BYTES / (RECORD_WORDS * 4) / Math.max(1, sources.length));
  const size = Math.min(WINDOW_RECORDS.most, Math.max(WINDOW_RECORDS.least, each));
  const cursors = sources.map((source): Cursor => {
    const total = source.pieces.reduce((sum, { count }) => sum + count, 0);
    const room = Math.min(size, total);
    const common = { source, piece: 0, read: 0, at: 0, length: 0 };
    return { ...common, window: newRecords(room), steps: new Float64Array(room) };
  });
  for (const cursor of cursors) fill(cursor, reader, multiplier);
  const heap = new StepHeap(cursors.map(({ steps }) => steps[0]!));
  const merged: MergedStep = { step: 0, length: 0, series: new Int32Array(64), records: newRecords(64) };
  while (heap.size > 0) {
    merged.step = heap.leastStep;
    merged.length = 0;
    while (heap.size > 0 && heap.leastStep === merged.step) {
      const cursor = cursors[heap.least]!;
      take(merged, cursor);
      cursor.at++;
      if (cursor.at < cursor.length || fill(cursor, reader, multiplier)) heap.advance(cursor.steps[cursor.at]!);
      else heap.remove();
    }
    yield merged;
  }
}

/** Reads the next window. @returns false at the end of the source */
function fill(cursor: Cursor, reader: SpoolReader, multiplier: bigint): boolean {
  const { source, window, steps } = cursor;
  const piece = source.pieces[cursor.piece];
  if (!piece) return false;
  const count = Math.min(window.values.length / 3, piece.count - cursor.read);
  reader.read(window, piece, cursor.read, count);
  window.length = count;
  wholeSteps(window, multiplier, steps);
  cursor.at = 0;
  cursor.length = count;
  cursor.read += count;
  if (cursor.read === piece.count) {
    cursor.piece++;
    cursor.read = 0;
  }
  return true;
}

function take(merged: MergedStep, { source, window, at }: Cursor): void {
  if (merged.length === merged.series.length) grow(merged);
  const to = merged.length++;
  merged.series[to] = source.series;
  const { words } = merged.records;
  const from = at * RECORD_WORDS;
  for (let i = 0; i < RECORD_WORDS; i++) words[to * RECORD_WORDS + i] = window.words[from + i]!;
}

function grow(merged: MergedStep): void {
  const series = new Int32Array(merged.series.length * 2);
  series.set(merged.series);
  const records = newRecords(series.length);
  records.words.set(merged.records.words);
  merged.series = series;
  merged.records = records;
}

/** A heap of sources by their next step; equal steps by the number of the source. */
class StepHeap {
  size: number;
  readonly #steps: Float64Array;
  readonly #heap: Int32Array;

  constructor(steps: readonly number[]) {
    this.size = steps.length;
    this.#steps = Float64Array.from(steps);
    this.#heap = Int32Array.from(steps, (_, source) => source);
    for (let at = (this.size >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  get least(): number {
    return this.#heap[0]!;
  }

  get leastStep(): number {
    return this.#steps[this.#heap[0]!]!;
  }

  /** The source that was first is at a later step now. */
  advance(step: number): void {
    this.#steps[this.#heap[0]!] = step;
    this.#sink(0);
  }

  /** The source that was first has ended. */
  remove(): void {
    this.#heap[0] = this.#heap[--this.size]!;
    if (this.size > 0) this.#sink(0);
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const steps = this.#steps;
    const source = heap[start]!;
    const step = steps[source]!;
    let at = start;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.size) break;
      let other = heap[child]!;
      if (child + 1 < this.size) {
        const right = heap[child + 1]!;
        if (steps[right]! < steps[other]! || (steps[right] === steps[other] && right < other)) {
          child++;
          other = right;
        }
      }
      const otherStep = steps[other]!;
      if (step < otherStep || (step === otherStep && source < other)) break;
      heap[at] = other;
      at = child;
    }
    heap[at] = source;
  }
}
