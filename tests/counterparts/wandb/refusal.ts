// An answer that refuses: its HTTP status and the words for it.

export class Refusal extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Refuses unless a condition holds. @throws Refusal 400 */
export function demand(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Refusal(400, message);
}
