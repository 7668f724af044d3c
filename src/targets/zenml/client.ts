// ZenML's REST API: the few calls that a load needs, with errors fit for people.

import { randomUUID } from 'node:crypto';
import type { HttpClient, HttpRequest, HttpResponse } from '../../http/client.ts';
import { type ErrorCode, ExporterError } from '../../model/errors.ts';
import { jsonType, parseExact } from './json.ts';
import { type Credentials, zoned } from './settings.ts';

/** ZenML's name for what went wrong, as `EntityExistsError`; `''` if the answer isn't ZenML's. */
export class ZenmlError extends ExporterError {
  readonly kind: string;

  constructor(code: ErrorCode, message: string, kind: string, details: { hint?: string; status?: number } = {}) {
    super(code, message, details);
    this.kind = kind;
  }
}

export interface ServerInfo {
  id: string;
  version: string;
  /** `local` for the one that `zenml login --local` starts. */
  deployment: string;
  isOpen: boolean;
}

export interface Named {
  id: string;
  name: string;
}

export interface ModelVersion extends Named {
  modelId: string;
  description: string;
  tags: string[];
  metadata: ReadonlyMap<string, unknown>;
}

/** A version of an artifact as lists tell of it. */
export interface ArtifactVersion {
  id: string;
  artifact: string;
  version: string;
  uri: string;
  storeId: string | undefined;
  contentHash: string | undefined;
}

export interface NewArtifact {
  artifact: string;
  version: string;
  uri: string;
  storeId: string;
  type: string;
  materializer: object;
  dataType: object;
  contentHash: string;
  tags: readonly string[];
  metadata: Readonly<Record<string, string>>;
}

export interface StoreComponent extends Named {
  flavor: string;
  configuration: Readonly<Record<string, unknown>>;
  /** Id of its service connector. */
  connector: string | undefined;
  connectorResource: string | undefined;
}

/** Credentials that a service connector gives for one resource. */
export interface ConnectorClient {
  type: string;
  method: string;
  configuration: Readonly<Record<string, unknown>>;
  /** ms since 1970-01-01 UTC. */
  ends: number | undefined;
}

interface ClientOptions {
  http: HttpClient;
  /** Address without a slash at its end. */
  base: string;
  session: Session;
  signal?: AbortSignal;
}

/** Entries of a page of a list. */
const PAGE = 1000;
/** Names that one request asks for. */
const NAMES_AT_ONCE = 40;

/** The token of a login, for all clients of one target. Kept here only: a cookie would outlive and outrank it. */
export class Session {
  readonly #http: HttpClient;
  readonly #base: string;
  readonly #credentials: Credentials;
  #token: Promise<string | undefined> | undefined;

  constructor(http: HttpClient, base: string, credentials: Credentials) {
    this.#http = http;
    this.#base = base;
    this.#credentials = credentials;
  }

  /** The token to send. @throws ZenmlError `token_refused` */
  token(signal?: AbortSignal): Promise<string | undefined> {
    this.#token ??= this.#login(signal);
    const token = this.#token;
    // The next request tries again.
    token.catch(() => {
      if (this.#token === token) this.#token = undefined;
    });
    return token;
  }

  /** Takes note that a token is no longer good. @returns whether another one can be had */
  async refused(token: string | undefined): Promise<boolean> {
    const { apiKey, user } = this.#credentials;
    if (apiKey === undefined && user === undefined) return false;
    // Another request may have logged in anew already.
    const now = await this.#token?.catch(() => undefined);
    if (now === token) this.#token = undefined;
    return true;
  }

  async #login(signal: AbortSignal | undefined): Promise<string | undefined> {
    const { apiKey, user, token, tokenEnds } = this.#credentials;
    if (apiKey !== undefined) return this.#ask({ grant_type: 'zenml-api-key', password: apiKey }, signal);
    if (user !== undefined) return this.#ask({ username: user.name, password: user.password }, signal);
    if (token === undefined) return undefined;
    if (tokenEnds !== undefined && tokenEnds < Date.now()) throw expired(this.#base);
    return token;
  }

  async #ask(form: Record<string, string>, signal: AbortSignal | undefined): Promise<string> {
    const answer = await this.#http.request({
      method: 'POST',
      url: `${this.#base}/api/v1/login`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      ...(signal ? { signal } : {}),
    });
    if (answer.status !== 200) throw answerError(answer, 'the login', this.#base);
    const token = asRecord(parseJson(answer.body)).access_token;
    if (typeof token === 'string' && token !== '') return token;
    throw notZenml(this.#base);
  }
}

