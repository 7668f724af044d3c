// The wire to a W&B server: GraphQL, file stream, uploads to the addresses that it gives. No decisions.

import type { Readable } from 'node:stream';
import type { HttpClient, HttpRequest, HttpResponse } from '../../http/client.ts';
import { sleep } from '../../http/limits.ts';
import { oneLine } from '../../http/redact.ts';
import { ExporterError } from '../../model/errors.ts';
import * as documents from './documents.ts';
import { isObject, type JsonObject, objectIn } from './json.ts';

export interface ClientOptions {
  http: HttpClient;
  /** Without a slash at its end. */
  base: string;
  apiKey: string;
  signal?: AbortSignal;
}

/** Entity, project and id of a run. */
export interface RunPlace {
  entity: string;
  project: string;
  name: string;
}

/** A run as a list has it. */
export interface ListedRun {
  /** W&B's own, for `deleteRun`. */
  storageId: string;
  /** The id that people see. */
  name: string;
  displayName: string;
  state: string;
}

export interface RunStatus extends ListedRun {
  config: JsonObject;
  /** The same as it came. */
  configText: string;
  summary: JsonObject;
  tags: string[];
  notes: string | undefined;
  group: string | undefined;
  host: string | undefined;
  lines: number;
  /** The last line of the history, as it was sent or nearly so. */
  tail: string | undefined;
}

export interface RunInput {
  displayName?: string;
  groupName?: string;
  notes?: string;
  tags?: string[];
  /** JSON */
  config: string;
  host?: string;
}

export interface RunFile {
  name: string;
  bytes: number | undefined;
  /** base64 */
  md5: string | undefined;
  url: string | undefined;
}

export interface UploadPlace {
  url: string;
  headers: Record<string, string>;
}

/** An answer by which the server refuses what was asked for. */
export class WandbError extends ExporterError {}

/** Between tries after a conflict, in milliseconds. */
const CONFLICT_PAUSES = [500, 1000, 2000, 4000];

/** True if a run is refused since one of its id was deleted. */
function isOfDeleted({ status, message }: WandbError): boolean {
  return status === 409 && /delet/i.test(message);
}

/** Runs of a page. */
const PAGE = 200;

export class WandbClient {
  readonly #options: ClientOptions;
  readonly #headers: Record<string, string>;

  constructor(options: ClientOptions) {
    this.#options = options;
    // The key is never sent with uploads: their addresses are of another host, and signed.
    this.#headers = { authorization: `Basic ${Buffer.from(`api:${options.apiKey}`).toString('base64')}` };
  }

  get base(): string {
    return this.#options.base;
  }

  /** @throws ExporterError `token_refused` */
  async viewer(): Promise<{ entity: string | undefined; teams: string[] }> {
    const { viewer } = await this.graphql(documents.VIEWER, {});
    if (!isObject(viewer)) throw this.#refusedKey();
    const teams = nodes(viewer.teams).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
    return { entity: text(viewer.entity) ?? text(viewer.username), teams };
  }

  /** False if there is no such user or team, or none that the key may see; true also where the server doesn't tell. */
  async hasEntity(name: string): Promise<boolean> {
    try {
      return isObject((await this.graphql(documents.ENTITY, { name })).entity);
    } catch (error) {
      if (error instanceof WandbError && error.status !== 403 && error.status !== 404) return true;
      if (error instanceof WandbError) return false;
      throw error;
    }
  }

  /** Names of what the server can do beyond what all can; older servers don't tell. */
  async features(): Promise<ReadonlySet<string>> {
    let data: JsonObject;
    try {
      data = await this.graphql(documents.FEATURES, {});
    } catch (error) {
      if (error instanceof WandbError) return new Set();
      throw error;
    }
    const info = isObject(data.serverInfo) && Array.isArray(data.serverInfo.features) ? data.serverInfo.features : [];
    return new Set(
      info.flatMap((one) =>
        isObject(one) && one.isEnabled === true && typeof one.name === 'string' ? [one.name] : [],
      ),
    );
  }

