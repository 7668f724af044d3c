// MLflow's REST API: the few calls that a load needs, with errors fit for people.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { HttpClient, HttpRequest, HttpResponse, StreamingResponse } from '../../http/client.ts';
import { type ErrorCode, ExporterError } from '../../model/errors.ts';
import { readingArchive } from '../file-hash.ts';
import { type HistoryPage, readHistoryPage } from './history-page.ts';

/** MLflow's `error_code`, or `''` if the answer isn't MLflow's. */
export class MlflowError extends ExporterError {
  readonly mlflowCode: string;

  constructor(code: ErrorCode, message: string, mlflowCode: string, details: { hint?: string; status?: number }) {
    super(code, message, details);
    this.mlflowCode = mlflowCode;
  }
}

export interface Tag {
  key: string;
  value: string;
}

export interface Experiment {
  id: string;
  name: string;
  tags: ReadonlyMap<string, string>;
  artifactLocation: string;
  deleted: boolean;
}

export interface Run {
  id: string;
  name: string;
  experimentId: string;
  artifactUri: string;
  tags: ReadonlyMap<string, string>;
}

/** A run with what it holds. */
export interface RunContent extends Run {
  params: ReadonlyMap<string, string>;
  /** By key: the step of the point that MLflow takes for the latest. Beyond 2^53 the nearest double. */
  latestSteps: ReadonlyMap<string, number>;
  status: string;
  /** Milliseconds since 1970-01-01 UTC. */
  startTime: number;
  endTime: number | undefined;
}

/** An entry of a folder of artifacts. */
export interface Artifact {
  /** From the run's root. */
  path: string;
  isFolder: boolean;
  bytes: number | undefined;
}

export interface NewRun {
  experimentId: string;
  name: string;
  /** Milliseconds since 1970-01-01 UTC. */
  startTime: number;
  user?: string;
  tags: Tag[];
}

export interface ServerInfo {
  /** Files and databases differ in what a repeated point does. */
  store: 'file' | 'database' | 'unknown';
  version: string | undefined;
}

interface ClientOptions {
  http: HttpClient;
  /** Address without a slash at its end. */
  base: string;
  headers: Record<string, string>;
  signal?: AbortSignal;
}

/** Runs that one page of a search brings: an answer holds all their params and metrics. */
const SEARCH_PAGE = 50;
const HISTORY_PAGE = 20_000;
/** Slowest upload, or download to the server itself, that is waited for, bytes a second. */
const SLOW_TRANSFER = 1_000_000;
const ANSWER_TIMEOUT_MS = 120_000;
const CLASH_TRIES = 4;
const CLASH_PAUSE_MS = 50;

/**
 * Thin client of one tracking server. Every call but `createExperiment` and `createRun` may be repeated, and is, by the
 * HTTP client; `logBatch` on a file store only if told so (a repeat doubles points there).
 */
export class MlflowClient {
  readonly base: string;
  readonly #http: HttpClient;
  readonly #headers: Record<string, string>;
  readonly #signal: AbortSignal | undefined;

  constructor({ http, base, headers, signal }: ClientOptions) {
    this.#http = http;
    this.base = base;
    this.#headers = headers;
    this.#signal = signal;
  }

  /** @throws ExporterError `wrong_server` if it isn't an MLflow server, `token_refused`, `network` */
  async serverInfo(): Promise<ServerInfo> {
    // A call that needs credentials and that every version knows.
    await this.#post('experiments/search', { max_results: 1 });
    const version = await this.#send({ method: 'GET', url: `${this.base}/version` });
    const text = version.body.toString('utf8').trim();
    const info = await this.#send({ method: 'GET', url: `${this.base}/api/3.0/mlflow/server-info` });
    const type = info.status === 200 ? parseJson(info.body)?.store_type : undefined;
    return {
      store: type === 'FileStore' ? 'file' : type === 'SqlStore' ? 'database' : 'unknown',
      version: version.status === 200 && /^\d[\w.+-]{0,40}$/.test(text) ? text : undefined,
    };
  }

