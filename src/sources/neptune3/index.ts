// The source `neptune3`: reads runs of a Neptune 3 server.

import { HttpClient } from '../../http/client.ts';
import { forEachLimited } from '../../http/limits.ts';
import { silentLogger } from '../../model/logger.ts';
import type { RunRef, Selection } from '../../model/runs.ts';
import { Api } from '../api.ts';
import { Authenticator } from '../auth.ts';
import { readFloatSeries } from '../float-series.ts';
import { allOf } from '../isolating.ts';
import type { RunSink, Source } from '../source.ts';
import type { SourceOptions } from '../source-options.ts';
import { parseApiToken } from '../token.ts';
import { Turns } from '../turns.ts';
import { handOver, type SeriesRef, SinkError, type Work } from '../work.ts';
import { type Found, readAttributes } from './attributes.ts';
import { readFiles } from './files.ts';
import { packRuns } from './pack-runs.ts';
import { listProjects, listRuns, takesToken } from './runs.ts';
import { readSeries } from './series.ts';

/** Groups of runs that are read at once. */
const GROUPS_AT_ONCE = 2;

export type Neptune3Options = SourceOptions;

/** @throws ExporterError `token_missing`, `token_invalid`; nothing is sent yet */
export function createNeptune3Source(options: Neptune3Options): Source {
  const token = parseApiToken(options.token);
  const http = new HttpClient({
    userAgent: 'neptune-exporter',
    concurrency: options.concurrency,
    logger: options.logger ?? silentLogger,
    ...(options.insecure ? { tls: { insecure: true } } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.retryBudgetMs === undefined ? {} : { retry: { budgetMs: options.retryBudgetMs } }),
    ...(options.onRequest ? { onRequest: options.onRequest } : {}),
  });
  const auth = new Authenticator(http, token);
  const api = new Api({
    address: token.address,
    http,
    auth,
    neptune: 'Neptune 3',
    logger: options.logger ?? silentLogger,
  });
  const turns = new Turns();
  let listed: string | undefined;
  api.checkToken = async (bearer) => listed !== undefined && takesToken(api, listed, bearer);
  return {
    name: 'neptune3',
    address: token.address,
    listProjects: (workspace) => listProjects(api, workspace),
    async *listRuns(projectId, filter) {
      for await (const page of listRuns(api, projectId, filter, options.signal)) {
        listed = projectId;
        yield page;
      }
    },
    readRuns: (runs, selection, sink, signal) =>
      readRuns(
        {
          api,
          sink,
          signal,
          floats: floatCall(selection),
          turns,
          forks: new Set(),
          concurrency: options.concurrency,
        },
        runs,
        selection,
        sink,
      ),
    close: () => http.close(),
  };
}

function floatCall({ includePreviews }: Selection): Work['floats'] {
  return {
    path: '/api/leaderboard/v1/proto/attributes/series/float',
    // Only the run's own points, as the official exporter asks: a parent's points are in the parent's rows.
    parameters: { lineage: 'NONE', lineageEntityType: 'RUN', includePreview: includePreviews },
    options: { stepRange: { from: null, to: null }, order: 'ascending' },
  };
}

async function readRuns(work: Work, runs: RunRef[], selection: Selection, sink: RunSink): Promise<void> {
  try {
    await readAll(work, runs, selection, sink);
  } catch (error) {
    throw error instanceof SinkError ? error.cause : error;
  }
}

/** Runs whose attributes can't be had at once are asked for with patience, beside the others. */
async function readAll(work: Work, runs: RunRef[], selection: Selection, sink: RunSink): Promise<void> {
  const { found, later } = await readAttributes(work, runs, selection, { patient: false });
  const readLater = async () => {
    if (later.length === 0) return;
    const { found: more } = await readAttributes(work, later, selection, { patient: true });
    await readFound(work, later, more, sink);
  };
  const now = runs.filter((run) => !later.includes(run));
  await allOf([readFound(work, now, found, sink), readLater()]);
}

async function readFound(work: Work, runs: RunRef[], all: Found, sink: RunSink): Promise<void> {
  tellFiles(runs, all, sink);
  const isWanted = ({ run, path }: { run: RunRef; path: string }) => sink.wants?.(run, path) ?? true;
  const found: Found = { series: all.series.filter(isWanted), files: all.files.filter(isWanted) };
  await forEachLimited(packRuns(runs, found), GROUPS_AT_ONCE, (group) =>
    readContent(work, group, ofRuns(found, group), sink),
  );
}

/** A run is done as soon as all of its own is: it doesn't wait for what fails in another. */
async function readContent(work: Work, runs: RunRef[], { series, files }: Found, sink: RunSink): Promise<void> {
  const open = new Map<RunRef, number>(runs.map((run) => [run, 0]));
  for (const { run } of [...series, ...files]) open.set(run, open.get(run)! + 1);
  const settled = async ({ run }: { run: RunRef }) => {
    const left = open.get(run)! - 1;
    open.set(run, left);
    if (left === 0) await handOver(sink.done(run));
  };
  const ofType = (...types: SeriesRef['type'][]) => series.filter(({ type }) => types.includes(type));
  const empty = [...open].filter(([, items]) => items === 0).map(([run]) => handOver(sink.done(run)));
  await allOf([
    ...empty,
    readFloatSeries(work, ofType('float_series'), settled),
    readSeries(work, ofType('string_series', 'histogram_series'), settled),
    readFiles(work, files, settled),
    readSeries(work, ofType('file_series'), settled),
  ]);
}

function ofRuns({ series, files }: Found, runs: RunRef[]): Found {
  return {
    series: series.filter(({ run }) => runs.includes(run)),
    files: files.filter(({ run }) => runs.includes(run)),
  };
}

function tellFiles(runs: RunRef[], found: Found, sink: RunSink): void {
  for (const run of runs) {
    const { series, files } = ofRuns(found, [run]);
    const own = [
      ...files.map(({ path, file }) => ({ path, mimeType: file.mimeType, type: 'file' as const })),
      ...series
        .filter(({ type }) => type === 'file_series')
        .map(({ path }) => ({ path, type: 'file_series' as const })),
    ];
    if (own.length > 0) sink.fileAttributes(run, own);
  }
}
