// POST …/attributes/series: points of string, histogram and file series, filled series by series.

import { type Answer, protobufAnswer } from './answer.ts';
import { writeFileRef, writeHistogram } from './attribute-message.ts';
import { checkNameBytes, numbersOfToken, tokenOf } from './attribute-query.ts';
import type { Catalog } from './catalog.ts';
import type { DemoAttribute, DemoFile, DemoHistogram, Series } from './dataset.ts';
import { Fields } from './fields.ts';
import { MAX_SERIES, SERIES_PAGE_BYTES, SERIES_PAGE_POINTS } from './limits.ts';
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

type ObjectValue = string | DemoHistogram | DemoFile;
type ObjectType = 'stringSeries' | 'histogramSeries' | 'fileRefSeries';

interface ObjectWish extends SeriesWish {
  requestId: string;
  /** Points of the series that went out before. */
  sent: number;
  finished: boolean;
}

/** What an answer may still hold. */
interface Room {
  points: number;
  /** Length of the answer that is not to be passed; one point goes out in any case. */
  bytes: number;
}

const KNOWN = ['requests', 'perSeriesPointsLimit', 'sizeLimitBytes', 'stepRange', 'order'];

/**
 * @param oldStrings strings go to the fields for older clients
 * @returns ProtoSeriesValuesResponseDTO @throws Refusal 400, 403
 */
export function queryObjectSeries(catalog: Catalog, oldStrings: boolean, body: unknown): Answer {
  const request = new Fields(body, 'body', KNOWN);
  const limit = request.has('perSeriesPointsLimit')
    ? request.whole('perSeriesPointsLimit', 1, Number.MAX_SAFE_INTEGER)
    : Infinity;
  const bytes = request.has('sizeLimitBytes')
    ? request.whole('sizeLimitBytes', 1, Number.MAX_SAFE_INTEGER)
    : SERIES_PAGE_BYTES;
  const range = stepRangeOf(request);
  const wishes = request.list('requests', (item, place) => readWish(new Fields(item, place, WISH_FIELDS), catalog));
  if (wishes.length > MAX_SERIES) throw badRequest(`At most ${MAX_SERIES} series can be asked for at once.`);
  checkRequestIds(wishes.map(({ requestId }) => requestId));
  checkNameBytes(
    wishes.map(({ name }) => name),
    0,
  );

  const out = new ProtobufWriter(1 << 16);
  const room = { points: SERIES_PAGE_POINTS, bytes: Math.min(bytes, SERIES_PAGE_BYTES) };
  for (const wish of wishes) {
    if (!wish.attribute) continue;
    out.message(1, () => {
      out.string(1, wish.requestId);
      // Of another type: it has no points, and says nothing of an end. The official client copes with that.
      if (isObjectSeries(wish.attribute)) writeSeries(out, wish, { range, limit, room, oldStrings });
    });
  }
  return protobufAnswer(out);
}

const WISH_FIELDS = ['requestId', 'series', 'searchAfter'];

function readWish(request: Fields, catalog: Catalog): ObjectWish {
  const after = request.has('searchAfter') ? request.object('searchAfter', ['finished', 'token']) : undefined;
  return {
    requestId: request.text('requestId'),
    ...seriesWish(request, catalog),
    sent: after ? numbersOfToken(after.text('token'), 1)[0]! : 0,
    finished: after?.flag('finished', false) ?? false,
  };
}

interface Terms {
  range: StepRange;
  /** Most points of a series, over all pages. */
  limit: number;
  room: Room;
  oldStrings: boolean;
}

function writeSeries(out: ProtobufWriter, wish: ObjectWish, terms: Terms): void {
  const { range, room } = terms;
  const type = wish.attribute!.type;
  const view = new SeriesView<ObjectValue>(wish, (one) =>
    isObjectSeries(one) && one.type === type ? (one.series as Series<ObjectValue>) : undefined,
  );
  const first = view.indexOf(range.from, true);
  const end = view.indexOf(range.to, false);
  const total = Math.min(Math.max(0, end - first), terms.limit);
  // A series that this answer has no room for comes without a word on how far it went.
  if (room.points === 0 && !wish.finished && wish.sent < total) return;

  let sent = wish.finished ? total : wish.sent;
  const values = () => {
    while (sent < total && room.points > 0) {
      const { series, index } = view.at(range.descending ? end - 1 - sent : first + sent);
      const before = out.length;
      writePoint(out, type as ObjectType, series, index, terms.oldStrings);
      if (out.length > room.bytes && room.points < SERIES_PAGE_POINTS) {
        out.truncate(before);
        room.points = 0;
        return;
      }
      room.points--;
      sent++;
    }
  };
  const field = type === 'stringSeries' && terms.oldStrings ? 3 : 4;
  out.message(field, values);
  out.message(2, () => {
    out.bool(1, sent >= total);
    out.string(2, tokenOf([sent]));
  });
}

/** ProtoPointValueDTO */
function writePoint(
  out: ProtobufWriter,
  type: ObjectType,
  series: Series<ObjectValue>,
  index: number,
  oldStrings: boolean,
): void {
  const value = series.value(index);
  out.message(1, () => {
    out.int(1, series.timestamp(index));
    out.double(2, series.step(index));
    if (type === 'stringSeries' && oldStrings) {
      out.stringAlways(3, value as string);
      return;
    }
    out.message(6, () => {
      if (type === 'stringSeries') out.stringAlways(1, value as string);
      else if (type === 'histogramSeries') writeHistogram(out, 2, value as DemoHistogram);
      else writeFileRef(out, 3, value as DemoFile);
    });
  });
}

function isObjectSeries(attribute: DemoAttribute | undefined): attribute is DemoAttribute & { type: ObjectType } {
  return (
    attribute?.type === 'stringSeries' || attribute?.type === 'histogramSeries' || attribute?.type === 'fileRefSeries'
  );
}
