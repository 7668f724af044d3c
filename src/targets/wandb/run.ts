// One run on its way into W&B: takes batches, spools series until they can be merged, sends lines, tables, files, and checks.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '../../http/limits.ts';
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
import { FileUploads } from '../file-uploads.ts';
import { Spool } from '../spool.ts';
import { hasCollisions, StepCollisions } from '../step-collisions.ts';
import { type AttributeSurvey, fractionalSteps, surveyKey } from '../survey.ts';
import type { Alteration, OpenOptions, TargetRun } from '../target.ts';
import { codePoints, isStorable, shortHash } from '../text.ts';
import { timeText } from '../values.ts';
import { RefusedEntries } from './artifact-save.ts';
import type { RunBackEnd, RunEnd } from './back-end.ts';
import { BlobSpool } from './blob-spool.ts';
import type { RunInput } from './client.ts';
import { type ConfigPlan, configJson, shortenedJson } from './config.ts';
import { fileDigests } from './file-digests.ts';
import { HistoryLines, type HistorySeries, MAX_LINE, newSeries } from './history-lines.ts';
import { histogramJson, imageBlob, imagesJson, isPlainHistogram, MAX_BINS, mediaPath, tableJson } from './media.ts';
import {
  ARTIFACT_TYPE,
  artifactFileName,
  clientId,
  homeOf,
  OWN,
  type RunKeys,
  tableArtifactName,
  X_AXIS,
} from './names.ts';
import { internalConfig, type OwnConfig } from './own-config.ts';
import * as plan from './plan.ts';
import {
  ABSENT,
  newRecords,
  PointSpool,
  RECORD_WORDS,
  RECORDS_AT_ONCE,
  type Records,
  wholeSteps,
} from './point-spool.ts';
import { RunArtifactFiles } from './run-artifact.ts';
import { type TableFile, TableFiles, tablePlace } from './table-files.ts';
import * as whole from './whole-series.ts';

export interface RunContext {
  backEnd: RunBackEnd;
  info: RunInfo;
  options: OpenOptions;
  keepSlashes: boolean;
  keys: RunKeys;
  config: ConfigPlan;
  /** Alterations of what the run was made with. */
  alterations: AlterationList;
  /** What the run was made with, but for the config. */
  made: Omit<RunInput, 'config'>;
  own: OwnConfig;
  /** The name of the run's artifact. */
  artifact: string;
  /** Lines up to this step are the parent's. */
  fork: { run: string; step: number } | undefined;
  /** What has to be done before the run is whole, so that there is only one of it then. */
  beforeMark: () => Promise<void>;
  /** An own folder for what waits; removed at the end. */
  tempFolder: string;
}

/** A closing line may hold so many bytes. */
const CLOSING_BYTES = MAX_LINE - 1000;

export class WandbRun implements TargetRun {
  readonly id: string;
  readonly failures: Failure[] = [];
  readonly #context: RunContext;
  readonly #alterations: AlterationList;
  readonly #collisions: StepCollisions;
  readonly #uploads: FileUploads;
  readonly #files: RunArtifactFiles;
  readonly #series: HistorySeries[] = [];
  readonly #seriesNumbers = new Map<string, number>();
  readonly #points: PointSpool;
  readonly #blobs: BlobSpool;
  readonly #tables = new Map<string, TableFiles>();
  readonly #values = new Map<string, { json: string; given: string }>();
  /** Images of single files: they are shown in the closing line. */
  readonly #shown: { key: string; json: string }[] = [];
  readonly #imageKeys = new Set<string>();
  readonly #gzipped = new Map<string, whole.GzipText>();
  /** Float series that are kept whole already, since it was known beforehand that they have to be. */
  readonly #kept = new Set<number>();
  /** Used again for each piece of a batch. */
  readonly #buffer = { records: newRecords(RECORDS_AT_ONCE), steps: new Float64Array(RECORDS_AT_ONCE) };
  #leastStep = 0;
  #isReady = false;
  #tempFiles = 0;

