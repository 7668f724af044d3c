// The marks of batches: one value of a system metric in each batch of points, by which a load knows what is there.

import type { CometClient } from './client.ts';
import type { BatchMark } from './metric-batches.ts';

/** Comet shows metrics of this beginning among those of the system, apart from those of the run. */
const NAME = 'sys.neptune_exporter.batch';
/** Marks of one metric: fewer than the 15,000 values that Comet gives back of one. */
export const MARKS_A_METRIC = 10_000;

/** The metric that holds the mark of a batch. @param batch its number */
export function batchMarkName(batch: number): string {
  const index = Math.floor(batch / MARKS_A_METRIC);
  return index === 0 ? NAME : `${NAME}.${index}`;
}

export function isBatchMark(metricName: string): boolean {
  return metricName === NAME || metricName.startsWith(`${NAME}.`);
}

/** The marks of one metric by the number of their batch; more than one of a batch if it came more than once. */
export async function readMarks(
  client: CometClient,
  key: string,
  metricName: string,
): Promise<Map<number, BatchMark[]>> {
  const marks = new Map<number, BatchMark[]>();
  for (const { step, value } of await client.metric(key, metricName)) {
    const number = Number(step);
    const known = marks.get(number);
    if (known) known.push(Number(value));
    else marks.set(number, [Number(value)]);
  }
  return marks;
}

/** All marks of an experiment. */
export async function readAllMarks(client: CometClient, key: string): Promise<Map<number, BatchMark[]>> {
  const all = new Map<number, BatchMark[]>();
  for (let from = 0; ; from += MARKS_A_METRIC) {
    const marks = await readMarks(client, key, batchMarkName(from));
    for (const [number, values] of marks) all.set(number, values);
    // Batches come nearly in their order, but a few are under way at once.
    if (marks.size < MARKS_A_METRIC / 2) return all;
  }
}
