// The way into a Neptune 2 server: its documents tell where everything is, its configuration what it offers.

import type { HttpClient } from '../../http/client.ts';
import { ExporterError } from '../../model/errors.ts';
import type { Logger } from '../../model/logger.ts';
import { Api } from '../api.ts';
import { Authenticator } from '../auth.ts';
import { asObject, asText, parseJson } from '../json.ts';
import { SpareColumns } from '../point-columns.ts';
import type { ApiToken } from '../token.ts';
import { Turns } from '../turns.ts';
import { parseLooseJson } from './loose-json.ts';
import { PageSize } from './page-size.ts';
import { type Arguments, Operations, type PreparedRequest } from './swagger.ts';

const BACKEND = '/api/backend/swagger.json';
const LEADERBOARD = '/api/leaderboard/swagger.json';
const ARTIFACTS = '/api/artifacts/swagger.json';

/** How long the documents are asked for in vain. */
const FIRST_CONTACT_MS = 15_000;
/** Pages for people after which the server counts as no Neptune. */
const MAX_PAGES = 3;
const ARTIFACTS_VERSION = { 'x-neptune-artifact-api-version': '2' };

interface Settings {
  apiUrl: string;
  applicationUrl: string | undefined;
  artifacts: boolean;
  lastClient: string | undefined;
}

export interface CallOptions<T> {
  /** Sent as JSON. */
  body?: unknown;
  /** Makes of the body what is wanted, in place of `read`. */
  decode?: (body: Buffer) => T;
  /** Makes of the JSON what is wanted; a `bad_answer` that it throws leads to another try. @default the JSON itself */
  read?: (answer: unknown) => T;
  /** Milliseconds for all tries, where it differs from the client's. */
  budgetMs?: number;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** Calls of one Neptune 2 server. Made by `connect`. */
export class Connection {
  readonly api: Api;
  readonly operations: Operations;
  /** True if the server keeps lists of artifact files. */
  readonly hasArtifacts: boolean;
  /** Version of the last official client that the server takes, if it has an end. */
  readonly lastClient: string | undefined;
  /** Entries of a search: the official client asks for 100. */
  readonly entryPages = new PageSize(1000, 100);
  /** Points of a float series: the official client asks for 1000. */
  readonly floatPages = new PageSize(10_000, 1000);
  /** Of a string series, whose values may be long. */
  readonly stringPages = new PageSize(2000, 1000);
  /** What pages of float points are read into; some series are read side by side. */
  readonly spareColumns = new SpareColumns(8);
  /** The order in which answers with many series are read. */
  readonly turns = new Turns();
  /** Whether many float series can be asked for at once; undefined until it was tried. */
  bulk: Promise<boolean> | undefined;
  readonly #settings: Settings;
  readonly #projects = new Map<string, Promise<string>>();
  #artifacts: Promise<void> | undefined;

  constructor(api: Api, operations: Operations, settings: Settings) {
    this.api = api;
    this.operations = operations;
    this.#settings = settings;
    this.hasArtifacts = settings.artifacts;
    this.lastClient = settings.lastClient;
    api.checkToken = (bearer) => this.#takesToken(bearer);
  }

  /** The request of an operation, for downloads; a bearer token is still missing. */
  prepare(id: string, values: Arguments): PreparedRequest {
    return this.operations.request(id, values, this.#settings.apiUrl);
  }

  /**
   * Calls an operation and reads its JSON answer.
   * @throws ExporterError as `Api.stream`; `not_found` for 404
   */
  async call<T = unknown>(id: string, values: Arguments, options: CallOptions<T> = {}): Promise<T> {
    const { body, signal, headers, budgetMs, read = (answer: unknown) => answer as T } = options;
    const { decode = (answer: Buffer) => read(parseLooseJson(answer)) } = options;
    const { method, url, headers: own } = this.prepare(id, values);
    return this.api.call(
      {
        method,
        path: url,
        headers: { accept: 'application/json', ...own, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
        ...(budgetMs === undefined ? {} : { budgetMs }),
      },
      decode,
    );
  }

  /** Calls an operation of the artifacts service, whose document is read at the first call. */
  async callArtifacts<T>(id: string, values: Arguments, signal: AbortSignal, read: (answer: unknown) => T): Promise<T> {
    this.#artifacts ??= this.#readArtifacts().catch((error: unknown) => {
      this.#artifacts = undefined;
      throw error;
    });
    await this.#artifacts;
    return this.call(id, values, { signal, headers: ARTIFACTS_VERSION, read });
  }

