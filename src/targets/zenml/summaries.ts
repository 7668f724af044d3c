// Summaries of float series: min, max, final and count, as batches come. Pure.

import type { FloatSeriesBatch } from '../../model/batches.ts';
import { numberJson } from './values.ts';

export class Summary {
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #final: number | undefined;
  #finalStep: bigint | undefined;
  /** Points with a value, NaN included. */
  #count = 0;
  #hasNumber = false;

  add(batch: FloatSeriesBatch): void {
    let last: number | undefined;
    for (let i = 0; i < batch.length; i++) {
      if (batch.valueValid?.[i] === 0) continue;
      const value = batch.values[i]!;
      this.#count++;
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
      if (!Number.isNaN(value)) this.#hasNumber = true;
      last = i;
    }
    if (last === undefined) return;
    // Steps rise in nearly all series: then the last point is the one, and only the others are looked through.
    for (let i = isRising(batch) ? last : 0; i <= last; i++) {
      if (batch.valueValid?.[i] === 0) continue;
      const step = batch.stepValid?.[i] === 0 ? undefined : batch.steps[i]!;
      const isLater = step === undefined ? this.#finalStep === undefined : !(this.#finalStep! > step);
      if (!isLater) continue;
      this.#final = batch.values[i]!;
      if (step !== undefined) this.#finalStep = step;
    }
  }

  /** JSON of each number by its name; the value at the largest step is the final one. */
  get parts(): [name: 'min' | 'max' | 'final' | 'count', json: string][] {
    const parts: [name: 'min' | 'max' | 'final' | 'count', json: string][] = [];
    if (this.#hasNumber) parts.push(['min', numberJson(this.#min)], ['max', numberJson(this.#max)]);
    if (this.#final !== undefined) parts.push(['final', numberJson(this.#final)]);
    parts.push(['count', String(this.#count)]);
    return parts;
  }
}

function isRising({ length, steps, stepValid }: FloatSeriesBatch): boolean {
  if (stepValid) return false;
  for (let i = 1; i < length; i++) if (steps[i]! < steps[i - 1]!) return false;
  return true;
}
