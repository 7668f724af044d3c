// What each server process tells the bench.

/** Sends the address, and answers each question with the number of requests so far. Ends with the channel. */
export function report(address: { url: string; token: string }, requests: () => number): void {
  process.on('message', () => process.send?.({ requests: requests() }));
  process.on('disconnect', () => process.exit());
  process.send?.(address);
}

/** All requests, from their number by operation. */
export function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