  /** True if an address is the server's own, so that it may have the bearer token. */
  isOwn(address: string): boolean {
    const own = [this.api.address, this.#settings.apiUrl, this.#settings.applicationUrl];
    return own.some((one) => one !== undefined && sameOrigin(one, address));
  }

  /** The server's own id of a project, asked for once. @throws ExporterError `access_denied` if there is none */
  projectUuid(projectId: string): Promise<string> {
    const known = this.#projects.get(projectId);
    if (known) return known;
    const found = this.#findProject(projectId);
    this.#projects.set(projectId, found);
    found.catch(() => this.#projects.delete(projectId));
    return found;
  }

  async #takesToken(bearer: string): Promise<boolean> {
    const [project] = this.#projects.keys();
    if (project === undefined) return false;
    const { url, headers } = this.prepare('getProject', { projectIdentifier: project });
    const authorized = { ...headers, accept: 'application/json', authorization: `Bearer ${bearer}` };
    const answer = await this.api.http.request({ method: 'GET', url, headers: authorized }).catch(() => undefined);
    return answer?.status === 200;
  }

  async #findProject(projectId: string): Promise<string> {
    const read = (answer: unknown) => asText(asObject(answer).id, 'id');
    return this.call('getProject', { projectIdentifier: projectId }, { read }).catch((error: unknown) => {
      if (!(error instanceof ExporterError && error.code === 'not_found')) throw error;
      throw new ExporterError('access_denied', `The server has no project ${projectId}, or you may not see it.`, {
        hint: 'Check the name: it is workspace/project.',
        cause: error,
      });
    });
  }

  async #readArtifacts(): Promise<void> {
    await addDocument(this.api, this.#settings.apiUrl, ARTIFACTS, this.operations);
  }
}

/**
 * Reads the server's documents and configuration: four requests and the exchange of the token.
 * @throws ExporterError `wrong_server` if it isn't a Neptune 2, `token_refused`, `network`
 */
export async function connect(http: HttpClient, token: ApiToken, logger: Logger): Promise<Connection> {
  const operations = new Operations();
  const base = await readBackend(http, token.address, operations);
  const settings = await readSettings(http, token, operations, base);
  // A server may be known inside by another name than outside: from here on it is called as it calls itself.
  if (new URL(settings.apiUrl).origin !== new URL(base).origin) await readBackend(http, settings.apiUrl, operations);
  const exchange = operations.request('exchangeApiToken', {}, settings.apiUrl).url;
  const auth = new Authenticator(http, token, exchange);
  const api = new Api({ address: token.address, http, auth, neptune: 'Neptune 2', logger });
  await addDocument(api, settings.apiUrl, LEADERBOARD, operations).catch((error: unknown) => {
    if (error instanceof ExporterError && error.code === 'not_found') throw noNeptune2(token.address, error);
    throw error;
  });
  if (!operations.has('getExperimentAttributes')) throw noNeptune2(token.address);
  return new Connection(api, operations, settings);
}

/** @returns the base address under which the document is: that of the token, or its host alone as official clients have it */
async function readBackend(http: HttpClient, address: string, operations: Operations): Promise<string> {
  const bases = [...new Set([address, new URL(address).origin])];
  let status: number | undefined;
  for (const base of bases) {
    const url = base + BACKEND;
    const answer = await firstContact(http, { method: 'GET', url, headers: {} }, documentOf);
    status = answer.status;
    if (answer.json === undefined) continue;
    operations.add(answer.json, url);
    return base;
  }
  throw noNeptune2(address, undefined, status);
}

/**
 * A JSON answer, undefined for what is none. A broken body is asked for again; so is a page for people, though not for
 * long: it is no Neptune's.
 */
async function firstContact(
  http: HttpClient,
  request: PreparedRequest,
  read: (body: Uint8Array) => unknown,
): Promise<{ status: number; json: unknown }> {
  const options = { ...request, headers: { accept: 'application/json', ...request.headers } };
  // At the very start a wrong address is likelier than a passing fault: say so soon.
  const retry = { budgetMs: Math.min(FIRST_CONTACT_MS, http.budgetMs) };
  let pages = 0;
  return http.stream({ ...options, retry }, async ({ status, headers, body }) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    if (status >= 300 && status !== 304) return { status, json: undefined };
    if (headers['content-type']?.startsWith('text/html') && ++pages >= MAX_PAGES) return { status, json: undefined };
    return { status, json: read(Buffer.concat(chunks)) };
  });
}

