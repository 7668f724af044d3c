// Reading of string, histogram and file series, which the server cuts into pages by its own measure.

import type { Histogram } from '../../model/batches.ts';
import { ExporterError } from '../../model/errors.ts';
import { microOfStep } from '../../model/steps.ts';
import { inGroups } from '../isolating.ts';
import { ProtobufReader } from '../protobuf.ts';
import { failureOfSeries, handOver, holder, reportSilent, type SeriesRef, type Work } from '../work.ts';
import { readFilePoint } from './files.ts';
import { decodeSeriesPages, type FileRef, type SeriesPoint } from './messages.ts';

const PATH = '/api/leaderboard/v1/proto/attributes/series?useDeprecatedStringFields=false';
/** The server fills an answer series by series, some 1000 points in all: more series a request would just wait. */
const SERIES_PER_REQUEST = 100;

interface Reading {
  series: SeriesRef;
  /** Where the next page begins, as the server said. */
  token: string | undefined;
  answered: boolean;
  done: boolean;
}

/**
 * Reads all points of such series into the sink. Series that fail for good are told to it.
 * @param settled told of each series when nothing more of it comes
 */
export async function readSeries(
  work: Work,
  series: SeriesRef[],
  settled: (series: SeriesRef) => Promise<void>,
): Promise<void> {
  const groups: Reading[][] = [];
  // Small groups at first choice: they run side by side. Points that are files take their time, so each series has its own.
  const most = series.some(({ type }) => type === 'file_series') ? 1 : SERIES_PER_REQUEST;
  const size = Math.max(1, Math.min(most, Math.ceil(series.length / work.concurrency)));
  for (let at = 0; at < series.length; at += size) {
    const group = series.slice(at, at + size);
    groups.push(group.map((one): Reading => ({ series: one, token: undefined, answered: false, done: false })));
  }
  await inGroups(groups, work.concurrency, (readings, budgetMs) => readGroup(work, readings, budgetMs), {
    failed: ({ series: one }, error) => work.sink.failure(one.run, failureOfSeries(one, error)),
    settled: (reading) => settled(reading.series),
  });
}

async function readGroup(work: Work, readings: Reading[], budgetMs: number | undefined): Promise<void> {
  let idle = 0;
  for (;;) {
    const open = readings.filter((reading) => !reading.done);
    if (open.length === 0) return;
    const progress = await readPage(work, open, budgetMs);
    // Without progress twice, what is left has no points of its own, though the server lists it.
    idle = progress ? 0 : idle + 1;
    if (idle < 2) continue;
    const halfRead = open.find((reading) => reading.token !== undefined);
    if (halfRead) {
      throw new ExporterError('bad_answer', `The server stops in the middle of the series ${halfRead.series.path}.`);
    }
    for (const { series } of open.filter(({ answered }) => !answered)) reportSilent(work, series);
    return;
  }
}

/** One request; true if any series came further. */
async function readPage(work: Work, readings: Reading[], budgetMs: number | undefined): Promise<boolean> {
  const byId = new Map(readings.map((reading, index) => [String(index), reading]));
  const requests = [...byId].map(([requestId, { series, token }]) => ({
    requestId,
    series: {
      holder: { identifier: holder(series.run), type: 'experiment' },
      attribute: series.path,
      lineage: 'NONE',
      lineageEntityType: 'RUN',
    },
    ...(token === undefined ? {} : { searchAfter: { finished: false, token } }),
  }));
  const body = JSON.stringify({ requests, stepRange: { from: null, to: null }, order: 'ascending' });
  const pages = await work.api.call(
    { path: PATH, body, signal: work.signal, ...(budgetMs === undefined ? {} : { budgetMs }) },
    (answer) => decodeSeriesPages(new ProtobufReader(answer)),
  );
  let progress = false;
  for (const page of pages) {
    const reading = byId.get(page.requestId);
    if (!reading || !page.searchAfter) continue;
    byId.delete(page.requestId);
    // A page without points that leads to itself would be asked for for ever.
    const { finished, token } = page.searchAfter;
    if (finished || page.points.length > 0 || token !== reading.token) progress = true;
    await deliver(work, reading.series, page.points);
    reading.answered = true;
    reading.token = token;
    reading.done = finished;
  }
  return progress;
}

async function deliver(work: Work, series: SeriesRef, points: SeriesPoint[]): Promise<void> {
  if (points.length === 0) return;
  const steps = BigInt64Array.from(points, ({ step }) => BigInt(microOfStep(step)));
  const timestamps = BigInt64Array.from(points, ({ timestamp }) => timestamp);
  const columns = { path: series.path, length: points.length, steps, timestamps };
  const wrong = (point: SeriesPoint) =>
    new ExporterError(
      'bad_answer',
      `The point at step ${point.step} of ${series.path} is no value of a ${series.type}.`,
    );
  if (series.type === 'string_series') {
    const values = points.map((point) => {
      if (typeof point.value !== 'string') throw wrong(point);
      return point.value;
    });
    await handOver(work.sink.batch(series.run, { kind: 'string_series', ...columns, values }));
  } else if (series.type === 'histogram_series') {
    const values = points.map((point) => {
      if (!isHistogram(point.value)) throw wrong(point);
      return point.value;
    });
    await handOver(work.sink.batch(series.run, { kind: 'histogram_series', ...columns, values }));
  } else {
    const files = points.map((point, index) => {
      if (!isFileRef(point.value)) throw wrong(point);
      return { step: steps[index]!, timestamp: point.timestamp, file: point.value };
    });
    await readFilePoint(work, series, files);
  }
}

function isHistogram(value: SeriesPoint['value']): value is Histogram {
  return typeof value === 'object' && 'edges' in value;
}

function isFileRef(value: SeriesPoint['value']): value is FileRef {
  return typeof value === 'object' && 'mimeType' in value;
}
