// Reading of float series: which series go into one request, how many points of each, and what is asked for next.

import { ConsumerError } from '../http/client.ts';
import { ExporterError } from '../model/errors.ts';
import { decodeFloatSeries, type FloatSeriesAnswer } from './float-points.ts';
import { inGroups } from './isolating.ts';
import { failureOfSeries, handOver, holder, reportSilent, type SeriesRef, type Work } from './work.ts';

/** The server's limit of points a request, over all its series. */
const POINTS_PER_REQUEST = 1_000_000;
/** The server's limit of series a request. */
const SERIES_PER_REQUEST = 10_000;
/** Points of a series that its first request makes room for: a large last step may belong to few points. */
const FIRST_PAGE = 2500;
/** Most points of one series an answer: bounds the memory that one message takes. */
const POINTS_PER_SERIES = 100_000;

/**
 * Reads all points of float series into the sink. Series that fail for good are told to it.
 * @param settled told of each series when nothing more of it comes
 */
export async function readFloatSeries(
  work: Work,
  series: SeriesRef[],
  settled: (series: SeriesRef) => Promise<void> = async () => {},
): Promise<void> {
  const groups = packRequests(series, work.concurrency).map((group) =>
    group.map(
      (one): Reading => ({ series: one, afterStep: undefined, answered: false, received: 0, total: 0, done: false }),
    ),
  );
  await inGroups(groups, work.concurrency, (readings, budgetMs) => readGroup(work, readings, budgetMs), {
    failed: ({ series: one }, error) => work.sink.failure(one.run, failureOfSeries(one, error)),
    settled: (reading) => settled(reading.series),
  });
}

/**
 * Puts series of about the same length together, so that a request can allow each all its points and stays below the
 * server's limit. The last step + 1 is the length where steps count by ones, which is the rule; where it is not, the
 * request just needs another round. A request with more points than the limit gets full answers until the end anyway,
 * so long series need no small groups, but several groups that run side by side.
 * @param sideBySide how many requests may be under way at once
 */
export function packRequests(series: SeriesRef[], sideBySide: number): SeriesRef[][] {
  const sorted = [...series].sort((a, b) => expectedPoints(a) - expectedPoints(b));
  const total = sorted.reduce((sum, one) => sum + expectedPoints(one), 0);
  const fullAnswers = Math.ceil(total / POINTS_PER_REQUEST);
  const most = Math.min(SERIES_PER_REQUEST, Math.ceil(sorted.length / Math.min(sideBySide, fullAnswers)));
  const groups: SeriesRef[][] = [];
  let group: SeriesRef[] = [];
  for (const one of sorted) {
    const room = POINTS_PER_REQUEST / Math.min(FIRST_PAGE, expectedPoints(one));
    if (group.length > 0 && (group.length + 1 > room || group.length >= most)) {
      groups.push(group);
      group = [];
    }
    group.push(one);
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/** One more than the points that are likely: an answer that isn't full needs no second request to see the end. */
export function expectedPoints({ lastStep }: SeriesRef): number {
  if (lastStep === undefined || !(lastStep >= 0)) return 1000;
  return Math.min(POINTS_PER_SERIES, Math.floor(lastStep) + 2);
}

/** How far a series has been read. */
interface Reading {
  series: SeriesRef;
  afterStep: number | undefined;
  answered: boolean;
  /** Points delivered so far, and how many the server counted at its first answer (0: it doesn't tell). */
  received: number;
  total: number;
  /** All points are delivered. */
  done: boolean;
}

async function readGroup(work: Work, readings: Reading[], budgetMs: number | undefined): Promise<void> {
  let open = readings.filter((reading) => !reading.done);
  let askedAgain = false;
  while (open.length > 0) {
    await readPage(work, open, budgetMs);
    const silent = open.filter((reading) => !reading.answered);
    open = open.filter((reading) => reading.answered && !reading.done);
    // A series that the server lists, but leaves out of its answer, is asked for once more: an answer cut at the
    // border of two messages looks just like this.
    if (silent.length > 0 && !askedAgain) {
      askedAgain = true;
      open.push(...silent);
    } else {
      for (const { series } of silent) reportSilent(work, series);
    }
  }
}

/** One request: the next points of each reading. */
async function readPage(work: Work, readings: Reading[], budgetMs: number | undefined): Promise<void> {
  const limit = Math.max(1, Math.min(POINTS_PER_SERIES, Math.floor(POINTS_PER_REQUEST / readings.length)));
  // What an interrupted try has delivered is not asked for again: the body is made anew for each try.
  const pending = new Map(readings.map((reading, index) => [String(index), reading]));
  let delivered = 0;
  let deliveredBefore = 0;
  await work.api.stream(
    {
      path: work.floats.path,
      signal: work.signal,
      body: () => requestBody(work, pending, limit),
      progressed: () => {
        const progress = delivered > deliveredBefore;
        deliveredBefore = delivered;
        return progress;
      },
      ...(budgetMs === undefined ? {} : { budgetMs }),
    },
    async ({ body }) => {
      for await (const answer of decodeFloatSeries(work.turns.take(body, () => work.sink.alive?.()))) {
        // All is there: what else the answer holds is none of ours.
        if (pending.size === 0) return;
        const reading = pending.get(answer.requestId);
        if (!reading) continue;
        checkOrder(reading, answer);
        pending.delete(answer.requestId);
        reading.answered = true;
        delivered++;
        const { length } = answer.points;
        if (reading.received === 0) reading.total = answer.total;
        reading.received += length;
        // A page that isn't full is the last, unless the server counts more: it may cut pages by a limit of its own.
        reading.done = length === 0 || (length < limit && reading.received >= reading.total);
        if (work.floats.counted && length === 0 && reading.received < reading.total) reportMissing(work, reading);
        if (length === 0) continue;
        reading.afterStep = answer.lastStep;
        try {
          await handOver(work.sink.batch(reading.series.run, { ...answer.points, path: reading.series.path }));
        } catch (error) {
          throw new ConsumerError(error);
        }
      }
    },
  );
}

/** Points with the step of the last one of a page would be among the missing. */
function reportMissing({ sink }: Work, { series, received, total }: Reading): void {
  const text = `The server counts ${total} points of ${series.path}, but sends only ${received}.`;
  sink.failure(series.run, failureOfSeries(series, new ExporterError('bad_answer', text)));
}

function requestBody(work: Work, pending: Map<string, Reading>, limit: number): string {
  const requests = [...pending].map(([requestId, { series, afterStep }]) => ({
    requestId,
    ...(afterStep === undefined ? {} : { afterStep }),
    series: {
      holder: { identifier: holder(series.run), type: 'experiment' },
      attribute: series.path,
      ...work.floats.parameters,
    },
  }));
  return JSON.stringify({
    requests,
    perSeriesPointsLimit: limit,
    ...work.floats.options,
  });
}

/** Points must come after the last page and in order, or pages would lose or repeat some. */
function checkOrder({ series, afterStep }: Reading, { ordered, firstStep, points }: FloatSeriesAnswer): void {
  const goesOn = points.length === 0 || afterStep === undefined || firstStep > afterStep;
  if (ordered && goesOn) return;
  throw new ExporterError('bad_answer', `The points of ${series.path} don't come in the order of their steps.`);
}
