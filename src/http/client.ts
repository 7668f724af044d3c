// The one HTTP client: pooled connections, retries with a budget, rate limits that all callers heed, stalled bodies cut.

import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request as send } from 'undici';
import { ExporterError } from '../model/errors.ts';
import { type Logger, silentLogger } from '../model/logger.ts';
import { beginning, decoded, drop, messageText, STALL_WINDOW_MS } from './body.ts';
import { Semaphore, sleep, throwIfAborted } from './limits.ts';
import { Origins } from './origins.ts';
import { oneLine, redactUrl } from './redact.ts';
import { isWebAddress, locationOf, mayHaveCredentials, redirectTarget, withoutCredentials } from './redirect.ts';
import {
  isFinal,
  networkError,
  noAddress,
  offline,
  RetryableStatus,
  statusError,
  waitTooLong,
} from './request-errors.ts';
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
  /** Names of headers that, as `authorization`, never follow a redirect to another host. */
  credentials?: readonly string[];
  tls?: TlsOptions;
  logger?: Logger;
  signal?: AbortSignal;
  /**
   * Milliseconds that an answer asks to wait before the next try, for services with headers of their own.
   * @default what Retry-After says
   */
  retryAfter?: (status: number, headers: Record<string, string>) => number | undefined;
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
  /** False: one try only, and another one after a 429: by that the server says that it did nothing. */
  retry?: Partial<RetryPolicy> | false;
  /** It only reads, whatever its method: a redirect may lead it on. @default true for GET and HEAD */
  isRead?: boolean;
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

/** How long a host that doesn't answer may take to show that it is there. */
const PROBE_MS = 10_000;
/** Budgets of time that may go by in waits that the server asked for before another one is too much. */
const WAITING_BUDGETS = 5;
/** A try may take as long as all of them together, within these bounds. */
const TRY_MS = { least: 10_000, most: 60_000 };

/** Thrown by a consumer of a body: not the answer's fault, so don't try again. */
export class ConsumerError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** One try of a request. */
interface Try {
  /** Counted from 1. */
  number: number;
  /** The address it got to: redirects may have led elsewhere. */
  url: string;
}

