// Contents and manifests of artifacts that are being made: addresses for them, and whether all is there.

import { createHash } from 'node:crypto';
import type { Arguments } from './graphql/execute.ts';
import { contentKey } from './held.ts';
import { isObject, parseObject } from './json.ts';
import { checkPath } from './limits.ts';
import { demand } from './refusal.ts';
import type { Site } from './site.ts';
import { type Artifact, type ManifestEntry, nextId } from './store.ts';

type Text = string | null | undefined;

function pending(id: unknown, { store }: Site, during: string): Artifact {
  const artifact = store.artifact(id as string, during);
  demand(artifact.state === 'PENDING', `artifact ${id} is ${artifact.state}, ${during} needs a pending one`);
  return artifact;
}

/** Announces the manifest; with its digest it gets an address to store it. @throws Refusal */
export function createArtifactManifest(input: Arguments, site: Site) {
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

/** Addresses for contents, where they are needed. @throws Refusal */
export function createArtifactFiles(input: Arguments, site: Site) {
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

/** The artifact becomes the newest version, if all of it is there. @throws Refusal */
export function commitArtifact(input: Arguments, site: Site) {
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

/** @throws Refusal */
export function completeParts(input: Arguments, site: Site) {
  pending(input.artifactID, site, 'completeMultipartUploadArtifact');
  const parts = input.completedParts as { partNumber: number; hexMD5: string }[];
  return { digest: site.storage.complete(input.uploadID as string, input.storagePath as string, parts) };
}
