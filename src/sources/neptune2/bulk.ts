// Newer servers answer many float series in one request; older ones are asked series by series.

import { ExporterError } from '../../model/errors.ts';
import { decodeFloatSeries } from '../float-points.ts';
import { holder, isFatal, type SeriesRef, type Work } from '../work.ts';
import type { Connection } from './connection.ts';
import type { Work2 } from './work.ts';

const OPERATION = 'getMultipleFloatSeriesValuesProto';

/** The call for many series; its path is empty where the server's document doesn't name it. */
export function bulkCall(connection: Connection): Work['floats'] {
  const path = connection.operations.has(OPERATION) ? connection.prepare(OPERATION, {}).url : '';
  return { path, parameters: {}, options: {}, counted: true };
}

/** Whether the call works as it is known here: tried once, with one point of the first series. */
export function bulkWorks(work: Work2, series: readonly SeriesRef[]): Promise<boolean> {
  const [first] = series;
  if (work.floats.path === '' || !first) return Promise.resolve(false);
  work.connection.bulk ??= probe(work, first);
  return work.connection.bulk;
}

async function probe({ api, floats, signal }: Work2, { run, path }: SeriesRef): Promise<boolean> {
  const series = { holder: { identifier: holder(run), type: 'experiment' }, attribute: path };
  const body = JSON.stringify({ requests: [{ requestId: '0', series }], perSeriesPointsLimit: 1 });
  try {
    return await api.stream({ path: floats.path, body, signal, budgetMs: 5000 }, async (answer) => {
      for await (const { requestId } of decodeFloatSeries(answer.body)) return requestId === '0';
      // No message for a series may only mean that it has no points.
      return true;
    });
  } catch (error) {
    if (isFatal(error) || !(error instanceof ExporterError)) throw error;
    return false;
  }
}
