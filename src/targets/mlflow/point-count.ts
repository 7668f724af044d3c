// How many points of a series the server should hold: databases keep equal points once.

/** The value as a database holds it: an infinity as the largest double, so that it is the same to it, and no -0. */
export function held(value: number): number {
  return Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE) + 0;
}

/** Points of one step that are told apart; beyond it the count is only bounded. */
const MAX_GROUP = 20_000;

export class PointCount {
  sent = 0;
  /** Points that differ in step, time or value as a database holds them, as far as they were told apart. */
  distinct = 0;
  /** A call ended with a point of this series. */
  endsCall = false;
  /** The largest step, whole, as text. */
  lastStep = '0';
  #exact = true;
  #step: string | undefined;
  #scaled: number | bigint = Number.NEGATIVE_INFINITY;
  #first = '';
  #group: Set<string> | undefined;

  /** @param step the whole step as text, `scaled` what it was cut from: points should come in its order */
  add(step: string, scaled: number | bigint, timestamp: number | bigint, value: number): void {
    this.sent++;
    if (scaled >= this.#scaled) {
      this.#scaled = scaled;
      this.lastStep = step;
    } else {
      this.#exact = false;
    }
    if (step !== this.#step) {
      this.#step = step;
      this.#group = undefined;
      this.#first = `${timestamp} ${held(value)}`;
      this.distinct++;
      return;
    }
    this.#group ??= new Set([this.#first]);
    if (this.#group.size >= MAX_GROUP) {
      this.#exact = false;
      return;
    }
    const before = this.#group.size;
    this.#group.add(`${timestamp} ${held(value)}`);
    if (this.#group.size > before) this.distinct++;
  }

  /** What to expect of a database. */
  get expected(): number {
    return this.#exact ? this.distinct : this.sent;
  }

  /** Whether a server that holds so many points has all of them. */
  accepts(count: number, fileStore: boolean): boolean {
    if (fileStore) return count === this.sent;
    if (this.#exact) return count === this.distinct;
    return count > 0 && count <= this.sent;
  }
}
