// The one HTTP client: pooled connections, retries with a budget, rate limits that all callers heed, stalled bodies cut.

import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request as send } from 'undici';
import { ExporterError } from '../model/errors.ts';
import { type Logger, silentLogger } from '../model/logger.ts';
import { Semaphore, sleep, throwIfAborted } from './limits.ts';
import { redactUrl } from './redact.ts';
import { DEFAULT_RETRY, isRetryableStatus, pauseMs, type RetryPolicy, retryAfterMs } from './retry.ts';

export interface TlsOptions {
  /** Accept any certificate. */
  insecure?: boolean;
  /** PEM of certificate authorities. */
  ca?: string;
  /** PEM of the client's certificate and key. */
  cert?: string;
  key?: string;
}

export interface HttpClientOptions {
  userAgent: string;
  /** Requests in flight at once. */
  concurrency: number;
  retry?: Partial<RetryPolicy>;
  /** Milliseconds until the answer's headers must be there. */
  timeoutMs?: number;
  tls?: TlsOptions;
  logger?: Logger;
  signal?: AbortSignal;
  /** Told of every try, for progress and tests. */
  onRequest?: (method: string, url: string, status: number | undefined) => void;
}

export type RequestBody = string | Uint8Array | (() => string | Uint8Array | Readable);

export interface HttpRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  /** A function is called anew for each try. */
  headers?: Record<string, string> | (() => Record<string, string>);
  /** A function is called anew for each try: it may tell what is still missing, or open a stream. */
  body?: RequestBody;
  signal?: AbortSignal;
  /** False: one try only. */
  retry?: Partial<RetryPolicy> | false;
  /** Ask for a compressed answer; off for downloads, whose length is checked. */
  compressed?: boolean;
  /** Whether the last try, though it failed, got something done that stays done: then the budget starts anew. */
  progressed?: () => boolean;
  timeoutMs?: number;
}

export interface HttpResponse {
  status: number;
  /** Lower-case names; a header sent several times is joined by `, `. */
  headers: Record<string, string>;
  body: Buffer;
}

/** An answer whose body is still to come. */
export interface StreamingResponse {
  status: number;
  headers: Record<string, string>;
  body: AsyncIterable<Uint8Array>;
}

