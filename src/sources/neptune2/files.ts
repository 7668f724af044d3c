// Files, file sets and image series: downloads with the bearer token.

import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { download } from '../../http/download.ts';
import { forEachLimited, sleep } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import { isPlainName } from '../../model/plain-name.ts';
import type { RunRef } from '../../model/runs.ts';
import { asArray, asObject, asText } from '../json.ts';
import type { RemoteFile } from '../source.ts';
import { failureOfSeries, handOver, holder, isFatal, type SeriesRef } from '../work.ts';
import { imageFlaw } from './image-flaw.ts';
import { countOf } from './loose-json.ts';
import type { Arguments, PreparedRequest } from './swagger.ts';
import type { Work2 } from './work.ts';

/** Only this means that a token has ended; what else is refused stays refused. */
const TOKEN_ENDED: ReadonlySet<number> = new Set([401]);
/** A zip's address may end like a signed one does. */
const ADDRESS_ENDED: ReadonlySet<number> = new Set([400, 401, 403]);
/** Pauses while a zip is made, in ms (rule of the official client), and how many budgets of a request it may take. */
const ZIP_PAUSES = [500, 1000, 2000, 4000, 5000];
const ZIP_PATIENCE_BUDGETS = 30;
/** Entries of an image series a page, where a server tells more of them than their number. */
const IMAGE_PAGE = 1000;

export interface FileRef {
  path: string;
  type: 'file' | 'file_set';
  size: number | undefined;
  details: Record<string, string>;
}

/** Hands a single file or a set of files to the sink, which downloads it. */
export async function readFile(work: Work2, run: RunRef, file: FileRef): Promise<void> {
  const remote = file.type === 'file' ? singleFile(work, run, file) : fileSet(work, run, file);
  await handOver(work.sink.file(run, remote));
}

/** Without the time of a run's last change nothing tells whether a file is still the same as for an earlier process. */
const UNKNOWN_TIME = randomUUID();

/**
 * What names the content of a file: the server has no hash of it, so the time of the run's last change has to do.
 * @param part tells apart what belongs to one attribute
 */
function originOf(run: RunRef, path: string, part: string | number | undefined): string {
  return JSON.stringify([holder(run), path, part ?? null, run.modifiedAt ?? UNKNOWN_TIME]);
}

function singleFile(work: Work2, run: RunRef, { path, size, details }: FileRef): RemoteFile {
  const request = { experimentId: holder(run), attribute: path };
  return {
    attributePath: path,
    type: 'file',
    origin: originOf(run, path, size),
    ...(size === undefined ? {} : { size }),
    details,
    download: (target, limits) =>
      download({
        client: work.api.http,
        address: withToken(work, () => work.connection.prepare('downloadAttribute', request)),
        refused: TOKEN_ENDED,
        headers: { accept: 'application/octet-stream' },
        target,
        ...(size === undefined ? {} : { size }),
        ...limits,
        signal: work.signal,
      }),
  };
}

function fileSet(work: Work2, run: RunRef, { path, size }: FileRef): RemoteFile {
  return {
    attributePath: path,
    type: 'file_set',
    origin: originOf(run, path, size),
    namedByAnswer: true,
    // Of the members, not of the zip.
    ...(size === undefined ? {} : { size, details: { contentBytes: String(size) } }),
    download: (target, limits) =>
      download({
        client: work.api.http,
        address: zipAddress(work, run, path),
        refused: ADDRESS_ENDED,
        headers: { accept: 'application/zip' },
        target,
        name: (headers) => zipName(headers, path),
        flaw: zipFlaw,
        remade: true,
        ...limits,
        signal: work.signal,
      }),
  };
}

/** An address with the token of now; after a refusal with a fresh one. */
function withToken(work: Work2, prepare: () => PreparedRequest) {
  let bearer: string | undefined;
  return async (refused: boolean) => {
    bearer = await work.api.bearer(refused ? bearer : undefined);
    const { url, headers } = prepare();
    return { url, headers: { ...headers, authorization: `Bearer ${bearer}` } };
  };
}

