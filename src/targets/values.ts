// Values as texts that the targets share: floats as Python prints them, times in ISO 8601, string sets. Pure.

/** JavaScript's dates end here; int64 milliseconds go further. */
const MAX_DATE_MS = 8_640_000_000_000_000n;

/** A float as Python's `repr` prints it: shortest digits that read back to the same double. */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  // Here both languages write digits alone.
  if (size >= 1e-4 && size < 1e16) return Number.isInteger(value) ? `${value}.0` : String(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '0', power = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const point = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    return `${sign}${point}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

/**
 * A time as pandas prints it: `2023-05-17 12:00:00.123000+00:00`, without fraction for whole seconds; `separator` `T`
 * gives ISO 8601. Undefined beyond the years that JavaScript's dates know.
 * @param ms milliseconds since 1970-01-01 UTC
 */
export function timeText(ms: bigint | number, separator: ' ' | 'T'): string | undefined {
  if (ms > MAX_DATE_MS || ms < -MAX_DATE_MS) return undefined;
  const time = Number(ms);
  const day = Math.floor(time / DAY_MS);
  const rest = time - day * DAY_MS;
  const fraction = rest % 1000;
  const clock = Math.floor(rest / 1000);
  const [hour, minute, second] = [Math.floor(clock / 3600), Math.floor(clock / 60) % 60, clock % 60];
  const part = fraction === 0 ? '' : `.${String(fraction).padStart(3, '0')}000`;
  return `${dateText(day)}${separator}${two(hour)}:${two(minute)}:${two(second)}${part}+00:00`;
}

export const DAY_MS = 86_400_000;
const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));
/** The last date that was asked for: those of a series are nearly all of one day. */
const lastDate = { day: Number.NaN, text: '' };

function two(number: number): string {
  return TWO_DIGITS[number]!;
}

/** `2023-05-17`. @param day days since 1970-01-01 */
export function dateText(day: number): string {
  if (day !== lastDate.day) {
    lastDate.text = new Date(day * DAY_MS).toISOString().split('T')[0]!;
    lastDate.day = day;
  }
  return lastDate.text;
}

/** A list of texts as JSON, as Python writes it: a blank after each comma. */
export function listJson(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}

/**
 * A string set: elements joined by commas, as the official loader does. Where that couldn't be taken apart again (an
 * element holds a comma, is empty, or the text would look like JSON) it is a JSON array.
 */
export function stringSetText(values: readonly string[]): { text: string; json: boolean } {
  const json = values.some((value) => value === '' || value.includes(',')) || values[0]?.startsWith('[') === true;
  return { text: json ? JSON.stringify(values) : values.join(','), json };
}
