// Reading of float and string series, page by page.

import type { FloatSeriesBatch, StringSeriesBatch } from '../../model/batches.ts';
import { ExporterError } from '../../model/errors.ts';
import { setInt64, words } from '../../model/int64.ts';
import { microOfStep } from '../../model/steps.ts';
import { asArray, asObject } from '../json.ts';
import { failureOfSeries, handOver, holder, isFatal, type SeriesRef } from '../work.ts';
import type { Connection } from './connection.ts';
import { readFloatPage } from './json-points.ts';
import { countOf, looseFloat, looseInt, parseLooseJson } from './loose-json.ts';
import type { Work2 } from './work.ts';

/** Bytes of a single value that newer servers are asked for; their own choice is 1000. */
const VALUE_LENGTH = 1_000_000;
/** Answers without a new point after which a series counts as broken. */
const MAX_IDLE = 2;

/** Steps have six decimals. */
const STEP_PRECISION = 1e-6;

const OPERATIONS = { float_series: 'getFloatSeriesValues', string_series: 'getStringSeriesValues' } as const;

/** Where a series goes on. */
interface Position {
  received: number;
  /** The server's largest count so far; undefined if it doesn't count. */
  total: number | undefined;
  lastStep: number;
  /** The last page, by which one that is sent again is known. */
  page: string | undefined;
}

/** Reads all points of a series into the sink, to which a failure is told. @throws what `isFatal` */
export async function readSeries(work: Work2, series: SeriesRef): Promise<void> {
  try {
    await readPages(work, series);
  } catch (error) {
    if (isFatal(error)) throw error;
    work.sink.failure(series.run, failureOfSeries(series, error));
  }
}

async function readPages(work: Work2, series: SeriesRef): Promise<void> {
  const position: Position = { received: 0, total: undefined, lastStep: Number.NEGATIVE_INFINITY, page: undefined };
  for (let idle = 0; idle <= MAX_IDLE; ) {
    const page = await readPage(work, series, position);
    const { length, total, lastStep } = page;
    if (total !== undefined) position.total = Math.max(position.total ?? 0, total);
    refuseRepetition(page, position, series);
    if (length > 0) {
      await handOver(work.sink.batch(series.run, page.batch()));
      page.release?.();
      position.received += length;
      position.lastStep = lastStep ?? position.lastStep;
    }
    if (isWhole(series, position, length)) return;
    // Nothing, though there should be more, is an answer that broke.
    idle = length > 0 ? 0 : idle + 1;
  }
  throw new ExporterError('bad_answer', missingText(series, position));
}

/** What an answer brought. */
interface Page {
  length: number;
  total: number | undefined;
  /** Step of the first point, and of the last one that has a step. */
  firstStep: number | undefined;
  lastStep: number | undefined;
  /** What tells it from another page of the series. */
  mark: string;
  /** @throws ExporterError `bad_answer` for what is no value of the series */
  batch: () => FloatSeriesBatch | StringSeriesBatch;
  /** To be called once the batch has been read. */
  release?: () => void;
}

/** Both must be reached: the server's count, which may be that of a page, and the last step that it lists. */
function isWhole({ lastStep }: SeriesRef, position: Position, length: number): boolean {
  const { received, total } = position;
  // A server that doesn't count says by an empty page that this was all.
  const counted = total === undefined ? length === 0 : received >= total;
  return counted && (lastStep === undefined || position.lastStep >= lastStep - STEP_PRECISION);
}

function missingText({ path, lastStep }: SeriesRef, position: Position): string {
  const { received, total } = position;
  if (received === 0) return `The server lists ${path} up to step ${lastStep}, but sends no point of it.`;
  if (total !== undefined && received < total) {
    return `The server counts ${total} points of ${path}, but sends only ${received}.`;
  }
  return `The server lists ${path} up to step ${lastStep}, but sends points only up to step ${position.lastStep}.`;
}

/** A point as the server sent it; what is null there is undefined here. */
interface Point {
  step: number | undefined;
  timestamp: number | undefined;
  value: unknown;
}

/** @throws ExporterError `bad_answer` if the server sends a page again, which would go on for ever */
function refuseRepetition({ length, firstStep, mark }: Page, position: Position, { path }: SeriesRef): void {
  if (length === 0) return;
  const again = mark === position.page || (firstStep !== undefined && firstStep < position.lastStep);
  if (again) throw new ExporterError('bad_answer', `The server sends the same points of ${path} again and again.`);
  position.page = mark;
}

function readPage(work: Work2, series: SeriesRef, position: Position): Promise<Page> {
  const { connection, signal } = work;
  const operation = OPERATIONS[series.type as keyof typeof OPERATIONS];
  const pages = series.type === 'float_series' ? connection.floatPages : connection.stringPages;
  return pages.use((limit, budgetMs) =>
    connection.call(operation, argumentsOf(connection, operation, series, position, limit), {
      signal,
      decode: (body) =>
        (series.type === 'float_series' && usualPage(connection, series, body)) || anyPage(series, body),
      ...(budgetMs === undefined ? {} : { budgetMs }),
    }),
  );
}

