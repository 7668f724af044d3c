// What the emulator holds: projects, runs, artifacts. No wire format here.

import { History } from './history.ts';
import { checkProjectName } from './limits.ts';
import { Refusal } from './refusal.ts';

export type RunState = 'pending' | 'running' | 'finished' | 'failed' | 'crashed' | 'killed' | 'preempting';

let lastId = 0;

/** An id that is unlike any other and says what it is of. */
export function nextId(of: string): string {
  lastId += 1;
  return Buffer.from(`${of}:${lastId}`).toString('base64');
}

export class Run {
  readonly __typename = 'Run';
  readonly id = nextId('Run:v1');
  readonly project: Project;
  readonly name: string;
  displayName: string;
  description: string | null = null;
  notes: string | null = null;
  tags: string[] = [];
  group: string | null = null;
  jobType: string | null = null;
  commit: string | null = null;
  host: string | null = null;
  program: string | null = null;
  repo: string | null = null;
  sweepName: string | null = null;
  state: RunState = 'running';
  stopped = false;
  exitCode: number | null = null;
  readonly createdAt = new Date();
  heartbeatAt = new Date();
  /** JSON, as it came. */
  config = '{}';
  summary: string[] = [];
  history = new History();
  events: string[] = [];
  output: string[] = [];
  forkFrom: { run: string; step: number } | null = null;
  /** How often it was written to after its end, and rewound. */
  resumed = 0;
  /** Paths that an upload address was given for. */
  readonly announced = new Set<string>();
  /** Paths that were reported as uploaded. */
  readonly uploaded = new Set<string>();
  readonly inputs: Artifact[] = [];
  readonly outputs: Artifact[] = [];

  constructor(project: Project, name: string, displayName: string) {
    this.project = project;
    this.name = name;
    this.displayName = displayName;
  }

  /** JSON; the last line counts. */
  get summaryText(): string {
    return this.summary.at(-1) ?? '{}';
  }

  keyOf(path: string): string {
    return `runs/${this.project.entity}/${this.project.name}/${this.name}/${path}`;
  }
}

export interface Artifact {
  __typename: 'Artifact';
  id: string;
  sequence: Collection;
  versionIndex: number | null;
  state: 'PENDING' | 'COMMITTED' | 'DELETED';
  digest: string;
  description: string | null;
  /** JSON */
  metadata: string | null;
  tags: Set<string>;
  historyStep: number | null;
  ttlDurationSeconds: number;
  createdAt: Date;
  updatedAt: Date;
  run: Run | null;
  clientID: string | null;
  /** Given when it is committed. */
  wantedAliases: string[];
  manifest: Manifest | null;
  entries: Map<string, ManifestEntry>;
  usedBy: Set<Run>;
}

export interface Manifest {
  id: string;
  /** base64 MD5 of its bytes, empty until it is known. */
  digest: string;
  key: string;
}

export interface ManifestEntry {
  /** base64 MD5; any text for references */
  digest: string;
  size: number;
  ref?: string;
  birthArtifactID?: string;
}

export interface Membership {
  __typename: 'ArtifactCollectionMembership';
  id: string;
  versionIndex: number;
  artifact: Artifact;
  collection: Collection;
  createdAt: Date;
}

export class Collection {
  readonly id = nextId('ArtifactCollection');
  readonly __typename: 'ArtifactSequence' | 'ArtifactPortfolio';
  readonly name: string;
  readonly project: Project;
  readonly type: string;
  description: string | null = null;
  readonly createdAt = new Date();
  readonly members: Membership[] = [];
  readonly aliases = new Map<string, Membership>();
  /** Names that this collection is known by while it is written. */
  readonly clientIDs = new Set<string>();
  /** Stored contents by base64 MD5: the artifact that brought each. */
  readonly births = new Map<string, string>();

  constructor(__typename: Collection['__typename'], project: Project, name: string, type: string) {
    this.__typename = __typename;
    this.project = project;
    this.name = name;
    this.type = type;
  }

