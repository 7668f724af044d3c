// Data that the benchmarks share: series that look like training, the same at every run.

import type { FloatSeriesBatch } from '../src/model/batches.ts';

export const START = Date.UTC(2025, 0, 1);

/** A loss that falls with noise, with all digits of a double: nothing in it repeats. */
export function valueAt(seed: number, index: number): number {
  return 2 / (1 + index / 300) + 0.05 * noise(seed, index);
}

/** Milliseconds: one step a second, but never quite. */
export function timeAt(seed: number, index: number): number {
  return START + index * 1000 + Math.floor(40 * noise(seed ^ 0x5bd1e995, index));
}

/** A number from 0 to 1 of a seed and an index. */
function noise(seed: number, index: number): number {
  let hash = Math.imul(seed + 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 4294967296 + (hash & 0xffff) * 2 ** -53;
}

/** One float series with steps from 0 on. */
export function floatBatch(path: string, seed: number, length: number, first = 0): FloatSeriesBatch {
  const batch: FloatSeriesBatch = {
    kind: 'float_series',
    path,
    length,
    steps: new BigInt64Array(length),
    timestamps: new BigInt64Array(length),
    values: new Float64Array(length),
  };
  for (let index = 0; index < length; index++) {
    batch.steps[index] = BigInt(first + index) * 1_000_000n;
    batch.timestamps[index] = BigInt(timeAt(seed, first + index));
    batch.values[index] = valueAt(seed, first + index);
  }
  return batch;
}

/** A series whose values are few, such as a learning rate by epochs, at times that are exactly a second apart. */
export function repeatingBatch(path: string, seed: number, length: number): FloatSeriesBatch {
  const batch = floatBatch(path, seed, length);
  for (let index = 0; index < length; index++) {
    batch.timestamps[index] = BigInt(START + index * 1000);
    batch.values[index] = valueAt(seed, Math.floor(index / 500));
  }
  return batch;
}
