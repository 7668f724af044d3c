// What Comet will alter of a run, foreseen from its survey; and what of it is kept whole beside. Pure.

import type { AlterationList } from '../alterations.ts';
import { type CollisionPolicy, hasCollisions } from '../step-collisions.ts';
import { type AttributeSurvey, fractionalSteps, type RunSurvey } from '../survey.ts';
import type { OpenOptions } from '../target.ts';
import { homeOf, plainNameIn, type RunNames } from './names.ts';
import { MAX_TEXT } from './values.ts';

export type PlanContext = Pick<OpenOptions, 'survey' | 'stepMultiplier' | 'collisions'>;

/** Values of one metric that Comet keeps; more are sampled down. */
export const MAX_POINTS = 15_000;
/** Different metrics, and parameters, of an experiment; a few are left for the loader's own. */
const MAX_NAMES = 49_990;

/** Attributes that an experiment has no room for as metrics or parameters, by `surveyKey`: each is an asset instead. */
export function withoutRoom(survey: RunSurvey): ReadonlySet<string> {
  const counts = { parameter: 0, metric: 0, asset: 0 };
  const without = new Set<string>();
  for (const [key, { type }] of survey) {
    const home = homeOf(type);
    if (home !== 'asset' && ++counts[home] > MAX_NAMES) without.add(key);
  }
  return without;
}

/** True if a float series is kept whole as CSV, too: Comet shows less of it than the archive has. */
export function needsCsv(
  series: AttributeSurvey,
  { stepMultiplier, collisions = 'stop' }: Pick<PlanContext, 'stepMultiplier' | 'collisions'>,
): boolean {
  const { rows, missingSteps, missingTimestamps, steps } = series;
  const leavesOut = collisions !== 'stop' && hasCollisions(series, stepMultiplier);
  const odd = fractionalSteps(series, stepMultiplier) + missingSteps + missingTimestamps;
  return rows > MAX_POINTS || odd > 0 || leavesOut || steps?.isBeyond(stepMultiplier) === true;
}

/** Adds what the names and the points of a run go through. Values and files are seen when they come. */
export function foresee(list: AlterationList, names: RunNames, context: PlanContext): void {
  const without = withoutRoom(context.survey);
  for (const [key, entry] of context.survey) {
    const { path, type, nulls, rows } = entry;
    const name = names.get(key)!;
    if (without.has(key)) {
      const message = `Comet takes ${MAX_NAMES} ${homeOf(type)}s of an experiment: this one is only kept whole as an asset.`;
      list.add('too_many_names', path, message);
    } else if (name !== path) {
      const collides = name !== plainNameIn(homeOf(type), path);
      const reason = collides ? 'another attribute would have the same name' : 'Comet does not take the name as it is';
      list.add(collides ? 'key_collision' : 'renamed', path, `Stored as '${name}': ${reason}.`, 1, name);
    }
    if (type === 'float_series' && !without.has(key)) foreseeFloats(list, entry, context);
    if (type === 'string_series') {
      const message =
        'Some texts have line breaks, which the lines of the asset can not tell: they are whole as JSON lines.';
      list.add('line_breaks', path, message, entry.awkwardTexts);
    }
    if (type === 'string_series' || type === 'histogram_series') {
      list.add('null_value', path, 'Points without a value are left out.', nulls);
    }
    if (type === 'histogram_series') {
      const message = "Counts are spread over Comet's own bins; the series is also kept whole as JSON.";
      list.add('histogram_bins', path, message, rows - nulls);
      foreseeHistograms(list, entry);
    }
    if (type === 'histogram_series' || type === 'file_series') {
      const message = 'Steps that are not whole numbers are cut; the metadata of the asset has the exact one.';
      list.add('step_truncated', path, message, fractionalSteps(entry, context.stepMultiplier));
    }
  }
}

/** Adds what a collision policy leaves out of a series; a load counts what it really left out. */
export function noteCollisions(list: AlterationList, path: string, policy: CollisionPolicy, points: number): void {
  const kept = policy === 'keep-first' ? 'first' : 'last';
  const message = `Of points that fall on one whole step only the ${kept} is a point of the metric; the series is also kept whole as CSV.`;
  list.add('step_collision', path, message, points);
}

