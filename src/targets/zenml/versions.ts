// The model versions that are copies of one run, as far as a load has to know them.

import { ExporterError } from '../../model/errors.ts';
import type { RunInfo } from '../../model/runs.ts';
import type { RunContent } from '../target.ts';
import type { ModelVersion, ZenmlClient } from './client.ts';
import { FORK_CARD, LOADED, LOADING, loadingName, otherName, RUN_KEY, runKey, versionName } from './names.ts';

/** Raised when the same archive would be laid out otherwise than before. */
const MAPPING_VERSION = 1;
const PARENT = 'parent_model_version_id';

/** A model version without what it holds. */
export interface Copy {
  id: string;
  name: string;
  /** Of which run it is a copy; undefined for one that this program didn't make. */
  key: string | undefined;
  /** What was being loaded; undefined for one that ended before it could be told. */
  loading: string | undefined;
  /** The completion mark. */
  loaded: string | undefined;
  /** Id of the version that it names as its parent. */
  parent: string | undefined;
}

/** What a mark says: the mapping, and the content. The step multiplier changes nothing here. */
export function markOf({ digest }: Pick<RunContent, 'digest'>): string {
  return `${MAPPING_VERSION}:${digest}`;
}

/** True if the mark is of this mapping. */
export function isOfThisMapping(mark: string): boolean {
  return mark.startsWith(`${MAPPING_VERSION}:`);
}

/** The description of a version that is not whole: it tells whose it is, before the metadata do. */
export function loadingWords(key: string, mark: string): string {
  return `Being loaded by neptune-exporter: this version is not whole yet. [${key} ${mark}]`;
}

const LOADING_WORDS = /^Being loaded by neptune-exporter:.*\[([0-9a-f]{64}) (\S+)\]$/;

export function copyOf({ id, name, description, metadata }: ModelVersion): Copy {
  const [, key, mark] = LOADING_WORDS.exec(description) ?? [];
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const fork = metadata.get(FORK_CARD);
  const parent = typeof fork === 'object' && fork !== null ? (fork as Record<string, unknown>)[PARENT] : undefined;
  return {
    id,
    name,
    key: text(metadata.get(RUN_KEY)) ?? key,
    loading: text(metadata.get(LOADING)) ?? mark,
    loaded: text(metadata.get(LOADED)),
    parent: text(parent),
  };
}

/** The names that copies of a run are given. */
export function namesOf(run: RunInfo, prefix: string | undefined): { own: string; other: string; loading: string } {
  const [own, key] = [versionName(run), runKey(run, prefix)];
  return { own, other: otherName(own, key), loading: loadingName(own, key) };
}

/** Where runs of one Neptune project are. */
export interface ModelPlace {
  client: ZenmlClient;
  /** Ids. */
  project: string;
  model: string;
  prefix: string | undefined;
}

/**
 * The copies of a run, and others that have its name.
 * @param all also copies that somebody has renamed, which the server takes long to find
 */
export async function findCopies(
  run: RunInfo,
  { client, project, model, prefix }: ModelPlace,
  all: boolean,
): Promise<Copy[]> {
  const { own, other, loading } = namesOf(run, prefix);
  const key = runKey(run, prefix);
  const named = await client.versionsByName(project, model, [own, other, loading]);
  const copies = new Map(named.map((version) => [version.id, copyOf(version)]));
  if (all || ![...copies.values()].some((copy) => copy.key === key)) {
    for (const version of await client.versionsByMetadata(project, model, RUN_KEY, key)) {
      copies.set(version.id, copyOf(version));
    }
  }
  return [...copies.values()];
}

/**
 * A name for a copy that nobody else has.
 * @param copies ids of copies of the run that are there: where one is to get its name at last, it steps aside for others
 * @throws ExporterError if another program has the run's name
 */
export async function freeName(
  run: RunInfo,
  { client, project, model, prefix }: ModelPlace,
  copies: readonly string[] = [],
): Promise<string> {
  const { own, other } = namesOf(run, prefix);
  const found = await client.versionsByName(project, model, [own, other]);
  const taken = found.filter(({ id }) => !copies.includes(id)).map(copyOf);
  const holder = taken.find(({ name }) => isSameName(name, own));
  if (!holder) return own;
  if (holder.key === runKey(run, prefix)) {
    // Another load was faster with this very run: whoever makes a version is told so by the server, and goes on with that one.
    if (copies.length === 0) return own;
    throw new ExporterError('server', 'Another load makes this run at the same time.', {
      hint: 'Start this load again when the other one has ended.',
    });
  }
  // Of another run: its name is the same where ZenML doesn't take all characters, or two projects share a model.
  const stepsAside = holder.key !== undefined || copies.length > 0;
  if (stepsAside && !taken.some(({ name }) => isSameName(name, other))) return other;
  throw new ExporterError(
    'server',
    `A model version named '${own}' is there that another program or load made meanwhile.`,
    {
      hint: 'Start the load again; or use --name-prefix.',
    },
  );
}

/** Whether names may be one to the server's database. */
export function isSameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
