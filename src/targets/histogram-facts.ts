// What the numbers of a histogram are: counts, shares that have to be scaled, or none. Pure.

import type { Histogram } from '../model/batches.ts';

export interface HistogramFacts {
  /** Of the numbers that can be counted. */
  total: number;
  /** Below zero, NaN or infinite: no counts of anything. */
  uncountable: number;
  isDensity: boolean;
  /** All that can be counted are whole numbers, and so is their sum. */
  areCounts: boolean;
}

export function histogramFacts({ values, type }: Histogram): HistogramFacts {
  const isDensity = type !== null && /DENS/i.test(type);
  let [total, uncountable, areWhole] = [0, 0, true];
  for (const value of values) {
    if (isCountable(value)) {
      total += value;
      areWhole &&= Number.isInteger(value);
    } else uncountable++;
  }
  return { total, uncountable, isDensity, areCounts: !isDensity && areWhole && Number.isSafeInteger(total) };
}

export function isCountable(value: number): boolean {
  return value >= 0 && value < Number.POSITIVE_INFINITY;
}
