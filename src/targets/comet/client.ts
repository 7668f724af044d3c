// Comet's client API and REST v2: the few calls that a load needs, with errors fit for people. No decisions.

import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import type { HttpClient, HttpRequest, HttpResponse, StreamingResponse } from '../../http/client.ts';
import { oneLine } from '../../http/redact.ts';
import { type ErrorCode, ExporterError } from '../../model/errors.ts';
import { readingArchive } from '../file-hash.ts';
import { asArray, asNumber, asRecord, asText, parseExact, parseObject, requiredText, summaries } from './json.ts';

/** Comet's `sdk_error_code`s that mean something here. */
export const COMET_CODES = {
  unknownKey: 90212,
  noWriteAccess: 90210,
  noSuchExperiment: 90211,
  experimentExists: 90999,
  noSuchWorkspace: 90219,
  assetImmutable: 7000005,
  imageImmutable: 7000006,
} as const;

/** Codes by which Comet says that an experiment has enough of a type of assets. */
const LIMIT_CODES = new Set([7000001, 7000012, 7000013, 7000018]);

/** A refusal in Comet's own shape, or another answer that isn't 200. */
export class CometError extends ExporterError {
  /** `sdk_error_code`; 0 if there is none. */
  readonly cometCode: number;

  constructor(code: ErrorCode, message: string, cometCode: number, details: { hint?: string; status: number }) {
    super(code, message, details);
    this.cometCode = cometCode;
  }

  get isTypeLimit(): boolean {
    return LIMIT_CODES.has(this.cometCode);
  }
}

/** What Comet answers to who begins or goes on with an experiment. */
export interface Handshake {
  key: string;
  runId: string;
  projectId: string | undefined;
  /** Bytes. */
  limits: { asset: number; image: number };
  /** Characters; undefined for no limit. */
  nameLengths: { asset: number | undefined; image: number | undefined };
}

export interface Experiment {
  key: string;
  name: string;
  projectName: string;
  /** Undefined if the server does not tell it. */
  workspaceName: string | undefined;
  archived: boolean;
  running: boolean;
  crashed: boolean;
  /** Milliseconds since 1970-01-01 UTC. */
  startTime: number | undefined;
  endTime: number | undefined;
}

/** A point as Comet gives it back; whole numbers that a double doesn't hold are bigint. */
export interface MetricPoint {
  value: string;
  step: number | bigint | null;
  timestamp: number | bigint | null;
}

export interface Asset {
  id: string;
  name: string;
  /** `visualization` for images. */
  type: string;
  step: number | undefined;
  bytes: number | undefined;
  metadata: Readonly<Record<string, unknown>>;
}

export interface Upload {
  /** 32 hex digits. */
  id: string;
  name: string;
  type: 'asset' | 'image' | 'histogram3d';
  /** Whole, as text: 64 bits. */
  step?: string;
  extension?: string;
  metadata: Readonly<Record<string, unknown>>;
}

interface ClientOptions {
  http: HttpClient;
  /** Scheme and host. */
  root: string;
  headers: Record<string, string>;
  signal?: AbortSignal;
}

const gzip = promisify(gzipCallback);
/** Bytes below which compressing a body isn't worth it. */
const MIN_GZIP = 16_384;
/** Fast, and with little memory: bodies are mostly repeated words. */
const GZIP = { level: 1, windowBits: 13, memLevel: 6, chunkSize: 65_536 };

const MIB = 1 << 20;
/** Limits of the SDK where the service tells none. */
const DEFAULT_LIMITS = { asset: 100 * 1024 * MIB, image: 200 * MIB };
/** Slowest transfer that is waited for, bytes a second. */
const SLOW_TRANSFER = 500_000;
const ANSWER_TIMEOUT_MS = 120_000;
const LIBRARY = 'neptune-exporter';

export class CometClient {
  readonly #http: HttpClient;
  readonly #root: string;
  readonly #headers: Record<string, string>;
  readonly #signal: AbortSignal | undefined;

  constructor({ http, root, headers, signal }: ClientOptions) {
    this.#http = http;
    this.#root = root;
    this.#headers = headers;
    this.#signal = signal;
  }

