// The lines of a run's history: one a step, in a fixed order that depends on the archive only, so that a second try makes the same.

import { int64At, isSafeInt64 } from '../../model/int64.ts';
import { decimalStepText } from '../steps.ts';
import type { AttributeSurvey } from '../survey.ts';
import type { BlobSpool } from './blob-spool.ts';
import { inner, numberJson, secondsJson } from './json.ts';
import { imagesJson } from './media.ts';
import { type MergedStep, mergedSteps } from './merge.ts';
import { X_AXIS } from './names.ts';
import { ABSENT, LAST_STEP, type PointSpool, RECORD_WORDS, timeOf } from './point-spool.ts';

/** Bytes of a line: 10 MiB but 100 KiB, "imposed by the back-end" (source of W&B's SDK). */
export const MAX_LINE = 10_383_360;
/** Room for what stands in every line. */
const LINE_ENDS = 200;
/** Images of one value (source of W&B's SDK). */
export const MAX_IMAGES = 108;

/** A line of the history, as it stands inside a JSON string. */
export interface HistoryLine {
  step: number;
  text: string;
  /** Of the line itself. */
  bytes: number;
}

/** A series on its way into the history, and what its lines can't hold: numbers of points. */
export interface HistorySeries {
  entry: AttributeSurvey;
  key: string;
  kind: 'float' | 'histogram' | 'image';
  timeMerged: number;
  repeated: number;
  inherited: number;
  tooLong: number;
  tooMany: number;
  beyond: number;
  /** The last value. */
  lastNumber: number | undefined;
  /** The same for those that are blobs: their places. */
  lastBlobs: number[] | undefined;
}

export function newSeries(entry: AttributeSurvey, key: string, kind: HistorySeries['kind']): HistorySeries {
  const counts = { timeMerged: 0, repeated: 0, inherited: 0, tooLong: 0, tooMany: 0, beyond: 0 };
  return { entry, key, kind, ...counts, lastNumber: undefined, lastBlobs: undefined };
}

export interface LinesOptions {
  points: PointSpool;
  blobs: BlobSpool;
  /** By their numbers in the records. */
  series: readonly HistorySeries[];
  multiplier: bigint;
  /** Added to all steps, so that none is negative. */
  shift: number;
  /** Lines have Neptune's own step, too. */
  hasAxis: boolean;
  /** Milliseconds from which `_runtime` counts. */
  start: number | undefined;
  /** Lines up to this step are inherited from the parent. */
  inherited: number | undefined;
  /** @default MAX_LINE */
  maxLine?: number;
}

/** How far the history got. */
export interface HistoryEnd {
  /** Of the last line; undefined if there was none. */
  step: number | undefined;
  timestamp: number | undefined;
}

export class HistoryLines {
  readonly end: HistoryEnd = { step: undefined, timestamp: undefined };
  readonly #options: LinesOptions;
  readonly #maxLine: number;
  readonly #prefixes: string[];
  readonly #prefixBytes: number[];
  /** Of the line that is being made; joined once, which leaves much less behind than adding texts does. */
  readonly #parts: string[] = [];

  constructor(options: LinesOptions) {
    this.#options = options;
    this.#maxLine = (options.maxLine ?? MAX_LINE) - LINE_ENDS;
    const keys = options.series.map(({ key }) => `${JSON.stringify(key)}:`);
    this.#prefixes = keys.map(inner);
    // Keys are ASCII.
    this.#prefixBytes = keys.map(({ length }) => length + 1);
  }

  /** All lines, once. What they can't hold is counted in the series. */
  *lines(): Generator<HistoryLine> {
    const { points, multiplier, shift, inherited, series } = this.#options;
    for (const merged of mergedSteps(points, multiplier)) {
      const step = merged.step + shift;
      if (inherited !== undefined && step <= inherited) {
        for (let i = 0; i < merged.length; i++) series[merged.series[i]!]!.inherited++;
        continue;
      }
      // Moved up, steps may be too large for W&B.
      if (step > LAST_STEP) {
        for (let i = 0; i < merged.length; i++) series[merged.series[i]!]!.beyond++;
        continue;
      }
      yield this.#line(merged, step);
    }
  }

  /** A line behind the others, with values by their keys. */
  closingLine(values: readonly { key: string; json: string }[], after: number | undefined): HistoryLine {
    const { step: last = -1, timestamp } = this.end;
    const step = Math.max(last, after ?? -1) + 1;
    this.end.step = step;
    const json = values.map(({ key, json: value }) => `${JSON.stringify(key)}:${value}`).join(',');
    const line = `{${json}${json === '' ? '' : ','}${this.#ends(step, timestamp)}}`;
    return { step, text: inner(line), bytes: line.length };
  }

