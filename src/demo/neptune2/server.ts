// The demo server of Neptune 2: its API over a data set in memory, on this machine.

import { type Answer, jsonAnswer } from '../answer.ts';
import { type Call, type DemoServer, type HttpOptions, type Service, startHttpServer } from '../http-server.ts';
import { Refusal } from '../refusal.ts';
import { refreshPathOf, Tokens } from '../tokens.ts';
import { Catalog2 } from './catalog.ts';
import type { DataSet2 } from './dataset.ts';
import { Arguments, DOCUMENTS, type DocumentName, type Features, type Operation, type Site } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { documentPath, swaggerDocument } from './swagger.ts';
import { ZipRequests } from './zip-requests.ts';

export interface Neptune2ServerOptions extends HttpOptions {
  data: DataSet2;
  /** How long access tokens are good, in seconds. @default 600 */
  tokenSeconds?: number;
  /** Every path is another than in the public documents; only the Swagger documents stay. @default false */
  movedPaths?: boolean;
  /** Most points of a page of a series. @default 1000 */
  maxSeriesPage?: number;
  /** A larger page is answered by 400. @default false: it is shortened */
  refuseLargePages?: boolean;
  /** Most attributes of a run in the table; the rest is left out there. @default 10000 */
  tableColumns?: number;
  /** Has `getMultipleFloatSeriesValuesProto`, as newer servers. @default false */
  bulk?: boolean;
  /**
   * Series as in newer documents: floats have `skipToStep` in place of `offset`, strings are cut to
   * `maxSingleValueLength` characters. @default false
   */
  skipToStep?: boolean;
  /** Has an artifacts service. @default true */
  artifacts?: boolean;
  /** Has `getChannelValues`, which tells steps, names and descriptions of images. @default true */
  channels?: boolean;
  /**
   * Host name that clients are sent to, e.g. `localhost`, other than the token's: by the token's address they get
   * nothing but the configuration. @default the token's
   */
  apiHost?: string;
  /** Time until the zip of a file set is ready, in ms. @default 0 */
  prepareDelay?: number;
  /** Downloads know Range. @default false */
  ranges?: boolean;
  /** Pages of series are made once and kept, so that it isn't the server that is measured. @default false */
  keepPages?: boolean;
}

/** Starts a server; it answers when this returns. @throws Error of node:net, e.g. if the port is taken */
export function startNeptune2DemoServer(options: Neptune2ServerOptions): Promise<DemoServer<DataSet2>> {
  return startHttpServer(options, (url) => new Neptune2(url, options));
}

/** What clients ask the token's address for. */
const FIRST_CONTACT = ['swagger backend', 'getClientConfig'];

class Neptune2 implements Service<DataSet2> {
  readonly token: string;
  readonly #tokens: Tokens;
  readonly #refreshPath: string;
  readonly #apiHost: string | undefined;
  readonly #operations: readonly Operation[];
  readonly #router: Router;
  #site: Site;

