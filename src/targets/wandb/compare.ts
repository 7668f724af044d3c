// A run of the archive beside W&B's: the mapping of a load is gone through again, and what it would send is compared instead.

import type { Batch } from '../../model/batches.ts';
import { textDifference } from '../differences.ts';
import type { Origin } from '../file-store.ts';
import type { CompareOptions, RunVerdict, TargetComparison, TargetDifference } from '../target.ts';
import { Verdicts } from '../verdicts.ts';
import type { RunArtifact } from './artifact-save.ts';
import type { RunBackEnd, RunEnd } from './back-end.ts';
import type { RunPlace, RunStatus, WandbClient } from './client.ts';
import { ArtifactComparison } from './compare-artifacts.ts';
import { HistoryComparison } from './compare-history.ts';
import type { HistoryLine } from './history-lines.ts';
import { difference, isObject, type JsonObject, objectIn } from './json.ts';
import { homeOf } from './names.ts';
import { lostAxis } from './own-config.ts';
import { type RunContext, WandbRun } from './run.ts';
import type { MediaFile } from './run-files.ts';

export interface ComparisonContext {
  client: WandbClient;
  place: RunPlace;
  status: RunStatus;
  options: CompareOptions;
  run: Omit<RunContext, 'backEnd'>;
}

/** Media files that are asked for at once. */
const FILES_AT_ONCE = 200;
/** Of a summary and a config: W&B's own. */
const INTERNAL = new Set(['_wandb', '_runtime']);

export class WandbComparison implements TargetComparison {
  readonly #context: ComparisonContext;
  readonly #verdicts: Verdicts;
  readonly #backEnd: ComparingBackEnd;
  readonly #run: WandbRun;

  /** @throws ExporterError what the server can't be asked */
  static async begin(context: ComparisonContext): Promise<WandbComparison> {
    const verdicts = new Verdicts();
    const artifacts = await ArtifactComparison.begin(context.client, context.place, verdicts);
    return new WandbComparison(context, verdicts, artifacts);
  }

  private constructor(context: ComparisonContext, verdicts: Verdicts, artifacts: ArtifactComparison) {
    this.#context = context;
    this.#verdicts = verdicts;
    this.#backEnd = new ComparingBackEnd(context, verdicts, artifacts);
    this.#run = new WandbRun(context.place.name, { ...context.run, backEnd: this.#backEnd });
  }

  batch(batch: Batch): Promise<void> {
    return this.#run.batch(batch);
  }

  async finish(): Promise<RunVerdict> {
    await this.#run.finish(true);
    const { points, files, bytes } = await this.#backEnd.finish(this.#run.failures.length === 0);
    const { survey } = this.#context.options;
    return this.#verdicts.result(survey, this.#run.alterations, this.#run.failures, { points, files, bytes });
  }
}

class ComparingBackEnd implements RunBackEnd {
  readonly #context: ComparisonContext;
  readonly #verdicts: Verdicts;
  readonly #artifacts: ArtifactComparison;
  readonly #history: HistoryComparison;
  /** By keys of config and history. */
  readonly #origins: Record<'config' | 'history', Map<string, Origin>> = { config: new Map(), history: new Map() };
  #media = new Map<string, { file: MediaFile; origin: Origin }>();
  readonly #mediaPaths = new Set<string>();
  #files = 0;
  #bytes = 0;

