// What is known of a series' steps before it is sent: which multipliers make them whole, and where points would fall together. Pure.

import { int64At, isSafeInt64, words } from '../model/int64.ts';
import { isWholeStep, scaledMicro, wholeStepText } from './steps.ts';

/** Steps have six decimals: powers of ten beyond this one change nothing. */
const PLACES = 6;
const INT64_MAX = 9_223_372_036_854_775_807n;
const POWERS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000] as const;

/** The power of ten among the multipliers that are always looked at; undefined for any other multiplier. */
function placesOf(multiplier: bigint): number | undefined {
  const places = POWERS.findIndex((power) => BigInt(power) === multiplier);
  return places < 0 ? undefined : places;
}

/**
 * Counts over the points of one series in the order of their steps: for each power of ten from 1 to 1,000,000, and for
 * the multiplier of the load if it is another.
 */
export class StepFacts {
  /** Points whose step times 10^n isn't whole. */
  readonly #fractional = new Array<number>(PLACES + 1).fill(0);
  /** Points that fall on the whole step of the point before, though their own steps differ. */
  readonly #collisions = new Array<number>(PLACES + 1).fill(0);
  readonly #custom: bigint | undefined;
  #customFractional = 0;
  #customCollisions = 0;
  /** Points with the very step of the point before: no multiplier tells them apart. */
  repeated = 0;
  /** Points without a step: they go to step 0. */
  missing = 0;
  /** Steps went back: what is counted between neighbours is not all. Count a sorted copy, see `ofSorted`. */
  isUnordered = false;
  #last: bigint | number | undefined;
  /** The least and the greatest step, in micro-steps; undefined while there is none. */
  range: { least: bigint; greatest: bigint } | undefined;
  #leastAbsolute: bigint | undefined;
  #greatestAbsolute = 0n;

  /** @param multiplier of the load */
  constructor(multiplier: bigint) {
    this.#custom = placesOf(multiplier) === undefined ? multiplier : undefined;
  }

  /** Facts about steps that came in any order. @param missing points without a step */
  static ofSorted(steps: BigInt64Array, missing: number, multiplier: bigint): StepFacts {
    const facts = new StepFacts(multiplier);
    facts.add(steps.toSorted(), steps.length);
    facts.missing = missing;
    return facts;
  }

  /** Takes down the first `length` steps of a column; those with a 0 in `valid` are missing. */
  add(steps: BigInt64Array, length: number, valid?: Uint8Array): void {
    const view = words(steps);
    for (let i = 0; i < length; i++) {
      if (valid?.[i] === 0) {
        this.missing++;
        continue;
      }
      const step = isSafeInt64(view, i) ? int64At(view, i) : steps[i]!;
      if (this.#last !== undefined && step < this.#last) this.isUnordered = true;
      this.#one(step);
      if (this.#custom !== undefined) this.#oneCustom(step, scaledMicro(steps, view, i, this.#custom), this.#custom);
      this.#last = step;
    }
    this.#noteRange(steps, length, valid);
  }

  #noteRange(steps: BigInt64Array, length: number, valid: Uint8Array | undefined): void {
    // The least and the greatest of a rising column stand at its ends; where it crosses zero the rest is looked at, too.
    const crosses = length > 1 && steps[0]! < 0n !== steps[length - 1]! < 0n;
    const all = this.isUnordered || crosses || valid !== undefined;
    for (let i = 0; i < length; i += all ? 1 : Math.max(1, length - 1)) {
      if (valid?.[i] === 0) continue;
      const step = steps[i]!;
      this.range ??= { least: step, greatest: step };
      if (step < this.range.least) this.range.least = step;
      if (step > this.range.greatest) this.range.greatest = step;
      const absolute = step < 0n ? -step : step;
      if (this.#leastAbsolute === undefined || absolute < this.#leastAbsolute) this.#leastAbsolute = absolute;
      if (absolute > this.#greatestAbsolute) this.#greatestAbsolute = absolute;
    }
  }

  /** True if some step is beyond 64 bits at this multiplier. */
  isBeyond(multiplier: bigint): boolean {
    return (this.#greatestAbsolute * multiplier) / 1_000_000n > INT64_MAX;
  }

  #one(step: number | bigint): void {
    const last = this.#last;
    if (last === step) this.repeated++;
    const whole = isWholeStep(step);
    // The usual case: whole steps, each another.
    if (whole && (last === undefined || (last !== step && isWholeStep(last)))) return;
    for (let places = 0; places < PLACES; places++) {
      const unit = POWERS[PLACES - places]!;
      if (!whole && rest(step, unit) !== 0) this.#fractional[places]!++;
      if (last !== undefined && last !== step && cut(step, unit) === cut(last, unit)) this.#collisions[places]!++;
    }
  }

  #oneCustom(step: number | bigint, scaled: number | bigint, multiplier: bigint): void {
    if (!isWholeStep(scaled)) this.#customFractional++;
    if (this.#last === undefined || this.#last === step) return;
    if (wholeStepText(BigInt(this.#last) * multiplier) === wholeStepText(scaled)) this.#customCollisions++;
  }

  /** Points whose step isn't whole at this multiplier: that of the load, or a power of ten. */
  fractional(multiplier: bigint): number {
    const places = this.#placesFor(multiplier);
    return places === undefined ? this.#customFractional : this.#fractional[Math.min(places, PLACES)]!;
  }

  /** Points that fall on the step of another one at this multiplier: that of the load, or a power of ten. */
  collisions(multiplier: bigint): number {
    const places = this.#placesFor(multiplier);
    const found = places === undefined ? this.#customCollisions : this.#collisions[Math.min(places, PLACES)]!;
    return found + this.#missingCollisions(multiplier);
  }

  /** Points without a step fall on step 0, on each other and on what is there. */
  #missingCollisions(multiplier: bigint): number {
    if (this.missing === 0) return 0;
    const least = this.#leastAbsolute;
    return least !== undefined && least * multiplier < 1_000_000n ? this.missing : this.missing - 1;
  }

  #placesFor(multiplier: bigint): number | undefined {
    if (multiplier === this.#custom) return undefined;
    const places = placesOf(multiplier);
    if (places === undefined) throw new Error(`the steps were not looked at for the multiplier ${multiplier}`);
    return places;
  }

  /** The smallest power of ten that makes all steps whole. */
  get exactMultiplier(): bigint {
    return BigInt(POWERS[this.#fractional.indexOf(0)]!);
  }

  /** The smallest power of ten at which no two points of other steps fall together. */
  get separateMultiplier(): bigint {
    return BigInt(POWERS[this.#collisions.indexOf(0)]!);
  }
}

function rest(step: number | bigint, unit: number): number {
  return typeof step === 'number' ? step % unit : Number(step % BigInt(unit));
}

/** The step in whole units, cut towards zero as `wholeStepText` does. */
function cut(step: number | bigint, unit: number): number | bigint {
  if (typeof step === 'number') return (step - (step % unit)) / unit + 0;
  const whole = step / BigInt(unit);
  const number = Number(whole);
  return Number.isSafeInteger(number) ? number : whole;
}
