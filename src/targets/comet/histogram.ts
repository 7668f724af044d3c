// Neptune's histograms in Comet's fixed bins: which grow by 10 % from ±1e-12 on. Pure.

import type { Histogram } from '../../model/batches.ts';
import { histogramFacts, isCountable } from '../histogram-facts.ts';

const START = 1e-12;
const GROWTH = 1.1;
/** Bin that begins at 0. */
const MIDDLE = 775;
/** Powers of the growth on each side. */
const POWERS = 774;
/** What densities are scaled to, since Comet's counts are whole numbers. */
const SCALED_TOTAL = 1_000_000;

/** Upper borders of the positive bins from `MIDDLE` on. */
const BORDERS = Float64Array.from({ length: POWERS }, (_, power) => START * GROWTH ** power);

export interface CometHistogram {
  /** Content of an asset of the type `histogram3d`. */
  json: string;
}

/** Undefined if it has no counts: Comet takes none that is empty. */
export function cometHistogram(histogram: Histogram): CometHistogram | undefined {
  const weights = weightsOf(histogram);
  if (!weights) return undefined;
  const counts = spread(histogram.edges, weights);
  if (counts.size === 0) return undefined;
  const sorted = [...counts].sort(([left], [right]) => left - right);
  // The stop as Comet's SDK writes it: digits alone would be an integer beyond 64 bits.
  const json = `{"version": 2, "index_values": ${JSON.stringify(sorted)}, "values": null, "offset": 0, "start": 1e-12, "stop": 1e+20, "step": 1.1}`;
  return { json };
}

/** Index of the bin that Comet's SDK counts a value in. */
export function binOf(value: number): number {
  if (value === 0) return MIDDLE;
  const power = Math.ceil(Math.log(Math.abs(value) / START) / Math.log(GROWTH));
  const steps = Math.min(POWERS, Math.max(0, power));
  return value > 0 ? MIDDLE + steps : MIDDLE - 1 - steps;
}

/** What each bin of Neptune's counts: whole numbers, or shares of a total where they aren't. */
function weightsOf(histogram: Histogram): number[] | undefined {
  const { edges, values } = histogram;
  const { total, isDensity, areCounts } = histogramFacts(histogram);
  if (total === 0) return undefined;
  const usable = Array.from(values, (value) => (isCountable(value) ? value : 0));
  if (areCounts) return usable;
  const widths = usable.map((_, i) => {
    const width = edges[i + 1]! - edges[i]!;
    return isDensity && Number.isFinite(width) && width > 0 ? width : 1;
  });
  // Against the largest, since sums and products of the greatest doubles are infinite.
  const [largest, widest] = [greatest(usable), greatest(widths)];
  const masses = usable.map((value, i) => (value / largest) * (widths[i]! / widest));
  const mass = masses.reduce((sum, value) => sum + value, 0);
  return masses.map((value) => (value / mass) * SCALED_TOTAL);
}

/** `Math.max` takes only so many arguments. */
function greatest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/**
 * Counts by Comet's bins: each of Neptune's is spread evenly over its width. The sum up to each border is rounded, not the
 * single counts, so that the total stays.
 */
function spread(edges: Float64Array, weights: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  let sum = 0;
  let told = 0;
  const add = (bin: number, upTo: number) => {
    const rounded = Math.round(upTo);
    if (rounded > told) counts.set(bin, (counts.get(bin) ?? 0) + rounded - told);
    told = Math.max(told, rounded);
  };
  for (const [i, weight] of weights.entries()) {
    if (weight === 0) continue;
    const [low = 0, high = 0] = [edges[i], edges[i + 1]];
    const isRange = Number.isFinite(low) && Number.isFinite(high) && high > low;
    if (!isRange) {
      const place = Number.isFinite(low) ? low : Number.isFinite(high) ? high : 0;
      sum += weight;
      add(binOf(place), sum);
      continue;
    }
    const last = binOf(high);
    for (let bin = binOf(low); bin < last; bin++) {
      const share = Math.min(1, Math.max(0, (upperBorder(bin) - low) / (high - low)));
      add(bin, sum + weight * share);
    }
    sum += weight;
    add(last, sum);
  }
  return counts;
}

function upperBorder(bin: number): number {
  if (bin >= MIDDLE) return BORDERS[Math.min(bin - MIDDLE, POWERS - 1)]!;
  const power = MIDDLE - 2 - bin;
  return power < 0 ? 0 : -BORDERS[Math.min(power, POWERS - 1)]!;
}
