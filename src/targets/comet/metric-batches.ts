// Points in full batches, several under way. Comet keeps what comes twice twice: each batch carries a mark by which it is told.

import { hash } from 'node:crypto';
import { sleep, throwIfAborted } from '../../http/limits.ts';
import { DEFAULT_RETRY, pauseMs } from '../../http/retry.ts';
import type { FloatSeriesBatch } from '../../model/batches.ts';
import { ExporterError } from '../../model/errors.ts';
import { int64At, isSafeInt64, words } from '../../model/int64.ts';
import { isBeyondInt64, scaledMicro, wholeStepText } from '../steps.ts';
import { batchMarkName, MARKS_A_METRIC } from './batch-marks.ts';

/** Values of one batch, as the SDK sends them; the last one is the batch's mark. */
const MAX_VALUES = 1000;
/** Batches of one run under way at once. */
const MAX_PENDING = 6;
/** Bytes of one value: a name of 100 characters, three numbers, and the words between. */
const MAX_VALUE_BYTES = 350;

/** The service has other points of the run than this load would send: it can't be gone on with. */
export class OtherPoints extends Error {}

/** What a batch's mark holds: a hash of the batch's text, 48 bits. */
export type BatchMark = number;

export interface MetricBatchesOptions {
  experimentKey: string;
  /** One try. */
  send(body: Buffer): Promise<void>;
  /** Marks of the metric that are at the service, by the number of their batch. */
  marks(metricName: string): Promise<ReadonlyMap<number, readonly BatchMark[]>>;
  /** Marks of batches that an earlier load brought there. */
  known: ReadonlyMap<number, readonly BatchMark[]>;
  /** Milliseconds for all tries of one batch. */
  budgetMs: number;
  signal: AbortSignal;
}

/**
 * Collects the points of one run in the order in which they come: the same archive makes the same batches again, and
 * those that are at the service are not sent twice. A failed call makes the next `add` or `flush` throw.
 */
export class MetricBatches {
  readonly #options: MetricBatchesOptions;
  readonly #head: string;
  readonly #pending = new Set<Promise<void>>();
  /** Of all batches so far, by their number. */
  readonly #sent: BatchMark[] = [];
  #failure: { error: unknown } | undefined;
  /** Memory of batches that are through. */
  readonly #free: Buffer[] = [];
  #body: Buffer | undefined;
  #length = 0;
  #count = 0;

  constructor(options: MetricBatchesOptions) {
    this.#options = options;
    this.#head = `{"experimentKey":${JSON.stringify(options.experimentKey)},"values":[`;
  }

