// One run on its way into ZenML: takes batches, stores artifacts, collects the metadata, checks, and marks it whole.

import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Batch, FloatSeriesBatch, ScalarRow } from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError, type Failure, failureOf } from '../../model/errors.ts';
import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { isOfOneFile } from '../archive-files.ts';
import { fileHash, readingArchive } from '../file-hash.ts';
import type { Origin } from '../file-store.ts';
import { FileUploads } from '../file-uploads.ts';
import { alterationEntries, listFormat } from '../own-lists.ts';
import { histogramsJson, type SeriesFormat, seriesJsonl } from '../series-files.ts';
import { SeriesParquet } from '../series-parquet.ts';
import { Spool } from '../spool.ts';
import { type AttributeSurvey, surveyKey } from '../survey.ts';
import type { Alteration, ExpectedFile, OpenOptions, TargetRun } from '../target.ts';
import { shortHash, storable } from '../text.ts';
import type { ArtifactKind, RunArtifact } from './artifacts.ts';
import type { RunBackEnd } from './back-end.ts';
import { cardsOf } from './cards.ts';
import {
  ALTERATIONS_ARTIFACT,
  ATTRIBUTES_ARTIFACT,
  artifactVersion,
  FLOATS_ARTIFACT,
  RUN_KEY,
  type RunNames,
  versionName,
} from './names.ts';
import { foresee, inMetadata } from './plan.ts';
import { Summary } from './summaries.ts';
import { excerptJson, misfit, valueJson } from './values.ts';

/** Artifacts of one run under way at once. */
const MAX_PENDING = 4;
/** Entries of the list of attributes that are held before they are written. */
const ENTRIES = 1000;

export interface RunContext {
  backEnd: RunBackEnd;
  info: RunInfo;
  /** Of the version when it is whole. */
  name: string;
  options: OpenOptions;
  names: RunNames;
  alterations: AlterationList;
  /** Identity of the run. */
  key: string;
  /** What tells the same artifact in other places apart: ids of the ZenML project and of the store. */
  place: readonly string[];
  /** An own folder for what waits to be stored; removed at the end. */
  tempFolder: string;
}

interface OpenSeries {
  rows: number;
  spool: Spool<never>;
}

export class ZenmlRun implements TargetRun {
  readonly id: string;
  readonly failures: Failure[] = [];
  readonly #context: RunContext;
  readonly #alterations: AlterationList;
  readonly #files: FileUploads;
  /** Attributes that the metadata have room for. */
  readonly #chosen: ReadonlySet<string>;
  /** JSON by path in the metadata. */
  readonly #leaves = new Map<string, string>();
  readonly #given = new Map<string, string>();
  readonly #summaries = new Map<string, Summary>();
  readonly #series = new Map<string, OpenSeries>();
  /** How often an artifact's identity came: a series may have one file twice. */
  readonly #seen = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;
  #floats: SeriesParquet | undefined;
  #attributes: Spool<Iterable<string>> | undefined;
  /** Entries that wait for it. */
  #entries: string[] = [];
  #tempFiles = 0;