  constructor(context: ComparisonContext, verdicts: Verdicts, artifacts: ArtifactComparison) {
    const { client, place, options, run } = context;
    this.#context = context;
    this.#verdicts = verdicts;
    this.#artifacts = artifacts;
    for (const [name, key] of run.keys.keys) {
      const entry = options.survey.get(name);
      if (!entry) continue;
      const origin = { path: entry.path, type: entry.type };
      this.#origins[homeOf(entry.type) === 'config' ? 'config' : 'history'].set(key, origin);
    }
    this.#history = new HistoryComparison({
      client,
      place,
      verdicts,
      originOf: (key) => this.#historyOrigin(key),
      first: run.fork ? run.fork.step + 1 : 0,
      onPoints: options.onPoints ?? (() => {}),
      signal: options.signal,
    });
  }

  async begin(): Promise<undefined> {}

  line(line: HistoryLine): Promise<void> | undefined {
    return this.#history.add(line);
  }

  flushLines(): Promise<void> {
    return this.#history.finish();
  }

  async media(file: MediaFile, origin: Origin): Promise<void> {
    this.#media.set(file.path, { file, origin });
    this.#mediaPaths.add(file.path);
    if (this.#media.size >= FILES_AT_ONCE) await this.flushMedia();
  }

  async flushMedia(): Promise<void> {
    const { client, place } = this.#context;
    const asked = this.#media;
    this.#media = new Map();
    if (asked.size === 0) return;
    const found = await client.files(place, [...asked.keys()]);
    for (const [path, { file, origin }] of asked) {
      const there = found.get(path);
      this.#files++;
      this.#bytes += file.bytes;
      const what = `file ${path}`;
      // A file of no bytes was reported, and isn't there.
      if (!there || (there.bytes === 0 && file.bytes > 0)) {
        this.#verdicts.add(origin, { kind: 'missing', what, message: 'The target does not have it.' });
      } else if (there.bytes !== file.bytes || (there.md5 !== undefined && there.md5 !== file.md5)) {
        const expected = `md5 ${file.md5}, ${file.bytes} bytes`;
        const told = `md5 ${there.md5 ?? 'unknown'}, ${there.bytes} bytes`;
        const message = 'The target has another content.';
        this.#verdicts.add(origin, { kind: 'different', what, message, expected, found: told });
      }
    }
  }

  artifact(artifact: RunArtifact, origin?: Origin): Promise<void> {
    return this.#artifacts.compare(artifact, origin);
  }

  async describe({ input, summary }: RunEnd): Promise<void> {
    const { status } = this.#context;
    const config = objectIn(input.config) ?? {};
    this.#compareObject('config', config, status.config);
    const axis = lostAxis(config, status.config);
    if (axis !== undefined) {
      const message = 'The metric has another x axis.';
      this.#verdicts.add(this.#historyOrigin(axis), { kind: 'different', what: `x axis of ${axis}`, message });
    }
    this.#compareObject('summary', objectIn(summary) ?? {}, status.summary);
    this.#same('name', undefined, input.displayName, status.displayName);
    this.#same('group', 'sys/name', input.groupName, status.group);
    this.#same('notes', 'sys/description', input.notes, status.notes);
    this.#same('host', 'sys/hostname', input.host, status.host);
    this.#same(
      'tags',
      'sys/tags',
      JSON.stringify([...(input.tags ?? [])].sort()),
      JSON.stringify([...status.tags].sort()),
    );
  }

  async check(): Promise<string[]> {
    return [];
  }

  async complete({ exitCode }: RunEnd): Promise<void> {
    this.#same('state', undefined, exitCode === 0 ? 'finished' : 'failed', this.#context.status.state);
  }

  /** @param isWhole all files could be read: what is there besides is an extra */
  async finish(isWhole: boolean): Promise<{ points: number; files: number; bytes: number }> {
    const { client, place } = this.#context;
    if (isWhole) {
      this.#artifacts.finish();
      for await (const { name } of client.allFiles(place)) {
        if (!this.#mediaPaths.has(name)) this.#verdicts.extra(`file ${name}`);
      }
    }
    const { files, bytes } = this.#artifacts;
    return { points: this.#history.points, files: files + this.#files, bytes: bytes + this.#bytes };
  }

  #compareObject(kind: 'config' | 'summary', expected: JsonObject, found: JsonObject): void {
    const originOf = (key: string) => (kind === 'config' ? this.#origins.config.get(key) : this.#historyOrigin(key));
    for (const [key, value] of Object.entries(expected)) {
      if (INTERNAL.has(key)) continue;
      const there = found[key];
      if (there !== undefined && difference(value, there) === undefined) continue;
      this.#verdicts.add(originOf(key), valueDifference(`${kind} ${key}`, unwrapped(value), unwrapped(there)));
    }
    for (const key of Object.keys(found)) {
      if (!INTERNAL.has(key) && !Object.hasOwn(expected, key)) this.#verdicts.extra(`${kind} ${key}`);
    }
  }

  /** @param path of the attribute that it comes from */
  #same(what: string, path: string | undefined, expected: string | undefined, found: string | undefined): void {
    if ((expected ?? '') === (found ?? '')) return;
    const different = textDifference(what, expected ?? '', found);
    const { survey } = this.#context.options;
    const entry = path === undefined ? undefined : [...survey.values()].find((one) => one.path === path);
    if (different) this.#verdicts.add(entry && { path: entry.path, type: entry.type }, different);
  }

  /** Further tables of a series have its key with a number. */
  #historyOrigin(key: string): Origin | undefined {
    const { history } = this.#origins;
    return history.get(key) ?? history.get(key.replace(/_\d+_*$/, ''));
  }
}

function unwrapped(value: unknown): unknown {
  return isObject(value) && Object.keys(value).length === 1 && 'value' in value ? value.value : value;
}

function valueDifference(what: string, expected: unknown, found: unknown): TargetDifference {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one)) ?? 'nothing';
  const different = textDifference(what, text(expected), found === undefined ? undefined : text(found));
  return different ?? { kind: 'different', what, message: 'It is not as it should be.' };
}
