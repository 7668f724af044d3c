// A run of the archive beside ZenML's: the mapping of a load is gone through again, and what it would send is compared instead.

import { createHash } from 'node:crypto';
import { throwIfAborted } from '../../http/limits.ts';
import type { Batch } from '../../model/batches.ts';
import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { isOfOneFile } from '../archive-files.ts';
import { absentFile, textDifference } from '../differences.ts';
import type { CompareOptions, RunVerdict, TargetComparison, TargetDifference } from '../target.ts';
import { Verdicts } from '../verdicts.ts';
import { FORMS, type RunArtifact } from './artifacts.ts';
import { artifactKey, hasContent, isSame, type RunBackEnd } from './back-end.ts';
import { type Cards, merged } from './cards.ts';
import type { ArtifactVersion, ModelVersion, ZenmlClient } from './client.ts';
import { canonical } from './json.ts';
import { ALTERATIONS_ARTIFACT, LOADED, LOADING, RUN_KEY, type RunNames } from './names.ts';
import { ZenmlRun } from './run.ts';
import type { ArtifactStore } from './store.ts';

export interface ComparisonContext {
  client: ZenmlClient;
  store: ArtifactStore;
  /** Id of the ZenML project. */
  project: string;
  held: ModelVersion;
  info: RunInfo;
  options: CompareOptions;
  names: RunNames;
  /** Alterations of what the run was made with. */
  alterations: AlterationList;
  key: string;
  place: readonly string[];
  /** What the run was made with; `names`: those that a load gives it. */
  made: {
    names: readonly string[];
    description: string;
    tags: readonly string[];
    cards: ReadonlyMap<string, string>;
    mark: string;
  };
  tempFolder: string;
}

const MARKS = new Set([RUN_KEY, LOADING, LOADED]);

export class ZenmlComparison implements TargetComparison {
  readonly #context: ComparisonContext;
  readonly #verdicts = new Verdicts();
  readonly #backEnd: ComparingBackEnd;
  readonly #run: ZenmlRun;

  /** @throws ExporterError what the server can't be asked */
  static async begin(context: ComparisonContext): Promise<ZenmlComparison> {
    const { client, project, held } = context;
    return new ZenmlComparison(context, await client.linked(project, held.id));
  }

  private constructor(context: ComparisonContext, linked: readonly ArtifactVersion[]) {
    const { held, info, options, names, alterations, key, place, made, tempFolder } = context;
    this.#context = context;
    this.#backEnd = new ComparingBackEnd(context, linked, this.#verdicts);
    const name = made.names.includes(held.name) ? held.name : made.names[0]!;
    const common = { backEnd: this.#backEnd, info, name, options, names, alterations };
    this.#run = new ZenmlRun(held.id, { ...common, key, place, tempFolder });
  }

  async batch(batch: Batch): Promise<void> {
    await this.#run.batch(batch);
    if (batch.kind !== 'float_series') return;
    this.#backEnd.points += batch.length;
    this.#context.options.onPoints?.(batch.length);
  }

  async finish(): Promise<RunVerdict> {
    await this.#run.finish(true);
    this.#compareMade();
    // Of what the archive can't give it isn't known which they are.
    if (this.#run.failures.length === 0) {
      for (const { artifact, version } of this.#backEnd.left)
        this.#verdicts.extra(`artifact ${artifact}, version ${version}`);
    }
    const { points, files, bytes } = this.#backEnd;
    const counts = { points, files, bytes };
    return this.#verdicts.result(this.#context.options.survey, this.#run.alterations, this.#run.failures, counts);
  }

  /** What the run was made with, and whatever else is in its metadata and tags. */
  #compareMade(): void {
    const { held, made } = this.#context;
    if (!made.names.includes(held.name)) this.#same('version name', made.names[0]!, held.name);
    this.#same('description', made.description, held.description);
    const tags = new Set(held.tags);
    for (const tag of made.tags) if (!tags.delete(tag)) this.#same(`tag ${tag}`, tag, undefined);
    for (const tag of tags) this.#verdicts.extra(`tag ${tag}`);
    for (const [key, json] of made.cards) {
      const value = held.metadata.get(key);
      if (!isSame(value, [json]))
        this.#same(`metadata ${key}`, json, value === undefined ? undefined : canonical(value));
    }
    this.#same(`metadata ${LOADED}`, made.mark, String(held.metadata.get(LOADED)));
    for (const key of held.metadata.keys()) {
      const isKnown = this.#backEnd.cards.has(key) || made.cards.has(key) || MARKS.has(key);
      if (!isKnown) this.#verdicts.extra(`metadata ${key}`);
    }
  }

  #same(what: string, expected: string, found: string | undefined): void {
    const difference = textDifference(what, expected, found);
    if (difference) this.#verdicts.add(undefined, difference);
  }
}

/** Takes what a load would send and compares it with what is there. */
class ComparingBackEnd implements RunBackEnd {
  points = 0;
  files = 0;
  bytes = 0;
  /** Metadata that the archive accounts for. */
  cards: ReadonlySet<string> = new Set();
  readonly #context: ComparisonContext;
  readonly #verdicts: Verdicts;
  /** What the archive has not accounted for so far. */
  readonly #left: Map<string, ArtifactVersion>;

