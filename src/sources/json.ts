// Reading JSON from a server: every access says what it expects, a surprise is an ExporterError `bad_answer`.

import { ExporterError } from '../model/errors.ts';

export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch (error) {
    throw new ExporterError('bad_answer', "The server's answer is not valid JSON.", { cause: error });
  }
}

export function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unexpected('an object', value);
  return value as Record<string, unknown>;
}

export function asArray(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw unexpected(`a list as ${name}`, value);
  return value;
}

export function asText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw unexpected(`a text as ${name}`, value);
  return value;
}

function unexpected(what: string, value: unknown): ExporterError {
  return new ExporterError(
    'bad_answer',
    `The server's answer should have ${what}, but has ${value === null ? 'null' : typeof value}.`,
  );
}
