// MLflow as a target: finds runs that are there, makes new ones, and starts a local MLflow where no server is named.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpClient } from '../../http/client.ts';
import { redactUrl, withoutUserInfo } from '../../http/redact.ts';
import type { SeriesType } from '../../model/attributes.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError } from '../../model/errors.ts';
import { type Logger, silentLogger } from '../../model/logger.ts';
import type { RunInfo } from '../../model/runs.ts';
import { AlterationList } from '../alterations.ts';
import type {
  ComparableTarget,
  CompareOptions,
  FoundRun,
  LoadedAs,
  OpenOptions,
  RunContent,
  RunForecast,
  Target,
  TargetComparison,
  TargetRun,
} from '../target.ts';
import { storable } from '../text.ts';
import { artifactPlace, artifactStore } from './artifacts.ts';
import { SendingBackEnd } from './back-end.ts';
import { type Experiment, MlflowClient, MlflowError, type NewRun, type Run } from './client.ts';
import { MlflowComparison } from './compare.ts';
import { type LocalServer, localStoreExists, startLocalServer } from './local-server.ts';
import { experimentName, fullExperimentName, runKey, runKeys, runName } from './names.ts';
import { foresee, foreseeSteps, foreseeValues } from './plan.ts';
import { ProjectRuns } from './project-runs.ts';
import { ArtifactReader } from './readback.ts';
import { MlflowRun } from './run.ts';
import {
  ATTEMPT_TAG,
  contentMark,
  hasContent,
  LOADED_TAG,
  LOADING_TAG,
  loadMark,
  markOf,
  PARENT_TAG,
  PROJECT_TAG,
  RUN_KEY_TAG,
  readMark,
  runOwner,
  runTags,
  runTimes,
} from './run-tags.ts';
import { type Environment, type MlflowSettings, readSettings } from './settings.ts';

export interface MlflowTargetOptions {
  /** As `MLFLOW_TRACKING_URI`, before which it goes. */
  trackingUri?: string;
  /** Begins the names of experiments. */
  namePrefix?: string;
  /** Environment variables that MLflow's own client reads. */
  env: Environment;
  /** Requests in flight at once. More than the server has workers doesn't help. @default 4 */
  requests?: number;
  userAgent?: string;
  /** Where relative paths of the tracking URI begin. @default process.cwd() */
  cwd?: string;
  /** @default os.homedir() */
  home?: string;
  logger?: Logger;
  signal?: AbortSignal;
}

/** Tries of a call that can't be repeated blindly. */
const CREATE_TRIES = 3;

/**
 * MLflow 2 and 3, by its REST API. What becomes what is written down in docs/mapping-mlflow.md.
 * @throws ExporterError `usage` or `unsupported` for settings that can't be meant
 */
export class MlflowTarget implements ComparableTarget {
  readonly name = 'mlflow';
  /** Files and texts have decimal steps in their names and lines. */
  readonly wholeSteps: ReadonlySet<SeriesType> = new Set(['float_series']);
  readonly #options: MlflowTargetOptions;
  readonly #settings: MlflowSettings;
  readonly #http: HttpClient;
  readonly #logger: Logger;
  readonly #experiments = new Map<string, Promise<Experiment>>();
  readonly #known = new Map<string, Promise<ProjectRuns>>();
  /** By name, where nothing is to be made. */
  readonly #there = new Map<string, Promise<Experiment | undefined>>();
  #server: LocalServer | undefined;
  /** There is no store yet, and none was to be made. */
  #isEmpty = false;
  #base: string | undefined;
  #fileStore = false;
  /** False also for servers that don't tell their store: on a file store, points sent again would be there twice. */
  #goesOn = false;
  #tempFolder: Promise<string> | undefined;
  #runs = 0;

