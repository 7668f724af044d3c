// The series of a run on their way into its history: points wait on disk until they can be merged by step.

import { join } from 'node:path';
import type { FloatSeriesBatch, HistogramSeriesBatch } from '../../model/batches.ts';
import { words } from '../../model/int64.ts';
import type { AlterationList } from '../alterations.ts';
import type { FilePoint } from '../file-store.ts';
import { hasCollisions, StepCollisions } from '../step-collisions.ts';
import { type AttributeSurvey, fractionalSteps, isOddHistogram } from '../survey.ts';
import type { OpenOptions } from '../target.ts';
import { BlobSpool } from './blob-spool.ts';
import { HistoryLines, type HistorySeries, newSeries } from './history-lines.ts';
import { histogramJson, isPlainHistogram, MAX_BINS } from './media.ts';
import type { OwnFiles } from './own-files.ts';
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
import type { NamedAttribute } from './run-keys.ts';
import { SERIES_HEAD, writeFloats, writeHistograms, writeRecords } from './whole-series.ts';

const SERIES_FILE = 'series.csv.gz';
const HISTOGRAMS_FILE = 'histograms.jsonl.gz';
/** Rows of a file that are made at once: a few hundred KiB. */
const ROWS_AT_ONCE = 2048;
/** Has steps and times of all files. */
const IMAGE_FILE = 'file_series.csv.gz has it';

export class RunHistory {
  /** By their numbers in the records. */
  readonly series: HistorySeries[] = [];
  readonly #options: OpenOptions;
  readonly #own: OwnFiles;
  readonly #alterations: AlterationList;
  readonly #numbers = new Map<string, number>();
  readonly #collisions: StepCollisions;
  readonly #points: PointSpool;
  readonly #blobs: BlobSpool;
  /** Float series that are kept whole already, since it was known beforehand that they have to be. */
  readonly #kept = new Set<number>();
  /** Used again for each piece of a batch. */
  readonly #records = newRecords(RECORDS_AT_ONCE);
  readonly #steps = new Float64Array(RECORDS_AT_ONCE);
  #leastStep = 0;

  /** @param folder for temporary files */
  constructor(options: OpenOptions, own: OwnFiles, alterations: AlterationList, folder: string) {
    this.#options = options;
    this.#own = own;
    this.#alterations = alterations;
    this.#collisions = new StepCollisions(options.survey, options.stepMultiplier, options.collisions ?? 'stop');
    this.#points = new PointSpool(join(folder, 'points'), options.stepMultiplier);
    this.#blobs = new BlobSpool(join(folder, 'blobs'));
  }

