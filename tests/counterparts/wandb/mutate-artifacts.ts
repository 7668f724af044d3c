// Mutations of artifacts: made, changed, deleted, used, linked; which aliases they have.

import { commitArtifact, completeParts, createArtifactFiles, createArtifactManifest } from './artifact-files.ts';
import type { Arguments, Resolvers } from './graphql/execute.ts';
import { isObject } from './json.ts';
import { checkAlias, checkArtifactName, checkArtifactTag, checkArtifactType } from './limits.ts';
import { demand, Refusal } from './refusal.ts';
import type { Site } from './site.ts';
import { type Artifact, Collection, nextId, type Project } from './store.ts';

type Text = string | null | undefined;

interface Alias {
  alias: string;
  artifactCollectionName: string;
}

function createArtifact(input: Arguments, { store }: Site) {
  const during = 'createArtifact';
  const project = store.project(input.entityName as string, input.projectName as string, during);
  const run = typeof input.runName === 'string' ? store.run(project, input.runName, during) : null;
  const name = collectionNameOf(input);
  checkArtifactType(input.artifactTypeName as string);
  const aliases = (input.aliases ?? []) as Alias[];
  for (const { alias, artifactCollectionName } of aliases) {
    checkAlias(alias);
    demand(artifactCollectionName === name, `alias ${alias} is of another collection, ${artifactCollectionName}`);
  }
  const tags = ((input.tags ?? []) as { tagName: string }[]).map(({ tagName }) => tagName);
  for (const tag of tags) checkArtifactTag(tag);
  if (typeof input.metadata === 'string') checkMetadata(input.metadata);
  demand(input.digestAlgorithm === 'MANIFEST_MD5', 'only MANIFEST_MD5 is emulated');
  demand(/^[0-9a-f]{32}$/.test(input.digest as string), `invalid digest ${input.digest}`);
  const sequence = sequenceOf(project, name, input.artifactTypeName as string);
  if (typeof input.sequenceClientID === 'string') sequence.clientIDs.add(input.sequenceClientID);
  const same = sequence.members.find(
    ({ artifact }) => artifact.digest === input.digest && artifact.state === 'COMMITTED',
  );
  if (input.enableDigestDeduplication === true && same) {
    for (const { alias } of aliases) sequence.aliases.set(alias, same);
    if (run && !run.outputs.includes(same.artifact)) run.outputs.push(same.artifact);
    return { artifact: same.artifact };
  }
  const now = new Date();
  const artifact: Artifact = {
    __typename: 'Artifact',
    id: nextId('Artifact'),
    sequence,
    versionIndex: null,
    state: 'PENDING',
    digest: input.digest as string,
    description: (input.description as Text) ?? null,
    metadata: (input.metadata as Text) ?? null,
    tags: new Set(tags),
    historyStep: (input.historyStep as number | null | undefined) ?? null,
    ttlDurationSeconds: (input.ttlDurationSeconds as number | null | undefined) ?? -2,
    createdAt: now,
    updatedAt: now,
    run,
    clientID: (input.clientID as Text) ?? null,
    wantedAliases: aliases.map(({ alias }) => alias),
    manifest: null,
    entries: new Map(),
    usedBy: new Set(),
  };
  store.artifacts.set(artifact.id, artifact);
  return { artifact };
}

function collectionNameOf(input: Arguments): string {
  const names = [input.artifactCollectionName, ...((input.artifactCollectionNames ?? []) as unknown[])];
  const given = names.filter((name) => typeof name === 'string');
  demand(given.length === 1, 'createArtifact needs the name of one collection');
  checkArtifactName(given[0]!);
  return given[0]!;
}

function checkMetadata(text: string): void {
  // The service has no place for infinities here: the SDK forbids them for that reason.
  let metadata: unknown;
  try {
    metadata = JSON.parse(text);
  } catch (error) {
    throw new Refusal(400, `invalid metadata: ${(error as Error).message}`);
  }
  demand(isObject(metadata), 'metadata must be an object');
  demand(Object.keys(metadata).length <= 100, 'metadata has more than 100 keys');
}

function sequenceOf(project: Project, name: string, type: string): Collection {
  const known = project.collections.get(name);
  if (!known) {
    const made = new Collection('ArtifactSequence', project, name, type);
    project.collections.set(name, made);
    return made;
  }
  demand(known.__typename === 'ArtifactSequence', `${name} is a portfolio, artifacts can only be linked to it`);
  if (known.type !== type)
    throw new Refusal(
      409,
      `artifact collection ${name} already exists with type ${known.type}; cannot use type ${type}`,
    );
  return known;
}

function updateArtifact(input: Arguments, site: Site) {
  const artifact = site.store.artifact(input.artifactID as string, 'updateArtifact');
  if (typeof input.metadata === 'string') checkMetadata(input.metadata);
  const added = ((input.tagsToAdd ?? []) as { tagName: string }[]).map(({ tagName }) => tagName);
  for (const tag of added) checkArtifactTag(tag);
  if (typeof input.metadata === 'string') artifact.metadata = input.metadata;
  if (typeof input.description === 'string') artifact.description = input.description;
  if (typeof input.ttlDurationSeconds === 'number') artifact.ttlDurationSeconds = input.ttlDurationSeconds;
  for (const tag of added) artifact.tags.add(tag);
  for (const { tagName } of (input.tagsToDelete ?? []) as { tagName: string }[]) artifact.tags.delete(tagName);
  if (Array.isArray(input.aliases)) setAliases(artifact, input.aliases as Alias[]);
  artifact.updatedAt = new Date();
  return { artifact };
}

