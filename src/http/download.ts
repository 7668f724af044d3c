// Downloads one file to disk: hashes on the way, resumes after a cut, checks the length, puts the file in place only when whole.

import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { diskError, onDisk } from '../model/disk-error.ts';
import { ExporterError, FileTooLarge } from '../model/errors.ts';
import { DOWNLOAD_SUFFIX, isPlainName, MAX_NAME_BYTES } from '../model/plain-name.ts';
import { contentCodings } from './body.ts';
import { ConsumerError, type HttpClient, type StreamingResponse } from './client.ts';

export interface DownloadOptions {
  client: HttpClient;
  /** The address to fetch, with headers for it alone; called with true when the last one was refused, for a fresh one. */
  address: (refused: boolean) => Promise<string | { url: string; headers: Record<string, string> }>;
  headers?: Record<string, string>;
  /** Statuses that mean that the address is refused and a fresh one may not be. @default 400, 401, 403 */
  refused?: ReadonlySet<number>;
  /** Path of the file; of its folder if `name` is there. */
  target: string;
  /**
   * Gives the file's name in the folder, from the headers (names in lower case) of an answer with content. It has to
   * be a plain name (see isPlainName), and another for each download that goes on in the same folder.
   */
  name?: (headers: Record<string, string>) => string;
  /** Bytes the file must have, where known. */
  size?: number;
  /**
   * Looks at content whose size nobody told: what is wrong with it, if it ends too early. It is fetched anew then, and
   * kept with this flaw if it comes the same way every time.
   */
  flaw?: (file: FileHandle, bytes: number) => Promise<string | undefined>;
  /** The storage may make the content anew for each request: only go on where it proves to be the same. */
  remade?: boolean;
  /** A file with more bytes is given up, as soon as that is seen. */
  maxBytes?: number;
  signal?: AbortSignal;
  onBytes?: (bytes: number) => void;
}

export interface Downloaded {
  /** Other than the expected size if the storage insisted on it: the file is kept, and the caller has to tell. */
  bytes: number;
  /** Hex. */
  sha256: string;
  /** What is wrong with the content, though every try brought the same. */
  flaw?: string;
}

/** Fresh addresses asked for in a row before a refusal counts as final. */
const MAX_REFUSALS = 3;
/** Whole tries with the same wrong size after which that is the file's size. */
const MAX_MISMATCHES = 3;
/** Answers to a range that don't go on with the file, after which ranges of it are no longer asked for. */
const MAX_FAILED_RESUMES = 2;
/** What a try must bring for the time to begin anew: a storage that only drips would keep a file for days. */
const PROGRESS_BYTES = 16 * 1024;
/** Statuses by which storage says that a signed address has ended (Google 400, Azure 401 and 403, S3 403). */
const REFUSED: ReadonlySet<number> = new Set([400, 401, 403]);

/**
 * Fetches a file; one that is there already is replaced at the end. While it comes it lies beside its place, under a
 * name that ends in `.download`; nothing of it is left if it fails.
 * @throws ExporterError `not_found` if there is no such file, `network`, `server`, `disk`, `bad_answer` if `name` gives
 *   no plain name; FileTooLarge with the size as far as it is known
 */
export async function download(
  options: DownloadOptions & { name: NonNullable<DownloadOptions['name']> },
): Promise<Downloaded & { name: string }>;
export async function download(options: DownloadOptions): Promise<Downloaded>;
export async function download(options: DownloadOptions): Promise<Downloaded & { name?: string }> {
  const content = new Content(options);
  try {
    await fetchAll(options, content);
    const path = await content.put();
    const { bytes, flaw } = content;
    return {
      bytes,
      sha256: content.digest(),
      ...(flaw === undefined ? {} : { flaw }),
      ...(options.name ? { name: basename(path) } : {}),
    };
  } catch (error) {
    await content.abandon();
    throw error;
  }
}

