// Series as artifact files: text lines, JSON lines, histograms, CSV. Pure: batches in, text out.

import type { FloatSeriesBatch, HistogramSeriesBatch, SeriesColumns, StringSeriesBatch } from '../model/batches.ts';
import { int64At, isSafeInt64, words } from '../model/int64.ts';
import { decimalStepText, scaledMicro } from './steps.ts';
import { pythonFloat, timeText } from './values.ts';

/** A file that grows by batches: `head`, the batches' texts with `between` among them, `tail`. */
export interface SeriesFormat<B> {
  name: string;
  head: string;
  between: string;
  tail: string;
  /** One entry an element of the file, empty if the batch has none for it. */
  entries(batch: B): Iterable<string>;
}

/** Lines `step; time; value` (format of the official loader); nulls are left out, as there. Step x multiplier, exact. */
export function seriesText(multiplier: bigint): SeriesFormat<StringSeriesBatch> {
  return {
    name: 'series.txt',
    head: '',
    between: '\n',
    tail: '',
    *entries(batch) {
      const columns = textColumns(batch, multiplier);
      for (let i = 0; i < batch.length; i++) {
        const value = batch.values[i];
        if (value === null || value === undefined) continue;
        yield `${columns.step(i) ?? 'None'}; ${columns.time(i) ?? 'None'}; ${value}`;
      }
    },
  };
}

/** Lines of JSON, for values that break the lines of `series.txt`. Step x multiplier as a number of any length. */
export function seriesJsonl(multiplier: bigint): SeriesFormat<StringSeriesBatch> {
  return {
    name: 'series.jsonl',
    head: '',
    between: '',
    tail: '',
    *entries(batch) {
      const columns = textColumns(batch, multiplier);
      for (let i = 0; i < batch.length; i++) {
        const time = JSON.stringify(columns.time(i) ?? null);
        const value = JSON.stringify(batch.values[i] ?? null);
        yield `{"step": ${columns.step(i) ?? 'null'}, "timestamp": ${time}, "value": ${value}}\n`;
      }
    },
  };
}

/** `{"histograms": [...]}` as the official loader names things, but with real arrays. Nulls are left out, as there. */
export function histogramsJson(multiplier: bigint): SeriesFormat<HistogramSeriesBatch> {
  return {
    name: 'histograms.json',
    head: '{"histograms": [\n',
    between: ',\n',
    tail: '\n]}\n',
    *entries(batch) {
      const columns = textColumns(batch, multiplier);
      for (let i = 0; i < batch.length; i++) {
        const value = batch.values[i];
        if (value === null || value === undefined) continue;
        const time = JSON.stringify(columns.time(i) ?? null);
        yield `{"step": ${columns.step(i) ?? 'null'}, "type": ${JSON.stringify(value.type)}, ` +
          `"edges": ${numbersJson(value.edges)}, "values": ${numbersJson(value.values)}, "timestamp": ${time}}`;
      }
    },
  };
}

/** A float series as it is in the archive: Neptune's own step, without the multiplier. Nulls are empty. */
export const seriesCsv: SeriesFormat<FloatSeriesBatch> = {
  name: 'series.csv',
  head: 'step,timestamp,value\n',
  between: '',
  tail: '',
  *entries(batch) {
    const columns = textColumns(batch, 1n);
    for (let i = 0; i < batch.length; i++) {
      const value = batch.valueValid?.[i] === 0 ? '' : numberText(batch.values[i]!);
      yield `${columns.step(i) ?? ''},${columns.time(i) ?? ''},${value}\n`;
    }
  },
};

/** Step and time of a row as text; undefined for null. */
function textColumns(batch: SeriesColumns, multiplier: bigint) {
  const view = words(batch.steps);
  const times = words(batch.timestamps);
  return {
    step(i: number): string | undefined {
      if (batch.stepValid?.[i] === 0) return undefined;
      return decimalStepText(scaledMicro(batch.steps, view, i, multiplier));
    },
    time(i: number): string | undefined {
      if (batch.timestampValid?.[i] === 0) return undefined;
      const ms = isSafeInt64(times, i) ? int64At(times, i) : batch.timestamps[i]!;
      return isoTime(ms);
    },
  };
}

function numbersJson(values: Float64Array): string {
  const texts: string[] = [];
  for (const value of values) texts.push(Number.isFinite(value) ? numberText(value) : `"${value}"`);
  return `[${texts.join(', ')}]`;
}

/** A time in ISO 8601; beyond the years that JavaScript's dates know in milliseconds. */
export function isoTime(ms: bigint | number): string {
  return timeText(ms, 'T') ?? `${ms} ms`;
}

/** With a point or an exponent: Python reads digits alone as an int, which for 2^53 and more is not the double. */
export function numberText(value: number): string {
  return Number.isFinite(value) ? pythonFloat(value) : String(value);
}
