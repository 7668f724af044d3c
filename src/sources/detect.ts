// Finds out which Neptune a server is, for `export` without `--exporter`.

import { HttpClient } from '../http/client.ts';
import { ExporterError } from '../model/errors.ts';
import { type Logger, silentLogger } from '../model/logger.ts';
import { Authenticator } from './auth.ts';
import { asObject, parseJson } from './json.ts';
import { connect } from './neptune2/connection.ts';
import { parseApiToken } from './token.ts';

export interface DetectOptions {
  token: string | undefined;
  logger?: Logger;
  signal?: AbortSignal;
  /** Takes any certificate. */
  insecure?: boolean;
}

const BUDGET_MS = 15_000;
/** The last line of clients that Neptune 2 was made for; the official client 1.x refuses servers that end before it. */
const LAST_CLIENT = [1, 14];

/**
 * Asks the server. Neptune 2 publishes documents of its operations, one of which lists a run's attributes; Neptune 3
 * has the protobuf search. A newer server may have both: then the clients that it takes decide.
 * @throws ExporterError `token_missing`, `token_invalid`, `token_refused`, `wrong_server`, `network`
 */
export async function detectServer(options: DetectOptions): Promise<'neptune2' | 'neptune3'> {
  const token = parseApiToken(options.token);
  const http = new HttpClient({
    userAgent: 'neptune-exporter',
    concurrency: 2,
    retry: { budgetMs: BUDGET_MS },
    ...(options.insecure ? { tls: { insecure: true } } : {}),
    ...(options.logger ? { logger: options.logger } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    let refusal: unknown;
    const connection = await connect(http, token, options.logger ?? silentLogger).catch((error: unknown) => {
      if (error instanceof ExporterError && error.code === 'token_refused') refusal = error;
      // It may be a Neptune 3, which has its own way in; a refused token is refused there, too.
      if (error instanceof ExporterError && ['wrong_server', 'bad_answer', 'token_refused'].includes(error.code)) {
        return undefined;
      }
      throw error;
    });
    if (connection && !isBefore(connection.lastClient, LAST_CLIENT)) return 'neptune2';
    const search = hasSearch(http, token.address, new Authenticator(http, token));
    if (await (connection ? search.catch(() => false) : search)) return 'neptune3';
    if (connection) return 'neptune2';
    if (refusal) throw refusal;
    throw new ExporterError('wrong_server', `${token.address} does not tell which Neptune it is.`, {
      hint: 'Say it with --exporter neptune3 or --exporter neptune2.',
    });
  } finally {
    await http.close();
  }
}

/** Whether a version like `1.10.4` ends before another; undefined is no end. */
function isBefore(version: string | undefined, other: number[]): boolean {
  if (version === undefined) return false;
  const parts = version.split('.').map(Number);
  const differing = other.findIndex((part, index) => (parts[index] ?? 0) !== part);
  return differing >= 0 && (parts[differing] ?? 0) < other[differing]!;
}

/** Asks for a project that can't be: Neptune 3 refuses it by name, a server without the path answers 404 or 405. */
async function hasSearch(http: HttpClient, address: string, auth: Authenticator): Promise<boolean> {
  const { status, body } = await http.request({
    method: 'POST',
    url: `${address}/api/leaderboard/v1/proto/leaderboard/attributes/query?projectIdentifier=%20%2F%20`,
    headers: {
      authorization: `Bearer ${await auth.bearer()}`,
      accept: 'application/json',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ experimentIdsFilter: [], nextPage: { limit: 1 } }),
  });
  return status === 200 || status === 400 || status === 403 || errorTypeOf(body) === 'ACCESS_DENIED';
}

function errorTypeOf(body: Uint8Array): unknown {
  try {
    return asObject(parseJson(body)).errorType;
  } catch {
    return undefined;
  }
}