  add(artifact: Artifact): Membership {
    const membership: Membership = {
      __typename: 'ArtifactCollectionMembership',
      id: nextId('ArtifactCollectionMembership'),
      versionIndex: (this.members.at(-1)?.versionIndex ?? -1) + 1,
      artifact,
      collection: this,
      createdAt: new Date(),
    };
    this.members.push(membership);
    return membership;
  }

  /** By alias, `vN` or `latest`. */
  find(alias: string): Membership | undefined {
    const version = /^v(\d+)$/.exec(alias)?.[1];
    const found = version
      ? this.members.find(({ versionIndex }) => versionIndex === Number(version))
      : this.aliases.get(alias);
    return found?.artifact.state === 'COMMITTED' ? found : undefined;
  }

  memberOf(artifact: Artifact): Membership | undefined {
    return this.members.find((one) => one.artifact === artifact);
  }

  aliasesOf(membership: Membership): string[] {
    return [...this.aliases].filter(([, one]) => one === membership).map(([alias]) => alias);
  }

  get latest(): Artifact | null {
    return this.find('latest')?.artifact ?? null;
  }
}

export class Project {
  readonly id = nextId('Project:v1');
  readonly internalId: number;
  readonly entity: string;
  readonly name: string;
  readonly createdAt = new Date();
  description: string | null = null;
  readonly runs = new Map<string, Run>();
  /** Ids of deleted runs: they can't be used again. */
  readonly deleted = new Set<string>();
  readonly collections = new Map<string, Collection>();

  constructor(entity: string, name: string, internalId: number) {
    this.entity = entity;
    this.name = name;
    this.internalId = internalId;
  }
}

export class Store {
  readonly entities: readonly string[];
  readonly projects = new Map<string, Project>();
  readonly artifacts = new Map<string, Artifact>();
  readonly runs = new Map<string, Run>();

  /** @param entities the first is the default */
  constructor(entities: readonly string[]) {
    this.entities = entities;
  }

  /** @throws Refusal 404 */
  entity(name: string | null | undefined, during: string): string {
    const entity = name || this.entities[0]!;
    if (!this.entities.includes(entity)) throw new Refusal(404, `entity ${entity} not found during ${during}`);
    return entity;
  }

  find(entity: string | null | undefined, name: string | null | undefined): Project | undefined {
    return this.projects.get(`${entity || this.entities[0]}/${name || 'uncategorized'}`);
  }

  /** @throws Refusal 404 */
  project(entity: string | null | undefined, name: string | null | undefined, during: string): Project {
    const project = this.find(this.entity(entity, during), name);
    if (!project) throw new Refusal(404, `could not find project ${entity}/${name} during ${during}`);
    return project;
  }

  /** @throws Refusal 404 */
  run(project: Project, name: string, during: string): Run {
    const run = project.runs.get(name);
    if (!run) throw new Refusal(404, `run ${project.entity}/${project.name}/${name} not found during ${during}`);
    return run;
  }

  /** @throws Refusal 400, 404 */
  makeProject(
    entityName: string | null | undefined,
    name: string,
    during: string,
  ): { project: Project; isNew: boolean } {
    const entity = this.entity(entityName, during);
    const known = this.find(entity, name);
    if (known) return { project: known, isNew: false };
    checkProjectName(name);
    const project = new Project(entity, name, this.projects.size + 1);
    this.projects.set(`${entity}/${name}`, project);
    return { project, isNew: true };
  }

  /** The run is gone, its id stays taken. */
  deleteRun(run: Run): void {
    this.runs.delete(run.id);
    run.project.runs.delete(run.name);
    run.project.deleted.add(run.name);
  }

  /** @throws Refusal 404 */
  artifact(id: string, during: string): Artifact {
    const artifact = this.artifacts.get(id);
    if (!artifact || artifact.state === 'DELETED') throw new Refusal(404, `artifact ${id} not found during ${during}`);
    return artifact;
  }
}