  async hasProject(entity: string, project: string): Promise<boolean> {
    return isObject((await this.graphql(documents.PROJECT, { entity, project })).project);
  }

  /** All runs of a project; none if it isn't there. */
  async *runs(entity: string, project: string): AsyncGenerator<ListedRun> {
    let after: string | null = null;
    do {
      const data: JsonObject = await this.graphql(documents.RUNS, { entity, project, after, first: PAGE });
      const runs = isObject(data.project) ? data.project.runs : undefined;
      if (!isObject(runs)) return;
      for (const node of nodes(runs)) yield listed(node);
      after = nextPage(runs);
    } while (after !== null);
  }

  /** A run with all that says how far it is; undefined if it isn't there. */
  async run(place: RunPlace): Promise<RunStatus | undefined> {
    const { model } = await this.graphql(documents.RUN, { ...place });
    const bucket = isObject(model) ? model.bucket : undefined;
    if (!isObject(bucket)) return undefined;
    const { config, summaryMetrics, historyLineCount, historyTail, tags } = bucket;
    return {
      ...listed(bucket),
      config: objectIn(config) ?? {},
      configText: text(config) ?? '{}',
      summary: objectIn(summaryMetrics) ?? {},
      tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [],
      notes: text(bucket.notes),
      group: text(bucket.group),
      host: text(bucket.host),
      lines: typeof historyLineCount === 'number' ? historyLineCount : 0,
      tail: lastLine(historyTail),
    };
  }

