// Filters and orders of runs: a MongoDB-like language over their columns, config and summary.

import { isObject, type JsonObject, parseObject } from './json.ts';
import { demand, Refusal } from './refusal.ts';
import type { Run } from './store.ts';

const COLUMNS: Record<string, (run: Run) => unknown> = {
  name: (run) => run.name,
  display_name: (run) => run.displayName,
  displayName: (run) => run.displayName,
  group: (run) => run.group,
  jobType: (run) => run.jobType,
  job_type: (run) => run.jobType,
  state: (run) => run.state,
  tags: (run) => run.tags,
  notes: (run) => run.notes,
  created_at: (run) => run.createdAt.toISOString(),
  createdAt: (run) => run.createdAt.toISOString(),
  heartbeat_at: (run) => run.heartbeatAt.toISOString(),
  heartbeatAt: (run) => run.heartbeatAt.toISOString(),
};

type Test = (value: unknown, operand: unknown) => boolean;

const OPERATORS: Record<string, Test> = {
  $eq: equal,
  $ne: (value, operand) => !equal(value, operand),
  $gt: (value, operand) => compare(value, operand) > 0,
  $gte: (value, operand) => compare(value, operand) >= 0,
  $lt: (value, operand) => compare(value, operand) < 0,
  $lte: (value, operand) => compare(value, operand) <= 0,
  $in: (value, operand) => listOf(operand, '$in').some((one) => equal(value, one)),
  $nin: (value, operand) => !listOf(operand, '$nin').some((one) => equal(value, one)),
  $exists: (value, operand) => (value !== undefined) === operand,
  $regex: (value, operand) => typeof value === 'string' && new RegExp(String(operand)).test(value),
};

/** Whether a run is one that a filter means. @throws Refusal for what is no such filter */
export function matches(run: Run, filter: unknown): boolean {
  demand(isObject(filter), 'a filter must be an object');
  return Object.entries(filter).every(([key, condition]) => {
    if (key === '$and') return listOf(condition, key).every((one) => matches(run, one));
    if (key === '$or') return listOf(condition, key).some((one) => matches(run, one));
    if (key === '$nor') return !listOf(condition, key).some((one) => matches(run, one));
    if (key === '$not') return !matches(run, condition);
    return meets(columnOf(run, key), condition);
  });
}

function meets(value: unknown, condition: unknown): boolean {
  if (!isObject(condition)) return equal(value, condition);
  return Object.entries(condition).every(([name, operand]) => {
    if (name === '$not') return !meets(value, operand);
    const test = OPERATORS[name];
    if (!test) throw new Refusal(400, `unknown operator ${name} in a filter`);
    return test(value, operand);
  });
}

/** Runs in an order like `+created_at`, `-config.lr.value`, `-summary_metrics.loss`. @throws Refusal */
export function ordered(runs: Run[], order: string | null | undefined): Run[] {
  if (!order) return runs;
  const keys = order.split(',').map((one) => ({
    sign: one.startsWith('-') ? -1 : 1,
    key: one.replace(/^[+-]/, ''),
  }));
  return runs.toSorted((a, b) => {
    for (const { sign, key } of keys) {
      const difference = compare(columnOf(a, key), columnOf(b, key));
      if (difference) return sign * difference;
    }
    return 0;
  });
}

function columnOf(run: Run, key: string): unknown {
  const column = COLUMNS[key];
  if (column) return column(run);
  const [section, ...path] = key.split('.');
  if (section === 'config') return configValue(parseObject(run.config), path.join('.'));
  if (section === 'summary_metrics') return inside(parseObject(run.summaryText), path.join('.'));
  throw new Refusal(400, `unknown column ${key} of runs`);
}

/** Config values are wrapped: `config.lr` and `config.lr.value` are the same. */
function configValue(config: JsonObject, path: string): unknown {
  for (const [key, wrapped] of Object.entries(config)) {
    if (!isObject(wrapped) || (path !== key && !path.startsWith(`${key}.`))) continue;
    const rest = path.slice(key.length + 1);
    if (rest === '' || rest === 'value') return wrapped.value;
    return inside(wrapped.value, rest.replace(/^value\./, ''));
  }
  return undefined;
}

function inside(value: unknown, path: string): unknown {
  if (!isObject(value)) return undefined;
  if (Object.hasOwn(value, path)) return value[path];
  const dot = path.indexOf('.');
  return dot < 0 ? undefined : inside(value[path.slice(0, dot)], path.slice(dot + 1));
}

function listOf(operand: unknown, name: string): unknown[] {
  demand(Array.isArray(operand), `${name} takes a list`);
  return operand;
}

/** A list has each of its values, as in MongoDB. */
function equal(value: unknown, operand: unknown): boolean {
  if (Array.isArray(value) && !Array.isArray(operand)) return value.includes(operand);
  return JSON.stringify(value ?? null) === JSON.stringify(operand ?? null);
}

/** NaN, which is neither more nor less, where values can't be compared. */
function compare(value: unknown, operand: unknown): number {
  if (typeof value === 'number' && typeof operand === 'number') return value - operand;
  if (typeof value === 'string' && typeof operand === 'string') return value < operand ? -1 : Number(value > operand);
  return Number.NaN;
}
