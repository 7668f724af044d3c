// Points of a series that fall on one whole step at a target: of each such group only the first or the last goes on.

import type { SeriesBatch } from '../model/batches.ts';
import { words } from '../model/int64.ts';
import { pointsOf } from '../model/points-of.ts';
import { scaledMicro, wholeStepText } from './steps.ts';
import { type RunSurvey, surveyKey } from './survey.ts';

/** `stop`: a load ends before anything is sent. The others send one point of those that fall together. */
export const COLLISION_POLICIES = ['stop', 'keep-first', 'keep-last'] as const;
export type CollisionPolicy = (typeof COLLISION_POLICIES)[number];

/** What is known of a series on its way. */
interface Open {
  /** Points of the series that have come. */
  come: number;
  /** Whole step of the last point that went on or is held back. */
  step: string | undefined;
  /** The last point, as long as the next one may take its place. */
  held: SeriesBatch | undefined;
}

/** Leaves out points of one run's series. A series without collisions passes as it is. */
export class StepCollisions {
  readonly #survey: RunSurvey;
  readonly #multiplier: bigint;
  readonly #policy: CollisionPolicy;
  readonly #open = new Map<string, Open>();

  constructor(survey: RunSurvey, multiplier: bigint, policy: CollisionPolicy) {
    this.#survey = survey;
    this.#multiplier = multiplier;
    this.#policy = policy;
  }

  /** What goes on of a batch: itself, or parts of it and of what was held back. Call it for all batches of a series. */
  *pass<B extends SeriesBatch>(batch: B): Generator<B> {
    const key = surveyKey(batch.kind, batch.path);
    const entry = this.#survey.get(key);
    if (this.#policy === 'stop' || !entry?.steps || entry.steps.collisions(this.#multiplier) === 0) {
      yield batch;
      return;
    }
    const open = this.#open.get(key) ?? { come: 0, step: undefined, held: undefined };
    this.#open.set(key, open);
    open.come += batch.length;
    const steps = wholeSteps(batch, this.#multiplier);
    const parts =
      this.#policy === 'keep-first' ? first(batch, steps, open) : last(batch, steps, open, open.come >= entry.rows);
    // Of the same kind as the batch.
    yield* parts as Iterable<B>;
  }
}

function wholeSteps(batch: SeriesBatch, multiplier: bigint): string[] {
  const view = words(batch.steps);
  return Array.from({ length: batch.length }, (_, i) =>
    batch.stepValid?.[i] === 0 ? '' : wholeStepText(scaledMicro(batch.steps, view, i, multiplier)),
  );
}

function* first(batch: SeriesBatch, steps: string[], open: Open): Generator<SeriesBatch> {
  const kept = steps.flatMap((step, i) => ((i === 0 ? open.step : steps[i - 1]) === step ? [] : [i]));
  open.step = steps.at(-1) ?? open.step;
  if (kept.length > 0) yield pointsOf(batch, kept);
}

function* last(batch: SeriesBatch, steps: string[], open: Open, isEnd: boolean): Generator<SeriesBatch> {
  if (steps.length === 0) return;
  if (open.held && open.step !== steps[0]) yield open.held;
  open.held = undefined;
  open.step = steps.at(-1);
  const end = steps.length - 1;
  const kept = steps.flatMap((step, i) => (i < end ? (step === steps[i + 1] ? [] : [i]) : isEnd ? [i] : []));
  if (!isEnd) open.held = pointsOf(batch, [end]);
  if (kept.length > 0) yield pointsOf(batch, kept);
}
