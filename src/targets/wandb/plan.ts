// What W&B will alter of a run, foreseen from its survey. Pure.

import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import type { CollisionPolicy } from '../step-collisions.ts';
import { type AttributeSurvey, fractionalSteps, type RunSurvey } from '../survey.ts';
import type { OpenOptions } from '../target.ts';
import { codePoints } from '../text.ts';
import type { ConfigPlan } from './config.ts';
import { MAX_BINS } from './media.ts';
import {
  displayName,
  fullRunName,
  groupName,
  homeOf,
  MAX_NAME,
  plainKey,
  type RunKeys,
  tagName,
  X_AXIS,
} from './names.ts';
import { LAST_STEP } from './point-spool.ts';
import { MEDIA_ROWS, TABLE_ROWS } from './table-files.ts';

const WHOLE = 'the series is also kept whole in series.csv.gz';
/** Steps that W&B's readers ask for at once. */
const PAGE_STEPS = 1000;
/** Requests of a reader from which on it is worth a word. */
const MANY_PAGES = 100;

export interface PlanContext extends Pick<OpenOptions, 'survey' | 'stepMultiplier' | 'collisions'> {
  keepSlashes: boolean;
}

/** Adds what the names and series of a run go through. Values and single points are only seen when they come. */
export function foresee(list: AlterationList, { keys }: RunKeys, context: PlanContext): void {
  const { survey, keepSlashes, stepMultiplier } = context;
  for (const [name, entry] of survey) {
    const { path, type } = entry;
    const key = keys.get(name);
    // Files keep their paths.
    if (key !== undefined && key !== path && homeOf(type) !== 'file') {
      const collides = key !== plainKey(path, keepSlashes);
      const reason = collides ? 'another attribute would have the same name' : 'W&B does not take the name as it is';
      list.add(collides ? 'key_collision' : 'renamed', path, `Stored as '${key}': ${reason}.`, 1, key);
    }
    if (type === 'float_series' || type === 'histogram_series') foreseeSteps(list, entry, stepMultiplier);
    if (type === 'string_series') foreseeTexts(list, entry, stepMultiplier);
  }
  foreseeSparse(list, context);
}

function foreseeSteps(list: AlterationList, entry: AttributeSurvey, multiplier: bigint): void {
  const { path, type, missingSteps, nulls } = entry;
  const whole = type === 'float_series' ? WHOLE : 'all of it is in histograms.jsonl.gz';
  noteCutSteps(list, path, whole, fractionalSteps(entry, multiplier));
  noteMissingStep(list, path, whole, missingSteps);
  if (type === 'float_series') list.add('null_as_nan', path, 'Points without a value are NaN.', nulls);
  else list.add('null_value', path, 'Points without a value are left out.', nulls);
}

/** @param whole where the points are as they were */
export function noteCutSteps(list: AlterationList, path: string, whole: string, points: number): void {
  const message = `Steps that are not whole numbers are cut; ${X_AXIS} has a line's own, and ${whole}.`;
  list.add('step_truncated', path, message, points);
}

export function noteMissingStep(list: AlterationList, path: string, whole: string, points: number): void {
  list.add('step_missing', path, `Points without a step are at step 0; ${whole}.`, points);
}

function foreseeTexts(list: AlterationList, entry: AttributeSurvey, multiplier: bigint): void {
  const { path, rows, unstorableTexts, farTimestamps } = entry;
  const long = `Steps of more than ${SAFE_DIGITS} digits are rounded by readers of tables; texts.jsonl.gz has them whole.`;
  if (hasLongSteps(entry, multiplier)) list.add('step_rounded', path, long, rows);

  if (rows > TABLE_ROWS) {
    const tables = Math.ceil(rows / TABLE_ROWS);
    list.add('table_split', path, `W&B's tables have ${TABLE_ROWS} rows at most: it is in ${tables} tables.`);
  } else if (rows > MEDIA_ROWS) {
    const message = `Pages show the first ${MEDIA_ROWS} rows of a table; all are in its artifact.`;
    list.add('table_shortened', path, message, rows - MEDIA_ROWS);
  }
  const far = 'Times outside the years 1 to 9999 are left out of the table; texts.jsonl.gz has them.';
  list.add('time_left_out', path, far, farTimestamps);
  const odd = 'Texts with characters that W&B can not hold; they are whole in texts.jsonl.gz.';
  list.add('text_not_storable', path, odd, unstorableTexts);
}

