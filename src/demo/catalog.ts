// Finds projects and runs of a data set by the names that requests use.

import { createHash } from 'node:crypto';
import type { DataSet, DemoAttribute, DemoRun } from './dataset.ts';
import { accessDenied } from './refusal.ts';

export interface CatalogRun {
  sysId: string;
  runId: string | undefined;
  /** UUID; stable from start to start. */
  internalId: string;
  attributes: ReadonlyMap<string, DemoAttribute>;
}

export interface CatalogProject {
  path: string;
  workspace: string;
  name: string;
  key: string;
  version: number;
  id: string;
  workspaceId: string;
  /** In the data set's order. */
  runs: CatalogRun[];
  bySysId: ReadonlyMap<string, CatalogRun>;
  byRunId: ReadonlyMap<string, CatalogRun>;
}

/** Holds an index of the runs and nothing of their content. */
export class Catalog {
  readonly projects: ReadonlyMap<string, CatalogProject>;

  constructor(data: DataSet) {
    this.projects = new Map(data.projects.map((project) => [project.path, catalogProject(project)]));
  }

  /** @throws Refusal 403 if there is no such project */
  project(path: string): CatalogProject {
    const project = this.projects.get(path);
    if (!project) throw accessDenied(`the project "${path}"`);
    return project;
  }

  /**
   * The run behind `workspace/project/KEY-1` or `CUSTOM/workspace/project/<run id>` (the run id may hold slashes).
   * @returns undefined if the project has no such run
   * @throws Refusal 403 if there is no such project
   */
  run(identifier: string): { project: CatalogProject; run: CatalogRun } | undefined {
    const custom = identifier.startsWith('CUSTOM/');
    const [workspace = '', name = '', ...rest] = (custom ? identifier.slice(7) : identifier).split('/');
    const project = this.project(`${workspace}/${name}`);
    const run = (custom ? project.byRunId : project.bySysId).get(rest.join('/'));
    return run && { project, run };
  }
}

/** The value of a string attribute, undefined if there is none of that type. */
export function textOf(attributes: ReadonlyMap<string, DemoAttribute>, name: string): string | undefined {
  const attribute = attributes.get(name);
  return attribute?.type === 'string' ? attribute.value : undefined;
}

function catalogProject(project: DataSet['projects'][number]): CatalogProject {
  const slash = project.path.indexOf('/');
  const workspace = project.path.slice(0, slash);
  const runs = project.runs.map((run) => catalogRun(project.path, run));
  return {
    path: project.path,
    workspace,
    name: project.path.slice(slash + 1),
    key: project.key,
    version: project.version ?? 3,
    id: uuidOf(project.path),
    workspaceId: uuidOf(workspace),
    runs,
    bySysId: new Map(runs.map((run) => [run.sysId, run])),
    byRunId: new Map(runs.flatMap((run) => (run.runId === undefined ? [] : [[run.runId, run]]))),
  };
}

function catalogRun(projectPath: string, run: DemoRun): CatalogRun {
  const sysId = textOf(run.attributes, 'sys/id');
  if (sysId === undefined) throw new TypeError(`a run of ${projectPath} has no sys/id`);
  return {
    sysId,
    runId: textOf(run.attributes, 'sys/custom_run_id'),
    internalId: uuidOf(`${projectPath}/${sysId}`),
    attributes: run.attributes,
  };
}

/** A UUID that is always the same for the same text. */
export function uuidOf(text: string): string {
  return createHash('sha256')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}
