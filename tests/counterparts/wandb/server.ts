// A Weights & Biases server for tests: strict, in memory, as the official SDK knows it. See README.md.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type Fault, Faults } from './faults.ts';
import { takeStream } from './file-stream.ts';
import { answer, type GraphQLRequest, readRequest, rootFields } from './graphql-endpoint.ts';
import { contentKey, type HeldRun, heldRun } from './held.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { RateLimit } from './rate-limit.ts';
import { demand, Refusal } from './refusal.ts';
import { wandbSchema } from './schema.ts';
import type { Site } from './site.ts';
import { Storage } from './storage.ts';
import { type RunState, Store } from './store.ts';

export interface WandbServerOptions {
  /** @default 0, a free one */
  port?: number;
  faults?: Fault[];
  limits?: Partial<Limits>;
  /** The account's own entity first. @default emulated-team, other-team */
  entities?: string[];
  /** Optional abilities that the server tells the SDK. @default SERVER_FEATURES */
  features?: string[];
  /** What an older server lacks, e.g. `Run.parquetHistory`, `CreateArtifactInput.tags`. @default nothing */
  without?: string[];
  /** Runs that fork: not all plans of the service have it. @default done */
  forking?: Site['forking'];
  /** Host of the storage's addresses. @default localhost, another one than the API's, as the service's buckets are */
  storageHost?: string;
  /** NaN and infinities stand bare in JSON texts that are answered. @default false: they are texts */
  bareNonFinite?: boolean;
  /** Told of each refusal. */
  onRefusal?(refusal: { operation: string; status: number; message: string }): void;
}

export interface WandbServer {
  /** For WANDB_BASE_URL. */
  url: string;
  /** For WANDB_API_KEY. */
  apiKey: string;
  /** The default one of the key. */
  entity: string;
  /**
   * Number of requests by operation and status: `upsertBucket 200`, `fileStream 200`, `PUT storage 200`. GraphQL goes
   * by the fields that are asked for; what couldn't be read is `graphql 400`.
   */
  requests: ReadonlyMap<string, number>;
  /** All that it holds, in plain form. */
  runs(): HeldRun[];
  /** The run with this id. @throws Error if there is none */
  run(project: string, name: string, entity?: string): HeldRun;
  /** Deletes a run as a user would; its id stays taken. */
  deleteRun(project: string, name: string, entity?: string): void;
  /** Sets a run's state, e.g. to `crashed`, as the service does when no heartbeat comes. */
  setState(project: string, name: string, state: RunState): void;
  replaceFaults(faults: Fault[]): void;
  /** What it is made of, for tests that do damage. */
  site: Site;
  close(): Promise<void>;
}

/** What a current server can do, as the SDK names it, as far as it is emulated. */
export const SERVER_FEATURES = [
  'LARGE_FILENAMES',
  'ARTIFACT_TAGS',
  'CLIENT_IDS',
  'ARTIFACT_COLLECTION_MEMBERSHIP_FILES',
  'USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION',
  'PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP',
  'ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE',
  'TOTAL_COUNT_IN_FILE_CONNECTION',
  'ARTIFACT_COLLECTIONS_FILTERING_SORTING',
  'MARK_RUN_FILES_UPLOADED',
  'FILESTREAM_GZIP',
  'ARTIFACT_DIGEST_ALGORITHM',
];

/** The key of every such server. */
export const API_KEY = 'local-0123456789abcdef0123456789abcdef01234567';

