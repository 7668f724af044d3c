// The steps of everything that is to be loaded, looked at before anything is sent: which multiplier is exact, and where points would fall together.

import type { ArchiveRun } from '../archive/types.ts';
import { throwIfAborted } from '../http/limits.ts';
import type { SeriesType } from '../model/attributes.ts';
import { ExporterError } from '../model/errors.ts';
import type { CollisionPolicy } from '../targets/step-collisions.ts';
import { StepFacts } from '../targets/step-facts.ts';
import { surveyKey } from '../targets/survey.ts';
import type { Target } from '../targets/target.ts';
import { contentDigest } from './content-digest.ts';
import { isLeft } from './load-run.ts';
import type { SelectedProject } from './load-selection.ts';
import { type Progress, silentProgress } from './progress.ts';
import { readableSeries, stepsOf } from './series-steps.ts';

/** Series named one by one. */
const NAMED = 10;

/** A series in which points would fall together. */
export interface CollidingSeries {
  projectId: string;
  runId: string;
  attributePath: string;
  /** Points that would fall on the step of the point before. */
  points: number;
  /** The smallest power of ten that keeps them apart. */
  multiplier: bigint;
}

/** What the steps of a selection come to. Only series whose steps have to be whole at the target count. */
export interface StepsPlan {
  asked: bigint | 'auto';
  /** The one that is used. */
  multiplier: bigint;
  /** The smallest power of ten that makes all steps whole. */
  exact: bigint;
  /** The smallest power of ten at which no points fall together. */
  separate: bigint;
  /** At the multiplier that is used: points whose steps aren't whole, and the series that have some. */
  fractionalPoints: number;
  fractionalSeries: number;
  /** Points that fall on the step of another one, and the series that have some. */
  collidingPoints: number;
  collidingSeries: number;
  /** The first of these series. */
  collisions: CollidingSeries[];
  /** Points with the very step of the one before in the archive: no multiplier tells them apart. */
  repeatedPoints: number;
}

export interface PlanStepsOptions {
  target: Target;
  stepMultiplier: bigint | 'auto';
  progress?: Progress;
  signal: AbortSignal;
}

/**
 * Reads the series of all runs that are to be loaded; with `auto`, of all that are selected, so that a later load of the
 * same archive comes to the same multiplier.
 * @returns also the digests of the runs that were hashed on the way
 */
export async function planSteps(
  projects: readonly SelectedProject[],
  options: PlanStepsOptions,
): Promise<{ steps: StepsPlan; digests: Map<ArchiveRun, string> }> {
  const { target, stepMultiplier: asked, progress = silentProgress, signal } = options;
  const digests = new Map<ArchiveRun, string>();
  const tally = new Tally(asked);
  for (const { project, runs } of projects) {
    progress.project(project.projectId, runs.length);
    for (const { run, info } of runs) {
      throwIfAborted(signal);
      progress.runStarted(run.runId);
      try {
        const digest = await contentDigest(run, signal);
        digests.set(run, digest);
        const found = asked === 'auto' ? undefined : await target.find(info, { digest, stepMultiplier: asked });
        if (!found || !isLeft(found)) {
          tally.add(run, (await factsOf(run, target.wholeSteps, tally.multiplier, options)).values());
        }
        progress.runFinished(run.runId, 'done');
      } catch (error) {
        // What is damaged is told when the run is loaded.
        if (!(error instanceof ExporterError && error.code === 'archive')) throw error;
        progress.runFinished(run.runId, 'failed');
      }
    }
  }
  return { steps: tally.plan(), digests };
}

