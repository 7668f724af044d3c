// Artifacts: Neptune has the list of their files only, which is saved as `files_list.json`.

import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError, FileTooLarge } from '../../model/errors.ts';
import type { RunRef } from '../../model/runs.ts';
import { asArray, asObject } from '../json.ts';
import type { DownloadedFile } from '../source.ts';
import { handOver } from '../work.ts';
import type { Work2 } from './work.ts';

/** Lists that are kept for other runs with the same artifact, and the bytes up to which that is done. */
const KEPT = 16;
const KEPT_BYTES = 1 << 20;

/** The lists of one project's artifacts by their hash, each asked for once while it is kept. */
export class ArtifactLists {
  readonly #lists = new Map<string, Promise<Buffer>>();

  /** The content of `files_list.json`. */
  of(work: Work2, projectId: string, hash: string): Promise<Buffer> {
    const kept = this.#lists.get(hash);
    if (kept) return kept;
    const list = this.#fetch(work, projectId, hash);
    this.#lists.set(hash, list);
    if (this.#lists.size > KEPT) this.#lists.delete(this.#lists.keys().next().value!);
    const forget = () => this.#lists.delete(hash);
    list.then((content) => content.length > KEPT_BYTES && forget(), forget);
    return list;
  }

  async #fetch(work: Work2, projectId: string, hash: string): Promise<Buffer> {
    const projectIdentifier = await work.connection.projectUuid(projectId);
    const read = (answer: unknown) => asArray(asObject(answer).files, 'files').map(fileEntry);
    const values = { projectIdentifier, hash };
    return Buffer.from(pythonJson(await work.connection.callArtifacts('listArtifactFiles', values, work.signal, read)));
  }
}

/** Hands the list of an artifact's files to the sink. */
export async function readArtifact(
  work: Work2,
  run: RunRef,
  { path, hash }: { path: string; hash: string },
  lists: ArtifactLists,
): Promise<void> {
  await handOver(
    work.sink.file(run, {
      attributePath: path,
      type: 'artifact',
      origin: hash,
      details: { hash },
      download: async (target, limits) => {
        if (!work.connection.hasArtifacts) {
          const text = `The server has no artifacts service, so there is no list of the files of the artifact ${hash}.`;
          throw new ExporterError('unsupported', text);
        }
        return save(await lists.of(work, run.projectId, hash), target, limits?.maxBytes);
      },
    }),
  );
}

/** One file in the order of fields that the official exporter writes; metadata sorted by key. */
function fileEntry(value: unknown): Record<string, unknown> {
  const { filePath, fileHash, type, size, metadata } = asObject(value);
  const entries = asArray(metadata ?? [], 'metadata').map(asObject);
  const sorted = entries
    .map(({ key, value: text }) => ({ key: String(key), value: text ?? null }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { filePath, fileHash, type, size, metadata: sorted };
}

/** JSON as Python's `json.dump` writes it, so that the file is the same, byte by byte. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, entry]) => `${pythonJson(key)}: ${pythonJson(entry)}`)
      .join(', ')}}`;
  }
  if (typeof value === 'bigint') return String(value);
  if (value === undefined) return 'null';
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

async function save(content: Buffer, target: string, maxBytes = Number.POSITIVE_INFINITY): Promise<DownloadedFile> {
  if (content.length > maxBytes) throw new FileTooLarge(content.length, maxBytes);
  const temporary = `${target}.download`;
  await onDisk(async () => {
    await mkdir(dirname(target), { recursive: true });
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  });
  return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}