  constructor(url: string, options: Neptune2ServerOptions) {
    const address = addressOf(url, options.apiHost);
    const issuerPath = options.movedPaths ? '/keycloak/realms/lab' : '/auth/realms/neptune';
    this.#tokens = new Tokens({
      url,
      seconds: options.tokenSeconds ?? 600,
      issuer: `${address}${issuerPath}`,
      expiredError: 'AUTHORIZATION_TOKEN_EXPIRED',
    });
    this.token = this.#tokens.apiToken;
    this.#refreshPath = refreshPathOf(issuerPath);
    this.#apiHost = options.apiHost;
    const features: Features = {
      artifacts: options.artifacts ?? true,
      bulk: options.bulk ?? false,
      skipToStep: options.skipToStep ?? false,
      channels: options.channels ?? true,
    };
    const offered = OPERATIONS.filter(({ when }) => when?.(features) ?? true);
    this.#operations = options.movedPaths ? offered.map(moved) : offered;
    this.#router = new Router(this.#operations);
    this.#site = {
      ...servedData(options.data),
      tokens: this.#tokens,
      zips: new ZipRequests(options.prepareDelay ?? 0),
      address,
      features,
      limits: {
        seriesPage: options.maxSeriesPage ?? 1000,
        refuseLargePages: options.refuseLargePages ?? false,
        tableColumns: options.tableColumns ?? 10_000,
      },
      ranges: options.ranges ?? false,
      ...(options.keepPages ? { pages: new Map() } : {}),
      pathOf: (id) => this.#operations.find((one) => one.id === id)?.path ?? '',
    };
  }

  replaceData(data: DataSet2): void {
    this.#site = { ...this.#site, ...servedData(data) };
  }

  revokeTokens(refreshTokensToo: boolean): void {
    this.#tokens.revoke(refreshTokensToo);
  }

  operationOf(method: string, path: string): string | undefined {
    const document = documentOf(method, path);
    if (document) return `swagger ${document}`;
    if (method === 'POST' && path === this.#refreshPath) return 'refresh';
    return this.#router.find(method, path)?.operation.id;
  }

  /** @throws Refusal */
  answer(call: Call): Answer {
    const { method, headers, url, body } = call;
    const name = this.operationOf(method, url.pathname);
    const known = this.#isApiHost(headers.host) || FIRST_CONTACT.includes(name ?? '');
    if (name === undefined || !known)
      throw new Refusal(404, 'NOT_FOUND', `There is no ${method} ${url.pathname} at ${headers.host}.`);
    if (name === 'refresh') return this.#tokens.refresh(new URLSearchParams(body.toString()));
    const document = documentOf(method, url.pathname);
    if (document) return this.#document(document, headers.authorization);
    const { operation, inPath } = this.#router.find(method, url.pathname)!;
    if (!operation.open) this.#tokens.check(headers.authorization);
    return operation.handle(new Arguments(operation, call, inPath), this.#site);
  }

  #document(document: DocumentName, authorization: string | undefined): Answer {
    if (document !== 'backend') this.#tokens.check(authorization);
    const operations = this.#operations.filter((one) => one.document === document);
    if (operations.length === 0) throw new Refusal(404, 'NOT_FOUND', `There is no service ${document}.`);
    return jsonAnswer(swaggerDocument(document, operations));
  }

  #isApiHost(host: string | undefined): boolean {
    return this.#apiHost === undefined || host?.replace(/:\d+$/, '') === this.#apiHost;
  }
}

function servedData(data: DataSet2): Pick<Site, 'catalog' | 'bareNonFinite'> {
  return { catalog: new Catalog2(data), bareNonFinite: data.bareNonFinite ?? false };
}

function addressOf(url: string, host: string | undefined): string {
  const address = new URL(url);
  if (host !== undefined) address.hostname = host;
  return address.origin;
}

function documentOf(method: string, path: string): DocumentName | undefined {
  return method === 'GET' ? DOCUMENTS.find((document) => path === documentPath(document)) : undefined;
}

/** The operation at a path that no public document has. */
function moved(operation: Operation): Operation {
  const inPath = operation.parameters.filter((one) => one.in === 'path').map(({ name }) => `/{${name}}`);
  return { ...operation, path: `/api/${operation.document}/v9/moved/${operation.id}${inPath.join('')}` };
}

interface Found {
  operation: Operation;
  /** Parameters that stood in the path. */
  inPath: Record<string, string>;
}

/** Finds operations by method and path. */
class Router {
  readonly #plain: ReadonlyMap<string, Operation>;
  readonly #patterns: { operation: Operation; pattern: RegExp }[];

  constructor(operations: readonly Operation[]) {
    const isPattern = ({ path }: Operation) => path.includes('{');
    this.#plain = new Map(operations.filter((one) => !isPattern(one)).map((one) => [`${one.method} ${one.path}`, one]));
    this.#patterns = operations.filter(isPattern).map((operation) => ({
      operation,
      pattern: new RegExp(`^${operation.method} ${operation.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
    }));
  }

  find(method: string, path: string): Found | undefined {
    const name = `${method} ${path}`;
    const plain = this.#plain.get(name);
    if (plain) return { operation: plain, inPath: {} };
    for (const { operation, pattern } of this.#patterns) {
      const groups = pattern.exec(name)?.groups;
      if (groups) return { operation, inPath: decodedParts(groups) };
    }
    return undefined;
  }
}

/** What isn't percent-encoded well stays as it is; it names nothing. */
function decodedParts(groups: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(groups).map(([name, text]) => {
      try {
        return [name, decodeURIComponent(text)];
      } catch {
        return [name, text];
      }
    }),
  );
}