const BEYOND = 'Steps beyond 64 bits at this multiplier are at the largest one; the series is also kept whole as CSV.';

export function noteBeyond(list: AlterationList, path: string, points: number): void {
  list.add('step_out_of_range', path, BEYOND, points);
}

/** Adds what only a load knows exactly: points that fall together, and steps beyond 64 bits. */
export function foreseeSteps(list: AlterationList, { survey, stepMultiplier, collisions = 'stop' }: PlanContext): void {
  const without = withoutRoom(survey);
  for (const [key, { path, type, steps }] of survey) {
    if (type !== 'float_series' || !steps || without.has(key)) continue;
    if (collisions !== 'stop') noteCollisions(list, path, collisions, steps.collisions(stepMultiplier));
    if (steps.isBeyond(stepMultiplier)) noteBeyond(list, path, 1);
  }
}

/** Adds what single values go through that Comet can't hold; a load sees these itself when they come. */
export function foreseeValues(list: AlterationList, survey: RunSurvey): void {
  const without = withoutRoom(survey);
  for (const [key, { path, type, longestText, longestList, unstorableTexts, oddTimes, nulls }] of survey) {
    if (homeOf(type) !== 'parameter') continue;
    noteOddTime(list, path, oddTimes);
    list.add('null_value', path, 'Without a value: left out.', nulls);
    if (without.has(key)) continue;
    const beginning = 'the parameter has its beginning, an asset the whole';
    const length = type === 'string_set' ? longestList : longestText;
    if (length > MAX_TEXT) noteLong(list, path, length, beginning);
    else if (unstorableTexts > 0) noteNotText(list, path, beginning);
  }
}

export function noteLong(list: AlterationList, path: string, length: number, where: string): void {
  list.add('value_too_long', path, `The value has ${length} characters, Comet takes ${MAX_TEXT}: ${where}.`);
}

export function noteNotText(list: AlterationList, path: string, where: string): void {
  list.add('value_not_text', path, `The value has characters that Comet may not hold: ${where}.`);
}

export function noteOddTime(list: AlterationList, path: string, values: number): void {
  list.add('datetime_as_number', path, 'The time is in milliseconds since 1970: no calendar has it.', values);
}

function foreseeHistograms(list: AlterationList, entry: AttributeSurvey): void {
  const { path, missingSteps, emptyHistograms, unevenHistograms, uncountableHistograms } = entry;
  const whole = 'the series is also kept whole as JSON';
  const empty = 'Histograms without counts are only in the series that is kept whole: Comet takes none.';
  list.add('histogram_empty', path, empty, emptyHistograms);
  const scaled = `Values that are no whole numbers are scaled to counts; ${whole}.`;
  list.add('histogram_scaled', path, scaled, unevenHistograms);
  const uncountable = `Values below zero, NaN and infinities are not counted; ${whole}.`;
  list.add('histogram_values', path, uncountable, uncountableHistograms);
  list.add('step_missing', path, `Histograms without a step are at step 0; ${whole}.`, missingSteps);
}

function foreseeFloats(list: AlterationList, entry: AttributeSurvey, { stepMultiplier }: PlanContext): void {
  const { path, rows, missingSteps, missingTimestamps, nulls } = entry;
  const whole = 'the series is also kept whole as CSV';
  const fractional = fractionalSteps(entry, stepMultiplier);
  if (rows > MAX_POINTS) {
    const message = `Comet samples a metric of more than ${MAX_POINTS} points down; ${whole}.`;
    list.add('sampled', path, message, rows - MAX_POINTS);
  }
  list.add('step_truncated', path, `Steps that are not whole numbers are cut; ${whole}.`, fractional);
  list.add('step_missing', path, `Points without a step are at step 0; ${whole}.`, missingSteps);
  list.add('timestamp_missing', path, `Points without a time are at 1970-01-01; ${whole}.`, missingTimestamps);
  list.add('null_as_nan', path, 'Points without a value are NaN.', nulls);
}

/** All that a plan says of a run's content. */
export function foreseeAll(list: AlterationList, names: RunNames, context: PlanContext): void {
  foresee(list, names, context);
  foreseeValues(list, context.survey);
  foreseeSteps(list, context);
}