/**
 * Thin client of one server. Every call may be repeated, and is, by the HTTP client: what makes something answers 409 if
 * it is there, and then the caller looks whether it is the very same.
 */
export class ZenmlClient {
  readonly base: string;
  readonly #http: HttpClient;
  readonly #session: Session;
  readonly #signal: AbortSignal | undefined;

  constructor({ http, base, session, signal }: ClientOptions) {
    this.#http = http;
    this.base = base;
    this.#session = session;
    this.#signal = signal;
  }

  /** Needs no login. @throws ExporterError `wrong_server` if it isn't a ZenML server, `network` */
  async info(): Promise<ServerInfo> {
    const answer = await this.#http.request({
      method: 'GET',
      url: `${this.base}/api/v1/info`,
      ...(this.#signal ? { signal: this.#signal } : {}),
    });
    const info = asRecord(answer.status === 200 ? parseJson(answer.body) : undefined);
    const { id, version, deployment_type: deployment, auth_scheme: scheme } = info;
    if (typeof id !== 'string' || typeof version !== 'string') throw notZenml(this.base);
    return { id, version, deployment: asText(deployment) ?? '', isOpen: scheme === 'NO_AUTH' };
  }

  /** The project that the user works in where nothing else is said. */
  async defaultProject(): Promise<string | undefined> {
    const user = await this.#get('current-user');
    return asText(asRecord(user.body).default_project_id);
  }

  /** @returns undefined if there is none, or none that the user may see */
  async project(idOrName: string): Promise<Named | undefined> {
    return named(await this.#find(`projects/${encodeURIComponent(idOrName)}`));
  }

  async projects(): Promise<Named[]> {
    return Array.fromAsync(this.#list('projects', {}), (item) => requiredNamed(item, 'a project'));
  }

  /** The artifact store of a stack, by id or name; undefined if there is no such stack. */
  async stackStore(idOrName: string): Promise<{ stack: string; storeId: string } | undefined> {
    const isId = /^[0-9a-f-]{36}$/i.test(idOrName);
    const stack = isId
      ? await this.#find(`stacks/${idOrName}`)
      : (await Array.fromAsync(this.#list('stacks', { hydrate: 'true', name: oneOf([idOrName]) })))[0];
    if (stack === undefined) return undefined;
    const [store] = asArray(asRecord(asRecord(asRecord(stack).metadata).components).artifact_store);
    return {
      stack: asText(asRecord(stack).name) ?? idOrName,
      storeId: requiredNamed(store, "a stack's artifact store").id,
    };
  }

  async component(id: string): Promise<StoreComponent> {
    const found = await this.#get(`components/${id}`);
    const metadata = asRecord(found.metadata);
    const flavor = asText(asRecord(found.body).flavor_name) ?? asText(asRecord(asRecord(found.resources).flavor).name);
    const connector = metadata.connector;
    return {
      ...requiredNamed(found, 'an artifact store'),
      flavor: flavor ?? '',
      configuration: asRecord(metadata.configuration),
      connector: asText(connector) ?? asText(asRecord(connector).id),
      connectorResource: asText(metadata.connector_resource_id),
    };
  }

  /** The values of a secret; undefined if there is none of this name, or none that the user may read. */
  async secret(name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    for await (const item of this.#list('secrets', { hydrate: 'true', name: oneOf([name]) })) {
      const values = asRecord(asRecord(asRecord(item).body).values);
      if (Object.keys(values).length > 0) return values;
      const whole = await this.#get(`secrets/${requiredNamed(item, 'a secret').id}`);
      return asRecord(asRecord(whole.body).values);
    }
    return undefined;
  }

  async connectorClient(id: string, resourceType: string, resource: string): Promise<ConnectorClient> {
    const query = new URLSearchParams({ resource_type: resourceType, resource_id: resource });
    const found = await this.#get(`service_connectors/${id}/client?${query}`);
    const body = asRecord(found.body);
    const ends = Date.parse(zoned(asText(body.expires_at)));
    return {
      type: asText(body.connector_type) ?? asText(asRecord(body.connector_type).connector_type) ?? '',
      method: asText(body.auth_method) ?? '',
      configuration: asRecord(asRecord(found.metadata).configuration),
      ends: Number.isNaN(ends) ? undefined : ends,
    };
  }

  async modelByName(project: string, name: string): Promise<Named | undefined> {
    const found = await Array.fromAsync(this.#list('models', { project, name: oneOf([name]) }), (item) =>
      requiredNamed(item, 'a model'),
    );
    // Databases that don't tell case apart have one model for both.
    const isAlike = (other: Named) => other.name.toLowerCase() === name.toLowerCase();
    return found.find((one) => one.name === name) ?? found.find(isAlike);
  }

  /** @throws ZenmlError of kind `EntityExistsError` if there is one of this name */
  async createModel(project: string, name: string, description: string, tags: readonly string[]): Promise<void> {
    await this.#post('models', { project, name, description, tags, save_models_to_registry: false });
  }

  /** The versions of a model that have one of these names, as the server's database tells names apart. */
  async versionsByName(project: string, model: string, names: readonly string[]): Promise<ModelVersion[]> {
    const query = { project, model, hydrate: 'true', name: oneOf(names) };
    const found = await Array.fromAsync(this.#list('model_versions', query), readVersion);
    // A filter that a server doesn't know brings everything; databases that don't tell case apart take more for the name.
    const wanted = new Set(names.map((name) => name.toLowerCase()));
    return found.filter(({ name, modelId }) => wanted.has(name.toLowerCase()) && modelId === model);
  }

  /** The versions of a model whose metadata have this text under this key. */
  async versionsByMetadata(project: string, model: string, key: string, value: string): Promise<ModelVersion[]> {
    const query = { project, model, hydrate: 'true', run_metadata: `${key}:${value}` };
    const found = await Array.fromAsync(this.#list('model_versions', query), readVersion);
    return found.filter(({ metadata, modelId }) => metadata.get(key) === value && modelId === model);
  }

  async version(id: string): Promise<ModelVersion | undefined> {
    const found = await this.#find(`model_versions/${id}`);
    return found === undefined ? undefined : readVersion(found);
  }

  /** @throws ZenmlError of kind `EntityExistsError` if the model has one of this name */
  async createVersion(
    project: string,
    model: string,
    version: { name: string; description: string; tags: readonly string[] },
  ): Promise<ModelVersion> {
    return readVersion(await this.#post('model_versions', { project, model, ...version }));
  }

  /** The name must be free, and one that the server takes: it does not look. */
  async updateVersion(
    id: string,
    change: { name: string; description: string; addTags: readonly string[]; removeTags: readonly string[] },
  ): Promise<void> {
    const { name, description, addTags, removeTags } = change;
    const body = { name, description, add_tags: addTags, remove_tags: removeTags };
    await this.#json('PUT', `model_versions/${id}`, JSON.stringify(body));
  }

  /** Nothing if it isn't there. */
  async deleteVersion(id: string): Promise<void> {
    await this.#delete(`model_versions/${id}`);
  }

  /** Writes metadata of a version; a key that is there gets the new value. @param values JSON by key */
  async writeMetadata(project: string, version: string, values: ReadonlyMap<string, string>): Promise<void> {
    const resources = JSON.stringify([{ id: version, type: 'model_version' }]);
    const types = JSON.stringify(Object.fromEntries([...values].map(([key, json]) => [key, jsonType(json)])));
    const list = [...values].map(([key, json]) => `${JSON.stringify(key)}: ${json}`).join(', ');
    const body = `{"project": ${JSON.stringify(project)}, "resources": ${resources}, "types": ${types}, "values": {${list}}}`;
    await this.#json('POST', 'run-metadata', body);
  }

  /** All artifact versions that are linked to a version. */
  async linked(project: string, version: string): Promise<ArtifactVersion[]> {
    const query = { project, model_version_id: version };
    return Array.fromAsync(this.#list('artifact_versions', query), readArtifact);
  }

  /** The artifact versions of a project whose metadata have this text under this key. */
  async artifactsByMetadata(project: string, key: string, value: string): Promise<ArtifactVersion[]> {
    const query = { project, hydrate: 'true', run_metadata: `${key}:${value}` };
    const found: ArtifactVersion[] = [];
    for await (const item of this.#list('artifact_versions', query, PAGE)) {
      // Looked at once more: a filter that a server doesn't know brings what is others'.
      const metadata = asRecord(asRecord(asRecord(item).metadata).run_metadata);
      if (metadata[key] === value) found.push(readArtifact(item));
    }
    return found;
  }

  async artifact(project: string, artifact: string, version: string): Promise<ArtifactVersion | undefined> {
    const query = { project, artifact: oneOf([artifact]), version: oneOf([version]) };
    for await (const item of this.#list('artifact_versions', query)) {
      const found = readArtifact(item);
      // Databases that don't tell case apart bring one that is written otherwise, too.
      if (found.artifact.toLowerCase() === artifact.toLowerCase() && found.version === version) return found;
    }
    return undefined;
  }

  /** @throws ZenmlError of kind `EntityExistsError` if there is this version of the artifact */
  async createArtifact(project: string, artifact: NewArtifact): Promise<ArtifactVersion> {
    const { type, version, uri, tags, metadata } = artifact;
    const made = await this.#post('artifact_versions', {
      project,
      artifact_name: artifact.artifact,
      has_custom_name: true,
      save_type: 'manual',
      artifact_store_id: artifact.storeId,
      materializer: artifact.materializer,
      data_type: artifact.dataType,
      content_hash: artifact.contentHash,
      ...{ type, version, uri, tags, metadata },
    });
    return readArtifact(made);
  }

  /** Does nothing if they are linked. */
  async link(version: string, artifactVersion: string): Promise<void> {
    await this.#post('model_version_artifacts', { model_version: version, artifact_version: artifactVersion });
  }

  /** Nothing if it isn't there. */
  async deleteArtifact(id: string): Promise<void> {
    await this.#delete(`artifact_versions/${id}`);
  }

  async *#list(call: string, query: Record<string, string>, size = pageOf(query)): AsyncGenerator<unknown> {
    for (let page = 1; ; page++) {
      const text = new URLSearchParams({ ...query, sort_by: 'asc:created', page: String(page), size: String(size) });
      const answer = await this.#get(`${call}?${text}`);
      yield* asArray(answer.items);
      if (!(typeof answer.total_pages === 'number' && page < answer.total_pages)) return;
    }
  }

  async #get(call: string): Promise<Record<string, unknown>> {
    return asRecord(await this.#json('GET', call));
  }

  /** @returns undefined for 404, and for what the user may not see */
  async #find(call: string): Promise<Record<string, unknown> | undefined> {
    try {
      return await this.#get(call);
    } catch (error) {
      if (error instanceof ZenmlError && (error.status === 404 || error.status === 403)) return undefined;
      throw error;
    }
  }

  async #post(call: string, body: object): Promise<Record<string, unknown>> {
    return asRecord(await this.#json('POST', call, JSON.stringify(body)));
  }

  async #delete(call: string): Promise<void> {
    try {
      await this.#json('DELETE', call);
    } catch (error) {
      if (!(error instanceof ZenmlError && error.status === 404)) throw error;
    }
  }

  async #json(method: HttpRequest['method'], call: string, body?: string): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const token = await this.#session.token(this.#signal);
      const request: HttpRequest = {
        method,
        url: `${this.base}/api/v1/${call}`,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          // A repeat of it gets the answer of the first, and does nothing twice.
          ...(method === 'GET' ? {} : { 'idempotency-key': randomUUID() }),
        },
        ...(body === undefined ? {} : { body }),
        ...(this.#signal ? { signal: this.#signal } : {}),
      };
      const answer = await this.#send(request);
      if (answer.status === 200) {
        const json = parseJson(answer.body);
        if (json === undefined) throw notZenml(this.base);
        return json;
      }
      const error = answerError(answer, `${method} ${call.split(/[/?]/)[0]}`, this.base);
      if (error.code !== 'token_refused' || attempt > 1 || !(await this.#session.refused(token))) throw error;
    }
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await this.#http.request(request);
    } catch (error) {
      throw withServerWords(error);
    }
  }
}

/** Hydrated model versions may be large. */
function pageOf(query: Record<string, string>): number {
  return query.hydrate === undefined ? PAGE : NAMES_AT_ONCE;
}

/** The filter for one of these texts. Plain texts would be taken apart at their colons. */
function oneOf(texts: readonly string[]): string {
  return `oneof:${JSON.stringify(texts)}`;
}

export function isThere(error: unknown): boolean {
  return error instanceof ZenmlError && error.status === 409;
}

function answerError(answer: HttpResponse, call: string, base: string): ZenmlError {
  const { kind, words } = detailOf(parseJson(answer.body));
  const { status } = answer;
  // What a service connector was refused by its cloud comes with the same status.
  if (status === 401 && kind !== 'AuthorizationException') {
    return new ZenmlError('token_refused', 'The ZenML server refused the credentials.', kind, {
      status,
      hint: `Run \`zenml login ${base}\` again, or set ZENML_STORE_API_KEY to a key of a service account.`,
    });
  }
  if (status === 413) {
    const message = `The ZenML server takes no requests as large as this one (${call}).`;
    return new ZenmlError('server', message, kind, { status });
  }
  if (status === 403 || status === 401) {
    return new ZenmlError(
      'access_denied',
      `The ZenML server does not allow ${call}: ${words || 'no reason given'}`,
      kind,
      {
        status,
        hint: "Check the user's permissions there.",
      },
    );
  }
  if (kind === '' && words === '') {
    return new ZenmlError('wrong_server', `The server answers ${call} with HTTP ${status}, not as ZenML does.`, '', {
      status,
      hint: 'Check the address of the ZenML server.',
    });
  }
  return new ZenmlError('server', `ZenML refused ${call} (HTTP ${status}): ${words || kind}`, kind, { status });
}

/** An error after all retries carries only the status: adds what ZenML said. */
function withServerWords(error: unknown): unknown {
  if (!(error instanceof ExporterError) || error.code !== 'server' || error.status === undefined) return error;
  const said = (error.cause as { text?: unknown } | undefined)?.text;
  const { kind, words } = detailOf(typeof said === 'string' ? parseJson(Buffer.from(said)) : undefined);
  if (words === '') return error;
  return new ZenmlError('server', `${error.message.replace(/\.$/, '')}: ${words}`, kind, {
    status: error.status,
    hint: "Look into the ZenML server's log.",
  });
}

function expired(base: string): ZenmlError {
  return new ZenmlError('token_refused', 'The login at the ZenML server has expired.', '', {
    hint: `Run \`zenml login ${base}\` again.`,
  });
}

function notZenml(base: string): ExporterError {
  return new ExporterError('wrong_server', `The server at ${base} does not answer as ZenML does.`, {
    hint: 'Check the address of the ZenML server.',
  });
}

/** `{"detail": ["EntityExistsError", "words"]}`; some answers have a text there, or the list alone, or `error`. */
function detailOf(json: unknown): { kind: string; words: string } {
  const { detail = json, error } = asRecord(json);
  const text = asText(detail) ?? asText(error);
  if (text !== undefined) return { kind: '', words: publicWords(text) };
  const parts = asArray(detail).map((part) => asText(part) ?? asText(asRecord(part).msg) ?? '');
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return { kind: '', words: publicWords(first) };
  return { kind: /^\w{1,60}$/.test(first) ? first : '', words: publicWords(rest.join(' ')) };
}

/** Keys and tokens of ZenML: one from the files of a login is known to nobody who masks secrets later. */
const SECRET = /\bZEN(?:PRO)?KEY_[\w+/=-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+/g;

/** The first lines of a server's message, without SQL and its parameters, which may hold anything. */
function publicWords(message: string): string {
  const [head = ''] = message.split(/\[SQL|\[parameters|\((?:sqlite3|psycopg2?|pymysql|pyodbc|MySQLdb)\b/i);
  const clean = head.replace(/\s+/g, ' ').replace(SECRET, '***').trim();
  return clean.length > 300 ? `${clean.slice(0, 300).toWellFormed()}…` : clean;
}

function parseJson(body: Buffer): unknown {
  try {
    return parseExact(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function readVersion(value: unknown): ModelVersion {
  const version = asRecord(value);
  const { metadata, resources } = version;
  return {
    ...requiredNamed(version, 'a model version'),
    modelId: asText(asRecord(asRecord(version.body).model).id) ?? '',
    description: asText(asRecord(metadata).description) ?? '',
    tags: asArray(asRecord(resources).tags).map((tag) => asText(asRecord(tag).name) ?? ''),
    metadata: new Map(Object.entries(asRecord(asRecord(metadata).run_metadata))),
  };
}

function readArtifact(value: unknown): ArtifactVersion {
  const found = asRecord(value);
  const body = asRecord(found.body);
  if (typeof found.id !== 'string')
    throw new ExporterError('bad_answer', "ZenML's answer lacks an artifact version's id.");
  return {
    id: found.id,
    artifact: asText(asRecord(body.artifact).name) ?? '',
    version: String(body.version ?? ''),
    uri: asText(body.uri) ?? '',
    storeId: asText(body.artifact_store_id),
    contentHash: asText(body.content_hash),
  };
}

function named(value: unknown): Named | undefined {
  const { id, name } = asRecord(value);
  return typeof id === 'string' ? { id, name: asText(name) ?? '' } : undefined;
}

function requiredNamed(value: unknown, what: string): Named {
  const found = named(value);
  if (found) return found;
  throw new ExporterError('bad_answer', `ZenML's answer lacks the id of ${what}.`);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
