// A limit of requests in a window of a second, told as the service tells it.

import { Refusal } from './refusal.ts';

export class RateLimit {
  readonly #most: number;
  #windowEnd = 0;
  #left = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a request. @returns headers of the answer @throws Refusal 429 */
  take(): Record<string, string> {
    if (!Number.isFinite(this.#most)) return {};
    const now = Date.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + 1000;
      this.#left = this.#most;
    }
    const reset = String(Math.ceil((this.#windowEnd - now) / 1000));
    const headers = { 'RateLimit-Limit': String(this.#most), 'RateLimit-Reset': reset };
    if (this.#left === 0)
      throw new Refusal(429, 'rate limit exceeded', { ...headers, 'RateLimit-Remaining': '0', 'Retry-After': reset });
    this.#left -= 1;
    return { ...headers, 'RateLimit-Remaining': String(this.#left) };
  }
}
