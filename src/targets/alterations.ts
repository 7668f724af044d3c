// Collects what a target alters of a run, one entry for each attribute and kind of change.

import type { Alteration } from './target.ts';

export class AlterationList {
  readonly #byKey = new Map<string, Alteration>();

  /** Adds `count` to the entry of this code and attribute; the first message stands. */
  add(code: string, attributePath: string | undefined, message: string, count = 1, to?: string): void {
    if (count === 0) return;
    const key = `${code} ${attributePath ?? ''}`;
    const known = this.#byKey.get(key);
    if (known) known.count += count;
    else
      this.#byKey.set(key, {
        ...(attributePath === undefined ? {} : { attributePath }),
        code,
        message,
        count,
        ...(to === undefined ? {} : { to }),
      });
  }

  get all(): Alteration[] {
    return [...this.#byKey.values()];
  }
}
