// Names at Comet: of projects, experiments, parameters, metrics and assets; keys of experiments. Pure.

import type { AttributeType } from '../../model/attributes.ts';
import type { RunInfo } from '../../model/runs.ts';
import { type RunSurvey, surveyKey } from '../survey.ts';
import { cutWithHash, shortHash } from '../text.ts';
import { assignKeys } from '../unique-keys.ts';

/** Longest name of a parameter, metric, other or project: Comet's SDK cuts longer ones. */
export const MAX_NAME = 100;
/** Begins the names of assets that are no attribute. Only files of sets have a slash, and no attribute has this name. */
export const OWN_FOLDER = 'neptune_exporter';

/** What an attribute becomes. Each kind has names of its own at Comet. */
export type HomeKind = 'parameter' | 'metric' | 'asset';

export function homeOf(type: AttributeType): HomeKind {
  if (type === 'float_series') return 'metric';
  const isAsset = type.endsWith('_series') || type.startsWith('file') || type === 'artifact';
  return isAsset ? 'asset' : 'parameter';
}

/** The name of an attribute before collisions are looked at (contract of the seed README), 100 characters at most. */
export function plainName(path: string): string {
  const safe = path.replace(/[^a-zA-Z0-9_]/gu, '_');
  if (safe === '') return '_attribute';
  return (/^\d/.test(safe) ? `_${safe}` : safe).slice(0, MAX_NAME);
}

/** Files of a set named like the loader's own folder would pass for the loader's own. */
export function plainNameIn(home: HomeKind, path: string): string {
  const name = plainName(path);
  return home === 'asset' && name === OWN_FOLDER ? `_${name}` : name;
}

/** The names of a run's attributes, by `surveyKey`. */
export type RunNames = ReadonlyMap<string, string>;

export function runNames(survey: RunSurvey): RunNames {
  const homes = new Map<HomeKind, Map<string, string>>();
  const identities = new Map<string, string>();
  // Sorted, so that the same attribute keeps its name whatever the order.
  for (const { type, path } of [...survey.values()].sort((left, right) => (left.type < right.type ? -1 : 1))) {
    const home = homeOf(type);
    const paths = homes.get(home) ?? new Map<string, string>();
    homes.set(home, paths);
    // Two assets of one path (in archives of other programs) must not share a name.
    const identity = home === 'asset' && paths.has(path) ? `${path}\0${type}` : path;
    paths.set(identity, path);
    identities.set(surveyKey(type, path), identity);
  }
  const names = new Map<HomeKind, Map<string, string>>();
  for (const [home, paths] of homes) {
    const plain = (identity: string) => plainNameIn(home, paths.get(identity)!);
    names.set(home, assignKeys(paths.keys(), plain, { nested: false, caseBlind: false, longest: MAX_NAME }));
  }
  const byAttribute = new Map<string, string>();
  for (const { type, path } of survey.values()) {
    const key = surveyKey(type, path);
    byAttribute.set(key, names.get(homeOf(type))!.get(identities.get(key)!)!);
  }
  return byAttribute;
}

/** `<prefix>_<project>` with letters, digits, `_` and `-` (contract of the seed README). */
export function projectName(projectId: string, prefix: string | undefined): string {
  const full = prefix === undefined || prefix === '' ? projectId : `${prefix}_${projectId}`;
  return cutWithHash(full.replace(/[^a-zA-Z0-9_-]/gu, '_'), MAX_NAME);
}

export function experimentName(run: RunInfo): string {
  return run.customRunId ? run.customRunId : run.runId;
}

/** Characters of the parts of an experiment's key: 49 of the 50 that Comet takes. */
const KEY = { head: 'neptune', run: 24, content: 16, generation: 2 };

/** Where the keys of all copies of a run begin. */
export function keyStem(run: RunInfo, prefix: string | undefined): string {
  return KEY.head + shortHash(JSON.stringify([run.projectId, run.runId, prefix ?? '']), KEY.run);
}

/** The key of a copy with one content, without its generation. @param mark what is loaded */
export function contentStem(stem: string, mark: string): string {
  return stem + shortHash(mark, KEY.content);
}

/** Generations of a copy that can be told apart. */
export const GENERATIONS = 10 ** KEY.generation;

/** The key of an experiment. A key that was deleted or given up isn't used again: the next generation has another. */
export function experimentKey(content: string, generation: number): string {
  return content + String(generation).padStart(KEY.generation, '0');
}

export function generationOf(key: string): number {
  return Number(key.slice(-KEY.generation));
}

/** Whether an experiment was made by this program. */
export function isOwnKey(key: string): boolean {
  return new RegExp(`^${KEY.head}[0-9a-f]{${KEY.run + KEY.content}}\\d{${KEY.generation}}$`).test(key);
}
