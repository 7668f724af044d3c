// The demo server: Neptune 3's API over a data set in memory, on this machine. For trying things, tests and benches.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, errorAnswer } from './answer.ts';
import { queryValues } from './attribute-values.ts';
import { clientConfig, getProject, listProjects, swagger } from './backend.ts';
import { Catalog, type CatalogProject } from './catalog.ts';
import type { DataSet } from './dataset.ts';
import { queryDefinitions } from './definitions.ts';
import { type Delivery, deliver, type FaultRule, Faults, firstBytes } from './faults.ts';
import { queryFloatSeries } from './float-series.ts';
import { queryObjectSeries } from './object-series.ts';
import { badRequest, Refusal } from './refusal.ts';
import { searchEntries } from './search.ts';
import { fileFinder, STORAGE_PATH, Storage, type StorageProvider } from './storage.ts';
import { REFRESH_PATH, Tokens } from './tokens.ts';

const MAX_BODY = 32 << 20;

export interface DemoServerOptions {
  data: DataSet;
  /** @default 0, a free one */
  port?: number;
  /** @default 127.0.0.1 */
  host?: string;
  /** How long access tokens are good, in seconds. @default 600 */
  tokenSeconds?: number;
  /** How long signed URLs are good, in seconds. @default 600 */
  signedUrlSeconds?: number;
  /** @default gcp */
  provider?: StorageProvider;
  faults?: FaultRule[];
  /** Told of each request just before its answer is sent. */
  onRequest?(request: ServedRequest): void;
}

export interface ServedRequest {
  method: string;
  /** Path of the URL, without its query. */
  path: string;
  status: number;
}

