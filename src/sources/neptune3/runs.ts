// Listing of runs and projects.

import { ExporterError } from '../../model/errors.ts';
import type { RunFilter, RunRef } from '../../model/runs.ts';
import type { Api } from '../api.ts';
import { asArray, asObject, asText } from '../json.ts';
import { ProtobufReader } from '../protobuf.ts';
import { byIds, inRange } from '../selection.ts';
import { decodeEntries, type FoundRun } from './messages.ts';
import { runsQuery } from './selection.ts';

/** The server's limit of entries a page. */
const PAGE = 10_000;
const PROJECT_PAGE = 200;
/** Empty pages before the end after which the list counts as broken. */
const MAX_IDLE = 2;

/**
 * Runs that pass the filter, page by page. Pages are cut by offset over `sys/id`, which is unique and never changes; a
 * run that comes twice because others were created meanwhile is passed on once.
 */
export async function* listRuns(
  api: Api,
  projectId: string,
  filter: RunFilter,
  signal?: AbortSignal,
): AsyncGenerator<RunRef[]> {
  const seen = new Set<string>();
  for (const part of byIds(filter)) yield* listPart(api, projectId, part, seen, signal);
}

/** Whether the server takes a token for a search, the first thing that an export needs. */
export async function takesToken(api: Api, projectId: string, bearer: string): Promise<boolean> {
  const answer = await api.http
    .request({
      method: 'POST',
      url: api.address + searchPath(projectId),
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: searchBody({ includeArchived: true }, { limit: 1, offset: 0 }),
    })
    .catch(() => undefined);
  return answer?.status === 200;
}

function searchPath(projectId: string): string {
  const query = `projectIdentifier=${encodeURIComponent(projectId)}&type=run`;
  return `/api/leaderboard/v1/proto/leaderboard/entries/search/?${query}`;
}

function searchBody(filter: RunFilter, pagination: { limit: number; offset: number }): string {
  return JSON.stringify({
    attributeFilters: ['sys/custom_run_id', 'sys/id', 'sys/creation_time', 'sys/modification_time'].map((name) => ({
      path: name,
    })),
    pagination,
    experimentLeader: false,
    query: { query: runsQuery(filter) },
    sorting: { dir: 'ascending', sortBy: { name: 'sys/id', type: 'string' } },
  });
}

async function* listPart(
  api: Api,
  projectId: string,
  filter: RunFilter,
  seen: Set<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunRef[]> {
  const path = searchPath(projectId);
  for (let offset = 0, idle = 0; ; ) {
    const body = searchBody(filter, { limit: PAGE, offset });
    const ask = () =>
      api.call({ path, body, ...(signal ? { signal } : {}) }, (answer) => decodeEntries(new ProtobufReader(answer)));
    let page = await ask();
    // An empty body means that there are no runs, but also that something on the way lost it.
    if (page.total === 0 && page.runs.length === 0) page = await ask();
    const fresh: RunRef[] = [];
    for (const found of page.runs) {
      const { run, createdAt } = runRef(projectId, found);
      if (seen.has(run.sysId)) continue;
      seen.add(run.sysId);
      if (inRange(createdAt, filter.created) && inRange(run.modifiedAt, filter.modified)) fresh.push(run);
    }
    if (fresh.length > 0) yield fresh;
    offset += page.runs.length;
    if (offset >= page.total) return;
    // A server may give less than a page. Nothing at all, though it counts more, is an answer that broke.
    idle = page.runs.length > 0 ? 0 : idle + 1;
    if (idle === 0) continue;
    if (idle > MAX_IDLE) {
      throw new ExporterError(
        'bad_answer',
        `The server counts ${page.total} runs, but lists only ${offset} of ${projectId}.`,
      );
    }
  }
}

function runRef(projectId: string, run: FoundRun): { run: RunRef; createdAt: number | undefined } {
  let createdAt: number | undefined;
  const ref: RunRef = { projectId, runId: '', sysId: '' };
  for (const attribute of run.attributes) {
    if (attribute.kind !== 'scalar') continue;
    const { path, value } = attribute.row;
    if (path === 'sys/custom_run_id' && typeof value === 'string') ref.runId = value;
    else if (path === 'sys/id' && typeof value === 'string') ref.sysId = value;
    else if (path === 'sys/creation_time' && typeof value === 'bigint') createdAt = Number(value);
    else if (path === 'sys/modification_time' && typeof value === 'bigint') ref.modifiedAt = Number(value);
  }
  if (ref.sysId === '') throw new ExporterError('bad_answer', 'The server lists a run without sys/id.');
  if (ref.runId === '') ref.runId = ref.sysId;
  return { run: ref, createdAt };
}

/** Project paths of a workspace; the same call as the official exporter's, which is Neptune 2's. */
export async function listProjects(api: Api, workspace: string): Promise<string[]> {
  const projects: string[] = [];
  for (let offset = 0; ; ) {
    const query = new URLSearchParams({
      organizationIdentifier: workspace,
      offset: String(offset),
      limit: String(PROJECT_PAGE),
    });
    const answer = await api.json({ path: `/api/backend/v1/projects?${query}` });
    const entries = asArray(answer.entries, 'entries').map(asObject);
    for (const entry of entries) {
      projects.push(`${asText(entry.organizationName, 'organizationName')}/${asText(entry.name, 'name')}`);
    }
    offset += entries.length;
    if (entries.length === 0 || offset >= Number(answer.matchingItemCount ?? 0)) return projects;
  }
}
