// Downloads one file to disk: hashes on the way, resumes after a cut, checks the length, puts the file in place only when whole.

import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { diskError, onDisk } from '../model/disk-error.ts';
import { ExporterError } from '../model/errors.ts';
import { ConsumerError, type HttpClient, type StreamingResponse } from './client.ts';

export interface DownloadOptions {
  client: HttpClient;
  /** The address to fetch; called with true when the last one was refused, for a fresh one. */
  address: (refused: boolean) => Promise<string>;
  headers?: Record<string, string>;
  target: string;
  /** Bytes the file must have, where known. */
  size?: number;
  signal?: AbortSignal;
  onBytes?: (bytes: number) => void;
}

export interface Downloaded {
  /** Other than the expected size if the storage insisted on it: the file is kept, and the caller has to tell. */
  bytes: number;
  /** Hex. */
  sha256: string;
}

/** Fresh addresses asked for before a refusal counts as final. */
const MAX_REFUSALS = 3;
/** Whole tries with the same wrong size after which that is the file's size. */
const MAX_MISMATCHES = 3;
/** Statuses by which storage says that a signed address has ended (Google 400, Azure 401 and 403, S3 403). */
const REFUSED = new Set([400, 401, 403]);

/**
 * Fetches a file; one that is there already is replaced at the end.
 * @throws ExporterError `not_found` if there is no such file, `network`, `server`, `disk`
 */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const { target } = options;
  const partial = `${target}.download`;
  const file = await onDisk(async () => {
    await mkdir(dirname(target), { recursive: true });
    // Nothing vouches for what an earlier process left here: begin anew, and never write through a link.
    await rm(partial, { force: true });
    return open(partial, 'wx');
  });
  try {
    const content = new Content(file, options);
    await fetchAll(options, content);
    await onDisk(() => file.datasync());
    await file.close();
    await onDisk(() => rename(partial, target));
    return { bytes: content.bytes, sha256: content.digest() };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(partial, { force: true }).catch(() => {});
    throw error;
  }
}

/** Asks for fresh addresses as long as the storage refuses the last one. */
async function fetchAll(options: DownloadOptions, content: Content): Promise<void> {
  for (let refusals = 0; ; refusals++) {
    const url = await options.address(refusals > 0);
    const refused = await options.client
      .stream(
        {
          method: 'GET',
          url,
          headers: () => ({ ...options.headers, ...content.rangeHeaders() }),
          compressed: false,
          progressed: () => content.progressed(),
          ...(options.signal ? { signal: options.signal } : {}),
        },
        (response) => content.take(response),
      )
      .catch((error: unknown) => {
        // A storage that is gone is this file's failure; what it means for others is for their own requests to say.
        if (!(error instanceof ExporterError) || error.code !== 'offline') throw error;
        throw new ExporterError('network', error.message, { cause: error });
      });
    if (refused === undefined) return;
    if (refusals >= MAX_REFUSALS) {
      throw new ExporterError('server', `The storage refuses the signed address (HTTP ${refused}).`, {
        status: refused,
        attempts: refusals + 1,
      });
    }
  }
}

/** What has arrived so far; a later try goes on from here. */
class Content {
  bytes = 0;
  #hash = createHash('sha256');
  /** A strong validator: a download only goes on if the content is still the same. */
  #etag: string | undefined;
  #mostBytes = 0;
  #mismatches = 0;
  #mismatchedAt = -1;
  readonly #file: FileHandle;
  readonly #options: DownloadOptions;

  constructor(file: FileHandle, options: DownloadOptions) {
    this.#file = file;
    this.#options = options;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  /** True if more has arrived than at the last call. */
  progressed(): boolean {
    const more = this.bytes > this.#mostBytes;
    if (more) this.#mostBytes = this.bytes;
    return more;
  }

  rangeHeaders(): Record<string, string> {
    if (this.bytes === 0) return {};
    return { range: `bytes=${this.bytes}-`, ...(this.#etag ? { 'if-range': this.#etag } : {}) };
  }

  /** Reads an answer into the file. Answers the status if the address is refused; throws what makes the client try again. */
  async take({ status, headers, body }: StreamingResponse): Promise<number | undefined> {
    const { size } = this.#options;
    if (REFUSED.has(status)) return status;
    if (status === 404) throw final(new ExporterError('not_found', 'The server has no such file.', { status }));
    if (status === 200) await this.#restart(headers.etag);
    else if (status !== 206 || rangeStart(headers['content-range']) !== this.bytes) {
      // Azure answers 416 to a range of an empty blob: whole already, if the length fits; else begin anew.
      if (status === 416 && this.bytes === size) return undefined;
      if (status === 416 && this.bytes > 0) {
        await this.#restart(undefined);
        throw new ExporterError('bad_answer', 'The storage has less of the file than it sent before.');
      }
      throw final(new ExporterError('server', `The storage answered a download with HTTP ${status}.`, { status }));
    }
    for await (const chunk of body) await this.#add(chunk);
    if (size === undefined || this.bytes === size) return undefined;
    // HTTP sees nothing wrong, but the source told another size. If every try from the beginning ends like this, what
    // the storage has is all there is of the file.
    this.#mismatches = this.bytes === this.#mismatchedAt ? this.#mismatches + 1 : 1;
    this.#mismatchedAt = this.bytes;
    if (this.#mismatches >= MAX_MISMATCHES) return undefined;
    const text = `The file has ${size} bytes at the source, but ${this.bytes} arrived.`;
    await this.#restart(undefined);
    throw new ExporterError('bad_answer', text);
  }

  async #restart(etag: string | undefined): Promise<void> {
    this.#etag = etag?.startsWith('"') ? etag : undefined;
    if (this.bytes === 0) return;
    this.bytes = 0;
    this.#hash = createHash('sha256');
    await onDisk(() => this.#file.truncate(0)).catch((error: unknown) => {
      throw final(error);
    });
  }

  async #add(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.length; ) {
        done += (await this.#file.write(chunk, done, chunk.length - done, this.bytes + done)).bytesWritten;
      }
    } catch (error) {
      throw final(diskError(error));
    }
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    this.#options.onBytes?.(chunk.length);
  }
}

/** Marks an error that another try can't mend. */
function final(error: unknown): ConsumerError {
  return new ConsumerError(error);
}

function rangeStart(contentRange: string | undefined): number | undefined {
  const match = /^bytes (\d+)-/.exec(contentRange ?? '');
  return match ? Number(match[1]) : undefined;
}
