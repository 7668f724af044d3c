// A run of the archive beside MLflow's: the mapping of a load is gone through again, and what it would send is compared instead.

import { readFile, rm, stat } from 'node:fs/promises';
import { throwIfAborted } from '../../http/limits.ts';
import type { Batch } from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import type { RunInfo } from '../../model/runs.ts';
import { AlterationList } from '../alterations.ts';
import { isOfOneFile } from '../archive-files.ts';
import { absentFile, shown, textDifference } from '../differences.ts';
import { fileHash } from '../file-hash.ts';
import type { Origin } from '../file-store.ts';
import type { CompareOptions, RunVerdict, TargetComparison, TargetDifference } from '../target.ts';
import { Verdicts } from '../verdicts.ts';
import type { MetricPoint, RunBackEnd } from './back-end.ts';
import type { Experiment, MlflowClient, RunContent, Tag } from './client.ts';
import { MetricComparison, type Replay } from './compare-metrics.ts';
import { OWN_FOLDER, type RunKeys } from './names.ts';
import { type ArtifactReader, artifactSizes } from './readback.ts';
import { MlflowRun } from './run.ts';
import { ATTEMPT_TAG, LOADED_TAG } from './run-tags.ts';

const ALTERATIONS = `${OWN_FOLDER}/alterations.json`;
/** Tags that say nothing of the archive: MLflow's own, and those that keep the state of the load. */
const OWN_TAGS = new Set(['mlflow.runName', LOADED_TAG, ATTEMPT_TAG]);

export interface ComparisonContext {
  client: MlflowClient;
  reader: ArtifactReader;
  held: RunContent;
  info: RunInfo;
  options: CompareOptions;
  keys: RunKeys;
  fileStore: boolean;
  /** Alterations of what the run was made with. */
  alterations: AlterationList;
  /** What the run was made with. A start or end that the archive doesn't tell is absent: it was that of the load. */
  made: { name: string; tags: readonly Tag[]; startTime: number | undefined; hasEnd: boolean };
  /** The experiment in which the run should be; undefined if there is none of that name. */
  experiment: { name: string; found: Experiment | undefined };
  tempFolder: string;
}

export class MlflowComparison implements TargetComparison {
  readonly #context: ComparisonContext;
  readonly #verdicts = new Verdicts();
  readonly #backEnd: ComparingBackEnd;
  readonly #run: MlflowRun;

  /** @throws ExporterError what the server can't be asked */
  static async begin(context: ComparisonContext): Promise<MlflowComparison> {
    return new MlflowComparison(context, await artifactSizes(context.client, context.held.id));
  }

  private constructor(context: ComparisonContext, artifacts: Map<string, number | undefined>) {
    this.#context = context;
    const replay: Replay = (paths, take) => this.#replay(paths, take);
    this.#backEnd = new ComparingBackEnd(context, artifacts, this.#verdicts, replay);
    this.#run = this.#newRun(this.#backEnd, context.alterations, context.tempFolder);
  }

  batch(batch: Batch): Promise<void> {
    return this.#run.batch(batch);
  }

  async finish(): Promise<RunVerdict> {
    const { options, held } = this.#context;
    await this.#run.finish(true);
    this.#compareMade();
    const { metrics, artifacts, params, files, bytes } = this.#backEnd;
    for (const key of params) this.#verdicts.extra(`param ${key}`);
    for (const key of held.latestSteps.keys()) {
      if (metrics.expectedCount(key) === undefined) this.#verdicts.extra(`metric ${key}`);
    }
    // Of what the archive can't give it isn't known which they are.
    if (this.#run.failures.length === 0) {
      for (const path of artifacts.keys()) this.#verdicts.extra(`artifact ${path}`);
    }
    const counts = { points: metrics.points, files, bytes };
    return this.#verdicts.result(options.survey, this.#run.alterations, this.#run.failures, counts);
  }

  #newRun(backEnd: RunBackEnd, alterations: AlterationList, tempFolder: string): MlflowRun {
    const { held, fileStore, info, options, keys } = this.#context;
    const beforeMark = async () => {};
    return new MlflowRun(held.id, { backEnd, fileStore, info, options, keys, alterations, beforeMark, tempFolder });
  }

  /** Goes through the mapping of some float series once more. */
  async #replay(paths: ReadonlySet<string>, take: (key: string, point: MetricPoint) => void): Promise<void> {
    const { options, tempFolder } = this.#context;
    const folder = `${tempFolder}-again`;
    const run = this.#newRun(new TakingBackEnd(take), new AlterationList(), folder);
    for await (const batch of options.again('float_series', paths)) {
      throwIfAborted(options.signal);
      await run.batch(batch);
    }
    await onDisk(() => rm(folder, { recursive: true, force: true }));
  }

  /** What the run was made with. */
  #compareMade(): void {
    const { held, made, experiment } = this.#context;
    this.#same('run name', made.name, held.name);
    if (made.startTime !== undefined) this.#same('start time', String(made.startTime), String(held.startTime));
    if (experiment.found?.id !== held.experimentId) {
      const message = `The run is not in the experiment '${shown(experiment.name)}'.`;
      this.#verdicts.add(undefined, { kind: 'different', what: 'experiment', message, expected: experiment.name });
    } else if (experiment.found.deleted) {
      const message = `The experiment '${shown(experiment.name)}' was deleted.`;
      this.#verdicts.add(undefined, { kind: 'missing', what: 'experiment', message, expected: experiment.name });
    }
    for (const { key, value } of made.tags) this.#same(`tag ${key}`, value, held.tags.get(key));
    const known = new Set(made.tags.map(({ key }) => key));
    for (const key of held.tags.keys()) if (!known.has(key) && !OWN_TAGS.has(key)) this.#verdicts.extra(`tag ${key}`);
  }

  #same(what: string, expected: string, found: string | undefined): void {
    const difference = textDifference(what, expected, found);
    if (difference) this.#verdicts.add(undefined, difference);
  }
}