/** Facts about the series of a run whose steps have to be whole, by type and path. */
async function factsOf(
  run: ArchiveRun,
  types: ReadonlySet<SeriesType>,
  multiplier: bigint,
  { progress, signal }: PlanStepsOptions,
): Promise<Map<string, { path: string; facts: StepFacts }>> {
  const found = new Map<string, { path: string; facts: StepFacts }>();
  for await (const batch of readableSeries(run, types, signal)) {
    const key = surveyKey(batch.kind, batch.path);
    const known = found.get(key) ?? { path: batch.path, facts: new StepFacts(multiplier) };
    found.set(key, known);
    known.facts.add(batch.steps, batch.length, batch.stepValid);
    progress?.points(batch.length);
  }
  // Neighbours don't tell all of a series whose steps go back: these few are sorted, one after the other.
  for (const [key, known] of found) {
    if (!known.facts.isUnordered) continue;
    const steps: bigint[] = [];
    for (const step of await stepsOf(run, key, types, signal)) if (step !== undefined) steps.push(step);
    known.facts = StepFacts.ofSorted(BigInt64Array.from(steps), known.facts.missing, multiplier);
  }
  return found;
}

/** What becomes of a series at one multiplier. */
interface Counts {
  fractionalPoints: number;
  fractionalSeries: number;
  collidingPoints: number;
  collidingSeries: number;
  collisions: CollidingSeries[];
}

const POWERS = Array.from({ length: 7 }, (_, places) => 10n ** BigInt(places));

class Tally {
  readonly #asked: bigint | 'auto';
  /** By multiplier: the one that was asked for, or all that `auto` may choose. */
  readonly #counts: Map<bigint, Counts>;
  #exact = 1n;
  #separate = 1n;
  #repeated = 0;

  constructor(asked: bigint | 'auto') {
    this.#asked = asked;
    this.#counts = new Map((asked === 'auto' ? POWERS : [asked]).map((multiplier) => [multiplier, emptyCounts()]));
  }

  /** The multiplier that facts have to be gathered for. */
  get multiplier(): bigint {
    return this.#asked === 'auto' ? 1n : this.#asked;
  }

  add({ projectId, runId }: ArchiveRun, series: Iterable<{ path: string; facts: StepFacts }>): void {
    for (const { path: attributePath, facts: one } of series) {
      if (one.exactMultiplier > this.#exact) this.#exact = one.exactMultiplier;
      if (one.separateMultiplier > this.#separate) this.#separate = one.separateMultiplier;
      this.#repeated += one.repeated;
      for (const [multiplier, counts] of this.#counts) {
        const fractional = one.fractional(multiplier);
        const points = one.collisions(multiplier);
        counts.fractionalPoints += fractional;
        if (fractional > 0) counts.fractionalSeries++;
        counts.collidingPoints += points;
        if (points === 0) continue;
        counts.collidingSeries++;
        if (counts.collisions.length < NAMED) {
          counts.collisions.push({ projectId, runId, attributePath, points, multiplier: one.separateMultiplier });
        }
      }
    }
  }

  plan(): StepsPlan {
    const multiplier = this.#asked === 'auto' ? this.#exact : this.#asked;
    const common = { asked: this.#asked, multiplier, exact: this.#exact, separate: this.#separate };
    return { ...common, ...this.#counts.get(multiplier)!, repeatedPoints: this.#repeated };
  }
}

function emptyCounts(): Counts {
  return { fractionalPoints: 0, fractionalSeries: 0, collidingPoints: 0, collidingSeries: 0, collisions: [] };
}

/** @throws ExporterError `step_collision` naming the first series and the multiplier that helps */
export function throwIfColliding(steps: StepsPlan, policy: CollisionPolicy = 'stop'): void {
  const [first] = steps.collisions;
  if (policy !== 'stop' || !first) return;
  const { collidingPoints, collidingSeries, multiplier, separate, exact } = steps;
  const more = collidingSeries > 1 ? ` So would points of ${collidingSeries - 1} more series.` : '';
  const exactly = exact === separate ? '' : ` (${exact} makes all steps whole)`;
  throw new ExporterError(
    'step_collision',
    `With --step-multiplier ${multiplier}, ${first.points} points of ${first.attributePath} (run ${first.runId}, ${first.projectId}) would fall on steps of other points.${more} Nothing was sent.`,
    {
      hint: `--step-multiplier ${separate} keeps all ${collidingPoints} apart${exactly}, and auto finds the exact one; --on-step-collision keep-last sends one of each.`,
    },
  );
}
