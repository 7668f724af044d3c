// Steps: Neptune counts in doubles with six decimals, the archive in decimal(18,6), we in whole micro-steps.

import { ExporterError } from './errors.ts';

export const MICRO = 1_000_000;
/** decimal(18,6) holds 18 digits. */
export const MAX_MICRO = 999_999_999_999_999_999n;

/**
 * Micro-steps of a step: its exact binary value, rounded half to even at six decimals (rule of the official exporter).
 * @returns a safe integer as number, a larger one as bigint
 * @throws ExporterError `unsupported` for NaN, infinities and what decimal(18,6) can't hold
 */
export function microOfStep(step: number): number | bigint {
  if (Number.isInteger(step)) {
    // Both factors are whole, so the product is exact while it is a safe integer.
    const micro = step * MICRO;
    if (Number.isSafeInteger(micro)) return micro + 0;
    return checked(BigInt(step) * 1_000_000n, step);
  }
  if (!Number.isFinite(step)) throw outOfRange(step);
  // The rounded product decides unless it comes near a tie; its error is below one unit in the last place.
  const product = step * MICRO;
  const nearest = Math.round(product);
  const fromTie = Math.abs(Math.abs(product - Math.trunc(product)) - 0.5);
  if (Math.abs(product) < 2 ** 50 && fromTie > 2 ** -2) return nearest + 0;
  return exactMicro(step);
}

/** Decimal text with six places, as the archive holds it: `12.500000`. */
export function stepText(micro: bigint): string {
  const digits = (micro < 0n ? -micro : micro).toString().padStart(7, '0');
  return `${micro < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** Micro-steps of a text that `stepText` wrote. */
export function microOfText(text: string): bigint {
  return BigInt(text.replace('.', ''));
}

function exactMicro(step: number): number | bigint {
  // step = mantissa x 2^exponent exactly; micro = mantissa x 10^6 x 2^exponent, rounded half to even.
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(step));
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const mantissa = biased === 0 ? fraction : fraction | 0x10_0000_0000_0000n;
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  const scaled = mantissa * 1_000_000n;
  let micro: bigint;
  if (exponent >= 0) micro = scaled << BigInt(exponent);
  else {
    const shift = BigInt(-exponent);
    micro = scaled >> shift;
    const rest = scaled - (micro << shift);
    const half = 1n << (shift - 1n);
    if (rest > half || (rest === half && (micro & 1n) === 1n)) micro += 1n;
  }
  const signed = checked(step < 0 ? -micro : micro, step);
  const number = Number(signed);
  return Number.isSafeInteger(number) ? number : signed;
}

function checked(micro: bigint, step: number): bigint {
  if (micro > MAX_MICRO || micro < -MAX_MICRO) throw outOfRange(step);
  return micro;
}

function outOfRange(step: number): ExporterError {
  return new ExporterError(
    'unsupported',
    `The step ${step} can't be held by the archive, whose steps have 12 digits before the point.`,
  );
}