  constructor(id: string, context: RunContext) {
    const { options, keys, tempFolder } = context;
    this.id = id;
    this.#context = context;
    this.#alterations = context.alterations;
    for (const { code, attributePath, message, count } of options.alterations ?? []) {
      this.#alterations.add(code, attributePath, message, count);
    }
    plan.foresee(this.#alterations, keys, { ...options, keepSlashes: context.keepSlashes });
    this.#collisions = new StepCollisions(options.survey, options.stepMultiplier, options.collisions ?? 'stop');
    this.#points = new PointSpool(join(tempFolder, 'points'), options.stepMultiplier);
    this.#blobs = new BlobSpool(join(tempFolder, 'blobs'));
    this.#files = new RunArtifactFiles({
      onImage: (origin, image, file) => this.#image(origin, image, file),
      keyOf: ({ type, path }) => this.#entry(type, path).key,
      wholeStep: (micro) => Math.max(0, wholeStep(micro, options.stepMultiplier) || 0),
      signal: options.signal,
    });
    this.#uploads = new FileUploads({
      store: this.#files,
      filesDirectory: options.filesDirectory,
      locate: options.locate,
      expected: options.files ?? new Map(),
      failedAttributes: options.failedAttributes ?? new Set(),
      fileName: (name, folder, taken) => artifactFileName(name, folder, keys.parents, taken),
      // Steps in names are Neptune's own.
      stepMultiplier: 1n,
      alterations: this.#alterations,
      failures: this.failures,
      onBytes: options.onBytes ?? (() => undefined),
      signal: options.signal,
    });
  }

  get alterations(): Alteration[] {
    return this.#alterations.all;
  }

  async batch(batch: Batch): Promise<void> {
    await this.#ready();
    switch (batch.kind) {
      case 'scalars':
        for (const row of batch.rows) await this.#value(row);
        return;
      case 'files':
        for (const row of batch.rows) await this.#uploads.file(row, this.#entry(row.type, row.path).folder);
        return;
      case 'file_series':
        await whole.writeFileSeries(this.#gzip('file_series.csv.gz', whole.FILES_HEAD), batch);
        await this.#uploads.series(batch, this.#entry(batch.kind, batch.path).folder);
        return;
      case 'float_series':
        await this.#floats(batch);
        return;
      case 'histogram_series':
        await this.#histograms(batch);
        return;
      default:
        await this.#texts(batch);
    }
  }

  async finish(complete: boolean): Promise<void> {
    await this.#ready();
    const { backEnd, options, tempFolder, beforeMark } = this.#context;
    await this.#points.finish();
    await this.#blobs.finish();
    await backEnd.flushMedia();
    for (const [name, tables] of this.#tables) await this.#finishTables(name, tables);
    const lines = await this.#sendLines();
    for (const [path, points] of this.#collisions.dropped) {
      plan.noteCollisions(this.#alterations, path, options.collisions ?? 'stop', points);
    }
    for (const one of this.#series) this.#note(one);
    await this.#keepAltered();
    await this.#saveOwn();
    const end = this.#end(lines);
    this.#blobs.close();
    await backEnd.describe(end);
    for (const message of await backEnd.check(end)) this.failures.push(failureOf(new ExporterError('server', message)));
    // A run that lacks something isn't finished at W&B, so that nobody takes it for whole.
    if (complete && this.failures.length === 0) {
      await beforeMark();
      await backEnd.complete(end);
    }
    await rm(tempFolder, { recursive: true, force: true });
  }

  async #value(row: ScalarRow): Promise<void> {
    const { entry, key, name } = this.#entry(row.type, row.path);
    const { config } = this.#context;
    if (row.value === null) {
      const isFloat = row.type === 'float';
      const what = isFloat ? 'NaN' : 'left out';
      this.#alterations.add(isFloat ? 'null_as_nan' : 'null_value', row.path, `Without a value: ${what}.`);
    }
    if (row.type === 'float' && row.value !== null && !Number.isFinite(row.value))
      plan.noteText(this.#alterations, row.path, 1);
    if (row.type === 'datetime' && row.value !== null && timeText(row.value, ' ') === undefined) {
      const message = 'The time is in milliseconds since 1970: no calendar has it.';
      this.#alterations.add('datetime_as_number', row.path, message);
    }
    const json = configJson(row);
    if (json === undefined) return;
    const given = shortHash(rawText(row) ?? json, 16);
    const before = this.#values.get(key);
    if (before?.given === given) return;
    if (before) {
      const path = await this.#keepValue(`${entry.path} ${given}`, key, row, json);
      const message = `The archive has several values: the config holds the first, another one is in ${path}.`;
      this.#alterations.add('repeated_value', row.path, message);
      return;
    }
    const text = rawText(row);
    const length = text === undefined ? 0 : codePoints(text);
    if (config.leftOut.has(name)) {
      await this.#keepValue(entry.path, key, row, json);
      plan.noteLeftOut(this.#alterations, row.path);
      return;
    }
    if (text !== undefined && length > config.textLimit) {
      const path = await this.#keepValue(entry.path, key, row, json);
      plan.noteLong(this.#alterations, row.path, length, config.textLimit);
      const note = `… [${length} characters, whole in ${path} of the run's artifact]`;
      this.#values.set(key, { json: shortenedJson(text, config.textLimit, note), given });
      return;
    }
    if (text !== undefined && !isStorable(text)) {
      await this.#keepValue(entry.path, key, row, json);
      plan.noteOddText(this.#alterations, row.path);
    }
    this.#values.set(key, { json, given });
  }

  /** Keeps a value in the run's artifact. @returns its path there */
  async #keepValue(identity: string, key: string, row: ScalarRow, json: string): Promise<string> {
    // UTF-8 has no half surrogate pairs, JSON has escapes for them.
    const isText = typeof row.value === 'string' && row.value.isWellFormed();
    const content = isText
      ? (row.value as string)
      : row.type === 'string_set' || row.type === 'string'
        ? JSON.stringify(row.value)
        : json;
    const name = `${key.replaceAll('/', '_').slice(0, 150)}-${shortHash(identity)}.${isText ? 'txt' : 'json'}`;
    const path = `${OWN}/values/${name}`;
    const file = this.#tempFile();
    await onDisk(() => writeFile(file, content));
    await this.#files.put(path, file, { path: row.path, type: row.type });
    return path;
  }

  async #floats(batch: FloatSeriesBatch): Promise<void> {
    const { entry, number } = this.#history('float_series', batch.path, 'float');
    if (this.#isKeptWhole(entry)) {
      this.#kept.add(number);
      await whole.writeFloats(this.#gzip('series.csv.gz', whole.SERIES_HEAD), batch);
    }
    for (const part of this.#collisions.pass(batch)) await this.#spool(number, part, part.values, part.valueValid);
  }

  /** Whether it is known beforehand that lines don't hold a series as it is. */
  #isKeptWhole(entry: AttributeSurvey): boolean {
    const { stepMultiplier, collisions = 'stop' } = this.#context.options;
    const { steps, missingSteps } = entry;
    const dropped = collisions !== 'stop' && hasCollisions(entry, stepMultiplier);
    return (
      dropped ||
      missingSteps > 0 ||
      fractionalSteps(entry, stepMultiplier) > 0 ||
      plan.isBeyond(steps?.range, stepMultiplier)
    );
  }

  async #histograms(batch: HistogramSeriesBatch): Promise<void> {
    const { number } = this.#history('histogram_series', batch.path, 'histogram');
    // Always whole, too: no form of W&B's says what kind of histogram it is.
    await whole.writeHistograms(this.#gzip('histograms.jsonl.gz'), batch);
    let rebinned = 0;
    let odd = 0;
    for (const part of this.#collisions.pass(batch)) {
      const places = new Float64Array(part.length);
      const valid = new Uint8Array(part.length);
      for (const [i, value] of part.values.slice(0, part.length).entries()) {
        if (value === null) continue;
        const isPlain = isPlainHistogram(value);
        if (!isPlain || (value.type !== null && value.type !== 'COUNTING')) odd++;
        if (!isPlain) continue;
        if (value.values.length > MAX_BINS) rebinned++;
        places[i] = await this.#blobs.add(histogramJson(value));
        valid[i] = 1;
      }
      await this.#spool(number, part, places, undefined, valid);
    }
    plan.noteRebinned(this.#alterations, batch.path, rebinned);
    const message = "W&B's histograms can not say it as it is: histograms.jsonl.gz does.";
    this.#alterations.add('histogram_odd', batch.path, message, odd);
  }

  async #texts(batch: StringSeriesBatch): Promise<void> {
    const { entry, name } = this.#entry('string_series', batch.path);
    const { stepMultiplier } = this.#context.options;
    let tables = this.#tables.get(name);
    if (!tables) {
      tables = new TableFiles(tablePlace(this.#context.tempFolder, this.#tables.size), stepMultiplier);
      this.#tables.set(name, tables);
    }
    await tables.add(batch);
    const isLong = entry.steps?.range !== undefined && longestStep(entry.steps.range, stepMultiplier) > 15;
    if (isLong) {
      const message = 'Steps of more than 15 digits are rounded by readers of tables; texts.jsonl.gz has them whole.';
      this.#alterations.add('step_rounded', batch.path, message, batch.length);
    }
    if (isLong || entry.unstorableTexts > 0) await whole.writeTexts(this.#gzip('texts.jsonl.gz'), batch);
  }

  /** Takes points into the spool, in pieces. @param kept 0 for points that have no value for the history */
  async #spool(
    series: number,
    batch: FloatSeriesBatch | HistogramSeriesBatch,
    values: Float64Array,
    valueValid: Uint8Array | undefined,
    kept?: Uint8Array,
  ): Promise<void> {
    const { stepMultiplier } = this.#context.options;
    const { records, steps } = this.#buffer;
    let beyond = 0;
    for (let from = 0; from < batch.length; from += RECORDS_AT_ONCE) {
      const to = Math.min(batch.length, from + RECORDS_AT_ONCE);
      records.length = to - from;
      fill(records, batch, values, valueValid, from);
      wholeSteps(records, stepMultiplier, steps);
      let length = 0;
      for (let i = 0; i < records.length; i++) {
        const step = steps[i]!;
        if (Number.isNaN(step)) beyond++;
        if (Number.isNaN(step) || kept?.[from + i] === 0) continue;
        if (step < this.#leastStep) this.#leastStep = step;
        if (length < i) records.words.copyWithin(length * RECORD_WORDS, i * RECORD_WORDS, (i + 1) * RECORD_WORDS);
        length++;
      }
      records.length = length;
      if (length > 0) await this.#points.add(series, records);
    }
    plan.noteBeyond(this.#alterations, batch.path, beyond);
  }

  /** An image of a file series is a point of its own; one of a single file is shown at the end. */
  async #image(
    origin: Origin,
    image: Parameters<typeof imageBlob>[0],
    file: Parameters<RunBackEnd['media']>[0],
  ): Promise<void> {
    const { backEnd, options } = this.#context;
    const { key } = this.#entry(origin.type, origin.path);
    const blob = imageBlob(image);
    this.#imageKeys.add(key);
    if (!origin.point) {
      this.#shown.push({ key, json: imagesJson([blob]) });
    } else {
      const { number } = this.#history('file_series', origin.path, 'image');
      const records = newRecords(1);
      const column = new BigInt64Array(records.words.buffer);
      column[0] = origin.point.step ?? ABSENT;
      column[1] = origin.point.timestamp ?? ABSENT;
      const steps = new Float64Array(1);
      wholeSteps(records, options.stepMultiplier, steps);
      // The file is in the artifact all the same.
      if (Number.isNaN(steps[0])) {
        plan.noteBeyond(this.#alterations, origin.path, 1);
        return;
      }
      if (steps[0]! < this.#leastStep) this.#leastStep = steps[0]!;
      records.values[2] = await this.#blobs.add(blob);
      await this.#points.add(number, records);
    }
    await backEnd.media(file, origin);
  }

  /** Sends the tables of a series; their references wait for the closing line. */
  async #finishTables(name: string, tables: TableFiles): Promise<void> {
    const { options } = this.#context;
    const entry = options.survey.get(name)!;
    const origin = { path: entry.path, type: entry.type };
    await tables.finish();
    for (const table of tables.tables) {
      throwIfAborted(options.signal);
      try {
        this.#shown.push(await this.#sendTable(this.#tableKey(name, table.number), table, origin));
      } catch (error) {
        if (!isOfOneFile(error)) throw error;
        this.failures.push(failureOf(error, origin));
      }
      await onDisk(() => rm(table.artifact.file));
      await onDisk(() => rm(table.media.file));
    }
  }

  async #sendTable(key: string, table: TableFile, origin: Origin): Promise<{ key: string; json: string }> {
    const { backEnd, options } = this.#context;
    const artifact = await fileDigests(table.artifact.file, options.signal);
    const media = await fileDigests(table.media.file, options.signal);
    const ids = { clientId: clientId(this.id, key, artifact.sha256), sequenceId: clientId(this.id, key) };
    await backEnd.artifact(
      {
        type: 'run_table',
        name: tableArtifactName(this.id, key),
        entries: new Map([[`${key}.table.json`, { file: table.artifact.file, ...artifact }]]),
        ...ids,
      },
      origin,
    );
    const path = mediaPath('table', key, 0, media.sha256, 'table.json');
    await backEnd.media({ path, file: table.media.file, bytes: media.bytes, md5: media.md5 }, origin);
    // Its file goes when this returns.
    await backEnd.flushMedia();
    const { sha256, bytes } = media;
    return { key, json: tableJson({ key, path, sha256, bytes, rows: table.rows, ...ids }) };
  }

  /** The first table has the attribute's key, further ones a number that no other key has. */
  #tableKey(name: string, number: number): string {
    const { keys } = this.#context;
    let key = keys.keys.get(name)!;
    if (number === 1) return key;
    key = `${key}_${number}`;
    while (keys.history.has(key)) key = `${key}_`;
    return key;
  }

  async #sendLines(): Promise<HistoryLines> {
    const { backEnd, options, info, fork } = this.#context;
    const lines = new HistoryLines({
      points: this.#points,
      blobs: this.#blobs,
      series: this.#series,
      multiplier: options.stepMultiplier,
      shift: this.#shift,
      hasAxis: this.#hasAxis,
      start: info.creationTime,
      inherited: fork?.step,
    });
    for (const line of lines.lines()) {
      const sent = backEnd.line(line);
      if (!sent) continue;
      await sent;
      throwIfAborted(options.signal);
    }
    for (const values of closingGroups(this.#shown)) await backEnd.line(lines.closingLine(values, fork?.step));
    await backEnd.flushLines();
    return lines;
  }

  get #shift(): number {
    return this.#leastStep < 0 ? -this.#leastStep : 0;
  }

  /** Whether `_step` is not Neptune's step. */
  get #hasAxis(): boolean {
    const { survey, stepMultiplier } = this.#context.options;
    const isCut = (entry: AttributeSurvey) =>
      entry.type !== 'string_series' && fractionalSteps(entry, stepMultiplier) > 0;
    return stepMultiplier !== 1n || this.#shift > 0 || [...survey.values()].some(isCut);
  }

  /** Tells what lines could not hold of a series. */
  #note({ entry, kind, ...one }: HistorySeries): void {
    const { path } = entry;
    const list = this.#alterations;
    const file =
      kind === 'float' ? 'series.csv.gz' : kind === 'histogram' ? 'histograms.jsonl.gz' : 'file_series.csv.gz';
    plan.noteRepeated(list, path, one.repeated);
    plan.noteBeyond(list, path, one.beyond);
    if (this.#shift > 0 && entry.steps?.range && entry.steps.range.least < 0n) plan.noteMoved(list, path, 1);
    const merged = `The time of its line is another one; ${file} has the point's own.`;
    list.add('timestamp_merged', path, merged, one.timeMerged);
    const inherited = `Points up to the fork are those of the parent; ${file} has the run's own.`;
    list.add('fork_inherited', path, inherited, one.inherited);
    const long = `The line would be longer than W&B takes: left out of the history, kept in ${kind === 'image' ? 'files/' : file}.`;
    list.add('row_too_long', path, long, one.tooLong);
    const many = 'W&B shows no more images of one step; the files are in the artifact.';
    list.add('images_left_out', path, many, one.tooMany);
  }

  /** Keeps whole the float series that lines turned out not to hold as they are. */
  async #keepAltered(): Promise<void> {
    const altered = new Set<number>();
    for (const [number, { kind, repeated, timeMerged, inherited, tooLong, beyond }] of this.#series.entries()) {
      const isAltered = repeated + timeMerged + inherited + tooLong + beyond > 0;
      if (kind === 'float' && isAltered && !this.#kept.has(number)) altered.add(number);
    }
    if (altered.size === 0) return;
    const reader = this.#points.reader();
    const records = newRecords(RECORDS_AT_ONCE);
    try {
      for (const { series, pieces } of this.#points.sources) {
        if (!altered.has(series)) continue;
        const { path } = this.#series[series]!.entry;
        const file = this.#gzip('series.csv.gz', whole.SERIES_HEAD);
        for (const piece of pieces) {
          for (let from = 0; from < piece.count; from += RECORDS_AT_ONCE) {
            records.length = Math.min(RECORDS_AT_ONCE, piece.count - from);
            reader.read(records, piece, from, records.length);
            await whole.writeRecords(file, path, records);
          }
        }
      }
    } finally {
      reader.close();
    }
  }

  /** Saves the run's artifact: its files, what is kept whole, where everything went, and what was altered. */
  async #saveOwn(): Promise<void> {
    const { backEnd, artifact, info } = this.#context;
    for (const [name, text] of this.#gzipped) {
      await text.end();
      await this.#files.put(`${OWN}/${name}`, text.file);
    }
    await this.#list('attributes.json', 'attributes', () => this.#attributes());
    for (;;) {
      const { all } = this.#alterations;
      if (all.length > 0) {
        await this.#list('alterations.json', 'alterations', function* () {
          for (const { attributePath, code, message, count } of all) {
            yield JSON.stringify({ path: attributePath ?? null, code, message, count });
          }
        });
      }
      const entries = this.#files.entries;
      const ids = { clientId: clientId(this.id, ...entryIds(entries)), sequenceId: clientId(artifact) };
      const description = `Run ${info.runId} of the Neptune project ${info.projectId}`;
      try {
        await backEnd.artifact({ type: ARTIFACT_TYPE, name: artifact, description, entries, ...ids });
        return;
      } catch (error) {
        if (!(error instanceof RefusedEntries)) throw error;
        const own = [...error.refused].find(([path]) => entries.get(path)?.origin === undefined);
        // Nothing can be found without what the loader tells of itself.
        if (own) throw own[1];
        // The others go without them.
        for (const [path, cause] of error.refused) {
          const origin = entries.get(path)?.origin;
          entries.delete(path);
          this.failures.push(failureOf(cause, origin ? { path: origin.path, type: origin.type } : {}));
        }
      }
    }
  }

  *#attributes(): Generator<string> {
    const { options, keys } = this.#context;
    for (const [name, { path, type }] of options.survey) {
      const key = keys.keys.get(name);
      const isFile = homeOf(type) === 'file';
      const shown = isFile && !this.#imageKeys.has(key ?? '') ? undefined : key;
      yield JSON.stringify({ path, type, key: shown, files: isFile ? keys.folders.get(name) : undefined });
    }
  }

  async #list(name: string, list: string, entries: () => Iterable<string>): Promise<void> {
    const { info } = this.#context;
    const head = { format: 'neptune-exporter-wandb', version: 1, project_id: info.projectId, run_id: info.runId };
    const format = {
      name,
      head: `${JSON.stringify(head).slice(0, -1)},"${list}":[\n`,
      between: ',\n',
      tail: '\n]}\n',
      entries,
    };
    const spool = new Spool<undefined>(this.#tempFile(), format);
    await spool.add(undefined);
    await spool.finish();
    await this.#files.put(`${OWN}/${name}`, spool.file);
  }

  #end(lines: HistoryLines): RunEnd {
    const { info, made, own, fork } = this.#context;
    const axis = this.#hasAxis ? { name: X_AXIS, keys: this.#series.map(({ key }) => key) } : undefined;
    const ownWhole: OwnConfig = { ...own, ...(this.#shift > 0 ? { step_shift: this.#shift } : {}) };
    const config = [...this.#values].map(([key, { json }]) => `${JSON.stringify(key)}:{"value":${json}}`);
    config.push(`"${OWN}":{"value":${JSON.stringify(ownWhole)}}`);
    config.push(`"_wandb":{"value":${JSON.stringify(internalConfig(fork, axis))}}`);
    const failed = info.sys.get('sys/failed');
    return {
      input: { ...made, config: `{${config.join(',')}}` },
      summary: this.#summary(lines),
      exitCode: failed?.type === 'bool' && failed.value === true ? 1 : 0,
    };
  }

  #summary(lines: HistoryLines): string {
    const { info } = this.#context;
    const parts: string[] = [];
    for (const [key, json] of lines.lastValues()) parts.push(`${JSON.stringify(key)}:${json}`);
    for (const { key, json } of this.#shown) parts.push(`${JSON.stringify(key)}:${json}`);
    if (lines.lastEnds !== '') parts.push(lines.lastEnds);
    const last = info.modificationTime ?? lines.end.timestamp;
    const runtime = last === undefined || info.creationTime === undefined ? undefined : last - info.creationTime;
    if (runtime !== undefined) parts.push(`"_wandb":{"runtime":${Math.max(0, Math.trunc(runtime / 1000))}}`);
    return `{${parts.join(',')}}`;
  }

  /** The number of a series in the history. */
  #history(type: AttributeSurvey['type'], path: string, kind: HistorySeries['kind']) {
    const { entry, key, name } = this.#entry(type, path);
    let number = this.#seriesNumbers.get(name);
    if (number === undefined) {
      number = this.#series.length;
      this.#seriesNumbers.set(name, number);
      this.#series.push(newSeries(entry, key, kind));
    }
    return { entry, number };
  }

  #entry(type: AttributeSurvey['type'], path: string) {
    const { options, keys } = this.#context;
    const name = surveyKey(type, path);
    const entry = options.survey.get(name);
    const key = keys.keys.get(name);
    if (entry === undefined || key === undefined) throw new Error(`The attribute ${path} (${type}) was not announced.`);
    return { entry, key, name, folder: keys.folders.get(name) ?? '' };
  }

  #gzip(name: string, head = ''): whole.GzipText {
    let text = this.#gzipped.get(name);
    if (!text) {
      text = new whole.GzipText(this.#tempFile(), head);
      this.#gzipped.set(name, text);
    }
    return text;
  }

  async #ready(): Promise<void> {
    if (this.#isReady) return;
    this.#isReady = true;
    await onDisk(() => mkdir(this.#context.tempFolder, { recursive: true }));
  }

  #tempFile(): string {
    return join(this.#context.tempFolder, `file-${this.#tempFiles++}`);
  }
}

/** The text of a value that may be too long or odd. */
function rawText(row: ScalarRow): string | undefined {
  if (row.type === 'string') return row.value ?? undefined;
  return row.type === 'string_set' ? row.value?.join() : undefined;
}

function wholeStep(micro: bigint, multiplier: bigint): number {
  return Number((micro * multiplier) / 1_000_000n);
}

/** Digits of the longest step of a range, without trailing zeros behind the point. */
function longestStep({ least, greatest }: { least: bigint; greatest: bigint }, multiplier: bigint): number {
  const digits = (micro: bigint) => String(micro < 0n ? -micro : micro).replace(/^0+|0{1,6}$/g, '').length;
  return Math.max(digits(least * multiplier), digits(greatest * multiplier));
}

/** Copies rows of a batch from `from` on. */
function fill(
  records: Records,
  batch: FloatSeriesBatch | HistogramSeriesBatch,
  values: Float64Array,
  valueValid: Uint8Array | undefined,
  from: number,
): void {
  const steps = words(batch.steps);
  const times = words(batch.timestamps);
  const into = records.words;
  const column = new BigInt64Array(into.buffer);
  for (let i = 0; i < records.length; i++) {
    const row = from + i;
    const at = i * RECORD_WORDS;
    into[at] = steps[row * 2]!;
    into[at + 1] = steps[row * 2 + 1]!;
    into[at + 2] = times[row * 2]!;
    into[at + 3] = times[row * 2 + 1]!;
    records.values[i * 3 + 2] = valueValid?.[row] === 0 ? Number.NaN : values[row]!;
    if (batch.stepValid?.[row] === 0) column[i * 3] = ABSENT;
    if (batch.timestampValid?.[row] === 0) column[i * 3 + 1] = ABSENT;
  }
}

/** What is shown at the end, in lines that aren't too long. */
function* closingGroups(values: readonly { key: string; json: string }[]): Generator<{ key: string; json: string }[]> {
  let group: { key: string; json: string }[] = [];
  let bytes = 0;
  for (const value of values) {
    const added = value.key.length + value.json.length + 10;
    if (bytes + added > CLOSING_BYTES) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(value);
    bytes += added;
  }
  if (group.length > 0) yield group;
}

/** What tells the content of an artifact from that of another one. */
function* entryIds(entries: ReadonlyMap<string, { md5: string }>): Generator<string> {
  const hash = shortHash(
    [...entries]
      .map(([path, { md5 }]) => `${path}:${md5}`)
      .sort()
      .join('\n'),
    32,
  );
  yield hash;
}
