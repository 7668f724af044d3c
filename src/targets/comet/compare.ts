// A run of the archive beside Comet's: the mapping of a load is gone through again, and what it would send is compared instead.

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { throwIfAborted } from '../../http/limits.ts';
import type { Batch, FloatSeriesBatch } from '../../model/batches.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError } from '../../model/errors.ts';
import type { RunInfo } from '../../model/runs.ts';
import { AlterationList } from '../alterations.ts';
import { isOfOneFile } from '../archive-files.ts';
import { absentFile, shown, textDifference } from '../differences.ts';
import { fileHash } from '../file-hash.ts';
import type { Origin } from '../file-store.ts';
import type { CompareOptions, RunVerdict, TargetComparison, TargetDifference } from '../target.ts';
import { Verdicts } from '../verdicts.ts';
import { assetId, isListOf, isOwnAsset } from './asset-ids.ts';
import type { Lacking, NewAsset, RunBackEnd } from './back-end.ts';
import { isBatchMark, readMarks } from './batch-marks.ts';
import type { Asset, CometClient, Experiment } from './client.ts';
import { MetricComparison } from './compare-metrics.ts';
import {
  hasFailed,
  LOAD_OTHER,
  LOADED_OTHER,
  NAME_OTHER,
  PARENT_OTHER,
  runOthers,
  runTags,
  runTimes,
  systemDetails,
} from './marks.ts';
import { MetricBatches } from './metric-batches.ts';
import { experimentName, OWN_FOLDER, type RunNames } from './names.ts';
import { CometRun } from './run.ts';
import { isHeldAs } from './values.ts';

const ALTERATIONS = `${OWN_FOLDER}/alterations.json`;
/** An asset that is read as text. */
const MAX_TEXT = 256 * 1024 * 1024;
/** Alterations that only the service can tell of, by its limits: a comparison does not come to them by itself. */
const BY_SERVICE = new Set(['image_as_asset', 'histogram_limit', 'file_renamed']);
/** Others that say nothing of the archive. */
const OWN_OTHERS = new Set([LOAD_OTHER, LOADED_OTHER, PARENT_OTHER]);

export interface ComparisonContext {
  client: CometClient;
  key: string;
  info: RunInfo;
  options: CompareOptions;
  names: RunNames;
  /** In which the experiment should be. */
  project: string;
  /** The completion mark that it should have. */
  mark: string;
  tempFolder: string;
}

/** What Comet holds of a run besides points. */
interface Held {
  experiment: Experiment;
  others: Map<string, string>;
  parameters: Map<string, string>;
  tags: Set<string>;
  system: Record<string, unknown>;
  metricNames: Set<string>;
  assets: Asset[];
  /** Paths of attributes of which the service took no more histograms. */
  cutHistograms: ReadonlySet<string>;
}

export class CometComparison implements TargetComparison {
  readonly #context: ComparisonContext;
  readonly #held: Held;
  readonly #verdicts = new Verdicts();
  readonly #alterations = new AlterationList();
  readonly #backEnd: ComparingBackEnd;
  readonly #run: CometRun;
  /** Others that the run was made with. */
  readonly #others: Map<string, string>;

  /** @throws ExporterError what the service can't be asked */
  static async begin(context: ComparisonContext): Promise<CometComparison> {
    const { client, key } = context;
    const [experiment, others, parameters, tags, system, metricNames, assets] = await Promise.all([
      client.experiment(key),
      client.others(key),
      client.parameters(key),
      client.tags(key),
      client.systemDetails(key),
      client.metricNames(key),
      client.assets(key),
    ]);
    if (!experiment) throw new ExporterError('server', `Comet does not have the experiment ${key} any more.`);
    const cutHistograms = await cutHistogramsOf(client, key, assets);
    const held = { experiment, others, parameters, tags: new Set(tags), system, metricNames, assets, cutHistograms };
    return new CometComparison(context, held);
  }

  private constructor(context: ComparisonContext, held: Held) {
    this.#context = context;
    this.#held = held;
    const { info, options, key, names, tempFolder } = context;
    this.#others = new Map(runOthers(info, options.parent, this.#alterations));
    this.#backEnd = new ComparingBackEnd(context, held, this.#verdicts);
    const alterations = this.#alterations;
    this.#run = new CometRun({ id: key, backEnd: this.#backEnd, info, options, names, alterations, tempFolder });
  }

  batch(batch: Batch): Promise<void> {
    return this.#run.batch(batch);
  }

