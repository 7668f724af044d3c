// Resolvers of artifacts: types, collections, versions, their files.

import { describeManifest } from './artifact-files.ts';
import { connection } from './connections.ts';
import type { Arguments, Resolvers } from './graphql/execute.ts';
import { contentKey } from './held.ts';
import { parseObject } from './json.ts';
import { demand } from './refusal.ts';
import type { Site } from './site.ts';
import type { Artifact, Collection, ManifestEntry, Membership, Project, Run } from './store.ts';

interface ArtifactType {
  project: Project;
  name: string;
}

function typesOf(project: Project): ArtifactType[] {
  const names = new Set([...project.collections.values()].map(({ type }) => type));
  return [...names].map((name) => ({ project, name }));
}

function typeOf(project: Project, name: string): ArtifactType | null {
  return typesOf(project).find((one) => one.name === name) ?? null;
}

/** Collections that have a version; an empty one is being written for the first time. */
function collectionsOf(project: Project, given: Arguments, type?: string) {
  const filters = (given.filters as string | null | undefined) ?? '{}';
  demand(filters === '{}', 'filters of artifact collections are not emulated');
  const all = [...project.collections.values()].filter((one) => type === undefined || one.type === type);
  return connection(
    all.filter((one) => one.members.length > 0),
    given,
  );
}

/** A member by `NAME:ALIAS`; latest without an alias. */
function memberNamed(project: Project, name: string): Membership | null {
  const [collectionName = '', alias = 'latest'] = name.split(':');
  return project.collections.get(collectionName)?.find(alias) ?? null;
}

function aliasesOf(collection: Collection, membership: Membership) {
  return collection.aliasesOf(membership).map((alias) => describeAlias(collection, alias));
}

function describeAlias(artifactCollection: Collection, alias: string) {
  const id = Buffer.from(`ArtifactAlias:${artifactCollection.id}:${alias}`).toString('base64');
  return { id, alias, artifactCollection };
}

function describeTag(name: string) {
  return { id: Buffer.from(`Tag:${name}`).toString('base64'), name };
}

/** Memberships of an artifact: its own sequence, and the portfolios that it is linked to. */
function membershipsOf(artifact: Artifact, { store }: Site): Membership[] {
  return [...store.projects.values()]
    .flatMap((project) => [...project.collections.values()])
    .map((collection) => collection.memberOf(artifact))
    .filter((one) => one !== undefined);
}

function describeEntry(artifact: Artifact, path: string, entry: ManifestEntry, { storage }: Site) {
  const key = contentKey(artifact.sequence, entry.birthArtifactID ?? artifact.id, entry.digest);
  const url = entry.ref ?? storage.sign({ method: 'GET', key });
  return {
    id: Buffer.from(`File:${artifact.id}:${path}`).toString('base64'),
    name: path,
    displayName: path,
    url,
    directUrl: url,
    sizeBytes: entry.size,
    mimetype: null,
    updatedAt: artifact.updatedAt.toISOString(),
    digest: entry.digest,
    md5: entry.digest,
    storagePath: key,
    uploadUrl: null,
    uploadHeaders: [],
    uploadMultipartUrls: null,
    artifact,
  };
}

function filesOf(artifact: Artifact, given: Arguments, site: Site) {
  const names = given.names as string[] | null | undefined;
  const entries = [...artifact.entries].filter(([path]) => !names?.length || names.includes(path));
  return connection(
    entries.map(([path, entry]) => describeEntry(artifact, path, entry, site)),
    given,
  );
}

/** Addresses of entries that the asker read in a manifest. */
function filesByEntries(artifact: Artifact, given: Arguments, site: Site) {
  demand(given.storageLayout === 'V2' && given.manifestVersion === '1', 'only manifests 1 of layout V2 are emulated');
  const asked = (given.entries ?? []) as { name: string; digest: string }[];
  const found = asked.map(({ name, digest }) => {
    const entry = artifact.entries.get(name);
    demand(entry?.digest === digest, `filesByManifestEntries: there is no ${name} with digest ${digest}`);
    return describeEntry(artifact, name, entry, site);
  });
  return connection(found, { ...given, first: given.first ?? found.length });
}

/** Committed versions, the newest first. */
function versionsOf(collection: Collection, given: Arguments) {
  const { order } = given;
  const { state = 'COMMITTED', ...rest } = parseObject((given.filters as string | null | undefined) ?? '{}');
  demand(state === 'COMMITTED' && Object.keys(rest).length === 0, 'other filters of artifacts are not emulated');
  const members = collection.members.filter(({ artifact }) => artifact.state === 'COMMITTED');
  if (order !== '+createdAt') members.reverse();
  const page = connection(members, given);
  const edges = page.edges.map(({ node, cursor }) => ({
    version: `v${node.versionIndex}`,
    node: node.artifact,
    cursor,
  }));
  return { ...page, edges };
}

