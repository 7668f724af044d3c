// Finds projects, runs and models of a Neptune 2 data set by the identifiers that requests use.

import { uuidOf } from '../catalog.ts';
import type { Series } from '../dataset.ts';
import { badRequest, Refusal } from '../refusal.ts';
import type { DataSet2, DemoArtifact, DemoAttribute2, DemoContainer, DemoImage, DemoProject2 } from './dataset.ts';

export const CONTAINER_TYPES = ['run', 'model', 'modelVersion', 'project'] as const;
export type ContainerType = (typeof CONTAINER_TYPES)[number];

/** A run, a model, a version of a model, or the project itself, which has attributes, too. */
export interface Container {
  type: ContainerType;
  /** UUID; stable from start to start. */
  id: string;
  /** `sys/id`, unique in its project. */
  shortId: string;
  project: CatalogProject2;
  trashed: boolean;
  attributes: ReadonlyMap<string, DemoAttribute2>;
}

export interface CatalogProject2 {
  path: string;
  workspace: string;
  name: string;
  key: string;
  version: number;
  archived: boolean;
  id: string;
  workspaceId: string;
  /** In the data set's order, by type. */
  containers: Record<ContainerType, Container[]>;
  byShortId: ReadonlyMap<string, Container>;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Holds an index of the containers and nothing of their content. */
export class Catalog2 {
  readonly projects: readonly CatalogProject2[];
  readonly #projects = new Map<string, CatalogProject2>();
  readonly #containers = new Map<string, Container>();
  /** By project and hash; made when first asked for, as are the image series by their channel's id. */
  readonly #artifacts = new Map<CatalogProject2, Map<string, DemoArtifact>>();
  #imageSeries: Map<string, Series<DemoImage>> | undefined;

  constructor(data: DataSet2) {
    this.projects = data.projects.map(catalogProject);
    for (const project of this.projects) {
      this.#projects.set(project.path, project).set(project.id, project);
      for (const container of Object.values(project.containers).flat()) this.#containers.set(container.id, container);
    }
  }

  /** @param identifier `workspace/project` or UUID @throws Refusal 404 */
  project(identifier: string): CatalogProject2 {
    const project = this.#projects.get(identifier);
    if (!project) throw new Refusal(404, 'PROJECT_NOT_FOUND', `There is no project "${identifier}".`);
    return project;
  }

  /** @param identifier `workspace/project/KEY-1` or UUID @throws Refusal 400, 404 */
  container(identifier: string): Container {
    const parts = identifier.split('/');
    const isQualified = parts.length === 3 && !parts.includes('');
    if (!isQualified && !UUID.test(identifier))
      throw new Refusal(400, 'INCORRECT_IDENTIFIER', `"${identifier}" is no identifier of a run or model.`);
    const found = isQualified
      ? this.#projects.get(`${parts[0]}/${parts[1]}`)?.byShortId.get(parts[2]!)
      : this.#containers.get(identifier);
    if (!found) throw new Refusal(404, 'EXPERIMENT_NOT_FOUND', `There is no run or model "${identifier}".`);
    return found;
  }

  /** @throws Refusal 404 */
  artifact(project: CatalogProject2, hash: string): DemoArtifact {
    let artifacts = this.#artifacts.get(project);
    if (!artifacts) {
      const attributes = Object.values(project.containers)
        .flat()
        .flatMap((container) => [...container.attributes.values()]);
      artifacts = new Map(
        attributes.flatMap((one) => (one.type === 'artifact' ? [[one.artifact.hash, one.artifact]] : [])),
      );
      this.#artifacts.set(project, artifacts);
    }
    const artifact = artifacts.get(hash);
    if (!artifact) throw new Refusal(404, 'ARTIFACT_NOT_FOUND', `There is no artifact "${hash}".`);
    return artifact;
  }

  /** @throws Refusal 404 */
  imageSeries(channelId: string): Series<DemoImage> {
    this.#imageSeries ??= new Map(
      [...this.#containers.values()].flatMap((container) =>
        [...container.attributes].flatMap(([name, one]) =>
          one.type === 'imageSeries' ? [[channelIdOf(container, name), one.series] as const] : [],
        ),
      ),
    );
    const series = this.#imageSeries.get(channelId);
    if (!series) throw new Refusal(404, 'CHANNEL_NOT_FOUND', `There is no channel "${channelId}".`);
    return series;
  }
}

/** Identifies the points of an image series. */
export function channelIdOf(container: Container, name: string): string {
  return uuidOf(`${container.id}/${name}`);
}

type OfType<T> = Extract<DemoAttribute2, { type: T }>;

/** An attribute that has to be there, with one of these types. @throws Refusal 404, 400 */
export function attributeOf<T extends DemoAttribute2['type']>(
  container: Container,
  name: string,
  ...types: readonly T[]
): OfType<T> {
  const found = container.attributes.get(name);
  if (!found) throw new Refusal(404, 'ATTRIBUTE_NOT_FOUND', `${container.shortId} has no attribute "${name}".`);
  if (!(types as readonly string[]).includes(found.type))
    throw badRequest(`The attribute "${name}" is a ${found.type}, and not ${types.join(' or ')}.`);
  return found as OfType<T>;
}

/** Model that a version belongs to, if its project has it. */
export function modelOf(version: Container): Container | undefined {
  const id = version.attributes.get('sys/model_id');
  return id?.type === 'string' ? version.project.byShortId.get(id.value) : undefined;
}

function catalogProject(project: DemoProject2): CatalogProject2 {
  const slash = project.path.indexOf('/');
  const workspace = project.path.slice(0, slash);
  const result: CatalogProject2 = {
    path: project.path,
    workspace,
    name: project.path.slice(slash + 1),
    key: project.key,
    version: project.version ?? 2,
    archived: project.archived ?? false,
    id: project.uuid ?? uuidOf(project.path),
    workspaceId: uuidOf(workspace),
    containers: { run: [], model: [], modelVersion: [], project: [] },
    byShortId: new Map(),
  };
  const own = new Map<string, DemoAttribute2>([
    ['sys/id', { type: 'string', value: project.key }],
    ['sys/name', { type: 'string', value: result.name }],
    ...(project.attributes ?? []),
  ]);
  const listed = (type: ContainerType, containers: DemoContainer[] = []) =>
    containers.map((one) => catalogContainer(result, type, one));
  result.containers = {
    run: listed('run', project.runs),
    model: listed('model', project.models),
    modelVersion: listed('modelVersion', project.modelVersions),
    project: listed('project', [{ attributes: own }]),
  };
  result.byShortId = new Map(
    Object.values(result.containers)
      .flat()
      .map((one) => [one.shortId, one]),
  );
  return result;
}

function catalogContainer(project: CatalogProject2, type: ContainerType, { attributes }: DemoContainer): Container {
  const id = attributes.get('sys/id');
  if (id?.type !== 'string') throw new TypeError(`a ${type} of ${project.path} has no sys/id`);
  const trashed = attributes.get('sys/trashed');
  return {
    type,
    id: type === 'project' ? project.id : uuidOf(`${project.id}/${id.value}`),
    shortId: id.value,
    project,
    trashed: trashed?.type === 'bool' && trashed.value,
    attributes,
  };
}