  /** The summary of what went into the lines: JSON of the last value of each key. */
  *lastValues(): Generator<[key: string, json: string]> {
    const { series, blobs } = this.#options;
    for (const { key, kind, lastNumber, lastBlobs } of series) {
      if (lastNumber !== undefined) yield [key, numberJson(lastNumber)];
      if (lastBlobs !== undefined) yield [key, blobsJson(kind, lastBlobs, blobs)];
    }
  }

  /** What stands in every line, and in the summary. @param timestamp in milliseconds */
  #ends(step: number, timestamp: number | undefined): string {
    if (timestamp === undefined) return `"_step":${step}`;
    const { start } = this.#options;
    const runtime = start === undefined ? '' : `,"_runtime":${secondsJson(timestamp - start)}`;
    return `"_step":${step},"_timestamp":${secondsJson(timestamp)}${runtime}`;
  }

  /** The same for the summary. */
  get lastEnds(): string {
    const { step, timestamp } = this.end;
    return step === undefined ? '' : this.#ends(step, timestamp);
  }

  #line(merged: MergedStep, step: number): HistoryLine {
    const { series, blobs } = this.#options;
    const { records, length } = merged;
    const timestamp = lineTime(merged);
    const parts = this.#parts;
    let count = 0;
    parts[count++] = '{';
    let bytes = 1;
    for (let i = 0; i < length; ) {
      const number = merged.series[i]!;
      const one = series[number]!;
      let end = i + 1;
      while (end < length && merged.series[end] === number) end++;
      let json: string;
      if (one.kind === 'float') {
        one.repeated += end - i - 1;
        const value = records.values[(end - 1) * 3 + 2]!;
        json = numberJson(value);
        const length = this.#prefixBytes[number]! + json.length;
        if (bytes + length > this.#maxLine) {
          one.tooLong++;
          i = end;
          continue;
        }
        if (timeOf(records, end - 1) !== timestamp) one.timeMerged++;
        one.lastNumber = value;
        parts[count++] = this.#prefixes[number]!;
        parts[count++] = json;
        parts[count++] = ',';
        bytes += length;
        i = end;
        continue;
      }
      const isImage = one.kind === 'image';
      if (isImage) one.tooMany += Math.max(0, end - i - MAX_IMAGES);
      else one.repeated += end - i - 1;
      const places: number[] = [];
      const last = isImage ? Math.min(end, i + MAX_IMAGES) : end;
      for (let at = isImage ? i : end - 1; at < last; at++) places.push(records.values[at * 3 + 2]!);
      json = blobsJson(one.kind, places, blobs);
      const added = this.#prefixBytes[number]! + json.length;
      if (bytes + added > this.#maxLine) {
        one.tooLong += end - i;
      } else {
        for (let at = last - places.length; at < last; at++) if (timeOf(records, at) !== timestamp) one.timeMerged++;
        one.lastBlobs = places;
        parts[count++] = this.#prefixes[number]!;
        parts[count++] = inner(json);
        parts[count++] = ',';
        bytes += added;
      }
      i = end;
    }
    const ends = this.#axis(merged) + this.#ends(step, timestamp);
    this.end.step = step;
    if (timestamp !== undefined) this.end.timestamp = timestamp;
    parts[count++] = `${inner(ends)}}`;
    parts.length = count;
    return { step, text: parts.join(''), bytes: bytes + ends.length + 1 };
  }

  #axis({ records: { words } }: MergedStep): string {
    if (!this.#options.hasAxis) return '';
    const micro = isSafeInt64(words, 0) ? int64At(words, 0) : new BigInt64Array(words.buffer, 0, 1)[0]!;
    return micro === ABSENT ? '' : `"${X_AXIS}":${decimalStepText(micro)},`;
  }
}

function blobsJson(kind: HistorySeries['kind'], places: readonly number[], blobs: BlobSpool): string {
  const texts = places.map((place) => blobs.read(place));
  return kind === 'image' ? imagesJson(texts) : texts[0]!;
}

/**
 * The time of a line in milliseconds: that of all or of more than half of its points, else the earliest; undefined if no
 * point has one.
 */
function lineTime({ records, length }: MergedStep): number | undefined {
  const { words } = records;
  let areEqual = true;
  for (let i = 1; i < length && areEqual; i++) {
    const at = i * RECORD_WORDS;
    areEqual = words[at + 2] === words[2] && words[at + 3] === words[3];
  }
  if (areEqual) return timeOf(records, 0);
  // Boyer and Moore: if one time has the majority, it is this one.
  let candidate: number | undefined;
  let lead = 0;
  let earliest: number | undefined;
  for (let i = 0; i < length; i++) {
    const time = timeOf(records, i);
    if (lead === 0) candidate = time;
    lead += time === candidate ? 1 : -1;
    if (time !== undefined && (earliest === undefined || time < earliest)) earliest = time;
  }
  let votes = 0;
  for (let i = 0; i < length; i++) if (timeOf(records, i) === candidate) votes++;
  return votes * 2 > length && candidate !== undefined ? candidate : earliest;
}
