// ZenML as a target: finds versions that are there, makes new ones, replaces changed ones, and knows the active stack's store.

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
import type { TargetEnvironment } from '../descriptor.ts';
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
import { artifactKey, SendingBackEnd } from './back-end.ts';
import { type ArtifactVersion, isThere, Session, ZenmlClient } from './client.ts';
import { ZenmlComparison } from './compare.ts';
import { HALF_TAG, LOADED, modelName, RUN_KEY, runKey, runNames, versionName } from './names.ts';
import { type OpenedStore, openStore } from './open-store.ts';
import { foresee } from './plan.ts';
import { ZenmlRun } from './run.ts';
import { descriptionOf, firstCards, forkCard, IMPORT_TAG, projectTag, tagsOf } from './run-cards.ts';
import { checkVersion } from './server-version.ts';
import { readSettings, type ZenmlSettings } from './settings.ts';
import type { ArtifactStore } from './store.ts';
import {
  type Copy,
  findCopies,
  freeName,
  isOfThisMapping,
  isSameName,
  loadingWords,
  type ModelPlace,
  markOf,
  namesOf,
} from './versions.ts';

export interface ZenmlTargetOptions {
  /** Begins the names of models. */
  namePrefix?: string;
  /** Environment variables that ZenML's own client reads. */
  env: TargetEnvironment;
  /** Requests in flight at once. @default 6 */
  requests?: number;
  userAgent?: string;
  /** Where the search for a repository's settings begins. @default process.cwd() */
  cwd?: string;
  /** @default os.homedir() */
  home?: string;
  /** For all tries of a request, ms. */
  retryBudgetMs?: number;
  logger?: Logger;
  signal?: AbortSignal;
}

/** Credentials that end sooner are asked for anew. */
const RENEW_MS = 5 * 60_000;

/**
 * ZenML's Model Control Plane, by its REST API. What becomes what is written down in docs/mapping-zenml.md.
 * @throws ExporterError `usage` for settings that are missing or can't be meant
 */
export class ZenmlTarget implements ComparableTarget {
  readonly name = 'zenml';
  /** Series are kept with Neptune's own steps. */
  readonly wholeSteps: ReadonlySet<SeriesType> = new Set();
  readonly valueNotes: Target['valueNotes'] = {
    nan: 'NaN is a text in the metadata, and kept in the artifact of a series',
    infinity: 'infinities are texts in the metadata, and kept in the artifact of a series',
  };
  readonly #options: ZenmlTargetOptions;
  readonly #settings: ZenmlSettings;
  readonly #http: HttpClient;
  readonly #session: Session;
  readonly #logger: Logger;
  readonly #models = new Map<string, Promise<string>>();
  /** Ids by name, where nothing is to be made. */
  readonly #there = new Map<string, Promise<string | undefined>>();
  readonly #found = new Map<string, Promise<Copy[]>>();
  #project: string | undefined;
  #storeId: string | undefined;
  #store: Promise<OpenedStore> | undefined;
  readonly #closing: ArtifactStore[] = [];
  #tempFolder: Promise<string> | undefined;
  #runs = 0;
  #saidSteps = false;

