// The source `neptune2`: reads runs, models and their versions of a Neptune 2 server.

import { HttpClient } from '../../http/client.ts';
import { forEachLimited } from '../../http/limits.ts';
import { classOf } from '../../model/attributes.ts';
import type { ScalarRow } from '../../model/batches.ts';
import { ExporterError, failureOf } from '../../model/errors.ts';
import { silentLogger } from '../../model/logger.ts';
import type { RunRef, Selection } from '../../model/runs.ts';
import { readFloatSeries } from '../float-series.ts';
import { attributeFilter } from '../selection.ts';
import type { RunSink, Source } from '../source.ts';
import type { SourceOptions } from '../source-options.ts';
import { parseApiToken } from '../token.ts';
import { handOver, holder, isFatal, type SeriesRef, SinkError } from '../work.ts';
import { ArtifactLists, readArtifact } from './artifacts.ts';
import { attributesOf, type ListedAttribute, readAttribute } from './attribute-values.ts';
import { bulkCall, bulkWorks } from './bulk.ts';
import { type Connection, connect } from './connection.ts';
import { type ImageSeriesRef, readFile, readImages } from './files.ts';
import { listModels, listProjects, listRuns, listVersions } from './runs.ts';
import { readSeries } from './series.ts';
import type { Work2 } from './work.ts';

/** Runs of a batch that are read at once. */
const RUNS_AT_ONCE = 4;

/** @throws ExporterError `token_missing`, `token_invalid`; nothing is sent yet */
export function createNeptune2Source(options: SourceOptions): Source {
  const token = parseApiToken(options.token);
  const logger = options.logger ?? silentLogger;
  const http = new HttpClient({
    userAgent: 'neptune-exporter',
    concurrency: options.concurrency,
    logger,
    ...(options.insecure ? { tls: { insecure: true } } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.retryBudgetMs === undefined ? {} : { retry: { budgetMs: options.retryBudgetMs } }),
    ...(options.onRequest ? { onRequest: options.onRequest } : {}),
  });
  let connected: Promise<Connection> | undefined;
  const connection = () => {
    connected ??= connect(http, token, logger).catch((error: unknown) => {
      connected = undefined;
      throw error;
    });
    return connected;
  };
  const { signal } = options;
  // Lists of artifacts are kept per project: the same data set is an artifact of many runs.
  const lists = new Map<string, ArtifactLists>();
  return {
    name: 'neptune2',
    address: token.address,
    listProjects: async (workspace) => listProjects(await connection(), workspace),
    async *listRuns(projectId, filter) {
      yield* listRuns(await connection(), projectId, filter, signal);
    },
    registry: {
      async *listModels(projectId, filter) {
        yield* listModels(await connection(), projectId, filter, signal);
      },
      async *listVersions(projectId, models, includeArchived) {
        yield* listVersions(await connection(), projectId, models, includeArchived, signal);
      },
    },
    async readRuns(runs, selection, sink, runSignal) {
      const projectId = runs[0]?.projectId;
      if (projectId === undefined) return;
      if (!lists.has(projectId)) lists.clear();
      const own = lists.get(projectId) ?? new ArtifactLists();
      lists.set(projectId, own);
      const work = workOf(await connection(), sink, runSignal, options.concurrency);
      await readRuns(work, runs, selection, own);
    },
    close: () => http.close(),
  };
}

function workOf(connection: Connection, sink: RunSink, signal: AbortSignal, concurrency: number): Work2 {
  return {
    api: connection.api,
    connection,
    sink,
    signal,
    concurrency,
    forks: new Set(),
    floats: bulkCall(connection),
    turns: connection.turns,
  };
}

async function readRuns(work: Work2, runs: RunRef[], selection: Selection, lists: ArtifactLists): Promise<void> {
  const selected = attributeFilter(selection);
  try {
    await forEachLimited(runs, RUNS_AT_ONCE, (run) => readRun(work, run, selection, selected, lists));
  } catch (error) {
    throw error instanceof SinkError ? error.cause : error;
  }
}

