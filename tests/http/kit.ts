// Servers, clients and content for the tests of the HTTP client.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { HttpClient, type HttpClientOptions } from '../../src/http/client.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { serve } from '../helpers/server.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server whose handler is told how many requests there were, and that keeps them all. */
export async function counting(
  context: TestContext,
  handler: Handler,
): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const listener: RequestListener = (request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  };
  return { url: await serve(context, listener), requests };
}

/** A client that is quick to try again and to give up. */
export function quickClient(context: TestContext, options: Partial<HttpClientOptions> = {}): HttpClient {
  const retry = { budgetMs: 300, firstPauseMs: 5, maxPauseMs: 20, ...options.retry };
  const http = new HttpClient({ userAgent: 'test', concurrency: 4, ...options, retry });
  context.after(() => http.close());
  return http;
}

/** Sends the beginning of a body and cuts the connection when that is on its way. */
export function cut(response: ServerResponse, part: Uint8Array): void {
  response.write(part, () => setTimeout(() => response.destroy(), 20));
}

export const failsWith =
  (code: string, message = /./) =>
  (error: unknown) =>
    error instanceof ExporterError && error.code === code && message.test(error.message);
