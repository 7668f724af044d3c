// Rows of a CSV from spooled points, as bytes: texts for each step and time would be most of what a load makes.

import { int64At, isSafeInt64 } from '../../model/int64.ts';
import { isoTime, numberText } from '../series-files.ts';
import { decimalStepText } from '../steps.ts';
import { DAY_MS, dateText } from '../values.ts';
import { ABSENT, type Records } from './point-spool.ts';

const MICRO = 1_000_000;
/** Times of years with four digits. */
const YEAR_0 = -62_167_219_200_000;
const YEAR_10000 = 253_402_300_800_000;
/** Bytes of a row's step, time, value and what stands between them, at most. */
const ROW_BYTES = 128;
const [ZERO, DOT, COMMA, COLON, NEWLINE, T] = [48, 46, 44, 58, 10, 84];

/** Room that `putRows` needs. @param attribute the field, in UTF-8 */
export function rowsRoom(attribute: Uint8Array, records: Records): number {
  return records.length * (attribute.length + ROW_BYTES);
}

/**
 * Writes `attribute,step,timestamp,value` for each record: Neptune's own step, the time in ISO 8601, and the value as
 * Python prints it, bare words for what isn't finite. What a point lacks is empty.
 * @returns bytes written
 */
export function putRows(into: Buffer, attribute: Uint8Array, records: Records): number {
  const { words, values, length } = records;
  let at = 0;
  for (let i = 0; i < length; i++) {
    for (let byte = 0; byte < attribute.length; byte++) into[at++] = attribute[byte]!;
    into[at++] = COMMA!;
    at = putStep(into, at, words, i * 3);
    into[at++] = COMMA!;
    at = putTime(into, at, words, i * 3 + 1);
    into[at++] = COMMA!;
    at += into.write(numberText(values[i * 3 + 2]!), at, 'latin1');
    into[at++] = NEWLINE!;
  }
  return at;
}

function putStep(into: Buffer, at: number, words: Int32Array, index: number): number {
  const micro = int64At(words, index);
  if (micro >= 0 && micro < Number.MAX_SAFE_INTEGER && micro % MICRO === 0) return putWhole(into, at, micro / MICRO);
  const exact = exactAt(words, index);
  return exact === ABSENT ? at : at + into.write(decimalStepText(exact), at, 'latin1');
}

/** As `isoTime` has it. */
function putTime(into: Buffer, start: number, words: Int32Array, index: number): number {
  const ms = int64At(words, index);
  if (!isSafeInt64(words, index) || ms < YEAR_0 || ms >= YEAR_10000) {
    const exact = exactAt(words, index);
    return exact === ABSENT ? start : start + into.write(isoTime(exact), start, 'latin1');
  }
  const day = Math.floor(ms / DAY_MS);
  const rest = ms - day * DAY_MS;
  let at = start + into.write(dateText(day), start, 'latin1');
  into[at++] = T!;
  at = putDigits(into, at, Math.floor(rest / 3_600_000), 2);
  into[at++] = COLON!;
  at = putDigits(into, at, Math.floor(rest / 60_000) % 60, 2);
  into[at++] = COLON!;
  at = putDigits(into, at, Math.floor(rest / 1000) % 60, 2);
  const fraction = rest % 1000;
  if (fraction > 0) {
    into[at++] = DOT!;
    at = putDigits(into, at, fraction * 1000, 6);
  }
  for (let byte = 0; byte < UTC.length; byte++) into[at++] = UTC[byte]!;
  return at;
}

const UTC = Buffer.from('+00:00');
/** A whole number from 0 up. */
function putWhole(into: Buffer, at: number, value: number): number {
  let digits = 1;
  for (let most = 10; most <= value; most *= 10) digits++;
  return putDigits(into, at, value, digits);
}

function putDigits(into: Buffer, at: number, value: number, digits: number): number {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const next = Math.floor(rest / 10);
    into[place] = ZERO! + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}

function exactAt(words: Int32Array, index: number): bigint {
  return new BigInt64Array(words.buffer, words.byteOffset + index * 8, 1)[0]!;
}
