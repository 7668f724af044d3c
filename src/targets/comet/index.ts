// Comet as a target: finds experiments that are there, makes new ones, and puts old ones away.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpClient } from '../../http/client.ts';
import { sleep } from '../../http/limits.ts';
import { DEFAULT_RETRY, pauseMs, retryAfterMs } from '../../http/retry.ts';
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
import { readAllMarks } from './batch-marks.ts';
import { COMET_CODES, CometClient, CometError, type Experiment, type Handshake } from './client.ts';
import { CometComparison } from './compare.ts';
import {
  contentMark,
  hasContent,
  hasFailed,
  LOAD_OTHER,
  LOADED_OTHER,
  loadMark,
  markOf,
  PARENT_OTHER,
  REPLACED_OTHER,
  readMark,
  runOthers,
  runTags,
  runTimes,
  systemDetails,
} from './marks.ts';
import {
  contentStem,
  experimentKey,
  experimentName,
  GENERATIONS,
  generationOf,
  keyStem,
  projectName,
  runNames,
} from './names.ts';
import { foreseeAll } from './plan.ts';
import { type Copy, ProjectExperiments, readCopy } from './project-experiments.ts';
import { CometRun } from './run.ts';
import { SendingBackEnd } from './sending.ts';
import { type CometSettings, type Environment, readSettings } from './settings.ts';

export interface CometTargetOptions {
  /** As `COMET_WORKSPACE`, before which it goes. */
  workspace?: string;
  /** As `COMET_API_KEY`, before which it goes. */
  apiKey?: string;
  /** Begins the names of projects. */
  namePrefix?: string;
  /** Environment variables that Comet's own SDK reads. */
  env: Environment;
  /** Requests in flight at once. @default 8 */
  requests?: number;
  userAgent?: string;
  /** Where `.env` and `.comet.config` may lie. @default process.cwd() */
  cwd?: string;
  /** @default os.homedir() */
  home?: string;
  logger?: Logger;
  signal?: AbortSignal;
}

const REQUESTS = 8;
/** Tries of a call that can't be repeated blindly. */
const CREATE_TRIES = 4;
/** Comet's own wait after a 429 that doesn't tell one, and what its SDK adds to each. */
const DEFAULT_WAIT_MS = 60_000;
const EXTRA_WAIT_MS = 500;
/** Its limit of REST calls is one an hour. */
const LONGEST_WAIT_MS = 2 * 3_600_000;

/**
 * Comet, by its client API and REST v2. What becomes what is written down in docs/mapping-comet.md.
 * @throws ExporterError `token_missing`, `usage` for settings that can't be meant
 */
export class CometTarget implements ComparableTarget {
  readonly name = 'comet';
  /** Assets have their exact step beside the whole one, and never fall together. */
  readonly wholeSteps: ReadonlySet<SeriesType> = new Set(['float_series']);
  readonly valueNotes: Target['valueNotes'] = {
    nan: 'NaN is kept as NaN',
    infinity: 'infinities are kept as such',
  };
  readonly #options: CometTargetOptions;
  readonly #settings: CometSettings;
  readonly #http: HttpClient;
  readonly #logger: Logger;
  readonly #known = new Map<string, Promise<ProjectExperiments>>();
  #projects: Promise<ReadonlySet<string>> | undefined;
  #workspace: string | undefined;
  #tempFolder: Promise<string> | undefined;
  #runs = 0;