export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #dispatcher: Dispatcher;
  readonly #places: Semaphore;
  readonly #policy: RetryPolicy;
  readonly #logger: Logger;
  readonly #origins: Origins;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#policy = { ...DEFAULT_RETRY, ...options.retry };
    this.#logger = options.logger ?? silentLogger;
    this.#places = new Semaphore(options.concurrency);
    this.#origins = new Origins(this.#logger);
    const tls = options.tls;
    const connect = tls && {
      ...(tls.insecure ? { rejectUnauthorized: false } : {}),
      ...(tls.ca ? { ca: tls.ca } : {}),
      ...(tls.cert ? { cert: tls.cert, key: tls.key ?? tls.cert } : {}),
    };
    const common = {
      connections: options.concurrency,
      ...(connect ? { connect, requestTls: connect } : {}),
    };
    const proxied = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => process.env[name]);
    this.#dispatcher = proxied ? new EnvHttpProxyAgent({ ...common, noProxy: withoutProxy() }) : new Agent(common);
  }

  /** Milliseconds for all tries of a request that doesn't say otherwise. */
  get budgetMs(): number {
    return this.#policy.budgetMs;
  }

  /**
   * Sends a request and reads the whole body. Answers with any status that is final, errors included; of the body of an
   * error only the beginning.
   * @throws ExporterError `network`, `offline` or `server` when the retries are used up, `bad_answer`, `interrupted`
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
    if (!isWebAddress(request.url)) throw noAddress(request.url);
    const policy = { ...this.#policy, ...(request.retry === false ? {} : request.retry) };
    const signal = request.signal ?? this.#options.signal;
    const shown = oneLine(`${request.method} ${redactUrl(request.url)}`);
    /** When the first try began, and where the budget begins; by performance.now(), as clocks may jump. */
    let began: number | undefined;
    let started = performance.now();
    let waited = 0;
    let failed = 0;
    for (let number = 1; ; number++) {
      started += await this.#origins.untilWelcome(request.url, signal);
      const attempt: Try = { number, url: request.url };
      let problem: ExporterError;
      let asked = 0;
      try {
        return await this.#places.use(() => {
          began ??= performance.now();
          return this.#once(request, attempt, request.retry === false ? undefined : policy.budgetMs, signal, consume);
        });
      } catch (error) {
        throwIfAborted(signal);
        if (error instanceof ConsumerError) throw error.cause;
        if (error instanceof RetryableStatus) {
          asked = error.retryAfter ?? 0;
          if (waited + asked > policy.maxRetryAfterMs) throw waitTooLong(shown, error, number);
          problem = statusError(shown, error, number);
        } else if (error instanceof ExporterError) {
          if (error.code !== 'bad_answer') throw error;
          problem = new ExporterError('bad_answer', oneLine(error.message), { cause: error, attempts: number });
        } else {
          problem = networkError(attempt.url, error, number);
        }
      }
      if ((request.retry === false && problem.status !== 429) || isFinal(problem)) throw problem;
      if (request.progressed?.()) {
        started = performance.now();
        failed = 0;
      }
      failed++;
      const pause = Math.max(asked, pauseMs(policy, failed));
      if (asked > 0) {
        // Time the server asked us to wait is not held against the budget, but has a limit of its own.
        waited += asked;
        started += asked;
        this.#origins.pause(attempt.url, asked);
      }
      // One long wait is patience; waits that only lead to the next are a service that never comes back.
      const waitsForEver = asked > 0 && waited - asked >= WAITING_BUDGETS * policy.budgetMs;
      const spent = waitsForEver || performance.now() - started + (asked > 0 ? 0 : pause) > policy.budgetMs;
      if (spent && failed >= policy.minTries) throw await this.#givenUp(request, attempt, began, problem, signal);
      this.#logger.debug(`${problem.message} Trying again in ${Math.round(pause)} ms.`);
      await sleep(pause, signal);
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  /** What to throw: a host that is gone is another problem than a request that failed. */
  async #givenUp(
    request: HttpRequest,
    { url, number }: Try,
    began: number | undefined,
    problem: ExporterError,
    signal: AbortSignal | undefined,
  ): Promise<ExporterError> {
    if (problem.code !== 'network') return problem;
    await this.#origins.givenUp(url, began ?? 0, () => this.#answers(url, signal));
    throwIfAborted(signal);
    return this.#origins.isGone(url) ? goneError(request, { url, number }, problem) : problem;
  }

  /** Whether a host answers a plain request, with whatever. */
  async #answers(url: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const { body } = await send(new URL(url).origin, {
        method: 'GET',
        dispatcher: this.#dispatcher,
        headers: { 'user-agent': this.#options.userAgent },
        headersTimeout: PROBE_MS,
        ...(signal ? { signal } : {}),
      });
      await drop(body);
      return true;
    } catch {
      return false;
    }
  }

  async #once<T>(
    request: HttpRequest,
    attempt: Try,
    budgetMs: number | undefined,
    signal: AbortSignal | undefined,
    consume: (response: StreamingResponse) => Promise<T>,
  ): Promise<T> {
    this.#throwIfGone(request, attempt);
    const body = typeof request.body === 'function' ? request.body() : request.body;
    const credentials = this.#options.credentials?.map((name) => name.toLowerCase());
    const tryMs = Math.max(TRY_MS.least, Math.min(TRY_MS.most, budgetMs ?? TRY_MS.most));
    const stallMs = Math.min(STALL_WINDOW_MS, tryMs);
    let headers: Record<string, string> = {
      'user-agent': this.#options.userAgent,
      'accept-encoding': request.compressed === false ? 'identity' : 'gzip',
      ...(typeof request.headers === 'function' ? request.headers() : request.headers),
    };
    for (let followed = 0; ; followed++) {
      const response = await send(attempt.url, {
        method: request.method,
        dispatcher: this.#dispatcher,
        headers,
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
        headersTimeout: request.timeoutMs ?? this.#options.timeoutMs ?? tryMs,
        bodyTimeout: stallMs,
      });
      const status = response.statusCode;
      this.#origins.answered(attempt.url);
      const told = flatten(response.headers);
      this.#options.onRequest?.(request.method, attempt.url, status);
      if (isRetryableStatus(status)) {
        const text = await messageText(response.body, told);
        const { retryAfter = (_, headers) => retryAfterMs(headers['retry-after']) } = this.#options;
        throw new RetryableStatus(status, retryAfter(status, told), text);
      }
      const location = locationOf(status, told);
      if (location !== undefined) {
        await drop(response.body);
        const streams = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
        const from = attempt.url;
        const { method, isRead = false } = request;
        attempt.url = redirectTarget({ method, isRead, status, from, location, streams, followed });
        if (!mayHaveCredentials(from, attempt.url)) headers = withoutCredentials(headers, credentials);
        this.#throwIfGone(request, attempt);
        continue;
      }
      try {
        const read = status >= 400 ? beginning(response.body, told) : decoded(response.body, told, stallMs);
        return await consume({ status, headers: told, body: read });
      } finally {
        // An answer that nobody reads on ends with its connection; that is no error of anybody's.
        if (!response.body.readableEnded) response.body.on('error', () => {}).destroy();
      }
    }
  }

  #throwIfGone(request: HttpRequest, attempt: Try): void {
    if (this.#origins.isGone(attempt.url)) throw goneError(request, attempt);
  }
}

/** A host that a redirect leads to may be gone without the server being so: that is a failure of the request alone. */
function goneError(request: HttpRequest, { url, number }: Try, cause?: unknown): ExporterError {
  const error = offline(url, number, cause);
  if (new URL(url).origin === new URL(request.url).origin) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new ExporterError('network', error.message, { ...hint, attempts: number, cause: error });
}

/** A proxy is never the way to this machine itself, whether NO_PROXY says so or not. */
function withoutProxy(): string {
  const named = process.env.no_proxy ?? process.env.NO_PROXY ?? '';
  return [named, 'localhost', '127.0.0.1', '[::1]', '::1'].filter((part) => part !== '').join(',');
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
