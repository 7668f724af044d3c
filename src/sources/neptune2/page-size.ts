// How large a page may be: no document says it, so the first request finds out, and the others wait for it.

import { ExporterError } from '../../model/errors.ts';

/** Statuses by which servers refuse a page that is too large. */
const REFUSED = new Set([400, 413, 422]);

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
  async use<T>(ask: (limit: number) => Promise<T>): Promise<T> {
    while (this.#known === undefined && this.#probe) await this.#probe.catch(() => {});
    if (this.#known !== undefined) return ask(this.#known);
    const probe = this.#find(ask).finally(() => {
      this.#probe = undefined;
    });
    this.#probe = probe;
    return probe;
  }

  async #find<T>(ask: (limit: number) => Promise<T>): Promise<T> {
    const tries = async (limit: number) => {
      const answer = await ask(limit);
      this.#known = limit;
      return answer;
    };
    try {
      return await tries(this.#large);
    } catch (error) {
      if (!(error instanceof ExporterError && error.code === 'server' && REFUSED.has(error.status ?? 0))) throw error;
      return tries(this.#small);
    }
  }
}
