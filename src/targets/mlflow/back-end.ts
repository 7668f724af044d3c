// Where a run on its way to MLflow ends up: at the server, or beside what the server holds already (see compare.ts).

import type { FileStore, Origin } from '../file-store.ts';
import type { MlflowClient, RunContent } from './client.ts';
import { LogBatches } from './log-batches.ts';
import { LOADED_TAG } from './run-tags.ts';
import { metricValueJson } from './values.ts';

/** A point as MLflow is to hold it. */
export interface MetricPoint {
  /** Whole, as text: 64 bits. */
  step: string;
  /** Milliseconds, not negative. */
  timestamp: number | bigint;
  value: number;
}

/** Takes what a run consists of, after the mapping. Points and params may be held back until `flush`. */
export interface RunBackEnd extends FileStore {
  /** False: call `room` before the next point; the point was the last one of a call. */
  addMetric(key: string, point: MetricPoint, origin: Origin): boolean;
  room(): Promise<void>;
  /** All points of this metric were given. */
  endMetric(key: string): Promise<void>;
  addParam(key: string, value: string, origin: Origin): Promise<void>;
  /** @throws what went wrong with something given before */
  flush(): Promise<void>;
  /** What the server holds by now; undefined if nothing was sent that it could have lost. */
  held(): Promise<Pick<RunContent, 'params' | 'latestSteps'> | undefined>;
  /** Points of one metric that the server holds. */
  countPoints(key: string, expected: number): Promise<number>;
  /** The run is whole. */
  complete(status: 'FINISHED' | 'FAILED', endTime: number, mark: string): Promise<void>;
}

/** Sends a run to the server. */
export class SendingBackEnd implements RunBackEnd {
  readonly #id: string;
  readonly #client: MlflowClient;
  readonly #artifacts: FileStore;
  readonly #batches: LogBatches;
  #key: string | undefined;
  #head = '';

  constructor(id: string, client: MlflowClient, artifacts: FileStore, fileStore: boolean) {
    this.#id = id;
    this.#client = client;
    this.#artifacts = artifacts;
    // A file store keeps a repeated point twice.
    // Nor does it take two calls at once: both may make the same folder, and one of them fails.
    this.#batches = new LogBatches(id, (body) => client.logBatch(body, !fileStore), fileStore ? 1 : undefined);
  }

  addMetric(key: string, { step, timestamp, value }: MetricPoint): boolean {
    if (key !== this.#key) {
      this.#key = key;
      this.#head = `{"key":${JSON.stringify(key)},"value":`;
    }
    const json = `${this.#head}${metricValueJson(value)},"timestamp":${timestamp},"step":${step}}`;
    return this.#batches.addMetric(json);
  }

  room(): Promise<void> {
    return this.#batches.room();
  }

  async endMetric(): Promise<void> {}

  addParam(key: string, value: string): Promise<void> {
    return this.#batches.addParam(key, value);
  }

  flush(): Promise<void> {
    return this.#batches.flush();
  }

  put(path: string, file: string): Promise<void> {
    return this.#artifacts.put(path, file);
  }

  held(): Promise<RunContent> {
    return this.#client.getRun(this.#id);
  }

  countPoints(key: string, expected: number): Promise<number> {
    return this.#client.countPoints(this.#id, key, expected);
  }

  async complete(status: 'FINISHED' | 'FAILED', endTime: number, mark: string): Promise<void> {
    await this.#client.updateRun(this.#id, status, endTime);
    await this.#client.setTag(this.#id, { key: LOADED_TAG, value: mark });
  }
}
