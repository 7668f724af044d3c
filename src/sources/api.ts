// Calls of a Neptune API: bearer token, repetition after a refused token, errors in words.

import { ConsumerError, type HttpClient, type HttpResponse, type StreamingResponse } from '../http/client.ts';
import { decodeGathered } from '../http/gathered-body.ts';
import { ExporterError } from '../model/errors.ts';
import { type Logger, silentLogger } from '../model/logger.ts';
import type { Authenticator } from './auth.ts';
import { asObject, parseJson } from './json.ts';

export interface ApiCall {
  /** Path below the server's address, with its query; or a whole address. */
  path: string;
  /** @default POST with a body, GET without */
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  /** JSON body; a function is called anew for each try. Absent: a GET. */
  body?: string | (() => string);
  signal?: AbortSignal;
  /** As in HttpRequest. */
  progressed?: () => boolean;
  /** Bytes of the body that `call` takes; more is an AnswerTooLarge. */
  maxBytes?: number;
  /** Milliseconds for all tries, where it differs from the client's. */
  budgetMs?: number;
}

/** New tokens that one request may take before a 401 counts as final. */
const MAX_RENEWALS = 3;

/** Tells whether the server takes a token elsewhere: then one that is refused here says something of this request only. */
export type TokenCheck = (bearer: string) => Promise<boolean>;

export interface ApiOptions {
  /** Base address, without a slash at its end. */
  address: string;
  http: HttpClient;
  auth: Authenticator;
  /** As shown to users. */
  neptune: 'Neptune 3' | 'Neptune 2';
  logger?: Logger;
}

/** An answer has more bytes than the call allows. */
export class AnswerTooLarge extends ExporterError {
  constructor(path: string) {
    super('unsupported', `An answer of ${path.split('?')[0]} is too large to be taken at once.`);
  }
}

/** Neither what was asked for nor a refusal: something on the way made it up, and the next try may come through. */
function isNoAnswer(status: number): boolean {
  return status < 300 || status === 304;
}

function noAnswer(path: string, status: number): ExporterError {
  const text = `The server answers ${path.split('?')[0]} with HTTP ${status}, which is no answer to it.`;
  return new ExporterError('bad_answer', text, { status });
}

export class Api {
  readonly address: string;
  readonly http: HttpClient;
  readonly #auth: Authenticator;
  readonly #neptune: ApiOptions['neptune'];
  readonly #logger: Logger;
  /** Set where one request may be refused though the token is good. */
  checkToken: TokenCheck | undefined;
  /** What the server wants users to read; told once. */
  readonly #told = new Set<string>();

  constructor({ address, http, auth, neptune, logger = silentLogger }: ApiOptions) {
    this.address = address;
    this.http = http;
    this.#auth = auth;
    this.#neptune = neptune;
    this.#logger = logger;
  }

  /** A bearer token; with one that was refused, another. @throws ExporterError `token_refused` */
  bearer(refused?: string): Promise<string> {
    return this.#auth.bearer(refused);
  }

  /**
   * The whole body of a successful answer, read by `decode`, which must not keep its bytes: they are overwritten after
   * it. A decoder's `bad_answer` leads to another try.
   */
  async call<T>(call: ApiCall, decode: (body: Buffer) => T): Promise<T> {
    const maxBytes = call.maxBytes ?? Number.POSITIVE_INFINITY;
    const tooLarge = () => new ConsumerError(new AnswerTooLarge(call.path));
    return this.stream(call, ({ body }) => decodeGathered(body, decode, { maxBytes, tooLarge }));
  }

  async json(call: ApiCall): Promise<Record<string, unknown>> {
    return this.call(call, (body) => asObject(parseJson(body)));
  }