async function readSettings(
  http: HttpClient,
  token: ApiToken,
  operations: Operations,
  base: string,
): Promise<Settings> {
  const request = operations.request('getClientConfig', { alpha: 'true' }, base);
  const headers = { ...request.headers, 'x-neptune-api-token': token.text };
  const { status, json } = await firstContact(http, { ...request, headers }, parseJson);
  if (status === 400 || status === 401 || status === 403) {
    throw new ExporterError('token_refused', `The server ${token.address} refuses the API token (HTTP ${status}).`, {
      hint: 'Is it from this Neptune, and still valid? For a Neptune 3 server use --exporter neptune3.',
      status,
    });
  }
  if (json === undefined) throw noNeptune2(token.address, undefined, status);
  const config = asObject(json);
  const { artifacts } = config;
  const versions = isObject(config.pyLibVersions) ? config.pyLibVersions : {};
  const apiUrl = typeof config.apiUrl === 'string' && config.apiUrl !== '' ? config.apiUrl : base;
  return {
    apiUrl: (apiUrl.includes('://') ? apiUrl : `https://${apiUrl}`).replace(/\/+$/, ''),
    applicationUrl: typeof config.applicationUrl === 'string' ? config.applicationUrl : undefined,
    artifacts: artifacts === true || (isObject(artifacts) && artifacts.enabled === true),
    lastClient: typeof versions.maxCompatibleVersion === 'string' ? versions.maxCompatibleVersion : undefined,
  };
}

/** Reads a document below the base address, or below its host alone, which is where official clients look. */
async function addDocument(api: Api, base: string, path: string, operations: Operations): Promise<void> {
  const bases = [...new Set([base, new URL(base).origin])];
  for (const one of bases) {
    const document = await api.call({ path: one + path }, documentOf).catch((error: unknown) => {
      if (error instanceof ExporterError && error.code === 'not_found' && one !== bases.at(-1)) return undefined;
      throw error;
    });
    if (document === undefined) continue;
    operations.add(document, one + path);
    return;
  }
}

/** @throws ExporterError `bad_answer` */
function documentOf(body: Uint8Array): unknown {
  const document = asObject(parseJson(body));
  if (document.swagger === undefined) throw new ExporterError('bad_answer', 'The answer is not a swagger document.');
  return document;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function noNeptune2(address: string, cause?: unknown, status?: number): ExporterError {
  return new ExporterError('wrong_server', `The server ${address} does not speak Neptune 2.`, {
    hint: 'For a Neptune 3 server use --exporter neptune3; otherwise check the address in the API token.',
    ...(cause === undefined ? {} : { cause }),
    ...(status === undefined ? {} : { status }),
  });
}

/** Names of this machine itself count as one. */
function sameOrigin(left: string, right: string): boolean {
  if (!URL.canParse(left) || !URL.canParse(right)) return false;
  const [a, b] = [new URL(left), new URL(right)];
  const name = ({ hostname }: URL) => (/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname) ? 'localhost' : hostname);
  return a.protocol === b.protocol && a.port === b.port && name(a) === name(b);
}