  /** The experiment of this name, deleted ones too. */
  async experimentByName(name: string): Promise<Experiment | undefined> {
    try {
      const answer = await this.#get('experiments/get-by-name', { experiment_name: name });
      return readExperiment(answer.experiment);
    } catch (error) {
      if (error instanceof MlflowError && error.mlflowCode === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw error;
    }
  }

  /** @throws MlflowError `RESOURCE_ALREADY_EXISTS` also if another loader was faster, or a deleted one has the name */
  async createExperiment(name: string, tags: Tag[]): Promise<void> {
    await this.#post('experiments/create', { name, tags }, { retry: false });
  }

  /** All experiments that aren't deleted. */
  async *experiments(): AsyncGenerator<Experiment> {
    let token: string | undefined;
    do {
      const query = { max_results: 1000, view_type: 'ACTIVE_ONLY', ...(token ? { page_token: token } : {}) };
      const answer = await this.#post('experiments/search', query);
      for (const item of asArray(answer.experiments)) yield readExperiment(item);
      token = asText(answer.next_page_token);
    } while (token);
  }

  /** Runs that aren't deleted, oldest first. The filter is in MLflow's language, which has no escape for quotes. */
  async *searchRuns(experimentIds: string[], filter: string): AsyncGenerator<Run> {
    let token: string | undefined;
    do {
      const answer = await this.#post('runs/search', {
        experiment_ids: experimentIds,
        filter,
        max_results: SEARCH_PAGE,
        order_by: ['attributes.start_time ASC'],
        ...(token ? { page_token: token } : {}),
      });
      for (const item of asArray(answer.runs)) yield readRun(item);
      token = asText(answer.next_page_token);
    } while (token);
  }

  async getRun(id: string): Promise<RunContent> {
    const answer = await this.#get('runs/get', { run_id: id });
    const run = asRecord(answer.run);
    const data = asRecord(run.data);
    const latestSteps = new Map(
      asArray(data.metrics).map((item) => {
        const metric = asRecord(item);
        return [asText(metric.key) ?? '', Number(metric.step ?? 0)];
      }),
    );
    const info = asRecord(run.info);
    return {
      ...readRun(answer.run),
      params: pairs(data.params),
      latestSteps,
      status: asText(info.status) ?? '',
      startTime: Number(info.start_time ?? 0),
      endTime: info.end_time === undefined ? undefined : Number(info.end_time),
    };
  }

  /** One try: after a lost answer the caller must look whether the run is there. */
  async createRun(run: NewRun): Promise<Run> {
    const answer = await this.#post(
      'runs/create',
      {
        experiment_id: run.experimentId,
        run_name: run.name,
        start_time: run.startTime,
        ...(run.user === undefined ? {} : { user_id: run.user }),
        tags: run.tags,
      },
      { retry: false },
    );
    return readRun(answer.run);
  }

  async updateRun(id: string, status: 'FINISHED' | 'FAILED', endTime: number): Promise<void> {
    await this.#post('runs/update', { run_id: id, status, end_time: endTime });
  }

  /** Takes up a run again: it runs, and has these tags. */
  async begin(id: string, tags: readonly Tag[]): Promise<void> {
    await this.logBatch(JSON.stringify({ run_id: id, tags }), true);
    await this.#post('runs/update', { run_id: id, status: 'RUNNING' });
  }

  async deleteRun(id: string): Promise<void> {
    await this.#post('runs/delete', { run_id: id });
  }

  async setTag(id: string, tag: Tag): Promise<void> {
    await this.#despiteClashes(() => this.#post('runs/set-tag', { run_id: id, ...tag }));
  }

  /** @param body JSON of the call, at most 1 MB; its numbers and texts must be valid, the server drops what isn't */
  async logBatch(body: string, repeatable: boolean): Promise<void> {
    if (repeatable) await this.#despiteClashes(() => this.#post('runs/log-batch', body));
    else await this.#post('runs/log-batch', body, { retry: false });
  }

  /** Two loads that write the same to one run at one instant: BAD_REQUEST is MLflow's name for what its database says then. */
  async #despiteClashes(write: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await write();
        return;
      } catch (error) {
        const isClash = error instanceof MlflowError && error.mlflowCode === 'BAD_REQUEST';
        if (!isClash || attempt > CLASH_TRIES) throw error;
        await setTimeout(CLASH_PAUSE_MS * attempt * (1 + Math.random()), undefined, { signal: this.#signal });
      }
    }
  }

  /** Number of points that the server holds of one metric. `expected` saves reading them all if it is right. */
  async countPoints(id: string, key: string, expected: number): Promise<number> {
    if (expected > 0) {
      // Page tokens are offsets in base64 JSON: the last expected point must be there, and be the last.
      const token = Buffer.from(JSON.stringify({ offset: expected - 1 })).toString('base64');
      try {
        const last = await this.#history(id, key, 1, token);
        if (last.count === 1 && last.next === undefined) return expected;
      } catch (error) {
        if (!(error instanceof MlflowError)) throw error;
      }
    }
    let count = 0;
    let token: string | undefined;
    do {
      const page = await this.#history(id, key, HISTORY_PAGE, token);
      count += page.count;
      token = page.next;
    } while (token);
    return count;
  }

  /** A page of a metric's points in the server's order; its first page without a token. */
  async historyPage(id: string, key: string, max: number, token?: string): Promise<HistoryPage> {
    const query = { run_id: id, metric_key: key, max_results: String(max), ...(token ? { page_token: token } : {}) };
    const call = 'metrics/get-history';
    return this.#stream({ method: 'GET', url: this.#callUrl(call, query) }, async (answer) => {
      if (answer.status !== 200) throw answerError({ ...answer, body: await wholeBody(answer) }, call);
      return readHistoryPage(answer.body);
    });
  }

  /** What lies in a folder of a run's artifacts; in their root without a path. */
  async *listArtifacts(id: string, path?: string): AsyncGenerator<Artifact> {
    let token: string | undefined;
    do {
      const answer = await this.#get('artifacts/list', {
        run_id: id,
        ...(path === undefined ? {} : { path }),
        ...(token ? { page_token: token } : {}),
      });
      for (const item of asArray(answer.files)) {
        const file = asRecord(item);
        const bytes = file.file_size === undefined ? undefined : Number(file.file_size);
        yield { path: asText(file.path) ?? '', isFolder: file.is_dir === true, bytes };
      }
      token = asText(answer.next_page_token);
    } while (token);
  }

  /**
   * Downloads an artifact from the proxy and hands it to `consume`, anew if it breaks off.
   * @param url whole address, percent-encoded
   * @param bytes that it should have: the server may have to fetch it itself before it answers
   */
  async getArtifact<T>(
    url: string,
    bytes: number,
    consume: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = ANSWER_TIMEOUT_MS + (bytes / SLOW_TRANSFER) * 1000;
    return this.#stream({ method: 'GET', url, compressed: false, timeoutMs }, async (answer) => {
      if (answer.status === 200) return consume(answer.body);
      throw answerError({ ...answer, body: await wholeBody(answer) }, 'the download of an artifact');
    });
  }

  /**
   * Uploads a file to the artifact proxy. Repeated after a cut; overwrites.
   * @param url whole address, percent-encoded
   */
  async putArtifact(url: string, file: string): Promise<void> {
    const { size } = await readingArchive(file, () => stat(file));
    let unreadable: Error | undefined;
    const body = () => {
      const stream = createReadStream(file, { end: size - 1 });
      // To the request it is a broken connection.
      return stream.on('error', (error) => {
        unreadable = error;
      });
    };
    const answer = await this.#send({
      method: 'PUT',
      url,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
      body: () => {
        if (unreadable) throw unreadable;
        return size === 0 ? '' : body();
      },
      timeoutMs: ANSWER_TIMEOUT_MS + (size / SLOW_TRANSFER) * 1000,
    }).catch((error: unknown) => readingArchive(file, () => Promise.reject(unreadable ?? error)));
    if (answer.status >= 300) throw answerError(answer, 'the upload of an artifact');
  }

  async #history(id: string, key: string, max: number, token?: string): Promise<{ count: number; next?: string }> {
    const query = { run_id: id, metric_key: key, max_results: String(max), ...(token ? { page_token: token } : {}) };
    const answer = await this.#get('metrics/get-history', query);
    const next = asText(answer.next_page_token);
    return { count: asArray(answer.metrics).length, ...(next ? { next } : {}) };
  }

  async #get(call: string, query: Record<string, string>): Promise<Record<string, unknown>> {
    return this.#json({ method: 'GET', url: this.#callUrl(call, query) }, call);
  }

  #callUrl(call: string, query: Record<string, string>): string {
    // Not URLSearchParams: it writes blanks as `+`.
    const text = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return `${this.base}/api/2.0/mlflow/${call}?${text.join('&')}`;
  }

  async #post(
    call: string,
    body: string | Record<string, unknown>,
    options: Pick<HttpRequest, 'retry'> = {},
  ): Promise<Record<string, unknown>> {
    const request: HttpRequest = {
      method: 'POST',
      url: `${this.base}/api/2.0/mlflow/${call}`,
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...options,
    };
    return this.#json(request, call);
  }

  async #json(request: HttpRequest, call: string): Promise<Record<string, unknown>> {
    const answer = await this.#send(request);
    if (answer.status !== 200) throw answerError(answer, call);
    const json = parseJson(answer.body);
    if (!json) throw notMlflow(this.base);
    return json;
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await this.#http.request(this.#own(request));
    } catch (error) {
      throw withServerWords(error);
    }
  }

  async #stream<T>(request: HttpRequest, consume: (answer: StreamingResponse) => Promise<T>): Promise<T> {
    try {
      return await this.#http.stream(this.#own(request), consume);
    } catch (error) {
      throw withServerWords(error);
    }
  }

  /** Credentials go to the tracking server only, not to another one that keeps its artifacts. */
  #own(request: HttpRequest): HttpRequest {
    const own = request.headers as Record<string, string> | undefined;
    const trusted = new URL(request.url).origin === new URL(this.base).origin ? this.#headers : {};
    return { ...request, headers: { ...trusted, ...own }, ...(this.#signal ? { signal: this.#signal } : {}) };
  }
}

