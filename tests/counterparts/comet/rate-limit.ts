// A limit of things in a window of time, told as the service tells it.

import { Refusal } from './refusal.ts';

export class RateLimit {
  readonly #most: number;
  readonly #windowMs: number;
  #windowEnd = 0;
  #taken = 0;

  constructor(most: number, windowSeconds: number) {
    this.#most = most;
    this.#windowMs = windowSeconds * 1000;
  }

  /** Counts things. More than the limit pass at once only when nothing came before. @throws Refusal 429 */
  take(count: number): void {
    if (!Number.isFinite(this.#most)) return;
    const now = Date.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + this.#windowMs;
      this.#taken = 0;
    }
    if (this.#taken > 0 && this.#taken + count > this.#most) {
      const seconds = Math.max((this.#windowEnd - now) / 1000, 0.001).toFixed(3);
      throw new Refusal(429, 'rate limit exceeded', undefined, { 'Retry-After-Custom': seconds });
    }
    this.#taken += count;
  }
}
