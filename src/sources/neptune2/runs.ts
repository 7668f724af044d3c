// Listing of projects, runs, models and their versions.

import { ExporterError } from '../../model/errors.ts';
import type { RegistryScope, RunFilter, RunRef } from '../../model/runs.ts';
import { asArray, asObject, asText } from '../json.ts';
import { byIds, idMatcher, inRange, quoted, timeConditions } from '../selection.ts';
import { timeOf } from './attribute-values.ts';
import type { Connection } from './connection.ts';

/** Offset and limit together may not pass this. */
const WINDOW = 10_000;
const PROJECT_PAGE = 200;
/** Empty pages before the end after which the list counts as broken. */
const MAX_IDLE = 2;

const NOT_TRASHED = '(`sys/trashed`:bool = false)';
const ATTRIBUTES = ['sys/id', 'sys/creation_time', 'sys/modification_time', 'sys/model_id'];

type EntryType = 'run' | 'model' | 'modelVersion';

interface Entry {
  sysId: string;
  createdAt: number | undefined;
  modifiedAt: number | undefined;
  modelId: string | undefined;
}

interface Listing {
  connection: Connection;
  project: { id: string; uuid: string };
  type: EntryType;
  /** NQL; empty for everything. */
  query: string;
  signal: AbortSignal | undefined;
}

/** Runs that pass the filter. @throws ExporterError as `Source.listRuns` */
export async function* listRuns(
  connection: Connection,
  projectId: string,
  filter: RunFilter,
  signal?: AbortSignal,
): AsyncGenerator<RunRef[]> {
  yield* listEntries(connection, projectId, 'run', filter, signal);
}

/** Models that pass the filter. */
export async function* listModels(
  connection: Connection,
  projectId: string,
  filter: RunFilter,
  signal?: AbortSignal,
): AsyncGenerator<RunRef[]> {
  yield* listEntries(connection, projectId, 'model', filter, signal);
}

/** Versions of these models: one search over the project, as models are few. */
export async function* listVersions(
  connection: Connection,
  projectId: string,
  models: readonly RunRef[],
  includeArchived: boolean,
  signal?: AbortSignal,
): AsyncGenerator<RunRef[]> {
  if (models.length === 0) return;
  const ids = new Set(models.map(({ sysId }) => sysId));
  const project = { id: projectId, uuid: await connection.projectUuid(projectId) };
  const query = includeArchived ? '' : NOT_TRASHED;
  for await (const page of searchAll({ connection, project, type: 'modelVersion', query, signal })) {
    const own = page.filter(({ sysId, modelId }) => ids.has(modelId ?? sysId.replace(/-\d+$/, '')));
    if (own.length > 0) yield own.map((entry) => refOf(projectId, entry, 'model_versions'));
  }
}

async function* listEntries(
  connection: Connection,
  projectId: string,
  type: 'run' | 'model',
  filter: RunFilter,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunRef[]> {
  if (filter.query) checkParentheses(filter.query);
  const project = { id: projectId, uuid: await connection.projectUuid(projectId) };
  const matches = idMatcher(filter.idPattern);
  for (const part of byIds(filter)) {
    const entries = searchAll({ connection, project, type, query: queryOf(part), signal });
    for await (const page of filter.query ? explained(entries) : entries) {
      const chosen = page.filter(
        ({ sysId, createdAt, modifiedAt }) =>
          matches(sysId) && inRange(createdAt, filter.created) && inRange(modifiedAt, filter.modified),
      );
      if (chosen.length > 0)
        yield chosen.map((entry) => refOf(projectId, entry, type === 'model' ? 'models' : undefined));
    }
  }
}

/** A refused search is the fault of the user's query. */
async function* explained(entries: AsyncGenerator<Entry[]>): AsyncGenerator<Entry[]> {
  try {
    yield* entries;
  } catch (error) {
    if (!(error instanceof ExporterError && error.code === 'server' && error.status === 400)) throw error;
    throw new ExporterError('usage', `The server does not take the query: ${error.message}`, {
      hint: 'A query is NQL, e.g. -q \'(`parameters/lr`:float > 0.1) AND (`sys/tags`:stringSet CONTAINS "best")\'.',
      cause: error,
    });
  }
}

/** A query that closes more than it opens would leave the parentheses that it is put in. @throws ExporterError `usage` */
function checkParentheses(query: string): void {
  let depth = 0;
  for (const [token] of query.matchAll(/"(?:[^"\\]|\\.)*"|`[^`]*`|[()]/g)) {
    if (token === '(') depth++;
    if (token === ')' && --depth < 0) break;
  }
  if (depth !== 0) throw new ExporterError('usage', `The parentheses of the query are not balanced: ${query}`);
}

