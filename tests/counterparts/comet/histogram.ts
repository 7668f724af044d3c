// The content of histogram3d assets, as the SDK writes and reads it.

import { isObject, list, optional, parseBody, type Reader, read, small, whole } from './json.ts';
import { demand } from './refusal.ts';

const number: Reader<number> = (value, at) => {
  demand(typeof value === 'number' || typeof value === 'bigint', `${at} must be a number`);
  return Number(value);
};

const HISTOGRAM = {
  version: small,
  index_values: optional(list(list(small))),
  values: optional(list(number)),
  offset: number,
  start: number,
  stop: number,
  step: number,
};

/** @throws Refusal 400 if it is none, or one without counts */
export function checkHistogram(bytes: Buffer): void {
  const content = parseBody(bytes.toString());
  if (!isObject(content) || !('histograms' in content)) {
    checkOne(content, 'histogram');
    return;
  }
  const { histograms } = read(content, { histograms: list((value) => value) }, 'histogram');
  for (const [index, item] of histograms.entries()) {
    const { histogram } = read(item, { step: whole, histogram: (value) => value }, `histograms[${index}]`);
    checkOne(histogram, `histograms[${index}].histogram`);
  }
}

function checkOne(value: unknown, at: string): void {
  const { version, index_values: counts, start, stop, step } = read(value, HISTOGRAM, at);
  demand(version === 2, `${at}.version must be 2`);
  demand(start > 0 && stop > start && step > 1, `${at} has wrong borders`);
  demand(counts !== undefined && counts.length > 0, `${at} has no counts`);
  const borders = 2 * (Math.floor(Math.log(stop / start) / Math.log(step)) + 1) + 3;
  let last = -1;
  for (const [index = -1, count = 0, ...rest] of counts) {
    demand(rest.length === 0 && count > 0, `${at}.index_values has an entry that isn't [index, count]`);
    demand(index > last && index <= borders - 2, `${at}.index_values: index ${index} is out of order or range`);
    last = index;
  }
}
