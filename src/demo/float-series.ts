// POST …/attributes/series/float: points of many float series at once.

import { type Answer, protobufAnswer } from './answer.ts';
import { checkNameBytes } from './attribute-query.ts';
import type { Catalog } from './catalog.ts';
import type { FloatSeries } from './dataset.ts';
import { Fields } from './fields.ts';
import { MAX_POINTS, MAX_SERIES } from './limits.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { badRequest } from './refusal.ts';
import {
  checkRequestIds,
  SeriesView,
  type SeriesWish,
  type StepRange,
  seriesWish,
  stepRangeOf,
} from './series-request.ts';

/** Bytes of a point that isn't a preview. */
const TYPICAL_POINT = 27;

interface FloatWish extends SeriesWish {
  requestId: string;
  afterStep: number | undefined;
}

/** @returns ProtoFloatSeriesValuesResponseDTO @throws Refusal 400, 403 */
export function queryFloatSeries(catalog: Catalog, body: unknown): Answer {
  const request = new Fields(body, 'body', ['requests', 'perSeriesPointsLimit', 'stepRange', 'order']);
  const limit = request.whole('perSeriesPointsLimit', 1, MAX_POINTS);
  const range = stepRangeOf(request);
  const wishes = request.list('requests', (item, place): FloatWish => {
    const one = new Fields(item, place, ['requestId', 'series', 'afterStep']);
    return { requestId: one.text('requestId'), afterStep: one.number('afterStep'), ...seriesWish(one, catalog) };
  });
  if (wishes.length > MAX_SERIES) throw badRequest(`At most ${MAX_SERIES} series can be asked for at once.`);
  if (wishes.length * limit > MAX_POINTS) {
    throw badRequest(`${wishes.length} series of ${limit} points are over the limit of ${MAX_POINTS} points.`);
  }
  checkRequestIds(wishes.map(({ requestId }) => requestId));
  checkNameBytes(
    wishes.map(({ name }) => name),
    0,
  );

  const out = new ProtobufWriter(1 << 16);
  for (const wish of wishes) {
    // An attribute of another type comes back without points, one that isn't there not at all: clients meet both.
    if (wish.attribute) writeSeries(out, wish, range, limit);
  }
  return protobufAnswer(out);
}

function writeSeries(out: ProtobufWriter, wish: FloatWish, range: StepRange, limit: number): void {
  const view = new SeriesView<number, FloatSeries>(wish, (one) =>
    one.type === 'floatSeries' ? one.series : undefined,
  );
  let first = view.indexOf(range.from, true);
  let end = view.indexOf(range.to, false);
  const { afterStep } = wish;
  if (afterStep !== undefined) {
    if (range.descending) end = Math.min(end, view.indexOf(afterStep, true));
    else first = Math.max(first, view.indexOf(afterStep, false));
  }
  const count = Math.max(0, end - first);
  out.reserve(Math.min(count, limit) * TYPICAL_POINT + 64);
  out.message(1, () => {
    out.string(1, wish.requestId);
    out.message(2, () => {
      out.int(1, count);
      for (let done = 0, written = 0; done < count && written < limit; done++) {
        const { series, index } = view.at(range.descending ? end - 1 - done : first + done);
        const completion = series.completion?.(index);
        if (completion !== undefined && !wish.includePreview) continue;
        out.floatPoint(series.timestamp(index), series.step(index), series.value(index), completion);
        written++;
      }
    });
  });
}
