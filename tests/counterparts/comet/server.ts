// A Comet server for tests: strict, in memory, as the official SDK knows it. See README.md.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Fault, Faults } from '../wandb/faults.ts';
import { type Answer, Call, type Handler, json } from './call.ts';
import { CLIENT_CALLS } from './client-calls.ts';
import { type HeldExperiment, heldExperiment } from './held.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { RateLimit } from './rate-limit.ts';
import { Refusal, SdkError } from './refusal.ts';
import { REST_READS } from './rest-reads.ts';
import { markNotThrottled, REST_WRITES } from './rest-writes.ts';
import { type Feature, olderServer, type Site } from './site.ts';
import { getFromStorage } from './storage.ts';
import { Store } from './store.ts';

export interface CometServerOptions {
  /** @default 0, a free one */
  port?: number;
  /** `operation` is as in the requests, e.g. `POST batch/metric`. */
  faults?: readonly Fault[];
  limits?: Partial<Limits>;
  /** What an older server lacks. One that lacks a call lacks all that came later, and tells its version. @default nothing */
  without?: readonly Feature[];
  /** The only key that it takes. @default a key like those of Comet */
  apiKey?: string;
  /** The default one of the key first. @default emulated-team, other-team */
  workspaces?: readonly string[];
  /** Assets are downloaded from storage on another host, unless `allow301=false`. @default false */
  redirectAssets?: boolean;
  /** What becomes of a second asset of the same name that doesn't overwrite. @default kept, too */
  sameName?: Site['sameName'];
  /** Told of each refusal. */
  onRefusal?(refusal: CometRefusal): void;
}

export interface CometRefusal {
  operation: string;
  status: number;
  code: number;
  message: string;
}

export interface CometServer {
  /** The root; `${url}/clientlib/` is for COMET_URL_OVERRIDE. */
  url: string;
  /** For COMET_API_KEY. */
  apiKey: string;
  /** The default one of the key. */
  workspace: string;
  /** Each request: `POST logger/add/run 200`, `POST batch/metric 200`, `GET experiment/metadata 404`, `GET storage 200`. */
  requests: readonly string[];
  /** The experiment with this key. @throws Error if there is none */
  experiment(key: string): HeldExperiment;
  /** All experiments, archived ones too, or those of a project of any workspace. */
  experiments(project?: string): HeldExperiment[];
  replaceFaults(faults: readonly Fault[]): void;
  close(): Promise<void>;
}

const API_KEY = 'emulatedKey0123456789abcd';
const USER = 'emulated-user';

