// When a request is tried again, how long that may go on, and how long to wait between two tries.

/** Limits of trying again. Times in milliseconds. */
export interface RetryPolicy {
  /** Time that may go by in failed tries and pauses; waits that the server asked for by Retry-After don't count. */
  budgetMs: number;
  /** Tries that are made whatever the clock says: one that hung may have used up the budget alone. */
  minTries: number;
  /** Upper limit of all waits asked for by Retry-After together; one that goes beyond it is not begun. */
  maxRetryAfterMs: number;
  firstPauseMs: number;
  maxPauseMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  budgetMs: 60_000,
  minTries: 2,
  maxRetryAfterMs: 3_600_000,
  firstPauseMs: 250,
  maxPauseMs: 15_000,
};

/** Statuses after which the same request may succeed. 501 and the other 4xx are final. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** Milliseconds (a safe integer) that a Retry-After header asks for: a number of seconds (also a fraction) or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Math.ceil(Number(text) * 1000), Number.MAX_SAFE_INTEGER);
  // Date.parse takes nearly anything for a date; the header has one form (RFC 9110, 5.6.7), and obsolete ones nobody sends.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Doubling pause with jitter: between half of it and all of it, so that callers don't come back in step. */
export function pauseMs(policy: RetryPolicy, failedTries: number): number {
  const full = Math.min(policy.maxPauseMs, policy.firstPauseMs * 2 ** (failedTries - 1));
  return full / 2 + (Math.random() * full) / 2;
}