/** Digits of a number that every double holds. */
const SAFE_DIGITS = 15;

/** True if some step of a series has more digits than readers of JSON keep. */
export function hasLongSteps({ steps }: AttributeSurvey, multiplier: bigint): boolean {
  if (!steps?.range) return false;
  const { least, greatest } = steps.range;
  const farthest = (greatest > -least ? greatest : -least) * multiplier;
  // No step has more digits than the farthest one before the point, and the least unit of all behind it.
  let unit = steps.exactMultiplier;
  for (let by = multiplier; unit > 1n && by % 10n === 0n; by /= 10n) unit /= 10n;
  return String((farthest * unit) / 1_000_000n).length > SAFE_DIGITS;
}

/** A multiplier that is larger than the steps need makes reading slow. */
function foreseeSparse(list: AlterationList, { survey, stepMultiplier }: PlanContext): void {
  let exact = 1n;
  let greatest = 0n;
  let rows = 0;
  for (const { type, steps, rows: count } of survey.values()) {
    if (!steps?.range || type === 'string_series' || type === 'file_series') continue;
    if (steps.exactMultiplier > exact) exact = steps.exactMultiplier;
    const { least } = steps.range;
    const span = steps.range.greatest - (least < 0n ? least : 0n);
    if (span > greatest) greatest = span;
    rows = Math.max(rows, count);
  }
  const last = (greatest * stepMultiplier) / 1_000_000n;
  const pages = last / BigInt(PAGE_STEPS);
  if (stepMultiplier <= exact || pages < MANY_PAGES || pages * 10n < BigInt(rows)) return;
  const message =
    `Steps go up to ${last} at this multiplier, and readers of W&B ask for ${PAGE_STEPS} steps at a time: ` +
    `--step-multiplier ${exact} is the smallest one that is exact for this run.`;
  list.add('steps_sparse', undefined, message);
}

/** Adds what only a load knows exactly: points that are left out, that share a step, or that lie beyond all steps. */
export function foreseePoints(
  list: AlterationList,
  { survey, stepMultiplier, collisions = 'stop' }: PlanContext,
): void {
  for (const { path, type, steps, mostBins, oddHistograms } of survey.values()) {
    if ((type !== 'float_series' && type !== 'histogram_series') || !steps) continue;
    if (collisions !== 'stop') noteCollisions(list, path, collisions, steps.collisions(stepMultiplier));
    noteRepeated(list, path, steps.repeated);
    if (mostBins > MAX_BINS) noteRebinned(list, path, 1);
    noteOddHistograms(list, path, oddHistograms);
    const range = steps.range;
    if (isBeyond(range, stepMultiplier)) noteBeyond(list, path, 1);
    if (isNegative(range, stepMultiplier)) noteMoved(list, path, 1);
  }
}

/** True if a series has steps that W&B's readers can't hold. */
export function isBeyond(range: { least: bigint; greatest: bigint } | undefined, multiplier: bigint): boolean {
  if (!range) return false;
  const farthest = range.greatest > -range.least ? range.greatest : -range.least;
  return (farthest * multiplier) / 1_000_000n > BigInt(LAST_STEP);
}

/** True if a series has whole steps below 0. */
export function isNegative(range: { least: bigint } | undefined, multiplier: bigint): boolean {
  return range !== undefined && (range.least * multiplier) / 1_000_000n < 0n;
}

export function noteCollisions(list: AlterationList, path: string, policy: CollisionPolicy, points: number): void {
  const kept = policy === 'keep-first' ? 'first' : 'last';
  const message = `Of points that fall on one whole step only the ${kept} is in the history; ${WHOLE}.`;
  list.add('step_collision', path, message, points);
}

export function noteRepeated(list: AlterationList, path: string, points: number): void {
  list.add('step_repeated', path, `Points with the step of another one: the history has the last; ${WHOLE}.`, points);
}

