// Points of series, a page at a time: by offset, or by step as newer servers have it.

import type { Answer } from '../answer.ts';
import { protobufAnswer } from '../answer.ts';
import type { Series } from '../dataset.ts';
import { Fields } from '../fields.ts';
import { MAX_POINTS, MAX_SERIES } from '../limits.ts';
import { ProtobufWriter } from '../protobuf-writer.ts';
import { badRequest } from '../refusal.ts';
import { checkRequestIds, firstIndex } from '../series-request.ts';
import { attributeOf, type Container } from './catalog.ts';
import { doubleJson } from './json.ts';
import { type Arguments, jsonText, type Site, siteAnswer } from './operation.ts';

const DEFAULT_PAGE = 100;
/** Characters of a string that newer servers send unless asked for more. */
const DEFAULT_STRING = 1000;
/** Bytes of a point in protobuf. */
const TYPICAL_POINT = 27;

/** getFloatSeriesValues @throws Refusal 400, 404 */
export function floatValues(args: Arguments, site: Site): Answer {
  const { series } = attributeOf(containerOf(args, site), args.text('attribute'), 'floatSeries');
  const bare = site.bareNonFinite;
  const more = site.features.skipToStep ? ',"isPreview":false,"completionRatio":1.0' : '';
  return pageAnswer(series, args, site, (index) => `${doubleJson(series.value(index), bare)}${more}`);
}

/** getStringSeriesValues @throws Refusal 400, 404 */
export function stringValues(args: Arguments, site: Site): Answer {
  const { series } = attributeOf(containerOf(args, site), args.text('attribute'), 'stringSeries');
  const most = site.features.skipToStep ? args.whole('maxSingleValueLength', DEFAULT_STRING) : Infinity;
  return pageAnswer(series, args, site, (index) => JSON.stringify(series.value(index).slice(0, most)));
}

/** getImageSeriesValues: how many there are. @throws Refusal 400, 404 */
export function imageCount(args: Arguments, site: Site): Answer {
  const { series } = attributeOf(containerOf(args, site), args.text('attribute'), 'imageSeries');
  limitOf(args, site);
  args.whole('offset', 0);
  return siteAnswer(site, { totalItemCount: BigInt(series.length) });
}

/** Written by hand, for speed: this makes each point of a series. */
function pageAnswer<T>(series: Series<T>, args: Arguments, site: Site, valueText: (index: number) => string): Answer {
  const limit = limitOf(args, site);
  const first = firstOf(series, args);
  const end = Math.min(series.length, first + limit);
  const made = site.pages?.get(series)?.get(`${first}-${end}`);
  if (made) return made;
  let text = `{"totalItemCount":${series.length},"values":[`;
  for (let index = first; index < end; index++) {
    if (index > first) text += ',';
    text += `{"timestampMillis":${series.timestamp(index)},"step":${doubleJson(series.step(index), false)},"value":${valueText(index)}}`;
  }
  const answer = jsonText(`${text}]}`);
  if (site.pages) {
    if (!site.pages.has(series)) site.pages.set(series, new Map());
    site.pages.get(series)!.set(`${first}-${end}`, answer);
  }
  return answer;
}

function limitOf(args: Arguments, site: Site): number {
  const limit = args.whole('limit', DEFAULT_PAGE);
  const { seriesPage, refuseLargePages } = site.limits;
  if (limit > seriesPage && refuseLargePages) throw badRequest(`The parameter limit must not be over ${seriesPage}.`);
  return Math.min(limit, seriesPage);
}

/** Index of the first point of the page. */
function firstOf(series: Series<unknown>, args: Arguments): number {
  const after = args.number('skipToStep');
  if (after !== undefined) return firstAfter(series, after);
  return Math.min(series.length, args.whole('offset', 0));
}

function firstAfter(series: Series<unknown>, step: number): number {
  return firstIndex(series.length, (index) => series.step(index) > step);
}

function containerOf(args: Arguments, site: Site): Container {
  return site.catalog.container(args.text('experimentId'));
}

/** getChannelValues: the points of an image series without their bytes. @throws Refusal 400, 404 */
export function channelValues(args: Arguments, site: Site): Answer {
  const channelId = args.text('channelId');
  const series = site.catalog.imageSeries(channelId);
  const limit = limitOf(args, site);
  const offset = Math.min(series.length, args.whole('offset', 0));
  const values = Array.from({ length: Math.min(limit, series.length - offset) }, (_, index) => {
    const { name, description } = series.value(offset + index);
    return {
      timestampMillis: BigInt(series.timestamp(offset + index)),
      x: series.step(offset + index),
      y: { imageValue: { name, description } },
    };
  });
  return siteAnswer(site, { channelId, totalItemCount: BigInt(series.length), values });
}

/**
 * getMultipleFloatSeriesValuesProto: points of many float series at once. A series that isn't there is left out.
 * @returns ProtoFloatSeriesValuesResponseDTO @throws Refusal 400, 404
 */
export function manyFloatValues(args: Arguments, site: Site): Answer {
  const request = new Fields(args.body(), 'request', ['requests', 'perSeriesPointsLimit']);
  const limit = request.whole('perSeriesPointsLimit', 1, MAX_POINTS);
  const wishes = request.list('requests', (item, place) => {
    const one = new Fields(item, place, ['requestId', 'series', 'afterStep']);
    const series = one.object('series', ['holder', 'attribute']);
    const holder = series.object('holder', ['identifier', 'type']);
    holder.word('type', ['experiment']);
    const container = site.catalog.container(holder.text('identifier'));
    const attribute = container.attributes.get(series.text('attribute'));
    return { id: one.text('requestId'), after: one.number('afterStep') ?? -Infinity, attribute };
  });
  if (wishes.length > MAX_SERIES) throw badRequest(`At most ${MAX_SERIES} series can be asked for at once.`);
  if (wishes.length * limit > MAX_POINTS)
    throw badRequest(`${wishes.length} series of ${limit} points are over the limit of ${MAX_POINTS} points.`);
  checkRequestIds(wishes.map(({ id }) => id));

  const out = new ProtobufWriter(1 << 16);
  for (const { id, after, attribute } of wishes) {
    if (attribute?.type !== 'floatSeries') continue;
    const { series } = attribute;
    const first = firstAfter(series, after);
    const end = Math.min(series.length, first + limit);
    out.reserve((end - first) * TYPICAL_POINT + 64);
    out.message(1, () => {
      out.string(1, id);
      out.message(2, () => {
        out.int(1, series.length - first);
        for (let index = first; index < end; index++)
          out.floatPoint(series.timestamp(index), series.step(index), series.value(index), undefined);
      });
    });
  }
  return protobufAnswer(out);
}
