// Mutations of artifacts: made, filled with files and a manifest, committed; aliases, use, links.

import { createHash } from 'node:crypto';
import type { Arguments, Resolvers } from './graphql/execute.ts';
import { contentKey } from './held.ts';
import { isObject, parseObject } from './json.ts';
import { checkAlias, checkArtifactName, checkArtifactTag, checkArtifactType, checkPath } from './limits.ts';
import { demand, Refusal } from './refusal.ts';
import type { Site } from './site.ts';
import { type Artifact, Collection, type ManifestEntry, nextId, type Project } from './store.ts';

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

function pending(id: unknown, { store }: Site, during: string): Artifact {
  const artifact = store.artifact(id as string, during);
  demand(artifact.state === 'PENDING', `artifact ${id} is ${artifact.state}, ${during} needs a pending one`);
  return artifact;
}

function createArtifactManifest(input: Arguments, site: Site) {
  const artifact = pending(input.artifactID, site, 'createArtifactManifest');
  const project = site.store.project(input.entityName as string, input.projectName as string, 'createArtifactManifest');
  demand(project === artifact.sequence.project, 'the artifact is of another project');
  demand((input.type ?? 'FULL') === 'FULL', `only manifests of type FULL are emulated, not ${input.type}`);
  demand(input.name === 'wandb_manifest.json', `invalid name of a manifest: ${input.name}`);
  if (typeof input.baseArtifactID === 'string') site.store.artifact(input.baseArtifactID, 'createArtifactManifest');
  const key = `artifacts/${artifact.sequence.id}/${artifact.id}/wandb_manifest.json`;
  artifact.manifest ??= { id: nextId('ArtifactManifest'), digest: '', key };
  artifact.manifest.digest = input.digest as string;
  return { artifactManifest: describeManifest(artifact, site) };
}

/** The manifest with addresses to store and to read it. */
export function describeManifest({ manifest }: Artifact, { storage }: Site) {
  if (!manifest) return null;
  const { id, digest, key } = manifest;
  const contentType = 'application/json';
  const headers = digest === '' ? [] : [`Content-Md5:${digest}`, `Content-Type:${contentType}`];
  const grant = digest === '' ? {} : { contentMd5: digest, contentType };
  return {
    id,
    digest,
    file: {
      id: `${id}-file`,
      name: 'wandb_manifest.json',
      displayName: 'wandb_manifest.json',
      directUrl: storage.sign({ method: 'GET', key }),
      uploadUrl: storage.sign({ method: 'PUT', key, ...grant }),
      uploadHeaders: headers,
    },
  };
}

interface FileSpec {
  artifactID: string;
  artifactManifestID: Text;
  md5: Text;
  /** In place of `md5`, with `digestAlgorithm` beside the files. */
  digest: Text;
  mimetype: Text;
  name: string;
  uploadPartsInput: { hexMD5: string; partNumber: number }[] | null | undefined;
}

function createArtifactFiles(input: Arguments, site: Site) {
  const specs = input.artifactFiles as FileSpec[];
  demand(specs.length > 0 && specs.length <= site.limits.filesPerCall, `createArtifactFiles: ${specs.length} files`);
  demand((input.storageLayout ?? 'V2') === 'V2', 'only storage layout V2 is emulated');
  demand((input.cloudRegionID ?? null) === null, 'regions are not emulated');
  const hasAlgorithm = typeof input.digestAlgorithm === 'string';
  demand(!hasAlgorithm || site.features.includes('ARTIFACT_DIGEST_ALGORITHM'), 'digestAlgorithm is not supported');
  demand((input.digestAlgorithm ?? 'MANIFEST_MD5') === 'MANIFEST_MD5', 'only MANIFEST_MD5 is emulated');
  for (const { md5, digest, name } of specs)
    demand(typeof (hasAlgorithm ? digest : md5) === 'string', `createArtifactFiles: ${name} has no digest`);
  const nodes = specs.map((spec) => createArtifactFile(spec, site));
  const edges = nodes.map((node, at) => ({ node, cursor: String(at) }));
  const pageInfo = { endCursor: null, hasNextPage: false };
  return { files: { totalCount: nodes.length, edges, pageInfo } };
}

function createArtifactFile(spec: FileSpec, site: Site) {
  const { name, mimetype } = spec;
  const md5 = (spec.digest ?? spec.md5)!;
  const artifact = pending(spec.artifactID, site, 'createArtifactFiles');
  checkPath(name);
  demand(isMd5(md5), `createArtifactFiles: md5 of ${name} must be base64`);
  demand(
    spec.artifactManifestID === null || spec.artifactManifestID === artifact.manifest?.id,
    `createArtifactFiles: ${name} is of an unknown manifest`,
  );
  const { sequence } = artifact;
  const birth = sequence.births.get(md5);
  const known = birth !== undefined && site.storage.objects.has(contentKey(sequence, birth, md5));
  const owner = known ? birth : artifact.id;
  const key = contentKey(sequence, owner, md5);
  sequence.births.set(md5, owner);
  const node = {
    name,
    displayName: name,
    id: nextId('File'),
    storagePath: key,
    artifact: site.store.artifacts.get(owner),
  };
  if (known) return { ...node, uploadUrl: null, uploadHeaders: [], uploadMultipartUrls: null };
  const contentType = mimetype || 'application/octet-stream';
  const uploadUrl = site.storage.sign({ method: 'PUT', key, contentMd5: md5, contentType });
  const uploadHeaders = [`Content-Md5:${md5}`, `Content-Type:${contentType}`];
  const parts = spec.uploadPartsInput ?? [];
  const uploadMultipartUrls = parts.length > 0 ? beginParts(key, md5, parts, site) : null;
  return { ...node, uploadUrl, uploadHeaders, uploadMultipartUrls };
}

