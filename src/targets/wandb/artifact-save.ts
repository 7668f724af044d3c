// Saves an artifact: its digest from the contents alone, then the contents that the server lacks, the manifest, the commit.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { forEachLimited, sleep, throwIfAborted } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import { isOfOneFile } from '../archive-files.ts';
import { headersIn, nodes, text, type WandbClient, WandbError } from './client.ts';
import * as documents from './documents.ts';
import { partDigests } from './file-digests.ts';
import { isObject, type JsonObject } from './json.ts';

/** A file of an artifact. */
export interface ArtifactEntry {
  /** On this disk. */
  file: string;
  bytes: number;
  /** base64 */
  md5: string;
}

/** An artifact that is an output of the run. */
export interface RunArtifact {
  type: string;
  name: string;
  description?: string;
  /** By their paths in the artifact. */
  entries: ReadonlyMap<string, ArtifactEntry>;
  /** 128 characters, by which tables refer to it; the same for the same content. */
  clientId: string;
  sequenceId: string;
}

export interface ArtifactToSave extends RunArtifact {
  entity: string;
  project: string;
  /** Id of the run that it is an output of. */
  run: string;
}

/** Files that addresses are asked for at once: W&B's SDK goes up to 2,000. */
const FILES_AT_ONCE = 500;
const UPLOADS_AT_ONCE = 4;
/** Addresses may have expired by the time their turn comes. */
export const ROUNDS = 4;
export const ROUND_PAUSE_MS = 250;
const GIB = 1 << 30;
/** From here on files go up in parts (source of W&B's SDK). */
const MULTIPART_BYTES = 2 * GIB;
const PART_BYTES = 100 << 20;
const MAX_PARTS = 10_000;

/** Files of an artifact that the server refuses for good; the artifact isn't there then. */
export class RefusedEntries extends Error {
  /** By their paths. */
  readonly refused: ReadonlyMap<string, Error>;

  constructor(refused: ReadonlyMap<string, Error>) {
    super('Files of an artifact were refused.');
    this.refused = refused;
  }
}

/** The digest that an artifact of these entries has, hex. */
export function artifactDigest(entries: ReadonlyMap<string, Pick<ArtifactEntry, 'md5'>>): string {
  const hash = createHash('md5').update('wandb-artifact-manifest-v1\n');
  for (const path of sortedPaths(entries)) hash.update(`${path}:${entries.get(path)!.md5}\n`);
  return hash.digest('hex');
}

/** By code point, which isn't the order of JavaScript's strings. */
function sortedPaths(entries: ReadonlyMap<string, unknown>): string[] {
  return [...entries.keys()]
    .map((path) => ({ path, bytes: Buffer.from(path) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ path }) => path);
}

/** Saves an artifact; one of the same content that is there already is the run's, too. @throws ExporterError, RefusedEntries */
export async function saveArtifact(client: WandbClient, artifact: ArtifactToSave, signal: AbortSignal): Promise<void> {
  const digest = artifactDigest(artifact.entries);
  const { id, state, base } = await createArtifact(client, artifact, digest);
  if (state === 'COMMITTED') return;
  const common = { artifactID: id, baseArtifactID: base, name: 'wandb_manifest.json', type: 'FULL' };
  const place = { entityName: artifact.entity, projectName: artifact.project, runName: artifact.run };
  const announced = await createManifest(client, { ...common, ...place, digest: '' });
  const births = await uploadEntries(client, { artifactID: id, manifestID: announced.id }, artifact.entries, signal);
  const manifest = Buffer.from(manifestJson(artifact.entries, births, id));
  const md5 = createHash('md5').update(manifest).digest('base64');
  for (let round = 1; ; round++) {
    const { url, headers } = await createManifest(client, { ...common, ...place, digest: md5 });
    if (url === undefined)
      throw new ExporterError('bad_answer', 'W&B gives no address for the manifest of an artifact.');
    try {
      await client.put({ url, headers }, () => manifest, manifest.length);
      break;
    } catch (error) {
      if (!isExpired(error) || round === ROUNDS) throw error;
      await sleep(ROUND_PAUSE_MS * round, signal);
    }
  }
  await commit(client, id, digest);
}