async function readRun(
  work: Work2,
  run: RunRef,
  selection: Selection,
  selected: (path: string) => boolean,
  lists: ArtifactLists,
): Promise<void> {
  try {
    const listed = await work.connection.call(
      'getExperimentAttributes',
      { experimentId: holder(run) },
      { signal: work.signal, read: (answer) => attributesOf(answer).map(readAttribute) },
    );
    const attributes = listed.filter((one) => selected(one.path) && isOfClass(one, selection));
    tellFiles(work, run, listed);
    await readContent(work, run, withoutClashes(work, run, attributes, listed), lists);
  } catch (error) {
    if (isFatal(error)) throw error;
    work.sink.failure(run, failureOf(error));
  }
  await handOver(work.sink.done(run));
}

/**
 * Tells the sink of all files of the run, also of those that aren't asked for: a file's place on disk must not depend on
 * what else is selected.
 */
function tellFiles({ sink }: Work2, run: RunRef, listed: ListedAttribute[]): void {
  const files = listed.flatMap((one): Parameters<RunSink['fileAttributes']>[1] => {
    if (one.kind === 'artifact') return [{ path: one.path, type: 'artifact' }];
    if (one.kind === 'file') return [{ path: one.path, type: one.type }];
    return one.kind === 'series' && one.type === 'file_series' ? [{ path: one.path, type: one.type }] : [];
  });
  if (files.length > 0) sink.fileAttributes(run, files);
}

/**
 * Leaves out, and tells, what would give the archive a second attribute of the same path: an entry that comes twice, or
 * an attribute in the place where the parts of a reference go.
 */
function withoutClashes(
  work: Work2,
  run: RunRef,
  attributes: ListedAttribute[],
  listed: ListedAttribute[],
): ListedAttribute[] {
  const names = new Set(listed.map(({ path }) => path));
  const seen = new Set<string>();
  const tell = (path: string, text: string) =>
    work.sink.failure(run, failureOf(new ExporterError('bad_answer', text), { path }));
  return attributes.flatMap((one): ListedAttribute[] => {
    if (seen.has(one.path)) {
      tell(one.path, `The server lists ${one.path} twice; the first is kept.`);
      return [];
    }
    seen.add(one.path);
    if (one.kind !== 'rows') return [one];
    const rows = one.rows.filter(({ path }) => path === one.path || !names.has(path));
    for (const { path } of one.rows) {
      if (!rows.some((row) => row.path === path))
        tell(path, `${path} of ${one.path} is the name of another attribute.`);
    }
    return [{ ...one, rows }];
  });
}

/** An attribute of a type that nobody knows belongs to all classes: it is to be told. */
function isOfClass(attribute: ListedAttribute, { classes }: Selection): boolean {
  if (attribute.kind === 'unreadable') return true;
  if (attribute.kind === 'rows') return classes.has('parameters');
  return classes.has(attribute.kind === 'artifact' ? 'files' : classOf(attribute.type));
}

async function readContent(
  work: Work2,
  run: RunRef,
  attributes: ListedAttribute[],
  lists: ArtifactLists,
): Promise<void> {
  const { sink } = work;
  const rows: ScalarRow[] = [];
  const floats: SeriesRef[] = [];
  const strings: SeriesRef[] = [];
  const others: (() => Promise<void>)[] = [];
  const images: ImageSeriesRef[] = [];
  for (const one of attributes) {
    const { path } = one;
    if (one.kind === 'unreadable') sink.failure(run, failureOf(one.error, { path, type: one.type }));
    else if (one.kind === 'rows') rows.push(...one.rows);
    else if (sink.wants?.(run, path) === false) continue;
    else if (one.kind === 'series') {
      const { type, lastStep, channelId } = one;
      if (type === 'file_series') {
        images.push({ run, path, type, lastStep, ...(channelId === undefined ? {} : { channelId }) });
      } else (type === 'float_series' ? floats : strings).push({ run, path, type, lastStep });
    } else if (one.kind === 'file') {
      others.push(() => readFile(work, run, one));
    } else {
      others.push(() => readArtifact(work, run, one, lists));
    }
  }
  if (rows.length > 0) await handOver(sink.batch(run, { kind: 'scalars', rows }));
  const bulk = await bulkWorks(work, floats);
  if (bulk) await readFloatSeries(work, floats);
  const paged = bulk ? strings : [...floats, ...strings];
  await forEachLimited(paged, work.concurrency, (series) => readSeries(work, series));
  await forEachLimited(others, work.concurrency, (read) => read());
  for (const series of images) await readImages(work, series);
}