/** Thrown by a consumer of a body: not the answer's fault, so don't try again. */
export class ConsumerError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** A body slower than this over a whole window counts as stalled (as curl's --speed-limit). */
const STALL_WINDOW_MS = 30_000;
const STALL_BYTES = 1024;
const MAX_REDIRECTS = 5;
/** Requests given up in a row without any answer after which a host counts as gone, and for how long it isn't asked again. */
const OFFLINE_AFTER = 2;
const OFFLINE_MS = 60_000;

export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #dispatcher: Dispatcher;
  readonly #places: Semaphore;
  readonly #policy: RetryPolicy;
  readonly #logger: Logger;
  /** Until when an origin asked to be left alone (epoch ms). */
  readonly #pausedUntil = new Map<string, number>();
  /** Origins that have not answered since requests to them were given up. */
  readonly #silent = new Map<string, { times: number; until: number }>();

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#policy = { ...DEFAULT_RETRY, ...options.retry };
    this.#logger = options.logger ?? silentLogger;
    this.#places = new Semaphore(options.concurrency);
    const tls = options.tls;
    const connect = tls && {
      ...(tls.insecure ? { rejectUnauthorized: false } : {}),
      ...(tls.ca ? { ca: tls.ca } : {}),
      ...(tls.cert ? { cert: tls.cert, key: tls.key ?? tls.cert } : {}),
    };
    const common = {
      connections: options.concurrency,
      headersTimeout: options.timeoutMs ?? 60_000,
      bodyTimeout: STALL_WINDOW_MS,
      ...(connect ? { connect, requestTls: connect } : {}),
    };
    const proxied = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => process.env[name]);
    this.#dispatcher = proxied ? new EnvHttpProxyAgent({ ...common, noProxy: withoutProxy() }) : new Agent(common);
  }

  /**
   * Sends a request and reads the whole body. Answers with any status that is final, errors included.
   * @throws ExporterError `network` or `server` when the retries are used up, `interrupted`
   */
  async request(request: HttpRequest): Promise<HttpResponse> {
    return this.stream(request, async ({ status, headers, body }) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return { status, headers, body: Buffer.concat(chunks) };
    });
  }

  /**
   * Sends a request and hands the body over as it comes. If the body breaks, or `consume` throws an ExporterError
   * `bad_answer`, the request is tried again and `consume` called anew; a ConsumerError is thrown at once as its cause.
   * @throws ExporterError as `request`
   */
  async stream<T>(request: HttpRequest, consume: (response: StreamingResponse) => Promise<T>): Promise<T> {
    const policy = request.retry === false ? undefined : { ...this.#policy, ...request.retry };
    const signal = request.signal ?? this.#options.signal;
    const shown = `${request.method} ${redactUrl(request.url)}`;
    let started = Date.now();
    let waited = 0;
    let failed = 0;
    for (let attempt = 1; ; attempt++) {
      await this.#untilWelcome(request.url, signal);
      let problem: ExporterError;
      let asked: number | undefined;
      if (this.#isOffline(request.url)) throw offline(request.url, attempt);
      try {
        return await this.#places.use(() => this.#once(request, signal, consume));
      } catch (error) {
        throwIfAborted(signal);
        if (error instanceof ConsumerError) throw error.cause;
        if (error instanceof RetryableStatus) {
          asked = error.retryAfter;
          problem = statusError(shown, error, attempt);
        } else if (error instanceof ExporterError) {
          if (error.code !== 'bad_answer') throw error;
          problem = new ExporterError('bad_answer', error.message, { cause: error, attempts: attempt });
        } else {
          problem = networkError(request.url, error, attempt);
        }
      }
      if (!policy || isFinal(problem)) throw problem;
      if (request.progressed?.()) {
        started = Date.now();
        failed = 0;
      }
      failed++;
      const pause = Math.max(asked ?? 0, pauseMs(policy, failed));
      if (asked) {
        // Time the server asked us to wait is not held against the budget, but has a limit of its own.
        waited += asked;
        started += asked;
        this.#pause(request.url, asked);
      }
      const spent = Date.now() - started + (asked ? 0 : pause) > policy.budgetMs && failed >= policy.minTries;
      if (spent || waited > policy.maxRetryAfterMs) throw this.#givenUp(request.url, problem);
      this.#logger.debug(`${problem.message} Trying again in ${Math.round(pause)} ms.`);
      await sleep(pause, signal);
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  /** Waits while the origin of the address has asked all callers to wait. */
  async #untilWelcome(url: string, signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal);
    for (;;) {
      const until = this.#pausedUntil.get(originOf(url)) ?? 0;
      const left = until - Date.now();
      if (left <= 0) return;
      await sleep(left, signal);
    }
  }

  /** A host that answers anything at all is there. */
  #answered(url: string): void {
    this.#silent.delete(originOf(url));
  }

  /**
   * Counts requests that were given up because nobody answered. After the second in a row the host counts as gone for a
   * while: thousands of requests that each wait for their own budget would take days to say the same.
   */
  #givenUp(url: string, problem: ExporterError): ExporterError {
    if (problem.code !== 'network') return problem;
    const origin = originOf(url);
    const times = (this.#silent.get(origin)?.times ?? 0) + 1;
    this.#silent.set(origin, { times, until: Date.now() + OFFLINE_MS });
    return times >= OFFLINE_AFTER ? offline(url, problem.attempts ?? 1, problem) : problem;
  }

  #isOffline(url: string): boolean {
    const silent = this.#silent.get(originOf(url));
    return silent !== undefined && silent.times >= OFFLINE_AFTER && Date.now() < silent.until;
  }

  #pause(url: string, ms: number): void {
    const origin = originOf(url);
    this.#pausedUntil.set(origin, Math.max(this.#pausedUntil.get(origin) ?? 0, Date.now() + ms));
  }

  async #once<T>(
    request: HttpRequest,
    signal: AbortSignal | undefined,
    consume: (response: StreamingResponse) => Promise<T>,
  ): Promise<T> {
    let url = request.url;
    for (let redirects = 0; ; redirects++) {
      const body = typeof request.body === 'function' ? request.body() : request.body;
      const own = typeof request.headers === 'function' ? request.headers() : request.headers;
      const response = await send(url, {
        method: request.method,
        dispatcher: this.#dispatcher,
        headers: {
          'user-agent': this.#options.userAgent,
          ...(request.compressed === false ? { 'accept-encoding': 'identity' } : { 'accept-encoding': 'gzip' }),
          ...own,
        },
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
        ...(request.timeoutMs ? { headersTimeout: request.timeoutMs } : {}),
      });
      const status = response.statusCode;
      this.#answered(url);
      const headers = flatten(response.headers);
      this.#options.onRequest?.(request.method, url, status);
      if (isRetryableStatus(status)) {
        const text = await firstText(response.body);
        throw new RetryableStatus(status, retryAfterMs(headers['retry-after']), text);
      }
      const location = status >= 300 && status < 400 ? headers.location : undefined;
      if (location !== undefined) {
        await response.body.dump();
        url = redirectTarget(request.method, own, url, location, redirects);
        continue;
      }
      const encoded = headers['content-encoding'] === 'gzip';
      const plain = encoded ? response.body.pipe(createGunzip()) : response.body;
      // pipe() doesn't hand errors on: without this a cut compressed body would wait for ever.
      if (encoded) response.body.on('error', (error) => (plain as Readable).destroy(error));
      try {
        return await consume({ status, headers, body: guarded(plain as Readable) });
      } finally {
        // An answer that nobody reads on ends with its connection; that is no error of anybody's.
        if (!response.body.readableEnded) response.body.on('error', () => {}).destroy();
      }
    }
  }
}