export interface DemoServer {
  url: string;
  /** For NEPTUNE_API_TOKEN. */
  token: string;
  /** Number of requests by method, route and status: `GET /storage/ 200`. */
  counts: ReadonlyMap<string, number>;
  /** From now on other data is served, under the same address and tokens. */
  replaceData(data: DataSet): void;
  replaceFaults(rules: FaultRule[]): void;
  /** Ends all access tokens given out so far, and the refresh tokens, too, if told so. */
  revokeTokens(refreshTokensToo?: boolean): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Starts a server; it answers when this returns. @throws Error of node:net, e.g. if the port is taken */
export async function startDemoServer(options: DemoServerOptions): Promise<DemoServer> {
  const host = options.host ?? '127.0.0.1';
  const server = createServer((request, response) => void demo.serve(request, response));
  // Longer than clients keep connections, so that none is closed while it is taken up again.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  const demo = new Demo(url, options);
  return {
    url,
    token: demo.tokens.apiToken,
    counts: demo.counts,
    replaceData: (data) => demo.replaceData(data),
    replaceFaults: (rules) => {
      demo.faults = new Faults(rules);
    },
    revokeTokens: (refreshTokensToo = false) => demo.tokens.revoke(refreshTokensToo),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What a handler gets of a request. */
interface Call {
  url: URL;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

class Demo {
  readonly tokens: Tokens;
  readonly counts = new Map<string, number>();
  faults: Faults;
  readonly #url: string;
  readonly #storage: Storage;
  readonly #onRequest: DemoServerOptions['onRequest'];
  #catalog: Catalog;
  #findFile: ReturnType<typeof fileFinder>;

  constructor(url: string, options: DemoServerOptions) {
    this.#url = url;
    this.tokens = new Tokens(url, options.tokenSeconds ?? 600);
    this.#storage = new Storage(url, options.provider ?? 'gcp', options.signedUrlSeconds ?? 600);
    this.faults = new Faults(options.faults ?? []);
    this.#onRequest = options.onRequest;
    this.#catalog = new Catalog(options.data);
    this.#findFile = fileFinder(options.data);
  }

  replaceData(data: DataSet): void {
    this.#catalog = new Catalog(data);
    this.#findFile = fileFinder(data);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? '';
    // A target like `//` is no path of a URL; it gets the answer of an unknown one.
    const url = URL.parse(request.url ?? '', this.#url) ?? new URL(this.#url);
    let delivery: Delivery;
    try {
      const fault = this.faults.next(url.pathname);
      const body = await readBody(request);
      if (fault?.kind === 'latency') await wait(fault.ms);
      if (fault?.kind === 'revokeTokens') this.tokens.revoke(fault.refreshTokensToo ?? false);
      delivery = deliver(this.#answer(method, { url, headers: request.headers, body }), fault);
    } catch (error) {
      delivery = { answer: answerOf(error) };
    }
    this.#count(method, url.pathname, delivery.answer.status);
    // Nothing more can be told to the client when this fails.
    await send(response, delivery).catch(() => response.destroy());
  }

  #answer(method: string, call: Call): Answer {
    const path = call.url.pathname;
    if (path.startsWith(STORAGE_PATH) && method === 'GET')
      return this.#storage.get(call.url, call.headers, this.#findFile);
    const open = this.#openRoutes[`${method} ${path}`];
    if (open) return open(call);
    const route = this.#routes[`${method} ${path}`];
    if (!route) throw new Refusal(404, 'NOT_FOUND', `There is no ${method} ${path}.`);
    this.tokens.check(call.headers.authorization);
    return route(call);
  }

  /** Routes that need no access token. */
  readonly #openRoutes: Record<string, (call: Call) => Answer> = {
    'GET /api/backend/swagger.json': () => swagger(this.#url),
    'GET /api/backend/v1/clients/config': () => clientConfig(this.#url),
    'GET /api/backend/v1/authorization/oauth-token': ({ headers }) =>
      this.tokens.exchange(headers['x-neptune-api-token'] as string | undefined),
    [`POST ${REFRESH_PATH}`]: ({ body }) => this.tokens.refresh(new URLSearchParams(body.toString())),
  };

  readonly #routes: Record<string, (call: Call) => Answer> = {
    'GET /api/backend/v1/projects': ({ url }) => listProjects(this.#catalog, url.searchParams),
    'GET /api/backend/v1/projects/get': ({ url }) => getProject(this.#catalog, url.searchParams),
    'POST /api/leaderboard/v1/proto/leaderboard/entries/search/': (call) =>
      searchEntries(this.#project(call), call.url.searchParams.getAll('type'), jsonOf(call)),
    'POST /api/leaderboard/v1/leaderboard/attributes/definitions/query': (call) =>
      queryDefinitions(this.#catalog, call.url.searchParams.get('projectIdentifier') ?? undefined, jsonOf(call)),
    'POST /api/leaderboard/v1/proto/leaderboard/attributes/query': (call) =>
      queryValues(this.#catalog, this.#project(call), jsonOf(call)),
    'POST /api/leaderboard/v1/proto/attributes/series/float': (call) => queryFloatSeries(this.#catalog, jsonOf(call)),
    'POST /api/leaderboard/v1/proto/attributes/series': (call) =>
      queryObjectSeries(this.#catalog, flagOf(call.url, 'useDeprecatedStringFields', true), jsonOf(call)),
    'POST /api/storagebridge/v1/signedUrl': (call) => this.#storage.sign(this.#catalog, jsonOf(call)),
  };

  #project({ url }: Call): CatalogProject {
    const path = url.searchParams.get('projectIdentifier');
    if (path === null) throw badRequest('The query parameter projectIdentifier is required.');
    return this.#catalog.project(path);
  }

  #count(method: string, path: string, status: number): void {
    // Only known routes are told apart, so that the counts don't grow with what is asked for.
    const name = `${method} ${path}`;
    const route = path.startsWith(STORAGE_PATH)
      ? `${method} ${STORAGE_PATH}`
      : name in this.#routes || name in this.#openRoutes
        ? name
        : 'unknown';
    const key = `${route} ${status}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    this.#onRequest?.({ method, path, status });
  }
}

/** @throws Refusal 413 */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_BODY) throw new Refusal(413, 'PAYLOAD_TOO_LARGE', `A body must not be over ${MAX_BODY} bytes.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** @throws Refusal 400, 415 */
function jsonOf({ headers, body }: Call): unknown {
  if (!/^application\/json\b/.test(headers['content-type'] ?? ''))
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw badRequest(`The body is no JSON: ${(error as Error).message}`);
  }
}

function flagOf(url: URL, name: string, fallback: boolean): boolean {
  const value = url.searchParams.get(name);
  if (value === null) return fallback;
  if (value !== 'true' && value !== 'false') throw badRequest(`The query parameter ${name} must be true or false.`);
  return value === 'true';
}

function answerOf(error: unknown): Answer {
  if (error instanceof Refusal) return errorAnswer(error.status, error.errorType, error.message);
  return errorAnswer(500, 'INTERNAL_ERROR', error instanceof Error ? (error.stack ?? error.message) : String(error));
}

/** Sends an answer as fast as the client takes it. Returns also when the client has gone. */
async function send(response: ServerResponse, { answer, cutAfter, bytesPerSecond }: Delivery): Promise<void> {
  response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.length });
  const body = cutAfter === undefined ? answer.body() : firstBytes(answer.body(), cutAfter);
  for (const piece of body) {
    const step = bytesPerSecond === undefined ? piece.length : Math.max(1, Math.ceil(bytesPerSecond / 20));
    for (let at = 0; at < piece.length; at += step) {
      if (bytesPerSecond !== undefined) await wait(50);
      if (response.destroyed) return;
      const taken = response.write(piece.subarray(at, at + step));
      if (!taken) await drained(response);
    }
  }
  if (cutAfter !== undefined) response.socket?.destroySoon();
  else response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
    if (response.destroyed) done();
  });
}
