// The source `neptune3`: reads runs of a Neptune 3 server.

import { HttpClient } from '../../http/client.ts';
import { type Logger, silentLogger } from '../../model/logger.ts';
import type { RunRef, Selection } from '../../model/runs.ts';
import { Authenticator } from '../auth.ts';
import type { RunSink, Source } from '../source.ts';
import { parseApiToken } from '../token.ts';
import { Neptune3Api } from './api.ts';
import { readAttributes } from './attributes.ts';
import { readFiles } from './files.ts';
import { readFloatSeries } from './float-series.ts';
import { listProjects, listRuns } from './runs.ts';
import { readSeries } from './series.ts';
import { type SeriesRef, SinkError, type Work } from './work.ts';

export interface Neptune3Options {
  /** API token as the user has it. */
  token: string | undefined;
  /** Requests in flight at once, downloads included. */
  concurrency: number;
  /** Milliseconds after which a request that fails again and again is given up. */
  retryBudgetMs?: number;
  logger?: Logger;
  signal?: AbortSignal;
  /** Told of every request. */
  onRequest?: () => void;
}

/** @throws ExporterError `token_missing`, `token_invalid`; nothing is sent yet */
export function createNeptune3Source(options: Neptune3Options): Source {
  const token = parseApiToken(options.token);
  const http = new HttpClient({
    userAgent: 'neptune-exporter',
    concurrency: options.concurrency,
    logger: options.logger ?? silentLogger,
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.retryBudgetMs === undefined ? {} : { retry: { budgetMs: options.retryBudgetMs } }),
    ...(options.onRequest ? { onRequest: options.onRequest } : {}),
  });
  const api = new Neptune3Api(token.address, http, new Authenticator(http, token));
  return {
    name: 'neptune3',
    address: token.address,
    listProjects: (workspace) => listProjects(api, workspace),
    listRuns: (projectId, filter) => listRuns(api, projectId, filter, options.signal),
    readRuns: (runs, selection, sink, signal) =>
      readRuns(
        { api, sink, signal, includePreviews: selection.includePreviews, concurrency: options.concurrency },
        runs,
        selection,
        sink,
      ),
    close: () => http.close(),
  };
}

async function readRuns(work: Work, runs: RunRef[], selection: Selection, sink: RunSink): Promise<void> {
  try {
    await readAll(work, runs, selection, sink);
  } catch (error) {
    throw error instanceof SinkError ? error.cause : error;
  }
}

async function readAll(work: Work, runs: RunRef[], selection: Selection, sink: RunSink): Promise<void> {
  const found = await readAttributes(work, runs, selection);
  tellFiles(runs, found.series, found.files, sink);
  const floats = found.series.filter(({ type }) => type === 'float_series');
  const others = found.series.filter(({ type }) => type === 'string_series' || type === 'histogram_series');
  const fileSeries = found.series.filter(({ type }) => type === 'file_series');
  await readFloatSeries(work, floats);
  await readSeries(work, others);
  await readFiles(work, found.files);
  await readSeries(work, fileSeries);
}

function tellFiles(
  runs: RunRef[],
  series: SeriesRef[],
  files: { run: RunRef; path: string; file: { mimeType: string } }[],
  sink: RunSink,
): void {
  for (const run of runs) {
    const own = [
      ...files
        .filter((file) => file.run === run)
        .map(({ path, file }) => ({ path, mimeType: file.mimeType, type: 'file' as const })),
      ...series
        .filter((one) => one.run === run && one.type === 'file_series')
        .map(({ path }) => ({ path, type: 'file_series' as const })),
    ];
    if (own.length > 0) sink.fileAttributes(run, own);
  }
}
