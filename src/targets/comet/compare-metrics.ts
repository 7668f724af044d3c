// Metrics of a run beside what Comet gives back of them: all points of short ones, a sample of long ones.

import { throwIfAborted } from '../../http/limits.ts';
import type { FloatSeriesBatch } from '../../model/batches.ts';
import { int64At, isSafeInt64, words } from '../../model/int64.ts';
import type { Origin } from '../file-store.ts';
import { pointText } from '../point-sums.ts';
import { scaledMicro, wholeStepText } from '../steps.ts';
import type { PointDifference } from '../target.ts';
import type { Verdicts } from '../verdicts.ts';
import type { CometClient } from './client.ts';
import { MAX_POINTS } from './plan.ts';

/** Points of a series that are named. */
const NAMED = 5;

export interface MetricsContext {
  client: CometClient;
  key: string;
  verdicts: Verdicts;
  onPoints: (count: number) => void;
  signal: AbortSignal;
}

interface Series {
  origin: Origin;
  expected: number;
  /** Points that Comet gave. */
  found: number;
  /** Texts of points that Comet gave and the archive has not accounted for so far, with how often. */
  left: Map<string, number>;
  missing: number;
  /** The first of them. */
  missingFirst: string[];
}

export class MetricComparison {
  /** Points that the service sent. */
  points = 0;
  readonly #context: MetricsContext;
  readonly #open = new Map<string, Series>();
  readonly #seen = new Set<string>();

  constructor(context: MetricsContext) {
    this.#context = context;
  }

  /** Whether the archive has a metric of this name. */
  has(name: string): boolean {
    return this.#seen.has(name);
  }

  async add(name: string, batch: FloatSeriesBatch, multiplier: bigint, origin: Origin): Promise<void> {
    throwIfAborted(this.#context.signal);
    const series = this.#open.get(name) ?? (await this.#begin(name, origin));
    const { steps, timestamps, stepValid, timestampValid, valueValid, values } = batch;
    const [stepWords, timeWords] = [words(steps), words(timestamps)];
    series.expected += batch.length;
    for (let i = 0; i < batch.length; i++) {
      const step = wholeStepText(stepValid?.[i] === 0 ? 0 : scaledMicro(steps, stepWords, i, multiplier));
      const time = timestampValid?.[i] === 0 ? 0 : isSafeInt64(timeWords, i) ? int64At(timeWords, i) : timestamps[i]!;
      const text = pointText(step, time, valueValid?.[i] === 0 ? Number.NaN : values[i]!);
      const left = series.left.get(text);
      if (left === undefined) {
        series.missing++;
        if (series.missingFirst.length < NAMED) series.missingFirst.push(text);
      } else if (left === 1) series.left.delete(text);
      else series.left.set(text, left - 1);
    }
  }

  /** All points of the metric were given. */
  async end(name: string): Promise<void> {
    const series = this.#open.get(name);
    this.#open.delete(name);
    if (series) this.#judge(name, series);
  }

  async flush(): Promise<void> {
    for (const name of [...this.#open.keys()]) await this.end(name);
  }

  async #begin(name: string, origin: Origin): Promise<Series> {
    const { client, key, onPoints } = this.#context;
    this.#seen.add(name);
    const held = await client.metric(key, name);
    const left = new Map<string, number>();
    for (const { value, step, timestamp } of held) {
      const text = pointText(String(step), timestamp ?? 0, value.trim() === '' ? Number.NaN : Number(value));
      left.set(text, (left.get(text) ?? 0) + 1);
    }
    this.points += held.length;
    onPoints(held.length);
    const series = { origin, expected: 0, found: held.length, left, missing: 0, missingFirst: [] };
    this.#open.set(name, series);
    return series;
  }

  #judge(name: string, { origin, expected, found, left, missing, missingFirst }: Series): void {
    const isSampled = expected > MAX_POINTS && found > 0;
    // A sample lacks what it lacks; the marks of batches tell of the rest.
    const lacks = isSampled ? 0 : missing;
    if (lacks === 0 && left.size === 0) return;
    const counts = { what: `metric ${name}`, expected: String(expected), found: String(found) };
    if (found === 0) {
      const message = `The target has none of ${expected} points.`;
      this.#context.verdicts.add(origin, { kind: 'missing', ...counts, message });
      return;
    }
    const points = pairs(lacks === 0 ? [] : missingFirst, [...left.keys()].slice(0, NAMED));
    const told =
      expected === found
        ? `The target has ${found} points, as many as the archive, but not the same`
        : `The target has ${found} points, the archive ${expected}`;
    const named = points.slice(0, NAMED);
    this.#context.verdicts.add(origin, {
      kind: left.size === 0 ? 'missing' : 'different',
      ...counts,
      message: `${told}: ${named.map(pointWords).join('; ')}.`,
      points: named,
    });
  }
}

/** What lacks and what is too much at one step and time is one point with another value. */
function pairs(missing: readonly string[], extra: readonly string[]): PointDifference[] {
  const byPlace = new Map<string, PointDifference>();
  const put = (text: string, side: 'expected' | 'found') => {
    const at = text.lastIndexOf(' ');
    const place = text.slice(0, at);
    const [step = '', timestamp = ''] = place.split(' ');
    const point = byPlace.get(place) ?? { step, timestamp };
    byPlace.set(place, { ...point, [side]: text.slice(at + 1) });
  };
  for (const text of missing) put(text, 'expected');
  for (const text of extra) put(text, 'found');
  return [...byPlace.values()].sort(
    (left, right) => Number(left.step) - Number(right.step) || Number(left.timestamp) - Number(right.timestamp),
  );
}

function pointWords({ step, timestamp, expected, found }: PointDifference): string {
  const place = `step ${step} (${timestamp} ms)`;
  if (expected === undefined) return `${place} has ${found}, which is not of the archive`;
  return found === undefined
    ? `${place} with ${expected} is missing`
    : `${place} should be ${expected} and is ${found}`;
}
