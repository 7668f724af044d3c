// The HTTP part that all demo servers share: takes requests, lets faults happen, sends answers and counts them.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, errorAnswer } from './answer.ts';
import type { DataSet } from './dataset.ts';
import { type Delivery, deliver, type FaultRule, Faults, firstBytes } from './faults.ts';
import { badRequest, Refusal } from './refusal.ts';

const MAX_BODY = 32 << 20;

export interface HttpOptions {
  /** @default 0, a free one */
  port?: number;
  /** @default 127.0.0.1 */
  host?: string;
  faults?: FaultRule[];
  /** Told of each request just before its answer is sent. */
  onRequest?(request: ServedRequest): void;
}

export interface ServedRequest {
  method: string;
  /** Path of the URL, without its query. */
  path: string;
  /** What the server knows the request as, as in `DemoServer.counts`; absent if it knows no such request. */
  operation?: string;
  status: number;
}

export interface DemoServer<Data = DataSet> {
  url: string;
  /** For NEPTUNE_API_TOKEN. */
  token: string;
  /**
   * Number of requests by operation and status. Neptune 3: method and route, `GET /storage/ 200`. Neptune 2: the
   * operation's id, `getExperimentAttributes 200`.
   */
  counts: ReadonlyMap<string, number>;
  /** From now on other data is served, under the same address and tokens. */
  replaceData(data: Data): void;
  replaceFaults(rules: FaultRule[]): void;
  /** Ends all access tokens given out so far, and the refresh tokens, too, if told so. */
  revokeTokens(refreshTokensToo?: boolean): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** What a handler gets of a request. */
export interface Call {
  method: string;
  url: URL;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** What makes a server a Neptune. */
export interface Service<Data> {
  token: string;
  /** Name of the operation that a request asks for, undefined if there is none. One of a limited number of names. */
  operationOf(method: string, path: string): string | undefined;
  /** @throws Refusal */
  answer(call: Call): Answer;
  replaceData(data: Data): void;
  revokeTokens(refreshTokensToo: boolean): void;
}

/**
 * Starts a server; it answers when this returns.
 * @param makeService gets the server's address
 * @throws Error of node:net, e.g. if the port is taken
 */
export async function startHttpServer<Data>(
  options: HttpOptions,
  makeService: (url: string) => Service<Data>,
): Promise<DemoServer<Data>> {
  const host = options.host ?? '127.0.0.1';
  const server = createServer((request, response) => void front.serve(request, response));
  // Longer than clients keep connections, so that none is closed while it is taken up again.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  const service = makeService(url);
  const front = new Front(url, service, options);
  return {
    url,
    token: service.token,
    counts: front.counts,
    replaceData: (data) => service.replaceData(data),
    replaceFaults: (rules) => {
      front.faults = new Faults(rules);
    },
    revokeTokens: (refreshTokensToo = false) => service.revokeTokens(refreshTokensToo),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

class Front<Data> {
  readonly counts = new Map<string, number>();
  faults: Faults;
  readonly #url: string;
  readonly #service: Service<Data>;
  readonly #onRequest: HttpOptions['onRequest'];

  constructor(url: string, service: Service<Data>, options: HttpOptions) {
    this.#url = url;
    this.#service = service;
    this.#onRequest = options.onRequest;
    this.faults = new Faults(options.faults ?? []);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? '';
    // A target like `//` is no path of a URL; it gets the answer of an unknown one.
    const url = URL.parse(request.url ?? '', this.#url) ?? new URL(this.#url);
    const operation = this.#service.operationOf(method, url.pathname);
    let delivery: Delivery;
    try {
      const fault = this.faults.next(url.pathname, operation);
      const body = await readBody(request);
      if (fault?.kind === 'latency') await wait(fault.ms);
      if (fault?.kind === 'revokeTokens') this.#service.revokeTokens(fault.refreshTokensToo ?? false);
      delivery = deliver(this.#service.answer({ method, url, headers: request.headers, body }), fault);
    } catch (error) {
      delivery = { answer: answerOf(error) };
    }
    const { status } = delivery.answer;
    const key = `${operation ?? 'unknown'} ${status}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    this.#onRequest?.({ method, path: url.pathname, status, ...(operation === undefined ? {} : { operation }) });
    // Nothing more can be told to the client when this fails.
    await send(response, delivery).catch(() => response.destroy());
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

/** The JSON body of a request. @throws Refusal 400, 415 */
export function jsonOf({ headers, body }: Call): unknown {
  if (!/^application\/json\b/.test(headers['content-type'] ?? ''))
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw badRequest(`The body is no JSON: ${(error as Error).message}`);
  }
}

function answerOf(error: unknown): Answer {
  if (error instanceof Refusal) return errorAnswer(error.status, error.errorType, error.message, error.title);
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
