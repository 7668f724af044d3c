// What is known of a run's attributes before it is sent: enough to choose names and to foresee what a target will alter.

import type { AttributeType } from '../model/attributes.ts';
import { type Batch, type Histogram, rowCount, type SeriesBatch } from '../model/batches.ts';
import { int64At, words } from '../model/int64.ts';
import { histogramFacts } from './histogram-facts.ts';
import { StepFacts } from './step-facts.ts';
import { codePoints } from './text.ts';
import { listJson, timeText } from './values.ts';

/** Counts over the rows of one attribute. What a type can't have stays 0. */
export interface AttributeSurvey {
  path: string;
  type: AttributeType;
  rows: number;
  /** Of a series. */
  steps?: StepFacts;
  /** Numbers of the points that a collision policy leaves out, where neighbours alone don't tell: see `leftOut`. */
  dropped?: ReadonlySet<number>;
  missingSteps: number;
  missingTimestamps: number;
  /** Before 1970. */
  negativeTimestamps: number;
  /** Of points, beyond `CALENDAR_MS`. */
  farTimestamps: number;
  nulls: number;
  nans: number;
  infinities: number;
  /** -0.0, which most databases store as 0. */
  negativeZeros: number;
  /** Texts of a series with a line break, a NUL or half a surrogate pair. */
  awkwardTexts: number;
  /** Of single values and points: the longest text, in code points; of a string set the length of all. */
  longestText: number;
  /** Of string sets: the longest as a list in JSON, in code points. */
  longestList: number;
  /** The largest of them, in bytes of its JSON, or an upper bound. */
  largestText: number;
  /** Texts with a NUL or half a surrogate pair, which many services can't store. */
  unstorableTexts: number;
  /** Numbers of the longest histogram. */
  mostBins: number;
  /** Histograms that aren't counts between edges, one more than they. */
  oddHistograms: number;
  /** Histograms that are no counts, see `histogramFacts`. */
  unevenHistograms: number;
  /** Histograms without counts. */
  emptyHistograms: number;
  /** Histograms with numbers below zero, NaN or infinities. */
  uncountableHistograms: number;
  /** Single times that no calendar has. */
  oddTimes: number;
}

/** The years 1 to 9999, which Python's times know, in milliseconds since 1970. */
export const CALENDAR_MS = { first: -62_135_596_800_000, last: 253_402_300_799_999 } as const;

/** The attributes of one run, by `surveyKey`. */
export type RunSurvey = Map<string, AttributeSurvey>;

