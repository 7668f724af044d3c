// Names at MLflow: keys of params and metrics, artifact folders and files, experiments, runs. Pure.

import type { AttributeType } from '../../model/attributes.ts';
import type { RunInfo } from '../../model/runs.ts';
import { freeFileName, MAX_SEGMENT_BYTES, shortFileName } from '../file-names.ts';
import type { RunSurvey } from '../survey.ts';
import { surveyKey } from '../survey.ts';
import { cutWithHash, shortHash, storable } from '../text.ts';
import { assignKeys, parentFolders } from '../unique-keys.ts';

/** Longest key of a param, metric or tag (MLflow), and longest name of an experiment or run that every database takes. */
export const MAX_NAME = 250;
/** Folder of what the exporter adds to a run. No attribute may live in it. */
export const OWN_FOLDER = 'neptune_exporter';

/** What an attribute becomes. Each kind has names of its own at MLflow. */
export type HomeKind = 'param' | 'metric' | 'artifact';

export function homeOf(type: AttributeType): HomeKind {
  if (type === 'float_series') return 'metric';
  if (type === 'string_series' || type === 'histogram_series') return 'artifact';
  return type === 'file' || type === 'file_series' || type === 'file_set' || type === 'artifact' ? 'artifact' : 'param';
}

/**
 * The key of an attribute path, before collisions are looked at: characters outside `a-zA-Z0-9_-. /` become `_`, 250 at
 * most (contract of the seed README). MLflow also refuses names that aren't normal paths: an empty or dot segment gets
 * underscores.
 */
export function plainKey(path: string): string {
  const cut = path.replace(/[^a-zA-Z0-9_\-. /]/gu, '_').slice(0, MAX_NAME);
  // A slash at the very end would need a further character: it becomes one itself.
  const ended = cut.length === MAX_NAME && cut.endsWith('/') ? `${cut.slice(0, -1)}_` : cut;
  const segments = ended.split('/').map((segment) => {
    if (segment === '') return '_';
    return segment === '.' || segment === '..' ? '_'.repeat(segment.length) : segment;
  });
  // MLflow takes any name that begins with two dots for a way out of its folder.
  const key = segments.join('/').replace(/^\.\./, '__');
  return key.length > MAX_NAME ? plainKey(key.slice(0, MAX_NAME)) : key;
}

/** The keys of a run's attributes, by `surveyKey`, and all folders that artifacts of the run make. */
export interface RunKeys {
  byAttribute: Map<string, string>;
  artifactFolders: ReadonlySet<string>;
}

/** Chooses the keys of a whole run, from all its attributes. */
export function runKeys(survey: RunSurvey, fileStore: boolean): RunKeys {
  const paths: Record<HomeKind, string[]> = { param: [], metric: [], artifact: [] };
  const artifacts = new Map<string, string>();
  const identities = new Map<string, string>();
  // Sorted, so that the same attribute keeps the path whatever the order.
  for (const { type, path } of [...survey.values()].sort((left, right) => (left.type < right.type ? -1 : 1))) {
    const kind = homeOf(type);
    // Two artifacts of one path (in archives of other programs) must not share a folder.
    const identity = kind === 'artifact' && artifacts.has(path) ? `${path}\0${type}` : path;
    if (kind === 'artifact') artifacts.set(identity, path);
    identities.set(surveyKey(type, path), identity);
    paths[kind].push(identity);
  }
  const rules = { nested: fileStore, caseBlind: false, longest: MAX_NAME };
  const keys: Record<HomeKind, Map<string, string>> = {
    param: assignKeys(paths.param, plainKey, rules),
    metric: assignKeys(paths.metric, plainKey, rules),
    artifact: assignKeys(paths.artifact, (identity) => plainFolder(artifacts.get(identity)!), {
      nested: false,
      caseBlind: true,
      longest: MAX_NAME,
    }),
  };
  const byAttribute = new Map<string, string>();
  for (const { type, path } of survey.values()) {
    const name = surveyKey(type, path);
    byAttribute.set(name, keys[homeOf(type)].get(identities.get(name)!)!);
  }
  const folders = [...keys.artifact.values()].map((key) => `${key.toLowerCase()}/`);
  return { byAttribute, artifactFolders: parentFolders(folders) };
}