class RetryableStatus extends Error {
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly text: string;

  constructor(status: number, retryAfter: number | undefined, text: string) {
    super(`HTTP ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
    this.text = text;
  }
}

/** Passes chunks on and gives up on a body that only drips. Time that the consumer takes doesn't count. */
async function* guarded(body: Readable): AsyncGenerator<Uint8Array> {
  let windowStart = Date.now();
  let inWindow = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const arrived = Date.now();
    inWindow += chunk.length;
    if (arrived - windowStart > STALL_WINDOW_MS) {
      if (inWindow < STALL_BYTES) throw new Error('the answer came too slowly');
      windowStart = arrived;
      inWindow = 0;
    }
    yield chunk;
    windowStart += Date.now() - arrived;
  }
}

/** A proxy is never the way to this machine itself, whether NO_PROXY says so or not. */
function withoutProxy(): string {
  const named = process.env.no_proxy ?? process.env.NO_PROXY ?? '';
  return [named, 'localhost', '127.0.0.1', '[::1]', '::1'].filter((part) => part !== '').join(',');
}

function originOf(url: string): string {
  return new URL(url).origin;
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

/** The beginning of an error's body, for its message; the rest is thrown away. */
async function firstText(body: Readable & { dump(): Promise<void> }): Promise<string> {
  try {
    let text = '';
    for await (const chunk of body as AsyncIterable<Buffer>) {
      text += chunk.toString('utf8');
      if (text.length > 2000) break;
    }
    return text;
  } catch {
    return '';
  }
}

/** Redirects are followed for reads; credentials never leave their host. */
function redirectTarget(
  method: string,
  headers: Record<string, string> | undefined,
  from: string,
  location: string,
  redirects: number,
): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : undefined;
  const authorized = Object.keys(headers ?? {}).some((name) => /^(authorization|x-neptune-api-token)$/i.test(name));
  const sameHost = target?.host === new URL(from).host;
  if (!target || redirects >= MAX_REDIRECTS || method !== 'GET' || (authorized && !sameHost)) {
    throw new ExporterError('server', `The server at ${originOf(from)} redirects to ${redactUrl(location)}.`, {
      hint: 'Use the address it redirects to, or check a proxy in between.',
    });
  }
  return target.href;
}

function statusError(shown: string, answer: RetryableStatus, attempts: number): ExporterError {
  const what = answer.status === 429 ? 'asks to slow down' : 'failed';
  return new ExporterError('server', `The server ${what} (HTTP ${answer.status}) at ${shown}.`, {
    status: answer.status,
    attempts,
    cause: answer,
  });
}

/** What no other try can mend. */
const CERTIFICATE_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function isFinal({ cause }: ExporterError): boolean {
  return CERTIFICATE_CODES.has((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

function certificateError(host: string, cause: Error, attempts: number): ExporterError {
  return new ExporterError('network', `The certificate of ${host} is not trusted: ${cause.message}.`, {
    hint: 'Name the authority that signed it in NODE_EXTRA_CA_CERTS (a PEM file).',
    cause,
    attempts,
  });
}

/** A host that has not answered for longer than the budget of several requests. */
function offline(url: string, attempts: number, cause?: unknown): ExporterError {
  return new ExporterError('offline', `${new URL(url).host} has not answered for some time.`, {
    hint: 'Check the network and the server, then start again: what is done stays done.',
    attempts,
    cause,
  });
}

function networkError(url: string, error: unknown, attempts: number): ExporterError {
  const cause = error instanceof Error ? error : new Error(String(error));
  const code = (cause as NodeJS.ErrnoException).code;
  const host = new URL(url).host;
  if (code !== undefined && CERTIFICATE_CODES.has(code)) return certificateError(host, cause, attempts);
  const reasons: Record<string, string> = {
    ENOTFOUND: `The name ${host} is not known.`,
    EAI_AGAIN: `The name ${host} can't be looked up.`,
    ECONNREFUSED: `Nothing answers at ${host}.`,
    UND_ERR_CONNECT_TIMEOUT: `${host} doesn't answer.`,
    UND_ERR_HEADERS_TIMEOUT: `${host} took the request but doesn't answer.`,
    UND_ERR_BODY_TIMEOUT: `${host} stopped in the middle of an answer.`,
    UND_ERR_SOCKET: `${host} cut the connection.`,
    ECONNRESET: `${host} cut the connection.`,
  };
  const message = (code && reasons[code]) || `The connection to ${host} failed: ${cause.message}.`;
  return new ExporterError('network', message, {
    hint: 'Check the address, the network and a proxy (HTTPS_PROXY); then start again: what is done stays done.',
    cause: error,
    attempts,
  });
}
