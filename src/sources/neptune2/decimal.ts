// Numbers of a JSON text from its bytes, to the same double that JSON.parse makes of them, without a string for each.

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const MOST_POWER = POWERS.length - 1;
/** Splits a double into two of 26 bits each (Dekker). */
const SPLIT = 2 ** 27 + 1;
/** Far more than the error of the second part of a quotient, far less than what decides how it is rounded. */
const DOUBT = 2 ** -48;

/** Where a number ended; -1 if there was none. */
export interface NumberEnd {
  at: number;
}

/**
 * The number that begins at `start`. Leaves the place behind it in `end`.
 * @returns the nearest double, ties to even, as IEEE 754 and JSON.parse have it; NaN if there is none
 */
export function readNumber(bytes: Uint8Array, start: number, end: NumberEnd): number {
  let at = start;
  const negative = bytes[at] === 45;
  if (negative) at++;
  // The digits as head × 10^tailDigits + tail, each part exact; zeros in front don't count.
  let head = 0;
  let tail = 0;
  let tailDigits = 0;
  let digits = 0;
  let shift = 0;
  let seen = 0;
  let code = bytes[at]!;
  for (let afterPoint = false; ; code = bytes[++at]!) {
    if (code >= 48 && code <= 57) {
      seen++;
      if (afterPoint) shift--;
      if (digits > 0 || code > 48) digits++;
      if (digits <= 10) head = head * 10 + (code - 48);
      else {
        tail = tail * 10 + (code - 48);
        tailDigits++;
      }
    } else if (code === 46 && !afterPoint && seen > 0) {
      afterPoint = true;
      seen = 0;
    } else break;
  }
  end.at = -1;
  if (seen === 0) return Number.NaN;
  if (code === 101 || code === 69) {
    code = bytes[++at]!;
    const down = code === 45;
    if (down || code === 43) code = bytes[++at]!;
    let exponent = 0;
    let exponentDigits = 0;
    for (; code >= 48 && code <= 57; code = bytes[++at]!) {
      exponent = exponent * 10 + (code - 48);
      exponentDigits++;
    }
    if (exponentDigits === 0) return Number.NaN;
    shift += down ? -exponent : exponent;
  }
  end.at = at;
  if (digits <= 19) {
    const size = toDouble(head, tail, tailDigits, digits, shift);
    if (size >= 0) return negative ? -size : size;
  }
  return Number(textOf(bytes, start, at));
}

/** The double nearest to (head × 10^tailDigits + tail) × 10^shift, or -1 where this way can't tell. */
function toDouble(head: number, tail: number, tailDigits: number, digits: number, shift: number): number {
  if (digits === 0) return 0;
  if (digits <= 15) {
    // Both are exact, so the one operation rounds right (Clinger).
    const whole = head * POWERS[tailDigits]! + tail;
    if (shift === 0) return whole;
    if (shift < 0) return shift >= -MOST_POWER ? whole / POWERS[-shift]! : -1;
    return shift <= MOST_POWER ? whole * POWERS[shift]! : -1;
  }
  if (shift > 0 || shift < -MOST_POWER) return -1;
  // All digits as the exact sum of two doubles, high + low.
  const power = POWERS[tailDigits]!;
  const product = head * power;
  const high = product + tail;
  const tailIn = high - product;
  const low = product - (high - tailIn) + (tail - tailIn) + productError(head, power, product);
  // The same division by parts: the remainder of the first is exact, and the second's error is known to be small.
  const divisor = POWERS[-shift]!;
  const quotient = high / divisor;
  const times = quotient * divisor;
  const rest = high - times - productError(quotient, divisor, times) + low;
  const more = rest / divisor;
  const result = quotient + more * (1 - DOUBT);
  return result === quotient + more * (1 + DOUBT) ? result : -1;
}

/** What a product lost by rounding: left × right - product, exactly (Dekker). */
function productError(left: number, right: number, product: number): number {
  const leftSplit = left * SPLIT;
  const leftHigh = leftSplit - (leftSplit - left);
  const leftLow = left - leftHigh;
  const rightSplit = right * SPLIT;
  const rightHigh = rightSplit - (rightSplit - right);
  const rightLow = right - rightHigh;
  return leftLow * rightLow - (product - leftHigh * rightHigh - leftLow * rightHigh - leftHigh * rightLow);
}

/** ASCII between two places. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