/** The name that an attribute has if no other one is in its way. */
export function plainName(type: AttributeType, path: string): string {
  return homeOf(type) === 'artifact' ? plainFolder(path) : plainKey(path);
}

/** The artifact folder of an attribute: its key, with segments that file systems take. */
function plainFolder(path: string): string {
  const segments = plainKey(path).split('/');
  if (segments[0]?.toLowerCase() === OWN_FOLDER) segments[0] = `${segments[0]}_`;
  return segments
    .map((segment) => (segment.length > MAX_SEGMENT_BYTES ? cutWithHash(segment, MAX_SEGMENT_BYTES) : segment))
    .map(withoutOuterBlanks)
    .join('/');
}

/** MLflow's server cuts blanks at the ends of names, and then doesn't find what it stored. */
function withoutOuterBlanks(name: string): string {
  return name.replace(/^ +| +$/g, (blanks) => '_'.repeat(blanks.length));
}

/**
 * The name of a file inside an artifact folder. Characters that MLflow's artifact routes change or refuse become `_`;
 * long names are cut before their extension. A file named like its folder would be hidden by MLflow's client (it takes
 * the folder for the file), and a file may not lie where another attribute has a folder: both get `file_` in front.
 * @param taken lower-case names already used in the folder; the new one is added
 */
export function artifactFileName(
  name: string,
  folder: string,
  artifactFolders: ReadonlySet<string>,
  taken?: Set<string>,
): string {
  let safe = withoutOuterBlanks(storable(name).replace(/[^\p{L}\p{N} ._\-+()=,@]/gu, '_'));
  if (/^\.{0,2}$/.test(safe)) safe = `file_${safe.replaceAll('.', '_')}`;
  safe = shortFileName(safe, name);
  const own = folder.slice(folder.lastIndexOf('/') + 1).toLowerCase();
  const isFree = (candidate: string) => {
    const lower = candidate.toLowerCase();
    return lower !== own && !artifactFolders.has(`${folder}/${candidate}`.toLowerCase()) && !taken?.has(lower);
  };
  safe = freeFileName(safe, isFree);
  taken?.add(safe.toLowerCase());
  return safe;
}

/** `<prefix>/<project>/<sys/name>`, or `<prefix>/<project>` for a run without `sys/name`. */
export function fullExperimentName(run: RunInfo, prefix: string | undefined): string {
  return [prefix, run.projectId, run.experimentName].filter((part) => part !== undefined && part !== '').join('/');
}

/**
 * The experiment's name at MLflow: over 250 characters it is cut and ends with a hash.
 * @param fileStore the file store can't make an experiment with a quote in its name
 */
export function experimentName(run: RunInfo, prefix: string | undefined, fileStore: boolean): string {
  return cutWithHash(storableName(fullExperimentName(run, prefix), fileStore), MAX_NAME);
}

function storableName(name: string, fileStore: boolean): string {
  return fileStore ? storable(name).replaceAll(/['"`]/g, '_') : storable(name);
}

/** The beginning that the experiment names of one project share. */
export function experimentStem(projectId: string, prefix: string | undefined, fileStore: boolean): string {
  const stem = storableName(
    [prefix, projectId].filter((part) => part !== undefined && part !== '').join('/'),
    fileStore,
  );
  return stem
    .slice(0, 100)
    .toWellFormed()
    .replace(/\ufffd$/, '');
}

export function fullRunName(run: RunInfo): string {
  return run.customRunId ? run.customRunId : run.runId;
}

/** The run's name at MLflow: the custom run id or else the run id; over 250 characters cut, with a hash. */
export function runName(run: RunInfo): string {
  return cutWithHash(storable(fullRunName(run)), MAX_NAME);
}

/** What makes a run at MLflow the copy of this one: hex, so that it can be searched for whatever the names hold. */
export function runKey(run: RunInfo, prefix: string | undefined): string {
  return shortHash(JSON.stringify([run.projectId, run.runId, prefix ?? '']), 64);
}
