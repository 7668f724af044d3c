// How large a page may be: no document says it, so the first request finds out, and the others wait for it.

import { ExporterError } from '../../model/errors.ts';

/** Statuses by which servers refuse a page that is too large. */
const REFUSED = new Set([400, 413, 422]);
/** How long failed tries of a large page may take: a server may also break over it. */
const LARGE_BUDGET_MS = 2_000;

type Ask<T> = (limit: number, budgetMs?: number) => Promise<T>;

export class PageSize {
  readonly #large: number;
  readonly #small: number;
  #known: number | undefined;
  #probe: Promise<unknown> | undefined;

  /** @param small what every server takes */
  constructor(large: number, small: number) {
    this.#large = large;
    this.#small = small;
  }

  /** Asks with the largest page that the server is known to take. @throws what `ask` throws with the small one */
  async use<T>(ask: Ask<T>): Promise<T> {
    if (this.#known === undefined && this.#probe) await this.#probe.catch(() => {});
    if (this.#known === this.#small) return ask(this.#small);
    if (this.#known === this.#large) return this.#orSmall(ask, undefined);
    const probe = this.#orSmall(ask, LARGE_BUDGET_MS);
    this.#probe ??= probe;
    return probe;
  }

  /** Tries the large page, then the small one, if it may be the size that the server doesn't like. */
  async #orSmall<T>(ask: Ask<T>, budgetMs: number | undefined): Promise<T> {
    try {
      const answer = await ask(this.#large, budgetMs);
      this.#known ??= this.#large;
      return answer;
    } catch (error) {
      if (!mayBeTooLarge(error)) throw error;
    }
    // Others don't wait for what is tried in vain: they go on with the small page.
    if (budgetMs !== undefined) this.#known ??= this.#small;
    return ask(this.#small);
  }
}

function mayBeTooLarge(error: unknown): boolean {
  if (!(error instanceof ExporterError)) return false;
  if (error.code === 'network') return true;
  return error.code === 'server' && (REFUSED.has(error.status ?? 0) || (error.status ?? 0) >= 500);
}
