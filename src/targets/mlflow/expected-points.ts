// The points that MLflow should hold of one metric, summed up as they come.

import { PointSums, pointText } from '../point-sums.ts';
import type { MetricPoint } from './back-end.ts';
import { held } from './point-count.ts';

/** Points of one step that are told apart at once. */
const MAX_GROUP = 100_000;

/** A point as the server gives it back. @param fileStore whether it keeps what databases can't */
export function heldText({ step, timestamp, value }: MetricPoint, fileStore: boolean): string {
  return pointText(step, timestamp, fileStore ? value : held(value));
}

export class ExpectedPoints {
  given = 0;
  sums = new PointSums();
  /**
   * Equal points may be counted more than once, though a database holds them once: steps went back, or one step has
   * more points than are told apart at once.
   */
  isLoose = false;
  readonly #fileStore: boolean;
  readonly #maxGroup: number;
  #step: string | undefined;
  #first = '';
  #group: Set<string> | undefined;

  constructor(fileStore: boolean, maxGroup = MAX_GROUP) {
    this.#fileStore = fileStore;
    this.#maxGroup = maxGroup;
  }

  add(point: MetricPoint): void {
    this.given++;
    if (this.isLoose) return;
    const text = heldText(point, this.#fileStore);
    // A file store keeps all, a database each once.
    if (this.#fileStore || this.#isNew(point.step, text)) this.sums.add(text);
  }

  /** Steps come in order: equal points are beside each other, among those of one step. */
  #isNew(step: string, text: string): boolean {
    if (step !== this.#step) {
      if (this.#step !== undefined && isLess(step, this.#step)) {
        this.isLoose = true;
        return false;
      }
      this.#step = step;
      this.#group = undefined;
      this.#first = text;
      return true;
    }
    this.#group ??= new Set([this.#first]);
    if (this.#group.has(text)) return false;
    if (this.#group.size >= this.#maxGroup) {
      this.isLoose = true;
      return false;
    }
    this.#group.add(text);
    return true;
  }
}

function isLess(left: string, right: string): boolean {
  const difference = Number(left) - Number(right);
  return difference === 0 ? BigInt(left) < BigInt(right) : difference < 0;
}
