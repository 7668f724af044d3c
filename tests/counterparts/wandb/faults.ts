// Faults that a test can order: refusals, answers that get lost, connections that are cut, slowness.

export interface Fault {
  /** As in the counts of requests, e.g. `upsertBucket`, `fileStream`, `PUT storage`. @default all */
  operation?: string;
  /** How many requests of it go well before. @default 0 */
  after?: number;
  /** How often it happens. @default 1 */
  times?: number;
  /**
   * `status`: refused before anything is done. `lost`: done, and the connection is cut in place of an answer.
   * `cut`: the connection is cut before anything is done. `slow`: done after a while.
   */
  kind: 'status' | 'lost' | 'cut' | 'slow';
  status?: number;
  headers?: Record<string, string>;
  ms?: number;
}

export class Faults {
  readonly #rules: { fault: Fault; wait: number; left: number }[];

  constructor(faults: readonly Fault[]) {
    this.#rules = faults.map((fault) => ({ fault, wait: fault.after ?? 0, left: fault.times ?? 1 }));
  }

  /** The fault that happens to the next request of an operation. */
  next(operation: string): Fault | undefined {
    for (const rule of this.#rules) {
      if (rule.left === 0 || (rule.fault.operation ?? operation) !== operation) continue;
      if (rule.wait > 0) {
        rule.wait -= 1;
        continue;
      }
      rule.left -= 1;
      return rule.fault;
    }
    return undefined;
  }
}