async function wholeBody({ body }: StreamingResponse): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(body));
}

/** What MLflow answers to a refused call, as an error. */
function answerError(answer: HttpResponse, call: string): ExporterError {
  const json = parseJson(answer.body);
  const mlflowCode = asText(json?.error_code) ?? '';
  const words = publicMessage(asText(json?.message) ?? '');
  const { status } = answer;
  if (status === 401) {
    return new MlflowError('token_refused', 'The MLflow server refused the credentials.', mlflowCode, {
      status,
      hint: 'Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.',
    });
  }
  if (status === 403) {
    const text = words || publicMessage(answer.body.toString('utf8', 0, 300)) || 'no reason given';
    return new MlflowError('access_denied', `The MLflow server does not allow ${call}: ${text}`, mlflowCode, {
      status,
      hint: "Check the user's permissions there; a server also refuses host names it doesn't know (--allowed-hosts).",
    });
  }
  if (mlflowCode === '') {
    return new MlflowError('wrong_server', `The server answers ${call} with HTTP ${status}, not as MLflow does.`, '', {
      status,
      hint: 'Check the MLflow tracking URI.',
    });
  }
  return new MlflowError('server', `MLflow refused ${call}: ${words || mlflowCode}`, mlflowCode, { status });
}

/** An error after all retries carries only the status: adds what MLflow said. */
function withServerWords(error: unknown): unknown {
  if (!(error instanceof ExporterError) || error.code !== 'server' || error.status === undefined) return error;
  const text = (error.cause as { text?: unknown } | undefined)?.text;
  const json = typeof text === 'string' ? parseJson(Buffer.from(text)) : undefined;
  const words = publicMessage(asText(json?.message) ?? '');
  if (words === '') return error;
  return new MlflowError('server', `${error.message.replace(/\.$/, '')}: ${words}`, asText(json?.error_code) ?? '', {
    status: error.status,
    hint: "Look into the MLflow server's log.",
  });
}

