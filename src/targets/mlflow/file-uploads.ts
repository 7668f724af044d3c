// Files of a run: finds them on disk and uploads each below the folder of its attribute.

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FileRow, FileSeriesBatch } from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError, type Failure, failureOf } from '../../model/errors.ts';
import { words } from '../../model/int64.ts';
import { normalRelativePath } from '../../model/plain-name.ts';
import type { AlterationList } from '../alterations.ts';
import { fileHash } from '../file-hash.ts';
import { decimalStepText, scaledMicro } from '../steps.ts';
import type { ExpectedFile } from '../target.ts';
import type { ArtifactStore } from './artifacts.ts';
import { artifactFileName } from './names.ts';

interface FileUploadsOptions {
  artifacts: ArtifactStore;
  filesDirectory: string;
  /** As OpenOptions.locate. */
  locate?: ((path: string) => Promise<string>) | undefined;
  /** By their paths below `filesDirectory`. */
  expected: ReadonlyMap<string, ExpectedFile>;
  /** Attributes whose missing files are reported already. */
  failedAttributes: ReadonlySet<string>;
  artifactFolders: ReadonlySet<string>;
  stepMultiplier: bigint;
  alterations: AlterationList;
  failures: Failure[];
  onBytes: (count: number) => void;
  signal: AbortSignal;
}

const OF_ONE_FILE = ['not_found', 'server', 'wrong_server', 'archive', 'unsupported'];

/** Whether an error of an upload concerns that file only; all others end the run. */
export function isOfOneFile(error: unknown): boolean {
  return error instanceof ExporterError && OF_ONE_FILE.includes(error.code);
}

export class FileUploads {
  readonly #options: FileUploadsOptions;
  /** Names used in the folder of the last step of each series: two files of one step must not share a name. */
  readonly #lastFolder = new Map<string, { folder: string; taken: Set<string> }>();

  constructor(options: FileUploadsOptions) {
    this.#options = options;
  }

  /** Uploads the file of a row, or all files of its folder (file sets of Neptune 2). */
  async file({ path, type, file }: FileRow, folder: string): Promise<void> {
    await this.#one(path, type, file, folder, new Set());
  }

  /** Uploads each file below a folder of its step: exact decimal of step x multiplier. */
  async series(batch: FileSeriesBatch, folder: string): Promise<void> {
    const steps = words(batch.steps);
    for (let i = 0; i < batch.length; i++) {
      const scaled = scaledMicro(batch.steps, steps, i, this.#options.stepMultiplier);
      const name = `step_${batch.stepValid?.[i] === 0 ? 'None' : decimalStepText(scaled)}`;
      const stepFolder = `${folder}/${this.#name(batch.path, name, folder)}`;
      const last = this.#lastFolder.get(batch.path);
      const taken = last?.folder === stepFolder ? last.taken : new Set<string>();
      this.#lastFolder.set(batch.path, { folder: stepFolder, taken });
      await this.#one(batch.path, 'file_series', batch.values[i] ?? null, stepFolder, taken);
    }
  }

  async #one(
    attribute: string,
    type: FileRow['type'] | 'file_series',
    file: string | null,
    folder: string,
    taken: Set<string>,
  ): Promise<void> {
    const { alterations, failures, failedAttributes } = this.#options;
    if (file === null) {
      if (!failedAttributes.has(attribute)) {
        alterations.add('file_absent', attribute, 'The archive has no file for it, and does not say why.');
      }
      return;
    }
    try {
      const source = await this.#localPath(file);
      const status = await stat(source).catch(() => undefined);
      if (status?.isDirectory()) await this.#set(attribute, file, folder);
      else if (status?.isFile()) await this.#put(attribute, file, folder, taken);
      else throw new ExporterError('not_found', `The file ${source} is not there.`);
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      failures.push(failureOf(error, { path: attribute, type }));
    }
  }

  /** Uploads the files of a set: those that the archive tells of; all of the folder where it tells of none. */
  async #set(attribute: string, directory: string, folder: string): Promise<void> {
    const { expected } = this.#options;
    const known = new Set([...expected.keys()].filter((path) => path.startsWith(`${directory}/`)));
    await this.#folder(attribute, directory, folder, known);
    for (const path of known) {
      const source = await this.#localPath(path);
      if (!(await stat(source).catch(() => undefined))?.isFile()) {
        throw new ExporterError('not_found', `The file ${source} is not there.`);
      }
    }
  }

  async #folder(attribute: string, directory: string, folder: string, known: ReadonlySet<string>): Promise<void> {
    const taken = new Set<string>();
    const entries = await readdir(await this.#localPath(directory), { withFileTypes: true });
    // Sorted, so that a repeated load gives the same names.
    for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
      const path = `${directory}/${entry.name}`;
      if (entry.isFile() && (known.size === 0 || known.has(path))) await this.#put(attribute, path, folder, taken);
      else if (entry.isDirectory()) {
        const name = this.#name(attribute, entry.name, folder, taken);
        await this.#folder(attribute, path, `${folder}/${name}`, known);
      }
    }
  }

  async #put(attribute: string, file: string, folder: string, taken: Set<string>): Promise<void> {
    const { expected, artifacts, onBytes, signal } = this.#options;
    const source = await this.#localPath(file);
    const name = this.#name(attribute, basename(file), folder, taken);
    await checkFile(source, expected.get(file), signal);
    await artifacts.put(`${folder}/${name}`, source);
    onBytes((await stat(source)).size);
  }

  /** A path of the archive on this disk. An archive may come from anywhere: its paths must stay below its files. */
  async #localPath(file: string): Promise<string> {
    const { filesDirectory, locate } = this.#options;
    const place = normalRelativePath(file);
    if (place === undefined) {
      throw new ExporterError('archive', `The archive names a file outside its own folder: '${file}'.`);
    }
    return locate ? locate(place) : join(filesDirectory, place);
  }

  #name(attribute: string, name: string, folder: string, taken?: Set<string>): string {
    const stored = artifactFileName(name, folder, this.#options.artifactFolders, taken);
    if (stored !== name) {
      const message = `'${name}' is stored as '${folder}/${stored}'.`;
      this.#options.alterations.add('file_renamed', attribute, message);
    }
    return stored;
  }
}

/** Before anything of it is sent: a damaged file must not take the place of a whole one. @throws ExporterError `archive` */
async function checkFile(source: string, expected: ExpectedFile | undefined, signal: AbortSignal): Promise<void> {
  if (!expected) return;
  const { size } = await onDisk(() => stat(source));
  if (size !== expected.bytes) {
    throw new ExporterError(
      'archive',
      `The file ${source} is damaged: it has ${size} bytes, exported were ${expected.bytes}.`,
    );
  }
  if ((await fileHash(source, signal)) !== expected.sha256) {
    throw new ExporterError('archive', `The file ${source} is damaged: its content is not what was exported.`);
  }
}
