// A run's history: lines as they came, with their steps; parsed only when somebody asks by key.

import { type JsonObject, parseObject } from './json.ts';
import { demand } from './refusal.ts';

export interface KeyInfo {
  typeCounts: { type: string; count: number }[];
}

export class History {
  readonly lines: string[] = [];
  /** Step of each line, rising. */
  readonly steps: number[] = [];
  #rows: JsonObject[] = [];
  #keys: Map<string, Map<string, number>> = new Map();
  #counted = 0;

  get lastStep(): number {
    return this.steps.at(-1) ?? -1;
  }

  /**
   * Takes lines at a line number. Lines that are there already must be the same: that is a repeat of a request whose
   * answer was lost. @throws Refusal
   */
  put(offset: number, content: string[]): void {
    demand(offset <= this.lines.length, `history: offset ${offset} leaves a gap, ${this.lines.length} lines are here`);
    const known = Math.min(content.length, this.lines.length - offset);
    for (let at = 0; at < known; at++)
      demand(this.lines[offset + at] === content[at], `history: line ${offset + at} was sent before as another one`);
    const added = content.slice(known).map((line) => ({ line, step: stepOf(line) }));
    let last = this.lastStep;
    for (const { step } of added) {
      demand(step > last, `history: step ${step} does not rise, the last one is ${last}`);
      last = step;
    }
    for (const { line, step } of added) {
      this.lines.push(line);
      this.steps.push(step);
    }
  }

  /** The lines up to a step, as a run that is forked there inherits them. */
  upTo(step: number): History {
    const branch = new History();
    const end = this.#find(step + 1);
    branch.lines.push(...this.lines.slice(0, end));
    branch.steps.push(...this.steps.slice(0, end));
    return branch;
  }

  /** The last lines are gone: those after a step. */
  rewind(step: number): void {
    const end = this.#find(step + 1);
    this.lines.length = end;
    this.steps.length = end;
    this.#rows = [];
    this.#keys = new Map();
    this.#counted = 0;
  }

  /** Lines with minStep ≤ step < maxStep; evenly chosen ones if they are more than asked for. */
  page(minStep: number, maxStep: number, samples: number): string[] {
    return this.#chosen(minStep, maxStep, samples).map((at) => this.lines[at]!);
  }

  /** Rows that have all of some keys, with these keys only. `maxStep` is included. */
  sampled(keys: string[], minStep: number, maxStep: number, samples: number): JsonObject[] {
    const paths = keys.map((key) => ({ key, path: key.split('.') }));
    const rows: JsonObject[] = [];
    for (let at = this.#find(minStep), end = this.#find(maxStep + 1); at < end; at++) {
      const picked: JsonObject = {};
      const hasAll = paths.every(({ key, path }) => {
        const value = valueAt(this.row(at), key, path);
        picked[key] = value;
        return value !== undefined;
      });
      if (hasAll) rows.push(picked);
    }
    return spread(rows.length, samples).map((at) => rows[at]!);
  }

  row(at: number): JsonObject {
    let row = this.#rows[at];
    if (row === undefined) {
      row = parseObject(this.lines[at]!);
      this.#rows[at] = row;
    }
    return row;
  }

  /** Counts of values by key and type. */
  keyInfo(): Record<string, KeyInfo> {
    for (; this.#counted < this.lines.length; this.#counted++)
      for (const [key, value] of Object.entries(this.row(this.#counted))) this.#count(key, typeOf(value));
    return Object.fromEntries(
      [...this.#keys].map(([key, types]) => [
        key,
        { typeCounts: [...types].map(([type, count]) => ({ type, count })) },
      ]),
    );
  }

  #count(key: string, type: string): void {
    const types = this.#keys.get(key) ?? new Map<string, number>();
    types.set(type, (types.get(type) ?? 0) + 1);
    this.#keys.set(key, types);
  }

  #chosen(minStep: number, maxStep: number, samples: number): number[] {
    const first = this.#find(minStep);
    return spread(this.#find(maxStep) - first, samples).map((at) => first + at);
  }

  /** Index of the first line with a step of at least this. */
  #find(step: number): number {
    let [low, high] = [0, this.steps.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.steps[middle]! < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** @throws Refusal if the line is no row of a history */
function stepOf(line: string): number {
  let row: JsonObject;
  try {
    row = parseObject(line);
  } catch (error) {
    demand(false, `history: a line is no JSON object: ${(error as Error).message}`);
  }
  const { _step: step, _timestamp: timestamp, _runtime: runtime } = row;
  demand(Number.isSafeInteger(step) && (step as number) >= 0, `history: _step must be a whole number, not ${step}`);
  demand(timestamp === undefined || typeof timestamp === 'number', 'history: _timestamp must be a number');
  demand(runtime === undefined || typeof runtime === 'number', 'history: _runtime must be a number');
  return step as number;
}

/** Evenly spread places among so many, first and last included. */
function spread(count: number, samples: number): number[] {
  if (count <= samples) return Array.from({ length: count }, (_, at) => at);
  if (samples <= 1) return samples === 1 ? [0] : [];
  return Array.from({ length: samples }, (_, at) => Math.floor((at * (count - 1)) / (samples - 1)));
}

/** A key itself, or the path of objects that it is. */
function valueAt(row: JsonObject, key: string, path: string[]): unknown {
  if (Object.hasOwn(row, key)) return row[key];
  let value: unknown = row;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as JsonObject)[part];
  }
  return value;
}

function typeOf(value: unknown): string {
  if (typeof value === 'number' || value === 'NaN' || value === 'Infinity' || value === '-Infinity') return 'number';
  if (value === null) return 'nil';
  if (Array.isArray(value)) return 'list';
  if (typeof value !== 'object') return typeof value;
  const type = (value as JsonObject)._type;
  return typeof type === 'string' ? type : 'map';
}