  /** Adds the points of a batch. @returns how many have a step beyond 64 bits */
  async add(name: string, batch: FloatSeriesBatch, multiplier: bigint): Promise<number> {
    const { steps, timestamps, values, stepValid, timestampValid, valueValid } = batch;
    const [stepWords, timeWords] = [words(steps), words(timestamps)];
    const head = `{"metricName":${JSON.stringify(name)},"metricValue":`;
    let beyond = 0;
    for (let i = 0; i < batch.length; i++) {
      const scaled = stepValid?.[i] === 0 ? 0 : scaledMicro(steps, stepWords, i, multiplier);
      if (typeof scaled === 'bigint' && isBeyondInt64(scaled)) beyond++;
      const value = valueValid?.[i] === 0 ? '"NaN"' : metricValueJson(values[i]!);
      const time = timestampValid?.[i] === 0 ? 0 : isSafeInt64(timeWords, i) ? int64At(timeWords, i) : timestamps[i]!;
      const step = wholeStepText(scaled);
      this.#write(`${head}${value},"step":${step},"epoch":null,"context":null,"timestamp":${time}},`);
      this.#count++;
      if (this.#count === MAX_VALUES - 1) await this.#room();
    }
    return beyond;
  }

  /** Sends all and waits for all answers. @throws what a call failed with */
  async flush(): Promise<void> {
    if (this.#count > 0) await this.#room();
    await Promise.all(this.#pending);
    this.#throwFailure();
  }

  /**
   * Compares the marks at the service with those of all batches.
   * @returns how many batches it lacks, and how many it has that it should not have, or more than once
   */
  async check(): Promise<{ batches: number; missing: number; extra: number }> {
    let [missing, extra] = [0, 0];
    for (let from = 0; from <= this.#sent.length; from += MARKS_A_METRIC) {
      const held = await this.#options.marks(batchMarkName(from));
      const to = Math.min(from + MARKS_A_METRIC, this.#sent.length);
      let matched = 0;
      for (let number = from; number < to; number++) {
        if (held.get(number)?.includes(this.#sent[number]!)) matched++;
        else missing++;
      }
      let all = 0;
      for (const marks of held.values()) all += marks.length;
      extra += all - matched;
    }
    return { batches: this.#sent.length, missing, extra };
  }

  /** Texts are written where they are sent from: strings of a batch that grow piece by piece fill the heap. */
  #write(ascii: string): void {
    if (!this.#body) {
      this.#body = this.#free.pop() ?? Buffer.allocUnsafeSlow(MAX_VALUES * MAX_VALUE_BYTES);
      this.#length = this.#body.write(this.#head, 0, 'latin1');
    }
    this.#length += this.#body.write(ascii, this.#length, 'latin1');
  }

  /** Sends the points collected and waits until another call may be made. */
  async #room(): Promise<void> {
    throwIfAborted(this.#options.signal);
    const number = this.#sent.length;
    const text = this.#body!.subarray(this.#head.length, this.#length);
    const mark = Number.parseInt(hash('sha256', text, 'hex').slice(0, 12), 16);
    this.#sent.push(mark);
    const there = this.#options.known.get(number);
    if (there && !there.includes(mark)) throw new OtherPoints();
    this.#write(
      `{"metricName":"${batchMarkName(number)}","metricValue":${mark},"step":${number},"epoch":null,"context":null,"timestamp":${Date.now()}}]}`,
    );
    const memory = this.#body!;
    const body = memory.subarray(0, this.#length);
    this.#body = undefined;
    this.#count = 0;
    if (there) {
      this.#free.push(memory);
      return;
    }
    while (this.#pending.size >= MAX_PENDING) await Promise.race(this.#pending);
    this.#throwFailure();
    const task = this.#deliver(number, mark, body)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#pending.delete(task);
        this.#free.push(memory);
      });
    this.#pending.add(task);
  }

  /** Sends a batch once: where it isn't known whether it came, its mark is looked for before it is sent again. */
  async #deliver(number: number, mark: BatchMark, body: Buffer): Promise<void> {
    const { send, budgetMs, signal } = this.#options;
    const name = batchMarkName(number);
    const started = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        await send(body);
        return;
      } catch (error) {
        if (!mayHaveCome(error)) throw error;
        if (await this.#isThere(name, number, mark)) return;
        const isSpent = performance.now() - started > budgetMs;
        if (isSpent && attempt >= DEFAULT_RETRY.minTries) throw error;
        await sleep(pauseMs(DEFAULT_RETRY, attempt), signal);
        // What was on its way may have come meanwhile.
        if (await this.#isThere(name, number, mark)) return;
      }
    }
  }

  async #isThere(name: string, number: number, mark: BatchMark): Promise<boolean> {
    const held = await this.#options.marks(name);
    return held.get(number)?.includes(mark) === true;
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

/** After a lost connection or a fault of the server, a batch may have been taken or not. */
function mayHaveCome(error: unknown): boolean {
  if (!(error instanceof ExporterError)) return false;
  if (error.code === 'network' || error.code === 'bad_answer') return true;
  return error.code === 'server' && ((error.status ?? 0) >= 500 || error.status === 408);
}

/** A value of a metric in JSON; words where JSON has no number. */
export function metricValueJson(value: number): string {
  if (value - value !== 0) return `"${value}"`;
  return value === 0 && Object.is(value, -0) ? '-0.0' : String(value);
}