  /** @throws ExporterError `token_refused`, `wrong_server`, `network` */
  async defaultWorkspace(): Promise<string | undefined> {
    return asText((await this.#read('account-details')).defaultWorkspaceName);
  }

  async workspaces(): Promise<string[]> {
    return asArray((await this.#read('workspaces')).workspaceNames).flatMap((name) => asText(name) ?? []);
  }

  /** Names of all projects of a workspace. */
  async projects(workspaceName: string): Promise<string[]> {
    const { projects } = await this.#read('projects', { workspaceName });
    return asArray(projects).flatMap((project) => asText(asRecord(project).projectName) ?? []);
  }

  async experiments(workspaceName: string, projectName: string, archived: boolean): Promise<Experiment[]> {
    const query = { workspaceName, projectName, ...(archived ? { archived: 'true' } : {}) };
    return asArray((await this.#read('experiments', query)).experiments).map(readExperiment);
  }

  /** Undefined if there is none of this key. */
  async experiment(key: string): Promise<Experiment | undefined> {
    try {
      return readExperiment(await this.#read('experiment/metadata', { experimentKey: key }));
    } catch (error) {
      if (!(error instanceof CometError)) throw error;
      if (error.cometCode === COMET_CODES.noSuchExperiment || error.status === 404) return undefined;
      throw error;
    }
  }

  /**
   * Makes an experiment, as one that is uploaded later; its project, too. One try: after a lost answer the caller must
   * look whether it is there.
   * @throws CometError `experimentExists` also for a key that was deleted
   */
  async create(key: string, workspace: string, project: string): Promise<Handshake> {
    const body = {
      apiKey: this.#apiKey,
      local_timestamp: Date.now(),
      experimentKey: key,
      offline: true,
      projectName: project,
      teamName: workspace,
      libVersion: LIBRARY,
      getOrCreateEnabled: false,
    };
    return readHandshake(key, await this.#post(this.#client('logger/add/run'), body, { retry: false }));
  }

  async resume(key: string): Promise<Handshake> {
    const apiKey = this.#apiKey;
    const body = { apiKey, local_timestamp: Date.now(), previousExperiment: key, libVersion: LIBRARY };
    return readHandshake(key, await this.#post(this.#client('logger/get/run'), body));
  }

  async setAlive({ key, runId, projectId }: Handshake, isAlive: boolean): Promise<void> {
    await this.#post(this.#client('status-report/update'), {
      apiKey: this.#apiKey,
      runId,
      experimentKey: key,
      ...(projectId === undefined ? {} : { projectId }),
      is_alive: isAlive,
      local_timestamp: Date.now(),
      offline: true,
    });
  }

  async setCrashed(key: string): Promise<void> {
    await this.#write('update-status', { experimentKey: key, isAlive: false, hasCrashed: true });
  }

  /** Milliseconds; what is absent stays as it is. */
  async setTimes(key: string, { start, end }: { start?: number; end?: number }): Promise<void> {
    const body = { experimentKey: key, startTimeMillis: start ?? null, endTimeMillis: end ?? null };
    await this.#write('set-start-end-time', body);
  }

  async setOther(key: string, name: string, value: string): Promise<void> {
    await this.#write('log-other', { experimentKey: key, key: name, value });
  }

  async others(key: string): Promise<Map<string, string>> {
    return summaries(await this.#read('experiment/log-other', { experimentKey: key }));
  }

  async addTags(key: string, addedTags: readonly string[]): Promise<void> {
    await this.#write('tags', { experimentKey: key, addedTags });
  }

  async tags(key: string): Promise<string[]> {
    return asArray((await this.#read('experiment/tags', { experimentKey: key })).tags).flatMap(
      (tag) => asText(tag) ?? [],
    );
  }

  async setSystemDetails(key: string, details: Record<string, string>): Promise<void> {
    await this.#write('system-details', { experimentKey: key, ...details });
  }

  async systemDetails(key: string): Promise<Record<string, unknown>> {
    return this.#read('experiment/system-details', { experimentKey: key });
  }

  /** One try: values have no identity, a batch that comes twice is there twice. */
  async sendMetrics(body: Buffer): Promise<void> {
    await this.#batch('metric', body, { retry: false });
  }

  /** Repeatable: of several values of a parameter the last one counts. */
  async sendParameters(body: Buffer): Promise<void> {
    await this.#batch('parameter', body);
  }

  async parameters(key: string): Promise<Map<string, string>> {
    return summaries(await this.#read('experiment/parameters', { experimentKey: key }));
  }

  /** Names of all metrics that have values. */
  async metricNames(key: string): Promise<Set<string>> {
    return new Set(summaries(await this.#read('experiment/metrics/summary', { experimentKey: key })).keys());
  }

  /** The points of a metric: all of a short one, 15,000 of a longer one. None if there is no such metric. */
  async metric(key: string, name: string): Promise<MetricPoint[]> {
    const url = this.#rest('experiment/metrics/get-metric', { experimentKey: key, metricName: name });
    const answer = await this.#send({ method: 'GET', url });
    if (answer.status !== 200) {
      const error = this.#answerError(answer, url);
      // Whether a metric that isn't there is refused or has no points is not written anywhere.
      const isRefused = answer.status === 400 || answer.status === 404;
      if (isRefused && error.code === 'server' && !(await this.metricNames(key)).has(name)) return [];
      throw error;
    }
    const json = parseExact(answer.body.toString('utf8'));
    if (json === undefined) throw this.#notComet();
    return asArray(asRecord(json).metrics).map((item) => {
      const { metricValue, step, timestamp } = asRecord(item);
      return { value: String(metricValue), step: asWhole(step), timestamp: asWhole(timestamp) };
    });
  }

  /**
   * Uploads a file. Repeatable: Comet takes an id once.
   * @throws CometError `assetImmutable`, `imageImmutable` if the id, or the name, is taken
   */
  async upload({ key, runId, projectId }: Handshake, upload: Upload, file: string): Promise<void> {
    const isImage = upload.type === 'image';
    const query = {
      experimentId: key,
      ...(projectId === undefined ? {} : { projectId }),
      runId,
      overwrite: 'false',
      ...(isImage ? { figName: upload.name, imageId: upload.id } : { fileName: upload.name, assetId: upload.id }),
      ...(upload.type === 'histogram3d' ? { type: upload.type } : {}),
      ...(upload.step === undefined ? {} : { step: upload.step }),
      ...(upload.extension === undefined ? {} : { extension: upload.extension }),
    };
    const url = withQuery(this.#client(isImage ? 'visualizations/upload' : 'asset/upload'), query);
    const { size } = await readingArchive(file, () => stat(file));
    const form = multipart(file, size, JSON.stringify(upload.metadata));
    let unreadable: unknown;
    const answer = await this.#send({
      method: 'POST',
      url,
      headers: { 'content-type': form.type, 'content-length': String(form.length) },
      body: () => {
        if (unreadable) throw unreadable;
        return form.body((error) => {
          unreadable = error;
        });
      },
      timeoutMs: ANSWER_TIMEOUT_MS + (size / SLOW_TRANSFER) * 1000,
    }).catch((error: unknown) => readingArchive(file, () => Promise.reject(unreadable ?? error)));
    if (answer.status !== 200) throw this.#answerError(answer, url);
  }

  async assets(key: string): Promise<Asset[]> {
    return asArray((await this.#read('experiment/asset/list', { experimentKey: key, type: 'all' })).assets).map(
      readAsset,
    );
  }

  /**
   * Downloads an asset and hands it to `consume`, anew if it breaks off.
   * @param bytes that it should have
   */
  async asset<T>(
    key: string,
    id: string,
    bytes: number,
    consume: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const url = this.#rest('experiment/asset/get-asset', { experimentKey: key, assetId: id });
    const timeoutMs = ANSWER_TIMEOUT_MS + (bytes / SLOW_TRANSFER) * 1000;
    return this.#stream({ method: 'GET', url, compressed: false, timeoutMs }, async (answer) => {
      if (answer.status === 200) return consume(answer.body);
      throw this.#answerError({ ...answer, body: await wholeBody(answer) }, url);
    });
  }

  async deleteAsset(key: string, id: string): Promise<void> {
    await this.#read('write/experiment/asset/delete', { experimentKey: key, assetId: id });
  }

  /** Puts an experiment away: it is in no list unless archived ones are asked for, and can be restored at Comet. */
  async archive(key: string): Promise<void> {
    await this.#read('write/experiment/archive', { experimentKey: key });
  }

  /** Calls of the SDK that begin, go on with and end experiments have it in their bodies, too. */
  get #apiKey(): string {
    return this.#headers.authorization ?? '';
  }

  #client(call: string): string {
    return `${this.#root}/clientlib/${call}`;
  }

  #rest(call: string, query: Record<string, string> = {}): string {
    return withQuery(`${this.#root}/api/rest/v2/${call}`, query);
  }

  #read(call: string, query: Record<string, string> = {}): Promise<Record<string, unknown>> {
    return this.#json({ method: 'GET', url: this.#rest(call, query) });
  }

  async #write(call: string, body: object): Promise<void> {
    await this.#post(this.#rest(`write/experiment/${call}`), body);
  }

  #post(url: string, body: object, options: Pick<HttpRequest, 'retry'> = {}): Promise<Record<string, unknown>> {
    const headers = { 'content-type': 'application/json;charset=utf-8' };
    return this.#json({ method: 'POST', url, headers, body: JSON.stringify(body), ...options });
  }

  async #batch(kind: string, plain: Buffer, options: Pick<HttpRequest, 'retry'> = {}): Promise<void> {
    const url = this.#client(`batch/logger/experiment/${kind}`);
    const isGzip = plain.length >= MIN_GZIP;
    const headers = {
      'content-type': 'application/json;charset=utf-8',
      ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
    };
    // A copy: the caller may use its memory for the next batch while a connection still holds on to this one.
    const body = isGzip ? await gzip(plain, GZIP) : Buffer.from(plain);
    const answer = await this.#send({ method: 'POST', url, headers, body, ...options });
    if (answer.status !== 200) throw this.#answerError(answer, url);
  }

  async #json(request: HttpRequest): Promise<Record<string, unknown>> {
    const answer = await this.#send(request);
    if (answer.status !== 200) throw this.#answerError(answer, request.url);
    const json = parseObject(answer.body);
    if (!json) throw this.#notComet();
    return json;
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await this.#http.request(this.#own(request));
    } catch (error) {
      throw this.#withServerWords(error);
    }
  }

  async #stream<T>(request: HttpRequest, consume: (answer: StreamingResponse) => Promise<T>): Promise<T> {
    try {
      return await this.#http.stream(this.#own(request), consume);
    } catch (error) {
      throw this.#withServerWords(error);
    }
  }