/** Has the server make a zip of a file set, waits until it is there, and tells its address; after a refusal anew. */
function zipAddress(work: Work2, run: RunRef, path: string) {
  const { connection, signal } = work;
  const options = { signal };
  let bearer: string | undefined;
  return async (refused: boolean) => {
    if (refused) await work.api.bearer(bearer);
    const values: Arguments = { experimentId: holder(run), attribute: path };
    const read = (answer: unknown) => asText(asObject(answer).id, 'id');
    const request = await connection.call('prepareForDownloadFileSetAttributeZip', values, { ...options, read });
    const until = performance.now() + ZIP_PATIENCE_BUDGETS * work.api.http.budgetMs;
    for (let round = 0; ; round++) {
      const { downloadUrl } = asObject(await connection.call('getDownloadPrepareRequest', { id: request }, options));
      if (typeof downloadUrl === 'string' && downloadUrl !== '') {
        bearer = await work.api.bearer();
        return zipRequest(work, downloadUrl, bearer);
      }
      if (performance.now() > until) throw new ExporterError('server', `The server makes no zip of ${path}.`);
      await sleep(ZIP_PAUSES[Math.min(round, ZIP_PAUSES.length - 1)]!, signal);
    }
  };
}

/** The token is for the server itself, not for a storage elsewhere whose address is signed. */
function zipRequest(
  { api, connection }: Work2,
  address: string,
  bearer: string,
): { url: string; headers: Record<string, string> } {
  if (!URL.canParse(address, api.address)) {
    throw new ExporterError('bad_answer', 'The server gives an address for a zip that is none.');
  }
  const url = new URL(address, api.address).href;
  return { url, headers: connection.isOwn(url) ? { authorization: `Bearer ${bearer}` } : {} };
}

const ZIP_END = Buffer.from('PK\x05\x06', 'latin1');
/** Bytes of a zip's end record, and of the comment that may follow it. */
const ZIP_END_BYTES = 22;
const ZIP_COMMENT_BYTES = 65_535;

/** Nobody tells the size of a zip, but a whole one has its end record at its end. */
async function zipFlaw(file: FileHandle, bytes: number): Promise<string | undefined> {
  const tail = Buffer.alloc(Math.min(bytes, ZIP_END_BYTES + ZIP_COMMENT_BYTES));
  const head = Buffer.alloc(4);
  await file.read(head, 0, head.length, 0);
  await file.read(tail, 0, tail.length, bytes - tail.length);
  if (head.toString('latin1', 0, 2) !== 'PK') return 'The server sends something that is no zip.';
  const end = tail.lastIndexOf(ZIP_END);
  const whole = end >= 0 && end + ZIP_END_BYTES <= tail.length;
  return whole ? undefined : `The zip ends after ${bytes} bytes without its end record.`;
}

/** The name in Content-Disposition as the official client reads it, where that is fit for a file. */
function zipName(headers: Record<string, string>, path: string): string {
  const disposition = headers['content-disposition'] ?? '';
  // Between quotes up to the end or the next parameter; else as the official client has it.
  const quoted = /filename="([^"]*)"\s*(?:;|$)/.exec(disposition)?.[1];
  const at = disposition.lastIndexOf('filename=');
  const named = quoted ?? (at < 0 ? '' : disposition.slice(at + 'filename='.length).replace(/^"+|"+$/g, ''));
  if (isPlainName(named)) return named;
  const last = path.split('/').findLast((part) => part !== '') ?? '';
  return isPlainName(`${last}.zip`) ? `${last}.zip` : 'files.zip';
}

/** An image series; its channel is where the server keeps what it knows of the images. */
export interface ImageSeriesRef extends SeriesRef {
  channelId?: string;
}

/**
 * Hands the images of a series to the sink. Their steps are their indexes, as in the official exporter's archives; the
 * logged step and time go with name and description into the details, where the server tells them.
 */
