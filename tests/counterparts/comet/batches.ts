// Batches of metrics and parameters: a batch is taken whole or not at all.

import { type Answer, type Call, done } from './call.ts';
import { isLong, isObject, type Reader, text, type Whole } from './json.ts';
import { checkName, checkParam, isLonger, type ParamValue, TEXT_LENGTH } from './limits.ts';
import { demand, SdkError } from './refusal.ts';
import { seriesName } from './series.ts';
import type { Experiment } from './store.ts';

interface MetricValue {
  metricName: string;
  metricValue: number | bigint | string;
  step: Whole | null;
  epoch: Whole | null;
  context: string | null;
  timestamp: Whole | null;
}

interface ParameterValue {
  parameterName: string;
  parameterValue: ParamValue;
  step: Whole | null;
  context: string | null;
  timestamp: Whole | null;
  source: string | null;
}

const METRIC_FIELDS = new Set(['metricName', 'metricValue', 'step', 'epoch', 'context', 'timestamp']);
const PARAMETER_FIELDS = new Set(['parameterName', 'parameterValue', 'step', 'context', 'timestamp', 'source']);
const SOURCES = new Set(['manual', 'cli', 'auto-logged']);

const values: Reader<unknown[]> = (value, at) => {
  demand(Array.isArray(value), `${at} must be a list`);
  return value;
};

export function takeMetrics(call: Call): Answer {
  const { experimentKey, values: rows } = call.body({ experimentKey: text, values });
  const experiment = call.experiment(experimentKey);
  demand(rows.length <= call.site.limits.batchValues, `more than ${call.site.limits.batchValues} values in a batch`);
  for (const [index, row] of rows.entries()) checkMetric(row, index);
  addMetrics(call, experiment, rows as MetricValue[]);
  return done();
}

/** One value, as the REST call has it. */
export function takeMetric(call: Call): Answer {
  const { experimentKey, ...row } = oneOf(call);
  const experiment = call.experiment(text(experimentKey, 'body.experimentKey'));
  const whole = { step: null, epoch: null, context: null, timestamp: Date.now(), ...row };
  checkMetric(whole, 0);
  addMetrics(call, experiment, [whole as unknown as MetricValue]);
  return done();
}

export function takeParameters(call: Call): Answer {
  const { experimentKey, values: rows } = call.body({ experimentKey: text, values });
  const experiment = call.experiment(experimentKey);
  for (const [index, row] of rows.entries()) checkParameter(row, index);
  addParameters(call, experiment, rows as ParameterValue[]);
  return done();
}

export function takeParameter(call: Call): Answer {
  const { experimentKey, ...row } = oneOf(call);
  const experiment = call.experiment(text(experimentKey, 'body.experimentKey'));
  const whole = { step: null, context: null, timestamp: Date.now(), source: null, ...row };
  checkParameter(whole, 0);
  addParameters(call, experiment, [whole as unknown as ParameterValue]);
  return done();
}

function oneOf(call: Call): Record<string, unknown> {
  const document = call.document();
  demand(isObject(document), 'body must be a JSON object');
  return document;
}

function checkMetric(row: unknown, index: number): void {
  demand(isObject(row), `values[${index}] must be a JSON object`);
  checkFields(row, METRIC_FIELDS, index);
  checkName(row.metricName, `values[${index}].metricName`);
  const { metricValue } = row;
  if (typeof metricValue === 'string')
    demand(!isLonger(metricValue, TEXT_LENGTH), `values[${index}].metricValue has more than ${TEXT_LENGTH} characters`);
  else
    demand(
      typeof metricValue === 'number' || typeof metricValue === 'bigint',
      `values[${index}].metricValue must be a number or a text`,
    );
  checkPlace(row, index);
  checkLong(row, 'epoch', index);
  checkLong({ timestamp: cutTime(row.timestamp) }, 'timestamp', index);
}

function checkParameter(row: unknown, index: number): void {
  demand(isObject(row), `values[${index}] must be a JSON object`);
  checkFields(row, PARAMETER_FIELDS, index);
  checkName(row.parameterName, `values[${index}].parameterName`);
  checkParam(row.parameterValue, `values[${index}].parameterValue`);
  checkPlace(row, index);
  checkLong(row, 'timestamp', index);
  const { source } = row;
  if (source !== undefined && source !== null)
    demand(SOURCES.has(source as string), `values[${index}].source must be one of ${[...SOURCES]}`);
}

function checkFields(row: object, known: Set<string>, index: number): void {
  for (const name in row) demand(known.has(name), `Unrecognized field "${name}" of values[${index}]`);
}

function checkPlace(row: Record<string, unknown>, index: number): void {
  checkLong(row, 'step', index);
  const { context } = row;
  if (context !== undefined && context !== null)
    demand(typeof context === 'string' && context !== '', `values[${index}].context must be a text that isn't empty`);
}

function checkLong(row: Record<string, unknown>, name: string, index: number): void {
  const value = row[name];
  if (value !== undefined && value !== null)
    demand(isLong(value), `values[${index}].${name} must be a whole number of 64 bits`);
}

/** A number with a fraction is cut where a Long is wanted: the official loader sends seconds so, which end up in 1970. */
function cutTime<T>(timestamp: T): T | number {
  return typeof timestamp === 'number' ? Math.trunc(timestamp) + 0 : timestamp;
}

function addMetrics(call: Call, experiment: Experiment, rows: MetricValue[]): void {
  const { limits } = call.site;
  const added = new Set<string>();
  for (const { metricName, context } of rows) {
    const name = seriesName(metricName, context ?? null);
    if (!experiment.metrics.has(name)) added.add(name);
  }
  checkNames(experiment.metrics.size + added.size, limits.metrics, 'metrics');
  experiment.take('values', rows.length);
  for (const { metricName, metricValue, context, step, epoch, timestamp } of rows) {
    // The service keeps numbers as doubles.
    const value = typeof metricValue === 'bigint' ? Number(metricValue) : metricValue;
    experiment.series(metricName, context ?? null).push(value, step ?? null, epoch ?? null, cutTime(timestamp ?? null));
  }
}

function addParameters(call: Call, experiment: Experiment, rows: ParameterValue[]): void {
  const named = rows.map((row) => [seriesName(row.parameterName, row.context ?? null), row] as const);
  const added = new Set(named.map(([name]) => name).filter((name) => !experiment.params.has(name)));
  checkNames(experiment.params.size + added.size, call.site.limits.parameters, 'parameters');
  experiment.take('parameters', rows.length);
  for (const [name, { parameterValue: value, step, context, timestamp, source }] of named)
    experiment.setParam(name, {
      value,
      step: step ?? null,
      context: context ?? null,
      timestamp: timestamp ?? null,
      source: source ?? 'manual',
    });
}

function checkNames(count: number, most: number, what: string): void {
  demand(count <= most, `the experiment can't have more than ${most} different ${what}`, SdkError.custom);
}
