// The demo server: Neptune 3's API over a data set in memory, on this machine. For trying things, tests and benches.

import type { Answer } from './answer.ts';
import { queryValues } from './attribute-values.ts';
import { clientConfig, getProject, listProjects, swagger } from './backend.ts';
import { Catalog, type CatalogProject } from './catalog.ts';
import type { DataSet } from './dataset.ts';
import { queryDefinitions } from './definitions.ts';
import { queryFloatSeries } from './float-series.ts';
import { type Call, type DemoServer, type HttpOptions, jsonOf, type Service, startHttpServer } from './http-server.ts';
import { queryObjectSeries } from './object-series.ts';
import { badRequest, Refusal } from './refusal.ts';
import { searchEntries } from './search.ts';
import { fileFinder, STORAGE_PATH, Storage, type StorageProvider } from './storage.ts';
import { REFRESH_PATH, Tokens } from './tokens.ts';

export type { DemoServer, ServedRequest } from './http-server.ts';

export interface DemoServerOptions extends HttpOptions {
  data: DataSet;
  /** How long access tokens are good, in seconds. @default 600 */
  tokenSeconds?: number;
  /** How long signed URLs are good, in seconds. @default 600 */
  signedUrlSeconds?: number;
  /** @default gcp */
  provider?: StorageProvider;
}

/** Starts a server; it answers when this returns. @throws Error of node:net, e.g. if the port is taken */
export function startDemoServer(options: DemoServerOptions): Promise<DemoServer> {
  return startHttpServer(options, (url) => new Neptune3(url, options));
}

class Neptune3 implements Service<DataSet> {
  readonly token: string;
  readonly #url: string;
  readonly #tokens: Tokens;
  readonly #storage: Storage;
  #catalog: Catalog;
  #findFile: ReturnType<typeof fileFinder>;

  constructor(url: string, options: DemoServerOptions) {
    this.#url = url;
    this.#tokens = new Tokens({ url, seconds: options.tokenSeconds ?? 600 });
    this.token = this.#tokens.apiToken;
    this.#storage = new Storage(url, options.provider ?? 'gcp', options.signedUrlSeconds ?? 600);
    this.#catalog = new Catalog(options.data);
    this.#findFile = fileFinder(options.data);
  }

  replaceData(data: DataSet): void {
    this.#catalog = new Catalog(data);
    this.#findFile = fileFinder(data);
  }

  revokeTokens(refreshTokensToo: boolean): void {
    this.#tokens.revoke(refreshTokensToo);
  }

  operationOf(method: string, path: string): string | undefined {
    if (path.startsWith(STORAGE_PATH)) return `${method} ${STORAGE_PATH}`;
    const name = `${method} ${path}`;
    return name in this.#routes || name in this.#openRoutes ? name : undefined;
  }

  answer(call: Call): Answer {
    const path = call.url.pathname;
    if (path.startsWith(STORAGE_PATH) && call.method === 'GET')
      return this.#storage.get(call.url, call.headers, this.#findFile);
    const name = `${call.method} ${path}`;
    const open = this.#openRoutes[name];
    if (open) return open(call);
    const route = this.#routes[name];
    if (!route) throw new Refusal(404, 'NOT_FOUND', `There is no ${name}.`);
    this.#tokens.check(call.headers.authorization);
    return route(call);
  }

  /** Routes that need no access token. */
  readonly #openRoutes: Record<string, (call: Call) => Answer> = {
    'GET /api/backend/swagger.json': () => swagger(this.#url),
    'GET /api/backend/v1/clients/config': () => clientConfig(this.#url),
    'GET /api/backend/v1/authorization/oauth-token': ({ headers }) =>
      this.#tokens.exchange(headers['x-neptune-api-token'] as string | undefined),
    [`POST ${REFRESH_PATH}`]: ({ body }) => this.#tokens.refresh(new URLSearchParams(body.toString())),
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
}

function flagOf(url: URL, name: string, fallback: boolean): boolean {
  const value = url.searchParams.get(name);
  if (value === null) return fallback;
  if (value !== 'true' && value !== 'false') throw badRequest(`The query parameter ${name} must be true or false.`);
  return value === 'true';
}