  #own(request: HttpRequest): HttpRequest {
    const headers = { ...this.#headers, ...(request.headers as Record<string, string> | undefined) };
    return { ...request, headers, ...(this.#signal ? { signal: this.#signal } : {}) };
  }

  /** What Comet answers to a refused call, as an error. */
  #answerError({ status, body }: HttpResponse, url: string): CometError {
    const json = parseObject(body);
    const cometCode = asNumber(json?.sdk_error_code) ?? 0;
    const words = this.#public(asText(json?.msg) ?? '') || `HTTP ${status}`;
    const call = callOf(url);
    if (status === 401 || cometCode === COMET_CODES.unknownKey) {
      return new CometError('token_refused', 'Comet refused the API key.', cometCode, {
        status,
        hint: 'Check COMET_API_KEY, and COMET_URL_OVERRIDE if Comet is one of your own.',
      });
    }
    if (status === 403 || cometCode === COMET_CODES.noWriteAccess) {
      return new CometError('access_denied', `Comet does not allow ${call}: ${words}`, cometCode, {
        status,
        hint: 'Check what the user of the API key may do in the workspace.',
      });
    }
    if (!json || !('msg' in json)) {
      return new CometError('wrong_server', `The server answers ${call} with HTTP ${status}, not as Comet does.`, 0, {
        status,
        hint: 'Check COMET_URL_OVERRIDE.',
      });
    }
    return new CometError('server', `Comet refused ${call}: ${words}`, cometCode, { status });
  }

  /** An error after all retries carries only the status: adds what Comet said. */
  #withServerWords(error: unknown): unknown {
    if (!(error instanceof ExporterError) || error.code !== 'server' || error.status === undefined) return error;
    const text = (error.cause as { text?: unknown } | undefined)?.text;
    const json = typeof text === 'string' ? parseObject(Buffer.from(text)) : undefined;
    const words = this.#public(asText(json?.msg) ?? '');
    if (words === '') return error;
    const message = `${error.message.replace(/\.$/, '')}: ${words}`;
    return new CometError('server', message, asNumber(json?.sdk_error_code) ?? 0, { status: error.status });
  }