function beginParts(key: string, md5: string, parts: NonNullable<FileSpec['uploadPartsInput']>, { storage }: Site) {
  demand(parts.length <= 10_000, 'a multipart upload has at most 10,000 parts');
  for (const [at, { partNumber, hexMD5 }] of parts.entries())
    demand(partNumber === at + 1 && /^[0-9a-f]{32}$/.test(hexMD5), `invalid part ${at + 1} of a multipart upload`);
  const uploadID = storage.begin(key, md5, new Map(parts.map(({ partNumber, hexMD5 }) => [partNumber, hexMD5])));
  const uploadUrlParts = parts.map(({ partNumber, hexMD5 }) => {
    const contentMd5 = Buffer.from(hexMD5, 'hex').toString('base64');
    return { partNumber, uploadUrl: storage.sign({ method: 'PUT', key, uploadID, partNumber, contentMd5 }) };
  });
  return { uploadID, uploadUrlParts };
}

const isMd5 = (text: string) => /^[A-Za-z0-9+/]{22}==$/.test(text);

function commitArtifact(input: Arguments, site: Site) {
  const artifact = pending(input.artifactID, site, 'commitArtifact');
  const { sequence } = artifact;
  artifact.entries = readManifest(artifact, site);
  checkContents(artifact, site);
  artifact.state = 'COMMITTED';
  artifact.updatedAt = new Date();
  const membership = sequence.add(artifact);
  artifact.versionIndex = membership.versionIndex;
  for (const alias of new Set(['latest', ...artifact.wantedAliases])) sequence.aliases.set(alias, membership);
  artifact.run?.outputs.push(artifact);
  return { artifact };
}

function readManifest(artifact: Artifact, { storage }: Site): Map<string, ManifestEntry> {
  const { manifest } = artifact;
  const object = manifest && storage.objects.get(manifest.key);
  demand(!!manifest && !!object, 'commitArtifact: the manifest was not uploaded');
  demand(object.md5 === manifest.digest, 'commitArtifact: the manifest is not the one of its digest');
  const json = parseObject(object.bytes.toString());
  demand(json.version === 1 && json.storagePolicy === 'wandb-storage-policy-v1', 'commitArtifact: invalid manifest');
  demand(isObject(json.storagePolicyConfig) && json.storagePolicyConfig.storageLayout === 'V2', 'manifest: not V2');
  demand(isObject(json.contents), 'commitArtifact: the manifest has no contents');
  const entries = Object.entries(json.contents).map(([path, entry]): [string, ManifestEntry] => {
    demand(isObject(entry) && typeof entry.digest === 'string', `manifest: ${path} has no digest`);
    const { digest, size = 0, ref, birthArtifactID } = entry;
    checkPath(path);
    demand(Number.isSafeInteger(size), `manifest: ${path} has no size`);
    const reference = typeof ref === 'string' ? { ref } : {};
    const birth = typeof birthArtifactID === 'string' ? { birthArtifactID } : {};
    return [path, { digest, size: size as number, ...reference, ...birth }];
  });
  return new Map(entries);
}

/** All contents are stored, and the digest is that of them. */
function checkContents(artifact: Artifact, { storage }: Site): void {
  for (const [path, { digest, size, ref, birthArtifactID }] of artifact.entries) {
    if (ref !== undefined) continue;
    demand(birthArtifactID !== undefined, `manifest: ${path} has no birthArtifactID, which layout V2 needs`);
    const object = storage.objects.get(contentKey(artifact.sequence, birthArtifactID, digest));
    demand(object?.md5 === digest, `commitArtifact: the content of ${path} was not uploaded`);
    demand(object.bytes.length === size, `manifest: ${path} has ${object.bytes.length} bytes, not ${size}`);
  }
  const hash = createHash('md5').update('wandb-artifact-manifest-v1\n');
  for (const path of [...artifact.entries.keys()].sort(byCodePoint))
    hash.update(`${path}:${artifact.entries.get(path)!.digest}\n`);
  const digest = hash.digest('hex');
  demand(digest === artifact.digest, `commitArtifact: the digest is ${artifact.digest}, the contents have ${digest}`);
}

/** The order of UTF-8, which isn't that of JavaScript's strings. */
const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

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
    completeMultipartUploadArtifact: withInput((input, site) => {
      pending(input.artifactID, site, 'completeMultipartUploadArtifact');
      const parts = input.completedParts as { partNumber: number; hexMD5: string }[];
      return { digest: site.storage.complete(input.uploadID as string, input.storagePath as string, parts) };
    }),
  },
};
