// Weights & Biases as a target: finds runs that are there, makes new ones, forks them, replaces changed ones.

import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpClient } from '../../http/client.ts';
import { redactUrl } from '../../http/redact.ts';
import type { SeriesType } from '../../model/attributes.ts';
import { onDisk } from '../../model/disk-error.ts';
import { ExporterError } from '../../model/errors.ts';
import { type Logger, silentLogger } from '../../model/logger.ts';
import type { RunInfo } from '../../model/runs.ts';
import { AlterationList } from '../alterations.ts';
import { type CollisionPolicy, hasCollisions } from '../step-collisions.ts';
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
import { SendingBackEnd } from './back-end.ts';
import { type RunInput, type RunPlace, type RunStatus, WandbClient, WandbError } from './client.ts';
import { WandbComparison } from './compare.ts';
import { planConfig } from './config.ts';
import { FileStream } from './file-stream.ts';
import { type Fork, forkOf } from './fork.ts';
import { artifactName, idParts, OWN, projectName, runId, runKey, runKeys } from './names.ts';
import { internalConfig, type OwnConfig, readOwn, withParent } from './own-config.ts';
import { foresee, foreseePoints, foreseeValues, runHead } from './plan.ts';
import { isFinished, type OwnRun, ProjectRuns } from './project-runs.ts';
import { type RunContext, WandbRun } from './run.ts';
import { RunFiles } from './run-files.ts';
import { type Environment, readSettings, type WandbSettings } from './settings.ts';

export interface WandbTargetOptions {
  /** As `WANDB_API_KEY`, before which it goes. */
  apiKey?: string;
  /** As `WANDB_ENTITY`, before which it goes. @default that of the key */
  entity?: string;
  /** In place of the name made from the Neptune project. */
  projectName?: string;
  /** Keys keep their slashes. */
  keepSlashes?: boolean;
  /** Begins the names of projects. */
  namePrefix?: string;
  /** Environment variables that W&B's own client reads. */
  env: Environment;
  /** Requests in flight at once. @default 8 */
  requests?: number;
  userAgent?: string;
  /** Where `wandb/settings` may lie. @default process.cwd() */
  cwd?: string;
  /** @default os.homedir() */
  home?: string;
  logger?: Logger;
  signal?: AbortSignal;
}

/** Ids that are tried where those before were deleted. */
const MAX_GENERATIONS = 50;
/** Why a run is an ordinary one. */
const NO_FORKS = 'the server gave it no lines of its parent';

/**
 * W&B, hosted or one's own, by its wire. What becomes what is written down in docs/mapping-wandb.md.
 * @throws ExporterError `usage`, `token_missing` or `token_invalid` for settings that can't be meant
 */
export class WandbTarget implements ComparableTarget {
  readonly name = 'wandb';
  readonly wholeSteps: ReadonlySet<SeriesType> = new Set(['float_series', 'histogram_series']);
  readonly valueNotes = {
    nan: 'NaN is kept; in the config it is a text',
    infinity: 'infinities are kept; in the config they are texts',
  };
  readonly #options: WandbTargetOptions;
  readonly #settings: WandbSettings;
  readonly #http: HttpClient;
  readonly #logger: Logger;
  readonly #known = new Map<string, Promise<ProjectRuns>>();
  #entity: string | undefined;
  #features: ReadonlySet<string> = new Set();
  #tempFolder: Promise<string> | undefined;
  #runs = 0;