  async finish(): Promise<RunVerdict> {
    const { options } = this.#context;
    await this.#run.finish(true);
    this.#compareMade();
    const { metrics, parameters, assets, files, bytes } = this.#backEnd;
    for (const name of parameters) this.#verdicts.extra(`parameter ${name}`);
    for (const name of this.#held.metricNames) {
      if (!metrics.has(name) && !isBatchMark(name)) this.#verdicts.extra(`metric ${name}`);
    }
    // Of what the archive can't give it isn't known which they are.
    if (this.#run.failures.length === 0) {
      for (const { name } of assets.values()) this.#verdicts.extra(`asset ${name}`);
    }
    const counts = { points: metrics.points, files, bytes };
    return this.#verdicts.result(options.survey, this.#run.alterations, this.#run.failures, counts);
  }

  /** What the experiment was made with. */
  #compareMade(): void {
    const { info, mark, project } = this.#context;
    const { experiment, others, tags, system } = this.#held;
    this.#same('experiment name', this.#others.get(NAME_OTHER) ?? experimentName(info), experiment.name);
    this.#same('project', project, experiment.projectName);
    for (const [name, value] of this.#others) this.#same(`other ${name}`, value, others.get(name));
    for (const name of others.keys()) {
      if (!this.#others.has(name) && !OWN_OTHERS.has(name)) this.#verdicts.extra(`other ${name}`);
    }
    this.#same(`other ${LOADED_OTHER}`, mark, others.get(LOADED_OTHER));
    const expected = new Set(runTags(info));
    for (const tag of expected) this.#same(`tag ${shown(tag)}`, tag, tags.has(tag) ? tag : undefined);
    for (const tag of tags) if (!expected.has(tag)) this.#verdicts.extra(`tag ${shown(tag)}`);
    for (const [name, value] of Object.entries(systemDetails(info))) {
      this.#same(`system detail ${name}`, value, system[name] === null ? undefined : String(system[name]));
    }
    const { start, end } = runTimes(info);
    if (start !== undefined) this.#same('start time', String(start), String(experiment.startTime));
    if (end !== undefined) this.#same('end time', String(end), String(experiment.endTime));
    const state = hasFailed(info) ? 'crashed' : 'ended';
    this.#same('state', state, experiment.running ? 'running' : experiment.crashed ? 'crashed' : 'ended');
  }

  #same(what: string, expected: string, found: string | undefined): void {
    const difference = textDifference(what, expected, found);
    if (difference) this.#verdicts.add(undefined, difference);
  }
}

/** Takes what a load would send and compares it with what is there. */
class ComparingBackEnd implements RunBackEnd {
  readonly metrics: MetricComparison;
  /** What the archive has not accounted for so far. */
  readonly parameters: Set<string>;
  readonly assets: Map<string, Asset>;
  files = 0;
  bytes = 0;
  readonly #context: ComparisonContext;
  readonly #held: Held;
  readonly #verdicts: Verdicts;
  /** Makes the batches once more, for their marks: these prove also what Comet doesn't give back of long series. */
  readonly #batches: MetricBatches;

