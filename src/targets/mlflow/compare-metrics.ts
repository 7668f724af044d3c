// Metrics of a run beside what the server holds of them: each point, in any order, and the first that differ by name.

import { throwIfAborted } from '../../http/limits.ts';
import type { Origin } from '../file-store.ts';
import { bucketOf, PointSums, partOf } from '../point-sums.ts';
import type { PointDifference, TargetDifference } from '../target.ts';
import type { Verdicts } from '../verdicts.ts';
import type { MetricPoint } from './back-end.ts';
import type { MlflowClient } from './client.ts';
import { ExpectedPoints, heldText } from './expected-points.ts';
import { heldPoints } from './readback.ts';

/** Histories of one run that are read at once. */
const AT_ONCE = 4;
/** Points after which `room` is asked for. */
const BETWEEN = 1000;
/** Series of a run whose differing points are looked for; the others are told by their numbers. */
const DETAILED = 20;
/** Points of a series that are named. */
const NAMED = 5;
/** Points that are held while some that differ are looked for. */
const HELD = 200_000;
/** Points that are held while equal ones are told apart. */
const DISTINCT = 500_000;

/** Hands over points of these metrics once more, as they were. */
export type Replay = (paths: ReadonlySet<string>, take: (key: string, point: MetricPoint) => void) => Promise<void>;

export interface MetricsContext {
  client: MlflowClient;
  /** Of the run. */
  id: string;
  fileStore: boolean;
  verdicts: Verdicts;
  replay: Replay;
  onPoints: (count: number) => void;
  signal: AbortSignal;
}

interface Series {
  key: string;
  origin: Origin;
  expected: ExpectedPoints;
}

interface Differing extends Series {
  found: PointSums;
}

export class MetricComparison {
  /** Points that the server sent. */
  points = 0;
  readonly #context: MetricsContext;
  readonly #open = new Map<string, Series>();
  readonly #pending = new Set<Promise<void>>();
  /** By key: how many points there should be. */
  readonly #counts = new Map<string, number>();
  readonly #differing: Differing[] = [];
  #failure: { error: unknown } | undefined;
  #sinceRoom = 0;
  #last: Series | undefined;

  constructor(context: MetricsContext) {
    this.#context = context;
  }

  /** @returns false if `room` is to be called before the next point */
  add(key: string, point: MetricPoint, origin: Origin): boolean {
    if (this.#last?.key !== key) {
      this.#last = this.#open.get(key) ?? { key, origin, expected: new ExpectedPoints(this.#context.fileStore) };
      this.#open.set(key, this.#last);
    }
    this.#last.expected.add(point);
    this.#sinceRoom = (this.#sinceRoom + 1) % BETWEEN;
    return this.#sinceRoom > 0;
  }

