// Steps for targets that only take whole numbers: micro-steps times a multiplier, by integer arithmetic alone.

import { int64At, isSafeInt64 } from '../model/int64.ts';

const MICRO = 1_000_000;
const INT64_MAX = 9_223_372_036_854_775_807n;
const INT64_MIN = -9_223_372_036_854_775_808n;

/**
 * Step x multiplier, still in millionths: exact. A number while it is a safe integer, a bigint beyond.
 * `view` is `words(column)`.
 */
export function scaledMicro(
  column: BigInt64Array,
  view: Int32Array,
  index: number,
  multiplier: bigint,
): number | bigint {
  if (isSafeInt64(view, index)) {
    // A product of two whole doubles is exact as long as it stays a safe integer.
    const product = int64At(view, index) * Number(multiplier);
    if (Number.isSafeInteger(product)) return product;
  }
  return column[index]! * multiplier;
}

/** True if the scaled step is a whole number. */
export function isWholeStep(scaled: number | bigint): boolean {
  return typeof scaled === 'number' ? scaled % MICRO === 0 : scaled % 1_000_000n === 0n;
}

/** Text of the whole step, cut towards zero (as the official loader does) and kept inside int64. */
export function wholeStepText(scaled: number | bigint): string {
  if (typeof scaled === 'number') return String((scaled - (scaled % MICRO)) / MICRO + 0);
  const whole = scaled / 1_000_000n;
  return (whole > INT64_MAX ? INT64_MAX : whole < INT64_MIN ? INT64_MIN : whole).toString();
}

/** True if the whole step doesn't fit into int64, so that `wholeStepText` is not the real one. */
export function isBeyondInt64(scaled: number | bigint): boolean {
  if (typeof scaled === 'number') return false;
  const whole = scaled / 1_000_000n;
  return whole > INT64_MAX || whole < INT64_MIN;
}

/** Exact decimal text without trailing zeros: `12.5`, `-0.000001`, `3`. */
export function decimalStepText(scaled: number | bigint): string {
  if (typeof scaled === 'number' && scaled % MICRO === 0) return String(scaled / MICRO + 0);
  const micro = BigInt(scaled);
  const digits = (micro < 0n ? -micro : micro).toString().padStart(7, '0');
  const places = digits.slice(-6).replace(/0+$/, '');
  return `${micro < 0n ? '-' : ''}${digits.slice(0, -6)}${places === '' ? '' : `.${places}`}`;
}