/** Starts a server; it answers when this returns. @throws Error of node:net, e.g. if the port is taken */
export async function startWandbServer(options: WandbServerOptions = {}): Promise<WandbServer> {
  const server = createServer((request, response) => void front.serve(request, response));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { storageHost = 'localhost' } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const store = new Store(options.entities ?? ['emulated-team', 'other-team']);
  const site: Site = {
    url,
    store,
    limits,
    schema: wandbSchema(options.without),
    forking: options.forking ?? 'done',
    bareNonFinite: options.bareNonFinite ?? false,
    // The SDK sends its key to the API's host only.
    storageHost,
    storage: new Storage(url.replace('127.0.0.1', storageHost), limits),
    features: options.features ?? SERVER_FEATURES,
    user: { id: 'VXNlcjox', name: 'Emulated User', username: 'emulated-user', email: 'user@example.com' },
  };
  const front = new Front(site, options);
  const entity = store.entities[0]!;
  const find = (project: string, name: string, of = entity) =>
    store.run(store.project(of, project, 'test'), name, 'test');
  return {
    url,
    apiKey: API_KEY,
    entity,
    site,
    requests: front.requests,
    runs: () => [...store.runs.values()].map((run) => heldRun(run, site)),
    run: (project, name, of) => heldRun(find(project, name, of), site),
    deleteRun: (project, name, of) => store.deleteRun(find(project, name, of)),
    setState: (project, name, state) => {
      find(project, name).state = state;
    },
    replaceFaults: (faults) => {
      front.faults = new Faults(faults);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string | Buffer;
}

/** A request that was read far enough to have a name. */
interface Work {
  operation: string;
  /** Does it. @throws Refusal */
  perform(): Answer;
}

class Front {
  readonly requests = new Map<string, number>();
  faults: Faults;
  readonly #site: Site;
  readonly #onRefusal: WandbServerOptions['onRefusal'];
  readonly #graphqlRate: RateLimit;
  readonly #streamRate: RateLimit;

  constructor(site: Site, options: WandbServerOptions) {
    this.#site = site;
    this.#onRefusal = options.onRefusal;
    this.faults = new Faults(options.faults ?? []);
    this.#graphqlRate = new RateLimit(site.limits.requestsPerSecond);
    this.#streamRate = new RateLimit(site.limits.requestsPerSecond);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let operation = 'unknown';
    try {
      const body = await readBody(request);
      if (body === undefined) return;
      const work = this.#workOf(request, body);
      operation = work.operation;
      const fault = this.faults.next(operation);
      if (fault?.kind === 'cut') {
        response.destroy();
        return;
      }
      if (fault?.kind === 'slow') await wait(fault.ms ?? 1000);
      if (fault?.kind === 'status')
        throw new Refusal(fault.status ?? 500, `a fault of ${operation}`, fault.headers ?? {});
      const done = work.perform();
      this.#count(operation, done.status);
      if (fault?.kind === 'lost') response.destroy();
      else send(response, done);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, (error as Error).stack ?? String(error));
      this.#count(operation, refusal.status);
      this.#onRefusal?.({ operation, status: refusal.status, message: refusal.message });
      send(response, refused(refusal));
    }
  }

  #count(operation: string, status: number): void {
    const key = `${operation} ${status}`;
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1);
  }

  /** @throws Refusal */
  #workOf(request: IncomingMessage, body: Buffer): Work {
    const method = request.method ?? '';
    const url = new URL(request.url ?? '', this.#site.url);
    if (url.pathname.startsWith('/storage/')) return this.#storageWork(method, url, request, body);
    if (method === 'GET' && url.pathname === '/healthz') return { operation: 'health', perform: () => json(200, '{}') };
    authenticate(request.headers.authorization);
    if (method === 'POST' && url.pathname === '/graphql') return this.#graphqlWork(request, body);
    const parts = url.pathname.slice(1).split('/').map(decodeURIComponent);
    if (method === 'GET' && parts[0] === 'artifactsV2')
      return { operation: 'GET artifactsV2', perform: () => this.#artifactFile(parts.slice(1)) };
    const [files, entity, project, run, ...rest] = parts;
    if (files !== 'files' || run === undefined || rest.length === 0)
      throw new Refusal(404, `There is no ${method} ${url.pathname}`);
    if (method === 'POST' && rest.length === 1 && rest[0] === 'file_stream')
      return this.#streamWork(request, body, { entity: entity!, project: project!, run });
    if (method !== 'GET') throw new Refusal(405, `${method} is not allowed here`);
    const perform = () => this.#file(entity!, project!, run, rest.join('/'));
    return { operation: 'GET files', perform };
  }

  #storageWork(method: string, url: URL, { headers }: IncomingMessage, body: Buffer): Work {
    const { storage, storageHost } = this.#site;
    if (!headers.host?.startsWith(`${storageHost}:`)) throw new Refusal(404, `There is no storage at ${headers.host}`);
    if (method === 'PUT')
      return {
        operation: 'PUT storage',
        perform: () => ({ status: 200, headers: { etag: storage.put(url, headers, body) }, body: '' }),
      };
    if (method !== 'GET') throw new Refusal(405, `${method} is not allowed on storage`);
    return { operation: 'GET storage', perform: () => bytesAnswer(storage.get(url, headers).bytes, headers.range) };
  }

  #graphqlWork({ headers }: IncomingMessage, body: Buffer): Work {
    if (body.length > this.#site.limits.graphqlBytes) throw new Refusal(413, 'request entity too large');
    demand(/^application\/json\b/.test(headers['content-type'] ?? ''), 'the body must be application/json');
    let request: GraphQLRequest;
    try {
      request = readRequest(body.toString(), this.#site.schema);
    } catch (error) {
      const perform = () => {
        throw error;
      };
      return { operation: 'graphql', perform };
    }
    const perform = () => {
      this.#graphqlRate.take();
      return json(200, answer(request, this.#site));
    };
    return { operation: rootFields(request), perform };
  }

  #streamWork(
    { headers }: IncomingMessage,
    body: Buffer,
    path: { entity: string; project: string; run: string },
  ): Work {
    const perform = () => {
      const rate = this.#streamRate.take();
      const { store, limits } = this.#site;
      const run = store.run(store.project(path.entity, path.project, 'file_stream'), path.run, 'file_stream');
      const isGzip = headers['content-encoding'] === 'gzip';
      demand(!isGzip || this.#site.features.includes('FILESTREAM_GZIP'), 'file_stream: gzip is not supported');
      demand(isGzip || headers['content-encoding'] === undefined, 'file_stream: unknown Content-Encoding');
      demand(/^application\/json\b/.test(headers['content-type'] ?? ''), 'the body must be application/json');
      const taken = takeStream(run, parsedBody(isGzip ? gunzipSync(body) : body), limits);
      return { ...json(200, JSON.stringify(taken)), headers: { 'content-type': 'application/json', ...rate } };
    };
    return { operation: 'fileStream', perform };
  }

  /** `REGION/ENTITY/PROJECT/COLLECTION/BIRTH ARTIFACT/HEX MD5/NAME` */
  #artifactFile([region, entity, projectName, collectionName = '', birth = '', hex = '']: string[]): Answer {
    const project = this.#site.store.project(entity, projectName, 'download');
    const collection = project.collections.get(collectionName);
    const md5 = Buffer.from(hex, 'hex').toString('base64');
    const object = collection && this.#site.storage.objects.get(contentKey(collection, birth, md5));
    if (region !== 'default' || !object) throw new Refusal(404, `no content ${hex} of ${collectionName}`);
    return bytesAnswer(object.bytes, undefined);
  }

  #file(entity: string, projectName: string, runName: string, path: string): Answer {
    const { store, storage } = this.#site;
    const run = store.run(store.project(entity, projectName, 'download'), runName, 'download');
    const found = run.uploaded.has(path) ? storage.objects.get(run.keyOf(path)) : undefined;
    if (!found) throw new Refusal(404, `file ${path} not found`);
    return bytesAnswer(found.bytes, undefined);
  }
}

/** @throws Refusal 401 */
function authenticate(authorization: string | undefined): void {
  const expected = `Basic ${Buffer.from(`api:${API_KEY}`).toString('base64')}`;
  if (authorization !== expected) throw new Refusal(401, 'user is not logged in');
}

function parsedBody(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new Refusal(400, `the body is no JSON: ${(error as Error).message}`);
  }
}

/** Undefined if the client went away. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}

function json(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body };
}

function refused({ status, message, headers }: Refusal): Answer {
  const answered = json(status, JSON.stringify({ errors: [{ message }], data: null }));
  return { ...answered, headers: { ...answered.headers, ...headers } };
}

function bytesAnswer(bytes: Buffer, range: string | undefined): Answer {
  const groups = /^bytes=(?<from>\d+)-(?<to>\d*)$/.exec(range ?? '')?.groups;
  if (!groups) return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: bytes };
  const from = Number(groups.from);
  const to = Math.min(groups.to ? Number(groups.to) : bytes.length - 1, bytes.length - 1);
  if (from > to) throw new Refusal(416, 'InvalidRange');
  return {
    status: 206,
    headers: { 'content-range': `bytes ${from}-${to}/${bytes.length}` },
    body: bytes.subarray(from, to + 1),
  };
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
