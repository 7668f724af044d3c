// The values of one metric in columns, eight bytes a number: a million of them stay small.

import type { Whole } from './json.ts';

const FIRST_SIZE = 16;

/** Numbers or nulls. What a double can't hold lies beside it. */
class Column {
  #data: Float64Array | undefined;
  readonly #apart = new Map<number, Whole | string>();
  #length = 0;

  push(value: Whole | string | null): void {
    const at = this.#length++;
    if (value === null) {
      if (this.#data) this.#room()[at] = Number.NaN;
      return;
    }
    const data = this.#room();
    if (typeof value === 'number' && !Number.isNaN(value)) data[at] = value;
    else {
      data[at] = Number.NaN;
      this.#apart.set(at, value);
    }
  }

  at(index: number): Whole | string | null {
    const value = this.#data?.[index];
    if (value === undefined) return null;
    return Number.isNaN(value) ? (this.#apart.get(index) ?? null) : value;
  }

  /** The memory for all values; made when the first that isn't null comes. */
  #room(): Float64Array {
    const old = this.#data;
    if (old && old.length >= this.#length) return old;
    const data = new Float64Array(Math.max(FIRST_SIZE, this.#length * 2));
    if (old) data.set(old);
    else data.fill(Number.NaN, 0, this.#length);
    this.#data = data;
    return data;
  }
}

export interface Point {
  /** A number, whether it came as one or as its shortest text; other texts as they came. */
  value: number | string;
  step: Whole | null;
  epoch: Whole | null;
  /** As it came, in ms. */
  timestamp: Whole | null;
}

export class Series {
  /** With the context in front, as the display has it. */
  readonly name: string;
  readonly metricName: string;
  readonly context: string | null;
  length = 0;
  readonly #values = new Column();
  readonly #steps = new Column();
  readonly #epochs = new Column();
  readonly #timestamps = new Column();

  constructor(metricName: string, context: string | null) {
    this.name = seriesName(metricName, context);
    this.metricName = metricName;
    this.context = context;
  }

  push(value: number | string, step: Whole | null, epoch: Whole | null, timestamp: Whole | null): void {
    this.#values.push(typeof value === 'string' ? numberOrText(value) : value);
    this.#steps.push(step);
    this.#epochs.push(epoch);
    this.#timestamps.push(timestamp);
    this.length += 1;
  }

  point(index: number): Point {
    return {
      value: this.#values.at(index) as number | string,
      step: this.#steps.at(index) as Whole | null,
      epoch: this.#epochs.at(index) as Whole | null,
      timestamp: this.#timestamps.at(index) as Whole | null,
    };
  }

  /** All points as they came. */
  *points(): Generator<Point> {
    for (let index = 0; index < this.length; index++) yield this.point(index);
  }

  /** At most so many points, evenly from all, the first and the last among them. */
  *sampled(most: number): Generator<Point> {
    if (this.length <= most) yield* this.points();
    else
      for (let index = 0; index < most; index++)
        yield this.point(Math.round((index * (this.length - 1)) / Math.max(most - 1, 1)));
  }
}

export function seriesName(metricName: string, context: string | null): string {
  return context === null ? metricName : `${context}_${metricName}`;
}

/** The shortest text of a double, as all values are read back. */
export function valueText(value: number | string): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function numberOrText(text: string): number | string {
  const number = Number(text);
  return valueText(number) === text ? number : text;
}
