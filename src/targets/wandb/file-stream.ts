// Lines of a run's history on their way to the server: packed into requests, one in flight, by line numbers.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { sleep } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import type { RunPlace, WandbClient } from './client.ts';
import type { HistoryLine } from './history-lines.ts';

/** Bytes of a request. W&B's SDK packs 10 MiB; smaller ones keep memory low and cost next to nothing. */
const REQUEST_BYTES = 2 << 20;
/** What stands before the lines: the offset has room for more digits than it will ever have. */
const HEAD = '{"files":{"wandb-history.jsonl":{"offset":';
const HEAD_BYTES = 100;
const TAIL = ']}}}';
const UPLOADED_AT_ONCE = 1000;
/** Requests that the server has left for us until we slow down. */
const FEW_LEFT = 5;

const zip = promisify(gzip);

export interface FileStreamOptions {
  client: WandbClient;
  place: RunPlace;
  /** The server takes compressed bodies. */
  canGzip: boolean;
  /** Lines that the history began with: those of the parent. */
  inherited: number;
  /** Lines that the server has, inherited ones too: they aren't sent again. */
  there: number;
  signal: AbortSignal;
}

export class FileStream {
  readonly #options: FileStreamOptions;
  /** Number of the next line that is given. */
  #next: number;
  #offset: number;
  /** The lines of the next request, as they stand in it. */
  #body = Buffer.allocUnsafeSlow(REQUEST_BYTES);
  #other = Buffer.allocUnsafeSlow(REQUEST_BYTES);
  #filled = HEAD_BYTES;
  #count = 0;
  #inFlight: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  /** The line before the first that is sent: what the server's last one should be. */
  #lastThere: HistoryLine | undefined;

  constructor(options: FileStreamOptions) {
    this.#options = options;
    this.#next = options.inherited;
    this.#offset = Math.max(options.there, options.inherited);
  }

  /** Lines that the history should have by now. */
  get lines(): number {
    return this.#next;
  }

  /** True if there are lines that an earlier load sent. To be asked before any is sent. */
  get isBegun(): boolean {
    return this.#offset > this.#options.inherited;
  }

  /** The last line of those that were there before. */
  get lastThere(): HistoryLine | undefined {
    return this.#lastThere;
  }

  /** Takes a line; undefined if nothing has to be waited for. */
  add(line: HistoryLine): Promise<void> | undefined {
    const number = this.#next++;
    if (number < this.#offset) {
      this.#lastThere = line;
      return undefined;
    }
    const length = line.text.length + 3;
    // Not of the room there is: one long line may have made more of it.
    const isFull = this.#filled + length + TAIL.length > REQUEST_BYTES && this.#count > 0;
    if (isFull) return this.#send().then(() => this.#put(line.text, length));
    this.#put(line.text, length);
    return undefined;
  }

  /** Sends what waits, and comes back when all of it was taken. */
  async flush(): Promise<void> {
    if (this.#count > 0) await this.#send();
    await this.#inFlight;
    if (this.#failure) throw this.#failure.error;
  }

  /** Reports files that were stored: the server may not see that by itself. */
  async uploaded(paths: readonly string[]): Promise<void> {
    for (let from = 0; from < paths.length; from += UPLOADED_AT_ONCE) {
      await this.#post(JSON.stringify({ uploaded: paths.slice(from, from + UPLOADED_AT_ONCE) }));
    }
  }

  /** @param json the whole summary */
  summary(json: string): Promise<void> {
    return this.#post(`{"files":{"wandb-summary.json":{"offset":0,"content":[${JSON.stringify(json)}]}}}`);
  }

  /** Ends the run. */
  complete(exitCode: number): Promise<void> {
    return this.#post(JSON.stringify({ complete: true, exitcode: exitCode }));
  }

  /** @param text in ASCII: keys are, and all else has escapes */
  #put(text: string, length: number): void {
    if (this.#filled + length + TAIL.length > this.#body.length) {
      const longer = Buffer.allocUnsafeSlow(this.#filled + length + TAIL.length);
      longer.set(this.#body.subarray(0, this.#filled));
      this.#body = longer;
    }
    const comma = this.#count === 0 ? '' : ',';
    this.#filled += this.#body.write(`${comma}"${text}"`, this.#filled, 'latin1');
    this.#count++;
  }

  /** Waits for the request before, and sends the next one without waiting for it. */
  async #send(): Promise<void> {
    const head = `${HEAD}${this.#offset},"content":[`;
    const start = HEAD_BYTES - head.length;
    this.#body.write(head, start, 'latin1');
    const end = this.#filled + this.#body.write(TAIL, this.#filled, 'latin1');
    const full = this.#body;
    this.#offset += this.#count;
    this.#filled = HEAD_BYTES;
    this.#count = 0;
    await this.#inFlight;
    if (this.#failure) throw this.#failure.error;
    // Nobody reads the other one any more.
    this.#body = this.#other;
    this.#other = full;
    this.#inFlight = this.#post(full.subarray(start, end)).catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  async #post(body: string | Buffer): Promise<void> {
    const { client, place, canGzip, signal } = this.#options;
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    const headers = await client.fileStream(place, canGzip ? await zip(bytes, { level: 1 }) : bytes, canGzip);
    const [remaining, reset] = [headers['ratelimit-remaining'], headers['ratelimit-reset']].map(Number);
    if (remaining === undefined || reset === undefined || !(remaining <= FEW_LEFT) || !(reset > 0)) return;
    // What is left has to last until the server counts anew.
    await sleep((Math.min(reset, 120) * 1000) / (remaining + 1), signal);
  }
}

/** What is said of a half run that showed other files. */
export function outdatedHalf(name: string): ExporterError {
  const message = `The half-loaded run ${name} at W&B lacked files that are here now, or had others: it was removed.`;
  return new ExporterError('server', message, { hint: 'Start the load again: it makes the run anew.' });
}

/** What is said of a half run with lines that this load would not make. */
export function strangeHalf(name: string): ExporterError {
  return new ExporterError('server', `The half-loaded run ${name} at W&B has other lines than this load makes.`, {
    hint: 'Delete that run at W&B, and start the load again.',
  });
}