/** Every condition stands in parentheses of its own, so that an OR in the user's can't let others through. */
function queryOf(filter: RunFilter): string {
  const { query, ids, includeArchived } = filter;
  const conditions = [
    ...(query?.trim() ? [`(${query})`] : []),
    ...(ids ? [`(${ids.map((id) => `\`sys/id\`:string = ${quoted(id)}`).join(' OR ')})`] : []),
    ...timeConditions(filter),
    ...(includeArchived ? [] : [NOT_TRASHED]),
  ];
  return conditions.length > 1 ? `(${conditions.join(' AND ')})` : (conditions[0] ?? '');
}

function refOf(projectId: string, { sysId, modifiedAt }: Entry, scope: RegistryScope | undefined): RunRef {
  return {
    projectId,
    runId: sysId,
    sysId,
    ...(scope ? { scope } : {}),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

/**
 * All entries of a query, each once. Up to 10,000 come in pages over `sys/id`, which is unique. What lies beyond is
 * reached in windows of creation time; windows overlap by the last millisecond of the one before, as runs may share it.
 * @throws ExporterError `bad_answer` at the end if the server counts more entries than it lists
 */
async function* searchAll(listing: Listing): AsyncGenerator<Entry[]> {
  const seen = new Set<string>();
  const total = yield* searchWindow(listing, 'sys/id', listing.query, seen, { most: WINDOW });
  if (total <= WINDOW) return;
  yield* searchByTime(listing, seen);
  // Runs without a creation time, or more than a window of them with the same one.
  if (seen.size < total) yield* searchById(listing, seen);
  if (seen.size >= total) return;
  throw new ExporterError(
    'bad_answer',
    `The server counts ${total} ${nameOf(listing.type)} in ${listing.project.id}, but lists only ${seen.size}.`,
  );
}

function nameOf(type: EntryType): string {
  return type === 'run' ? 'runs' : type === 'model' ? 'models' : 'model versions';
}

async function* searchByTime(listing: Listing, seen: Set<string>): AsyncGenerator<Entry[]> {
  let from: number | undefined;
  for (;;) {
    const condition =
      from === undefined ? '' : `\`sys/creation_time\`:datetime > "${new Date(from - 1).toISOString()}"`;
    let latest = from;
    let left = 0;
    const onPage = (entries: Entry[]) => {
      left += entries.length;
      for (const { createdAt } of entries)
        if (createdAt !== undefined && createdAt > (latest ?? -Infinity)) latest = createdAt;
    };
    const window = searchWindow(listing, 'sys/creation_time', and(listing.query, condition), seen, { onPage });
    const total = yield* window;
    if (total <= left || latest === undefined || latest === from) return;
    from = latest;
  }
}

async function* searchById(listing: Listing, seen: Set<string>): AsyncGenerator<Entry[]> {
  let after: string | undefined;
  for (;;) {
    const condition = after === undefined ? '' : `\`sys/id\`:string > ${quoted(after)}`;
    let last = after;
    let left = 0;
    const onPage = (entries: Entry[]) => {
      left += entries.length;
      last = entries.at(-1)?.sysId ?? last;
    };
    const window = searchWindow(listing, 'sys/id', and(listing.query, condition), seen, { onPage });
    let total: number;
    try {
      total = yield* window;
    } catch (error) {
      // A server that can't compare texts: what is missing is told by the caller.
      if (error instanceof ExporterError && error.code === 'server' && after !== undefined) return;
      throw error;
    }
    if (total <= left || last === after) return;
    after = last;
  }
}

function and(query: string, condition: string): string {
  if (condition === '') return query;
  return query === '' ? `(${condition})` : `(${query} AND (${condition}))`;
}

interface WindowOptions {
  /** If the server counts more than this, its first page is all that is read. */
  most?: number;
  /** Told of every page, also of entries that were seen before. */
  onPage?: (entries: Entry[]) => void;
}