export async function readImages(work: Work2, series: ImageSeriesRef): Promise<void> {
  try {
    const details = await describeImages(work, series);
    const total = details?.length ?? (await countImages(work, series));
    if (total === 0 && series.lastStep !== undefined) {
      const text = `The server lists ${series.path} up to step ${series.lastStep}, but has no image of it.`;
      throw new ExporterError('bad_answer', text);
    }
    const indexes = Array.from({ length: total }, (_, index) => index);
    await forEachLimited(indexes, work.concurrency, (index) =>
      handOver(work.sink.file(series.run, image(work, series, index, details?.[index] ?? {}))),
    );
  } catch (error) {
    if (isFatal(error)) throw error;
    work.sink.failure(series.run, failureOfSeries(series, error));
  }
}

async function countImages(work: Work2, { run, path }: SeriesRef): Promise<number> {
  const values = { experimentId: holder(run), attribute: path, limit: 1, offset: 0 };
  const answer = asObject(await work.connection.call('getImageSeriesValues', values, { signal: work.signal }));
  const total = countOf(answer.totalItemCount);
  if (total !== undefined) return total;
  throw new ExporterError('bad_answer', `The server does not count the images of ${path}.`);
}

/** What newer servers tell of each image, in order; undefined if this one doesn't, or not of all. */
async function describeImages(
  work: Work2,
  { channelId }: ImageSeriesRef,
): Promise<Record<string, string>[] | undefined> {
  const { connection, signal } = work;
  if (channelId === undefined || !connection.operations.has('getChannelValues')) return undefined;
  const details: Record<string, string>[] = [];
  try {
    for (;;) {
      const values = { channelId, limit: IMAGE_PAGE, offset: details.length };
      const answer = asObject(await connection.call('getChannelValues', values, { signal }));
      const points = asArray(answer.values, 'values');
      details.push(...points.map(imageDetails));
      if (details.length === countOf(answer.totalItemCount)) return details;
      if (points.length === 0) return undefined;
    }
  } catch (error) {
    // Only the words are missing then: the images themselves come without this.
    if (isFatal(error)) throw error;
    return undefined;
  }
}

function imageDetails(value: unknown): Record<string, string> {
  const { x, timestampMillis, y } = asObject(value);
  const { imageValue } = typeof y === 'object' && y !== null ? asObject(y) : {};
  const { name, description } =
    typeof imageValue === 'object' && imageValue !== null ? asObject(imageValue) : ({} as Record<string, unknown>);
  const facts = { name, description, step: x, timestampMillis };
  return Object.fromEntries(
    Object.entries(facts)
      .filter(([, fact]) => (typeof fact === 'string' && fact !== '') || typeof fact === 'number')
      .map(([key, fact]) => [key, String(fact)]),
  );
}

function image(work: Work2, { run, path }: SeriesRef, index: number, details: Record<string, string>): RemoteFile {
  const request = { experimentId: holder(run), attribute: path, index };
  return {
    attributePath: path,
    type: 'file_series',
    step: BigInt(index) * 1_000_000n,
    origin: originOf(run, path, index),
    namedByAnswer: true,
    details,
    download: (target, limits) =>
      download({
        client: work.api.http,
        address: withToken(work, () => work.connection.prepare('getImageSeriesValue', request)),
        refused: TOKEN_ENDED,
        headers: { accept: 'application/octet-stream' },
        target,
        name: (headers) => `${index}.${extensionOf(headers['content-type'])}`,
        flaw: imageFlaw,
        ...limits,
        signal: work.signal,
      }),
  };
}

/** What follows the last slash of the content type, unless it is a page of something on the way (rule of the official client), as far as it is fit for a name. */
function extensionOf(contentType = ''): string {
  const [type = ''] = contentType.split(';');
  if (type.trim() === 'text/html')
    throw new ExporterError('bad_answer', 'The server sends a page instead of an image.');
  const subtype = type.slice(type.lastIndexOf('/') + 1).trim();
  return /^[\w.+-]{1,40}$/.test(subtype) && !subtype.endsWith('.') ? subtype : 'bin';
}
