// Names at ZenML: models, model versions, metadata keys, artifacts and their versions. Pure.

import { createHash } from 'node:crypto';
import type { AttributeType } from '../../model/attributes.ts';
import { isScalarType } from '../../model/attributes.ts';
import type { RunInfo } from '../../model/runs.ts';
import { type RunSurvey, surveyKey } from '../survey.ts';
import { cutCodePoints, cutWithHash, shortHash, storable } from '../text.ts';
import { assignKeys } from '../unique-keys.ts';

/** Longest name that is given; the server takes 255 characters. */
export const MAX_NAME = 250;
const MAX_TAG = 255;

/** Metadata keys that hold what a load has to know again. Flat, so that the server can search for them. */
export const RUN_KEY = 'neptune_exporter_run_key';
export const LOADING = 'neptune_exporter_loading';
export const LOADED = 'neptune_exporter_loaded';
/** Card of where the run comes from, as the official loader names it, and of its fork. */
export const IMPORT_CARD = 'neptune_import';
export const FORK_CARD = 'neptune_fork';
/** Card of the summaries of float series (contract of the official loader). */
export const SERIES_CARD = 'series';
const RESERVED = new Set([RUN_KEY, LOADING, LOADED, IMPORT_CARD, FORK_CARD]);

/** Tag of a model version that is not whole yet. */
export const HALF_TAG = 'neptune-import:incomplete';

/** Artifacts that the exporter adds; those of attributes begin with `neptune-`. */
export const FLOATS_ARTIFACT = 'neptune_export-float_series';
export const ATTRIBUTES_ARTIFACT = 'neptune_export-attributes';
export const ALTERATIONS_ARTIFACT = 'neptune_export-alterations';

/** Numbers of a summary. */
export const SUMMARY = ['min', 'max', 'final', 'count'] as const;

/** `<prefix>-neptune-export-<org>-<project>`, cleaned and cut as the official loader does. */
export function modelName(projectId: string, prefix: string | undefined): string {
  const name = `${prefix ? `${prefix}-` : ''}neptune-export-${projectId.replaceAll('/', '-')}`;
  return cutWithHash(name.replace(/[^a-zA-Z0-9_\- /]/gu, '_'), MAX_NAME);
}

/** Ideographs that are numbers to Python, and so to the server. */
const NUMERALS =
  '㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零' +
  '\uf96b\uf973\uf978\uf9b2\uf9d1\uf9d3\uf9fd𠀁𠁤𠃢𠄡𠤪𠦃𠦌𠦜𠫪𠫽𠬙𢎐𢦘𣬛𦉭\u{2f890}';
/** The server counts versions by numbers, and keeps these words for stages. */
const REFUSED = new RegExp(`^(?:[\\p{N}${NUMERALS}]+|none|staging|production|archived|latest|)$`, 'iu');
/** In no name that the server checks. */
const BREAKS = /[\t\n\r\v\f]/g;

/** A text with characters only that the server takes in names. */
export function nameText(text: string): string {
  return storable(text).replace(BREAKS, '_');
}

/** The custom run id, else the run id; what the server refuses as a name gets `neptune-` in front. */
export function versionName(run: RunInfo): string {
  const name = nameText(fullVersionName(run));
  return cutWithHash(REFUSED.test(name) ? `neptune-${name}` : name, MAX_NAME);
}

export function fullVersionName(run: RunInfo): string {
  return run.customRunId || run.runId;
}

/** The name where another run has it. @param key of the run */
export function otherName(name: string, key: string): string {
  return `${cutCodePoints(name, MAX_NAME - 20)}-${key.slice(0, 8)}`;
}

/** The name of a version that is to replace another one, as long as that is there. */
export function loadingName(name: string, key: string): string {
  return `${cutCodePoints(name, MAX_NAME - 40)} (being loaded ${key.slice(0, 8)})`;
}

/** What makes a version the copy of a run: hex. */
export function runKey(run: RunInfo, prefix: string | undefined): string {
  return shortHash(JSON.stringify([run.projectId, run.runId, prefix ?? '']), 64);
}

/** A tag as the server takes it; undefined for an empty one. One that is an id would be taken for a tag's id. */
export function tagName(tag: string): string | undefined {
  const clean = nameText(tag);
  if (clean === '') return undefined;
  return cutWithHash(isId(clean) ? `neptune:${clean}` : clean, MAX_TAG);
}

/** What Python reads as a UUID: in braces, too, and with hyphens anywhere. */
function isId(text: string): boolean {
  const digits = text.replaceAll(/urn:|uuid:|-/g, '').replaceAll(/^[{}]+|[{}]+$/g, '');
  return digits.length === 32 && /^[\s+]?[0-9a-f_]+\s*$/i.test(digits);
}

/**
 * The path of an attribute in the metadata, before others are looked at: characters outside `a-zA-Z0-9_-. /` become
 * `_`, 250 at most (contract of the seed README); an empty segment becomes `_`.
 */