async function createArtifact(client: WandbClient, artifact: ArtifactToSave, digest: string) {
  const { entity, project, run, type, name, description, clientId, sequenceId } = artifact;
  const { createArtifact: answer } = await client.graphql(documents.CREATE_ARTIFACT, {
    input: {
      entityName: entity,
      projectName: project,
      runName: run,
      artifactTypeName: type,
      artifactCollectionName: name,
      digest,
      digestAlgorithm: 'MANIFEST_MD5',
      ...(description === undefined ? {} : { description }),
      aliases: [{ artifactCollectionName: name, alias: 'latest' }],
      enableDigestDeduplication: true,
      clientID: clientId,
      sequenceClientID: sequenceId,
    },
  });
  const made = isObject(answer) ? answer.artifact : undefined;
  if (!isObject(made) || typeof made.id !== 'string') throw new ExporterError('bad_answer', 'W&B makes no artifact.');
  const sequence = isObject(made.artifactSequence) ? made.artifactSequence : {};
  const latest = isObject(sequence.latestArtifact) ? text(sequence.latestArtifact.id) : undefined;
  return { id: made.id, state: text(made.state), base: latest ?? null };
}

async function createManifest(client: WandbClient, input: JsonObject) {
  const { createArtifactManifest: answer } = await client.graphql(documents.CREATE_MANIFEST, { input });
  const manifest = isObject(answer) ? answer.artifactManifest : undefined;
  const file = isObject(manifest) && isObject(manifest.file) ? manifest.file : undefined;
  if (!isObject(manifest) || typeof manifest.id !== 'string' || !file) {
    throw new ExporterError('bad_answer', 'W&B takes no manifest of an artifact.');
  }
  return { id: manifest.id, url: text(file.uploadUrl), headers: headersIn(file.uploadHeaders) };
}

/** Uploads what the server lacks. @returns by path the artifacts that the contents are stored with */
async function uploadEntries(
  client: WandbClient,
  ids: { artifactID: string; manifestID: string },
  entries: ReadonlyMap<string, ArtifactEntry>,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const births = new Map<string, string>();
  const refused = new Map<string, Error>();
  const all = [...entries.keys()];
  for (let from = 0; from < all.length; from += FILES_AT_ONCE) {
    let rest = all.slice(from, from + FILES_AT_ONCE);
    for (let round = 1; rest.length > 0; round++) {
      const again: string[] = [];
      const places = await createFiles(client, ids, rest, entries, signal);
      await forEachLimited(places, UPLOADS_AT_ONCE, async (place) => {
        throwIfAborted(signal);
        births.set(place.path, place.birth);
        try {
          await upload(client, ids.artifactID, place, entries.get(place.path)!, signal);
        } catch (error) {
          if (!isOfOneFile(error)) throw error;
          if (isExpired(error) && round < ROUNDS) again.push(place.path);
          else refused.set(place.path, error as Error);
        }
      });
      rest = again;
      // The clocks of server and storage may differ a little.
      if (rest.length > 0) await sleep(ROUND_PAUSE_MS * round, signal);
    }
  }
  if (refused.size > 0) throw new RefusedEntries(refused);
  return births;
}

interface EntryPlace {
  path: string;
  birth: string;
  storagePath: string | undefined;
  /** Absent if the server has the content already. */
  url: string | undefined;
  headers: Record<string, string>;
  parts: { uploadId: string; urls: { number: number; url: string }[]; digests: string[]; bytes: number } | undefined;
}

async function createFiles(
  client: WandbClient,
  { artifactID, manifestID }: { artifactID: string; manifestID: string },
  paths: readonly string[],
  entries: ReadonlyMap<string, ArtifactEntry>,
  signal: AbortSignal,
): Promise<EntryPlace[]> {
  const parts = new Map<string, { digests: string[]; bytes: number }>();
  for (const path of paths) {
    const { file, bytes } = entries.get(path)!;
    if (bytes < MULTIPART_BYTES) continue;
    // A multiple of 4096, and no more parts than are taken.
    const partBytes = Math.max(PART_BYTES, Math.ceil(bytes / MAX_PARTS / 4096) * 4096);
    parts.set(path, { digests: await partDigests(file, bytes, partBytes, signal), bytes: partBytes });
  }
  const artifactFiles = paths.map((name) => ({
    artifactID,
    artifactManifestID: manifestID,
    name,
    md5: entries.get(name)!.md5,
    ...(parts.has(name)
      ? { uploadPartsInput: parts.get(name)!.digests.map((hexMD5, at) => ({ partNumber: at + 1, hexMD5 })) }
      : {}),
  }));
  const input = { artifactFiles, storageLayout: 'V2' };
  const { createArtifactFiles: answer } = await client.graphql(documents.CREATE_ARTIFACT_FILES, { input });
  const found = isObject(answer) ? nodes(answer.files) : [];
  if (found.length !== paths.length) throw new ExporterError('bad_answer', 'W&B gives no addresses for an artifact.');
  // Answers come in the order asked.
  return found.map((node, at): EntryPlace => {
    const path = paths[at]!;
    const birth = isObject(node.artifact) ? text(node.artifact.id) : undefined;
    const multipart = isObject(node.uploadMultipartUrls) ? node.uploadMultipartUrls : undefined;
    const digests = parts.get(path);
    return {
      path,
      birth: birth ?? artifactID,
      storagePath: text(node.storagePath),
      url: text(node.uploadUrl),
      headers: headersIn(node.uploadHeaders),
      parts: multipart && digests ? { ...partsIn(multipart), ...digests } : undefined,
    };
  });
}

