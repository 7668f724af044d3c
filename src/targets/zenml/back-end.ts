// Where a run on its way to ZenML ends up: at the server and in the artifact store, or beside what is there already (see compare.ts).

import { ExporterError } from '../../model/errors.ts';
import { FORMS, type RunArtifact } from './artifacts.ts';
import { type Cards, merged } from './cards.ts';
import { type ArtifactVersion, isThere, type ZenmlClient } from './client.ts';
import { canonical, storedBytes } from './json.ts';
import { artifactFolder } from './names.ts';
import type { ArtifactStore } from './store.ts';

/** Takes what a run consists of, after the mapping. */
export interface RunBackEnd {
  /** @throws ExporterError */
  put(artifact: RunArtifact): Promise<void>;
  /** All artifacts were put. @returns what is wrong with what is there */
  checkArtifacts(): Promise<{ artifact: RunArtifact; message: string }[]>;
  /** @returns keys that aren't there as they should be */
  metadata(cards: Cards): Promise<string[]>;
  /** The run is whole. */
  complete(): Promise<void>;
}

export interface SendingContext {
  client: ZenmlClient;
  /** The store with credentials that are good now. */
  store: () => Promise<ArtifactStore>;
  /** Id of the ZenML project. */
  project: string;
  /** Id of the model version. */
  version: string;
  /** Artifact versions of this run that are there already, by `artifactKey`; none if it is new. */
  known: ReadonlyMap<string, ArtifactVersion>;
  /** Nothing of the run was there before. */
  isNew: boolean;
  /** Tags of artifacts. */
  tags: readonly string[];
  signal: AbortSignal;
  /** Removes what was there before, names the version, and marks it as whole. */
  complete: (used: ReadonlySet<string>) => Promise<void>;
}

/** Bytes, and keys, of one call. */
const MAX_CALL = { bytes: 1_000_000, keys: 200 };

export function artifactKey(artifact: string, version: string): string {
  return `${artifact.toLowerCase()}\0${version}`;
}

/** Sends a run to the server, its files to the store. */
export class SendingBackEnd implements RunBackEnd {
  readonly #context: SendingContext;
  /** By id of the artifact version; what they hold is not kept. */
  readonly #put = new Map<string, RunArtifact>();

  constructor(context: SendingContext) {
    this.#context = context;
  }

  async put(artifact: RunArtifact): Promise<void> {
    const { client, version, known } = this.#context;
    const store = await this.#context.store();
    const folder = `${store.root}/${artifactFolder(artifact.artifact, artifact.version)}`;
    const found = known.get(artifactKey(artifact.artifact, artifact.version));
    let made = found;
    // Its folder is made from its name: another one was given by somebody else, or the store has moved.
    if (found && found.uri !== folder) {
      await client.deleteArtifact(found.id);
      made = undefined;
    }
    await this.#store(artifact, folder, store, made !== undefined);
    if (!made || !hasContent(made, artifact)) made = await this.#create(artifact, folder, store);
    await client.link(version, made.id);
    this.#put.set(made.id, { ...artifact, metadata: {} });
  }

  /** @param mayBeThere whether an earlier load has stored it */
  async #store(artifact: RunArtifact, folder: string, store: ArtifactStore, mayBeThere: boolean): Promise<void> {
    const { signal } = this.#context;
    const uri = `${folder}/${FORMS[artifact.kind].file}`;
    if (mayBeThere && (await store.size(uri, signal)) === artifact.bytes) return;
    await store.put(uri, artifact.file, artifact.bytes, signal);
    const bytes = await store.size(uri, signal);
    if (bytes === artifact.bytes) return;
    const there = bytes === undefined ? 'is not there' : `has ${bytes} bytes`;
    const message = `What was stored at ${uri} ${there}, sent were ${artifact.bytes}.`;
    throw new ExporterError('server', message);
  }

  async #create(artifact: RunArtifact, uri: string, store: ArtifactStore): Promise<ArtifactVersion> {
    const { client, project, tags } = this.#context;
    const { type, materializer, dataType } = FORMS[artifact.kind];
    const { artifact: name, version, sha256, metadata } = artifact;
    const own = { type, materializer, dataType, uri, storeId: store.id, contentHash: sha256 };
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.createArtifact(project, { artifact: name, version, tags, metadata, ...own });
      } catch (error) {
        if (!isThere(error)) throw error;
        // An answer was lost, an earlier load or another one at work made it; or two made the artifact at one instant.
        const found = await client.artifact(project, name, version);
        if (found?.uri === uri && hasContent(found, artifact)) return found;
        if (attempt > 2) throw error;
        if (found) await client.deleteArtifact(found.id);
      }
    }
  }

  async checkArtifacts(): Promise<{ artifact: RunArtifact; message: string }[]> {
    const { client, project, version } = this.#context;
    const linked = new Map((await client.linked(project, version)).map((one) => [one.id, one]));
    return [...this.#put].flatMap(([id, artifact]) => {
      const found = linked.get(id);
      if (found && hasContent(found, artifact)) return [];
      const words = found ? 'is another one at the server' : 'is not linked to the version';
      return [{ artifact, message: `The artifact '${artifact.artifact}', version '${artifact.version}', ${words}.` }];
    });
  }

  async metadata(cards: Cards): Promise<string[]> {
    const { client, project, version } = this.#context;
    // A half run may have most of it.
    const missing = this.#context.isNew ? [...cards.keys()] : await this.#differing(cards);
    for (const part of parts(missing, cards)) await client.writeMetadata(project, version, part);
    return missing.length === 0 ? [] : this.#differing(cards);
  }

  async #differing(cards: Cards): Promise<string[]> {
    const { client, version } = this.#context;
    const held = (await client.version(version))?.metadata;
    if (!held)
      throw new ExporterError('server', 'The version is not there any more: another load, or somebody, removed it.');
    return [...cards].flatMap(([key, entries]) => (isSame(held.get(key), entries) ? [] : [key]));
  }

  complete(): Promise<void> {
    return this.#context.complete(new Set(this.#put.keys()));
  }
}

/** Older servers don't keep the hash; the name of the version has one, too. */
export function hasContent({ contentHash }: ArtifactVersion, { sha256 }: Pick<RunArtifact, 'sha256'>): boolean {
  return contentHash === undefined || contentHash === sha256;
}

/** Whether the server's value is the one that was sent. */
export function isSame(held: unknown, entries: readonly string[]): boolean {
  return held !== undefined && canonical(held) === canonical(merged(entries));
}

/** What goes out in one call each: a key at most once. */
function* parts(keys: readonly string[], cards: Cards): Generator<Map<string, string>> {
  let part = new Map<string, string>();
  let bytes = 0;
  for (const key of keys) {
    for (const json of cards.get(key) ?? []) {
      const more = storedBytes(json) + storedBytes(key);
      const isFull = bytes + more > MAX_CALL.bytes || part.size >= MAX_CALL.keys || part.has(key);
      if (part.size > 0 && isFull) {
        yield part;
        part = new Map();
        bytes = 0;
      }
      part.set(key, json);
      bytes += more;
    }
  }
  if (part.size > 0) yield part;
}