export function noteRebinned(list: AlterationList, path: string, points: number): void {
  const message = `Histograms of more than ${MAX_BINS} bins: neighbours are added up; histograms.jsonl.gz has all.`;
  list.add('histogram_rebinned', path, message, points);
}

export function noteOddHistograms(list: AlterationList, path: string, points: number): void {
  const message = "W&B's histograms can not say it as it is: histograms.jsonl.gz does.";
  list.add('histogram_odd', path, message, points);
}

export function noteBeyond(list: AlterationList, path: string, points: number): void {
  const message = `Steps beyond 2^53 at this multiplier are not in the history; ${WHOLE}.`;
  list.add('step_out_of_range', path, message, points);
}

export function noteMoved(list: AlterationList, path: string, points: number): void {
  const message = `Steps of the run are moved up, since W&B has no negative ones; ${X_AXIS} has Neptune's own.`;
  list.add('step_moved', path, message, points);
}

export function noteManyImages(list: AlterationList, path: string, images: number): void {
  list.add('images_left_out', path, 'W&B shows no more images of one step; the files are in the artifact.', images);
}

/** Adds what single values go through; a load sees these itself when they come. */
export function foreseeValues(list: AlterationList, survey: RunSurvey, { textLimit, leftOut }: ConfigPlan): void {
  for (const [name, entry] of survey) {
    const { path, type, longestText, unstorableTexts, nulls, nans, infinities, oddTimes } = entry;
    if (homeOf(type) !== 'config') continue;
    if (leftOut.has(name)) noteLeftOut(list, path);
    else if (longestText > textLimit) noteLong(list, path, longestText, textLimit);
    else if (unstorableTexts > 0) noteOddText(list, path);
    noteOddTime(list, path, oddTimes);
    if (type === 'float') {
      noteText(list, path, nans + infinities + nulls);
      list.add('null_as_nan', path, 'Without a value: NaN.', nulls);
    } else {
      list.add('null_value', path, 'Without a value: left out.', nulls);
    }
  }
}

export function noteLong(list: AlterationList, path: string, length: number, limit: number): void {
  const message = `The value has ${length} characters, the config takes ${limit}: it is whole in the run's artifact.`;
  list.add('value_too_long', path, message);
}

export function noteOddText(list: AlterationList, path: string): void {
  list.add(
    'value_not_text',
    path,
    "The value has characters that W&B can not hold: it is whole in the run's artifact.",
  );
}

export function noteOddTime(list: AlterationList, path: string, count: number): void {
  list.add('datetime_as_number', path, 'The time is in milliseconds since 1970: no calendar has it.', count);
}

export function noteLeftOut(list: AlterationList, path: string): void {
  list.add('value_left_out', path, "The config has no room for it: it is in the run's artifact.");
}

export function noteText(list: AlterationList, path: string, count: number): void {
  list.add('value_as_text', path, 'NaN and infinities are texts in the config.', count);
}

/** What a run is called, and its tags; adds what is altered of them. */
export function runHead(run: RunInfo, project: { name: string; full: string }, list: AlterationList) {
  const cut = (code: string, what: string, whole: string | undefined, stored: string | undefined) => {
    if (whole === undefined || stored === whole) return;
    const message = `The ${what} is stored as '${stored}'; the config has it whole.`;
    list.add(code, undefined, message);
  };
  const name = displayName(run);
  const group = groupName(run);
  cut('run_name_cut', 'name of the run', fullRunName(run), name);
  cut('group_cut', 'group', run.experimentName || undefined, group);
  if (codePoints(project.full) > MAX_NAME) cut('project_name_cut', 'name of the project', project.full, project.name);
  return { displayName: name, group, tags: runTags(run, list) };
}

function runTags(run: RunInfo, list: AlterationList): string[] {
  const tags = new Set<string>();
  for (const path of ['sys/tags', 'sys/group_tags']) {
    const row = run.sys.get(path);
    for (const tag of row?.type === 'string_set' ? (row.value ?? []) : []) {
      const stored = tagName(tag);
      if (stored === '') list.add('tag_left_out', path, 'An empty tag is left out; the config has it.');
      else if (stored !== tag) list.add('tag_cut', path, `A tag is stored as '${stored}'; the config has it whole.`);
      if (stored !== '') tags.add(stored);
    }
  }
  return [...tags];
}
