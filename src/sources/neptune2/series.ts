// Reading of float and string series, page by page.

import type { FloatSeriesBatch, StringSeriesBatch } from '../../model/batches.ts';
import { ExporterError } from '../../model/errors.ts';
import { setInt64, words } from '../../model/int64.ts';
import { microOfStep } from '../../model/steps.ts';
import { asArray, asObject } from '../json.ts';
import { failureOfSeries, handOver, holder, type SeriesRef } from '../work.ts';
import type { Connection } from './connection.ts';
import { looseFloat, looseInt } from './loose-json.ts';
import { endsExport, type Work2 } from './work.ts';

/** Bytes of a single value that newer servers are asked for; their own choice is 1000. */
const VALUE_LENGTH = 1_000_000;
/** Answers without a new point after which a series counts as broken. */
const MAX_IDLE = 2;

const OPERATIONS = { float_series: 'getFloatSeriesValues', string_series: 'getStringSeriesValues' } as const;

/** Where a series goes on. */
interface Position {
  received: number;
  /** By the server's first answer. */
  total: number;
  lastStep: number;
  /** First point of the series, by which a page that is sent again is known. */
  first: string | undefined;
}

/** Reads all points of a series into the sink, to which a failure is told. @throws what `endsExport` */
export async function readSeries(work: Work2, series: SeriesRef): Promise<void> {
  try {
    await readPages(work, series);
  } catch (error) {
    if (endsExport(error)) throw error;
    work.sink.failure(series.run, failureOfSeries(series, error));
  }
}

async function readPages(work: Work2, series: SeriesRef): Promise<void> {
  const position: Position = { received: 0, total: 0, lastStep: Number.NEGATIVE_INFINITY, first: undefined };
  for (let idle = 0; ; ) {
    const { points, total } = await readPage(work, series, position);
    if (position.received === 0) position.total = total;
    const fresh = freshPoints(points, position, series);
    if (fresh.length > 0) {
      await handOver(work.sink.batch(series.run, batchOf(series, fresh)));
      position.received += fresh.length;
      position.lastStep = fresh.at(-1)!.step;
    }
    // A server that doesn't count says by an empty page that this was all.
    const uncounted = position.total === Number.POSITIVE_INFINITY && fresh.length === 0;
    if (position.received >= position.total || uncounted) break;
    // Nothing, though the server counts more, is an answer that broke.
    idle = fresh.length > 0 ? 0 : idle + 1;
    if (idle <= MAX_IDLE) continue;
    const text = `The server counts ${position.total} points of ${series.path}, but sends only ${position.received}.`;
    throw new ExporterError('bad_answer', text);
  }
  if (position.received > 0 || series.lastStep === undefined) return;
  const text = `The server lists ${series.path} up to step ${series.lastStep}, but sends no point of it.`;
  throw new ExporterError('bad_answer', text);
}

interface Point {
  step: number;
  timestamp: number;
  value: unknown;
}

/** @throws ExporterError `bad_answer` if the server sends the beginning again, which would go on for ever */
function freshPoints(points: Point[], position: Position, series: SeriesRef): Point[] {
  const [first] = points;
  if (!first) return [];
  const key = `${first.step} ${first.timestamp}`;
  if (position.first === undefined) position.first = key;
  else if (key === position.first && first.step < position.lastStep) {
    throw new ExporterError('bad_answer', `The server sends the first points of ${series.path} again and again.`);
  }
  return points;
}

async function readPage(
  work: Work2,
  series: SeriesRef,
  position: Position,
): Promise<{ points: Point[]; total: number }> {
  const { connection } = work;
  const operation = OPERATIONS[series.type as keyof typeof OPERATIONS];
  const ask = (limit: number) =>
    connection.call(operation, argumentsOf(connection, operation, series, position, limit), { signal: work.signal });
  const answer = await connection.pointPages.use(ask);
  const { values, totalItemCount } = asObject(answer);
  const points = asArray(values ?? [], 'values').map((value) => pointOf(value, series));
  return { points, total: typeof totalItemCount === 'number' ? totalItemCount : Number.POSITIVE_INFINITY };
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
  const number = step === null || step === undefined ? Number.NaN : looseFloat(step);
  const time = looseInt(timestampMillis);
  if (number === undefined || !Number.isFinite(number) || time === undefined) {
    throw new ExporterError('bad_answer', `The server sends a point of ${path} without a step or a timestamp.`);
  }
  return { step: number, timestamp: Number(time), value: content };
}

function batchOf(series: SeriesRef, points: Point[]): FloatSeriesBatch | StringSeriesBatch {
  const { path } = series;
  const { length } = points;
  const steps = new BigInt64Array(length);
  const timestamps = new BigInt64Array(length);
  const stepWords = words(steps);
  const timeWords = words(timestamps);
  points.forEach(({ step, timestamp }, index) => {
    const micro = microOfStep(step);
    if (typeof micro === 'bigint') steps[index] = micro;
    else setInt64(stepWords, index, micro);
    setInt64(timeWords, index, timestamp);
  });
  const wrong = (index: number) =>
    new ExporterError(
      'bad_answer',
      `The point at step ${points[index]!.step} of ${path} is no value of a ${series.type}.`,
    );
  if (series.type === 'string_series') {
    const values = points.map(({ value }, index) => {
      if (typeof value !== 'string') throw wrong(index);
      return value;
    });
    return { kind: 'string_series', path, length, steps, timestamps, values };
  }
  const values = new Float64Array(length);
  points.forEach(({ value }, index) => {
    const float = looseFloat(value);
    if (float === undefined) throw wrong(index);
    values[index] = float;
  });
  return { kind: 'float_series', path, length, steps, timestamps, values };
}