/** Starts a server; it answers when this returns. @throws Error of node:net, e.g. if the port is taken */
export async function startCometServer(options: CometServerOptions = {}): Promise<CometServer> {
  const server = createServer((request, response) => void front.serve(request, response));
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  limits.assets = { ...DEFAULT_LIMITS.assets, ...options.limits?.assets };
  const workspaces = options.workspaces ?? ['emulated-team', 'other-team'];
  const { apiKey = API_KEY } = options;
  const store = new Store(workspaces, limits);
  const site: Site = {
    ...{ url, store, limits },
    apiKey,
    user: USER,
    ...olderServer(options.without ?? []),
    redirectAssets: options.redirectAssets ?? false,
    sameName: options.sameName ?? 'kept',
  };
  const front = new Front(site, options);
  return {
    url,
    apiKey,
    workspace: workspaces[0]!,
    requests: front.requests,
    experiment: (key) => {
      const found = store.experiments.get(key);
      if (!found) throw new Error(`There is no experiment ${key}.`);
      return heldExperiment(found);
    },
    experiments: (project) =>
      [...store.experiments.values()]
        .filter((experiment) => project === undefined || experiment.project.name === project)
        .map(heldExperiment),
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

/** Calls that older servers lack. */
const CALLS_OF_FEATURES: Partial<Record<Feature, string>> = {
  'tags/delete': 'POST write/experiment/tags/delete',
  'metrics/get-all': 'GET experiment/metrics/get-all',
  'parameter/delete': 'POST write/experiment/parameter/delete',
  'asset/get-by-name': 'GET experiment/asset/get-by-name',
};

const REST_CALLS: Record<string, Handler> = { ...REST_READS, ...REST_WRITES };

/** A request that was read far enough to have a name. */
interface Work {
  operation: string;
  /** Does it. @throws Refusal */
  perform(): Answer;
}

class Front {
  readonly requests: string[] = [];
  faults: Faults;
  readonly #site: Site;
  readonly #onRefusal: CometServerOptions['onRefusal'];
  readonly #restRate: RateLimit;
  readonly #lacking: ReadonlySet<string | undefined>;

  constructor(site: Site, options: CometServerOptions) {
    this.#site = site;
    this.#onRefusal = options.onRefusal;
    this.faults = new Faults(options.faults ?? []);
    this.#restRate = new RateLimit(site.limits.restPerHour, site.limits.minuteSeconds * 60);
    this.#lacking = new Set([...site.lacks].map((feature) => CALLS_OF_FEATURES[feature]));
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let operation = `${request.method} ${request.url?.split('?')[0]}`;
    try {
      const bytes = await readBytes(request);
      if (bytes === undefined) return;
      const work = this.#workOf(request, bytes);
      operation = work.operation;
      const fault = this.faults.next(operation);
      if (fault?.kind === 'cut') {
        response.destroy();
        return;
      }
      if (fault?.kind === 'slow') await wait(fault.ms ?? 1000);
      if (fault?.kind === 'status')
        throw new Refusal(fault.status ?? 500, `a fault of ${operation}`, SdkError.none, fault.headers ?? {});
      const answer = work.perform();
      this.requests.push(`${operation} ${answer.status}`);
      if (fault?.kind === 'lost') response.destroy();
      else send(response, answer);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, (error as Error).stack ?? String(error));
      const { status, code, message, body, headers } = refusal;
      this.requests.push(`${operation} ${status}`);
      this.#onRefusal?.({ operation, status, code, message });
      send(response, { status, headers: { 'content-type': 'application/json', ...headers }, body });
    }
  }

  /** @throws Refusal */
  #workOf(request: IncomingMessage, bytes: Buffer): Work {
    const method = request.method ?? '';
    const url = new URL(request.url ?? '', this.#site.url);
    const { pathname: path, searchParams: search } = url;
    if (path.startsWith('/storage/'))
      return { operation: `${method} storage`, perform: () => getFromStorage(request, url, this.#site) };
    if (method === 'GET' && path === '/clientlib/isAlive/ver')
      return { operation: 'GET isAlive/ver', perform: () => json({ version: this.#site.version, msg: 'Healthy' }) };
    const { headers } = request;
    const isRest = /^\/(?:api|clientlib)\/rest\/v2\//.test(path);
    const below = path.replace(/^\/(?:(?:api|clientlib)\/rest\/v2|clientlib)\//, '');
    const call = `${method} ${below}`;
    const operation = call.replace('batch/logger/experiment/', 'batch/');
    const handler = isRest || path.startsWith('/clientlib/') ? this.#handlerOf(call, isRest) : undefined;
    const perform = () => {
      this.#authenticate(request, isRest);
      if (!handler) throw new Refusal(404, `There is no ${method} ${path} here`);
      if (isRest && below.startsWith('write/')) this.#restRate.take(1);
      return handler(new Call({ isRest, search, headers, bytes, site: this.#site }));
    };
    return { operation, perform };
  }

  #handlerOf(call: string, isRest: boolean): Handler | undefined {
    if (!isRest) return CLIENT_CALLS[call];
    if (this.#lacking.has(call)) return undefined;
    const key = /^POST write\/experiment\/([^/]+)\/mark-not-throttled$/.exec(call)?.[1];
    if (key === undefined) return REST_CALLS[call];
    return this.#site.lacks.has('mark-not-throttled') ? undefined : (made) => markNotThrottled(made, key);
  }

  /** The key alone, without `Bearer`; the Java SDK has a header of its own. @throws Refusal */
  #authenticate({ headers }: IncomingMessage, isRest: boolean): void {
    if ((headers.authorization ?? headers['comet-sdk-api']) === this.#site.apiKey) return;
    throw new Refusal(isRest ? 401 : 400, 'API key is not registered', SdkError.unknownKey);
  }
}

/** Undefined if the client went away. */
async function readBytes(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  } catch {
    return undefined;
  }
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
