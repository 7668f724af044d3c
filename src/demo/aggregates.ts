// What the server tells of a series without its points: last, smallest, largest, average, variance.

import type { DemoAttribute, FloatSeries } from './dataset.ts';

export const AGGREGATIONS = ['last', 'min', 'max', 'average', 'variance'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** Of the committed points; what can't be told (no points) is absent. NaN counts for `last` only. */
export interface FloatAggregates extends Partial<Record<Aggregation, number>> {
  lastStep?: number;
  hasPreview: boolean;
}

const known = new WeakMap<FloatSeries, FloatAggregates>();

/** Computed on first use: it takes a pass over the whole series. */
export function aggregatesOf(series: FloatSeries): FloatAggregates {
  let aggregates = known.get(series);
  if (!aggregates) {
    aggregates = compute(series);
    known.set(series, aggregates);
  }
  return aggregates;
}

function compute(series: FloatSeries): FloatAggregates {
  const result: FloatAggregates = { hasPreview: false };
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (let index = 0; index < series.length; index++) {
    if (series.completion?.(index) !== undefined) {
      result.hasPreview = true;
      continue;
    }
    const value = series.value(index);
    result.last = value;
    result.lastStep = series.step(index);
    if (Number.isNaN(value)) continue;
    if (result.min === undefined || value < result.min) result.min = value;
    if (result.max === undefined || value > result.max) result.max = value;
    count++;
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  if (count > 0) Object.assign(result, { average: mean, variance: squares / count });
  return result;
}

/** A value that runs can be compared and sorted by; undefined where the attribute has none. */
export type Comparable = number | bigint | string | boolean;

export function comparableOf(attribute: DemoAttribute, aggregation: Aggregation = 'last'): Comparable | undefined {
  switch (attribute.type) {
    case 'float':
    case 'int':
    case 'string':
    case 'bool':
    case 'datetime':
      return attribute.value;
    case 'floatSeries':
      return aggregatesOf(attribute.series)[aggregation];
    case 'stringSeries':
      return attribute.series.length > 0 ? attribute.series.value(attribute.series.length - 1) : undefined;
    default:
      return undefined;
  }
}
