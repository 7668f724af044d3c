// What MLflow will alter of a run, foreseen from its survey. Pure.

import type { AlterationList } from '../alterations.ts';
import type { CollisionPolicy } from '../step-collisions.ts';
import type { AttributeSurvey, RunSurvey } from '../survey.ts';
import { fractionalSteps, surveyKey } from '../survey.ts';
import type { OpenOptions } from '../target.ts';
import { homeOf, plainName, type RunKeys } from './names.ts';
import { MAX_PARAM } from './values.ts';

export interface PlanContext extends Pick<OpenOptions, 'survey' | 'stepMultiplier' | 'collisions'> {
  fileStore: boolean;
}

/** True if points of the series reach MLflow otherwise than they are: then the series is also kept whole as CSV. */
export function needsCsv(
  series: AttributeSurvey,
  { fileStore, stepMultiplier }: Pick<PlanContext, 'fileStore' | 'stepMultiplier'>,
): boolean {
  const { missingSteps, missingTimestamps, negativeTimestamps, infinities, negativeZeros } = series;
  const times = fractionalSteps(series, stepMultiplier) + missingSteps + missingTimestamps + negativeTimestamps;
  // The file store keeps values as text.
  return times + (fileStore ? 0 : infinities + negativeZeros) > 0;
}

/** Adds what the names and the points of a run go through. Values too long and files are only seen when they come. */
export function foresee(list: AlterationList, keys: RunKeys, context: PlanContext): void {
  for (const entry of context.survey.values()) {
    const key = keys.byAttribute.get(surveyKey(entry.type, entry.path));
    if (key !== undefined && key !== entry.path) {
      const collides = key !== plainName(entry.type, entry.path);
      const reason = collides ? 'another attribute would have the same name' : 'MLflow does not take the name as it is';
      list.add(collides ? 'key_collision' : 'renamed', entry.path, `Stored as '${key}': ${reason}.`, 1, key);
    }
    if (entry.type === 'float_series') foreseeFloats(list, entry, context);
    if (entry.type === 'string_series') {
      const message = 'Some texts have line breaks, which series.txt can not tell: they are whole in series.jsonl.';
      list.add('line_breaks', entry.path, message, entry.awkwardTexts);
    }
    if (entry.type === 'string_series' || entry.type === 'histogram_series') {
      list.add('null_value', entry.path, 'Points without a value are left out.', entry.nulls);
    }
  }
}

/** Adds what a collision policy leaves out of a series; a load counts what it really left out. */
export function noteCollisions(list: AlterationList, path: string, policy: CollisionPolicy, points: number): void {
  const kept = policy === 'keep-first' ? 'first' : 'last';
  const message = `Of points that fall on one whole step only the ${kept} is a point of the metric; the series is also kept whole as CSV.`;
  list.add('step_collision', path, message, points);
}

/** Adds what only a load knows exactly: points that fall together, and steps beyond 64 bits. */
export function foreseeSteps(
  list: AlterationList,
  { survey, stepMultiplier, collisions = 'stop' }: Omit<PlanContext, 'fileStore'>,
): void {
  for (const { path, type, steps } of survey.values()) {
    if (type !== 'float_series' || !steps) continue;
    if (collisions !== 'stop') noteCollisions(list, path, collisions, steps.collisions(stepMultiplier));
    const message =
      'Steps beyond 64 bits at this multiplier are at the largest one; the series is also kept whole as CSV.';
    if (steps.isBeyond(stepMultiplier)) list.add('step_out_of_range', path, message);
  }
}

/** Adds what single values go through that MLflow can't hold; a load sees these itself when they come. */
export function foreseeValues(list: AlterationList, survey: RunSurvey): void {
  for (const { path, type, longestText, unstorableTexts, nulls } of survey.values()) {
    if (homeOf(type) !== 'param') continue;
    const beginning = 'the param has its beginning, an artifact the whole';
    if (longestText > MAX_PARAM) {
      list.add(
        'value_too_long',
        path,
        `The value has ${longestText} characters, MLflow takes ${MAX_PARAM}: ${beginning}.`,
      );
    } else if (unstorableTexts > 0) {
      list.add('value_not_text', path, `The value has characters that MLflow can not hold: ${beginning}.`);
    }
    if (type === 'float') list.add('null_as_nan', path, 'Without a value: NaN.', nulls);
    else list.add('null_value', path, 'Without a value: left out.', nulls);
  }
}

function foreseeFloats(list: AlterationList, entry: AttributeSurvey, { fileStore, stepMultiplier }: PlanContext): void {
  const { path } = entry;
  const whole = 'the series is also kept whole as CSV';
  list.add(
    'step_truncated',
    path,
    `Steps that are not whole numbers are cut; ${whole}.`,
    fractionalSteps(entry, stepMultiplier),
  );
  list.add('step_missing', path, `Points without a step are at step 0; ${whole}.`, entry.missingSteps);
  list.add('timestamp_missing', path, `Points without a time are at 1970-01-01; ${whole}.`, entry.missingTimestamps);
  list.add('timestamp_negative', path, `Times before 1970 are at 1970-01-01; ${whole}.`, entry.negativeTimestamps);
  list.add('null_as_nan', path, 'Points without a value are NaN.', entry.nulls);
  if (fileStore) return;
  list.add('infinity', path, `MLflow's database holds infinities as ±1.797e308; ${whole}.`, entry.infinities);
  list.add('negative_zero', path, `MLflow's database holds -0.0 as 0.0; ${whole}.`, entry.negativeZeros);
}