  /** Makes a run or changes it; what is left out stays. @returns lines that its history has */
  async upsertRun(place: RunPlace, input: RunInput): Promise<number> {
    const { upsertBucket } = await this.#withoutConflict(() =>
      this.graphql(documents.UPSERT_RUN, { ...place, ...input }),
    );
    const bucket = isObject(upsertBucket) ? upsertBucket.bucket : undefined;
    if (!isObject(bucket)) throw badAnswer('upsertBucket', 'no run');
    return typeof bucket.historyLineCount === 'number' ? bucket.historyLineCount : 0;
  }

  /** Deletes a run; one that is gone already is fine. */
  async deleteRun(storageId: string, deleteArtifacts: boolean): Promise<void> {
    try {
      await this.graphql(documents.DELETE_RUN, { id: storageId, deleteArtifacts });
    } catch (error) {
      if (!(error instanceof WandbError && error.status === 404)) throw error;
    }
  }

  /** Lines of a history with `minStep` ≤ step < `maxStep`, as texts; a server may leave out some beyond `samples`. */
  async history(place: RunPlace, minStep: number, maxStep: number, samples: number): Promise<string[]> {
    const { project } = await this.graphql(documents.HISTORY, { ...place, minStep, maxStep, samples });
    const run = isObject(project) ? project.run : undefined;
    const lines = isObject(run) ? run.history : undefined;
    if (!Array.isArray(lines)) throw badAnswer('history', 'no lines');
    return lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  }

  /**
   * Sends a request of a run's file stream. Sending the same lines to the same place again changes nothing.
   * @returns the headers of the answer, which tell of limits
   */
  async fileStream(place: RunPlace, body: string | Uint8Array, isGzip: boolean): Promise<Record<string, string>> {
    const path = [place.entity, place.project, place.name].map(encodeURIComponent).join('/');
    const answer = await this.#request({
      method: 'POST',
      url: `${this.#options.base}/files/${path}/file_stream`,
      headers: {
        'content-type': 'application/json',
        ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
        ...this.#headers,
      },
      body,
    });
    this.#check(answer, 'file_stream');
    return answer.headers;
  }

  /** Addresses to store files of a run, in the order asked. */
  async createFiles({ entity, project, name }: RunPlace, files: readonly string[]): Promise<UploadPlace[]> {
    const { createRunFiles } = await this.graphql(documents.CREATE_FILES, { entity, project, run: name, files });
    const answered = isObject(createRunFiles) && Array.isArray(createRunFiles.files) ? createRunFiles.files : [];
    const headers = isObject(createRunFiles) ? headersIn(createRunFiles.uploadHeaders) : {};
    const byName = new Map(
      answered.flatMap((file) =>
        isObject(file) && typeof file.uploadUrl === 'string' ? [[file.name, file.uploadUrl]] : [],
      ),
    );
    return files.map((file) => {
      const url = byName.get(file);
      if (url === undefined) throw badAnswer('createRunFiles', `no address for ${file}`);
      return { url, headers };
    });
  }

  /** What the server has of these files of a run. */
  async files(place: RunPlace, names: readonly string[]): Promise<Map<string, RunFile>> {
    const { project } = await this.graphql(documents.FILES, { ...place, names, first: names.length });
    const run = isObject(project) ? project.run : undefined;
    const found = isObject(run) ? nodes(run.files).map(fileIn) : [];
    return new Map(found.map((file) => [file.name, file]));
  }

  async *allFiles(place: RunPlace): AsyncGenerator<RunFile> {
    let after: string | null = null;
    do {
      const data: JsonObject = await this.graphql(documents.ALL_FILES, { ...place, after, first: PAGE });
      const run = isObject(data.project) ? data.project.run : undefined;
      const files = isObject(run) ? run.files : undefined;
      for (const node of nodes(files)) yield fileIn(node);
      after = nextPage(files);
    } while (after !== null);
  }

  /**
   * Stores content at an address that the server gave. The length has to be known: signed storage takes no other.
   * @throws ExporterError with the status 403 if the address is no longer good
   */
  async put(place: UploadPlace, body: () => Readable | Uint8Array, bytes: number): Promise<Record<string, string>> {
    const answer = await this.#request({
      method: 'PUT',
      url: place.url,
      headers: { ...place.headers, 'content-length': String(bytes) },
      body,
      // A large file may take long to be taken.
      timeoutMs: 900_000,
    });
    if (answer.status >= 300) {
      const said = oneLine(answer.body.toString('utf8'));
      throw new WandbError('server', `The storage answers ${answer.status} to an upload${said ? `: ${said}` : ''}.`, {
        status: answer.status,
      });
    }
    return answer.headers;
  }

  /** Reads content from an address that the server gave. @param bytes that it should have, for the time it may take */
  async get<T>(url: string, consume: (body: AsyncIterable<Uint8Array>) => Promise<T>): Promise<T> {
    const isOwn = new URL(url).origin === new URL(this.#options.base).origin;
    return this.#options.http.stream(
      {
        method: 'GET',
        url,
        headers: isOwn && !/[?&][^=]*signature=/i.test(url) ? this.#headers : {},
        compressed: false,
        ...this.#signal(),
      },
      async ({ status, body }) => {
        if (status !== 200) throw new WandbError('server', `The server answers ${status} to a download.`, { status });
        return consume(body);
      },
    );
  }

  /**
   * Asks or changes something; all of it may be repeated.
   * @returns the answer's data
   * @throws WandbError what the server refuses, ExporterError `token_refused`, `network` and so on
   */
  async graphql(query: string, variables: Record<string, unknown>): Promise<JsonObject> {
    const answer = await this.#request({
      method: 'POST',
      url: `${this.#options.base}/graphql`,
      headers: { 'content-type': 'application/json', ...this.#headers },
      body: JSON.stringify({ query, variables }),
      isRead: query.startsWith('query'),
    });
    const name = /^(?:query|mutation) (\w+)/.exec(query)?.[1] ?? 'request';
    this.#check(answer, name);
    const body = objectIn(answer.body.toString('utf8'));
    if (!body) {
      throw new ExporterError('wrong_server', `What answers at ${this.#options.base} is no W&B server.`, {
        hint: 'Check WANDB_BASE_URL.',
      });
    }
    const said = messagesIn(body);
    if (said !== undefined) throw new WandbError('server', `W&B refuses ${name}: ${said}`);
    if (!isObject(body.data)) throw badAnswer(name, 'no data');
    return body.data;
  }

  /** Two that change one run at once: W&B's SDK asks again, too. The id of a deleted run stays refused. */
  async #withoutConflict<T>(ask: () => Promise<T>): Promise<T> {
    for (const pause of CONFLICT_PAUSES) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof WandbError) || error.status !== 409 || isOfDeleted(error)) throw error;
        await sleep(pause, this.#options.signal);
      }
    }
    return ask();
  }

  #request(request: HttpRequest): Promise<HttpResponse> {
    return this.#options.http.request({ ...request, ...this.#signal() });
  }

  #signal(): { signal?: AbortSignal } {
    const { signal } = this.#options;
    return signal ? { signal } : {};
  }

  #check({ status, body, headers }: HttpResponse, name: string): void {
    if (status === 200) return;
    if (status === 401) throw this.#refusedKey();
    if (status === 404 && !/json/.test(headers['content-type'] ?? '')) {
      throw new ExporterError('wrong_server', `What answers at ${this.#options.base} is no W&B server.`, {
        hint: 'Check WANDB_BASE_URL.',
        status,
      });
    }
    const said = messagesIn(objectIn(body.toString('utf8')) ?? {}) ?? oneLine(body.toString('utf8'));
    const hint = status === 403 ? { hint: 'The key may lack the right to write there: check the entity.' } : {};
    throw new WandbError('server', `W&B answers ${status} to ${name}${said ? `: ${said}` : ''}`, { status, ...hint });
  }

  #refusedKey(): ExporterError {
    return new ExporterError('token_refused', `W&B at ${this.#options.base} refuses the key.`, {
      hint: 'Check WANDB_API_KEY and WANDB_BASE_URL; keys are shown at https://wandb.ai/authorize, or /authorize of your server.',
      status: 401,
    });
  }
}