  /** @throws what a comparison before failed with */
  async room(): Promise<void> {
    throwIfAborted(this.#context.signal);
    while (this.#pending.size >= AT_ONCE) await Promise.race(this.#pending);
    if (this.#failure) throw this.#failure.error;
  }

  /** All points of the metric were given: it is compared while others come. */
  async end(key: string): Promise<void> {
    const series = this.#open.get(key);
    if (!series) return;
    this.#open.delete(key);
    this.#last = undefined;
    await this.room();
    const task = this.#compare(series)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#pending.delete(task));
    this.#pending.add(task);
  }

  /** Compares the rest, and looks for what differs. */
  async flush(): Promise<void> {
    for (const key of [...this.#open.keys()]) await this.end(key);
    await Promise.all(this.#pending);
    await this.room();
    await this.#tellApart();
    for (const [index, series] of this.#differing.entries()) {
      const difference = index < DETAILED ? await this.#look(series) : byNumbers(series);
      this.#context.verdicts.add(series.origin, difference);
    }
    this.#differing.length = 0;
  }

  /** Points that the server should hold of a metric. */
  expectedCount(key: string): number | undefined {
    return this.#counts.get(key);
  }

  async #compare(series: Series): Promise<void> {
    const found = new PointSums();
    for await (const texts of this.#held(series)) {
      throwIfAborted(this.#context.signal);
      for (const text of texts) found.add(text);
      this.points += texts.length;
      this.#context.onPoints(texts.length);
    }
    this.#judge({ ...series, found });
  }

  #judge(series: Differing): void {
    const { key, expected, found } = series;
    this.#counts.set(key, expected.sums.count);
    if (expected.isLoose || !expected.sums.equals(found)) this.#differing.push(series);
  }

  #held({ key, expected }: Series): AsyncGenerator<string[]> {
    const { client, id, fileStore } = this.#context;
    return heldPoints(client, { id, key, expected: expected.given, asHeld: !fileStore });
  }

  /** Sums up anew where equal points are apart in the archive: in as many rounds as it takes to hold a part of them. */
  async #tellApart(): Promise<void> {
    const loose = this.#differing.filter(({ expected }) => expected.isLoose);
    if (loose.length === 0) return;
    const sums = new Map(loose.map(({ key }) => [key, new PointSums()]));
    const paths = new Set(loose.map(({ origin }) => origin.path));
    const parts = Math.ceil(loose.reduce((sum, { expected }) => sum + expected.given, 0) / DISTINCT);
    for (let part = 0; part < parts; part++) {
      const seen = new Map(loose.map(({ key }) => [key, new Set<string>()]));
      await this.#context.replay(paths, (key, point) => {
        const text = heldText(point, false);
        const known = seen.get(key);
        if (!known || known.has(text) || partOf(text, parts) !== part) return;
        known.add(text);
        sums.get(key)!.add(text);
      });
    }
    const all = this.#differing.splice(0);
    for (const series of all) {
      if (series.expected.isLoose) Object.assign(series.expected, { sums: sums.get(series.key)!, isLoose: false });
      this.#judge(series);
    }
  }

  /** Reads both sides once more for what differs, as far as it can be held. */
  async #look(series: Differing): Promise<TargetDifference> {
    const { key, origin, expected, found } = series;
    const { replay, fileStore, signal } = this.#context;
    const buckets = new Set<number>();
    let points = 0;
    for (const one of expected.sums.differing(found)) {
      if (buckets.size > 0 && points + one.points > HELD) continue;
      buckets.add(one.bucket);
      points += one.points;
    }
    const missing = new Map<string, number>();
    await replay(new Set([origin.path]), (given, point) => {
      if (given !== key) return;
      const text = heldText(point, fileStore);
      if (buckets.has(bucketOf(text))) missing.set(text, fileStore ? (missing.get(text) ?? 0) + 1 : 1);
    });
    const extra: string[] = [];
    for await (const texts of this.#held(series)) {
      throwIfAborted(signal);
      for (const text of texts) {
        if (!buckets.has(bucketOf(text))) continue;
        const wanted = missing.get(text);
        if (wanted === undefined) extra.push(text);
        else if (wanted === 1) missing.delete(text);
        else missing.set(text, wanted - 1);
      }
    }
    return byPoints(series, [...missing.keys()], extra);
  }
}

function byNumbers({ key, expected, found }: Differing): TargetDifference {
  const [should, is] = [expected.sums.count, found.count];
  const what = `metric ${key}`;
  if (is === 0) {
    return {
      kind: 'missing',
      what,
      message: `The target has none of ${should} points.`,
      expected: `${should}`,
      found: '0',
    };
  }
  const message =
    should === is
      ? `The target has ${is} points, as many as the archive, but not the same.`
      : `The target has ${is} points, the archive ${should}.`;
  return { kind: 'different', what, message, expected: `${should}`, found: `${is}` };
}

function byPoints(series: Differing, missing: readonly string[], extra: readonly string[]): TargetDifference {
  const told = byNumbers(series);
  const points = pairs(missing, extra);
  if (told.found === '0' || points.length === 0) return told;
  const named = points.slice(0, NAMED);
  const more = points.length - named.length;
  const list = named.map(pointWords).join('; ');
  return {
    ...told,
    kind: extra.length === 0 ? 'missing' : 'different',
    message: `${told.message.replace(/\.$/, '')}: ${list}${more > 0 ? `; and ${more} more` : ''}.`,
    points: named,
  };
}

/** What lacks and what is too much at one step and time is one point with another value. */
function pairs(missing: readonly string[], extra: readonly string[]): PointDifference[] {
  const byPlace = new Map<string, { expected: string[]; found: string[] }>();
  const put = (text: string, side: 'expected' | 'found') => {
    const at = text.lastIndexOf(' ');
    const place = text.slice(0, at);
    const both = byPlace.get(place) ?? { expected: [], found: [] };
    byPlace.set(place, both);
    both[side].push(text.slice(at + 1));
  };
  for (const text of missing) put(text, 'expected');
  for (const text of extra) put(text, 'found');
  const points: PointDifference[] = [];
  for (const [place, { expected, found }] of byPlace) {
    const [step = '', timestamp = ''] = place.split(' ');
    for (let i = 0; i < Math.max(expected.length, found.length); i++) {
      points.push({
        step,
        timestamp,
        ...(expected[i] === undefined ? {} : { expected: expected[i] }),
        ...(found[i] === undefined ? {} : { found: found[i] }),
      });
    }
  }
  return points.sort(
    (left, right) => Number(left.step) - Number(right.step) || Number(left.timestamp) - Number(right.timestamp),
  );
}

function pointWords({ step, timestamp, expected, found }: PointDifference): string {
  const place = `step ${step} (${timestamp} ms)`;
  if (expected === undefined) return `${place} has ${found}, which is not of the archive`;
  return found === undefined
    ? `${place} with ${expected} is missing`
    : `${place} should be ${expected} and is ${found}`;
}