  async floats(batch: FloatSeriesBatch, attribute: NamedAttribute): Promise<void> {
    const number = this.#number(attribute, 'float');
    if (this.#isKeptWhole(attribute.entry)) {
      this.#kept.add(number);
      await writeFloats(this.#own.gzip(SERIES_FILE, SERIES_HEAD), batch);
    }
    for (const part of this.#collisions.pass(batch)) await this.#spool(number, part, part.values, part.valueValid);
  }

  async histograms(batch: HistogramSeriesBatch, attribute: NamedAttribute): Promise<void> {
    const number = this.#number(attribute, 'histogram');
    // Always whole, too: no form of W&B's says what kind of histogram it is.
    await writeHistograms(this.#own.gzip(HISTOGRAMS_FILE), batch);
    let rebinned = 0;
    let odd = 0;
    for (const part of this.#collisions.pass(batch)) {
      const places = new Float64Array(part.length);
      const hasPlace = new Uint8Array(part.length);
      for (let i = 0; i < part.length; i++) {
        const value = part.values[i];
        if (!value) continue;
        const isPlain = isPlainHistogram(value);
        if (isOddHistogram(value)) odd++;
        if (!isPlain) continue;
        if (value.values.length > MAX_BINS) rebinned++;
        places[i] = await this.#blobs.add(histogramJson(value));
        hasPlace[i] = 1;
      }
      await this.#spool(number, part, places, undefined, hasPlace);
    }
    plan.noteRebinned(this.#alterations, batch.path, rebinned);
    plan.noteOddHistograms(this.#alterations, batch.path, odd);
  }

  /** An image of a file series. @param blob of `imageBlob` @returns false if its step is beyond those of a history */
  async image({ step = ABSENT, timestamp = ABSENT }: FilePoint, blob: string, attribute: NamedAttribute) {
    const records = newRecords(1);
    const column = new BigInt64Array(records.words.buffer);
    column[0] = step;
    column[1] = timestamp;
    const steps = new Float64Array(1);
    wholeSteps(records, this.#options.stepMultiplier, steps);
    if (Number.isNaN(steps[0])) {
      plan.noteBeyond(this.#alterations, attribute.entry.path, 1);
      return false;
    }
    const { path } = attribute.entry;
    if (step === ABSENT) plan.noteMissingStep(this.#alterations, path, IMAGE_FILE, 1);
    else if ((step * this.#options.stepMultiplier) % 1_000_000n !== 0n) {
      plan.noteCutSteps(this.#alterations, path, IMAGE_FILE, 1);
    }
    if (steps[0]! < this.#leastStep) this.#leastStep = steps[0]!;
    records.values[2] = await this.#blobs.add(blob);
    await this.#points.add(this.#number(attribute, 'image'), records);
    return true;
  }

  /** All points were given: `lines` may be asked for. */
  async finish(): Promise<void> {
    await this.#points.finish();
    await this.#blobs.finish();
  }

  close(): void {
    this.#blobs.close();
  }

  /** Added to all steps, so that none is negative. */
  get shift(): number {
    return this.#leastStep < 0 ? -this.#leastStep : 0;
  }

  /** Whether `_step` is not Neptune's step. */
  get hasAxis(): boolean {
    const { survey, stepMultiplier } = this.#options;
    const isCut = (entry: AttributeSurvey) =>
      entry.type !== 'string_series' && fractionalSteps(entry, stepMultiplier) > 0;
    return stepMultiplier !== 1n || this.shift > 0 || [...survey.values()].some(isCut);
  }

  /**
   * The lines, to be gone through once.
   * @param start milliseconds from which `_runtime` counts
   * @param inherited lines up to this step are the parent's
   */
  lines(start: number | undefined, inherited: number | undefined): HistoryLines {
    return new HistoryLines({
      points: this.#points,
      blobs: this.#blobs,
      series: this.series,
      multiplier: this.#options.stepMultiplier,
      shift: this.shift,
      hasAxis: this.hasAxis,
      start,
      inherited,
    });
  }

  /** After the lines: tells what they could not hold, and keeps whole the float series that have such points. */
  async settle(): Promise<void> {
    const { collisions = 'stop' } = this.#options;
    for (const [path, points] of this.#collisions.dropped) {
      plan.noteCollisions(this.#alterations, path, collisions, points);
    }
    for (const one of this.series) this.#note(one);
    await this.#keepAltered();
  }

  /** Whether it is known beforehand that lines don't hold a series as it is. */
  #isKeptWhole(entry: AttributeSurvey): boolean {
    const { stepMultiplier, collisions = 'stop' } = this.#options;
    return (
      (collisions !== 'stop' && hasCollisions(entry, stepMultiplier)) ||
      entry.missingSteps > 0 ||
      fractionalSteps(entry, stepMultiplier) > 0 ||
      plan.isBeyond(entry.steps?.range, stepMultiplier)
    );
  }

  /** Takes points into the spool, in pieces. @param taken 0 for points that have no value for the history */
  async #spool(
    series: number,
    batch: FloatSeriesBatch | HistogramSeriesBatch,
    values: Float64Array,
    valueValid: Uint8Array | undefined,
    taken?: Uint8Array,
  ): Promise<void> {
    const records = this.#records;
    const steps = this.#steps;
    let beyond = 0;
    for (let from = 0; from < batch.length; from += RECORDS_AT_ONCE) {
      records.length = Math.min(batch.length - from, RECORDS_AT_ONCE);
      fill(records, batch, values, valueValid, from);
      wholeSteps(records, this.#options.stepMultiplier, steps);
      let length = 0;
      for (let i = 0; i < records.length; i++) {
        const step = steps[i]!;
        if (Number.isNaN(step)) beyond++;
        if (Number.isNaN(step) || taken?.[from + i] === 0) continue;
        if (step < this.#leastStep) this.#leastStep = step;
        if (length < i) records.words.copyWithin(length * RECORD_WORDS, i * RECORD_WORDS, (i + 1) * RECORD_WORDS);
        length++;
      }
      records.length = length;
      if (length > 0) await this.#points.add(series, records);
    }
    plan.noteBeyond(this.#alterations, batch.path, beyond);
  }

  #number({ entry, key, name }: NamedAttribute, kind: HistorySeries['kind']): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.series.length;
      this.#numbers.set(name, number);
      this.series.push(newSeries(entry, key, kind));
    }
    return number;
  }

  #note({ entry, kind, ...one }: HistorySeries): void {
    const { path, steps } = entry;
    const list = this.#alterations;
    const file = kind === 'float' ? SERIES_FILE : kind === 'histogram' ? HISTOGRAMS_FILE : 'file_series.csv.gz';
    plan.noteRepeated(list, path, one.repeated);
    plan.noteBeyond(list, path, one.beyond);
    if (this.shift > 0 && plan.isNegative(steps?.range, this.#options.stepMultiplier)) plan.noteMoved(list, path, 1);
    const merged = `The time of its line is another one; ${file} has the point's own.`;
    list.add('timestamp_merged', path, merged, one.timeMerged);
    const inherited = `Points up to the fork are those of the parent; ${file} has the run's own.`;
    list.add('fork_inherited', path, inherited, one.inherited);
    const place = kind === 'image' ? 'files/' : file;
    const long = `The line would be longer than W&B takes: left out of the history, kept in ${place}.`;
    list.add('row_too_long', path, long, one.tooLong);
    plan.noteManyImages(list, path, one.tooMany);
  }

  async #keepAltered(): Promise<void> {
    const altered = new Set<number>();
    for (const [number, { kind, repeated, timeMerged, inherited, tooLong, beyond }] of this.series.entries()) {
      const isAltered = repeated + timeMerged + inherited + tooLong + beyond > 0;
      if (kind === 'float' && isAltered && !this.#kept.has(number)) altered.add(number);
    }
    if (altered.size === 0) return;
    const reader = this.#points.reader();
    const file = this.#own.gzip(SERIES_FILE, SERIES_HEAD);
    const records = this.#records;
    try {
      for (const { series, pieces } of this.#points.sources) {
        if (!altered.has(series)) continue;
        const { path } = this.series[series]!.entry;
        for (const piece of pieces) {
          for (let from = 0; from < piece.count; from += ROWS_AT_ONCE) {
            records.length = Math.min(ROWS_AT_ONCE, piece.count - from);
            reader.read(records, piece, from, records.length);
            await writeRecords(file, path, records);
          }
        }
      }
    } finally {
      reader.close();
    }
  }
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