  constructor(context: ComparisonContext, held: Held, verdicts: Verdicts) {
    this.#context = context;
    this.#held = held;
    this.#verdicts = verdicts;
    this.parameters = new Set(held.parameters.keys());
    this.assets = new Map(held.assets.map((asset) => [asset.id, asset]));
    const { client, key, options } = context;
    const { signal, onPoints = () => undefined } = options;
    this.metrics = new MetricComparison({ client, key, verdicts, onPoints, signal });
    this.#batches = new MetricBatches({
      experimentKey: key,
      send: async () => {},
      marks: (name) => readMarks(client, key, name),
      known: new Map(),
      budgetMs: 0,
      signal,
    });
  }

  async addPoints(name: string, batch: FloatSeriesBatch, multiplier: bigint, origin: Origin): Promise<number> {
    await this.metrics.add(name, batch, multiplier, origin);
    return this.#batches.add(name, batch, multiplier);
  }

  endMetric(name: string): Promise<void> {
    return this.metrics.end(name);
  }

  async addParameter(name: string, json: string, origin: Origin): Promise<void> {
    this.parameters.delete(name);
    const found = this.#held.parameters.get(name);
    if (found !== undefined && isHeldAs(json, found)) return;
    const value: unknown = JSON.parse(json);
    const expected = typeof value === 'string' ? value : json;
    const difference = textDifference(`parameter ${name}`, expected, found);
    if (difference) this.#verdicts.add(origin, difference);
  }

  async flush(): Promise<void> {
    await this.metrics.flush();
    await this.#batches.flush();
  }

  async put(asset: NewAsset, file: string, origin?: Origin, sha256?: string): Promise<void> {
    const { key, options } = this.#context;
    throwIfAborted(options.signal);
    const expected = sha256 ?? (await fileHash(file, options.signal));
    const found = this.#claim(assetId(key, asset, expected), asset, origin);
    const isCut = asset.type === 'histogram3d' && this.#held.cutHistograms.has(origin?.path ?? '');
    const absent = isCut ? undefined : absentFile(asset.name);
    const difference = found ? await this.#compare(found, asset, file, expected) : absent;
    if (difference) this.#verdicts.add(origin, difference);
  }

  /** Whether batches lack is a matter of the run as a whole: a batch has points of several metrics. */
  async lacking(): Promise<Lacking[]> {
    const { batches, missing, extra } = await this.#batches.check();
    const what = 'batches of points';
    const told = { what, expected: String(batches), found: String(batches - missing + extra) };
    if (missing > 0) {
      const message = `The target lacks ${missing} of ${batches} batches of points, or has other ones.`;
      this.#verdicts.add(undefined, { kind: 'missing', message, ...told });
    } else if (extra > 0) {
      const message = `The target has ${extra} batches of points twice, or too many.`;
      this.#verdicts.add(undefined, { kind: 'different', message, ...told });
    }
    return [];
  }

  async complete(): Promise<void> {}

  /** The asset at Comet for one of the archive: the very same one, else one of its name and step. */
  #claim(id: string, { name, step, metadata }: NewAsset, origin: Origin | undefined): Asset | undefined {
    let found = this.assets.get(id);
    found ??= this.#held.assets.find(
      (asset) =>
        this.assets.has(asset.id) &&
        isOwnAsset(asset) &&
        (asset.name === name || isListOf(asset, { metadata })) &&
        asset.step === (step === undefined ? undefined : Number(step)) &&
        asset.metadata.neptune_path === origin?.path,
    );
    if (found) this.assets.delete(found.id);
    return found;
  }

  async #compare(
    found: Asset,
    { name }: NewAsset,
    file: string,
    expected: string,
  ): Promise<TargetDifference | undefined> {
    const { client, key, options } = this.#context;
    const what = `asset ${name}`;
    try {
      const { size } = await onDisk(() => stat(file));
      if (found.bytes !== undefined && found.bytes !== size && name !== ALTERATIONS) {
        const message = `The target has ${found.bytes} bytes, it should be ${size}.`;
        return { kind: 'different', what, message, expected: `${size} bytes`, found: `${found.bytes} bytes` };
      }
      const held = await client.asset(key, found.id, size, async (body) => {
        const hash = createHash('sha256');
        let bytes = 0;
        for await (const chunk of body) {
          throwIfAborted(options.signal);
          hash.update(chunk);
          bytes += chunk.length;
        }
        return { bytes, sha256: hash.digest('hex') };
      });
      this.files++;
      this.bytes += held.bytes;
      if (held.sha256 === expected) return undefined;
      if (name === ALTERATIONS && (await this.#isSameList(found, file))) return undefined;
      const message = 'The target has another content.';
      return { kind: 'different', what, message, expected: `sha256 ${expected}`, found: `sha256 ${held.sha256}` };
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      const words = error instanceof Error ? error.message : String(error);
      return { kind: 'different', what, message: `It could not be read from the target: ${words}` };
    }
  }

  /** Another version of this program may say the same of an alteration in other words, or in another order. */
  async #isSameList({ id, bytes = 0 }: Asset, file: string): Promise<boolean> {
    const { client, key } = this.#context;
    const { size } = await onDisk(() => stat(file));
    if (Math.max(bytes, size) > MAX_TEXT) return false;
    const [mine, theirs] = await Promise.all([onDisk(() => readFile(file, 'utf8')), textOf(client, key, id, bytes)]);
    const list = listOf(alterationsIn(mine));
    return list !== undefined && list === listOf(alterationsIn(theirs));
  }
}

interface ListedAlteration {
  path: unknown;
  code: string;
  count: unknown;
}

/** Undefined if it is no list of alterations. */
function alterationsIn(json: string): ListedAlteration[] | undefined {
  try {
    const { alterations } = JSON.parse(json) as { alterations: ListedAlteration[] };
    return alterations.map(({ path, code, count }) => ({ path, code, count }));
  } catch {
    return undefined;
  }
}

/** What a list says, without its sentences and what the service had a part in. */
function listOf(alterations: ListedAlteration[] | undefined): string | undefined {
  const own = alterations?.filter(({ code }) => !BY_SERVICE.has(code));
  return own && JSON.stringify(own.map(({ path, code, count }) => JSON.stringify([path, code, count])).sort());
}

function textOf(client: CometClient, key: string, id: string, bytes: number): Promise<string> {
  return client.asset(key, id, bytes, async (body) => Buffer.concat(await Array.fromAsync(body)).toString('utf8'));
}

async function cutHistogramsOf(client: CometClient, key: string, assets: readonly Asset[]): Promise<Set<string>> {
  const list = assets.find((asset) => isListOf(asset, { metadata: { content: 'alterations' } }));
  if (!list || (list.bytes ?? 0) > MAX_TEXT) return new Set();
  const all = alterationsIn(await textOf(client, key, list.id, list.bytes ?? 0)) ?? [];
  return new Set(all.flatMap(({ code, path }) => (code === 'histogram_limit' ? String(path) : [])));
}
