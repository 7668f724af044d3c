// Listing of projects, runs, models and their versions.

import { ExporterError } from '../../model/errors.ts';
import type { RegistryScope, RunFilter, RunRef } from '../../model/runs.ts';
import { asArray, asObject, asText } from '../json.ts';
import { byIds, idMatcher, inRange, quoted, timeConditions } from '../selection.ts';
import { timeOf } from './attribute-values.ts';
import type { Connection } from './connection.ts';
import { countOf } from './loose-json.ts';

/** Offset and limit together may not pass this. */
const WINDOW = 10_000;
const PROJECT_PAGE = 200;
/** Empty pages before the end after which a pass counts as broken, and passes after which the list does. */
const MAX_IDLE = 2;
const MAX_PASSES = 3;

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
  const first = yield* searchWindow(listing, 'sys/id', listing.query, seen, { most: WINDOW });
  if (first.outcome === 'whole') return;
  // Search engines often count no further than their window.
  const counts = first.total !== undefined && first.total !== WINDOW;
  const reached = () => counts && seen.size >= first.total!;
  if ((yield* searchByTime(listing, seen)) && (!counts || reached())) return;
  // Runs without a creation time, or more than a window of them with the same one.
  if (reached() || ((yield* searchById(listing, seen)) && !counts)) return;
  if (reached()) return;
  const counted = first.total === undefined ? 'more' : String(first.total);
  const text = `The server counts ${counted} ${nameOf(listing.type)} in ${listing.project.id}, but lists only ${seen.size}.`;
  throw new ExporterError('bad_answer', text);
}

function nameOf(type: EntryType): string {
  return type === 'run' ? 'runs' : type === 'model' ? 'models' : 'model versions';
}

/** @returns true if the last window ended before its limit */
async function* searchByTime(listing: Listing, seen: Set<string>): AsyncGenerator<Entry[], boolean> {
  let from: number | undefined;
  for (;;) {
    const condition =
      from === undefined ? '' : `\`sys/creation_time\`:datetime > "${new Date(from - 1).toISOString()}"`;
    let latest = from;
    const onPage = (entries: Entry[]) => {
      for (const { createdAt } of entries)
        if (createdAt !== undefined && createdAt > (latest ?? -Infinity)) latest = createdAt;
    };
    const query = and(listing.query, condition);
    const { outcome } = yield* searchWindow(listing, 'sys/creation_time', query, seen, { onPage });
    if (outcome !== 'overflow') return outcome === 'whole';
    if (latest === from) return false;
    from = latest;
  }
}

