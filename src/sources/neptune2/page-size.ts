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
  #probe: Promise<void> | undefined;

  /** @param small what every server takes */
  constructor(large: number, small: number) {
    this.#large = large;
    this.#small = small;
  }

  /** Asks with the largest page that the server is known to take. @throws what `ask` throws with the small one */
  async use<T>(ask: Ask<T>): Promise<T> {
    if (this.#known === undefined) await this.#probe;
    if (this.#known === this.#small) return ask(this.#small);
    const first = this.#known === undefined;
    const large = first ? ask(this.#large, LARGE_BUDGET_MS) : ask(this.#large);
    // Others wait for this only, not for what a failing series may take after it.
    if (first)
      this.#probe ??= large.then(
        () => this.#learn(this.#large),
        (error) => this.#learnFrom(error),
      );
    try {
      return await large;
    } catch (error) {
      // With one page size for many series, a single one may still be too large.
      if (!mayBeTooLarge(error)) throw error;
      return ask(this.#small);
    }
  }

  #learn(limit: number): void {
    this.#known ??= limit;
  }

  #learnFrom(error: unknown): void {
    if (mayBeTooLarge(error)) this.#learn(this.#small);
  }
}

function mayBeTooLarge(error: unknown): boolean {
  if (!(error instanceof ExporterError)) return false;
  if (error.code === 'network') return true;
  return error.code === 'server' && (REFUSED.has(error.status ?? 0) || (error.status ?? 0) >= 500);
}