/** Takes what a load would send and compares it with what is there. */
class ComparingBackEnd implements RunBackEnd {
  readonly metrics: MetricComparison;
  /** What the archive has not accounted for so far: keys of params, and sizes of artifacts by their paths. */
  readonly params: Set<string>;
  readonly artifacts: Map<string, number | undefined>;
  files = 0;
  bytes = 0;
  readonly #context: ComparisonContext;
  readonly #verdicts: Verdicts;

  constructor(
    context: ComparisonContext,
    artifacts: Map<string, number | undefined>,
    verdicts: Verdicts,
    replay: Replay,
  ) {
    const { client, held, fileStore, options } = context;
    const { signal, onPoints = () => {} } = options;
    this.#context = context;
    this.#verdicts = verdicts;
    this.artifacts = artifacts;
    this.params = new Set(held.params.keys());
    this.metrics = new MetricComparison({ client, id: held.id, fileStore, verdicts, replay, onPoints, signal });
  }

  addMetric(key: string, point: MetricPoint, origin: Origin): boolean {
    return this.metrics.add(key, point, origin);
  }

  room(): Promise<void> {
    return this.metrics.room();
  }

  endMetric(key: string): Promise<void> {
    return this.metrics.end(key);
  }

  flush(): Promise<void> {
    return this.metrics.flush();
  }

  async addParam(key: string, value: string, origin: Origin): Promise<void> {
    this.params.delete(key);
    const difference = textDifference(`param ${key}`, value, this.#context.held.params.get(key));
    if (difference) this.#verdicts.add(origin, difference);
  }

  async put(path: string, file: string, origin?: Origin, sha256?: string): Promise<void> {
    throwIfAborted(this.#context.options.signal);
    const isThere = this.artifacts.has(path);
    const told = this.artifacts.get(path);
    this.artifacts.delete(path);
    const difference = isThere ? await this.#file(path, file, told, sha256) : absentFile(path);
    if (difference) this.#verdicts.add(origin, difference);
  }

  /** Nothing was sent that could be lost. */
  async held(): Promise<undefined> {}

  async countPoints(key: string, expected: number): Promise<number> {
    return this.metrics.expectedCount(key) ?? expected;
  }

  async complete(status: string, endTime: number, mark: string): Promise<void> {
    const { held, made } = this.#context;
    const all = [
      textDifference('status', status, held.status),
      made.hasEnd ? textDifference('end time', String(endTime), held.endTime?.toString()) : undefined,
      textDifference(`tag ${LOADED_TAG}`, mark, held.tags.get(LOADED_TAG)),
    ];
    for (const difference of all) if (difference) this.#verdicts.add(undefined, difference);
  }

  /** @param told what the server says of its size */
  async #file(
    path: string,
    file: string,
    told: number | undefined,
    sha256: string | undefined,
  ): Promise<TargetDifference | undefined> {
    const { reader, options } = this.#context;
    const what = `artifact ${path}`;
    try {
      const { size } = await onDisk(() => stat(file));
      if (told === undefined || told === size) {
        const found = await reader.hash(path, size);
        this.files++;
        this.bytes += found.bytes;
        const expected = sha256 ?? (await fileHash(file, options.signal));
        if (found.sha256 === expected) return undefined;
        if (await this.#isSameList(path, file, size)) return undefined;
        const message = 'The target has another content.';
        return { kind: 'different', what, message, expected: `sha256 ${expected}`, found: `sha256 ${found.sha256}` };
      }
      if (await this.#isSameList(path, file, told)) return undefined;
      const message = `The target has ${told} bytes, it should be ${size}.`;
      return { kind: 'different', what, message, expected: `${size} bytes`, found: `${told} bytes` };
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      const words = error instanceof Error ? error.message : String(error);
      return { kind: 'different', what, message: `It could not be read from the target: ${words}` };
    }
  }

  /** Another version of this program may say the same of an alteration in other words. */
  async #isSameList(path: string, file: string, bytes: number): Promise<boolean> {
    if (path !== ALTERATIONS) return false;
    const found = await this.#context.reader.text(path, bytes);
    const [mine, theirs] = [alterationsIn(await onDisk(() => readFile(file, 'utf8'))), alterationsIn(found ?? '')];
    return mine !== undefined && mine === theirs;
  }
}

/** Hands points on, and forgets the rest. */
class TakingBackEnd implements RunBackEnd {
  readonly #take: (key: string, point: MetricPoint) => void;

  constructor(take: (key: string, point: MetricPoint) => void) {
    this.#take = take;
  }

  addMetric(key: string, point: MetricPoint): boolean {
    this.#take(key, point);
    return true;
  }

  async room(): Promise<void> {}
  async endMetric(): Promise<void> {}
  async addParam(): Promise<void> {}
  async flush(): Promise<void> {}
  async put(): Promise<void> {}
  async held(): Promise<undefined> {}
  async complete(): Promise<void> {}

  async countPoints(_key: string, expected: number): Promise<number> {
    return expected;
  }
}

/** What a list of alterations says, without its sentences; undefined if it is none. */
function alterationsIn(json: string): string | undefined {
  try {
    const { alterations } = JSON.parse(json) as { alterations: { path: unknown; code: unknown; count: unknown }[] };
    return JSON.stringify(alterations.map(({ path, code, count }) => [path, code, count]).sort());
  } catch {
    return undefined;
  }
}
