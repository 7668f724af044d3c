// Points of a series that fall on one whole step at a target: of each such group only the first or the last goes on.

import type { SeriesBatch } from '../model/batches.ts';
import { words } from '../model/int64.ts';
import { pointsOf } from '../model/points-of.ts';
import { scaledMicro, wholeStepText } from './steps.ts';
import { type AttributeSurvey, type RunSurvey, surveyKey } from './survey.ts';

/** `stop`: a load ends before anything is sent. The others send one point of those that fall together. */
export type CollisionPolicy = 'stop' | 'keep-first' | 'keep-last';

/** What is known of a series on its way. */
interface Open {
  /** Points of the series that have come. */
  come: number;
  /** Step of the last point that came, in micro-steps, and as it is at the target. */
  last: { micro: bigint; whole: string } | undefined;
  /** Whether points of this very step go on. */
  goesOn: boolean;
  /** The last points, all of one step, as long as the next one may take their place. */
  held: SeriesBatch[];
}

/**
 * Leaves out points of one run's series: of those with one whole step all but the ones of the first (or last) step in the
 * archive. Points with the very same step in the archive stay together. A series without collisions passes as it is.
 */
export class StepCollisions {
  readonly #survey: RunSurvey;
  readonly #multiplier: bigint;
  readonly #policy: CollisionPolicy;
  readonly #open = new Map<string, Open>();
  /** Points left out so far, by the attribute's path. */
  readonly dropped = new Map<string, number>();

  constructor(survey: RunSurvey, multiplier: bigint, policy: CollisionPolicy) {
    this.#survey = survey;
    this.#multiplier = multiplier;
    this.#policy = policy;
  }

  /** What goes on of a batch: itself, or parts of it and of what was held back. Call it for all batches of a series. */
  *pass<B extends SeriesBatch>(batch: B): Generator<B> {
    const key = surveyKey(batch.kind, batch.path);
    const entry = this.#survey.get(key);
    if (this.#policy === 'stop' || !entry?.steps || !hasCollisions(entry, this.#multiplier)) {
      yield batch;
      return;
    }
    const open = this.#open.get(key) ?? { come: 0, last: undefined, goesOn: true, held: [] };
    this.#open.set(key, open);
    const before = open.come;
    open.come += batch.length;
    let left = batch.length + lengthOf(open.held);
    const parts = entry.dropped
      ? listed(batch, before, entry.dropped)
      : this.#policy === 'keep-first'
        ? first(batch, this.#wholeSteps(batch), open)
        : last(batch, this.#wholeSteps(batch), open, open.come >= entry.rows);
    for (const part of parts) {
      left -= part.length;
      // Of the same kind as the batch.
      yield part as B;
    }
    left -= lengthOf(open.held);
    if (left > 0) this.dropped.set(batch.path, (this.dropped.get(batch.path) ?? 0) + left);
  }

  #wholeSteps(batch: SeriesBatch): string[] {
    const view = words(batch.steps);
    return Array.from({ length: batch.length }, (_, i) =>
      wholeStepText(scaledMicro(batch.steps, view, i, this.#multiplier)),
    );
  }
}

/** True if points of a series fall together at a multiplier. */
export function hasCollisions({ steps, dropped }: AttributeSurvey, multiplier: bigint): boolean {
  return dropped ? dropped.size > 0 : (steps?.collisions(multiplier) ?? 0) > 0;
}

/**
 * Numbers of the points of a series that a policy leaves out, for series whose steps don't rise or are missing.
 * @param steps in the order of the series; undefined for a missing one, which goes to step 0
 */
export function leftOut(
  steps: readonly (bigint | undefined)[],
  multiplier: bigint,
  policy: Exclude<CollisionPolicy, 'stop'>,
): Set<number> {
  const wholeOf = (step: bigint | undefined) => (step === undefined ? '0' : wholeStepText(step * multiplier));
  const kept = new Map<string, bigint | undefined>();
  for (const step of steps) {
    const whole = wholeOf(step);
    if (policy === 'keep-last' || !kept.has(whole)) kept.set(whole, step);
  }
  // Of points without a step only one can stay.
  const seen = new Set<string>();
  const dropped = new Set<number>();
  for (let i = 0; i < steps.length; i++) {
    // From the end that is kept.
    const index = policy === 'keep-last' ? steps.length - 1 - i : i;
    const step = steps[index];
    const whole = wholeOf(step);
    if (kept.get(whole) !== step || (step === undefined && seen.has(whole))) dropped.add(index);
    else if (step === undefined) seen.add(whole);
  }
  return dropped;
}

function lengthOf(batches: readonly SeriesBatch[]): number {
  return batches.reduce((sum, { length }) => sum + length, 0);
}

function* listed(batch: SeriesBatch, before: number, dropped: ReadonlySet<number>): Generator<SeriesBatch> {
  const rows = Array.from({ length: batch.length }, (_, i) => i).filter((i) => !dropped.has(before + i));
  if (rows.length > 0) yield pointsOf(batch, rows);
}

function* first(batch: SeriesBatch, steps: string[], open: Open): Generator<SeriesBatch> {
  const rows: number[] = [];
  for (const [i, whole] of steps.entries()) {
    const micro = batch.steps[i]!;
    const { last } = open;
    if (last === undefined || last.whole !== whole) open.goesOn = true;
    else if (last.micro !== micro) open.goesOn = false;
    open.last = { micro, whole };
    if (open.goesOn) rows.push(i);
  }
  if (rows.length > 0) yield pointsOf(batch, rows);
}

function* last(batch: SeriesBatch, steps: string[], open: Open, isEnd: boolean): Generator<SeriesBatch> {
  if (batch.length === 0) return;
  const end = batch.length - 1;
  const rows: number[] = [];
  let goesOn = true;
  /** Where the last points of one step begin. */
  let tail = end;
  for (let i = end; i >= 0; i--) {
    const isSame = i < end && batch.steps[i] === batch.steps[i + 1];
    if (i < end && !isSame) goesOn = steps[i] !== steps[i + 1];
    if (isSame && tail === i + 1) tail = i;
    if (goesOn) rows.push(i);
  }
  rows.reverse();
  const { held, last: before } = open;
  const isSameStep = before?.micro === batch.steps[0];
  open.last = { micro: batch.steps[end]!, whole: steps[end]! };
  if (isSameStep && tail === 0 && !isEnd) {
    // All of the batch goes on with what waits.
    held.push(pointsOf(batch, rows));
    return;
  }
  // What waits goes on as the points of its step do, or unless another step has its place.
  if (isSameStep ? rows[0] === 0 : before?.whole !== steps[0]) yield* held;
  open.held = isEnd
    ? []
    : [
        pointsOf(
          batch,
          rows.filter((row) => row >= tail),
        ),
      ];
  const now = isEnd ? rows : rows.filter((row) => row < tail);
  if (now.length > 0) yield pointsOf(batch, now);
}
