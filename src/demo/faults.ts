// Faults on demand: what servers and networks do to clients, by rules.

import { type Answer, bytesAnswer, errorAnswer } from './answer.ts';

export type Fault =
  /** The answer comes later. */
  | { kind: 'latency'; ms: number }
  /** Another status instead of the answer; `retryAfter` in seconds, sent as such or as an HTTP date. */
  | { kind: 'status'; status: number; retryAfter?: number; asDate?: boolean }
  /** The connection breaks in the middle of the body. */
  | { kind: 'cut' }
  /** Half of the body, as if it were all: HTTP sees nothing wrong. */
  | { kind: 'short' }
  /** Bytes that are no answer instead of the body. */
  | { kind: 'garbage' }
  | { kind: 'slow'; bytesPerSecond: number }
  | { kind: 'redirect'; location: string }
  /** All access tokens given out so far are refused from now on, so this request is, too. */
  | { kind: 'revokeTokens'; refreshTokensToo?: boolean };

/** Which requests a fault meets. Of many rules that fit a request, the first meets it. */
export interface FaultRule {
  /**
   * Part of the URL's path, or an expression that finds a match in it. Signed files lie below `/storage/`.
   * @default any
   */
  path?: string | RegExp;
  /** Name of the operation, as in `DemoServer.counts`: Neptune 2's operation id. @default any */
  operation?: string;
  fault: Fault;
  /** How many requests it lets pass before. @default 0 */
  skip?: number;
  /** How many requests it meets then. @default all */
  times?: number;
  /** Share of these requests that it meets, by a random number generator with `seed`. @default 1 */
  probability?: number;
  /** @default 1 */
  seed?: number;
}

/** How an answer is to be sent. */
export interface Delivery {
  answer: Answer;
  /** Bytes of the body after which the connection breaks. */
  cutAfter?: number;
  bytesPerSecond?: number;
}

interface RuleState {
  fits: (path: string, operation: string | undefined) => boolean;
  fault: Fault;
  skip: number;
  times: number;
  probability: number;
  random: () => number;
}

export class Faults {
  readonly #rules: RuleState[];

  constructor(rules: readonly FaultRule[]) {
    this.#rules = rules.map(
      ({ path = '', operation, fault, skip = 0, times = Infinity, probability = 1, seed = 1 }) => ({
        fits: (actual, name) =>
          (typeof path === 'string' ? actual.includes(path) : path.test(actual)) &&
          (operation === undefined || operation === name),
        fault,
        skip,
        times,
        probability,
        random: randomFrom(seed),
      }),
    );
  }

  /** The fault that meets a request, if one does. Counts the request. */
  next(path: string, operation?: string): Fault | undefined {
    for (const rule of this.#rules) {
      if (!rule.fits(path, operation)) continue;
      if (rule.skip > 0) {
        rule.skip--;
        continue;
      }
      if (rule.times <= 0 || rule.random() >= rule.probability) continue;
      rule.times--;
      return rule.fault;
    }
    return undefined;
  }
}

/** What a fault makes of a good answer. `latency` and `revokeTokens` work before there is one. */
export function deliver(answer: Answer, fault: Fault | undefined): Delivery {
  const half = Math.floor(answer.length / 2);
  switch (fault?.kind) {
    case 'status':
      return { answer: statusAnswer(fault) };
    case 'redirect':
      return { answer: { ...errorAnswer(302, 'FOUND', ''), headers: { location: fault.location } } };
    case 'cut':
      return { answer, cutAfter: half };
    case 'short':
      return { answer: { ...answer, length: half, body: () => firstBytes(answer.body(), half) } };
    case 'garbage':
      // Neither protobuf (wire type 7) nor JSON.
      return { answer: bytesAnswer(200, answer.headers['content-type'] ?? '', Buffer.alloc(64, 0xff)) };
    case 'slow':
      return { answer, bytesPerSecond: fault.bytesPerSecond };
    default:
      return { answer };
  }
}

/** The first bytes of a body. */
export function* firstBytes(body: Iterable<Uint8Array>, count: number): Iterable<Uint8Array> {
  let left = count;
  for (const piece of body) {
    if (left <= 0) return;
    yield piece.subarray(0, left);
    left -= piece.length;
  }
}

function statusAnswer({ status, retryAfter, asDate }: Fault & { kind: 'status' }): Answer {
  const answer = errorAnswer(status, 'FAULT', `A fault on demand: ${status}.`);
  if (retryAfter === undefined) return answer;
  const value = asDate ? new Date(Date.now() + retryAfter * 1000).toUTCString() : String(retryAfter);
  return { ...answer, headers: { ...answer.headers, 'retry-after': value } };
}

/** A small random number generator (mulberry32): the same numbers for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
