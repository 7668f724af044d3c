// Files of a run as assets: single ones, those of sets, and those of series with their step; images as images.

import { readdir, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type { FileRow, FileSeriesBatch } from '../../model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../../model/errors.ts';
import { words } from '../../model/int64.ts';
import type { AlterationList } from '../alterations.ts';
import { archiveFile, checkFile, isOfOneFile } from '../archive-files.ts';
import type { Origin } from '../file-store.ts';
import { decimalStepText, scaledMicro, wholeStepText } from '../steps.ts';
import type { OpenOptions } from '../target.ts';
import type { NewAsset } from './back-end.ts';

/** What Comet's own importers take for images. */
const IMAGES = new Set(['.jpg', '.jpeg', '.png', '.gif', '.bmp', '.tiff', '.webp']);

export interface FilesContext {
  options: OpenOptions;
  alterations: AlterationList;
  failures: Failure[];
  /** Takes a file that was found to be what was exported. */
  take(asset: NewAsset, file: string, origin: Origin, sha256: string | undefined): Promise<void>;
}

type Details = Pick<NewAsset, 'step' | 'ordinal'> & { metadata?: Record<string, unknown> };

export class CometFiles {
  readonly #context: FilesContext;
  /** Files of each series that came so far. */
  readonly #numbers = new Map<string, number>();

  constructor(context: FilesContext) {
    this.#context = context;
  }

  /** The file of a row, or all files of its folder (file sets of Neptune 2). */
  file({ path, type, file }: FileRow, name: string): Promise<void> {
    return this.#one({ path, type }, file, name, {});
  }

  /** Each file of a series under the name of the series: the whole step tells them apart at Comet, the exact one is beside it. */
  async series(batch: FileSeriesBatch, name: string): Promise<void> {
    const steps = words(batch.steps);
    for (let i = 0; i < batch.length; i++) {
      const number = this.#numbers.get(batch.path) ?? 0;
      this.#numbers.set(batch.path, number + 1);
      const hasStep = batch.stepValid?.[i] !== 0;
      const scaled = scaledMicro(batch.steps, steps, i, this.#context.options.stepMultiplier);
      const hasTime = batch.timestampValid?.[i] !== 0;
      await this.#one({ path: batch.path, type: 'file_series' }, batch.values[i] ?? null, name, {
        ordinal: String(number),
        ...(hasStep ? { step: wholeStepText(scaled) } : {}),
        metadata: {
          step: hasStep ? decimalStepText(scaled) : null,
          timestamp: hasTime ? Number(batch.timestamps[i]) : null,
        },
      });
    }
  }

  async #one(origin: Origin, file: string | null, name: string, details: Details): Promise<void> {
    const { options, alterations, failures } = this.#context;
    if (file === null) {
      if (options.failedAttributes?.has(origin.path)) return;
      alterations.add('file_absent', origin.path, 'The archive has no file for it, and does not say why.');
      return;
    }
    try {
      const source = await archiveFile(options, file);
      const status = await stat(source).catch(() => undefined);
      if (status?.isDirectory()) await this.#set(origin, file, source, name, details);
      else if (status?.isFile()) await this.#put(origin, file, name, details);
      else throw new ExporterError('not_found', `The file ${source} is not there.`);
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      failures.push(failureOf(error, origin));
    }
  }

  /** The files of a set: those that the archive tells of; all of the folder where it tells of none. */
  async #set(origin: Origin, directory: string, source: string, name: string, details: Details): Promise<void> {
    const { files } = this.#context.options;
    const known = [...(files?.keys() ?? [])].filter((path) => path.startsWith(`${directory}/`));
    const below = known.length > 0 ? known.map((path) => path.slice(directory.length + 1)) : await filesBelow(source);
    // Sorted, so that a repeated load gives the same names.
    for (const path of below.sort()) {
      await this.#put(origin, `${directory}/${path}`, `${name}/${path}`, {
        ...details,
        metadata: { ...details.metadata, path_in_set: path },
      });
    }
  }

  async #put(origin: Origin, file: string, name: string, details: Details): Promise<void> {
    const { options } = this.#context;
    const source = await archiveFile(options, file);
    if (!(await stat(source).catch(() => undefined))?.isFile()) {
      throw new ExporterError('not_found', `The file ${source} is not there.`);
    }
    const expected = options.files?.get(file);
    await checkFile(source, expected, options.signal);
    const extension = extname(file);
    const asset: NewAsset = {
      ...details,
      name,
      type: IMAGES.has(extension.toLowerCase()) ? 'image' : 'asset',
      ...(extension.length > 1 ? { extension: extension.slice(1) } : {}),
      metadata: {
        neptune_path: origin.path,
        neptune_type: origin.type,
        file_name: basename(file),
        ...details.metadata,
      },
    };
    await this.#context.take(asset, source, origin, expected?.sha256);
  }
}

async function filesBelow(source: string): Promise<string[]> {
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(source.length + 1));
}
