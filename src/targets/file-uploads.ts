// Files of a run: finds them on disk and uploads each below the folder of its attribute.

import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { FileRow, FileSeriesBatch } from '../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import { words } from '../model/int64.ts';
import type { AlterationList } from './alterations.ts';
import { archiveFile, checkFile, isOfOneFile } from './archive-files.ts';
import type { FileStore, Origin } from './file-store.ts';
import { decimalStepText, scaledMicro } from './steps.ts';
import type { OpenOptions } from './target.ts';

interface FileUploadsOptions {
  store: FileStore;
  /** Where the run's files are, and what is known of them. */
  run: Pick<OpenOptions, 'filesDirectory' | 'locate' | 'files' | 'failedAttributes' | 'onBytes' | 'signal'>;
  /**
   * The name of a file, or of a folder of a set or a step, inside a folder of the target.
   * @param taken names already used in the folder; the new one is added
   */
  fileName: (name: string, folder: string, taken?: Set<string>) => string;
  stepMultiplier: bigint;
  alterations: AlterationList;
  failures: Failure[];
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
    await this.#one({ path, type }, file, folder, new Set());
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
      const point = {
        step: batch.stepValid?.[i] === 0 ? undefined : batch.steps[i]!,
        timestamp: batch.timestampValid?.[i] === 0 ? undefined : batch.timestamps[i]!,
      };
      await this.#one({ path: batch.path, type: 'file_series', point }, batch.values[i] ?? null, stepFolder, taken);
    }
  }

  async #one(origin: Origin, file: string | null, folder: string, taken: Set<string>): Promise<void> {
    const { alterations, failures, run } = this.#options;
    if (file === null) {
      if (!run.failedAttributes?.has(origin.path)) {
        alterations.add('file_absent', origin.path, 'The archive has no file for it, and does not say why.');
      }
      return;
    }
    try {
      const source = await archiveFile(run, file);
      const status = await stat(source).catch(() => undefined);
      if (status?.isDirectory()) await this.#set(origin, file, folder);
      else if (status?.isFile()) await this.#put(origin, file, folder, taken);
      else throw new ExporterError('not_found', `The file ${source} is not there.`);
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      failures.push(failureOf(error, { path: origin.path, type: origin.type }));
    }
  }

  /** Uploads the files of a set: those that the archive tells of; all of the folder where it tells of none. */
  async #set(origin: Origin, directory: string, folder: string): Promise<void> {
    const { run } = this.#options;
    const known = new Set([...(run.files?.keys() ?? [])].filter((path) => path.startsWith(`${directory}/`)));
    await this.#folder(origin, directory, folder, known);
    for (const path of known) {
      const source = await archiveFile(run, path);
      if (!(await stat(source).catch(() => undefined))?.isFile()) {
        throw new ExporterError('not_found', `The file ${source} is not there.`);
      }
    }
  }

  async #folder(origin: Origin, directory: string, folder: string, known: ReadonlySet<string>): Promise<void> {
    const taken = new Set<string>();
    const entries = await readdir(await archiveFile(this.#options.run, directory), { withFileTypes: true });
    // Sorted, so that a repeated load gives the same names.
    for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
      const path = `${directory}/${entry.name}`;
      // What a link leads to may be anything, unless the archive tells of it.
      if (entry.isSymbolicLink() && !known.has(path)) this.#noLink(path, known);
      else if (!entry.isDirectory() && (known.size === 0 ? entry.isFile() : known.has(path))) {
        await this.#put(origin, path, folder, taken);
      } else if (entry.isDirectory()) {
        const name = this.#name(origin.path, entry.name, folder, taken);
        await this.#folder(origin, path, `${folder}/${name}`, known);
      }
    }
  }

  /** @throws ExporterError `archive` if files of the set may lie behind a link */
  #noLink(path: string, known: ReadonlySet<string>): void {
    if (known.size > 0 && !Array.from(known).some((file) => file.startsWith(`${path}/`))) return;
    throw new ExporterError('archive', `${path} is a link, which is not followed.`, {
      hint: 'Put in its place what it leads to.',
    });
  }

  async #put(origin: Origin, file: string, folder: string, taken: Set<string>): Promise<void> {
    const { run, store } = this.#options;
    const expected = run.files?.get(file);
    const source = await archiveFile(run, file);
    const name = this.#name(origin.path, basename(file), folder, taken);
    await checkFile(source, expected, run.signal);
    await store.put(`${folder}/${name}`, source, origin, expected?.sha256);
    run.onBytes?.((await stat(source)).size);
  }

  #name(attribute: string, name: string, folder: string, taken?: Set<string>): string {
    const stored = this.#options.fileName(name, folder, taken);
    if (stored !== name) {
      const message = `'${name}' is stored as '${folder}/${stored}'.`;
      this.#options.alterations.add('file_renamed', attribute, message);
    }
    return stored;
  }
}