/** @returns true if the last window ended before its limit */
async function* searchById(listing: Listing, seen: Set<string>): AsyncGenerator<Entry[], boolean> {
  let after: string | undefined;
  for (;;) {
    const condition = after === undefined ? '' : `\`sys/id\`:string > ${quoted(after)}`;
    let last = after;
    const onPage = (entries: Entry[]) => {
      last = entries.at(-1)?.sysId ?? last;
    };
    try {
      const { outcome } = yield* searchWindow(listing, 'sys/id', and(listing.query, condition), seen, { onPage });
      if (outcome !== 'overflow') return outcome === 'whole';
    } catch (error) {
      // A server that can't compare texts: what is missing is told by the caller.
      if (error instanceof ExporterError && error.code === 'server' && after !== undefined) return false;
      throw error;
    }
    if (last === after) return false;
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

interface Window {
  /** All that matches was listed; there is more than a window holds; or the pages don't bring what the server counts. */
  outcome: 'whole' | 'overflow' | 'broken';
  /** The server's largest count of entries that match; undefined if it doesn't count. */
  total: number | undefined;
}

/**
 * The entries of one query as far as the server lets them be paged; new ones are yielded. Runs may move between pages,
 * as others are created or go to the trash meanwhile, or as the server sorts as it likes: then it is read again.
 */
async function* searchWindow(
  listing: Listing,
  sortBy: 'sys/id' | 'sys/creation_time',
  query: string,
  seen: Set<string>,
  { most = Number.POSITIVE_INFINITY, onPage = () => {} }: WindowOptions,
): AsyncGenerator<Entry[], Window> {
  let total: number | undefined;
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    const distinct = new Set<string>();
    const counts = new Set<number | undefined>();
    let offset = 0;
    for (let idle = 0; idle <= MAX_IDLE && offset < WINDOW; ) {
      const page = await searchPage(listing, sortBy, query, offset);
      onPage(page.entries);
      for (const { sysId } of page.entries) distinct.add(sysId);
      const fresh = page.entries.filter(({ sysId }) => !seen.has(sysId));
      for (const { sysId } of fresh) seen.add(sysId);
      if (fresh.length > 0) yield fresh;
      counts.add(page.total);
      if (page.total !== undefined) total = Math.max(total ?? 0, page.total);
      if (total !== undefined && total > most) return { outcome: 'overflow', total };
      offset += page.length;
      // A server that doesn't count says by an empty page that this was all. One that counts more than it gives is
      // asked again: a server may give less than a page.
      if (total === undefined ? page.length === 0 : offset >= total) break;
      idle = page.length > 0 ? 0 : idle + 1;
    }
    if (offset >= WINDOW) return { outcome: 'overflow', total };
    const complete = distinct.size >= (total ?? 0);
    if (complete && (counts.size === 1 || pass === MAX_PASSES)) return { outcome: 'whole', total };
  }
  return { outcome: 'broken', total };
}

async function searchPage(
  { connection, project, type, signal }: Listing,
  sortBy: string,
  query: string,
  offset: number,
): Promise<{ entries: Entry[]; length: number; total: number | undefined }> {
  const search = (limit: number, budgetMs?: number) =>
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
        read: (answer) => {
          const { entries, matchingItemCount } = asObject(answer);
          const found = asArray(entries, 'entries').map(entryOf);
          // An entry without an id can't be asked for; as it is counted, it shows as missing in the end.
          return {
            entries: found.filter((one) => one !== undefined),
            length: found.length,
            total: countOf(matchingItemCount),
          };
        },
        ...(signal ? { signal } : {}),
        ...(budgetMs === undefined ? {} : { budgetMs }),
      },
    );
  return connection.entryPages.use(search);
}

function entryOf(value: unknown): Entry | undefined {
  const found = new Map<string, unknown>();
  for (const one of asArray(asObject(value).attributes, 'attributes').map(asObject)) {
    const properties = one[`${one.type}Properties`];
    if (typeof one.name === 'string' && typeof properties === 'object' && properties !== null) {
      found.set(one.name, (properties as Record<string, unknown>).value);
    }
  }
  const sysId = found.get('sys/id');
  if (typeof sysId !== 'string' || sysId === '') return undefined;
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

/** Project paths of a workspace. @throws ExporterError `bad_answer` if the server counts more than it lists */
export async function listProjects(connection: Connection, workspace: string): Promise<string[]> {
  const projects = new Set<string>();
  let total = 0;
  for (let offset = 0; ; ) {
    const values = { organizationIdentifier: workspace, offset, limit: PROJECT_PAGE };
    const { entries, matchingItemCount } = asObject(await connection.call('listProjects', values));
    const found = asArray(entries, 'entries').map(asObject);
    const before = projects.size;
    for (const { organizationName, name } of found) {
      projects.add(`${asText(organizationName, 'organizationName')}/${asText(name, 'name')}`);
    }
    offset += found.length;
    total = Math.max(total, countOf(matchingItemCount) ?? 0);
    // A page without anything new is the end, also where the server goes on giving the same.
    if (projects.size === before || (total > 0 && projects.size >= total)) break;
  }
  if (projects.size >= total) return [...projects];
  const text = `The server counts ${total} projects in ${workspace}, but lists only ${projects.size}.`;
  throw new ExporterError('bad_answer', text, { hint: 'Name the projects with -p.' });
}