/**
 * The entries of one query as far as the server lets them be paged; new ones are yielded.
 * @returns the server's count of entries that match
 */
async function* searchWindow(
  listing: Listing,
  sortBy: 'sys/id' | 'sys/creation_time',
  query: string,
  seen: Set<string>,
  { most = Number.POSITIVE_INFINITY, onPage = () => {} }: WindowOptions,
): AsyncGenerator<Entry[], number> {
  for (let offset = 0, idle = 0; ; ) {
    const { entries, total = Number.POSITIVE_INFINITY } = await searchPage(listing, sortBy, query, offset);
    onPage(entries);
    const fresh = entries.filter(({ sysId }) => !seen.has(sysId));
    for (const { sysId } of fresh) seen.add(sysId);
    if (fresh.length > 0) yield fresh;
    offset += entries.length;
    // A server that doesn't count says by an empty page that this was all.
    if (total === Number.POSITIVE_INFINITY && entries.length === 0) return offset;
    if (offset >= total || offset >= WINDOW || (total > most && total < Number.POSITIVE_INFINITY)) return total;
    // A server may give less than a page. Nothing at all, though it counts more, is an answer that broke.
    idle = entries.length > 0 ? 0 : idle + 1;
    if (idle > MAX_IDLE) {
      const text = `The server counts ${total} ${nameOf(listing.type)}, but lists only ${offset} of ${listing.project.id}.`;
      throw new ExporterError('bad_answer', text);
    }
  }
}

async function searchPage(
  { connection, project, type, signal }: Listing,
  sortBy: string,
  query: string,
  offset: number,
): Promise<{ entries: Entry[]; total: number | undefined }> {
  const search = (limit: number) =>
    connection.call(
      'searchLeaderboardEntries',
      { projectIdentifier: project.uuid, type: [type] },
      {
        body: {
          sorting: {
            dir: 'ascending',
            aggregationMode: 'none',
            sortBy: { name: sortBy, type: sortBy === 'sys/id' ? 'string' : 'datetime' },
          },
          attributeFilters: ATTRIBUTES.map((path) => ({ path })),
          query: { query },
          pagination: { limit: Math.min(limit, WINDOW - offset), offset },
        },
        ...(signal ? { signal } : {}),
      },
    );
  const answer = await connection.entryPages.use(search);
  const { entries, matchingItemCount } = asObject(answer);
  const total = typeof matchingItemCount === 'number' ? matchingItemCount : undefined;
  return { entries: asArray(entries, 'entries').map(entryOf), total };
}

function entryOf(value: unknown): Entry {
  const found = new Map<string, unknown>();
  for (const one of asArray(asObject(value).attributes, 'attributes').map(asObject)) {
    const properties = one[`${one.type}Properties`];
    if (typeof one.name === 'string' && typeof properties === 'object' && properties !== null) {
      found.set(one.name, (properties as Record<string, unknown>).value);
    }
  }
  const sysId = found.get('sys/id');
  if (typeof sysId !== 'string' || sysId === '') {
    throw new ExporterError('bad_answer', 'The server lists an entry without sys/id.');
  }
  const time = (name: string) => {
    const ms = timeOf(found.get(name));
    return ms === undefined ? undefined : Number(ms);
  };
  const modelId = found.get('sys/model_id');
  return {
    sysId,
    createdAt: time('sys/creation_time'),
    modifiedAt: time('sys/modification_time'),
    modelId: typeof modelId === 'string' ? modelId : undefined,
  };
}

/** Project paths of a workspace. */
export async function listProjects(connection: Connection, workspace: string): Promise<string[]> {
  const projects: string[] = [];
  for (;;) {
    const values = { organizationIdentifier: workspace, offset: projects.length, limit: PROJECT_PAGE };
    const { entries, matchingItemCount } = asObject(await connection.call('listProjects', values));
    const found = asArray(entries, 'entries').map(asObject);
    for (const { organizationName, name } of found) {
      projects.push(`${asText(organizationName, 'organizationName')}/${asText(name, 'name')}`);
    }
    if (found.length === 0 || projects.length >= Number(matchingItemCount ?? 0)) return projects;
  }
}