  constructor(options: CometTargetOptions) {
    this.#options = options;
    const { apiKey, workspace, env, cwd = process.cwd(), home = homedir() } = options;
    this.#settings = readSettings({ options: { apiKey, workspace }, env, cwd, home });
    this.#workspace = this.#settings.workspace;
    this.#logger = options.logger ?? silentLogger;
    const { retryBudgetMs, headers } = this.#settings;
    this.#http = new HttpClient({
      userAgent: options.userAgent ?? 'neptune-exporter',
      concurrency: options.requests ?? REQUESTS,
      retryAfter: waitAsked,
      credentials: Object.keys(headers),
      retry: { maxRetryAfterMs: LONGEST_WAIT_MS, ...(retryBudgetMs === undefined ? {} : { budgetMs: retryBudgetMs }) },
      logger: this.#logger,
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  get address(): string {
    return this.#workspace === undefined ? this.#settings.root : `${this.#settings.root}/${this.#workspace}`;
  }

  async connect(): Promise<void> {
    const client = this.#client();
    this.#workspace ??= await client.defaultWorkspace();
    const workspaces = await client.workspaces();
    if (this.#workspace === undefined) {
      throw new ExporterError('usage', 'There is no workspace of Comet to load into.', {
        hint: 'Name one with --comet-workspace or COMET_WORKSPACE.',
      });
    }
    if (workspaces.includes(this.#workspace)) return;
    throw new ExporterError('access_denied', `The API key has no workspace '${this.#workspace}' at Comet.`, {
      hint: `Name one of these with --comet-workspace: ${workspaces.slice(0, 10).join(', ') || 'none'}.`,
    });
  }

  async hasGroup(name: string): Promise<boolean> {
    return (await this.#projectNames()).has(name);
  }

  forecast(run: RunInfo, content: Parameters<Target['forecast']>[1]): RunForecast {
    const alterations = new AlterationList();
    runOthers(run, undefined, alterations);
    foreseeAll(alterations, runNames(content.survey), content);
    return { group: this.#projectOf(run), name: experimentName(run), alterations: alterations.all };
  }

  async find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined> {
    const known = await this.#experiments(run);
    const copies = await known.copies(keyStem(run, this.#options.namePrefix));
    const own = copies.filter(({ isGivenUp }) => !isGivenUp);
    const live = own.filter(({ isReplaced }) => !isReplaced);
    const loaded = live.find((one) => contentMark(one.loaded) === markOf(content));
    // More than one: the load that was to replace the others did not get to its end.
    if (loaded && own.length === 1) return { id: loaded.key, state: 'whole' };
    const half = loaded ?? live.find((one) => one.loaded === undefined);
    if (half) return { id: half.key, state: 'half' };
    const [other] = live;
    if (other) return { id: other.key, state: hasContent(other.loaded, content) ? 'rescaled' : 'changed' };
    const [left] = own;
    if (left) return { id: left.key, state: 'half' };
    const foreign = known.foreign(experimentName(run));
    return foreign === undefined ? undefined : { id: foreign, state: 'foreign' };
  }

  async open(run: RunInfo, options: OpenOptions): Promise<TargetRun> {
    const client = this.#client(options.signal);
    const alterations = new AlterationList();
    const { kept, replaced, next } = await this.#earlier(run, options, client);
    if (kept && isWholeMark(kept.loaded, options))
      return alreadyWhole(kept.key, () => putAway(client, replaced, kept.key));
    const handshake = kept ? await client.resume(kept.key) : await this.#create(run, next, options, client);
    const { key } = handshake;
    // Before it is read what is there: a load that is at work still finds at its end that it isn't alone, or has sent all.
    const nonce = await this.#begin(run, handshake, options, alterations, client);
    const earlier = kept
      ? {
          marks: await readAllMarks(client, key),
          assets: new Map((await client.assets(key)).map((asset) => [asset.id, asset])),
        }
      : { marks: new Map(), assets: new Map() };
    const backEnd = new SendingBackEnd({
      client,
      handshake,
      earlier,
      alterations,
      giveUp: (reason) => giveUp(client, key, reason),
      complete: async () => {
        await requireOwn(client, key, nonce);
        await this.#complete(run, handshake, loadMark(options), client);
        // Only now: until the new one was whole, the old one was all that there was.
        await putAway(client, replaced, key);
      },
      budgetMs: this.#http.budgetMs,
      signal: options.signal,
    });
    return new CometRun({
      id: key,
      backEnd,
      info: run,
      options,
      names: runNames(options.survey),
      alterations,
      tempFolder: await this.#tempFolderOfRun(),
    });
  }

  async relink(run: RunInfo, { id }: FoundRun, parent: string): Promise<void> {
    const copies = await (await this.#experiments(run)).copies(keyStem(run, this.#options.namePrefix));
    if (copies.find(({ key }) => key === id)?.parent === parent) return;
    await this.#client().setOther(id, PARENT_OTHER, parent);
  }

  async loadedAs(run: RunInfo, { id }: FoundRun): Promise<LoadedAs | undefined> {
    const copies = await (await this.#experiments(run)).copies(keyStem(run, this.#options.namePrefix));
    const mark = copies.find(({ key }) => key === id)?.loaded;
    return mark === undefined ? undefined : readMark(mark);
  }

  async compare(run: RunInfo, { id }: FoundRun, options: CompareOptions): Promise<TargetComparison> {
    return CometComparison.begin({
      client: this.#client(options.signal),
      key: id,
      info: run,
      options,
      names: runNames(options.survey),
      project: this.#projectOf(run),
      mark: loadMark(options),
      tempFolder: await this.#tempFolderOfRun(),
    });
  }

  async close(): Promise<void> {
    await this.#http.close();
    const folder = await this.#tempFolder;
    this.#tempFolder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  #client(signal = this.#options.signal): CometClient {
    const { root, headers } = this.#settings;
    return new CometClient({ http: this.#http, root, headers, ...(signal ? { signal } : {}) });
  }

  #workspaceName(): string {
    if (this.#workspace === undefined) throw new Error('connect() must be called first');
    return this.#workspace;
  }

  #projectOf(run: RunInfo): string {
    return projectName(run.projectId, this.#options.namePrefix);
  }

  #projectNames(): Promise<ReadonlySet<string>> {
    if (!this.#projects) {
      const names = this.#client()
        .projects(this.#workspaceName())
        .then((all) => new Set(all));
      this.#projects = names;
      // The next one asks again.
      names.catch(() => {
        this.#projects = undefined;
      });
    }
    return this.#projects;
  }

  /** What Comet had of a run's project when it was first asked for. */
  #experiments(run: RunInfo): Promise<ProjectExperiments> {
    const name = this.#projectOf(run);
    let known = this.#known.get(name);
    if (!known) {
      known = this.#readExperiments(name);
      this.#known.set(name, known);
      known.catch(() => this.#known.delete(name));
    }
    return known;
  }

  async #readExperiments(name: string): Promise<ProjectExperiments> {
    const isThere = (await this.#projectNames()).has(name);
    return ProjectExperiments.read(this.#client(), this.#workspaceName(), isThere ? name : undefined);
  }

  /**
   * What earlier loads left of a run: one that can be gone on with, and whole ones of other content, which are to be
   * replaced. Other halves are put away.
   * @returns also the generation that a new one would have
   */
  async #earlier(
    run: RunInfo,
    options: OpenOptions,
    client: CometClient,
  ): Promise<{ kept: Copy | undefined; replaced: Copy[]; next: number }> {
    const stem = keyStem(run, this.#options.namePrefix);
    const content = contentStem(stem, loadMark(options));
    const listed = await (await this.#experiments(run)).copies(stem);
    // Asked for again, since another loader may have been at work.
    const copies = await Promise.all(listed.map((copy) => readCopy(client, copy)));
    const same = copies.filter(({ key }) => key.startsWith(content));
    const own = copies.filter(({ isGivenUp }) => !isGivenUp);
    const live = own.filter(({ isReplaced }) => !isReplaced);
    const kept =
      live.find(({ loaded }) => isWholeMark(loaded, options)) ?? live.find(({ key }) => key.startsWith(content));
    const replaced: Copy[] = [];
    for (const copy of own) {
      if (copy === kept) continue;
      if (copy.loaded !== undefined) replaced.push(copy);
      else await giveUp(client, copy.key, 'The archive has other content by now.');
    }
    return { kept, replaced, next: Math.max(-1, ...same.map(({ key }) => generationOf(key))) + 1 };
  }

  /** Makes the experiment of the next generation whose key was never used. */
  async #create(run: RunInfo, first: number, options: OpenOptions, client: CometClient): Promise<Handshake> {
    const content = contentStem(keyStem(run, this.#options.namePrefix), loadMark(options));
    const project = this.#projectOf(run);
    let generation = first;
    /** Tries of this generation of which it isn't known whether they did their work. */
    let unknown = 0;
    while (generation < GENERATIONS) {
      const key = experimentKey(content, generation);
      try {
        return await client.create(key, this.#workspaceName(), project);
      } catch (error) {
        const isTaken = error instanceof CometError && error.cometCode === COMET_CODES.experimentExists;
        if (!isTaken && (!mayHaveBeenMade(error) || ++unknown === CREATE_TRIES)) throw error;
        const found = await this.#inWorkspace(key, client);
        if (found && unknown === 0) throw found.projectName === project ? anotherLoad(run) : wasMoved(run, found);
        // That another load made it at this very instant is found out at the end, by the marks of batches.
        if (found) return client.resume(key);
        if (isTaken) {
          // Keys are of all workspaces together, and one that was deleted is not given again.
          generation++;
          unknown = 0;
        } else await sleep(pauseMs(DEFAULT_RETRY, unknown), options.signal);
      }
    }
    throw new ExporterError(
      'server',
      `Comet takes no more experiments of the run ${run.runId}: too many were deleted.`,
      {
        hint: 'Load with another --name-prefix.',
      },
    );
  }

  /** Undefined if there is none of this key, or in a workspace that isn't ours: this run was loaded there, too. */
  async #inWorkspace(key: string, client: CometClient): Promise<Experiment | undefined> {
    try {
      const found = await client.experiment(key);
      return (found?.workspaceName ?? this.#workspaceName()) === this.#workspaceName() ? found : undefined;
    } catch (error) {
      if (error instanceof CometError && error.code === 'access_denied') return undefined;
      throw error;
    }
  }

  /** Writes what the experiment is. @returns what tells this load from others */
  async #begin(
    run: RunInfo,
    handshake: Handshake,
    { parent }: OpenOptions,
    alterations: AlterationList,
    client: CometClient,
  ): Promise<string> {
    const { key } = handshake;
    const nonce = randomUUID();
    await client.setAlive(handshake, true);
    const tags = runTags(run);
    const details = systemDetails(run);
    await Promise.all([
      client.setOther(key, LOAD_OTHER, nonce),
      ...runOthers(run, parent, alterations).map(([name, value]) => client.setOther(key, name, value)),
      ...(tags.length === 0 ? [] : [client.addTags(key, tags)]),
      ...(Object.keys(details).length === 0 ? [] : [client.setSystemDetails(key, details)]),
    ]);
    return nonce;
  }

  /** Ends the experiment, and marks it as whole, last of all. */
  async #complete(run: RunInfo, handshake: Handshake, mark: string, client: CometClient): Promise<void> {
    const { key } = handshake;
    await client.setAlive(handshake, false);
    if (hasFailed(run)) {
      await client.setCrashed(key).catch((error: unknown) => {
        // Older servers don't know the call: the parameter sys_failed says it, too.
        if (!(error instanceof CometError && error.status === 404)) throw error;
        this.#logger.warn(`${run.projectId}, run ${run.runId}: the server has no way to say that a run failed`);
      });
    }
    // Ending writes the clock of the service.
    const times = runTimes(run);
    if (times.start !== undefined) await client.setTimes(key, times);
    await client.setOther(key, LOADED_OTHER, mark);
  }

  async #tempFolderOfRun(): Promise<string> {
    this.#tempFolder ??= onDisk(() => mkdtemp(join(tmpdir(), 'neptune-exporter-')));
    return join(await this.#tempFolder, String(this.#runs++));
  }
}

/** Milliseconds that Comet asks to wait: by a header of its own, by the usual one, or by its rule. */
export function waitAsked(status: number, headers: Readonly<Record<string, string>>): number | undefined {
  const custom = retryAfterMs(headers['retry-after-custom']);
  if (custom !== undefined) return custom + EXTRA_WAIT_MS;
  const usual = retryAfterMs(headers['retry-after']);
  if (usual !== undefined || status !== 429) return usual;
  return DEFAULT_WAIT_MS + EXTRA_WAIT_MS;
}

function isWholeMark(mark: string | undefined, content: RunContent): boolean {
  return contentMark(mark) === markOf(content);
}

/** Marks an experiment as one that another is in the place of, and puts it away. */
async function giveUp(client: CometClient, key: string, reason: string): Promise<void> {
  await client.setOther(key, REPLACED_OTHER, reason);
  await client.archive(key);
}

async function putAway(client: CometClient, copies: readonly Copy[], by: string): Promise<void> {
  for (const { key } of copies) await giveUp(client, key, `By ${by}.`);
}

/** A run that needs nothing but that earlier ones beside it go: the load that made it ended before it put them away. */
function alreadyWhole(id: string, finish: () => Promise<void>): TargetRun {
  return { id, alterations: [], failures: [], batch: async () => {}, finish };
}

/** Another load that went on with the experiment meanwhile has written its own. @throws ExporterError */
async function requireOwn(client: CometClient, key: string, nonce: string): Promise<void> {
  if ((await client.others(key)).get(LOAD_OTHER) === nonce) return;
  throw new ExporterError('server', 'Another load went on with this run meanwhile.', {
    hint: 'Start this load again when the other one has ended: it finds what is missing.',
  });
}

function anotherLoad({ runId }: RunInfo): ExporterError {
  return new ExporterError('server', `Another load makes the run ${runId} at the same time, and goes on with it.`, {
    hint: 'Start this load again when the other one has ended: it finds what is missing.',
  });
}

function wasMoved({ runId }: RunInfo, { projectName: place }: Experiment): ExporterError {
  return new ExporterError('server', `The run ${runId} is at Comet in the project '${place}': it was moved there.`, {
    hint: 'Move it back to go on with it, or load with another --name-prefix.',
  });
}

/** After a lost connection or a fault of the server, what was asked for may have been done or not. */
function mayHaveBeenMade(error: unknown): boolean {
  if (!(error instanceof ExporterError)) return false;
  return error.code === 'network' || (error.code === 'server' && (error.status ?? 0) >= 500);
}
