// Calls of Neptune 3's API: bearer token, repetition after a refused token, errors in words.

import { ConsumerError, type HttpClient, type HttpResponse, type StreamingResponse } from '../../http/client.ts';
import { ExporterError } from '../../model/errors.ts';
import type { Authenticator } from '../auth.ts';
import { asObject, parseJson } from '../json.ts';

export interface ApiCall {
  /** Path below the server's address, with its query. */
  path: string;
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

/** An answer has more bytes than the call allows. */
export class AnswerTooLarge extends ExporterError {
  constructor(path: string) {
    super('unsupported', `An answer of ${path.split('?')[0]} is too large to be taken at once.`);
  }
}

export class Neptune3Api {
  readonly address: string;
  readonly http: HttpClient;
  readonly #auth: Authenticator;

  constructor(address: string, http: HttpClient, auth: Authenticator) {
    this.address = address;
    this.http = http;
    this.#auth = auth;
  }

  /** The whole body of a successful answer, read by `decode`; a decoder's `bad_answer` leads to another try. */
  async call<T>(call: ApiCall, decode: (body: Buffer) => T): Promise<T> {
    return this.stream(call, async (response) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of response.body) {
        bytes += chunk.length;
        if (bytes > (call.maxBytes ?? Number.POSITIVE_INFINITY)) throw new ConsumerError(new AnswerTooLarge(call.path));
        chunks.push(chunk);
      }
      return decode(Buffer.concat(chunks));
    });
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
          method: call.body === undefined ? 'GET' : 'POST',
          url: this.address + call.path,
          headers: {
            authorization: `Bearer ${bearer}`,
            accept: 'application/x-protobuf, application/json',
            ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(call.body === undefined ? {} : { body: call.body }),
          ...(call.signal ? { signal: call.signal } : {}),
          ...(call.progressed ? { progressed: call.progressed } : {}),
          ...(call.budgetMs === undefined ? {} : { retry: { budgetMs: call.budgetMs } }),
        },
        async (response): Promise<{ value: T } | { refused: HttpResponse }> => {
          if (response.status === 200) return { value: await consume(response) };
          const chunks: Uint8Array[] = [];
          for await (const chunk of response.body) chunks.push(chunk);
          return { refused: { status: response.status, headers: response.headers, body: Buffer.concat(chunks) } };
        },
      );
      if ('value' in outcome) return outcome.value;
      // A token may be dropped before its time, also the next one while other requests renew it: fetch a new one.
      if (outcome.refused.status === 401 && again < MAX_RENEWALS) refused = bearer;
      else throw this.#refusal(call, outcome.refused);
    }
  }

  #refusal(call: ApiCall, { status, body }: HttpResponse): ExporterError {
    let errorType = '';
    let message = '';
    try {
      const answer = asObject(parseJson(body));
      errorType = typeof answer.errorType === 'string' ? answer.errorType : '';
      message = typeof answer.message === 'string' ? answer.message.slice(0, 300) : '';
    } catch {
      // An empty body or a page of a proxy: the status must do.
    }
    const path = call.path.split('?')[0];
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
    if (status === 404) {
      return new ExporterError(
        'wrong_server',
        `The server ${this.address} has no ${path}: it does not speak Neptune 3.`,
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
