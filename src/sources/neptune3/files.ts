// Files and file series: signed addresses in groups, then downloads side by side.

import { download } from '../../http/download.ts';
import { forEachLimited } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import type { RunRef } from '../../model/runs.ts';
import type { Api } from '../api.ts';
import { asArray, asObject, asText } from '../json.ts';
import type { RemoteFile } from '../source.ts';
import { handOver, type SeriesRef, type Work } from '../work.ts';
import type { FileAttribute } from './attributes.ts';
import type { FileRef } from './messages.ts';

/** Files a signing request: few enough that an address is used soon after it was made, as its end is unknown. */
const SIGNED_AT_ONCE = 100;

/**
 * Downloads single files into the sink, which records what fails.
 * @param settled told of each file when it is there, or has failed
 */
export async function readFiles(
  work: Work,
  files: FileAttribute[],
  settled: (file: FileAttribute) => Promise<void>,
): Promise<void> {
  const describe = ({ run, path, file }: FileAttribute, address: Address) => ({
    run,
    file: remote(work, file, { attributePath: path, type: 'file' }, address),
  });
  await fetchInGroups(work, files, describe, settled);
}

/** Downloads files of one file series into the sink, in the order of their steps where they finish so. */
export async function readFilePoint(
  work: Work,
  series: SeriesRef,
  points: { step: bigint; timestamp: bigint; file: FileRef }[],
): Promise<void> {
  const items = points.map((point) => ({ run: series.run, ...point }));
  await fetchInGroups(work, items, ({ run, step, timestamp, file }, address) => ({
    run,
    file: remote(work, file, { attributePath: series.path, type: 'file_series', step, timestamp }, address),
  }));
}

async function fetchInGroups<T extends { run: RunRef; file: FileRef }>(
  work: Work,
  items: T[],
  describe: (item: T, address: Address) => { run: RunRef; file: RemoteFile },
  settled: (item: T) => Promise<void> = async () => {},
): Promise<void> {
  for (let at = 0; at < items.length; at += SIGNED_AT_ONCE) {
    const group = items.slice(at, at + SIGNED_AT_ONCE);
    const addresses = new SignedAddresses(work.api, group, work.signal);
    await forEachLimited(group, work.concurrency, async (item) => {
      const { run, file } = describe(item, (refused) => addresses.of(item.run.projectId, item.file.path, refused));
      await handOver(work.sink.file(run, file));
      await settled(item);
    });
  }
}

type Address = (refused: boolean) => Promise<string>;

function remote(
  work: Work,
  ref: FileRef,
  known: Pick<RemoteFile, 'attributePath' | 'type' | 'step' | 'timestamp'>,
  address: Address,
): RemoteFile {
  // On the wire a size of 0 is the same as none told.
  const size = ref.sizeBytes > 0 ? ref.sizeBytes : undefined;
  return {
    ...known,
    origin: ref.path,
    ...(size === undefined ? {} : { size }),
    ...(ref.mimeType === '' ? {} : { mimeType: ref.mimeType }),
    download: (target, limits) =>
      download({
        client: work.api.http,
        address,
        target,
        ...(size === undefined ? {} : { size }),
        ...limits,
        signal: work.signal,
      }),
  };
}

/** Addresses of a group of files: signed together when the first is asked for, one by one when the storage refuses one. */
class SignedAddresses {
  readonly #api: Api;
  readonly #signal: AbortSignal;
  readonly #files: { projectId: string; path: string }[];
  #signed: Promise<Map<string, string>> | undefined;

  constructor(api: Api, files: { run: RunRef; file: FileRef }[], signal: AbortSignal) {
    this.#api = api;
    this.#signal = signal;
    this.#files = files.map(({ run, file }) => ({ projectId: run.projectId, path: file.path }));
  }

  async of(projectId: string, path: string, refused: boolean): Promise<string> {
    if (refused) return this.#pick(await this.#sign([{ projectId, path }]), projectId, path);
    this.#signed ??= this.#sign(this.#files);
    // One file that can't be signed must not take the group with it.
    const group = await this.#signed.catch((error: unknown) => {
      if (error instanceof ExporterError && error.code === 'interrupted') throw error;
      return new Map<string, string>();
    });
    const address = group.get(key(projectId, path));
    return address ?? this.#pick(await this.#sign([{ projectId, path }]), projectId, path);
  }

  #pick(signed: Map<string, string>, projectId: string, path: string): string {
    const address = signed.get(key(projectId, path));
    if (address === undefined) throw new ExporterError('not_found', 'The server gives no address for the file.');
    return address;
  }

  /** The answer is matched by project and path, not by position. */
  async #sign(files: { projectId: string; path: string }[]): Promise<Map<string, string>> {
    const distinct = [...new Map(files.map((file) => [key(file.projectId, file.path), file])).values()];
    const body = JSON.stringify({
      files: distinct.map(({ projectId, path }) => ({ project_identifier: projectId, path, permission: 'read' })),
    });
    const answer = await this.#api.json({ path: '/api/storagebridge/v1/signedUrl', body, signal: this.#signal });
    const signed = new Map<string, string>();
    for (const item of asArray(answer.files, 'files').map(asObject)) {
      const url = asText(item.url, 'url');
      if (!URL.canParse(url, this.#api.address))
        throw new ExporterError('bad_answer', 'The server signs an address that is none.');
      const address = new URL(url, this.#api.address).href;
      signed.set(key(asText(item.project_identifier, 'project_identifier'), asText(item.path, 'path')), address);
    }
    return signed;
  }
}

function key(projectId: string, path: string): string {
  return JSON.stringify([projectId, path]);
}
