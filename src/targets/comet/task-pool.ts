// Tasks of one run that may be under way beside each other, a few at once.

export class TaskPool {
  readonly #capacity: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Begins a task as soon as there is room for it. @throws what a task before failed with */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#capacity) await Promise.race(this.#running);
    this.#throwFailure();
    const job = task()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(job));
    this.#running.add(job);
  }

  /** Waits for all tasks. @throws what one failed with */
  async drain(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
