// Does tasks side by side: the first few here, and once there is much to do in threads, one for each core.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { interrupted, throwIfAborted } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import { doTask, type ResultOf, type Task } from './tasks.ts';
import type { WorkerMessage } from './worker.ts';

/** What is done before threads are started: they take a tenth of a second, and some memory. */
const INLINE_WEIGHT = 48 * 1024 * 1024;

/** Room of a thread for what is soon gone again: by default each of many threads takes a multiple, for little. */
const YOUNG_MIB = 24;

export interface PoolOptions {
  /** Threads. @default as many as there are cores */
  size?: number;
  /** Weight that is done without threads. @default 48 MiB */
  inlineWeight?: number;
  signal?: AbortSignal;
  /** Told of bytes that were read. */
  onBytes?: (count: number) => void;
}

interface Job {
  task: Task;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Runs tasks. What a task throws is a fault of the program or of its thread: damage is in results. */
export class Pool {
  /** Tasks that are worth being under way at once. */
  readonly width: number;
  readonly #size: number;
  readonly #inlineWeight: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onBytes: (count: number) => void;
  #weight = 0;
  #waiting: Job[] = [];
  /** Threads, with what each works on. */
  readonly #workers = new Map<Worker, Job | undefined>();
  readonly #onAbort = () => this.#stop(interrupted(this.#signal));

  constructor({ size, inlineWeight, signal, onBytes }: PoolOptions = {}) {
    this.#size = Math.max(1, size ?? availableParallelism());
    this.width = this.#size * 2;
    this.#inlineWeight = inlineWeight ?? INLINE_WEIGHT;
    this.#signal = signal;
    this.#onBytes = onBytes ?? (() => {});
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Does a task.
   * @param weight about how many bytes it has to read, more if that is laborious
   * @throws ExporterError `interrupted`; `internal` if the check failed, or its thread ended
   */
  async run<T extends Task>(task: T, weight: number): Promise<ResultOf<T>> {
    throwIfAborted(this.#signal);
    this.#weight += weight;
    if (this.#weight <= this.#inlineWeight) {
      const context = { bytes: this.#onBytes, check: () => throwIfAborted(this.#signal) };
      return doTask(task, context).catch((error: unknown) => {
        throw asFailure(error);
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ task, resolve, reject });
    this.#next();
    return (await promise) as ResultOf<T>;
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    const workers = [...this.#workers.keys()];
    this.#stop(new ExporterError('internal', 'The work was ended.'));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #next(): void {
    for (const job of [...this.#waiting]) {
      const idle = [...this.#workers].find(([, current]) => current === undefined)?.[0];
      const worker = idle ?? (this.#workers.size < this.#size ? this.#start() : undefined);
      if (!worker) return;
      this.#waiting.shift();
      this.#workers.set(worker, job);
      worker.postMessage(job.task);
    }
  }

  #start(): Worker {
    // Compiled or not, the thread is what this module is.
    const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const worker = new Worker(new URL(name, import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    this.#workers.set(worker, undefined);
    worker.on('message', (message: WorkerMessage) => this.#hear(worker, message));
    worker.on('error', (error: unknown) => this.#lose(worker, error));
    worker.on('exit', (code) => this.#lose(worker, new Error(`the thread ended with ${code}`)));
    return worker;
  }

  #hear(worker: Worker, message: WorkerMessage): void {
    if (message.kind === 'bytes') {
      this.#onBytes(message.count);
      return;
    }
    const job = this.#workers.get(worker);
    if (this.#workers.has(worker)) this.#workers.set(worker, undefined);
    if (message.kind === 'result') job?.resolve(message.result);
    else {
      const error = new Error(message.message);
      if (message.stack !== undefined) error.stack = message.stack;
      job?.reject(asFailure(error));
    }
    this.#next();
  }

  /** A thread that ended takes its task with it; the others are done by the rest, or by a new one. */
  #lose(worker: Worker, error: unknown): void {
    const job = this.#workers.get(worker);
    if (!this.#workers.delete(worker)) return;
    const reason = error instanceof Error ? error.message : String(error);
    job?.reject(new ExporterError('internal', `The thread that worked on it ended (${reason}).`, { cause: error }));
    this.#next();
  }

  #stop(error: ExporterError): void {
    const jobs = [...this.#waiting, ...[...this.#workers.values()].flatMap((job) => job ?? [])];
    const workers = [...this.#workers.keys()];
    this.#waiting = [];
    this.#workers.clear();
    for (const worker of workers) void worker.terminate();
    for (const job of jobs) job.reject(error);
  }
}

/** What a task threw that nobody foresaw: a problem of what it worked on, and no end of the rest. */
function asFailure(error: unknown): ExporterError {
  if (error instanceof ExporterError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ExporterError('internal', `The check itself failed (${message}).`, { cause: error });
}