  constructor(id: string, context: RunContext) {
    const { options, names, info, name } = context;
    this.id = id;
    this.#context = context;
    this.#alterations = context.alterations;
    this.#chosen = inMetadata(options.survey, names);
    for (const { code, attributePath, message, count } of options.alterations ?? []) {
      this.#alterations.add(code, attributePath, message, count);
    }
    foresee(this.#alterations, info, options.survey, names, name);
    this.#files = new FileUploads({
      store: { put: (path, file, origin, sha256) => this.#putFile(path, file, origin!, sha256) },
      run: options,
      fileName: freeName,
      // Steps stay Neptune's own.
      stepMultiplier: 1n,
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
        for (const row of batch.rows) await this.#value(row);
        return;
      case 'files':
        for (const row of batch.rows) await this.#files.file(row, this.#artifactOf(row.type, row.path));
        return;
      case 'file_series':
        await this.#files.series(batch, this.#artifactOf(batch.kind, batch.path));
        return;
      case 'float_series':
        await this.#points(batch);
        return;
      case 'string_series':
        await this.#spool(batch.kind, batch.path, batch, textLines);
        return;
      default:
        await this.#spool(batch.kind, batch.path, batch, histogramsJson(1n));
    }
  }

  async finish(complete: boolean): Promise<void> {
    const { backEnd, tempFolder } = this.#context;
    for (const name of [...this.#series.keys()]) await this.#endSeries(name);
    await this.#endFloats();
    const { cards, split } = cardsOf(this.#leaves);
    const message = 'Members of the metadata that are too large for one entry go on in others, named with (2), (3) …';
    this.#alterations.add('card_split', undefined, message, split);
    await this.#putOwn();
    await this.#settled();
    for (const { artifact, message } of await backEnd.checkArtifacts()) {
      this.failures.push(failureOf(new ExporterError('server', message), artifact.origin));
    }
    for (const key of await backEnd.metadata(cards)) {
      const message = `The metadata '${key}' are not at the server as they were sent.`;
      this.failures.push(failureOf(new ExporterError('server', message)));
    }
    if (complete && this.failures.length === 0) await backEnd.complete();
    await rm(tempFolder, { recursive: true, force: true });
  }

  async #value(row: ScalarRow): Promise<void> {
    const name = this.#announced(row.type, row.path);
    const json = valueJson(row);
    if (json === undefined) return;
    const hash = shortHash(json, 16);
    const before = this.#given.get(name);
    if (before === hash) return;
    if (before !== undefined) {
      const message = `The archive has several values: the metadata hold the first, the artifact ${ATTRIBUTES_ARTIFACT} all.`;
      this.#alterations.add('repeated_value', row.path, message);
    }
    const whole = misfit(row) === undefined ? undefined : await this.#keepWhole(row);
    const isHeld = before === undefined && this.#chosen.has(name);
    if (before === undefined) this.#given.set(name, hash);
    const key = this.#context.names.metadata.get(name)!;
    if (isHeld) this.#leaves.set(key, whole ? excerptJson(row, whole.artifact, whole.version) : json);
    await this.#list({
      path: JSON.stringify(row.path),
      type: JSON.stringify(row.type),
      ...(isHeld ? { key: JSON.stringify(key) } : {}),
      ...(whole
        ? { artifact: JSON.stringify(whole.artifact), version: JSON.stringify(whole.version) }
        : { value: json }),
    });
  }

  /** Keeps a value that the metadata can't hold as an artifact that loads as a text, or as a JSON array for a set. */
  async #keepWhole(row: ScalarRow): Promise<Pick<RunArtifact, 'artifact' | 'version'>> {
    const text = typeof row.value === 'string' ? row.value : JSON.stringify(row.value);
    const file = await this.#tempFile();
    await onDisk(() => writeFile(file, JSON.stringify(text)));
    return this.#putTemporary(file, 'text', this.#artifactOf(row.type, row.path), 'value', row);
  }

