// One run on its way into MLflow: takes batches, sends params and points, uploads files, checks, and marks it whole.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachLimited } from '../../http/limits.ts';
import type { Batch, FloatSeriesBatch, ScalarRow } from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError, type Failure, failureOf } from '../../model/errors.ts';
import { int64At, isSafeInt64, words } from '../../model/int64.ts';
import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { isOfOneFile } from '../archive-files.ts';
import type { Origin } from '../file-store.ts';
import { FileUploads } from '../file-uploads.ts';
import { alterationEntries, listFormat } from '../own-lists.ts';
import { histogramsJson, seriesCsv, seriesJsonl, seriesText } from '../series-files.ts';
import { Spool } from '../spool.ts';
import { StepCollisions } from '../step-collisions.ts';
import { isBeyondInt64, scaledMicro, wholeStepText } from '../steps.ts';
import { type AttributeSurvey, type RunSurvey, surveyKey } from '../survey.ts';
import type { Alteration, OpenOptions, TargetRun } from '../target.ts';
import { codePoints, cutCodePoints, isStorable, shortHash, storable } from '../text.ts';
import { stringSetText, timeText } from '../values.ts';
import type { RunBackEnd } from './back-end.ts';
import { artifactFileName, OWN_FOLDER, type RunKeys } from './names.ts';
import { foresee, needsCsv, noteCollisions } from './plan.ts';
import { PointCount } from './point-count.ts';
import { loadMark, runStatus, runTimes } from './run-tags.ts';
import { MAX_PARAM, paramText } from './values.ts';

/** Series whose points are counted at the server at once. */
const COUNTS_AT_ONCE = 4;

export interface RunContext {
  backEnd: RunBackEnd;
  fileStore: boolean;
  info: RunInfo;
  options: OpenOptions;
  keys: RunKeys;
  /** Alterations of what the run was made with. */
  alterations: AlterationList;
  /** What has to be done before the run is marked as whole, so that there is only one of it then. */
  beforeMark: () => Promise<void>;
  /** An own folder for what waits to be uploaded; removed at the end. */
  tempFolder: string;
}

/** A series file with the folder it goes to. Series may arrive in turns: a file is uploaded when all its rows are there. */
interface OpenSeries {
  rows: number;
  spools: { spool: Spool<never>; path: string }[];
}

export class MlflowRun implements TargetRun {
  readonly id: string;
  readonly failures: Failure[] = [];
  readonly #context: RunContext;
  readonly #alterations: AlterationList;
  readonly #files: FileUploads;
  readonly #collisions: StepCollisions;
  readonly #series = new Map<string, OpenSeries>();
  /** By key: hashes of the archive's value and of the one sent, to check it at the end without holding it. */
  readonly #params = new Map<string, { given: string; sent: string }>();
  readonly #points = new Map<string, { entry: AttributeSurvey; count: PointCount; rows: number }>();
  #lastCount: PointCount | undefined;
  #tempFiles = 0;

