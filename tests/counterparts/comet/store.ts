// What the emulator holds: workspaces, projects, experiments.

import { createHash, randomBytes } from 'node:crypto';
import { Assets } from './assets.ts';
import type { JsonObject, Whole } from './json.ts';
import type { Limits, ParamValue, PlainValue } from './limits.ts';
import { RateLimit } from './rate-limit.ts';
import { Refusal, SdkError } from './refusal.ts';
import { Series, seriesName } from './series.ts';

export interface Project {
  id: string;
  workspace: string;
  name: string;
  description: string;
  isPublic: boolean;
  notes: string;
  createdAt: number;
}

export interface Param {
  value: ParamValue;
  /** All values that it had, oldest first. */
  earlier: ParamValue[];
  step: Whole | null;
  context: string | null;
  timestamp: Whole | null;
  source: string;
}

export interface Other {
  value: PlainValue;
  timestamp: Whole | null;
}

export interface OutputLine {
  text: string;
  stderr: boolean;
  offset: number;
  timestamp: Whole | null;
  context: string | null;
}

export class Experiment {
  readonly key: string;
  readonly project: Project;
  readonly runId = randomBytes(16).toString('hex');
  /** Uploaded later, so without rate limits. */
  readonly offline: boolean;
  /** What the service calls it until it gets a name. */
  readonly generatedName: string;
  readonly params = new Map<string, Param>();
  readonly others = new Map<string, Other>();
  readonly tags = new Set<string>();
  readonly metrics = new Map<string, Series>();
  readonly assets = new Assets();
  readonly output: OutputLine[] = [];
  readonly dependencies: JsonObject[] = [];
  readonly system: JsonObject = {};
  git: JsonObject | null = null;
  html = '';
  graph: string | null = null;
  code: string | null = null;
  filePath: string | null = null;
  startTime: number;
  endTime: number | null = null;
  running = true;
  crashed = false;
  error: string | null = null;
  archived = false;
  /** It was refused something because of rate limits, and not cleared of it. */
  throttled = false;
  /** How often it was taken up again. */
  resumed = 0;
  readonly #rates: Record<RateKind, RateLimit>;

  constructor(key: string, project: Project, offline: boolean, limits: Limits, number: number) {
    this.key = key;
    this.project = project;
    this.offline = offline;
    this.generatedName = `emulated_experiment_${number}`;
    this.startTime = Date.now();
    this.#rates = {
      values: new RateLimit(limits.valuesPerMinute, limits.minuteSeconds),
      parameters: new RateLimit(limits.parametersPerMinute, limits.minuteSeconds),
      outputLines: new RateLimit(limits.outputLinesPerMinute, limits.minuteSeconds),
      others: new RateLimit(limits.othersPerMinute, limits.minuteSeconds),
    };
  }

  get name(): string {
    return String(this.others.get('Name')?.value ?? this.generatedName);
  }

  /** The offset of the next output line. */
  get lastOffset(): number {
    return this.output.reduce((most, { offset }) => Math.max(most, offset + 1), 0);
  }

  /** Counts against the rate limits of online experiments. @throws Refusal 429 */
  take(kind: RateKind, count = 1): void {
    if (this.offline) return;
    try {
      this.#rates[kind].take(count);
    } catch (error) {
      this.throttled = true;
      throw error;
    }
  }

  series(metricName: string, context: string | null): Series {
    const name = seriesName(metricName, context);
    let series = this.metrics.get(name);
    if (!series) {
      series = new Series(metricName, context);
      this.metrics.set(name, series);
    }
    return series;
  }

  setParam(name: string, param: Omit<Param, 'earlier'>): void {
    const old = this.params.get(name);
    this.params.set(name, { ...param, earlier: old ? [...old.earlier, old.value] : [] });
  }

  /** Running or not; the end is by the server's clock. */
  setAlive(isAlive: boolean): void {
    if (this.running && !isAlive) this.endTime = Date.now();
    if (isAlive) this.endTime = null;
    this.running = isAlive;
  }
}

export type RateKind = 'values' | 'parameters' | 'outputLines' | 'others';

export class Store {
  readonly workspaces: readonly string[];
  readonly experiments = new Map<string, Experiment>();
  /** Keys of experiments that were deleted. */
  readonly deleted = new Set<string>();
  readonly #projects = new Map<string, Project>();
  readonly #limits: Limits;
  #created = 0;

  constructor(workspaces: readonly string[], limits: Limits) {
    this.workspaces = workspaces;
    this.#limits = limits;
  }

  /** @throws Refusal 400 with the code that the SDK knows */
  checkWorkspace(name: string): void {
    if (!this.workspaces.includes(name))
      throw new Refusal(400, `workspace ${name} does not exist`, SdkError.noSuchWorkspace);
  }

  projects(workspace: string): Project[] {
    return [...this.#projects.values()].filter((project) => project.workspace === workspace);
  }

  findProject(workspace: string, name: string): Project | undefined {
    return this.#projects.get(`${workspace}/${name}`);
  }

  projectOfId(id: string): Project | undefined {
    return [...this.#projects.values()].find((project) => project.id === id);
  }

  /** The project, made if it isn't there. @throws Refusal if the workspace isn't */
  project(workspace: string, name: string): Project {
    this.checkWorkspace(workspace);
    const path = `${workspace}/${name}`;
    let project = this.#projects.get(path);
    if (!project) {
      const id = createHash('md5').update(path).digest('hex');
      project = { id, workspace, name, description: '', isPublic: false, notes: '', createdAt: Date.now() };
      this.#projects.set(path, project);
    }
    return project;
  }

  experimentsOf(project: Project): Experiment[] {
    return [...this.experiments.values()].filter((experiment) => experiment.project === project);
  }

  /** @throws Refusal if the key is taken or the project is full */
  create(key: string, project: Project, offline: boolean): Experiment {
    if (this.experiments.has(key) || this.deleted.has(key))
      throw new Refusal(400, `experiment ${key} already exists`, SdkError.experimentExists);
    if (this.experimentsOf(project).length >= this.#limits.experiments)
      throw new Refusal(400, `project ${project.name} is full`, SdkError.tooManyExperiments);
    this.#created += 1;
    const experiment = new Experiment(key, project, offline, this.#limits, this.#created);
    this.experiments.set(key, experiment);
    return experiment;
  }

  delete(key: string): void {
    this.experiments.delete(key);
    this.deleted.add(key);
  }
}