function messagesIn({ errors, error }: JsonObject): string | undefined {
  const all = Array.isArray(errors) ? errors : error === undefined || error === null ? [] : [error];
  const said = all.map((one) => (isObject(one) ? (text(one.message) ?? JSON.stringify(one)) : String(one)));
  return said.length === 0 ? undefined : oneLine(said.join('; '));
}

function badAnswer(name: string, what: string): ExporterError {
  return new ExporterError('bad_answer', `W&B's answer to ${name} has ${what}.`);
}

function listed({ id, name, displayName, state }: JsonObject): ListedRun {
  if (typeof id !== 'string' || typeof name !== 'string') throw badAnswer('a list of runs', 'a run without id');
  return { storageId: id, name, displayName: text(displayName) ?? name, state: text(state) ?? '' };
}

function fileIn({ name, sizeBytes, md5, directUrl }: JsonObject): RunFile {
  const bytes = typeof sizeBytes === 'string' ? Number(sizeBytes) : sizeBytes;
  return {
    name: text(name) ?? '',
    bytes: typeof bytes === 'number' ? bytes : undefined,
    md5: text(md5),
    url: text(directUrl),
  };
}

/** The nodes of a connection. */
export function nodes(connection: unknown): JsonObject[] {
  const edges = isObject(connection) && Array.isArray(connection.edges) ? connection.edges : [];
  return edges.flatMap((edge) => (isObject(edge) && isObject(edge.node) ? [edge.node] : []));
}

/** The cursor of a connection's next page; null behind the last one. */
export function nextPage(connection: unknown): string | null {
  const info = isObject(connection) ? connection.pageInfo : undefined;
  return isObject(info) && info.hasNextPage === true ? (text(info.endCursor) ?? null) : null;
}

/** `Name:Value`, split at the first colon. */
export function headersIn(headers: unknown): Record<string, string> {
  const all = Array.isArray(headers) ? headers.filter((header) => typeof header === 'string') : [];
  return Object.fromEntries(
    all.map((header) => [header.slice(0, header.indexOf(':')).trim(), header.slice(header.indexOf(':') + 1).trim()]),
  );
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A JSON list of texts, of which the last one is a line. */
function lastLine(tail: unknown): string | undefined {
  if (typeof tail !== 'string') return undefined;
  try {
    const lines = JSON.parse(tail) as unknown;
    return Array.isArray(lines) ? text(lines.at(-1)) : undefined;
  } catch {
    return undefined;
  }
}
