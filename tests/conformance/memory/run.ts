// One run on its way into the memory service: takes batches, sends them, checks what is there, and marks it whole.

import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Batch, FileRow, FileSeriesBatch, ScalarRow, SeriesBatch } from '../../../src/model/batches.ts';
import { ExporterError, type Failure, failureOf } from '../../../src/model/errors.ts';
import type { AlterationList } from '../../../src/targets/alterations.ts';
import { archiveFile, checkFile, isOfOneFile } from '../../../src/targets/archive-files.ts';
import { fileHash } from '../../../src/targets/file-hash.ts';
import { StepCollisions } from '../../../src/targets/step-collisions.ts';
import { decimalStepText } from '../../../src/targets/steps.ts';
import { surveyKey } from '../../../src/targets/survey.ts';
import type { Alteration, OpenOptions, TargetRun } from '../../../src/targets/target.ts';
import { codePoints, cutCodePoints } from '../../../src/targets/text.ts';
import type { MemoryClient } from './client.ts';
import { foreseen, pointsOf, stepAt, textOf, WHOLE_STEPS } from './mapping.ts';
import { MAX_VALUE, sha256 } from './service.ts';

const POINTS_A_CALL = 1000;

export class MemoryRun implements TargetRun {
  readonly id: string;
  readonly failures: Failure[] = [];
  readonly #client: MemoryClient;
  readonly #keys: ReadonlyMap<string, string>;
  readonly #options: OpenOptions;
  readonly #setMark: () => Promise<void>;
  readonly #alterations: AlterationList;
  readonly #collisions: StepCollisions;
  /** What must be there in the end. */
  readonly #sent = {
    values: new Map<string, string>(),
    points: new Map<string, number>(),
    files: new Map<string, string>(),
  };
  /** Files of each series that came so far. */
  readonly #fileNumbers = new Map<string, number>();

  constructor(
    id: string,
    client: MemoryClient,
    keys: ReadonlyMap<string, string>,
    options: OpenOptions,
    setMark: () => Promise<void>,
  ) {
    this.id = id;
    this.#client = client;
    this.#keys = keys;
    this.#options = options;
    this.#setMark = setMark;
    this.#alterations = foreseen(options);
    for (const { code, attributePath, message, count } of options.alterations ?? []) {
      this.#alterations.add(code, attributePath, message, count);
    }
    this.#collisions = new StepCollisions(options.survey, options.stepMultiplier, options.collisions ?? 'stop');
  }

  get alterations(): Alteration[] {
    return this.#alterations.all;
  }

  async batch(batch: Batch): Promise<void> {
    if (batch.kind === 'scalars') await this.#values(batch.rows);
    else if (batch.kind === 'files') for (const row of batch.rows) await this.#file(row);
    else if (batch.kind === 'file_series') await this.#fileSeries(batch);
    else if (!WHOLE_STEPS.has(batch.kind as 'float_series')) await this.#points(batch);
    else for (const part of this.#collisions.pass(batch)) await this.#points(part);
  }

  async finish(complete: boolean): Promise<void> {
    const held = await this.#client.counts(this.id);
    for (const kind of ['values', 'points', 'files'] as const) {
      for (const [key, sent] of this.#sent[kind]) {
        if (held[kind][key] === sent) continue;
        this.failures.push(failureOf(new ExporterError('server', `The service lacks of '${key}' what was sent.`)));
      }
    }
    if (complete && this.failures.length === 0) await this.#setMark();
  }

  async #values(rows: readonly ScalarRow[]): Promise<void> {
    const values = new Map<string, string>();
    for (const row of rows) {
      const text = textOf(row);
      if (text === undefined) continue;
      const key = this.#key(row.type, row.path);
      const value = cutCodePoints(text, MAX_VALUE);
      values.set(key, value);
      this.#sent.values.set(key, sha256(value));
      if (codePoints(text) > MAX_VALUE) {
        await this.#client.putFile(this.id, `whole/${key}`, { text });
        this.#sent.files.set(`whole/${key}`, sha256(text));
      }
    }
    await this.#client.putValues(this.id, Object.fromEntries(values));
  }

  async #points(batch: SeriesBatch): Promise<void> {
    const key = this.#key(batch.kind, batch.path);
    const points = pointsOf(batch, this.#options.stepMultiplier);
    for (let i = 0; i < points.length; i += POINTS_A_CALL) {
      const some = points.slice(i, i + POINTS_A_CALL);
      const from = this.#sent.points.get(key) ?? 0;
      await this.#client.putPoints(this.id, key, from, some);
      this.#sent.points.set(key, from + some.length);
    }
  }

  async #fileSeries(batch: FileSeriesBatch): Promise<void> {
    for (let i = 0; i < batch.length; i++) {
      const step = decimalStepText(stepAt(batch, i, this.#options.stepMultiplier) ?? 0);
      const number = this.#fileNumbers.get(batch.path) ?? 0;
      this.#fileNumbers.set(batch.path, number + 1);
      // The number tells two files of one step apart.
      await this.#file({ path: batch.path, type: 'file_series', file: batch.values[i] ?? null }, `${step}/${number}-`);
    }
  }

  async #file(row: Omit<FileRow, 'type'> & { type: FileRow['type'] | 'file_series' }, below = ''): Promise<void> {
    const { path, type, file } = row;
    if (file === null) {
      if (this.#options.failedAttributes?.has(path)) return;
      this.#alterations.add('file_absent', path, 'The archive has no file for it, and does not say why.');
      return;
    }
    try {
      const place = `${this.#key(type, path)}/${below}`;
      const source = await archiveFile(this.#options, file);
      const status = await stat(source).catch(() => undefined);
      if (!status?.isDirectory()) return await this.#upload(file, place + basename(file));
      for (const name of await this.#filesBelow(file, source)) await this.#upload(`${file}/${name}`, place + name);
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      this.failures.push(failureOf(error, { path, type }));
    }
  }

  /** The files of a set: those that the archive tells of; all of the folder where it tells of none. */
  async #filesBelow(file: string, source: string): Promise<string[]> {
    const expected = [...(this.#options.files?.keys() ?? [])].filter((path) => path.startsWith(`${file}/`));
    if (expected.length > 0) return expected.map((path) => path.slice(file.length + 1));
    const entries = await readdir(source, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(source.length + 1))
      .sort();
  }

  async #upload(file: string, to: string): Promise<void> {
    const { files, signal, onBytes } = this.#options;
    const source = await archiveFile(this.#options, file);
    const size = (await stat(source).catch(() => undefined))?.size;
    if (size === undefined) throw new ExporterError('not_found', `The file ${source} is not there.`);
    await checkFile(source, files?.get(file), signal);
    await this.#client.putFile(this.id, to, { file: source });
    this.#sent.files.set(to, await fileHash(source, signal));
    onBytes?.(size);
  }

  #key(type: Parameters<typeof surveyKey>[0], path: string): string {
    return this.#keys.get(surveyKey(type, path))!;
  }
}
