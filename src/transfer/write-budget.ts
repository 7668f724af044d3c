// Bounds what all open runs together hold back in memory before it is written.

import type { RunWriter } from '../archive/writer.ts';

/**
 * Raw bytes; encoding takes about half as much again of what is just written. What waits here is what the peak grows by with
 * the amount of an export, so it is small. Points of Neptune 2 come slower, and with more garbage of their own.
 */
const MOST_BUFFERED = { neptune3: 4 << 20, neptune2: 2 << 20 };

/** The open writers of one export. */
export class WriteBudget {
  readonly #most: number;
  readonly #writers = new Set<RunWriter>();

  constructor(source: keyof typeof MOST_BUFFERED) {
    this.#most = MOST_BUFFERED[source];
  }

  add(writer: RunWriter): void {
    this.#writers.add(writer);
  }

  remove(writer: RunWriter): void {
    this.#writers.delete(writer);
  }

  /** Writes what the fullest writers hold until the rest is within bounds. */
  async settle(): Promise<void> {
    for (;;) {
      let total = 0;
      let fullest: RunWriter | undefined;
      for (const writer of this.#writers) {
        total += writer.bufferedBytes;
        if (writer.bufferedBytes > (fullest?.bufferedBytes ?? 0)) fullest = writer;
      }
      if (total <= this.#most || !fullest) return;
      await fullest.flush();
    }
  }
}
