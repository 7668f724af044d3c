// Talks to a Neptune 2 demo server: operations by their id, at the places that its documents tell.

import type { DemoServer } from '../../src/demo/http-server.ts';
import { attribute2, type DataSet2, type DemoAttribute2, type DemoContainer } from '../../src/demo/neptune2/dataset.ts';
import { type Neptune2ServerOptions, startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';

export interface Reply2 {
  status: number;
  headers: Headers;
  body: Buffer;
}

export interface Ask {
  /** Sent as JSON, unless it is a text. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Leave the bearer token out. */
  anonymous?: boolean;
}

interface Place {
  method: string;
  path: string;
}

type Query = Record<string, string | number | boolean | string[]>;

export class Api2 {
  readonly server: DemoServer<DataSet2>;
  accessToken = '';
  refreshToken = '';
  readonly #places = new Map<string, Place>();

  constructor(server: DemoServer<DataSet2>) {
    this.server = server;
  }

  /** Exchanges the token and reads the documents. */
  async login(): Promise<void> {
    await this.#readDocument('backend');
    const headers = { 'x-neptune-api-token': this.server.token };
    const tokens = await this.json<{ accessToken: string; refreshToken: string }>('exchangeApiToken', {}, { headers });
    this.accessToken = tokens.accessToken;
    this.refreshToken = tokens.refreshToken;
    await this.#readDocument('leaderboard');
    await this.#readDocument('artifacts');
  }

  get operations(): string[] {
    return [...this.#places.keys()];
  }

  async ask(id: string, query: Query = {}, options: Ask = {}): Promise<Reply2> {
    const place = this.#places.get(id);
    if (!place) throw new Error(`the documents don't name ${id}`);
    const url = new URL(
      place.path.replace(/\{(\w+)\}/g, (_, name) => String(query[name])),
      this.server.url,
    );
    for (const [name, value] of Object.entries(query)) {
      if (place.path.includes(`{${name}}`)) continue;
      for (const item of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(item));
    }
    return this.fetch(url.href, { ...options, method: place.method });
  }

  async fetch(url: string, { body, headers, anonymous, method = 'GET' }: Ask & { method?: string } = {}) {
    const response = await fetch(new URL(url, this.server.url), {
      method,
      headers: {
        ...(anonymous ? {} : { authorization: `Bearer ${this.accessToken}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
  }

  /** @throws Error if the status is not 200 */
  async json<T>(id: string, query: Query = {}, options: Ask = {}): Promise<T> {
    const reply = await this.ask(id, query, options);
    if (reply.status !== 200) throw new Error(`${id}: HTTP ${reply.status}: ${reply.body}`);
    return JSON.parse(reply.body.toString()) as T;
  }

  async #readDocument(name: string): Promise<void> {
    const reply = await this.fetch(`/api/${name}/swagger.json`);
    if (reply.status !== 200) return;
    const { paths } = JSON.parse(reply.body.toString()) as {
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { operationId }] of Object.entries(methods))
        this.#places.set(operationId, { method: method.toUpperCase(), path });
    }
  }
}

/** Runs a server as long as `use` needs it; the client has logged in. */
export async function withServer2(options: Neptune2ServerOptions, use: (api: Api2) => Promise<void>): Promise<void> {
  const server = await startNeptune2DemoServer(options);
  try {
    const api = new Api2(server);
    await api.login();
    await use(api);
  } finally {
    await server.close();
  }
}

/** A project `ws/p` with runs `P-1`, `P-2`, … that have these attributes. */
export function projectOf2(...runs: Record<string, DemoAttribute2>[]): DataSet2 {
  return { projects: [{ path: 'ws/p', key: 'P', runs: runs.map((one, index) => runOf2(`P-${index + 1}`, one)) }] };
}

export function runOf2(id: string, attributes: Record<string, DemoAttribute2>): DemoContainer {
  const own: [string, DemoAttribute2][] = [
    ['sys/id', attribute2.string(id)],
    ['sys/trashed', attribute2.bool(false)],
  ];
  return { attributes: new Map([...own, ...Object.entries(attributes)]) };
}
