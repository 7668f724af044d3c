// Operations of a service as its swagger 2.0 document describes them: an operation's id gives method, path and parameters.

import { ExporterError } from '../../model/errors.ts';
import { asArray, asObject } from '../json.ts';

type Place = 'query' | 'path' | 'header';

interface Operation {
  method: 'GET' | 'POST';
  /** With `{name}` for parameters in the path. */
  path: string;
  /** Undefined if the document doesn't tell: then all go into the query. */
  parameters: ReadonlyMap<string, Place> | undefined;
}

export type Arguments = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface PreparedRequest {
  method: 'GET' | 'POST';
  url: string;
  headers: Record<string, string>;
}

/** Paths of a server of 2025, where its documents name an operation not at all. */
const KNOWN: Record<string, [method: 'GET' | 'POST', path: string]> = {
  getClientConfig: ['GET', '/api/backend/v1/clients/config'],
  exchangeApiToken: ['GET', '/api/backend/v1/authorization/oauth-token'],
  listProjects: ['GET', '/api/backend/v1/projects'],
  getProject: ['GET', '/api/backend/v1/projects/get'],
  searchLeaderboardEntries: ['POST', '/api/leaderboard/v1/leaderboard/entries/search'],
  getExperimentAttributes: ['GET', '/api/leaderboard/v1/attributes'],
  getFloatSeriesValues: ['GET', '/api/leaderboard/v1/attributes/series/float'],
  getStringSeriesValues: ['GET', '/api/leaderboard/v1/attributes/series/string'],
  getImageSeriesValues: ['GET', '/api/leaderboard/v1/attributes/series/image'],
  getImageSeriesValue: ['GET', '/api/leaderboard/v1/attributes/series/image/single'],
  downloadAttribute: ['GET', '/api/leaderboard/v1/attributes/download'],
  prepareForDownloadFileSetAttributeZip: ['POST', '/api/leaderboard/v1/attributes/downloadFileSetZipRequest'],
  getDownloadPrepareRequest: ['GET', '/api/leaderboard/v1/download/downloadRequest'],
};

/** The operations of one or more documents. */
export class Operations {
  readonly #found = new Map<string, Operation & { base: string }>();

  /**
   * @param document a parsed swagger document
   * @param address where it came from: its origin is the service's unless the document names another
   * @throws ExporterError `bad_answer` if it is no such document
   */
  add(document: unknown, address: string): void {
    const { swagger, paths, parameters: named, ...rest } = asObject(document);
    if (swagger === undefined) throw new ExporterError('bad_answer', `${address} is not a swagger document.`);
    const base = baseOf(rest, address);
    for (const [path, methods] of Object.entries(asObject(paths))) {
      const shared = placesOf(asObject(methods).parameters, named);
      for (const [method, description] of Object.entries(asObject(methods))) {
        if (method !== 'get' && method !== 'post') continue;
        const { operationId, parameters } = asObject(description);
        if (typeof operationId !== 'string') continue;
        const own = placesOf(parameters, named);
        this.#found.set(operationId, {
          method: method === 'get' ? 'GET' : 'POST',
          path,
          base,
          parameters: own || shared ? new Map([...(shared ?? []), ...(own ?? [])]) : undefined,
        });
      }
    }
  }

  /** True if a document names the operation. */
  has(id: string): boolean {
    return this.#found.has(id);
  }

  /** True if a document says that the operation takes this parameter. */
  takes(id: string, parameter: string): boolean {
    return this.#found.get(id)?.parameters?.has(parameter) === true;
  }

  /**
   * The request of an operation. Arguments that the document doesn't know are left out; lists repeat the parameter.
   * @param fallback base address for an operation that no document names
   * @throws ExporterError `wrong_server` if nothing is known of it
   */
  request(id: string, values: Arguments, fallback: string): PreparedRequest {
    const { method, path, parameters, base } = this.#found.get(id) ?? knownOperation(id, fallback);
    const query: string[] = [];
    const headers: Record<string, string> = {};
    let place = path;
    for (const [name, value] of Object.entries(values)) {
      const inPath = path.includes(`{${name}}`);
      if (value === undefined || (parameters && !parameters.has(name) && !inPath)) continue;
      const where = inPath ? 'path' : (parameters?.get(name) ?? 'query');
      const texts = Array.isArray(value) ? value.map(String) : [String(value)];
      if (where === 'path') place = place.replaceAll(`{${name}}`, () => encoded(texts[0]!));
      else if (where === 'header') headers[name.toLowerCase()] = texts.join(',');
      else for (const text of texts) query.push(`${encoded(name)}=${encoded(text)}`);
    }
    return { method, url: base + place + (query.length > 0 ? `?${query.join('&')}` : ''), headers };
  }
}

/** @throws ExporterError `unsupported` for half a surrogate pair, which UTF-8 doesn't have */
function encoded(text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  throw new ExporterError('unsupported', `No address can carry ${text.toWellFormed()}: it has half a character in it.`);
}

function knownOperation(id: string, base: string): Operation & { base: string } {
  const known = KNOWN[id];
  if (!known) throw new ExporterError('wrong_server', `The server does not offer the operation ${id}.`);
  return { method: known[0], path: known[1], parameters: undefined, base };
}

/** `schemes`, `host` and `basePath`, each of them where the document itself comes from unless it says otherwise. */
function baseOf({ host, basePath, schemes }: Record<string, unknown>, address: string): string {
  const { protocol, host: own } = new URL(address);
  const scheme = protocol.replace(':', '');
  const offered = Array.isArray(schemes) ? schemes.filter((one) => one === 'http' || one === 'https') : [];
  const chosen = offered.length === 0 || offered.includes(scheme) ? scheme : String(offered[0]);
  const path = typeof basePath === 'string' ? basePath.replace(/\/+$/, '') : '';
  return `${chosen}://${typeof host === 'string' && host !== '' ? host : own}${path}`;
}

/** @param named the document's own parameters, which operations may refer to */
function placesOf(parameters: unknown, named: unknown): Map<string, Place> | undefined {
  if (parameters === undefined) return undefined;
  const places = new Map<string, Place>();
  for (const entry of asArray(parameters, 'parameters').map(asObject)) {
    const key = typeof entry.$ref === 'string' ? entry.$ref.replace('#/parameters/', '') : undefined;
    const one = key === undefined ? entry : asObject(asObject(named)[key]);
    if (typeof one.name !== 'string') continue;
    if (one.in === 'query' || one.in === 'path' || one.in === 'header') places.set(one.name, one.in);
  }
  return places;
}
