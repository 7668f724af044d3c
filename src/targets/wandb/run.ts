// One run on its way into W&B: takes batches, sends tables, files and the lines of its history, checks, and ends it.

import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { throwIfAborted } from '../../http/limits.ts';
import type { Batch } from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError, type Failure, failureOf } from '../../model/errors.ts';
import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import type { Origin } from '../file-store.ts';
import { FileUploads } from '../file-uploads.ts';
import { alterationEntries } from '../own-lists.ts';
import type { Alteration, OpenOptions, TargetRun } from '../target.ts';
import { shortHash } from '../text.ts';
import { RefusedEntries } from './artifact-save.ts';
import type { RunBackEnd, RunEnd } from './back-end.ts';
import type { RunInput } from './client.ts';
import type { ConfigPlan } from './config.ts';
import { type HistoryLines, MAX_IMAGES, MAX_LINE } from './history-lines.ts';
import { type Image, imageBlob, imagesJson } from './media.ts';
import { ARTIFACT_TYPE, artifactFileName, clientId, homeOf, OWN, type RunKeys, X_AXIS } from './names.ts';
import { internalConfig, type OwnConfig } from './own-config.ts';
import { OwnFiles } from './own-files.ts';
import * as plan from './plan.ts';
import { RunArtifactFiles } from './run-artifact.ts';
import { RunConfig } from './run-config.ts';
import type { MediaFile } from './run-files.ts';
import { RunHistory } from './run-history.ts';
import { RunAttributes } from './run-keys.ts';
import { RunTables } from './run-tables.ts';
import { FILES_HEAD, writeFileSeries } from './whole-series.ts';

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
  /** What has to be done once the run is whole, so that there is only one of it. */
  afterMark: () => Promise<void>;
  /** An own folder for what waits; removed at the end. */
  tempFolder: string;
}

/** Room for what the summary has besides last values. */
const SUMMARY_ENDS = 1000;
/** A closing line may hold so many bytes. */
const CLOSING_BYTES = MAX_LINE - 1000;

export class WandbRun implements TargetRun {
  readonly id: string;
  readonly failures: Failure[] = [];
  readonly #context: RunContext;
  readonly #alterations: AlterationList;
  readonly #attributes: RunAttributes;
  readonly #files: RunArtifactFiles;
  readonly #own: OwnFiles;
  readonly #uploads: FileUploads;
  readonly #config: RunConfig;
  readonly #history: RunHistory;
  readonly #tables: RunTables;
  /** Images of single files, by key. */
  readonly #images = new Map<string, string[]>();
  /** Values for the closing line: tables, and images of single files. */
  readonly #shown: { key: string; json: string }[] = [];
  readonly #imageKeys = new Set<string>();
  /** Of the last line with points. */
  #lastStep: number | undefined;
  /** Of the images of series that the history shows. */
  readonly #showing = createHash('sha256');
  /** That of a run that lacks something. */
  #mark: string | undefined;
  #isReady = false;

