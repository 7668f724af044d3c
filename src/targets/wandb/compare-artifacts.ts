// The artifacts of a run beside those that a load would save: by their digests, and where these differ file by file.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { absentFile } from '../differences.ts';
import type { Origin } from '../file-store.ts';
import type { TargetDifference } from '../target.ts';
import type { Verdicts } from '../verdicts.ts';
import { artifactDigest, type RunArtifact } from './artifact-save.ts';
import { nextPage, nodes, type RunPlace, text, type WandbClient } from './client.ts';
import * as documents from './documents.ts';
import { isObject, type JsonObject, objectIn } from './json.ts';
import { OWN } from './names.ts';
import type { OwnedEntry } from './run-artifact.ts';

interface HeldArtifact {
  id: string;
  digest: string;
  state: string | undefined;
  type: string | undefined;
  manifest: string | undefined;
}

const ALTERATIONS = `${OWN}/alterations.json`;

export class ArtifactComparison {
  files = 0;
  bytes = 0;
  readonly #client: WandbClient;
  readonly #place: RunPlace;
  readonly #verdicts: Verdicts;
  /** By name: what no artifact of the archive accounted for so far. */
  readonly #held: Map<string, HeldArtifact>;

  static async begin(client: WandbClient, place: RunPlace, verdicts: Verdicts): Promise<ArtifactComparison> {
    const held = new Map<string, HeldArtifact>();
    let after: string | null = null;
    do {
      const data: JsonObject = await client.graphql(documents.RUN_ARTIFACTS, { ...place, after, first: 100 });
      const run = isObject(data.project) ? data.project.run : undefined;
      const page = isObject(run) ? run.outputArtifacts : undefined;
      // The latest version of a name comes last.
      for (const node of nodes(page)) {
        const name = isObject(node.artifactSequence) ? text(node.artifactSequence.name) : undefined;
        if (name !== undefined) held.set(name, heldIn(node));
      }
      after = nextPage(page);
    } while (after !== null);
    return new ArtifactComparison(client, place, verdicts, held);
  }

  private constructor(client: WandbClient, place: RunPlace, verdicts: Verdicts, held: Map<string, HeldArtifact>) {
    this.#client = client;
    this.#place = place;
    this.#verdicts = verdicts;
    this.#held = held;
  }

  /** @param origin of a table; entries of the run's artifact have their own */
  async compare({ name, type, entries }: RunArtifact, origin: Origin | undefined): Promise<void> {
    const held = this.#held.get(name);
    this.#held.delete(name);
    if (held?.state !== 'COMMITTED') {
      const what = `artifact ${name}`;
      this.#verdicts.add(origin, { kind: 'missing', what, message: 'The target does not have it, or not whole.' });
      return;
    }
    if (held.type !== type) {
      const message = `It should be of the type ${type} and is of ${held.type}.`;
      this.#verdicts.add(origin, { kind: 'different', what: `artifact ${name}`, message });
    }
    const contents = await this.#contents(held);
    // The digest is that of the contents; whether the manifest is of this digest, only it itself can tell.
    for (const [path, entry] of entries) {
      const there = contents?.get(path);
      contents?.delete(path);
      const owner = origin ?? (entry as Partial<OwnedEntry>).origin;
      const different = contents === undefined ? undefined : await this.#entry(name, held, path, entry, there);
      if (different) this.#verdicts.add(owner, different);
      this.files++;
      this.bytes += entry.bytes;
    }
    for (const path of contents?.keys() ?? []) this.#verdicts.extra(`file ${path} of the artifact ${name}`);
    if (contents === undefined && held.digest !== artifactDigest(entries)) {
      const message = 'The target has another content, and its manifest can not be read.';
      this.#verdicts.add(origin, { kind: 'different', what: `artifact ${name}`, message });
    }
  }

  finish(): void {
    for (const name of this.#held.keys()) this.#verdicts.extra(`artifact ${name}`);
  }

  /** The contents by the manifest: MD5 in base64. */
  async #contents({ manifest }: HeldArtifact): Promise<Map<string, JsonObject> | undefined> {
    if (manifest === undefined) return undefined;
    const json = objectIn(await this.#client.get(manifest, textOf));
    if (!isObject(json?.contents)) return undefined;
    const entries = Object.entries(json.contents);
    return new Map(entries.map(([path, entry]) => [path, isObject(entry) ? entry : {}]));
  }

  async #entry(
    artifact: string,
    held: HeldArtifact,
    path: string,
    { file, md5, bytes }: { file: string; md5: string; bytes: number },
    there: JsonObject | undefined,
  ): Promise<TargetDifference | undefined> {
    const what = `file ${path} of the artifact ${artifact}`;
    if (!there) return { ...absentFile(path), what };
    if (there.digest === md5 && there.size === bytes) return undefined;
    // Another version of this program, or of its compression, may say the same in other bytes.
    if (path.startsWith(`${OWN}/`) && (await this.#saysTheSame(artifact, held, path, file, there))) return undefined;
    const expected = `md5 ${md5}, ${bytes} bytes`;
    const found = `md5 ${String(there.digest)}, ${String(there.size)} bytes`;
    return { kind: 'different', what, message: 'The target has another content.', expected, found };
  }

  async #saysTheSame(
    artifact: string,
    held: HeldArtifact,
    path: string,
    file: string,
    { digest, birthArtifactID }: JsonObject,
  ): Promise<boolean> {
    if (!path.endsWith('.gz') && path !== ALTERATIONS) return false;
    const hex = Buffer.from(String(digest), 'base64').toString('hex');
    const { entity, project } = this.#place;
    const parts = [
      'default',
      entity,
      project,
      artifact,
      String(birthArtifactID ?? held.id),
      hex,
      path.split('/').at(-1)!,
    ];
    const url = `${this.#client.base}/artifactsV2/${parts.map(encodeURIComponent).join('/')}`;
    try {
      if (path === ALTERATIONS) {
        const theirs = alterationsIn(await this.#client.get(url, textOf));
        return theirs !== undefined && theirs === alterationsIn(await textOf(createReadStream(file)));
      }
      const theirs = await this.#client.get(url, (body) => gunzippedHash(body));
      return theirs === (await gunzippedHash(createReadStream(file)));
    } catch {
      // What can't be read isn't the same.
      return false;
    }
  }
}

function heldIn({ id, digest, state, artifactType, currentManifest }: JsonObject): HeldArtifact {
  const file = isObject(currentManifest) && isObject(currentManifest.file) ? currentManifest.file : {};
  return {
    id: String(id),
    digest: String(digest),
    state: text(state),
    type: isObject(artifactType) ? text(artifactType.name) : undefined,
    manifest: text(file.directUrl),
  };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function gunzippedHash(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  const { Readable: Streams } = await import('node:stream');
  const source: Readable = Streams.from(body);
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  for await (const chunk of source.pipe(gunzip)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** What a list of alterations says, without its sentences; undefined if it is none. */
function alterationsIn(json: string): string | undefined {
  const list = objectIn(json)?.alterations;
  if (!Array.isArray(list)) return undefined;
  const all = list.map((one) => (isObject(one) ? JSON.stringify([one.path, one.code, one.count]) : ''));
  return JSON.stringify(all.sort());
}