  constructor(options: WandbTargetOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    const { apiKey, entity, env, home = homedir(), cwd = process.cwd() } = options;
    this.#settings = readSettings({ apiKey, entity, env, home, cwd });
    if (options.projectName !== undefined && !/^[^/\\#?%:\r\n]{1,128}$/.test(options.projectName)) {
      throw new ExporterError('usage', `W&B takes no project named '${options.projectName}'.`, {
        hint: 'A name has 1 to 128 characters, none of / \\ # ? % :',
      });
    }
    const { tls, retryBudgetMs } = this.#settings;
    this.#http = new HttpClient({
      userAgent: options.userAgent ?? 'neptune-exporter',
      concurrency: options.requests ?? 8,
      retry: { budgetMs: retryBudgetMs },
      logger: this.#logger,
      ...(tls ? { tls } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    this.#entity = this.#settings.entity;
  }

  get address(): string {
    const base = redactUrl(this.#settings.base).replace(/\/$/, '');
    return this.#entity === undefined ? base : `${base}/${this.#entity}`;
  }

  async connect(): Promise<void> {
    const client = this.#client();
    const { entity, teams } = await client.viewer();
    if (this.#entity === undefined) {
      if (entity === undefined) {
        throw new ExporterError('usage', 'The W&B key has no default entity.', {
          hint: 'Give the user or team with --wandb-entity.',
        });
      }
      this.#entity = entity;
      this.#logger.info(`Loading into the default entity of the W&B key: ${entity}`);
    } else if (this.#entity !== entity && !teams.includes(this.#entity) && !(await client.hasEntity(this.#entity))) {
      const known = [...new Set([entity, ...teams])].filter((name) => name !== undefined);
      throw new ExporterError('access_denied', `W&B has no user or team '${this.#entity}' that the key may use.`, {
        hint: `Entities of the key: ${known.join(', ') || 'none'}. Give one with --wandb-entity or WANDB_ENTITY.`,
      });
    }
    this.#features = await client.features();
    this.#logger.debug(`W&B server with ${[...this.#features].join(', ') || 'no features that it tells of'}`);
  }

  hasGroup(name: string): Promise<boolean> {
    return this.#client().hasProject(this.#requireEntity(), name);
  }

  forecast(run: RunInfo, content: Parameters<Target['forecast']>[1]): RunForecast {
    const list = new AlterationList();
    const { keepSlashes = false } = this.#options;
    const project = this.#project(run);
    const { displayName } = runHead(run, project, list);
    const keys = runKeys(content.survey, keepSlashes);
    const context = { ...content, keepSlashes };
    foresee(list, keys, context);
    foreseeValues(list, content.survey, planConfig(content.survey, keys.keys));
    foreseePoints(list, context);
    return { group: project.name, name: displayName, alterations: list.all };
  }

  async find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined> {
    const { keepSlashes = false, namePrefix } = this.#options;
    const known = await this.#projectRuns(this.#project(run).name);
    const key = runKey(run, namePrefix);
    const own = known.own(key);
    const wanted = idParts(key, content, keepSlashes);
    const isForm = ({ parts }: OwnRun) => parts.digest === wanted.digest && parts.form === wanted.form;
    const whole = own.find((one) => isFinished(one) && isForm(one) && one.parts.multiplier === wanted.multiplier);
    // More than one: the load that was to replace the others did not get to its end.
    if (whole && own.length === 1) return { id: whole.name, state: 'whole' };
    // A half beside it is of a content that the archive doesn't have any more.
    const rescaled = own.find((one) => isFinished(one) && isForm(one));
    if (!whole && rescaled) return { id: rescaled.name, state: 'rescaled' };
    const half = whole ?? own.find((one) => !isFinished(one));
    if (half) return { id: half.name, state: 'half' };
    const [other] = own;
    if (other) return { id: other.name, state: 'changed' };
    const { displayName } = runHead(run, this.#project(run), new AlterationList());
    const foreign = known.foreign(displayName);
    return foreign === undefined ? undefined : { id: foreign, state: 'foreign' };
  }

  async open(run: RunInfo, options: OpenOptions): Promise<TargetRun> {
    const { keepSlashes = false, namePrefix } = this.#options;
    const client = this.#client(options.signal);
    const project = this.#project(run);
    const key = runKey(run, namePrefix);
    const parts = idParts(key, options, keepSlashes, policyOf(options));
    const own = (await this.#projectRuns(project.name)).own(key);
    const alterations = new AlterationList();
    const made = madeWith(run, runHead(run, project, alterations));
    const begun = await this.#begin(client, project.name, (generation) => runId(parts, generation), {
      run,
      options,
      made,
      alterations,
    });
    const { place, status } = begun;
    const others = own.filter(({ name }) => name !== place.name);
    if (status && isFinished(status)) {
      const known = own.find(({ name }) => name === place.name);
      if (known && isFinished(known)) return alreadyWhole(place.name, others, client);
      throw new ExporterError('server', `The run ${run.runId} is there already: another load made it meanwhile.`);
    }
    // Halves of another content are of no use to anybody; whole ones stay until this one is whole.
    for (const other of others) if (!isFinished(other)) await client.deleteRun(other.storageId, true);
    const { signal } = options;
    const stream = new FileStream({
      client,
      place,
      canGzip: this.#features.has('FILESTREAM_GZIP'),
      inherited: begun.own.fork?.lines ?? 0,
      there: status?.lines ?? begun.own.fork?.lines ?? 0,
      signal,
    });
    const report = (paths: readonly string[]) => stream.uploaded(paths);
    const files = new RunFiles({ client, place, mayBeThere: status !== undefined, report, signal });
    const half = status && { storageId: status.storageId, shown: readOwn(status.config)?.shown };
    const backEnd = new SendingBackEnd({ client, place, stream, files, half, tail: status?.tail, signal });
    return new WandbRun(place.name, {
      ...(await this.#context(run, options)),
      backEnd,
      alterations,
      made,
      own: begun.own,
      fork: inheritedFork(begun.own),
      afterMark: async () => {
        // Only now: until the new run is whole, the old one is all that there is.
        for (const other of others) if (isFinished(other)) await client.deleteRun(other.storageId, false);
      },
    });
  }

  async loadedAs(run: RunInfo, found: FoundRun): Promise<LoadedAs | undefined> {
    const status = await this.#client().run(this.#place(run, found.id));
    const own = status && readOwn(status.config);
    if (!own || !/^\d+$/.test(own.multiplier ?? '')) return undefined;
    return { stepMultiplier: BigInt(own.multiplier!), collisions: own.collisions ?? 'stop' };
  }

  async compare(run: RunInfo, found: FoundRun, options: CompareOptions): Promise<TargetComparison> {
    const client = this.#client(options.signal);
    const place = this.#place(run, found.id);
    const status = await client.run(place);
    if (!status) throw new ExporterError('not_found', `W&B does not have the run ${found.id} any more.`);
    const alterations = new AlterationList();
    const head = runHead(run, this.#project(run), alterations);
    const own = this.#own(run, options, readOwn(status.config));
    if (own.no_fork !== undefined) noteOrdinary(alterations, own.no_fork);
    const made = madeWith(run, head);
    return WandbComparison.begin({
      client,
      place,
      status,
      options,
      run: { ...(await this.#context(run, options)), alterations, made, own, fork: inheritedFork(own) },
    });
  }

  async relink(run: RunInfo, { id }: FoundRun, parent: string): Promise<void> {
    const client = this.#client();
    const place = this.#place(run, id);
    const status = await client.run(place);
    if (!status || readOwn(status.config)?.parent === parent) return;
    await client.upsertRun(place, { config: withParent(status.configText, parent) });
  }

  async close(): Promise<void> {
    await this.#http.close();
    const folder = await this.#tempFolder;
    this.#tempFolder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  /** What a run needs for going through the mapping, whether it is sent or compared. */
  async #context(run: RunInfo, options: OpenOptions) {
    const { keepSlashes = false, namePrefix } = this.#options;
    const keys = runKeys(options.survey, keepSlashes);
    return {
      info: run,
      options,
      keepSlashes,
      keys,
      config: planConfig(options.survey, keys.keys),
      artifact: artifactName(run, runKey(run, namePrefix)),
      tempFolder: join(await this.#temp(), String(this.#runs++)),
      afterMark: async () => {},
    } satisfies Partial<RunContext>;
  }

  /** Finds a run under the first id that wasn't deleted, or makes it. */
  async #begin(
    client: WandbClient,
    project: string,
    idOf: (generation: number) => string,
    making: Making,
  ): Promise<{ place: RunPlace; status: RunStatus | undefined; own: OwnConfig }> {
    const { run, options } = making;
    const entity = this.#requireEntity();
    for (let generation = 1; generation <= MAX_GENERATIONS; generation++) {
      const place = { entity, project, name: idOf(generation) };
      const status = await client.run(place);
      if (status) {
        const own = this.#own(run, options, readOwn(status.config));
        // A load ended before it took down what W&B had done: nothing was sent since.
        if (own.fork && own.fork.lines === undefined) {
          own.fork = { ...own.fork, lines: status.lines };
          if (status.lines === 0) own.no_fork = NO_FORKS;
        }
        if (own.no_fork !== undefined) noteOrdinary(making.alterations, own.no_fork);
        return { place, status, own };
      }
      const own = await this.#create(client, place, making);
      if (own) return { place, status: undefined, own };
    }
    throw new ExporterError('server', `W&B refuses all ids for a run in ${entity}/${project}.`);
  }

  /** Makes a run, as a fork where that can be; undefined if its id was deleted. */
  async #create(client: WandbClient, place: RunPlace, making: Making): Promise<OwnConfig | undefined> {
    const { run, options, made, alterations } = making;
    const own = this.#own(run, options, undefined);
    const ordinary = (reason: string): OwnConfig => {
      noteOrdinary(alterations, reason);
      return { ...own, no_fork: reason };
    };
    const upsert = async (whole: OwnConfig, branch?: Fork): Promise<number | 'deleted' | WandbError> => {
      const config = { [OWN]: { value: whole }, _wandb: { value: internalConfig(branch, undefined) } };
      try {
        return await client.upsertRun(place, { ...made, config: JSON.stringify(config) });
      } catch (error) {
        // W&B gives the id of a deleted run no second time.
        if (error instanceof WandbError && error.status === 409) return 'deleted';
        if (error instanceof WandbError && branch) return error;
        throw error;
      }
    };
    const found = await this.#forkOf(client, place, making);
    let whole = own;
    if (found && 'reason' in found) whole = ordinary(found.reason);
    if (found && 'fork' in found) {
      const { fork } = found;
      const lines = await upsert({ ...own, fork }, fork);
      if (lines === 'deleted') return undefined;
      if (typeof lines === 'number') {
        whole = { ...(lines > 0 ? own : ordinary(NO_FORKS)), fork: { ...fork, lines } };
        await upsert(whole, lines > 0 ? fork : undefined);
        return whole;
      }
      this.#logger.debug(`W&B refuses a fork: ${lines.message}`);
      whole = ordinary('the server refuses it');
    }
    return (await upsert(whole)) === 'deleted' ? undefined : whole;
  }

  /** Undefined for a run without a parent at W&B. */
  async #forkOf(client: WandbClient, place: RunPlace, { run, options }: Making) {
    if (options.parent === undefined) return undefined;
    return forkOf(run, options, await client.run({ ...place, name: options.parent }));
  }

  /** @param before what a load before wrote */
  #own(run: RunInfo, options: OpenOptions, before: Partial<OwnConfig> | undefined): OwnConfig {
    return {
      project_id: storable(run.projectId),
      run_id: storable(run.runId),
      digest: options.digest,
      multiplier: String(options.stepMultiplier),
      collisions: policyOf(options),
      keep_slashes: this.#options.keepSlashes ?? false,
      ...(options.parent === undefined ? {} : { parent: options.parent }),
      ...(before?.fork === undefined ? {} : { fork: before.fork }),
      ...(before?.no_fork === undefined ? {} : { no_fork: before.no_fork }),
    };
  }

  #project(run: RunInfo): { name: string; full: string } {
    const { namePrefix, projectName: given } = this.#options;
    if (given !== undefined) return { name: given, full: given };
    return {
      name: projectName(run.projectId, namePrefix),
      full: namePrefix ? `${namePrefix}_${run.projectId}` : run.projectId,
    };
  }

  #place(run: RunInfo, name: string): RunPlace {
    return { entity: this.#requireEntity(), project: this.#project(run).name, name };
  }

  /** What the server has of a project, asked for once. */
  #projectRuns(project: string): Promise<ProjectRuns> {
    let known = this.#known.get(project);
    if (!known) {
      known = ProjectRuns.read(this.#client(), this.#requireEntity(), project);
      this.#known.set(project, known);
      // The next run of it asks again.
      known.catch(() => this.#known.delete(project));
    }
    return known;
  }

  #requireEntity(): string {
    if (this.#entity === undefined) throw new Error('connect() must be called first');
    return this.#entity;
  }

  #client(signal = this.#options.signal): WandbClient {
    const { base, apiKey } = this.#settings;
    return new WandbClient({ http: this.#http, base, apiKey, ...(signal ? { signal } : {}) });
  }

  #temp(): Promise<string> {
    this.#tempFolder ??= onDisk(() => mkdtemp(join(tmpdir(), 'neptune-exporter-')));
    return this.#tempFolder;
  }
}

/** A run that is to be made. */
interface Making {
  run: RunInfo;
  options: OpenOptions;
  made: Omit<RunInput, 'config'>;
  alterations: AlterationList;
}

/** What a run is made with, but for its config. */
function madeWith(run: RunInfo, head: ReturnType<typeof runHead>): Omit<RunInput, 'config'> {
  const { displayName, group, tags } = head;
  const notes = textOf(run, 'sys/description');
  const host = textOf(run, 'sys/hostname');
  return {
    displayName,
    tags,
    ...(group === undefined ? {} : { groupName: group }),
    ...(notes === undefined ? {} : { notes }),
    ...(host === undefined ? {} : { host }),
  };
}

function textOf(run: RunInfo, path: string): string | undefined {
  const row = run.sys.get(path);
  return row?.type === 'string' && row.value ? storable(row.value) : undefined;
}

/** The fork that W&B made; undefined for an ordinary run. */
function inheritedFork({ fork }: Partial<OwnConfig>): Fork | undefined {
  return fork && (fork.lines ?? 0) > 0 ? { run: fork.run, step: fork.step } : undefined;
}

function noteOrdinary(list: AlterationList, reason: string): void {
  const message = `The run is no fork at W&B: ${reason}. The config names its parent.`;
  list.add('fork_not_native', undefined, message);
}

/** The policy, if it leaves out points of the run. */
function policyOf({ survey, collisions = 'stop', stepMultiplier }: OpenOptions): CollisionPolicy {
  const isLossy = ['float_series', 'histogram_series'];
  const leavesOut = () =>
    [...survey.values()].some((entry) => isLossy.includes(entry.type) && hasCollisions(entry, stepMultiplier));
  return collisions !== 'stop' && leavesOut() ? collisions : 'stop';
}

/** A run that needs nothing but that earlier ones beside it go: the load that made it ended before it removed them. */
function alreadyWhole(id: string, replaced: readonly OwnRun[], client: WandbClient): TargetRun {
  return {
    id,
    alterations: [],
    failures: [],
    batch: async () => {},
    finish: async () => {
      for (const { storageId } of replaced) await client.deleteRun(storageId, false);
    },
  };
}