function partsIn({ uploadID, uploadUrlParts }: JsonObject) {
  const all = Array.isArray(uploadUrlParts) ? uploadUrlParts : [];
  const urls = all.flatMap((part) =>
    isObject(part) && typeof part.uploadUrl === 'string'
      ? [{ number: Number(part.partNumber), url: part.uploadUrl }]
      : [],
  );
  return { uploadId: String(uploadID), urls };
}

async function upload(
  client: WandbClient,
  artifactID: string,
  { url, headers, parts, storagePath }: EntryPlace,
  { file, bytes }: ArtifactEntry,
  signal: AbortSignal,
): Promise<void> {
  if (!parts) {
    if (url !== undefined) {
      await client.put({ url, headers }, () => (bytes === 0 ? Buffer.alloc(0) : createReadStream(file)), bytes);
    }
    return;
  }
  if (parts.urls.length !== parts.digests.length) {
    const counts = `${parts.urls.length} addresses for ${parts.digests.length} parts`;
    throw new ExporterError('bad_answer', `W&B gives ${counts} of a file.`);
  }
  const completedParts: { partNumber: number; hexMD5: string }[] = [];
  const contentType = headers['Content-Type'] ?? 'application/octet-stream';
  for (const { number, url: partUrl } of parts.urls) {
    throwIfAborted(signal);
    const start = (number - 1) * parts.bytes;
    const end = Math.min(bytes, start + parts.bytes) - 1;
    const md5 = Buffer.from(parts.digests[number - 1]!, 'hex').toString('base64');
    const place = { url: partUrl, headers: { 'Content-Md5': md5, 'Content-Type': contentType } };
    const answered = await client.put(place, () => createReadStream(file, { start, end }), end - start + 1);
    completedParts.push({ partNumber: number, hexMD5: answered.etag ?? '' });
  }
  await client.graphql(documents.COMPLETE_MULTIPART, {
    input: { completeMultipartAction: 'Complete', completedParts, artifactID, storagePath, uploadID: parts.uploadId },
  });
}

function manifestJson(
  entries: ReadonlyMap<string, ArtifactEntry>,
  births: ReadonlyMap<string, string>,
  artifactID: string,
): string {
  const contents = sortedPaths(entries).map((path) => {
    const { md5, bytes } = entries.get(path)!;
    const birth = births.get(path) ?? artifactID;
    return `${JSON.stringify(path)}:${JSON.stringify({ digest: md5, size: bytes, birthArtifactID: birth })}`;
  });
  const head = '"version":1,"storagePolicy":"wandb-storage-policy-v1","storagePolicyConfig":{"storageLayout":"V2"}';
  return `{${head},"contents":{${contents.join(',')}}}`;
}

/** Commits, and makes sure that it is what was meant: an answer may get lost. */
async function commit(client: WandbClient, id: string, digest: string): Promise<void> {
  let refused: unknown;
  try {
    await client.graphql(documents.COMMIT_ARTIFACT, { artifactID: id });
  } catch (error) {
    if (!(error instanceof WandbError)) throw error;
    refused = error;
  }
  const { artifact } = await client.graphql(documents.ARTIFACT, { id });
  if (isObject(artifact) && artifact.state === 'COMMITTED' && artifact.digest === digest) return;
  throw refused ?? new ExporterError('server', 'W&B has not kept an artifact as it was sent.');
}

/** An address that is no longer good; a new one may be. */
function isExpired(error: unknown): boolean {
  return error instanceof WandbError && error.status === 403;
}