  constructor(options: ZenmlTargetOptions) {
    const { env, home = homedir(), cwd = process.cwd(), signal, retryBudgetMs } = options;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#settings = readSettings({ env, home, cwd, platform: process.platform });
    const { base, tls, credentials } = this.#settings;
    this.#http = new HttpClient({
      userAgent: options.userAgent ?? 'neptune-exporter',
      concurrency: options.requests ?? 6,
      logger: this.#logger,
      ...(retryBudgetMs === undefined ? {} : { retry: { budgetMs: retryBudgetMs } }),
      ...(tls ? { tls } : {}),
      ...(signal ? { signal } : {}),
    });
    this.#session = new Session(this.#http, base, credentials);
  }

  get address(): string {
    return redactUrl(this.#settings.base).replace(/\/$/, '');
  }

  async connect({ readOnly = false } = {}): Promise<void> {
    const client = this.#client();
    const info = await client.info();
    checkVersion(info.version, this.#logger);
    const { apiKey, user, token } = this.#settings.credentials;
    if (!info.isOpen && !(apiKey ?? user ?? token)) {
      throw new ExporterError('token_missing', `There is no login for the ZenML server ${this.address}.`, {
        hint: `Run \`zenml login ${this.address}\`, or set ZENML_STORE_API_KEY to a key of a service account.`,
      });
    }
    this.#project = await this.#activeProject(client);
    this.#storeId = await this.#activeStore(client);
    const { store, isLocal } = await this.#opened();
    this.#logger.debug(`ZenML ${info.version}, files go to ${store.root}`);
    if (isLocal && !readOnly && !isLocalHost(this.#settings.base)) {
      this.#logger.warn(
        `The active artifact store is local: files go to ${store.root} on this machine only, where no other machine finds them. For a shared one activate another stack: zenml stack set <name>.`,
      );
    }
  }

  async hasGroup(name: string): Promise<boolean> {
    return (await this.#modelThere(name)) !== undefined;
  }

  forecast(run: RunInfo, { survey }: Parameters<Target['forecast']>[1]): RunForecast {
    const alterations = new AlterationList();
    descriptionOf(run, alterations);
    tagsOf(run, alterations);
    foresee(alterations, run, survey, runNames(survey));
    return { group: this.#modelName(run), name: versionName(run), alterations: alterations.all };
  }

  async find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined> {
    const copies = await this.#copies(run);
    const key = runKey(run, this.#options.namePrefix);
    const own = copies.filter((copy) => copy.key === key);
    const whole = own.find(({ loaded }) => loaded === markOf(content));
    // More than one: the load that was to replace the others did not get to its end.
    if (whole && own.length === 1) return { id: whole.id, state: 'whole' };
    const half = whole ?? own.find(({ loaded }) => loaded === undefined);
    if (half) return { id: half.id, state: 'half' };
    const [other] = own;
    if (other) return { id: other.id, state: 'changed' };
    const foreign = copies.find((copy) => copy.key === undefined && isSameName(copy.name, versionName(run)));
    return foreign && { id: foreign.id, state: 'foreign' };
  }

  async open(run: RunInfo, options: OpenOptions): Promise<TargetRun> {
    this.#saySteps(options.stepMultiplier);
    const client = this.#client(options.signal);
    const place = await this.#place(run, client);
    const key = runKey(run, place.prefix);
    const mark = markOf(options);
    const { kept, replaced, isNew } = await this.#earlier(run, place, mark);
    // Also those of loads that ended before they could link them.
    const known = isNew ? [] : await client.artifactsByMetadata(place.project, RUN_KEY, key);
    const state = { place, replaced, known, mark, signal: options.signal };
    if (kept?.loaded === mark)
      return alreadyWhole(kept.id, () => this.#end(run, { ...state, ...kept, used: undefined }));
    const { id, name } = kept ?? (await this.#create(run, place, mark, replaced.length > 0));
    const copies = [id, ...replaced.map((copy) => copy.id)];
    const isWaiting = name === namesOf(run, place.prefix).loading;
    await client.writeMetadata(place.project, id, firstCards(run, key, mark, options.parent));
    const alterations = new AlterationList();
    descriptionOf(run, alterations);
    tagsOf(run, alterations);
    const backEnd = new SendingBackEnd({
      client,
      store: () => this.#currentStore(),
      project: place.project,
      version: id,
      known: new Map(known.map((one) => [artifactKey(one.artifact, one.version), one])),
      isNew,
      tags: [IMPORT_TAG],
      signal: options.signal,
      complete: (used) => this.#end(run, { ...state, id, name, used }),
    });
    return new ZenmlRun(id, {
      backEnd,
      info: run,
      name: isWaiting ? await freeName(run, place, copies) : name,
      options,
      names: runNames(options.survey),
      alterations,
      key,
      place: this.#identity(),
      tempFolder: join(await this.#temp(), String(this.#runs++)),
    });
  }

  async loadedAs(run: RunInfo, found: FoundRun): Promise<LoadedAs | undefined> {
    const mark = (await this.#copies(run)).find(({ id }) => id === found.id)?.loaded;
    return mark !== undefined && isOfThisMapping(mark) ? { stepMultiplier: 1n, collisions: 'stop' } : undefined;
  }

  async compare(run: RunInfo, found: FoundRun, options: CompareOptions): Promise<TargetComparison> {
    const client = this.#client(options.signal);
    const key = runKey(run, this.#options.namePrefix);
    const names = runNames(options.survey);
    const alterations = new AlterationList();
    const held = await client.version(found.id);
    if (!held) throw new ExporterError('not_found', `The model version ${found.id} is not there any more.`);
    const { own, other } = namesOf(run, this.#options.namePrefix);
    return ZenmlComparison.begin({
      client,
      store: await this.#currentStore(),
      project: this.#projectId(),
      held,
      info: run,
      options,
      names,
      alterations,
      key,
      place: this.#identity(),
      made: {
        names: [own, other],
        description: descriptionOf(run, alterations),
        tags: tagsOf(run, alterations),
        cards: firstCards(run, key, markOf(options), options.parent),
        mark: markOf(options),
      },
      tempFolder: join(await this.#temp(), String(this.#runs++)),
    });
  }

  async relink(run: RunInfo, { id }: FoundRun, parent: string): Promise<void> {
    if ((await this.#copies(run)).find((copy) => copy.id === id)?.parent === parent) return;
    await this.#client().writeMetadata(this.#projectId(), id, new Map(forkCard(run, parent)));
  }

  async close(): Promise<void> {
    await this.#http.close();
    for (const store of this.#closing.splice(0)) await store.close();
    this.#store = undefined;
    const folder = await this.#tempFolder?.catch(() => undefined);
    this.#tempFolder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  #client(signal = this.#options.signal): ZenmlClient {
    const { base } = this.#settings;
    return new ZenmlClient({ http: this.#http, base, session: this.#session, ...(signal ? { signal } : {}) });
  }

  #modelName(run: RunInfo): string {
    return modelName(run.projectId, this.#options.namePrefix);
  }

  #projectId(): string {
    if (this.#project === undefined) throw new Error('connect() must be called first');
    return this.#project;
  }

  /** Ids that tell an artifact of this server and store from the same one elsewhere. */
  #identity(): string[] {
    return [this.#projectId(), this.#storeId ?? ''];
  }

  /** The active project: as set, else the user's own, else the only one, else `default`. */
  async #activeProject(client: ZenmlClient): Promise<string> {
    const { project } = this.#settings;
    const set = project && (await client.project(project.idOrName));
    if (set) return set.id;
    if (project?.isOrder) {
      throw new ExporterError('usage', `The ZenML project '${project.idOrName}' is not there, or not yours to see.`, {
        hint: 'It is set by ZENML_ACTIVE_PROJECT_ID. See: zenml project list.',
      });
    }
    if (project)
      this.#logger.warn(`The active ZenML project ${project.idOrName} is not there any more: the usual one is used.`);
    const usual = await client.defaultProject();
    const found = usual === undefined ? undefined : await client.project(usual);
    if (found) return found.id;
    const all = await client.projects();
    const only = all.length === 1 ? all[0] : all.find(({ name }) => name === 'default');
    if (only) return only.id;
    throw new ExporterError('usage', `No ZenML project is active, and the server has ${all.length}.`, {
      hint: 'Choose one: zenml project set <name>, or ZENML_ACTIVE_PROJECT_ID.',
    });
  }

  /** The artifact store of the active stack: as set, else of the stack `default`. */
  async #activeStore(client: ZenmlClient): Promise<string> {
    const { stack } = this.#settings;
    const set = stack && (await client.stackStore(stack.idOrName));
    if (set) return set.storeId;
    if (stack?.isOrder) {
      throw new ExporterError('usage', `The ZenML stack '${stack.idOrName}' is not there, or not yours to see.`, {
        hint: 'It is set by ZENML_ACTIVE_STACK_ID. See: zenml stack list.',
      });
    }
    if (stack)
      this.#logger.warn(`The active ZenML stack ${stack.idOrName} is not there any more: the default one is used.`);
    const usual = await client.stackStore('default');
    if (usual) return usual.storeId;
    throw new ExporterError('usage', 'No ZenML stack is active, and the server has no default one.', {
      hint: 'Choose one: zenml stack set <name>, or ZENML_ACTIVE_STACK_ID.',
    });
  }

  #opened(): Promise<OpenedStore> {
    this.#store ??= this.#openStore();
    const store = this.#store;
    // The next file tries again.
    store.catch(() => {
      if (this.#store === store) this.#store = undefined;
    });
    return store;
  }

  async #openStore(): Promise<OpenedStore> {
    const client = this.#client();
    const component = await client.component(this.#storeId ?? '');
    const { env } = this.#options;
    const opened = await openStore(component, { client, env, localStores: this.#settings.localStores });
    this.#closing.push(opened.store);
    return opened;
  }

  async #currentStore(): Promise<ArtifactStore> {
    const { store, ends } = await this.#opened();
    if (ends === undefined || ends - RENEW_MS > Date.now()) return store;
    this.#store = undefined;
    return (await this.#opened()).store;
  }

  #modelThere(name: string): Promise<string | undefined> {
    let model = this.#there.get(name);
    if (!model) {
      model = this.#client()
        .modelByName(this.#projectId(), name)
        .then((found) => found?.id);
      this.#there.set(name, model);
      model.catch(() => this.#there.delete(name));
    }
    return model;
  }

  /** The copies of a run when it was first looked for. */
  #copies(run: RunInfo): Promise<Copy[]> {
    const key = runKey(run, this.#options.namePrefix);
    let copies = this.#found.get(key);
    if (!copies) {
      copies = this.#findCopies(run);
      this.#found.set(key, copies);
      copies.catch(() => this.#found.delete(key));
    }
    return copies;
  }

  async #findCopies(run: RunInfo): Promise<Copy[]> {
    const model = await this.#modelThere(this.#modelName(run));
    if (model === undefined) return [];
    const prefix = this.#options.namePrefix;
    return findCopies(run, { client: this.#client(), project: this.#projectId(), model, prefix }, false);
  }

  /** Where a run goes; makes the model. */
  async #place(run: RunInfo, client: ZenmlClient): Promise<ModelPlace> {
    const name = this.#modelName(run);
    let model = this.#models.get(name);
    if (!model) {
      model = this.#makeModel(name, run, client);
      this.#models.set(name, model);
      // The next run of it tries again.
      model.catch(() => this.#models.delete(name));
    }
    return { client, project: this.#projectId(), model: await model, prefix: this.#options.namePrefix };
  }

  async #makeModel(name: string, run: RunInfo, client: ZenmlClient): Promise<string> {
    const project = this.#projectId();
    const there = await client.modelByName(project, name);
    if (there) return there.id;
    const description = `Imported from Neptune project '${run.projectId}'`;
    try {
      await client.createModel(project, name, description, [IMPORT_TAG, projectTag(run.projectId)]);
    } catch (error) {
      // Another loader was faster, or the answer was lost.
      if (!isThere(error)) throw error;
    }
    const made = await client.modelByName(project, name);
    if (made) return made.id;
    throw new ExporterError('server', `The ZenML server does not show the model '${name}' that it just made.`);
  }

  /**
   * What earlier loads left of a run: one that can be gone on with, and whole ones of other content, which are to be
   * replaced. Other halves are removed.
   */
  async #earlier(
    run: RunInfo,
    place: ModelPlace,
    mark: string,
  ): Promise<{ kept: Copy | undefined; replaced: Copy[]; isNew: boolean }> {
    const listed = await this.#copies(run);
    const key = runKey(run, place.prefix);
    // Asked for again, since another loader may have been at work.
    const own = (await findCopies(run, place, true)).filter((copy) => copy.key === key);
    const whole = own.find(({ loaded }) => loaded === mark);
    if (whole && !listed.some(({ id, loaded }) => id === whole.id && loaded === mark)) {
      throw new ExporterError('server', `The run ${run.runId} is there already: another load made it meanwhile.`);
    }
    const kept = whole ?? own.find(({ loaded, loading }) => loaded === undefined && loading === mark);
    const replaced: Copy[] = [];
    for (const copy of own) {
      if (copy === kept) continue;
      if (copy.loaded !== undefined) replaced.push(copy);
      // Its metadata may contradict this content, and metadata can't be taken back.
      else await place.client.deleteVersion(copy.id);
    }
    return { kept, replaced, isNew: own.length === 0 };
  }

  /** Makes the version: under its own name, or beside the one that it is to replace. */
  async #create(
    run: RunInfo,
    place: ModelPlace,
    mark: string,
    isReplacing: boolean,
  ): Promise<{ id: string; name: string }> {
    const { client, project, model, prefix } = place;
    const key = runKey(run, prefix);
    const { loading, other } = namesOf(run, prefix);
    const description = loadingWords(key, mark);
    let name = isReplacing ? loading : await freeName(run, place);
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.createVersion(project, model, { name, description, tags: [HALF_TAG] });
      } catch (error) {
        if (!isThere(error)) throw error;
      }
      // An answer was lost, or another load was faster: of this content it goes on with the same version.
      const same = (await findCopies(run, place, false)).find((copy) => isSameName(copy.name, name));
      if (same?.key === key && same.loading === mark && same.loaded === undefined) return same;
      const isOfOther = same === undefined || (same.key !== undefined && same.key !== key);
      if (!isOfOther || name === loading || name === other || attempt > 2) break;
      // Another run took the name meanwhile; or has one that the server's database, but not we, takes for the same.
      if (same !== undefined || attempt > 1) name = other;
    }
    throw new ExporterError('server', 'Another load makes this run at the same time.', {
      hint: 'Start this load again when the other one has ended: it finds what is missing.',
    });
  }

  /** Removes what the version replaces, gives it its name, and marks it as whole, in this order: a kill leaves one of them. */
  async #end(
    run: RunInfo,
    state: {
      place: ModelPlace;
      id: string;
      /** As it is now. */
      name: string;
      replaced: readonly Copy[];
      /** Ids of the artifact versions that the run has; those that it is linked to if it was whole before. */
      used: ReadonlySet<string> | undefined;
      known: readonly ArtifactVersion[];
      mark: string;
      signal: AbortSignal;
    },
  ): Promise<void> {
    const { place, id, replaced, known, mark, signal } = state;
    const { client, project } = place;
    const used = state.used ?? new Set((await client.linked(project, id)).map((one) => one.id));
    for (const old of replaced) await client.deleteVersion(old.id);
    for (const old of known) if (!used.has(old.id)) await this.#removeArtifact(old, client, signal);
    const silent = new AlterationList();
    const isWaiting = state.name === namesOf(run, place.prefix).loading;
    await client.updateVersion(id, {
      name: isWaiting ? await freeName(run, place, [id]) : state.name,
      description: descriptionOf(run, silent),
      addTags: tagsOf(run, silent),
      removeTags: [HALF_TAG],
    });
    await client.writeMetadata(project, id, new Map([[LOADED, JSON.stringify(mark)]]));
  }

  /** The file first: without its entry nobody would find it again. */
  async #removeArtifact(old: ArtifactVersion, client: ZenmlClient, signal: AbortSignal): Promise<void> {
    const store = await this.#currentStore();
    if (old.storeId === store.id && old.uri.startsWith(`${store.root}/`)) {
      for (const file of ['file_data', 'data.json', 'data.txt']) await store.remove(`${old.uri}/${file}`, signal);
    } else {
      this.#logger.warn(
        `A file of an earlier load stays where it is, since its artifact store is not the active one: ${old.uri}`,
      );
    }
    await client.deleteArtifact(old.id);
  }

  /** The contract says that the multiplier is not for this target; who gives one should know. */
  #saySteps(multiplier: bigint): void {
    if (multiplier === 1n || this.#saidSteps) return;
    this.#saidSteps = true;
    this.#logger.warn("The step multiplier changes nothing at ZenML: artifacts have Neptune's own steps.");
  }

  #temp(): Promise<string> {
    this.#tempFolder ??= onDisk(() => mkdtemp(join(tmpdir(), 'neptune-exporter-')));
    return this.#tempFolder;
  }
}

/** A run that needs nothing but its end: the load that made it ended before it had removed others. */
function alreadyWhole(id: string, finish: () => Promise<void>): TargetRun {
  return { id, alterations: [], failures: [], batch: async () => {}, finish };
}

/** Whether a server is on this machine, so that both see the same folders. */
function isLocalHost(base: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i.test(new URL(base).hostname);
}