/** Asks for fresh addresses as long as the storage refuses the last one. */
async function fetchAll(options: DownloadOptions, content: Content): Promise<void> {
  let refusals = 0;
  let bytesBefore = 0;
  for (let first = true; ; first = false) {
    const address = await options.address(!first);
    const { url, headers } = typeof address === 'string' ? { url: address, headers: {} } : address;
    const refused = await options.client
      .stream(
        {
          method: 'GET',
          url,
          headers: () => ({ ...options.headers, ...headers, ...content.rangeHeaders() }),
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
    // Addresses may end many times while a large file comes.
    refusals = content.bytes > bytesBefore ? 1 : refusals + 1;
    bytesBefore = content.bytes;
    if (refusals > MAX_REFUSALS) {
      throw new ExporterError('server', `The storage refuses the download (HTTP ${refused}).`, {
        status: refused,
        attempts: refusals,
      });
    }
  }
}

/** What has arrived so far; a later try goes on from here. */
class Content {
  bytes = 0;
  flaw: string | undefined;
  #hash = createHash('sha256');
  /** What the first answer told of the content: a download only goes on if it is still the same. */
  #etag: string | undefined;
  #modified: string | undefined;
  /** Length of the whole, if the storage told it. */
  #length: number | undefined;
  /** It came compressed: its bytes are not those that a range counts. */
  #compressed = false;
  /** Where the last request asked to go on; 0 if it asked for the whole. */
  #askedFrom = 0;
  #failedResumes = 0;
  #beginsAnew = false;
  #mostBytes = 0;
  #mismatches = 0;
  #mismatchedAt = -1;
  #target: string;
  #file: FileHandle | undefined;
  #partial: string | undefined;
  readonly #options: DownloadOptions;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#target = options.target;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }

  /** True if much more has arrived than ever before, or the download begins anew because it could not go on. */
  progressed(): boolean {
    const progress = this.bytes >= this.#mostBytes + PROGRESS_BYTES || this.#beginsAnew;
    if (progress) this.#mostBytes = Math.max(this.#mostBytes, this.bytes);
    this.#beginsAnew = false;
    return progress;
  }

  /** Headers for the next request: it asks for what is still missing, if that can be proved to fit what is there. */
  rangeHeaders(): Record<string, string> {
    this.#askedFrom = this.#canResume() ? this.bytes : 0;
    if (this.#askedFrom === 0) return {};
    // Weak validators are evidence, but may not stand in If-Range (RFC 9110, 13.1.5).
    return { range: `bytes=${this.bytes}-`, ...(this.#hasStrongEtag() ? { 'if-range': this.#etag! } : {}) };
  }

  /** Reads an answer into the file. Answers the status if the address is refused; throws what makes the client try again. */
  async take({ status, headers, body }: StreamingResponse): Promise<number | undefined> {
    const { size, refused = REFUSED } = this.#options;
    if (refused.has(status)) return status;
    if (status === 404) throw final(new ExporterError('not_found', 'The server has no such file.', { status }));
    const range = contentRange(headers['content-range']);
    const resumes = this.#askedFrom > 0;
    if (status === 200) await this.#begin(headers, wholeNumber(headers['content-length']));
    else if (status === 206 && !resumes && range?.start === 0) await this.#begin(headers, range.total);
    else if (status === 304 || (status < 300 && !(status === 206 && resumes))) {
      throw new ExporterError('bad_answer', `The storage answered a download with HTTP ${status}.`, { status });
    } else if (!resumes || (status !== 206 && status !== 416)) {
      throw final(new ExporterError('server', `The storage answered a download with HTTP ${status}.`, { status }));
    } else if (status === 416) {
      // Only the end of the last answer was missing, not of the file.
      if (this.bytes === size) return undefined;
      throw await this.#failedResume('The storage has less of the file than it sent before.');
    } else if (range?.start !== this.bytes || contentCodings(headers).length > 0) {
      throw await this.#failedResume('The storage does not go on with the file where it ended.');
    } else if (!this.#isSame(headers, range.total)) {
      throw await this.#failedResume('The file changed at the storage while it was fetched.');
    }
    for await (const chunk of body) await this.#add(chunk);
    if (status === 206 && this.bytes !== range!.end + 1) {
      throw await this.#failedResume('The storage sent another part of the file than it said.');
    }
    await this.#checkLength(range?.total);
    return undefined;
  }

  /** Brings the file to the disk and to its place. */
  async put(): Promise<string> {
    await onDisk(async () => {
      await this.#file!.datasync();
      await this.#file!.close();
      await rename(this.#partial!, this.#target);
    });
    return this.#target;
  }

  async abandon(): Promise<void> {
    await this.#file?.close().catch(() => {});
    if (this.#partial !== undefined) await rm(this.#partial, { force: true }).catch(() => {});
  }

  /** An answer with the content from its beginning. */
  async #begin(headers: Record<string, string>, length: number | undefined): Promise<void> {
    const { name, target } = this.#options;
    this.#compressed = contentCodings(headers).length > 0;
    this.#length = this.#compressed ? undefined : length;
    this.#checkMaximum(this.#length ?? 0);
    if (name) this.#target = join(target, plainName(name(headers)));
    await this.#restart();
    this.#etag = headers.etag;
    this.#modified = headers['last-modified'];
    this.#file ??= await this.#open().catch((error: unknown) => {
      throw final(error);
    });
  }

  #hasStrongEtag(): boolean {
    return this.#etag?.startsWith('"') === true;
  }

  #canResume(): boolean {
    if (this.bytes === 0 || this.#compressed || this.#failedResumes >= MAX_FAILED_RESUMES) return false;
    if (this.#options.remade) return this.#hasStrongEtag();
    return this.#etag !== undefined || this.#modified !== undefined || this.#options.size !== undefined;
  }

  /** Whether a part is of the content that is there: nothing speaks against it, and a validator or the size for it. */
  #isSame(headers: Record<string, string>, total: number | undefined): boolean {
    const { etag, 'last-modified': modified } = headers;
    if (differ(etag, this.#etag) || differ(modified, this.#modified)) return false;
    if (differ(total, this.#length ?? this.#options.size)) return false;
    const sameEtag = etag !== undefined && etag === this.#etag;
    if (this.#options.remade) return sameEtag;
    const sameModified = modified !== undefined && modified === this.#modified;
    return sameEtag || sameModified || this.#options.size !== undefined;
  }

  /** Begins anew: a few times with a budget of its own, as the tries so far went into going on. @returns what to throw */
  async #failedResume(text: string): Promise<ExporterError> {
    this.#failedResumes++;
    this.#beginsAnew = this.#failedResumes <= MAX_FAILED_RESUMES;
    await this.#restart();
    return new ExporterError('bad_answer', text);
  }

  async #open(): Promise<FileHandle> {
    const partial = join(dirname(this.#target), partialName(basename(this.#target)));
    return onDisk(async () => {
      await mkdir(dirname(partial), { recursive: true });
      // Nothing vouches for what an earlier process left here: begin anew, and never write through a link.
      await rm(partial, { force: true });
      const file = await open(partial, 'wx+');
      this.#partial = partial;
      return file;
    });
  }

  async #checkLength(rangeTotal: number | undefined): Promise<void> {
    const { size } = this.#options;
    if (this.bytes === size) return;
    if (size === undefined) {
      // A storage may answer a range with a part of it.
      if (rangeTotal === undefined || this.bytes >= rangeTotal) return this.#checkFlaw();
      throw new ExporterError('bad_answer', `The storage sent ${this.bytes} of ${rangeTotal} bytes.`);
    }
    await this.#mismatch(`The file has ${size} bytes at the source, but ${this.bytes} arrived.`);
  }

  async #checkFlaw(): Promise<void> {
    this.flaw = await onDisk(async () => this.#options.flaw?.(this.#file!, this.bytes));
    if (this.flaw !== undefined) await this.#mismatch(this.flaw);
  }

  /**
   * HTTP sees nothing wrong, but something else tells that content is missing. If every try from the beginning ends
   * like this, what the storage has is all there is of the file.
   */
  async #mismatch(text: string): Promise<void> {
    this.#mismatches = this.bytes === this.#mismatchedAt ? this.#mismatches + 1 : 1;
    this.#mismatchedAt = this.bytes;
    if (this.#mismatches >= MAX_MISMATCHES) return;
    await this.#restart();
    throw new ExporterError('bad_answer', text);
  }

  async #restart(): Promise<void> {
    if (this.bytes === 0) return;
    this.bytes = 0;
    this.#hash = createHash('sha256');
    await onDisk(async () => this.#file?.truncate(0)).catch((error: unknown) => {
      throw final(error);
    });
  }

  async #add(chunk: Uint8Array): Promise<void> {
    this.#checkMaximum(this.bytes + chunk.length);
    try {
      for (let done = 0; done < chunk.length; ) {
        done += (await this.#file!.write(chunk, done, chunk.length - done, this.bytes + done)).bytesWritten;
      }
    } catch (error) {
      throw final(diskError(error));
    }
    this.#hash.update(chunk);
    this.bytes += chunk.length;
    this.#options.onBytes?.(chunk.length);
  }

  #checkMaximum(bytes: number): void {
    const { maxBytes } = this.#options;
    if (maxBytes !== undefined && bytes > maxBytes) throw final(new FileTooLarge(bytes, maxBytes));
  }
}

/** Marks an error that another try can't mend. */
function final(error: unknown): ConsumerError {
  return new ConsumerError(error);
}

/** The name that a file has beside its place while it comes. */
function partialName(name: string): string {
  const partial = name + DOWNLOAD_SUFFIX;
  if (Buffer.byteLength(partial) <= MAX_NAME_BYTES) return partial;
  return createHash('sha256').update(name).digest('hex') + DOWNLOAD_SUFFIX;
}

function plainName(name: string): string {
  if (isPlainName(name)) return name;
  throw final(new ExporterError('bad_answer', `The server gives the file a name that no file may have: ${name}`));
}

/** Position of a part's first and last byte, and length of the whole if it is told (RFC 9110, 14.4). */
function contentRange(
  header: string | undefined,
): { start: number; end: number; total: number | undefined } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)/i.exec(header ?? '');
  return match ? { start: Number(match[1]), end: Number(match[2]), total: wholeNumber(match[3]) } : undefined;
}

/** Whether two facts are known and not the same. */
function differ<T>(one: T | undefined, other: T | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