/** A page of floats that holds nothing odd. */
function usualPage({ spareColumns }: Connection, { path }: SeriesRef, body: Buffer): Page | undefined {
  const page = readFloatPage(body, spareColumns);
  if (!page) return undefined;
  const { columns, length, total, firstStep, lastStep } = page;
  const { steps, timestamps, values } = columns;
  return {
    ...{ length, total, firstStep, lastStep },
    mark: markOf(length, firstStep, timestamps[0], lastStep, timestamps[length - 1], values[length - 1]),
    batch: () => ({ kind: 'float_series', path, length, steps, timestamps, values }),
    release: () => spareColumns.give(columns),
  };
}

function anyPage(series: SeriesRef, body: Buffer): Page {
  const { values, totalItemCount } = asObject(parseLooseJson(body));
  const points = asArray(values ?? [], 'values').map((value) => pointOf(value, series));
  const [first] = points;
  const last = points.at(-1);
  return {
    length: points.length,
    total: countOf(totalItemCount),
    firstStep: first?.step,
    lastStep: points.findLast(({ step }) => step !== undefined)?.step,
    mark: markOf(points.length, first?.step, first?.timestamp, last?.step, last?.timestamp, last?.value),
    batch: () => batchOf(series, points),
  };
}

function markOf(...parts: unknown[]): string {
  return JSON.stringify(parts.map(String));
}

function argumentsOf(
  connection: Connection,
  operation: string,
  { run, path }: SeriesRef,
  { received, lastStep }: Position,
  limit: number,
) {
  const common = { experimentId: holder(run), attribute: path, limit, maxSingleValueLength: VALUE_LENGTH };
  const bySteps =
    connection.operations.takes(operation, 'skipToStep') && !connection.operations.takes(operation, 'offset');
  if (bySteps) return { ...common, skipToStep: received === 0 ? undefined : lastStep };
  const knowsOffset = { ...common, offset: received };
  // A server without a description of its parameters is an old one: it doesn't know this.
  if (!connection.operations.takes(operation, 'maxSingleValueLength')) {
    return { ...knowsOffset, maxSingleValueLength: undefined };
  }
  return knowsOffset;
}

function pointOf(value: unknown, { path }: SeriesRef): Point {
  const { step, timestampMillis, value: content } = asObject(value);
  const number = step === null || step === undefined ? undefined : (looseFloat(step) ?? Number.NaN);
  const time = timestampMillis === null || timestampMillis === undefined ? undefined : looseInt(timestampMillis);
  const wrongTime = time === undefined && timestampMillis !== null && timestampMillis !== undefined;
  if ((number !== undefined && !Number.isFinite(number)) || wrongTime) {
    throw new ExporterError('bad_answer', `The server sends a point of ${path} with a step or time that is none.`);
  }
  return { step: number, timestamp: time === undefined ? undefined : Number(time), value: content };
}

/** What the server has as null stays null; a number in place of a text, or the other way, is no answer. */
function batchOf(series: SeriesRef, points: Point[]): FloatSeriesBatch | StringSeriesBatch {
  const { path } = series;
  const { length } = points;
  const steps = new BigInt64Array(length);
  const timestamps = new BigInt64Array(length);
  const stepWords = words(steps);
  const timeWords = words(timestamps);
  points.forEach(({ step = 0, timestamp = 0 }, index) => {
    const micro = microOfStep(step);
    if (typeof micro === 'bigint') steps[index] = micro;
    else setInt64(stepWords, index, micro);
    setInt64(timeWords, index, timestamp);
  });
  const columns = { path, length, steps, timestamps, ...validity(points) };
  const wrong = (index: number) =>
    new ExporterError(
      'bad_answer',
      `The point at step ${points[index]!.step} of ${path} is no value of a ${series.type}.`,
    );
  if (series.type === 'string_series') {
    const values = points.map(({ value }, index) => {
      if (value === null || value === undefined) return null;
      if (typeof value !== 'string') throw wrong(index);
      return value;
    });
    return { kind: 'string_series', ...columns, values };
  }
  const values = new Float64Array(length);
  points.forEach(({ value }, index) => {
    const float = looseFloat(value);
    if (float === undefined) throw wrong(index);
    values[index] = float;
  });
  return { kind: 'float_series', ...columns, values };
}

function validity(points: Point[]): { stepValid?: Uint8Array; timestampValid?: Uint8Array } {
  const column = (name: 'step' | 'timestamp') =>
    points.some((point) => point[name] === undefined)
      ? { [`${name}Valid`]: Uint8Array.from(points, (point) => (point[name] === undefined ? 0 : 1)) }
      : {};
  return { ...column('step'), ...column('timestamp') };
}
