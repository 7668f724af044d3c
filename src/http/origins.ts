// What the client knows of each origin: how long it asked to be left alone, when it last answered, whether it is gone.

import type { Logger } from '../model/logger.ts';
import { sleep, throwIfAborted } from './limits.ts';

/** Longest that one request's Retry-After holds up the other requests: it may be about this one resource only. */
const MAX_SHARED_PAUSE_MS = 60_000;
/** Longer waits are told. */
const TELL_MS = 10_000;
/** Requests given up in a row without any answer after which a host counts as gone, and for how long it isn't asked again. */
const OFFLINE_AFTER = 2;
const OFFLINE_MS = 60_000;

/** Times by performance.now(). */
interface Origin {
  pausedUntil: number;
  toldUntil: number;
  answeredAt: number;
  /** Requests given up since the last answer. */
  silences: number;
  goneUntil: number;
  /** Under way: whether the host answers anything at all. */
  probe: Promise<void> | undefined;
}

export class Origins {
  readonly #logger: Logger;
  readonly #known = new Map<string, Origin>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Waits while the origin of the address has asked all callers to wait. @returns milliseconds waited */
  async untilWelcome(url: string, signal: AbortSignal | undefined): Promise<number> {
    throwIfAborted(signal);
    const origin = this.#of(url);
    const started = performance.now();
    for (;;) {
      const now = performance.now();
      if (origin.pausedUntil <= now) return now - started;
      await sleep(origin.pausedUntil - now, signal);
    }
  }

  /** The server asked one request to wait: the others wait as well, up to a limit. A long wait is told once. */
  pause(url: string, ms: number): void {
    const origin = this.#of(url);
    const now = performance.now();
    origin.pausedUntil = Math.max(origin.pausedUntil, now + Math.min(ms, MAX_SHARED_PAUSE_MS));
    if (now + ms - Math.max(now, origin.toldUntil) <= TELL_MS) return;
    origin.toldUntil = now + ms;
    this.#logger.warn(`The server asks to wait ${Math.ceil(ms / 1000)} s.`);
  }

  /** A host that answers anything at all is there. */
  answered(url: string): void {
    const origin = this.#of(url);
    origin.answeredAt = performance.now();
    origin.silences = 0;
    origin.goneUntil = Number.NEGATIVE_INFINITY;
  }

  /**
   * Counts a request that was given up because nobody answered it, unless the host answered another one since it began.
   * After the second in a row the host is probed, and counts as gone for a while if it doesn't answer that either:
   * thousands of requests that each wait for their own budget would take days to say the same. A host that only breaks
   * one kind of request is not gone.
   */
  async givenUp(url: string, began: number, probe: () => Promise<boolean>): Promise<void> {
    const origin = this.#of(url);
    if (origin.answeredAt >= began) return;
    origin.silences++;
    if (origin.silences < OFFLINE_AFTER || this.isGone(url)) return;
    origin.probe ??= probe()
      .then((answers) => {
        if (answers) this.answered(url);
        else origin.goneUntil = performance.now() + OFFLINE_MS;
      })
      .finally(() => {
        origin.probe = undefined;
      });
    await origin.probe;
  }

  isGone(url: string): boolean {
    return performance.now() < this.#of(url).goneUntil;
  }

  #of(url: string): Origin {
    const name = new URL(url).origin;
    let origin = this.#known.get(name);
    if (!origin) {
      const never = Number.NEGATIVE_INFINITY;
      origin = { pausedUntil: 0, toldUntil: 0, answeredAt: never, silences: 0, goneUntil: never, probe: undefined };
      this.#known.set(name, origin);
    }
    return origin;
  }
}
