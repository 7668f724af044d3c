// Which of several answers is read on: the one asked for first, as long as something of it is there.

/**
 * Answers that are read side by side, each a bit at a time, all end at the same moment: then all next requests are sent at
 * once, and nobody does anything until the server has made the first answer. In turns one ends after the other, and while
 * the rest are read the server works on what comes next. A slow answer holds nobody up: what has come of the others is
 * read in the meantime.
 */
export class Turns {
  readonly #waiting: { rank: number; alive: () => void; go: () => void }[] = [];
  #ranks = 0;
  #scheduled = false;

  /**
   * Passes the chunks on, each when it is its turn. Ranks are by the order of the calls.
   * @param alive told again and again while something is there and only waits for its turn
   */
  take(body: AsyncIterable<Uint8Array>, alive: () => void = () => {}): AsyncIterable<Uint8Array> {
    return this.#inTurn(body, this.#ranks++, alive);
  }

  async *#inTurn(body: AsyncIterable<Uint8Array>, rank: number, alive: () => void): AsyncIterable<Uint8Array> {
    for await (const chunk of body) {
      await new Promise<void>((go) => {
        this.#waiting.push({ rank, alive, go });
        this.#schedule();
      });
      yield chunk;
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    // After the sockets have been looked at, so that the first has its next chunk by then if there is one.
    setImmediate(() => {
      this.#scheduled = false;
      let first = 0;
      for (const [index, { rank }] of this.#waiting.entries()) if (rank < this.#waiting[first]!.rank) first = index;
      const [next] = this.#waiting.splice(first, 1);
      for (const { alive } of this.#waiting) alive();
      this.#schedule();
      next?.go();
    });
  }
}