  constructor(id: string, context: RunContext) {
    const { backEnd, options, keys, tempFolder: folder, alterations } = context;
    const { stepMultiplier: multiplier, signal } = options;
    this.id = id;
    this.#context = context;
    this.#alterations = alterations;
    for (const { code, attributePath, message, count } of options.alterations ?? []) {
      alterations.add(code, attributePath, message, count);
    }
    plan.foresee(alterations, keys, { ...options, keepSlashes: context.keepSlashes });
    const attributes = new RunAttributes(options.survey, keys);
    this.#attributes = attributes;
    this.#files = new RunArtifactFiles({
      onImage: (origin, image, file) => this.#image(origin, image, file),
      keyOf: ({ type, path }) => attributes.get(type, path).key,
      wholeStep: (micro) => Math.max(0, Number((micro * multiplier) / 1_000_000n)),
      signal,
    });
    const own = new OwnFiles(this.#files, folder);
    this.#own = own;
    this.#config = new RunConfig(context.config, own, alterations);
    this.#history = new RunHistory(options, own, alterations, folder);
    const { failures } = this;
    this.#tables = new RunTables({ id, backEnd, attributes, multiplier, own, failures, folder, signal });
    this.#uploads = new FileUploads({
      store: this.#files,
      run: options,
      fileName: (name, parent, taken) =>
        artifactFileName(name, parent, keys.parents, (path) => this.#files.entries.has(path), taken),
      // Steps in names are Neptune's own.
      stepMultiplier: 1n,
      alterations,
      failures,
    });
  }

  get alterations(): Alteration[] {
    return this.#alterations.all;
  }

  async batch(batch: Batch): Promise<void> {
    await this.#ready();
    if (batch.kind === 'scalars') {
      for (const row of batch.rows) await this.#config.add(row, this.#attributes.get(row.type, row.path));
      return;
    }
    if (batch.kind === 'files') {
      for (const row of batch.rows) {
        await this.#uploads.file(row, this.#attributes.get(row.type, row.path).folder);
      }
      return;
    }
    const attribute = this.#attributes.get(batch.kind, batch.path);
    switch (batch.kind) {
      case 'float_series':
        return this.#history.floats(batch, attribute);
      case 'histogram_series':
        return this.#history.histograms(batch, attribute);
      case 'string_series':
        return this.#tables.add(batch, attribute);
      default:
        await writeFileSeries(this.#own.gzip('file_series.csv.gz', FILES_HEAD), batch);
        return this.#uploads.series(batch, attribute.folder);
    }
  }

  async finish(complete: boolean): Promise<void> {
    await this.#ready();
    const { backEnd, tempFolder, afterMark } = this.#context;
    await this.#history.finish();
    for (const [key, blobs] of this.#images) this.#shown.push({ key, json: imagesJson(blobs) });
    this.#shown.push(...(await this.#tables.send()));
    await backEnd.flushMedia();
    await this.#begin();
    const lines = await this.#sendLines();
    await this.#history.settle();
    const end = this.#end(lines);
    this.#history.close();
    await this.#saveArtifact();
    await backEnd.describe(end);
    for (const message of await backEnd.check(end)) this.failures.push(failureOf(new ExporterError('server', message)));
    // A run that lacks something isn't finished at W&B, so that nobody takes it for whole.
    if (complete && this.failures.length === 0) {
      await backEnd.complete(end);
      await afterMark();
    }
    await rm(tempFolder, { recursive: true, force: true });
  }

  /** An image of a file series is a point of its own; one of a single file is shown at the end. */
  async #image(origin: Origin, image: Image, file: MediaFile): Promise<void> {
    const attribute = this.#attributes.get(origin.type, origin.path);
    const { key } = attribute;
    const blob = imageBlob(image);
    this.#imageKeys.add(key);
    if (!origin.point) {
      const blobs = this.#images.get(key) ?? [];
      this.#images.set(key, blobs);
      if (blobs.length < MAX_IMAGES) blobs.push(blob);
      else plan.noteManyImages(this.#alterations, origin.path, 1);
    }
    // The file is in the artifact all the same.
    else if (!(await this.#history.image(origin.point, blob, attribute))) return;
    if (origin.point) this.#showing.update(`${key}:${blob}\n`);
    await this.#context.backEnd.media(file, origin);
  }

  /** Lines that a half run has show what there was then. */
  async #begin(): Promise<void> {
    const { backEnd, own, fork } = this.#context;
    this.#mark = await backEnd.begin(this.#showing.digest('hex'), this.failures.length === 0, (shown) =>
      JSON.stringify({ [OWN]: { value: { ...own, shown } }, _wandb: { value: internalConfig(fork, undefined) } }),
    );
  }

  async #sendLines(): Promise<HistoryLines> {
    const { backEnd, options, info, fork } = this.#context;
    const lines = this.#history.lines(info.creationTime, fork?.step);
    for (const line of lines.lines()) {
      const sent = backEnd.line(line);
      if (!sent) continue;
      await sent;
      throwIfAborted(options.signal);
    }
    this.#lastStep = lines.end.step ?? fork?.step;
    // What a run lacks now, the next load may have: closing lines come with all of it.
    const shown = this.failures.length > 0 ? [] : this.#shown;
    for (const values of closingGroups(shown)) await backEnd.line(lines.closingLine(values, fork?.step));
    await backEnd.flushLines();
    return lines;
  }

  /** Saves the run's artifact: its files, what is kept whole, where everything went, and what was altered. */
  async #saveArtifact(): Promise<void> {
    const { backEnd, artifact, info } = this.#context;
    const head = { format: 'neptune-exporter-wandb', version: 1, project_id: info.projectId, run_id: info.runId };
    await this.#own.finishTexts();
    // With the run's id no two runs have the same artifact: W&B would give the second one that of the first, which goes.
    const ofRun = { ...head, wandb_run: this.id };
    await this.#own.list(ofRun, 'attributes', this.#attributeList());
    const { all } = this.#alterations;
    if (all.length > 0) await this.#own.list(head, 'alterations', alterationEntries(all));
    const { entries } = this.#files;
    const description = `Run ${info.runId} of the Neptune project ${info.projectId}`;
    // Ends: each round has fewer entries.
    for (;;) {
      const ids = { clientId: clientId(this.id, contentId(entries)), sequenceId: clientId(artifact) };
      try {
        await backEnd.artifact({ type: ARTIFACT_TYPE, name: artifact, description, entries, ...ids });
        return;
      } catch (error) {
        if (!(error instanceof RefusedEntries)) throw error;
        this.#leaveOut(error.refused);
      }
    }
  }

  /** The others go without what the server refuses. */
  #leaveOut(refused: ReadonlyMap<string, Error>): void {
    const { entries } = this.#files;
    for (const [path, cause] of refused) {
      const origin = entries.get(path)?.origin;
      // Nothing can be found without what the loader tells of itself.
      if (!origin) throw cause;
      entries.delete(path);
      this.failures.push(failureOf(cause, { path: origin.path, type: origin.type }));
    }
  }

  *#attributeList(): Generator<string> {
    const { keys, options } = this.#context;
    for (const [name, { path, type }] of options.survey) {
      const key = keys.keys.get(name);
      const isFile = homeOf(type) === 'file';
      const shown = isFile && !this.#imageKeys.has(key ?? '') ? undefined : key;
      yield JSON.stringify({ path, type, key: shown, files: isFile ? keys.folders.get(name) : undefined });
    }
  }

  #end(lines: HistoryLines): RunEnd {
    const { info, made, own, fork } = this.#context;
    const { shift, hasAxis, series } = this.#history;
    const axis = hasAxis ? { name: X_AXIS, keys: series.map(({ key }) => key) } : undefined;
    const whole: OwnConfig = {
      ...own,
      ...(shift > 0 ? { step_shift: shift } : {}),
      ...(this.#lastStep === undefined ? {} : { last_step: this.#lastStep }),
      ...(this.#mark === undefined ? {} : { shown: this.#mark }),
    };
    const members = [
      ...this.#config.members(),
      `"${OWN}":{"value":${JSON.stringify(whole)}}`,
      `"_wandb":{"value":${JSON.stringify(internalConfig(fork, axis))}}`,
    ];
    const failed = info.sys.get('sys/failed');
    return {
      input: { ...made, config: `{${members.join(',')}}` },
      summary: this.#summary(lines),
      exitCode: failed?.type === 'bool' && failed.value === true ? 1 : 0,
    };
  }

  #summary(lines: HistoryLines): string {
    const { info } = this.#context;
    const parts: string[] = [];
    let bytes = SUMMARY_ENDS;
    let leftOut = 0;
    const add = (key: string, json: string) => {
      const part = `${JSON.stringify(key)}:${json}`;
      bytes += part.length + 1;
      if (bytes <= MAX_LINE) parts.push(part);
      else leftOut++;
    };
    // What is shown at the end comes first: without it, nobody finds the tables.
    for (const { key, json } of this.#shown) add(key, json);
    for (const [key, json] of lines.lastValues()) add(key, json);
    const message = 'The summary would be longer than W&B takes: the history has the last values that it lacks.';
    this.#alterations.add('summary_shortened', undefined, message, leftOut);
    if (lines.lastEnds !== '') parts.push(lines.lastEnds);
    const last = info.modificationTime ?? lines.end.timestamp;
    const runtime = last === undefined || info.creationTime === undefined ? undefined : last - info.creationTime;
    if (runtime !== undefined) parts.push(`"_wandb":{"runtime":${Math.max(0, Math.trunc(runtime / 1000))}}`);
    return `{${parts.join(',')}}`;
  }

  async #ready(): Promise<void> {
    if (this.#isReady) return;
    this.#isReady = true;
    await onDisk(() => mkdir(this.#context.tempFolder, { recursive: true }));
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
function contentId(entries: ReadonlyMap<string, { md5: string }>): string {
  const all = [...entries].map(([path, { md5 }]) => `${path}:${md5}`);
  return shortHash(all.sort().join('\n'), 32);
}