  /** The server's words without the key, should it repeat that. */
  #public(words: string): string {
    const [first = ''] = words.split(/[\r\n]/);
    return oneLine(Object.values(this.#headers).reduce((text, secret) => text.replaceAll(secret, '***'), first));
  }

  #notComet(): ExporterError {
    return new ExporterError('wrong_server', `The server at ${this.#root} does not answer as Comet does.`, {
      hint: 'Check COMET_URL_OVERRIDE.',
    });
  }
}

/** The name of a call for messages: its path without the parts that all have. */
function callOf(url: string): string {
  return new URL(url).pathname.replace(/^\/(?:clientlib|api\/rest\/v2)\//, '');
}

function withQuery(url: string, query: Record<string, string>): string {
  const text = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}`);
  return text.length === 0 ? url : `${url}?${text.join('&')}`;
}

/** A form with the file and its metadata; the same bytes each time. */
function multipart(
  file: string,
  size: number,
  metadata: string,
): { type: string; length: number; body(onError: (error: unknown) => void): Readable } {
  const boundary = `neptune-exporter-${randomBytes(16).toString('hex')}`;
  const part = (name: string, rest: string) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${rest}`;
  const head = Buffer.from(
    `${part('metadata', '')}\r\n\r\n${metadata}\r\n` +
      `${part('file', '; filename="file"')}\r\nContent-Type: application/octet-stream\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  async function* pieces(onError: (error: unknown) => void) {
    yield head;
    if (size > 0) {
      try {
        // No more than was told: a file that grows meanwhile is another one.
        yield* createReadStream(file, { end: size - 1, highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>;
      } catch (error) {
        onError(error);
        throw error;
      }
    }
    yield tail;
  }
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    length: head.length + size + tail.length,
    body: (onError) => Readable.from(pieces(onError), { objectMode: false }),
  };
}

async function wholeBody({ body }: StreamingResponse): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(body));
}

function readHandshake(key: string, answer: Record<string, unknown>): Handshake {
  const bytes = (field: string, otherwise: number) => {
    const mib = asNumber(answer[field]);
    return mib === undefined || mib <= 0 ? otherwise : mib * MIB;
  };
  return {
    key,
    runId: requiredText(answer.runId, 'runId'),
    projectId: asText(answer.project_id),
    limits: {
      asset: bytes('asset_upload_file_size_limit_in_mb', DEFAULT_LIMITS.asset),
      image: bytes('upload_file_size_limit_in_mb', DEFAULT_LIMITS.image),
    },
    nameLengths: { asset: asNumber(answer.assetNameMaxLength), image: asNumber(answer.imageNameMaxLength) },
  };
}

function readExperiment(value: unknown): Experiment {
  const experiment = asRecord(value);
  return {
    key: requiredText(experiment.experimentKey, 'experimentKey'),
    name: asText(experiment.experimentName) ?? '',
    projectName: asText(experiment.projectName) ?? '',
    workspaceName: asText(experiment.workspaceName),
    archived: experiment.archived === true,
    running: experiment.running === true,
    crashed: experiment.hasCrashed === true,
    startTime: asNumber(experiment.startTimeMillis),
    endTime: asNumber(experiment.endTimeMillis),
  };
}

function readAsset(value: unknown): Asset {
  const asset = asRecord(value);
  const { metadata } = asset;
  // A JSON text in lists, an object from some servers.
  const object = typeof metadata === 'string' ? parseObject(Buffer.from(metadata)) : asRecord(metadata);
  return {
    id: requiredText(asset.assetId, 'assetId'),
    name: asText(asset.fileName) ?? '',
    type: asText(asset.type) ?? 'asset',
    step: asNumber(asset.step),
    bytes: asNumber(asset.fileSize),
    metadata: object ?? {},
  };
}

function asWhole(value: unknown): number | bigint | null {
  return typeof value === 'number' || typeof value === 'bigint' ? value : null;
}
