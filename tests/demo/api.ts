// Talks to a demo server as a careful client would, one request at a time.

import { attribute, type DataSet, type DemoAttribute } from '../../src/demo/dataset.ts';
import { type DemoServer, type DemoServerOptions, startDemoServer } from '../../src/demo/server.ts';
import { type Message, readMessage } from './protobuf-reader.ts';

export const SEARCH = '/api/leaderboard/v1/proto/leaderboard/entries/search/?type=run&projectIdentifier=ws/p';
export const DEFINITIONS = '/api/leaderboard/v1/leaderboard/attributes/definitions/query';
export const VALUES = '/api/leaderboard/v1/proto/leaderboard/attributes/query?projectIdentifier=ws/p';
export const FLOATS = '/api/leaderboard/v1/proto/attributes/series/float';
export const OBJECTS = '/api/leaderboard/v1/proto/attributes/series?useDeprecatedStringFields=false';
export const SIGN = '/api/storagebridge/v1/signedUrl';
export const EXCHANGE = '/api/backend/v1/authorization/oauth-token';

export interface Reply {
  status: number;
  headers: Headers;
  body: Buffer;
}

export class Api {
  readonly server: DemoServer;
  accessToken = '';
  refreshToken = '';

  constructor(server: DemoServer) {
    this.server = server;
  }

  async login(): Promise<void> {
    const { body } = await this.get(EXCHANGE, { 'x-neptune-api-token': this.server.token });
    const answer = JSON.parse(body.toString()) as { accessToken: string; refreshToken: string };
    this.accessToken = answer.accessToken;
    this.refreshToken = answer.refreshToken;
  }

  /** @param path of the server, or a whole URL */
  async get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return reply(await fetch(new URL(path, this.server.url), { headers, redirect: 'manual' }));
  }

  authorized(path: string): Promise<Reply> {
    return this.get(path, { authorization: `Bearer ${this.accessToken}` });
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const authorization = `Bearer ${this.accessToken}`;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const type = { 'content-type': 'application/json' };
    const url = new URL(path, this.server.url);
    return reply(await fetch(url, { method: 'POST', body: text, headers: { ...type, authorization, ...headers } }));
  }

  /** @throws Error if the status is not 200 */
  async message(path: string, body: unknown): Promise<Message> {
    return readMessage((await this.#good(path, body)).body);
  }

  /** @throws Error if the status is not 200 */
  async json<T>(path: string, body: unknown): Promise<T> {
    return JSON.parse((await this.#good(path, body)).body.toString()) as T;
  }

  async #good(path: string, body: unknown): Promise<Reply> {
    const answer = await this.post(path, body);
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.body}`);
    return answer;
  }
}

async function reply(response: Response): Promise<Reply> {
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

/** Runs a server as long as `use` needs it; the client has logged in. */
export async function withServer(options: DemoServerOptions, use: (api: Api) => Promise<void>): Promise<void> {
  const server = await startDemoServer(options);
  try {
    const api = new Api(server);
    await api.login();
    await use(api);
  } finally {
    await server.close();
  }
}

/** A project `ws/p` with runs `P-1`, `P-2`, …, whose run ids are `run-1`, `run-2`, …, with these attributes. */
export function projectOf(...runs: Record<string, DemoAttribute>[]): DataSet {
  return {
    projects: [
      {
        path: 'ws/p',
        key: 'P',
        runs: runs.map((attributes, index) => ({
          attributes: new Map([
            ['sys/id', attribute.string(`P-${index + 1}`)],
            ['sys/custom_run_id', attribute.string(`run-${index + 1}`)],
            ...Object.entries(attributes),
          ]),
        })),
      },
    ],
  };
}

/** One of the `requests` of a series request. */
export function seriesRequest(name: string, holder = 'ws/p/P-1', more: object = {}) {
  return {
    requestId: `${holder}:${name}`,
    series: { holder: { identifier: holder, type: 'experiment' }, attribute: name, ...more },
  };
}
