// The lines of a run's history beside those that a load would send: asked for by the archive's own steps, a window at a time.

import { throwIfAborted } from '../../http/limits.ts';
import type { Origin } from '../file-store.ts';
import { pointText } from '../point-sums.ts';
import type { PointDifference, TargetDifference } from '../target.ts';
import type { Verdicts } from '../verdicts.ts';
import { lineObject } from './back-end.ts';
import type { RunPlace, WandbClient } from './client.ts';
import type { HistoryLine } from './history-lines.ts';
import { difference, isObject, type JsonObject, parseExact } from './json.ts';

/** Lines and bytes that are asked for at once. */
const WINDOW = { lines: 2000, bytes: 4 << 20 };
/** Lines beyond those that are expected: a server leaves out some where there are more than were asked for. */
const ROOM = 1000;
/** Behind the last step. */
const END = Number.MAX_SAFE_INTEGER;

export interface HistoryContext {
  client: WandbClient;
  place: RunPlace;
  verdicts: Verdicts;
  /** The attribute of a key; undefined for what no attribute of the run has. */
  originOf: (key: string) => Origin | undefined;
  /** The first step that is the run's own: those before are the parent's. */
  first: number;
  onPoints: (count: number) => void;
  signal: AbortSignal;
}

export class HistoryComparison {
  /** Values that the server sent. */
  points = 0;
  readonly #context: HistoryContext;
  #waiting: HistoryLine[] = [];
  #bytes = 0;
  #from: number;

  constructor(context: HistoryContext) {
    this.#context = context;
    this.#from = context.first;
  }

  add(line: HistoryLine): Promise<void> | undefined {
    this.#waiting.push(line);
    this.#bytes += line.bytes;
    const isFull = this.#waiting.length >= WINDOW.lines || this.#bytes >= WINDOW.bytes;
    return isFull ? this.#compare(line.step + 1) : undefined;
  }

  /** All lines were given. */
  finish(): Promise<void> {
    return this.#compare(END);
  }

  async #compare(to: number): Promise<void> {
    const { client, place, verdicts, signal } = this.#context;
    throwIfAborted(signal);
    const expected = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    const lines = await client.history(place, this.#from, to, expected.length + ROOM);
    this.#from = to;
    const found = new Map<number, JsonObject>();
    for (const text of lines) {
      const line = parsed(text);
      const step = line._step;
      if (typeof step !== 'number' || found.has(step)) verdicts.extra(`line ${String(step)} of the history`);
      else found.set(step, line);
    }
    for (const line of expected) {
      const there = found.get(line.step);
      found.delete(line.step);
      this.#line(line, there);
    }
    for (const step of found.keys()) verdicts.extra(`line ${step} of the history`);
  }

  #line(line: HistoryLine, found: JsonObject | undefined): void {
    const { verdicts, originOf, onPoints } = this.#context;
    const wanted = lineObject(line) as JsonObject;
    const count = found ? Object.keys(found).filter((key) => originOf(key)).length : 0;
    this.points += count;
    onPoints(count);
    if (found && difference(wanted, found) === undefined) return;
    for (const [key, value] of Object.entries(wanted)) {
      // A line that isn't there is told by its attributes.
      if (!found && !originOf(key)) continue;
      if (found && Object.hasOwn(found, key) && difference(value, found[key]) === undefined) continue;
      verdicts.add(originOf(key), differenceOf(key, wanted, found?.[key]));
    }
    for (const key of Object.keys(found ?? {})) {
      if (!Object.hasOwn(wanted, key)) verdicts.extra(`${key} at step ${line.step} of the history`);
    }
  }
}

function parsed(text: string): JsonObject {
  try {
    const line = parseExact(text);
    return isObject(line) ? line : {};
  } catch {
    return {};
  }
}

function differenceOf(key: string, wanted: JsonObject, found: unknown): TargetDifference {
  const step = String(wanted._step);
  const expected = shown(wanted[key]);
  const kind = found === undefined ? 'missing' : 'different';
  const message =
    found === undefined
      ? `The target does not have the value of step ${step}.`
      : `At step ${step} it should be ${expected} and is ${shown(found)}.`;
  const point: PointDifference = {
    step,
    timestamp: String(Math.round(Number(wanted._timestamp ?? 0) * 1000)),
    expected,
    ...(found === undefined ? {} : { found: shown(found) }),
  };
  return { kind, what: `history ${key}`, message, points: [point] };
}

function shown(value: unknown): string {
  if (typeof value === 'number') return pointText('', 0, value).slice(3);
  const text = typeof value === 'bigint' ? String(value) : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80).toWellFormed()}…` : text;
}