  constructor(options: MlflowTargetOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#settings = readSettings(options.trackingUri, options.env, options.home ?? homedir());
    const { place, tls, timeoutMs, retryBudgetMs } = this.#settings;
    if (place.kind === 'server') this.#base = place.base;
    this.#http = new HttpClient({
      userAgent: options.userAgent ?? 'neptune-exporter',
      concurrency: options.requests ?? 4,
      retry: { budgetMs: retryBudgetMs },
      timeoutMs,
      logger: this.#logger,
      ...(tls && place.kind === 'server' ? { tls } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  get address(): string {
    const { place } = this.#settings;
    if (place.kind === 'server') return redactUrl(place.base).replace(/\/$/, '');
    return place.store === 'default' ? "MLflow's default store in this folder" : withoutUserInfo(place.uri);
  }

  async connect({ readOnly = false } = {}): Promise<void> {
    const { place } = this.#settings;
    const { env, cwd = process.cwd(), signal } = this.#options;
    // A server that is started on a store that isn't there would make it.
    if (readOnly && place.kind === 'local' && !localStoreExists(place, cwd)) {
      this.#isEmpty = true;
      this.#fileStore = place.store === 'folder';
      return;
    }
    if (place.kind === 'local' && !this.#server) {
      const common = { place, env, cwd, http: this.#http, logger: this.#logger };
      this.#server = await startLocalServer({ ...common, ...(signal ? { signal } : {}) });
      this.#base = this.#server.base;
    }
    const { store, version } = await this.#client().serverInfo();
    this.#fileStore = store === 'file';
    this.#goesOn = store === 'database';
    this.#logger.debug(`MLflow ${version ?? 'of unknown version'}, store: ${store}`);
  }

  get valueNotes(): Target['valueNotes'] {
    const infinity = this.#fileStore
      ? "infinities are kept: the server's file store holds them"
      : "infinities are ±1.797e308 in MLflow's database; the series is also kept whole as CSV";
    return { nan: 'NaN is kept as NaN', infinity };
  }

  async hasGroup(name: string): Promise<boolean> {
    if (this.#isEmpty) return false;
    const experiment = await this.#experimentThere(name, this.#client());
    if (experiment?.deleted) throw deletedExperiment(experiment);
    return experiment !== undefined;
  }

  forecast(run: RunInfo, content: Parameters<Target['forecast']>[1]): RunForecast {
    const alterations = new AlterationList();
    const prefix = this.#options.namePrefix;
    runTags(run, { key: '', mark: '', parent: undefined, prefix }, alterations);
    const { survey } = content;
    foresee(alterations, runKeys(survey, this.#fileStore), { ...content, fileStore: this.#fileStore });
    foreseeValues(alterations, survey);
    foreseeSteps(alterations, content);
    return { group: this.#experimentName(run), name: runName(run), alterations: alterations.all };
  }

  async find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined> {
    if (this.#isEmpty) return undefined;
    const known = await this.#projectRuns(run.projectId);
    const own = known.own(runKey(run, this.#options.namePrefix));
    const loaded = own.find((one) => contentMark(one.loaded) === markOf(content));
    // More than one: the load that was to replace the others did not get to its end.
    if (loaded && own.length === 1) return { id: loaded.id, state: 'whole' };
    const half = loaded ?? own.find((one) => one.loaded === undefined);
    if (half) return { id: half.id, state: 'half' };
    const [other] = own;
    if (other) return { id: other.id, state: hasContent(other.loaded, content) ? 'rescaled' : 'changed' };
    const foreign = known.foreign(this.#experimentName(run), runName(run));
    return foreign === undefined ? undefined : { id: foreign, state: 'foreign' };
  }

  async open(run: RunInfo, options: OpenOptions): Promise<TargetRun> {
    const client = this.#client(options.signal);
    const experiment = await this.#experiment(run, client);
    const alterations = new AlterationList();
    const key = runKey(run, this.#options.namePrefix);
    const { kept, replaced } = await this.#earlier(run, key, experiment, options, client);
    const { start } = runTimes(run, Date.now());
    const user = runOwner(run);
    const tags = runTags(
      run,
      { key, mark: loadMark(options), parent: options.parent, prefix: this.#options.namePrefix },
      alterations,
    );
    const sharesFolders = this.#server !== undefined;
    // Refused before a run is made that could not be filled.
    artifactStore(experiment.artifactLocation, client, sharesFolders);
    const newRun = {
      experimentId: experiment.id,
      name: runName(run),
      startTime: start,
      tags,
      ...(user === undefined ? {} : { user: storable(user) }),
    };
    if (kept && isWholeMark(kept.tags, options)) return this.#alreadyWhole(kept.id, replaced, client);
    // A parent may have been replaced since; and a load may have ended between the status and the mark.
    if (kept) await client.begin(kept.id, tags);
    const { id, artifactUri } = kept ?? (await this.#createRun(newRun, key, client));
    const rivals = [experiment.id, ...replaced.map(({ experimentId }) => experimentId)];
    await this.#yieldToRival(id, key, rivals, options, client);
    return new MlflowRun(id, {
      backEnd: new SendingBackEnd(id, client, artifactStore(artifactUri, client, sharesFolders), this.#fileStore),
      fileStore: this.#fileStore,
      info: run,
      options,
      keys: runKeys(options.survey, this.#fileStore),
      alterations,
      beforeMark: async () => {
        await this.#yieldToRival(id, key, rivals, options, client);
        // Only now: until the new run was whole, the old one was all that there was.
        for (const old of replaced) if (old.id !== id) await client.deleteRun(old.id);
      },
      tempFolder: join(await this.#temp(), String(this.#runs++)),
    });
  }

  async loadedAs(run: RunInfo, found: FoundRun): Promise<LoadedAs | undefined> {
    const known = await this.#projectRuns(run.projectId);
    const mark = known.own(runKey(run, this.#options.namePrefix)).find(({ id }) => id === found.id)?.loaded;
    return mark === undefined ? undefined : readMark(mark);
  }

  async compare(run: RunInfo, found: FoundRun, options: CompareOptions): Promise<TargetComparison> {
    const client = this.#client(options.signal);
    const prefix = this.#options.namePrefix;
    const held = await client.getRun(found.id);
    const place = artifactPlace(held.artifactUri, client, this.#server !== undefined);
    const name = this.#experimentName(run);
    const alterations = new AlterationList();
    const made = { key: runKey(run, prefix), mark: loadMark(options), parent: options.parent, prefix };
    const tags = runTags(run, made, alterations);
    const hasTimes = (run.creationTime ?? run.modificationTime) !== undefined;
    return MlflowComparison.begin({
      client,
      reader: new ArtifactReader(place, client, options.signal),
      held,
      info: run,
      options,
      keys: runKeys(options.survey, this.#fileStore),
      fileStore: this.#fileStore,
      alterations,
      made: {
        name: runName(run),
        tags,
        startTime: hasTimes ? runTimes(run, 0).start : undefined,
        hasEnd: hasTimes,
      },
      experiment: { name, found: await this.#experimentThere(name, client) },
      tempFolder: join(await this.#temp(), String(this.#runs++)),
    });
  }

  async relink(run: RunInfo, { id }: FoundRun, parent: string): Promise<void> {
    const own = (await this.#projectRuns(run.projectId)).own(runKey(run, this.#options.namePrefix));
    if (own.find((one) => one.id === id)?.parent === parent) return;
    await this.#client().setTag(id, { key: PARENT_TAG, value: parent });
  }

  async close(): Promise<void> {
    await this.#http.close();
    await this.#server?.stop();
    this.#server = undefined;
    const folder = await this.#tempFolder;
    this.#tempFolder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  #client(signal = this.#options.signal): MlflowClient {
    if (this.#base === undefined) throw new Error('connect() must be called first');
    const headers = this.#server ? {} : this.#settings.headers;
    return new MlflowClient({ http: this.#http, base: this.#base, headers, ...(signal ? { signal } : {}) });
  }

  #experimentName(run: RunInfo): string {
    return experimentName(run, this.#options.namePrefix, this.#fileStore);
  }

  /** What the server has of a project, asked for once: searching run by run costs as much for each. */
  #projectRuns(projectId: string): Promise<ProjectRuns> {
    let known = this.#known.get(projectId);
    if (!known) {
      known = ProjectRuns.read(this.#client(), projectId, this.#options.namePrefix, this.#fileStore);
      this.#known.set(projectId, known);
      // The next run of it asks again.
      known.catch(() => this.#known.delete(projectId));
    }
    return known;
  }

  #experimentThere(name: string, client: MlflowClient): Promise<Experiment | undefined> {
    let experiment = this.#there.get(name);
    if (!experiment) {
      experiment = client.experimentByName(name);
      this.#there.set(name, experiment);
      experiment.catch(() => this.#there.delete(name));
    }
    return experiment;
  }

  #experiment(run: RunInfo, client: MlflowClient): Promise<Experiment> {
    const name = this.#experimentName(run);
    let experiment = this.#experiments.get(name);
    if (!experiment) {
      experiment = this.#makeExperiment(name, run, client);
      this.#experiments.set(name, experiment);
      // The next run of it tries again.
      experiment.catch(() => this.#experiments.delete(name));
    }
    return experiment;
  }

  async #makeExperiment(name: string, run: RunInfo, client: MlflowClient): Promise<Experiment> {
    let experiment = await client.experimentByName(name);
    for (let attempt = 1; !experiment; attempt++) {
      const fullName = storable(fullExperimentName(run, this.#options.namePrefix)).slice(0, 2000).toWellFormed();
      const tags = [
        { key: PROJECT_TAG, value: storable(run.projectId) },
        ...(fullName === name ? [] : [{ key: 'neptune.experiment_name', value: fullName }]),
      ];
      try {
        await client.createExperiment(name, tags);
      } catch (error) {
        // Another loader may have been faster, or the answer was lost.
        const exists = error instanceof MlflowError && error.mlflowCode === 'RESOURCE_ALREADY_EXISTS';
        if ((!exists || attempt > CREATE_TRIES) && !mayBeTriedAgain(error, attempt)) throw error;
      }
      experiment = await client.experimentByName(name);
    }
    if (!experiment.deleted) return experiment;
    throw deletedExperiment(experiment);
  }

  /**
   * What earlier loads left of a run: one that can be gone on with, and whole ones of other content, which are to be
   * replaced. Other halves are deleted.
   */
  async #earlier(
    run: RunInfo,
    key: string,
    experiment: Experiment,
    content: OpenOptions,
    client: MlflowClient,
  ): Promise<{ kept: Run | undefined; replaced: Run[] }> {
    // Listed runs may lie in another experiment; asked for again, since another loader may have been at work.
    const listed = (await this.#projectRuns(run.projectId)).own(key);
    const fresh = await findByKey(client, [experiment.id, ...listed.map(({ experimentId }) => experimentId)], key);
    const mark = loadMark(content);
    const known = new Set(listed.map(({ id }) => id));
    let kept: Run | undefined;
    const replaced: Run[] = [];
    // Of several whole ones the first is the one to keep: nothing of it has to be sent again.
    kept = fresh.find(({ id, tags }) => known.has(id) && isWholeMark(tags, content));
    for (const one of fresh) {
      if (one === kept) continue;
      const loaded = one.tags.get(LOADED_TAG);
      if (isWholeMark(one.tags, content) && !known.has(one.id)) {
        throw new ExporterError('server', `The run ${run.runId} is there already: another load made it meanwhile.`);
      }
      const isSame = loaded === undefined && one.tags.get(LOADING_TAG) === mark;
      // A file store would hold its points twice.
      if (isSame && this.#goesOn && one.experimentId === experiment.id && !kept) kept = one;
      else if (loaded !== undefined) replaced.push(one);
      // Another content may contradict what is there.
      else await client.deleteRun(one.id);
    }
    return { kept, replaced };
  }

  /**
   * Two loaders may have made the run at the same time, which MLflow can't prevent: the one whose id comes first stays,
   * or one that is whole by now, and the other one goes.
   */
  async #yieldToRival(
    id: string,
    key: string,
    experimentIds: string[],
    content: RunContent,
    client: MlflowClient,
  ): Promise<void> {
    const mark = markOf(content);
    const copies = await findByKey(client, experimentIds, key);
    const rival = copies.find((one) => {
      if (one.id === id) return false;
      const isEarlier = one.id < id && contentMark(one.tags.get(LOADING_TAG)) === mark;
      return isEarlier || isWholeMark(one.tags, content);
    });
    if (!rival) return;
    await client.deleteRun(id);
    throw new ExporterError('server', 'Another load makes this run at the same time, and goes on with it.', {
      hint: 'Start this load again when the other one has ended: it finds what is missing.',
    });
  }

  async #createRun(newRun: NewRun, key: string, client: MlflowClient): Promise<Run> {
    const nonce = randomUUID();
    const run = { ...newRun, tags: [...newRun.tags, { key: ATTEMPT_TAG, value: nonce }] };
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.createRun(run);
      } catch (error) {
        if (!mayBeTriedAgain(error, attempt)) throw error;
        this.#logger.debug(`Making a run failed, looking whether it is there: ${error}`);
        // Others of this key are no answer: an earlier run that is to be replaced has it, too.
        const copies = await findByKey(client, [run.experimentId], key);
        const made = copies.find(({ tags }) => tags.get(ATTEMPT_TAG) === nonce);
        if (made) return made;
      }
    }
  }

  /** A run that needs nothing but that earlier ones beside it go: the load that made it ended before it removed them. */
  #alreadyWhole(id: string, replaced: readonly Run[], client: MlflowClient): TargetRun {
    return {
      id,
      alterations: [],
      failures: [],
      batch: async () => {},
      finish: async () => {
        for (const old of replaced) await client.deleteRun(old.id);
      },
    };
  }

  #temp(): Promise<string> {
    this.#tempFolder ??= onDisk(() => mkdtemp(join(tmpdir(), 'neptune-exporter-')));
    return this.#tempFolder;
  }
}

function deletedExperiment({ name, id }: Experiment): ExporterError {
  return new ExporterError('server', `The MLflow experiment '${name}' was deleted, so no run can be made in it.`, {
    hint: `Bring it back with: mlflow experiments restore --experiment-id ${id}; or load with another --name-prefix.`,
  });
}

function isWholeMark(tags: ReadonlyMap<string, string>, content: RunContent): boolean {
  return contentMark(tags.get(LOADED_TAG)) === markOf(content);
}

async function findByKey(client: MlflowClient, experimentIds: string[], key: string): Promise<Run[]> {
  // The key is hex: nothing in it needs an escape, for which MLflow's filters have no way.
  const filter = `tags.\`${RUN_KEY_TAG}\` = '${key}'`;
  return Array.fromAsync(client.searchRuns([...new Set(experimentIds)], filter));
}

/** After a lost connection or a fault of the server, what was asked for may have been done or not. */
function mayBeTriedAgain(error: unknown, attempt: number): boolean {
  if (!(error instanceof ExporterError) || attempt >= CREATE_TRIES) return false;
  return error.code === 'network' || (error.code === 'server' && (error.status ?? 0) >= 500);
}