  constructor(id: string, context: RunContext) {
    const { backEnd, options, keys, fileStore } = context;
    this.id = id;
    this.#context = context;
    this.#alterations = context.alterations;
    for (const { code, attributePath, message, count } of options.alterations ?? []) {
      this.#alterations.add(code, attributePath, message, count);
    }
    foresee(this.#alterations, keys, { ...options, fileStore });
    this.#collisions = new StepCollisions(options.survey, options.stepMultiplier, options.collisions ?? 'stop');
    this.#files = new FileUploads({
      store: backEnd,
      run: options,
      fileName: (name, folder, taken) => artifactFileName(name, folder, keys.artifactFolders, taken),
      stepMultiplier: options.stepMultiplier,
      alterations: this.#alterations,
      failures: this.failures,
    });
  }

  get alterations(): Alteration[] {
    return this.#alterations.all;
  }

  async batch(batch: Batch): Promise<void> {
    switch (batch.kind) {
      case 'scalars':
        for (const row of batch.rows) await this.#param(row);
        return;
      case 'files':
        for (const row of batch.rows) await this.#files.file(row, this.#entry(row.type, row.path).key);
        return;
      case 'file_series':
        await this.#files.series(batch, this.#entry(batch.kind, batch.path).key);
        return;
      case 'float_series':
        await this.#floats(batch);
        return;
      default:
        await this.#texts(batch);
    }
  }

  async finish(complete: boolean): Promise<void> {
    const { backEnd, options, info, tempFolder } = this.#context;
    if (this.#lastCount) this.#lastCount.endsCall = true;
    await backEnd.flush();
    for (const key of this.#series.keys()) await this.#uploadSeries(key);
    for (const [path, points] of this.#collisions.dropped) {
      noteCollisions(this.#alterations, path, options.collisions ?? 'stop', points);
    }
    await this.#check();
    await this.#uploadOwn();
    // A run that lacks something stays RUNNING, so that nobody takes it for finished.
    if (complete && this.failures.length === 0) {
      await this.#context.beforeMark();
      await backEnd.complete(runStatus(info), runTimes(info, Date.now()).end, loadMark(options));
    }
    await rm(tempFolder, { recursive: true, force: true });
  }

  async #param(row: ScalarRow): Promise<void> {
    const { entry, key } = this.#entry(row.type, row.path);
    const text = paramText(row) ?? (row.type === 'float' ? 'nan' : undefined);
    if (row.value === null) {
      const what = text === undefined ? 'left out' : 'NaN';
      this.#alterations.add(text === undefined ? 'null_value' : 'null_as_nan', row.path, `Without a value: ${what}.`);
    }
    if (text === undefined) return;
    this.#noteForm(row);
    const hash = shortHash(text, 16);
    const before = this.#params.get(key);
    if (before?.given === hash) return;
    if (before !== undefined) {
      const path = await this.#keepWhole(`${entry.path} ${hash}`, key, text, entry);
      const message = `The archive has several values: the param holds the first, another one is in ${path}.`;
      this.#alterations.add('repeated_value', row.path, message);
      return;
    }
    const value = await this.#paramValue(entry, key, text);
    this.#params.set(key, { given: hash, sent: value === text ? hash : shortHash(value, 16) });
    await this.#context.backEnd.addParam(key, value, entry);
  }

  #noteForm(row: ScalarRow): void {
    if (row.type === 'string_set' && row.value !== null && stringSetText(row.value).json) {
      this.#alterations.add(
        'set_as_json',
        row.path,
        'The set is a JSON array: commas would not tell its elements apart.',
      );
    }
    if (row.type === 'datetime' && row.value !== null && timeText(row.value, ' ') === undefined) {
      this.#alterations.add(
        'datetime_as_number',
        row.path,
        'The time is in milliseconds since 1970: no calendar has it.',
      );
    }
  }

  /** The text if MLflow holds it; else its beginning and where the whole of it is. */
  async #paramValue(origin: Origin, key: string, text: string): Promise<string> {
    const length = codePoints(text);
    if (length <= MAX_PARAM && isStorable(text)) return text;
    const path = await this.#keepWhole(origin.path, key, text, origin);
    const long = length > MAX_PARAM;
    const reason = long
      ? `The value has ${length} characters, MLflow takes ${MAX_PARAM}`
      : 'The value has characters that MLflow can not hold';
    this.#alterations.add(
      long ? 'value_too_long' : 'value_not_text',
      origin.path,
      `${reason}: it is whole in ${path}.`,
    );
    const note = `… [${length} characters, whole in artifact ${path}]`;
    return cutCodePoints(storable(text), MAX_PARAM - codePoints(note)) + note;
  }

  /** Uploads a text as an artifact of its own and returns the artifact's path. */
  async #keepWhole(identity: string, key: string, text: string, origin: Origin): Promise<string> {
    // UTF-8 has no half surrogate pairs, JSON has escapes for them.
    const [content, extension] = text.isWellFormed() ? [text, 'txt'] : [JSON.stringify(text), 'json'];
    const path = `${OWN_FOLDER}/values/${flatName(key, identity)}.${extension}`;
    const file = await this.#tempFile();
    await onDisk(() => writeFile(file, content));
    await this.#context.backEnd.put(path, file, origin);
    await onDisk(() => rm(file));
    return path;
  }

  async #floats(batch: FloatSeriesBatch): Promise<void> {
    const { entry, key } = this.#entry('float_series', batch.path);
    const { backEnd, fileStore, options } = this.#context;
    const known = this.#points.get(key) ?? { entry, count: new PointCount(), rows: 0 };
    this.#points.set(key, known);
    let beyond = 0;
    for (const part of this.#collisions.pass(batch)) beyond += await this.#sendPoints(entry, key, part, known.count);
    known.rows += batch.length;
    if (known.rows >= entry.rows) await backEnd.endMetric(key);
    const message =
      'Steps beyond 64 bits at this multiplier are at the largest one; the series is also kept whole as CSV.';
    this.#alterations.add('step_out_of_range', batch.path, message, beyond);
    if (needsCsv(entry, { fileStore, ...options }) || beyond > 0) {
      await this.#spool(entry, batch, () => {
        const path = `${OWN_FOLDER}/series/${flatName(key, entry.path)}.csv`;
        return [{ format: seriesCsv, path }];
      });
    }
  }

  /** Sends the points of a batch. @returns how many have a step beyond 64 bits */
  async #sendPoints(origin: Origin, key: string, batch: FloatSeriesBatch, count: PointCount): Promise<number> {
    const {
      backEnd,
      options: { stepMultiplier },
    } = this.#context;
    const steps = words(batch.steps);
    const timestamps = words(batch.timestamps);
    let beyond = 0;
    for (let i = 0; i < batch.length; i++) {
      const scaled = batch.stepValid?.[i] === 0 ? 0 : scaledMicro(batch.steps, steps, i, stepMultiplier);
      const step = wholeStepText(scaled);
      const timestamp = timestampOf(batch, timestamps, i);
      const value = batch.valueValid?.[i] === 0 ? Number.NaN : batch.values[i]!;
      if (typeof scaled === 'bigint' && isBeyondInt64(scaled)) beyond++;
      count.add(step, scaled, timestamp, value);
      if (!backEnd.addMetric(key, { step, timestamp, value }, origin)) {
        count.endsCall = true;
        await backEnd.room();
      }
    }
    this.#lastCount = count;
    return beyond;
  }

  async #texts(batch: Extract<Batch, { kind: 'string_series' | 'histogram_series' }>): Promise<void> {
    const { entry, key } = this.#entry(batch.kind, batch.path);
    const { options, keys } = this.#context;
    const multiplier = options.stepMultiplier;
    const place = <F extends { name: string }>(format: F) => {
      const path = `${key}/${artifactFileName(format.name, key, keys.artifactFolders)}`;
      if (!path.endsWith(`/${format.name}`)) {
        this.#alterations.add('file_renamed', batch.path, `'${format.name}' is stored as '${path}'.`);
      }
      return { format, path };
    };
    if (batch.kind === 'histogram_series') {
      await this.#spool(entry, batch, () => [place(histogramsJson(multiplier))]);
      return;
    }
    await this.#spool(entry, batch, () => {
      const lines = place(seriesText(multiplier));
      return entry.awkwardTexts > 0 ? [lines, place(seriesJsonl(multiplier))] : [lines];
    });
  }

  /** Adds a batch to the files of its series, and uploads them when the series is complete. */
  async #spool<B extends { length: number }>(
    entry: AttributeSurvey,
    batch: B,
    formats: () => { format: ConstructorParameters<typeof Spool<B>>[1]; path: string }[],
  ): Promise<void> {
    const name = surveyKey(entry.type, entry.path);
    let series = this.#series.get(name);
    if (!series) {
      const spools: OpenSeries['spools'] = [];
      for (const { format, path } of formats()) spools.push({ spool: new Spool(await this.#tempFile(), format), path });
      series = { rows: 0, spools };
      this.#series.set(name, series);
    }
    for (const { spool } of series.spools) await (spool as Spool<B>).add(batch);
    series.rows += batch.length;
    if (series.rows >= entry.rows) await this.#uploadSeries(name);
  }

  async #uploadSeries(name: string): Promise<void> {
    const series = this.#series.get(name);
    this.#series.delete(name);
    const { path, type } = this.#context.options.survey.get(name)!;
    for (const { spool, path: artifact } of series?.spools ?? []) {
      await spool.finish();
      try {
        await this.#context.backEnd.put(artifact, spool.file, { path, type });
      } catch (error) {
        if (!isOfOneFile(error)) throw error;
        this.failures.push(failureOf(error, { path, type }));
      }
      await onDisk(() => rm(spool.file));
    }
  }

  /** Uploads where each attribute went, and what was altered. */
  async #uploadOwn(): Promise<void> {
    const { info, options, keys } = this.#context;
    const head = { format: 'neptune-exporter-mlflow', version: 1, project_id: info.projectId, run_id: info.runId };
    await this.#uploadList(head, 'attributes', attributeEntries(options.survey, keys));
    const { all } = this.#alterations;
    if (all.length === 0) return;
    await this.#uploadList(head, 'alterations', alterationEntries(all));
  }

  async #uploadList(head: object, list: string, entries: Iterable<string>): Promise<void> {
    const spool = new Spool(await this.#tempFile(), listFormat(head, list));
    await spool.add(entries);
    await spool.finish();
    await this.#context.backEnd.put(`${OWN_FOLDER}/${spool.name}`, spool.file);
  }

  /**
   * Compares what the server holds with what was sent: its answer 200 is no proof. It reads a call from the front and
   * drops everything from the first thing it can't read, so the points are counted of those series that a call ended
   * with; of the others the last step must be there.
   */
  async #check(): Promise<void> {
    const held = await this.#context.backEnd.held();
    for (const [key, { sent }] of held ? this.#params : []) {
      const value = held?.params.get(key);
      if (value === undefined || shortHash(value, 16) !== sent) {
        this.#lost(undefined, `The param '${key}' is not at the server as it was sent.`);
      }
    }
    await forEachLimited(this.#points, COUNTS_AT_ONCE, async ([key, { entry, count }]) => {
      if (held && held.latestSteps.get(key) !== Number(count.lastStep)) {
        this.#lost(entry, `The last point of the metric '${key}' is not at the server.`);
      } else if (count.endsCall) {
        await this.#checkCount(key, entry, count);
      } else {
        this.#noteMerged(entry, count.sent - count.expected);
      }
    });
  }

  async #checkCount(key: string, entry: AttributeSurvey, count: PointCount): Promise<void> {
    const { backEnd, fileStore } = this.#context;
    const expected = fileStore ? count.sent : count.expected;
    const there = await backEnd.countPoints(key, expected);
    if (count.accepts(there, fileStore)) this.#noteMerged(entry, count.sent - there);
    else this.#lost(entry, `The server holds ${there} of ${expected} points of the metric '${key}'.`);
  }

  #noteMerged(entry: AttributeSurvey, points: number): void {
    if (this.#context.fileStore) return;
    this.#alterations.add(
      'points_merged',
      entry.path,
      'Points equal in step, time and value, as MLflow holds them, are one.',
      points,
    );
  }

  #lost(entry: AttributeSurvey | undefined, message: string): void {
    const error = new ExporterError('server', message);
    this.failures.push(failureOf(error, entry ? { path: entry.path, type: entry.type } : {}));
  }

  #entry(type: AttributeSurvey['type'], path: string): { entry: AttributeSurvey; key: string } {
    const name = surveyKey(type, path);
    const entry = this.#context.options.survey.get(name);
    const key = this.#context.keys.byAttribute.get(name);
    if (entry === undefined || key === undefined) throw new Error(`The attribute ${path} (${type}) was not announced.`);
    return { entry, key };
  }

  async #tempFile(): Promise<string> {
    if (this.#tempFiles === 0) await onDisk(() => mkdir(this.#context.tempFolder, { recursive: true }));
    return join(this.#context.tempFolder, String(this.#tempFiles++));
  }
}

/** Milliseconds as MLflow takes them: not negative, never missing. */
function timestampOf(batch: FloatSeriesBatch, view: Int32Array, index: number): number | bigint {
  if (batch.timestampValid?.[index] === 0) return 0;
  const timestamp = isSafeInt64(view, index) ? int64At(view, index) : batch.timestamps[index]!;
  if (timestamp < 0) return 0;
  return timestamp;
}

/** Where each attribute went. */
function* attributeEntries(survey: RunSurvey, keys: RunKeys): Generator<string> {
  for (const [name, { path, type }] of survey) {
    yield JSON.stringify({ path, type, key: keys.byAttribute.get(name) });
  }
}

/** A file name for an attribute that is in no other one's way: its key in one piece, and a hash. */
function flatName(key: string, identity: string): string {
  return `${key.replaceAll('/', '_').slice(0, 150)}-${shortHash(identity)}`;
}
