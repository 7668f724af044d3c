// One run on its way into Comet: takes batches, sends values, points and files, checks, and marks it whole.

import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  Batch,
  FloatSeriesBatch,
  HistogramSeriesBatch,
  ScalarRow,
  StringSeriesBatch,
} from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError, type Failure, failureOf } from '../../model/errors.ts';
import { words } from '../../model/int64.ts';
import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { isOfOneFile } from '../archive-files.ts';
import type { Origin } from '../file-store.ts';
import { alterationEntries, listFormat } from '../own-lists.ts';
import { histogramsJson, type SeriesFormat, seriesCsv, seriesJsonl, seriesText } from '../series-files.ts';
import { Spool } from '../spool.ts';
import { StepCollisions } from '../step-collisions.ts';
import { decimalStepText, scaledMicro, wholeStepText } from '../steps.ts';
import { type AttributeSurvey, surveyKey } from '../survey.ts';
import type { Alteration, OpenOptions, TargetRun } from '../target.ts';
import { codePoints, shortHash } from '../text.ts';
import { timeText } from '../values.ts';
import type { NewAsset, RunBackEnd } from './back-end.ts';
import { CometFiles } from './files.ts';
import { cometHistogram } from './histogram.ts';
import { OWN_FOLDER, type RunNames } from './names.ts';
import {
  foresee,
  needsCsv,
  noteBeyond,
  noteCollisions,
  noteLong,
  noteNotText,
  noteOddTime,
  withoutRoom,
} from './plan.ts';
import { TaskPool } from './task-pool.ts';
import { cutText, MAX_TEXT, parameterOf } from './values.ts';

/** Uploads of one run under way at once. */
const UPLOADS_AT_ONCE = 4;

export interface RunContext {
  id: string;
  backEnd: RunBackEnd;
  info: RunInfo;
  options: OpenOptions;
  names: RunNames;
  /** Alterations of what the run was made with. */
  alterations: AlterationList;
  /** An own folder for what waits to be uploaded; removed at the end. */
  tempFolder: string;
}

/** Files that a series is written to until all its rows are there: series may arrive in turns. */
interface OpenSeries {
  rows: number;
  spools: { spool: Spool<never>; asset: NewAsset }[];
}

export class CometRun implements TargetRun {
  readonly id: string;
  readonly failures: Failure[] = [];
  readonly #context: RunContext;
  readonly #files: CometFiles;
  readonly #collisions: StepCollisions;
  readonly #withoutRoom: ReadonlySet<string>;
  readonly #uploads = new TaskPool(UPLOADS_AT_ONCE);
  readonly #series = new Map<string, OpenSeries>();
  /** Rows of float series that came, by name. */
  readonly #rows = new Map<string, number>();
  /** Histograms of each series that came. */
  readonly #histograms = new Map<string, number>();
  /** By name: hash of the parameter's value in the archive. */
  readonly #parameters = new Map<string, string>();
  #tempFiles = 0;