  async #points(batch: FloatSeriesBatch): Promise<void> {
    const name = this.#announced(batch.kind, batch.path);
    if (this.#chosen.has(name)) {
      const summary = this.#summaries.get(name) ?? new Summary();
      this.#summaries.set(name, summary);
      summary.add(batch);
    }
    this.#floats ??= new SeriesParquet(await this.#tempFile());
    await this.#floats.add(batch);
  }

  async #endFloats(): Promise<void> {
    const { names, options } = this.#context;
    for (const [name, summary] of this.#summaries) {
      for (const [part, json] of summary.parts) this.#leaves.set(`${names.metadata.get(name)}/${part}`, json);
    }
    const floats = this.#floats;
    if (!floats) return;
    const content = await floats.finish();
    const put = await this.#putTemporary(floats.file, 'path', FLOATS_ARTIFACT, '', undefined, content);
    for (const [name, { path, type }] of options.survey) {
      if (type !== 'float_series') continue;
      const key = this.#chosen.has(name) ? { key: JSON.stringify(names.metadata.get(name)) } : {};
      await this.#list({
        path: JSON.stringify(path),
        type: JSON.stringify(type),
        ...key,
        artifact: JSON.stringify(put.artifact),
        version: JSON.stringify(put.version),
      });
    }
  }

  /** Adds a batch to the file of its series, and stores it when the series is complete. */
  async #spool<B extends { length: number }>(
    type: 'string_series' | 'histogram_series',
    path: string,
    batch: B,
    format: SeriesFormat<B>,
  ): Promise<void> {
    const name = this.#announced(type, path);
    let series = this.#series.get(name);
    if (!series) {
      series = { rows: 0, spool: new Spool(await this.#tempFile(), format) };
      this.#series.set(name, series);
    }
    await (series.spool as unknown as Spool<B>).add(batch);
    series.rows += batch.length;
    if (series.rows >= (this.#context.options.survey.get(name)?.rows ?? 0)) await this.#endSeries(name);
  }

  async #endSeries(name: string): Promise<void> {
    const { spool } = this.#series.get(name)!;
    this.#series.delete(name);
    const { path, type } = this.#context.options.survey.get(name)!;
    await spool.finish();
    const kind = type === 'string_series' ? 'text' : 'dict';
    const put = await this.#putTemporary(spool.file, kind, this.#artifactOf(type, path), spool.name, { path, type });
    await this.#listArtifact({ path, type }, put);
  }

  /** Stores a file of the archive. @param path the artifact's name, and where the file belongs below its attribute */
  async #putFile(path: string, file: string, origin: Origin, known: string | undefined): Promise<void> {
    const { signal } = this.#context.options;
    const { size } = await readingArchive(file, () => stat(file));
    const sha256 = known ?? (await fileHash(file, signal));
    const artifact = this.#artifactOf(origin.type, origin.path);
    const rest = path.slice(artifact.length + 1);
    const step = origin.type === 'file_series' ? /^step_([^/]*)\//.exec(rest)?.[1] : undefined;
    const more = step === undefined || step === 'None' ? {} : { neptune_step: step };
    const put = await this.#put(
      { file, bytes: size, sha256, isTemporary: false },
      'path',
      artifact,
      rest,
      origin,
      more,
    );
    await this.#listArtifact(origin, put, { ...more, file_name: ownPath(rest, origin) });
  }

  async #putTemporary(
    file: string,
    kind: ArtifactKind,
    artifact: string,
    rest: string,
    origin?: Origin,
    content?: ExpectedFile,
  ): Promise<Pick<RunArtifact, 'artifact' | 'version'>> {
    const { size: bytes } = await onDisk(() => stat(file));
    const sha256 = content?.sha256 ?? (await fileHash(file, this.#context.options.signal));
    return this.#put({ file, bytes, sha256, isTemporary: true }, kind, artifact, rest, origin);
  }

  /** Begins to store an artifact, as soon as not too many are under way. @throws what ended the run meanwhile */
  async #put(
    content: Pick<RunArtifact, 'file' | 'bytes' | 'sha256' | 'isTemporary'>,
    kind: ArtifactKind,
    artifact: string,
    rest: string,
    origin?: Origin,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Pick<RunArtifact, 'artifact' | 'version'>> {
    const { info, key, place, backEnd } = this.#context;
    const parts = [key, ...place, kind, origin?.type ?? '', origin?.path ?? '', rest, content.sha256];
    const identity = shortHash(JSON.stringify(parts), 32);
    const times = this.#seen.get(identity) ?? 0;
    this.#seen.set(identity, times + 1);
    const version = artifactVersion(versionName(info), rest, times === 0 ? parts : [...parts, String(times)]);
    // Few: each costs the server as much as the artifact itself.
    const metadata = {
      [RUN_KEY]: key,
      ...(origin ? { neptune_attribute_path: metadataText(origin.path) } : {}),
      ...(kind === 'path' && origin ? { original_path: metadataText(ownPath(rest, origin)) } : {}),
      ...more,
    };
    while (this.#pending.size >= MAX_PENDING) await Promise.race(this.#pending);
    if (this.#failure) throw this.#failure.error;
    const whole: RunArtifact = { ...content, artifact, version, kind, metadata, ...(origin ? { origin } : {}) };
    const task = backEnd
      .put(whole)
      .then(() => (content.isTemporary ? rm(content.file, { force: true }) : undefined))
      .catch((error: unknown) => {
        if (isOfOneFile(error)) this.failures.push(failureOf(error, origin ?? {}));
        else this.#failure ??= { error };
      })
      .finally(() => this.#pending.delete(task));
    this.#pending.add(task);
    return { artifact, version };
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#pending);
    if (this.#failure) throw this.#failure.error;
  }

  async #listArtifact(
    { path, type }: Origin,
    { artifact, version }: Pick<RunArtifact, 'artifact' | 'version'>,
    more: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const texts = { path, type, artifact, version, ...more };
    await this.#list(Object.fromEntries(Object.entries(texts).map(([field, text]) => [field, JSON.stringify(text)])));
  }

  /** Adds an entry to the list of attributes. */
  async #list(fields: Readonly<Record<string, string>>): Promise<void> {
    const entry = Object.entries(fields).map(([field, json]) => `"${field}": ${json}`);
    this.#entries.push(`{${entry.join(', ')}}`);
    if (this.#entries.length >= ENTRIES) await this.#flushList();
  }

  async #flushList(): Promise<Spool<Iterable<string>>> {
    this.#attributes ??= new Spool(await this.#tempFile(), listFormat(this.#head(), 'attributes'));
    const entries = this.#entries;
    this.#entries = [];
    await this.#attributes.add(entries);
    return this.#attributes;
  }

  /** Stores where each attribute went, and what was altered. */
  async #putOwn(): Promise<void> {
    const attributes = await this.#flushList();
    await attributes.finish();
    await this.#putTemporary(attributes.file, 'bytes', ATTRIBUTES_ARTIFACT, '');
    const { all } = this.#alterations;
    if (all.length === 0) return;
    const spool = new Spool<Iterable<string>>(await this.#tempFile(), listFormat(this.#head(), 'alterations'));
    await spool.add(alterationEntries(all));
    await spool.finish();
    await this.#putTemporary(spool.file, 'bytes', ALTERATIONS_ARTIFACT, '');
  }

  #head(): object {
    const { projectId, runId } = this.#context.info;
    return { format: 'neptune-exporter-zenml', version: 1, project_id: projectId, run_id: runId };
  }

  #announced(type: AttributeSurvey['type'], path: string): string {
    const name = surveyKey(type, path);
    if (this.#context.options.survey.has(name)) return name;
    throw new Error(`The attribute ${path} (${type}) was not announced.`);
  }

  #artifactOf(type: AttributeSurvey['type'], path: string): string {
    return this.#context.names.artifacts.get(this.#announced(type, path))!;
  }

  async #tempFile(): Promise<string> {
    if (this.#tempFiles === 0) await onDisk(() => mkdir(this.#context.tempFolder, { recursive: true }));
    return join(this.#context.tempFolder, String(this.#tempFiles++));
  }
}

/** Lines of JSON as one text that Python loads as `str`. */
const textLines: SeriesFormat<Parameters<ReturnType<typeof seriesJsonl>['entries']>[0]> = {
  name: 'series.jsonl',
  head: '"',
  between: '',
  tail: '"',
  *entries(batch) {
    for (const line of seriesJsonl(1n).entries(batch)) yield JSON.stringify(line).slice(1, -1);
  },
};

/** The name of a file itself; two of one folder must not share it. */
function freeName(name: string, _folder: string, taken?: Set<string>): string {
  let free = name;
  for (let number = 2; taken?.has(free); number++) free = `${name} (${number})`;
  taken?.add(free);
  return free;
}

/** The name of a file, in a set its path there: two folders of a set may have files of one name. */
function ownPath(rest: string, { type }: Origin): string {
  return type === 'file_series' ? basename(rest) : rest;
}

function metadataText(text: string): string {
  return storable(text).slice(0, 4000).toWellFormed();
}
