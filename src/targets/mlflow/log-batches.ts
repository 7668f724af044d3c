// Fills log-batch calls as full as MLflow takes them, and keeps a few of them under way.

/** MLflow's limits for one call. */
const MAX_METRICS = 1000;
const MAX_PARAMS = 100;
/** Under the 1,000,000 bytes that older servers enforce. */
const MAX_BYTES = 900_000;
/** Calls of one run under way at once. */
const PENDING = 4;

/** Sends the body of one call. @see MlflowClient.logBatch */
export type SendBatch = (body: string) => Promise<void>;

/**
 * Collects metrics and params of one run. A failed call makes the next `room` or `flush` throw. The texts given must
 * be valid JSON within MLflow's limits: the server answers 200 and drops what it can't read.
 */
export class LogBatches {
  readonly #send: SendBatch;
  readonly #head: string;
  readonly #atOnce: number;
  readonly #pending = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;
  #metrics = '';
  #metricCount = 0;
  #params: string[] = [];
  #paramBytes = 0;

  /** @param atOnce calls under way at once */
  constructor(runId: string, send: SendBatch, atOnce = PENDING) {
    this.#send = send;
    this.#atOnce = atOnce;
    this.#head = `{"run_id":${JSON.stringify(runId)},`;
  }

  /** Adds the JSON object of one point. Call `room` when it returns false, before the next one. */
  addMetric(json: string): boolean {
    this.#metrics += this.#metricCount === 0 ? json : `,${json}`;
    this.#metricCount++;
    return this.#metricCount < MAX_METRICS;
  }

  async addParam(key: string, value: string): Promise<void> {
    const json = JSON.stringify({ key, value });
    const bytes = Buffer.byteLength(json) + 1;
    if (this.#params.length === MAX_PARAMS || this.#paramBytes + bytes > MAX_BYTES) await this.#sendParams();
    this.#params.push(json);
    this.#paramBytes += bytes;
  }

  /** Sends the points collected and waits until another call may be made. @throws what a call before failed with */
  async room(): Promise<void> {
    if (this.#metricCount === 0) return;
    const body = `${this.#head}"metrics":[${this.#metrics}]}`;
    this.#metrics = '';
    this.#metricCount = 0;
    await this.#start(body);
  }

  /** Sends all and waits for all answers. @throws what a call failed with */
  async flush(): Promise<void> {
    await this.#sendParams();
    await this.room();
    await Promise.all(this.#pending);
    this.#throwFailure();
  }

  /** Waits for the answers still to come, without a word about them: for a run that is given up. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #sendParams(): Promise<void> {
    if (this.#params.length === 0) return;
    const body = `${this.#head}"params":[${this.#params.join(',')}]}`;
    this.#params = [];
    this.#paramBytes = 0;
    await this.#start(body);
  }

  async #start(body: string): Promise<void> {
    while (this.#pending.size >= this.#atOnce) await Promise.race(this.#pending);
    this.#throwFailure();
    const call = this.#send(body)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#pending.delete(call));
    this.#pending.add(call);
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