/** An attribute is told by path and type: foreign archives may hold one path with two types. */
export function surveyKey(type: AttributeType, path: string): string {
  return `${type} ${path}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: line ends as Python's str.splitlines takes them
const AWKWARD_TEXT = /[\n\r\v\f\x1c-\x1e\x85\u2028\u2029\0]|\p{Surrogate}/u;

export function isAwkwardText(text: string): boolean {
  return AWKWARD_TEXT.test(text);
}

/** True for what is no plain counting of values between edges. */
export function isOddHistogram({ type, edges, values }: Histogram): boolean {
  return edges.length !== values.length + 1 || (type !== null && type !== 'COUNTING');
}

/** Counts a batch into the survey. @param stepMultiplier of the load; powers of ten are looked at in any case */
export function surveyBatch(survey: RunSurvey, batch: Batch, stepMultiplier: bigint): void {
  if (batch.kind === 'scalars') {
    for (const row of batch.rows) {
      const entry = entryOf(survey, row.type, row.path);
      entry.rows++;
      if (row.value === null) entry.nulls++;
      else if (row.type === 'float') surveyFloat(entry, row.value);
      else if (row.type === 'datetime') entry.oddTimes += timeText(row.value, ' ') === undefined ? 1 : 0;
      else if (row.type === 'string') surveyText(entry, row.value);
      else if (row.type === 'string_set') {
        surveyText(entry, row.value.join());
        entry.longestList = Math.max(entry.longestList, codePoints(listJson(row.value)));
      }
    }
    return;
  }
  if (batch.kind === 'files') {
    for (const row of batch.rows) {
      const entry = entryOf(survey, row.type, row.path);
      entry.rows++;
      if (row.file === null) entry.nulls++;
    }
    return;
  }
  const entry = entryOf(survey, batch.kind, batch.path);
  entry.rows += rowCount(batch);
  entry.steps ??= new StepFacts(stepMultiplier);
  entry.steps.add(batch.steps, batch.length, batch.stepValid);
  surveyTimes(entry, batch);
  if (batch.kind === 'float_series') {
    for (let i = 0; i < batch.length; i++) {
      if (batch.valueValid?.[i] === 0) entry.nulls++;
      else surveyFloat(entry, batch.values[i]!);
    }
    return;
  }
  for (let i = 0; i < batch.length; i++) {
    const value = batch.values[i];
    if (value === null || value === undefined) entry.nulls++;
    else if (typeof value !== 'string') {
      entry.mostBins = Math.max(entry.mostBins, value.values.length);
      surveyHistogram(entry, value);
    } else if (batch.kind === 'string_series') {
      surveyText(entry, value);
      if (isAwkwardText(value)) entry.awkwardTexts++;
    }
  }
}

function surveyHistogram(entry: AttributeSurvey, histogram: Histogram): void {
  if (isOddHistogram(histogram)) entry.oddHistograms++;
  const { total, uncountable, areCounts } = histogramFacts(histogram);
  if (total === 0) entry.emptyHistograms++;
  else if (!areCounts) entry.unevenHistograms++;
  if (uncountable > 0) entry.uncountableHistograms++;
}

function surveyFloat(entry: AttributeSurvey, value: number): void {
  // Nearly all values are neither: one comparison tells.
  if (value - value !== 0) {
    if (Number.isNaN(value)) entry.nans++;
    else entry.infinities++;
  } else if (value === 0 && Object.is(value, -0)) entry.negativeZeros++;
}

const UNSTORABLE = /\0|\p{Surrogate}/u;

/** Texts that JSON has as they are. */
const PLAIN = /^[ !#-[\]-~]*$/;

function surveyText(entry: AttributeSurvey, text: string): void {
  if (UNSTORABLE.test(text)) entry.unstorableTexts++;
  // Code points are never more than UTF-16 units.
  if (text.length > entry.longestText) entry.longestText = Math.max(entry.longestText, codePoints(text));
  const most = text.length * 6 + 2;
  if (most > entry.largestText) {
    const bytes = PLAIN.test(text) ? text.length + 2 : Buffer.byteLength(JSON.stringify(text));
    entry.largestText = Math.max(entry.largestText, bytes);
  }
}

/** Points whose step isn't whole at a multiplier, see StepFacts. */
export function fractionalSteps({ steps }: AttributeSurvey, multiplier: bigint): number {
  return steps?.fractional(multiplier) ?? 0;
}

function entryOf(survey: RunSurvey, type: AttributeType, path: string): AttributeSurvey {
  const key = surveyKey(type, path);
  let entry = survey.get(key);
  if (!entry) {
    entry = {
      path,
      type,
      rows: 0,
      missingSteps: 0,
      missingTimestamps: 0,
      negativeTimestamps: 0,
      farTimestamps: 0,
      nulls: 0,
      nans: 0,
      infinities: 0,
      negativeZeros: 0,
      awkwardTexts: 0,
      longestText: 0,
      longestList: 0,
      largestText: 0,
      unstorableTexts: 0,
      mostBins: 0,
      oddHistograms: 0,
      unevenHistograms: 0,
      emptyHistograms: 0,
      uncountableHistograms: 0,
      oddTimes: 0,
    };
    survey.set(key, entry);
  }
  return entry;
}

function surveyTimes(entry: AttributeSurvey, batch: SeriesBatch): void {
  const timestamps = words(batch.timestamps);
  for (let i = 0; i < batch.length; i++) {
    if (batch.stepValid?.[i] === 0) entry.missingSteps++;
    if (batch.timestampValid?.[i] === 0) entry.missingTimestamps++;
    else {
      const time = int64At(timestamps, i);
      if (time < 0) entry.negativeTimestamps++;
      if (time < CALENDAR_MS.first || time > CALENDAR_MS.last) entry.farTimestamps++;
    }
  }
}
