// What is known of a run's attributes before it is sent: enough to choose names and to foresee what a target will alter.

import type { AttributeType } from '../model/attributes.ts';
import { type Batch, rowCount, type SeriesBatch } from '../model/batches.ts';
import { int64At, words } from '../model/int64.ts';
import { isWholeStep, scaledMicro } from './steps.ts';

/** Counts over the rows of one attribute. What a type can't have stays 0. */
export interface AttributeSurvey {
  path: string;
  type: AttributeType;
  rows: number;
  /** Points whose step isn't a whole number at the multiplier of this load. */
  fractionalSteps: number;
  missingSteps: number;
  missingTimestamps: number;
  /** Before 1970. */
  negativeTimestamps: number;
  nulls: number;
  nans: number;
  infinities: number;
  /** -0.0, which most databases store as 0. */
  negativeZeros: number;
  /** Texts of a series with a line break, a NUL or half a surrogate pair. */
  awkwardTexts: number;
}

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

/** Counts a batch into the survey. */
export function surveyBatch(survey: RunSurvey, batch: Batch, stepMultiplier: bigint): void {
  if (batch.kind === 'scalars') {
    for (const row of batch.rows) {
      const entry = entryOf(survey, row.type, row.path);
      entry.rows++;
      if (row.value === null) entry.nulls++;
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
  surveyTimes(entry, batch, stepMultiplier);
  if (batch.kind === 'float_series') surveyFloats(entry, batch.values, batch.length, batch.valueValid);
  else {
    for (let i = 0; i < batch.length; i++) {
      const value = batch.values[i];
      if (value === null || value === undefined) entry.nulls++;
      else if (batch.kind === 'string_series' && isAwkwardText(value as string)) entry.awkwardTexts++;
    }
  }
}

function entryOf(survey: RunSurvey, type: AttributeType, path: string): AttributeSurvey {
  const key = surveyKey(type, path);
  let entry = survey.get(key);
  if (!entry) {
    entry = {
      path,
      type,
      rows: 0,
      fractionalSteps: 0,
      missingSteps: 0,
      missingTimestamps: 0,
      negativeTimestamps: 0,
      nulls: 0,
      nans: 0,
      infinities: 0,
      negativeZeros: 0,
      awkwardTexts: 0,
    };
    survey.set(key, entry);
  }
  return entry;
}

function surveyTimes(entry: AttributeSurvey, batch: SeriesBatch, stepMultiplier: bigint): void {
  const steps = words(batch.steps);
  const timestamps = words(batch.timestamps);
  for (let i = 0; i < batch.length; i++) {
    if (batch.stepValid?.[i] === 0) entry.missingSteps++;
    else if (!isWholeStep(scaledMicro(batch.steps, steps, i, stepMultiplier))) entry.fractionalSteps++;
    if (batch.timestampValid?.[i] === 0) entry.missingTimestamps++;
    else if (int64At(timestamps, i) < 0) entry.negativeTimestamps++;
  }
}

function surveyFloats(
  entry: AttributeSurvey,
  values: Float64Array,
  length: number,
  valid: Uint8Array | undefined,
): void {
  for (let i = 0; i < length; i++) {
    const value = values[i]!;
    if (valid?.[i] === 0) entry.nulls++;
    else if (Number.isNaN(value)) entry.nans++;
    else if (value === Infinity || value === -Infinity) entry.infinities++;
    else if (value === 0 && Object.is(value, -0)) entry.negativeZeros++;
  }
}