function notMlflow(base: string): ExporterError {
  return new ExporterError('wrong_server', `The server at ${base} does not answer as MLflow does.`, {
    hint: 'Check the MLflow tracking URI.',
  });
}

/** The first line of a server's message, without SQL and its parameters, which may hold anything. */
export function publicMessage(message: string): string {
  const [line = ''] = message.split(/[\r\n]|\[SQL|\[parameters|\((?:sqlite3|psycopg2?|pymysql|pyodbc|MySQLdb)\b/i);
  const clean = line.replace(/\s+/g, ' ').trim();
  return clean.length > 300 ? `${clean.slice(0, 300).toWellFormed()}…` : clean;
}

function parseJson(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Empty lists and texts are absent keys in MLflow's answers. */
function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function requiredText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ExporterError('bad_answer', `MLflow's answer lacks ${name}.`);
}

function pairs(value: unknown): Map<string, string> {
  return new Map(
    asArray(value).map((item) => {
      const pair = asRecord(item);
      return [asText(pair.key) ?? '', asText(pair.value) ?? ''];
    }),
  );
}

function readExperiment(value: unknown): Experiment {
  const experiment = asRecord(value);
  return {
    id: requiredText(experiment.experiment_id, 'experiment_id'),
    name: asText(experiment.name) ?? '',
    tags: pairs(experiment.tags),
    artifactLocation: asText(experiment.artifact_location) ?? '',
    deleted: experiment.lifecycle_stage === 'deleted',
  };
}

function readRun(value: unknown): Run {
  const run = asRecord(value);
  const info = asRecord(run.info);
  return {
    id: requiredText(info.run_id, 'run_id'),
    name: asText(info.run_name) ?? '',
    experimentId: requiredText(info.experiment_id, 'experiment_id'),
    artifactUri: asText(info.artifact_uri) ?? '',
    tags: pairs(asRecord(run.data).tags),
  };
}
