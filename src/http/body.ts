// Bodies of answers: decompressed, given up when they only drip, and read no further than a message needs.

import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { ExporterError } from '../model/errors.ts';
import { oneLine } from './redact.ts';

type Chunks = AsyncGenerator<Uint8Array>;
type Headers = Record<string, string>;

/** A body slower than this over a whole window counts as stalled (as curl's --speed-limit). */
export const STALL_WINDOW_MS = 30_000;
const STALL_BYTES = 1024;
/** Code of the error for it. */
export const STALLED = 'STALLED';
/** What is read of a body that is only good for a message. */
const MESSAGE_BYTES = 16 * 1024;
const MESSAGE_MS = 5000;

const DECODERS = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['br', createBrotliDecompress],
]);
/** Codings that change nothing; some stores keep the second from the upload, though the body is plain. */
const PLAIN = new Set(['', 'identity', 'aws-chunked']);

/** The compressions of a body in the order they were applied, in lower case (RFC 9110, 8.4). */
export function contentCodings(headers: Headers): string[] {
  const codings = (headers['content-encoding'] ?? '').toLowerCase().split(',');
  return codings.map((coding) => coding.trim()).filter((coding) => !PLAIN.has(coding));
}

/**
 * The body without its compressions; a body that is cut ends as an error.
 * @param stallMs span in which something must come
 * @throws ExporterError `bad_answer` for a compression that nobody here knows, when it is read
 */
export async function* decoded(body: Readable, headers: Headers, stallMs = STALL_WINDOW_MS): Chunks {
  let plain = guarded(body, stallMs);
  for (const coding of contentCodings(headers).reverse()) plain = decode(plain, coding);
  yield* plain;
}

/**
 * The beginning of a body that is only good for a message: some KiB, of some seconds. Then it ends, and its connection.
 * @throws what breaks the body before that
 */
export async function* beginning(body: Readable, headers: Headers): Chunks {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    body.destroy();
  }, MESSAGE_MS);
  let left = MESSAGE_BYTES;
  try {
    for await (const chunk of decoded(body, headers)) {
      yield chunk.subarray(0, left);
      left -= chunk.length;
      if (left <= 0) break;
    }
  } catch (error) {
    // A message in an unknown compression is no message: the status must do.
    if (!late && !(error instanceof ExporterError)) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The beginning of an error's body as text, for its message. */
export async function messageText(body: Readable, headers: Headers): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of beginning(body, headers)) chunks.push(chunk);
  } catch {
    // What came must do.
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Makes the connection free for the next request if the body is short, and ends it otherwise. */
export async function drop(body: { dump(limits: { limit: number; signal: AbortSignal }): Promise<void> }) {
  await body.dump({ limit: MESSAGE_BYTES, signal: AbortSignal.timeout(MESSAGE_MS) }).catch(() => {});
}

async function* decode(source: Chunks, coding: string): Chunks {
  if (coding === 'deflate') return yield* inflated(source);
  const decoder = DECODERS.get(coding);
  if (!decoder) {
    throw new ExporterError('bad_answer', `The server compresses its answer in an unknown way: ${oneLine(coding)}`);
  }
  yield* pipeline(source, decoder(), () => {});
}

/** `deflate` has a zlib header, but some servers leave it out (RFC 9110, 8.4.1.2): the first byte tells. */
async function* inflated(source: Chunks): Chunks {
  const first = await source.next();
  const hasHeader = !first.done && ((first.value[0] ?? 0) & 0x0f) === 8;
  async function* whole() {
    if (!first.done) yield first.value;
    yield* source;
  }
  yield* pipeline(whole(), hasHeader ? createInflate() : createInflateRaw(), () => {});
}

/** Passes chunks on and gives up on a body that only drips. Time that the consumer takes doesn't count. */
async function* guarded(body: Readable, stallMs: number): Chunks {
  let windowStart = performance.now();
  let inWindow = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const arrived = performance.now();
    inWindow += chunk.length;
    if (arrived - windowStart > stallMs) {
      if (inWindow < STALL_BYTES) throw Object.assign(new Error('the answer came too slowly'), { code: STALLED });
      windowStart = arrived;
      inWindow = 0;
    }
    yield chunk;
    windowStart += performance.now() - arrived;
  }
}