  constructor(context: ComparisonContext, linked: readonly ArtifactVersion[], verdicts: Verdicts) {
    this.#context = context;
    this.#verdicts = verdicts;
    this.#left = new Map(linked.map((one) => [artifactKey(one.artifact, one.version), one]));
  }

  get left(): Iterable<ArtifactVersion> {
    return this.#left.values();
  }

  async put(artifact: RunArtifact): Promise<void> {
    throwIfAborted(this.#context.options.signal);
    const difference = await this.#difference(artifact);
    if (difference) this.#verdicts.add(artifact.origin, difference);
  }

  async #difference(artifact: RunArtifact): Promise<TargetDifference | undefined> {
    const { store } = this.#context;
    const { artifact: name, version, sha256 } = artifact;
    const what = `artifact ${name}, version ${version}`;
    const key = artifactKey(name, version);
    const found = this.#left.get(key);
    if (!found) {
      // Of another content its version ends otherwise.
      const stem = version.slice(0, version.lastIndexOf('-') + 1);
      const other = [...this.#left.values()].find((one) => one.artifact === name && one.version.startsWith(stem));
      if (!other) return absentFile(`${name}, version ${version}`);
      this.#left.delete(artifactKey(other.artifact, other.version));
      if (other.storeId !== store.id) return elsewhere(what);
      // Another version of this program may say the same of an alteration in other words.
      if (name === ALTERATIONS_ARTIFACT) return undefined;
      return { kind: 'different', what, message: `The target has another content: version ${other.version}.` };
    }
    this.#left.delete(key);
    if (!hasContent(found, artifact)) {
      const message = 'The target has another content.';
      return { kind: 'different', what, message, expected: `sha256 ${sha256}`, found: `sha256 ${found.contentHash}` };
    }
    if (found.storeId !== store.id) return elsewhere(what);
    return this.#content(artifact, `${found.uri}/${FORMS[artifact.kind].file}`, what);
  }

  async #content(artifact: RunArtifact, uri: string, what: string): Promise<TargetDifference | undefined> {
    const { store, options } = this.#context;
    try {
      const size = await store.size(uri, options.signal);
      if (size === undefined) {
        return {
          kind: 'missing',
          what,
          message: 'Its file is not in the artifact store.',
          expected: `${artifact.bytes} bytes`,
        };
      }
      if (size !== artifact.bytes) {
        const message = `Its file has ${size} bytes, it should be ${artifact.bytes}.`;
        return { kind: 'different', what, message, expected: `${artifact.bytes} bytes`, found: `${size} bytes` };
      }
      const hash = createHash('sha256');
      for await (const chunk of await store.read(uri, options.signal)) {
        throwIfAborted(options.signal);
        hash.update(chunk);
        this.bytes += chunk.length;
      }
      this.files++;
      const found = hash.digest('hex');
      if (found === artifact.sha256) return undefined;
      const expected = `sha256 ${artifact.sha256}`;
      return { kind: 'different', what, message: 'Its file has another content.', expected, found: `sha256 ${found}` };
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      const words = error instanceof Error ? error.message : String(error);
      return { kind: 'different', what, message: `It could not be read from the target: ${words}` };
    }
  }

  /** All was compared as it came. */
  async checkArtifacts(): Promise<[]> {
    return [];
  }

  async metadata(cards: Cards): Promise<string[]> {
    const { held, names, options } = this.#context;
    this.cards = new Set(cards.keys());
    const origins = new Map([...names.metadata].map(([name, key]) => [key, options.survey.get(name)]));
    for (const [card, entries] of cards) {
      const value = held.metadata.get(card);
      if (isSame(value, entries)) continue;
      compareLeaves(flat(merged(entries), card), flat(value, card), (path, expected, found) => {
        const difference = textDifference(`metadata ${path}`, expected ?? '', found);
        // A summary is below its series.
        const origin = origins.get(path) ?? origins.get(path.slice(0, path.lastIndexOf('/')));
        if (expected === undefined) this.#verdicts.extra(`metadata ${path}`);
        else if (difference) this.#verdicts.add(origin, difference);
      });
    }
    return [];
  }

  /** Compared by itself, see `#compareMade`. */
  async complete(): Promise<void> {}
}

function elsewhere(what: string): TargetDifference {
  return { kind: 'different', what, message: 'It is in another artifact store than the active one, and was not read.' };
}

/** The values in nested objects by their paths, as texts. */
function flat(value: unknown, path: string, into = new Map<string, string>()): Map<string, string> {
  if (value === undefined) return into;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    // A member that goes on in others is one.
    for (const [key, inner] of Object.entries(value)) flat(inner, `${path}/${key.replace(/ \(\d+\)$/, '')}`, into);
  } else into.set(path, typeof value === 'string' ? value : canonical(value));
  return into;
}

function compareLeaves(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
  tell: (path: string, expected: string | undefined, found: string | undefined) => void,
): void {
  for (const [path, value] of expected) if (found.get(path) !== value) tell(path, value, found.get(path));
  for (const [path, value] of found) if (!expected.has(path)) tell(path, undefined, value);
}