const COLLECTION = {
  defaultArtifactType: ({ project, type }: Collection) => ({ project, name: type }),
  createdAt: ({ createdAt }: Collection) => createdAt.toISOString(),
  updatedAt: ({ createdAt, members }: Collection) => (members.at(-1)?.createdAt ?? createdAt).toISOString(),
  state: () => 'READY',
  tags: () => ({ edges: [] }),
  aliases: (collection: Collection, given: Arguments) =>
    connection(
      [...collection.aliases.keys()].map((alias) => describeAlias(collection, alias)),
      given,
    ),
  artifactMembership: (collection: Collection, { aliasName }: Arguments) =>
    collection.find(aliasName as string) ?? null,
  artifacts: versionsOf,
};

export const ARTIFACT_RESOLVERS: Resolvers<Site> = {
  Query: {
    artifact: (_: never, { id }, { store }) => {
      const artifact = store.artifacts.get(id as string);
      return artifact && artifact.state !== 'DELETED' ? artifact : null;
    },
    artifactCollection: (_: never, { id }, { store }) =>
      [...store.projects.values()]
        .flatMap((project) => [...project.collections.values()])
        .find((collection) => collection.id === id) ?? null,
    clientIDMapping: (_: never, { clientID }, { store }) => {
      const artifact = [...store.artifacts.values()].find((one) => one.clientID === clientID);
      const sequence = [...store.artifacts.values()].find(({ sequence: one }) => one.clientIDs.has(clientID as string));
      const serverID = artifact?.id ?? sequence?.sequence.id;
      return serverID === undefined ? null : { serverID };
    },
  },
  Project: {
    artifact: (project: Project, { name }) => memberNamed(project, name as string)?.artifact ?? null,
    artifactCollectionMembership: (project: Project, { name }) => memberNamed(project, name as string),
    artifactType: (project: Project, { name }) => typeOf(project, name as string),
    artifactTypes: (project: Project, given) => connection(typesOf(project), given),
    artifactCollection: (project: Project, { name }) => project.collections.get(name as string) ?? null,
    artifactCollections: (project: Project, given) => collectionsOf(project, given),
  },
  ArtifactType: {
    id: ({ project, name }: ArtifactType) => Buffer.from(`ArtifactType:${project.id}:${name}`).toString('base64'),
    description: () => null,
    createdAt: ({ project }: ArtifactType) => project.createdAt.toISOString(),
    artifactCollection: ({ project, name: type }: ArtifactType, { name }) => {
      const collection = project.collections.get(name as string);
      return collection?.type === type ? collection : null;
    },
    artifactCollections: ({ project, name }: ArtifactType, given) => collectionsOf(project, given, name),
  },
  ArtifactSequence: {
    ...COLLECTION,
    latestArtifact: (collection: Collection) => collection.latest,
    digestAlgorithm: () => 'MANIFEST_MD5',
  },
  ArtifactPortfolio: COLLECTION,
  ArtifactCollectionMembership: {
    artifactCollection: ({ collection }: Membership) => collection,
    createdAt: ({ createdAt }: Membership) => createdAt.toISOString(),
    aliases: (membership: Membership) => aliasesOf(membership.collection, membership),
    files: ({ artifact }: Membership, given, site) => filesOf(artifact, given, site),
  },
  Artifact: {
    artifactSequence: ({ sequence }: Artifact) => sequence,
    artifactType: ({ sequence }: Artifact) => ({ project: sequence.project, name: sequence.type }),
    ttlIsInherited: () => true,
    tags: ({ tags }: Artifact) => [...tags].map(describeTag),
    size: ({ entries }: Artifact) => [...entries.values()].reduce((sum, { size }) => sum + size, 0),
    fileCount: ({ entries }: Artifact) => entries.size,
    digestAlgorithm: () => 'MANIFEST_MD5',
    commitHash: ({ digest, id }: Artifact) => Buffer.from(`${digest}${id}`).toString('hex').slice(0, 20),
    createdAt: ({ createdAt }: Artifact) => createdAt.toISOString(),
    updatedAt: ({ updatedAt }: Artifact) => updatedAt.toISOString(),
    aliases: (artifact: Artifact, _, site) =>
      membershipsOf(artifact, site).flatMap((membership) => aliasesOf(membership.collection, membership)),
    currentManifest: (artifact: Artifact, _, site) => describeManifest(artifact, site),
    createdBy: ({ run }: Artifact, _, { user }) => run ?? { ...user, __typename: 'User' },
    usedBy: ({ usedBy }: Artifact, given) => connection([...usedBy], given),
    artifactMemberships: (artifact: Artifact, _, site) => ({
      edges: membershipsOf(artifact, site).map((node) => ({ node })),
    }),
    files: filesOf,
    filesByManifestEntries: filesByEntries,
  },
  Run: {
    outputArtifacts: ({ outputs }: Run, given) => connection(outputs.filter(isThere), given),
    inputArtifacts: ({ inputs }: Run, given) => connection(inputs.filter(isThere), given),
  },
};

const isThere = ({ state }: Artifact) => state !== 'DELETED';
