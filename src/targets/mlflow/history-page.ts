// A page of a metric's history, read as it comes: an answer with 100,000 points is never held as text.

import { ExporterError } from '../../model/errors.ts';
import { setInt64, words } from '../../model/int64.ts';

/** Columns have `length` used entries and may be longer. */
export interface HistoryPage {
  length: number;
  steps: BigInt64Array;
  /** Milliseconds. */
  timestamps: BigInt64Array;
  values: Float64Array;
  /** Token of the next page. */
  next?: string;
}

/** An object of the list that is longer is none of a metric's. */
const MAX_OBJECT = 1 << 20;
const FIRST_ROOM = 1024;

/**
 * Reads the answer of `metrics/get-history`.
 * @throws ExporterError `bad_answer` if it is none, or was cut
 */
export async function readHistoryPage(body: AsyncIterable<Uint8Array>): Promise<HistoryPage> {
  const points = new Columns();
  const decoder = new TextDecoder();
  /** What stands before the list and after it, as long as it isn't over; both hold nothing else that is long. */
  let head: string | undefined;
  let tail: string | undefined;
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    if (head === undefined) {
      const start = rest.indexOf('[');
      if (start < 0) continue;
      head = rest.slice(0, start + 1);
      rest = rest.slice(start + 1);
    }
    if (tail === undefined) {
      const { at, isOver } = takeObjects(rest, points);
      if (isOver) tail = '';
      rest = rest.slice(at);
      if (rest.length > MAX_OBJECT && !isOver) throw unreadable();
    }
    if (tail !== undefined) {
      tail += rest;
      rest = '';
    }
  }
  const frame = head === undefined ? rest : `${head}${tail ?? rest}`;
  let answer: { next_page_token?: unknown };
  try {
    answer = JSON.parse(frame) as typeof answer;
  } catch {
    throw unreadable();
  }
  if (typeof answer !== 'object' || answer === null) throw unreadable();
  const next = answer.next_page_token;
  return points.page(typeof next === 'string' && next !== '' ? next : undefined);
}

/** Takes the whole objects at the beginning of a text. @returns where they end, and whether the list does, too */
function takeObjects(text: string, points: Columns): { at: number; isOver: boolean } {
  let at = 0;
  for (;;) {
    const start = firstOf(text, at);
    if (start === undefined) return { at, isOver: false };
    if (text[start] === ']') return { at: start, isOver: true };
    const end = takeObject(text, start, points);
    if (end === undefined) return { at: start, isOver: false };
    at = end;
  }
}

/** Index of the next thing between the objects of a list: one more of them, or the list's end. */
function firstOf(text: string, from: number): number | undefined {
  for (let at = from; at < text.length; at++) {
    const character = text[at]!;
    if (character === '{' || character === ']') return at;
    if (!', \n\r\t'.includes(character)) throw unreadable();
  }
  return undefined;
}

/** @returns the index behind the object, or undefined if its end is still to come */
function takeObject(text: string, start: number, points: Columns): number | undefined {
  // A brace may stand in a text of the object: then it can't be read yet.
  for (let end = text.indexOf('}', start); end >= 0; end = text.indexOf('}', end + 1)) {
    const json = text.slice(start, end + 1);
    let metric: Record<string, unknown>;
    try {
      metric = JSON.parse(json) as Record<string, unknown>;
    } catch {
      if (json.length > MAX_OBJECT) throw unreadable();
      continue;
    }
    points.add(metric, json);
    return end + 1;
  }
  return undefined;
}

class Columns {
  #length = 0;
  #steps = new BigInt64Array(FIRST_ROOM);
  #timestamps = new BigInt64Array(FIRST_ROOM);
  #values = new Float64Array(FIRST_ROOM);
  #stepWords = words(this.#steps);
  #timestampWords = words(this.#timestamps);

  add(metric: Record<string, unknown>, json: string): void {
    const index = this.#length++;
    if (index === this.#values.length) this.#grow();
    setWhole(this.#steps, this.#stepWords, index, metric.step, json, 'step');
    setWhole(this.#timestamps, this.#timestampWords, index, metric.timestamp, json, 'timestamp');
    // What has the default value may be left out; NaN and infinities are words.
    const { value = 0 } = metric;
    this.#values[index] = typeof value === 'number' ? value : Number(value);
  }

  page(next: string | undefined): HistoryPage {
    const columns = { steps: this.#steps, timestamps: this.#timestamps, values: this.#values };
    return { length: this.#length, ...columns, ...(next === undefined ? {} : { next }) };
  }

  #grow(): void {
    const room = this.#values.length * 2;
    const steps = new BigInt64Array(room);
    const timestamps = new BigInt64Array(room);
    const values = new Float64Array(room);
    steps.set(this.#steps);
    timestamps.set(this.#timestamps);
    values.set(this.#values);
    this.#steps = steps;
    this.#timestamps = timestamps;
    this.#values = values;
    this.#stepWords = words(steps);
    this.#timestampWords = words(timestamps);
  }
}

/** Numbers beyond 2^53 are taken from the text: JSON.parse gives the nearest double. */
function setWhole(
  column: BigInt64Array,
  view: Int32Array,
  index: number,
  value: unknown,
  json: string,
  name: string,
): void {
  if (Number.isSafeInteger(value ?? 0)) {
    setInt64(view, index, (value as number | undefined) ?? 0);
    return;
  }
  const digits = typeof value === 'string' ? value : new RegExp(`"${name}":\\s*(-?\\d+)(?![\\d.eE])`).exec(json)?.[1];
  if (digits === undefined || !/^-?\d+$/.test(digits)) throw unreadable();
  column[index] = BigInt(digits);
}

function unreadable(): ExporterError {
  return new ExporterError('bad_answer', "The server's history of a metric can't be read.");
}
