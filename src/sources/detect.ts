// Finds out which Neptune a server is, for `export` without `--exporter`.

import { HttpClient } from '../http/client.ts';
import { ExporterError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { Authenticator } from './auth.ts';
import { asArray, asObject, parseJson } from './json.ts';
import { parseApiToken } from './token.ts';

export interface DetectOptions {
  token: string | undefined;
  logger?: Logger;
  signal?: AbortSignal;
}

/**
 * Asks the server for its retrieval API: only Neptune 3 has the protobuf search at this path; Neptune 2 publishes a
 * swagger document of its leaderboard service instead.
 * @throws ExporterError `token_missing`, `token_invalid`, `token_refused`, `wrong_server`, `network`
 */
export async function detectServer(options: DetectOptions): Promise<'neptune2' | 'neptune3'> {
  const token = parseApiToken(options.token);
  const http = new HttpClient({
    userAgent: 'neptune-exporter',
    concurrency: 2,
    retry: { budgetMs: 15_000 },
    ...(options.logger ? { logger: options.logger } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    const bearer = await new Authenticator(http, token).bearer();
    const headers = { authorization: `Bearer ${bearer}`, accept: 'application/json' };
    // A project that can't be: Neptune 3 refuses it by name, a server without the path answers 404 or 405.
    const search = await http.request({
      method: 'POST',
      url: `${token.address}/api/leaderboard/v1/proto/leaderboard/attributes/query?projectIdentifier=%20%2F%20`,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ experimentIdsFilter: [], nextPage: { limit: 1 } }),
    });
    if (search.status === 200 || errorTypeOf(search.body) === 'ACCESS_DENIED') return 'neptune3';
    const swagger = await http.request({
      method: 'GET',
      url: `${token.address}/api/leaderboard/swagger.json`,
      headers,
    });
    if (swagger.status === 200 && isSwagger(swagger.body)) return 'neptune2';
    if (search.status === 400 || search.status === 403) return 'neptune3';
    throw new ExporterError('wrong_server', `${token.address} does not tell which Neptune it is.`, {
      hint: 'Say it with --exporter neptune3 or --exporter neptune2.',
      status: search.status,
    });
  } finally {
    await http.close();
  }
}

function errorTypeOf(body: Uint8Array): unknown {
  try {
    return asObject(parseJson(body)).errorType;
  } catch {
    return undefined;
  }
}

function isSwagger(body: Uint8Array): boolean {
  try {
    const document = asObject(parseJson(body));
    return document.swagger !== undefined && asArray(Object.keys(asObject(document.paths)), 'paths').length > 0;
  } catch {
    return false;
  }
}