  /**
   * Hands the body of a successful answer over as it comes (see HttpClient.stream).
   * @throws ExporterError `token_refused`, `access_denied`, `wrong_server`, `server`, `network`, `bad_answer`
   */
  async stream<T>(call: ApiCall, consume: (response: StreamingResponse) => Promise<T>): Promise<T> {
    let refused: string | undefined;
    for (let again = 0; ; again++) {
      const bearer = await this.#auth.bearer(refused);
      const outcome = await this.http.stream(
        {
          method: call.method ?? (call.body === undefined ? 'GET' : 'POST'),
          url: /^https?:/.test(call.path) ? call.path : this.address + call.path,
          headers: {
            authorization: `Bearer ${bearer}`,
            accept: 'application/x-protobuf, application/json',
            ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
            ...call.headers,
          },
          ...(call.body === undefined ? {} : { body: call.body }),
          isRead: true,
          ...(call.signal ? { signal: call.signal } : {}),
          ...(call.progressed ? { progressed: call.progressed } : {}),
          ...(call.budgetMs === undefined ? {} : { retry: { budgetMs: Math.min(call.budgetMs, this.http.budgetMs) } }),
        },
        async (response): Promise<{ value: T } | { refused: HttpResponse }> => {
          this.#tellMessages(response.headers);
          if (response.status === 200) return { value: await consume(response) };
          if (isNoAnswer(response.status)) throw noAnswer(call.path, response.status);
          const chunks: Uint8Array[] = [];
          for await (const chunk of response.body) chunks.push(chunk);
          return { refused: { status: response.status, headers: response.headers, body: Buffer.concat(chunks) } };
        },
      );
      if ('value' in outcome) return outcome.value;
      // A token may be dropped before its time, also the next one while other requests renew it: fetch a new one.
      if (outcome.refused.status === 401 && again < MAX_RENEWALS) refused = bearer;
      else throw await this.#refusal(call, outcome.refused, bearer);
    }
  }

  /** A server may send words for its users in headers. */
  #tellMessages(headers: Record<string, string>): void {
    for (const name of ['x-server-info', 'x-server-warning', 'x-server-error']) {
      const text = headers[name]?.slice(0, 500);
      if (!text || this.#told.has(text) || this.#told.size > 20) continue;
      this.#told.add(text);
      this.#logger.warn(`The server says: ${text}`);
    }
  }

  async #refusal(call: ApiCall, { status, body }: HttpResponse, bearer: string): Promise<ExporterError> {
    let errorType = '';
    let message = '';
    try {
      const answer = asObject(parseJson(body));
      errorType = typeof answer.errorType === 'string' ? answer.errorType : '';
      message = typeof answer.message === 'string' ? answer.message.slice(0, 300) : '';
    } catch {
      // An empty body or a page of a proxy: the status must do.
    }
    const [path = ''] = call.path.replace(/^https?:\/\/[^/]+/, '').split('?');
    if (status === 401 && (await this.checkToken?.(bearer))) {
      return new ExporterError(
        'server',
        `The server refuses ${path} to the token that it takes elsewhere (HTTP 401).`,
        {
          status,
        },
      );
    }
    if (status === 401) {
      return new ExporterError('token_refused', `The server ${this.address} refuses the token (HTTP 401).`, {
        hint: 'Create a new API token in Neptune.',
        status,
      });
    }
    if (status === 403 || errorType === 'ACCESS_DENIED') {
      return new ExporterError(
        'access_denied',
        `Access denied${message && `: ${message}`} (HTTP ${status}, ${path}).`,
        {
          hint: 'Check the name of the project, and that the owner of the token may read it.',
          status,
        },
      );
    }
    if (status === 404 && this.#neptune === 'Neptune 2') {
      const what = message ? `: ${message}` : '.';
      return new ExporterError('not_found', `The server does not have what ${path} was asked for${what}`, { status });
    }
    if (status === 404) {
      return new ExporterError(
        'wrong_server',
        `The server ${this.address} has no ${path}: it does not speak ${this.#neptune}.`,
        {
          hint: 'For a Neptune 2.x server use --exporter neptune2; otherwise check the address in the API token.',
          status,
        },
      );
    }
    const words = message || errorType || 'no reason given';
    return new ExporterError('server', `The server refuses ${path}: ${words} (HTTP ${status}).`, { status });
  }
}
