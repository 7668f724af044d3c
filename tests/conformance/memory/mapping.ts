// What becomes what at the memory service: keys, texts, points, marks, and what of it is altered. Pure.

import type { ScalarRow, SeriesBatch } from '../../../src/model/batches.ts';
import { words } from '../../../src/model/int64.ts';
import type { RunInfo } from '../../../src/model/runs.ts';
import { AlterationList } from '../../../src/targets/alterations.ts';
import { decimalStepText, scaledMicro, wholeStepText } from '../../../src/targets/steps.ts';
import { type RunSurvey, surveyKey } from '../../../src/targets/survey.ts';
import type { OpenOptions, RunContent } from '../../../src/targets/target.ts';
import { shortHash } from '../../../src/targets/text.ts';
import { assignKeys } from '../../../src/targets/unique-keys.ts';
import { MAX_VALUE, type StoredPoint } from './service.ts';

const MAX_KEY = 60;
/** Series whose steps are whole numbers at the service. */
export const WHOLE_STEPS = new Set(['float_series', 'string_series'] as const);

/** The key of an attribute that is alone: lower case, few characters. */
export function plainKey(path: string): string {
  return path
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '_')
    .slice(0, MAX_KEY);
}

/** A key for each attribute of a run, by `surveyKey`. */
export function runKeys(survey: RunSurvey): Map<string, string> {
  const names = new Map([...survey].map(([name, { path }]) => [name, path]));
  // By type and path, since an archive may hold a path with two types.
  const plain = (name: string) => plainKey(names.get(name)!);
  return assignKeys(names.keys(), plain, { nested: false, caseBlind: false, longest: MAX_KEY });
}

export function groupOf(run: RunInfo, prefix: string): string {
  return `${prefix}/${run.projectId}`;
}

export function nameOf(run: RunInfo): string {
  return run.customRunId ?? run.runId;
}

/** What makes a run at the service the copy of this one. */
export function keyOf(run: RunInfo, prefix: string): string {
  return shortHash(JSON.stringify([run.projectId, run.runId, prefix]), 32);
}

/** What is loaded, or was: written as the completion mark. */
export function markOf({ digest, stepMultiplier }: RunContent): string {
  return `${stepMultiplier}:${digest}`;
}

/** The id of a copy: the same load gives it again, another content or another choice of points gives another one. */
export function idOf(key: string, options: OpenOptions): string {
  return shortHash(`${key} ${markOf(options)} ${options.collisions ?? 'stop'}`, 32);
}

/** Undefined for null. */
export function textOf(row: ScalarRow): string | undefined {
  if (row.value === null) return undefined;
  if (row.type === 'float') return numberText(row.value);
  return Array.isArray(row.value) ? JSON.stringify(row.value) : String(row.value);
}

/** JSON has no number for some doubles. */
function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The step of a point in millionths, after the multiplier; null where it has none. */
export function stepAt(batch: SeriesBatch, index: number, multiplier: bigint): number | bigint | null {
  return batch.stepValid?.[index] === 0 ? null : scaledMicro(batch.steps, words(batch.steps), index, multiplier);
}

/** The points of a batch as the service stores them; those without a value are left out. */
export function pointsOf(batch: SeriesBatch, multiplier: bigint): StoredPoint[] {
  const isWhole = WHOLE_STEPS.has(batch.kind as 'float_series');
  const points: StoredPoint[] = [];
  for (let i = 0; i < batch.length; i++) {
    const value = valueAt(batch, i);
    if (value === null) continue;
    const step = stepAt(batch, i, multiplier) ?? 0;
    const original = decimalStepText(step);
    const time = batch.timestampValid?.[i] === 0 ? null : String(batch.timestamps[i]);
    points.push([isWhole ? wholeStepText(step) : original, time, value, original]);
  }
  return points;
}

function valueAt(batch: SeriesBatch, index: number): unknown {
  if (batch.kind === 'float_series') return batch.valueValid?.[index] === 0 ? 'NaN' : numberText(batch.values[index]!);
  const value = batch.values[index] ?? null;
  if (value === null || typeof value === 'string') return value;
  return { type: value.type, edges: Array.from(value.edges, numberText), values: Array.from(value.values, numberText) };
}

/** Adds what a survey tells will be altered. A load and a dry run say the same, since both ask here. */
export function foresee(
  list: AlterationList,
  { survey, stepMultiplier, collisions = 'stop' }: Pick<OpenOptions, 'survey' | 'stepMultiplier' | 'collisions'>,
): void {
  const keys = runKeys(survey);
  for (const entry of survey.values()) {
    const { path, type, steps, nulls } = entry;
    const key = keys.get(surveyKey(type, path))!;
    if (key !== path) {
      const code = key === plainKey(path) ? 'renamed' : 'key_collision';
      list.add(code, path, `Stored as '${key}'.`, 1, key);
    }
    if (steps && WHOLE_STEPS.has(type as 'float_series')) {
      list.add('step_truncated', path, 'Steps are cut to whole numbers.', steps.fractional(stepMultiplier));
      const policy = `Of points on one step only one is there (${collisions}).`;
      if (collisions !== 'stop') list.add('step_collision', path, policy, steps.collisions(stepMultiplier));
    }
    if (type === 'float_series') list.add('null_as_nan', path, 'Points without a value are NaN.', nulls);
    else if (!type.startsWith('file') && type !== 'artifact')
      list.add('null_value', path, 'Left out: no value.', nulls);
    if (!steps && entry.longestText > MAX_VALUE) {
      list.add('value_too_long', path, `More than ${MAX_VALUE} characters: the whole is in a file.`);
    }
  }
}

export function foreseen(content: Parameters<typeof foresee>[1]): AlterationList {
  const list = new AlterationList();
  foresee(list, content);
  return list;
}
