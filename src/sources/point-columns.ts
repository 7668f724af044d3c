// The columns that points are decoded into, before they are a batch.

import { setInt64, words } from '../model/int64.ts';
import { MICRO, microOfStep } from '../model/steps.ts';

/** Steps in micro-steps, timestamps and values of as many points as it has room for. Filled, handed over, filled again. */
export class PointColumns {
  readonly steps: BigInt64Array<ArrayBuffer>;
  readonly timestamps: BigInt64Array<ArrayBuffer>;
  readonly values: Float64Array<ArrayBuffer>;
  readonly stepWords: Int32Array;
  readonly timeWords: Int32Array;

  constructor(capacity: number) {
    this.steps = new BigInt64Array(capacity);
    this.timestamps = new BigInt64Array(capacity);
    this.values = new Float64Array(capacity);
    this.stepWords = words(this.steps);
    this.timeWords = words(this.timestamps);
  }

  get capacity(): number {
    return this.values.length;
  }

  /** The same with twice the room. */
  grown(): PointColumns {
    const larger = new PointColumns(this.capacity * 2);
    larger.steps.set(this.steps);
    larger.timestamps.set(this.timestamps);
    larger.values.set(this.values);
    return larger;
  }
}

/** Stores a step as micro-steps. @throws ExporterError `unsupported` as `microOfStep` */
export function storeStep(steps: BigInt64Array, view: Int32Array, index: number, step: number): void {
  const whole = step * MICRO;
  // Whole steps in the safe range are the rule; the rest goes the exact way.
  if (Math.floor(step) === step && whole <= Number.MAX_SAFE_INTEGER && whole >= 0) {
    setInt64(view, index, whole);
    return;
  }
  const micro = microOfStep(step);
  if (typeof micro === 'bigint') steps[index] = micro;
  else setInt64(view, index, micro);
}

/** Columns for more points aren't kept: they were for an answer of unusual size. */
const KEPT_POINTS = 1 << 16;

/** Columns that wait for their next use. */
export class SpareColumns {
  readonly #most: number;
  readonly #spare: PointColumns[] = [];

  /** @param most columns that may wait at once */
  constructor(most: number) {
    this.#most = most;
  }

  /** Columns for at least so many points. What they hold is left over from their last use. */
  take(capacity: number): PointColumns {
    const columns = this.#spare.pop();
    if (columns && columns.capacity >= capacity) return columns;
    // Rounded up, so that a slightly larger answer finds room next time.
    return new PointColumns(2 ** Math.ceil(Math.log2(Math.max(capacity, 1024))));
  }

  /** Gives columns back: nobody may read them any more. */
  give(columns: PointColumns): void {
    if (this.#spare.length < this.#most && columns.capacity <= KEPT_POINTS) this.#spare.push(columns);
  }
}