export function plainKey(path: string): string {
  const cut = path.replace(/[^a-zA-Z0-9_\-. /]/gu, '_').slice(0, MAX_NAME);
  const segments = cut.split('/').map((segment) => (segment === '' ? '_' : segment));
  if (RESERVED.has(segments[0] ?? '')) segments[0] = `_${segments[0]}`;
  return segments.join('/');
}

/** The name of an attribute's artifact, before others are looked at: as the official loader has it. */
export function plainArtifact(path: string): string {
  return `neptune-${path}`
    .replaceAll('/', '-')
    .replace(/[^a-zA-Z0-9_\- ]/gu, '_')
    .slice(0, MAX_NAME);
}

/** The names of a run's attributes, by `surveyKey`. */
export interface RunNames {
  /** Paths in the metadata; of a float series that of its summary. */
  metadata: ReadonlyMap<string, string>;
  /** Of every attribute but float series, which share one artifact: scalars need theirs for values that are too long. */
  artifacts: ReadonlyMap<string, string>;
}

/** Chooses the names of a whole run, whatever the order of its attributes. */
export function runNames(survey: RunSurvey): RunNames {
  const entries = [...survey.values()].sort((left, right) =>
    left.path === right.path ? (left.type < right.type ? -1 : 1) : left.path < right.path ? -1 : 1,
  );
  return { metadata: metadataPaths(entries), artifacts: artifactNames(entries) };
}

type Attribute = { path: string; type: AttributeType };

function metadataPaths(entries: readonly Attribute[]): Map<string, string> {
  const wanted = entries
    .filter(({ type }) => isScalarType(type) || type === 'float_series')
    .map(({ path, type }) => {
      const isSeries = type === 'float_series';
      const plain = plainKey(path);
      const key = isSeries ? `${SERIES_CARD}/${plain}` : plain;
      return { name: surveyKey(type, path), path, key, isSeries, isOwn: plain === path };
    });
  // Whose path is its key keeps it; those before others.
  const ordered = [...wanted.filter(({ isOwn }) => isOwn), ...wanted.filter(({ isOwn }) => !isOwn)];
  const wishes = new Set<string>();
  for (const { key, isSeries } of wanted) addFolders(wishes, isSeries ? `${key}/x` : key);
  const leaves = new Set<string>();
  const folders = new Set<string>();
  const assigned = new Map<string, string>();
  for (const { name, path, key, isSeries } of ordered) {
    const isFree = (candidate: string) =>
      leavesOf(candidate, isSeries).every(
        (leaf) => !leaves.has(leaf) && !folders.has(leaf) && !wishes.has(leaf) && !hasLeafAbove(leaf, leaves),
      );
    // A value beside others below it: as the official loader has it.
    const inside = `${key}/_value`;
    let chosen = isFree(key) ? key : !isSeries && isFree(inside) ? inside : undefined;
    for (let digits = 8; chosen === undefined; digits += 8) {
      const candidate = `${key.slice(0, MAX_NAME - digits - 1)}_${shortHash(`${name} ${path}`, digits)}`;
      if (isFree(candidate)) chosen = candidate;
    }
    assigned.set(name, chosen);
    for (const leaf of leavesOf(chosen, isSeries)) {
      leaves.add(leaf);
      addFolders(folders, leaf);
    }
  }
  return assigned;
}

function leavesOf(key: string, isSeries: boolean): string[] {
  return isSeries ? SUMMARY.map((part) => `${key}/${part}`) : [key];
}

function addFolders(folders: Set<string>, key: string): void {
  for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) {
    const folder = key.slice(0, at);
    if (folders.has(folder)) return;
    folders.add(folder);
  }
}

function hasLeafAbove(key: string, leaves: ReadonlySet<string>): boolean {
  for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) {
    if (leaves.has(key.slice(0, at))) return true;
  }
  return false;
}

function artifactNames(entries: readonly Attribute[]): Map<string, string> {
  const identities = new Map<string, Attribute>();
  for (const entry of entries) {
    if (entry.type === 'float_series') continue;
    const name = identities.has(entry.path) ? `${entry.path}\0${entry.type}` : entry.path;
    identities.set(name, entry);
  }
  const plain = (identity: string) => plainArtifact(identities.get(identity)?.path ?? identity);
  // Databases that don't tell case apart have one artifact for both.
  const keys = assignKeys(identities.keys(), plain, { nested: false, caseBlind: true, longest: MAX_NAME });
  return new Map([...identities].map(([identity, { type, path }]) => [surveyKey(type, path), keys.get(identity)!]));
}

/**
 * The version text of an artifact: readable, and made from its content, so that the same content has the same version
 * however often it is loaded. @param rest what tells it from others of its attribute
 */
export function artifactVersion(run: string, rest: string, identity: readonly string[]): string {
  const name = [run, rest].filter((part) => part !== '').join(' ');
  return `${cutCodePoints(storable(name), 230)}-${hashOf(identity).slice(0, 16)}`;
}

/** The folder of an artifact version below the store: always the same for the same version. */
export function artifactFolder(artifact: string, version: string): string {
  const hex = hashOf([artifact, version]);
  const id = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)];
  return `custom_artifacts/${artifact.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 200)}/${id.join('-')}`;
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