/** The aliases of a version are these and no others. */
function setAliases(artifact: Artifact, aliases: Alias[]): void {
  const { sequence } = artifact;
  const membership = sequence.memberOf(artifact);
  demand(membership !== undefined, 'updateArtifact: the artifact has no version yet');
  for (const alias of sequence.aliasesOf(membership)) sequence.aliases.delete(alias);
  for (const { alias } of aliases) {
    checkAlias(alias);
    sequence.aliases.set(alias, membership);
  }
}

function deleteArtifact(input: Arguments, site: Site) {
  const artifact = site.store.artifact(input.artifactID as string, 'deleteArtifact');
  const { sequence } = artifact;
  const membership = sequence.memberOf(artifact);
  const aliases = membership ? sequence.aliasesOf(membership) : [];
  if (aliases.some((alias) => alias !== 'latest') && input.deleteAliases !== true)
    throw new Refusal(409, `artifact has aliases ${aliases}: delete them, too`);
  for (const alias of aliases) sequence.aliases.delete(alias);
  artifact.state = 'DELETED';
  const newest = sequence.members.findLast((one) => one.artifact.state === 'COMMITTED');
  if (newest && aliases.includes('latest')) sequence.aliases.set('latest', newest);
  return { artifact };
}

function useArtifact(input: Arguments, { store }: Site) {
  const project = store.project(input.entityName as string, input.projectName as string, 'useArtifact');
  const run = store.run(project, input.runName as string, 'useArtifact');
  const artifact = store.artifact(input.artifactID as string, 'useArtifact');
  artifact.usedBy.add(run);
  if (!run.inputs.includes(artifact)) run.inputs.push(artifact);
  return { artifact };
}

function linkArtifact(input: Arguments, { store }: Site) {
  const project = store.project(input.entityName as Text, input.projectName as Text, 'linkArtifact');
  const byClient = [...store.artifacts.values()].find(
    ({ clientID }) => clientID !== null && clientID === input.clientID,
  );
  const artifact = typeof input.artifactID === 'string' ? store.artifact(input.artifactID, 'linkArtifact') : byClient;
  demand(artifact?.state === 'COMMITTED', 'linkArtifact: no such committed artifact');
  const name = input.artifactPortfolioName as Text;
  demand(typeof name === 'string', 'linkArtifact needs the name of a portfolio');
  checkArtifactName(name);
  const known = project.collections.get(name);
  const portfolio = known ?? new Collection('ArtifactPortfolio', project, name, artifact.sequence.type);
  demand(portfolio.__typename === 'ArtifactPortfolio', `${name} is no portfolio`);
  demand(portfolio.type === artifact.sequence.type, `${name} is of type ${portfolio.type}`);
  project.collections.set(name, portfolio);
  const membership = portfolio.memberOf(artifact) ?? portfolio.add(artifact);
  for (const { alias } of (input.aliases ?? []) as Alias[]) checkAlias(alias);
  for (const alias of ['latest', ...((input.aliases ?? []) as Alias[]).map((one) => one.alias)])
    portfolio.aliases.set(alias, membership);
  return { versionIndex: membership.versionIndex, artifactMembership: membership };
}

function unlinkArtifact(input: Arguments, { store }: Site) {
  const artifact = store.artifact(input.artifactID as string, 'unlinkArtifact');
  const portfolio = [...store.projects.values()]
    .flatMap((project) => [...project.collections.values()])
    .find(({ id }) => id === input.artifactPortfolioID);
  const membership = portfolio?.memberOf(artifact);
  if (!portfolio || !membership) throw new Refusal(404, 'unlinkArtifact: the artifact is not linked there');
  for (const alias of portfolio.aliasesOf(membership)) portfolio.aliases.delete(alias);
  portfolio.members.splice(portfolio.members.indexOf(membership), 1);
  return { success: true };
}

function eachAlias(
  input: Arguments,
  { store }: Site,
  during: string,
  act: (collection: Collection, alias: string, artifact: Artifact) => void,
) {
  const artifact = store.artifact(input.artifactID as string, during);
  for (const one of input.aliases as (Alias & { entityName: string; projectName: string })[]) {
    checkAlias(one.alias);
    const project = store.project(one.entityName, one.projectName, during);
    const collection = project.collections.get(one.artifactCollectionName);
    if (!collection) throw new Refusal(404, `collection ${one.artifactCollectionName} not found during ${during}`);
    act(collection, one.alias, artifact);
  }
  return { success: true };
}

function addAlias(collection: Collection, alias: string, artifact: Artifact): void {
  const membership = collection.memberOf(artifact);
  demand(membership !== undefined, `the artifact is no member of ${collection.name}`);
  collection.aliases.set(alias, membership);
}

const withInput =
  (mutate: (input: Arguments, site: Site) => object) =>
  (_: never, { input }: Arguments, site: Site) =>
    mutate(input as Arguments, site);

export const ARTIFACT_MUTATIONS: Resolvers<Site> = {
  Mutation: {
    createArtifact: withInput(createArtifact),
    createArtifactManifest: withInput(createArtifactManifest),
    createArtifactFiles: withInput(createArtifactFiles),
    commitArtifact: withInput(commitArtifact),
    updateArtifact: withInput(updateArtifact),
    deleteArtifact: withInput(deleteArtifact),
    useArtifact: withInput(useArtifact),
    linkArtifact: withInput(linkArtifact),
    unlinkArtifact: withInput(unlinkArtifact),
    addAliases: withInput((input, site) => eachAlias(input, site, 'addAliases', addAlias)),
    deleteAliases: withInput((input, site) =>
      eachAlias(input, site, 'deleteAliases', (collection, alias) => collection.aliases.delete(alias)),
    ),
    completeMultipartUploadArtifact: withInput(completeParts),
  },
};
