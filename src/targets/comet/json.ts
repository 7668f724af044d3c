// Reading of Comet's answers: nothing in them is taken on trust. Pure.

import { ExporterError } from '../../model/errors.ts';

const WIDE_INTEGER = /[:,[]\s*-?\d{16,}\s*[,\]}]/;

type Reviver = (key: string, value: unknown) => unknown;

/** Undefined if it is no JSON object. */
export function parseObject(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? asRecord(value) : undefined;
  } catch {
    return undefined;
  }
}

/** JSON whose unsafe whole numbers are bigint; undefined if it is none. */
export function parseExact(text: string): unknown {
  const revive = (_: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
      ? BigInt(source)
      : value;
  try {
    // Going through each value takes ten times as long, so only where it is needed.
    return WIDE_INTEGER.test(text) ? JSON.parse(text, revive as Reviver) : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Current values by name, as parameters, others and metrics are listed. */
export function summaries(answer: Record<string, unknown>): Map<string, string> {
  return new Map(
    asArray(answer.values).map((item) => {
      const { name, valueCurrent } = asRecord(item);
      return [asText(name) ?? '', valueCurrent === null || valueCurrent === undefined ? '' : String(valueCurrent)];
    }),
  );
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

export function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function requiredText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ExporterError('bad_answer', `Comet's answer lacks ${name}.`);
}