  constructor(context: RunContext) {
    const { options, names, alterations } = context;
    this.id = context.id;
    this.#context = context;
    for (const { code, attributePath, message, count } of options.alterations ?? []) {
      alterations.add(code, attributePath, message, count);
    }
    foresee(alterations, names, options);
    this.#withoutRoom = withoutRoom(options.survey);
    this.#collisions = new StepCollisions(options.survey, options.stepMultiplier, options.collisions ?? 'stop');
    this.#files = new CometFiles({
      options,
      alterations,
      failures: this.failures,
      take: (asset, file, origin, sha256) => this.#upload(asset, file, origin, { ...(sha256 ? { sha256 } : {}) }),
    });
  }

  get alterations(): Alteration[] {
    return this.#context.alterations.all;
  }

  async batch(batch: Batch): Promise<void> {
    switch (batch.kind) {
      case 'scalars':
        for (const row of batch.rows) await this.#parameter(row);
        return;
      case 'files':
        for (const row of batch.rows) await this.#files.file(row, this.#entry(row.type, row.path).name);
        return;
      case 'file_series':
        return this.#files.series(batch, this.#entry(batch.kind, batch.path).name);
      case 'float_series':
        return this.#floats(batch);
      case 'string_series':
        return this.#texts(batch);
      case 'histogram_series':
        return this.#histogramSeries(batch);
    }
  }

  async finish(complete: boolean): Promise<void> {
    const { backEnd, options, alterations, tempFolder } = this.#context;
    await backEnd.flush();
    for (const key of this.#series.keys()) await this.#uploadSeries(key);
    for (const [path, points] of this.#collisions.dropped) {
      noteCollisions(alterations, path, options.collisions ?? 'stop', points);
    }
    await this.#uploads.drain();
    await this.#uploadOwn();
    await this.#uploads.drain();
    for (const { origin, message } of await backEnd.lacking(complete && this.failures.length === 0)) {
      this.failures.push(failureOf(new ExporterError('server', message), origin));
    }
    // A run that lacks something stays as it is, running, so that nobody takes it for finished.
    if (complete && this.failures.length === 0) await backEnd.complete();
    await rm(tempFolder, { recursive: true, force: true });
  }

  async #parameter(row: ScalarRow): Promise<void> {
    const { alterations, backEnd } = this.#context;
    const { entry, name, key } = this.#entry(row.type, row.path);
    const parameter = parameterOf(row);
    if (!parameter) {
      alterations.add('null_value', row.path, 'Without a value: left out.');
      return;
    }
    const { json, text, fits } = parameter;
    if (row.type === 'datetime' && row.value !== null && timeText(row.value, ' ') === undefined) {
      noteOddTime(alterations, row.path, 1);
    }
    const hash = shortHash(`${row.type} ${text}`, 16);
    const before = this.#parameters.get(name);
    if (before === hash) return;
    this.#parameters.set(name, before ?? hash);
    if (before !== undefined) {
      const asset = await this.#keepWhole(`${entry.path} ${hash}`, name, text, entry);
      const message = `The archive has several values: the parameter holds the first, another one is in ${asset}.`;
      alterations.add('repeated_value', row.path, message);
    } else if (this.#withoutRoom.has(key)) {
      await this.#keepWhole(entry.path, name, text, entry);
    } else {
      await backEnd.addParameter(name, fits ? json : await this.#cut(entry, name, text), entry);
    }
  }

  /** The JSON of the beginning of a text that Comet can't hold, which says where the whole of it is. */
  async #cut(origin: Origin, name: string, text: string): Promise<string> {
    const { alterations } = this.#context;
    const asset = await this.#keepWhole(origin.path, name, text, origin);
    const length = codePoints(text);
    if (length > MAX_TEXT) noteLong(alterations, origin.path, length, `it is whole in ${asset}`);
    else noteNotText(alterations, origin.path, `it is whole in ${asset}`);
    return JSON.stringify(cutText(text, `… [${length} characters, whole in asset ${asset}]`));
  }

  /** Uploads a text as an asset of its own. @returns the asset's name */
  async #keepWhole(identity: string, name: string, text: string, origin: Origin): Promise<string> {
    // UTF-8 has no half surrogate pairs, JSON has escapes for them.
    const [content, extension] = text.isWellFormed() ? [text, 'txt'] : [JSON.stringify(text), 'json'];
    const asset = this.#own(`values/${flatName(name, identity)}.${extension}`, extension, 'value', origin);
    const file = await this.#tempFile();
    await onDisk(() => writeFile(file, content));
    await this.#upload(asset, file, origin, { isTemporary: true });
    return asset.name;
  }

  async #floats(batch: FloatSeriesBatch): Promise<void> {
    const { backEnd, options, alterations } = this.#context;
    const { entry, name, key } = this.#entry('float_series', batch.path);
    const hasRoom = !this.#withoutRoom.has(key);
    if (hasRoom) {
      let beyond = 0;
      for (const part of this.#collisions.pass(batch)) {
        beyond += await backEnd.addPoints(name, part, options.stepMultiplier, entry);
      }
      noteBeyond(alterations, batch.path, beyond);
      const rows = (this.#rows.get(name) ?? 0) + batch.length;
      this.#rows.set(name, rows);
      if (rows >= entry.rows) await backEnd.endMetric(name);
    }
    if (hasRoom && !needsCsv(entry, options)) return;
    await this.#spool(entry, batch, () => [
      {
        format: seriesCsv,
        asset: this.#own(`series/${flatName(name, entry.path)}.csv`, 'csv', 'series', entry),
      },
    ]);
  }

  async #texts(batch: StringSeriesBatch): Promise<void> {
    const { entry, name } = this.#entry(batch.kind, batch.path);
    const multiplier = this.#context.options.stepMultiplier;
    await this.#spool(entry, batch, () => {
      const lines = {
        format: seriesText(multiplier),
        asset: { name, type: 'asset' as const, extension: 'txt', metadata: metadataOf(entry, 'lines') },
      };
      const asset = this.#own(`texts/${flatName(name, entry.path)}.jsonl`, 'jsonl', 'series', entry);
      return entry.awkwardTexts > 0 ? [lines, { format: seriesJsonl(multiplier), asset }] : [lines];
    });
  }

  async #histogramSeries(batch: HistogramSeriesBatch): Promise<void> {
    const { entry, name } = this.#entry(batch.kind, batch.path);
    const { options } = this.#context;
    await this.#spool(entry, batch, () => [
      {
        format: histogramsJson(options.stepMultiplier),
        asset: this.#own(`histograms/${flatName(name, entry.path)}.json`, 'json', 'series', entry),
      },
    ]);
    const steps = words(batch.steps);
    for (let i = 0; i < batch.length; i++) {
      const histogram = batch.values[i];
      const number = this.#histograms.get(name) ?? 0;
      this.#histograms.set(name, number + 1);
      if (!histogram) continue;
      const mapped = cometHistogram(histogram);
      if (!mapped) continue;
      const hasStep = batch.stepValid?.[i] !== 0;
      const scaled = hasStep ? scaledMicro(batch.steps, steps, i, options.stepMultiplier) : 0;
      const hasTime = batch.timestampValid?.[i] !== 0;
      const file = await this.#tempFile();
      await onDisk(() => writeFile(file, mapped.json));
      const asset: NewAsset = {
        name,
        type: 'histogram3d',
        step: wholeStepText(scaled),
        ordinal: String(number),
        extension: 'json',
        metadata: {
          ...metadataOf(entry, 'histogram'),
          step: hasStep ? decimalStepText(scaled) : null,
          timestamp: hasTime ? Number(batch.timestamps[i]) : null,
        },
      };
      await this.#upload(asset, file, entry, { isTemporary: true });
    }
  }

  /** Adds a batch to the files of its series, and uploads them when the series is complete. */
  async #spool<B extends { length: number }>(
    entry: AttributeSurvey,
    batch: B,
    files: () => { format: SeriesFormat<B>; asset: NewAsset }[],
  ): Promise<void> {
    const key = surveyKey(entry.type, entry.path);
    let series = this.#series.get(key);
    if (!series) {
      const spools: OpenSeries['spools'] = [];
      for (const { format, asset } of files()) spools.push({ spool: new Spool(await this.#tempFile(), format), asset });
      series = { rows: 0, spools };
      this.#series.set(key, series);
    }
    for (const { spool } of series.spools) await (spool as Spool<B>).add(batch);
    series.rows += batch.length;
    if (series.rows >= entry.rows) await this.#uploadSeries(key);
  }

  async #uploadSeries(key: string): Promise<void> {
    const series = this.#series.get(key);
    this.#series.delete(key);
    const entry = this.#context.options.survey.get(key)!;
    for (const { spool, asset } of series?.spools ?? []) {
      await spool.finish();
      await this.#upload(asset, spool.file, entry, { isTemporary: true });
    }
  }

  /** Begins an upload. What concerns this file alone becomes a failure; all else is thrown by a later call. */
  async #upload(
    asset: NewAsset,
    file: string,
    origin: Origin | undefined,
    { sha256, isTemporary = false }: { sha256?: string; isTemporary?: boolean },
  ): Promise<void> {
    const { backEnd, options } = this.#context;
    await this.#uploads.start(async () => {
      try {
        await backEnd.put(asset, file, origin, sha256);
        if (!isTemporary) options.onBytes?.((await stat(file)).size);
      } catch (error) {
        if (!isOfOneFile(error)) throw error;
        this.failures.push(failureOf(error, origin));
      } finally {
        if (isTemporary) await rm(file, { force: true });
      }
    });
  }

  /** Uploads where each attribute went, and what was altered. */
  async #uploadOwn(): Promise<void> {
    const { info, options, names, alterations } = this.#context;
    const head = { format: 'neptune-exporter-comet', version: 1, project_id: info.projectId, run_id: info.runId };
    await this.#uploadList('attributes', head, function* () {
      for (const [key, { path, type }] of options.survey) yield JSON.stringify({ path, type, name: names.get(key) });
    });
    const { all } = alterations;
    if (all.length === 0) return;
    await this.#uploadList('alterations', head, () => alterationEntries(all));
  }

  async #uploadList(list: string, head: object, entries: () => Iterable<string>): Promise<void> {
    const spool = new Spool(await this.#tempFile(), listFormat(head, list));
    await spool.add(entries());
    await spool.finish();
    await this.#upload(this.#own(spool.name, 'json', list), spool.file, undefined, { isTemporary: true });
  }

  /** An asset that is no file of an attribute. */
  #own(path: string, extension: string, content: string, origin?: Origin): NewAsset {
    return { name: `${OWN_FOLDER}/${path}`, type: 'asset', extension, metadata: metadataOf(origin, content) };
  }

  #entry(type: AttributeSurvey['type'], path: string): { entry: AttributeSurvey; name: string; key: string } {
    const key = surveyKey(type, path);
    const entry = this.#context.options.survey.get(key);
    const name = this.#context.names.get(key);
    if (entry === undefined || name === undefined)
      throw new Error(`The attribute ${path} (${type}) was not announced.`);
    return { entry, name, key };
  }

  async #tempFile(): Promise<string> {
    if (this.#tempFiles === 0) await onDisk(() => mkdir(this.#context.tempFolder, { recursive: true }));
    return join(this.#context.tempFolder, String(this.#tempFiles++));
  }
}

/** What an asset says of itself: the attribute that it comes from, and what of it it holds. */
function metadataOf(origin: Origin | undefined, content: string): Record<string, unknown> {
  return { ...(origin ? { neptune_path: origin.path, neptune_type: origin.type } : {}), content };
}

/** A file name for an attribute that is in no other one's way. */
function flatName(name: string, identity: string): string {
  return `${name}-${shortHash(identity)}`;
}
