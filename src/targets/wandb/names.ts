// Names at W&B: keys of config and history, projects, runs, ids, artifacts, files. Pure.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { AttributeType } from '../../model/attributes.ts';
import type { RunInfo } from '../../model/runs.ts';
import { freeFileName, shortFileName, shortFolderName } from '../file-names.ts';
import type { CollisionPolicy } from '../step-collisions.ts';
import type { RunSurvey } from '../survey.ts';
import type { RunContent } from '../target.ts';
import { cutWithHash, shortHash, storable } from '../text.ts';
import { assignKeys, parentFolders } from '../unique-keys.ts';

/** Longest name of a project, a run, a group, an artifact (source of W&B's SDK; of runs and groups assumed). */
export const MAX_NAME = 128;
export const MAX_TAG = 64;
const MAX_KEY = 200;
/** Raised when the same archive would be laid out otherwise than before: such runs are replaced. */
const MAPPING_VERSION = 1;

/** Config key, and folder in the run's artifact, of what the loader tells of itself. */
export const OWN = 'neptune_exporter';
/** Metric with Neptune's own step, where `_step` isn't it. */
export const X_AXIS = 'neptune_step';
const RESERVED = new Set(['_wandb', OWN, '_step', '_timestamp', '_runtime', X_AXIS]);

/** Where an attribute goes; each kind has names of its own. Files are in the artifact, and images in the history, too. */
export function homeOf(type: AttributeType): 'config' | 'history' | 'file' {
  if (type === 'file' || type === 'file_set' || type === 'artifact' || type === 'file_series') return 'file';
  return type.endsWith('_series') ? 'history' : 'config';
}

/** The key of an attribute path that is alone (contract of the official exporter). */
export function plainKey(path: string, keepSlashes: boolean): string {
  const plain = path.replace(keepSlashes ? /[^a-zA-Z0-9_/]/gu : /[^a-zA-Z0-9_]/gu, '_');
  // Files of tables and images have the key in their paths, which have no empty parts at W&B.
  const safe = plain.replace(/\/(?=\/)/g, '/_');
  const begun = /^[a-zA-Z_]/.test(safe) ? safe : `_${safe}`;
  const key = begun.length > MAX_KEY ? `${begun.slice(0, MAX_KEY - 9)}_${shortHash(path)}` : begun;
  return RESERVED.has(key) ? `${key}_` : key;
}

export interface RunKeys {
  /** Keys of config and history, by `surveyKey`; of files that of their images. */
  keys: ReadonlyMap<string, string>;
  /** All keys of the history. */
  history: ReadonlySet<string>;
  /** Folders of files in the artifact, by `surveyKey`. */
  folders: ReadonlyMap<string, string>;
  /** Lower-case folders that lie above others: no file may have such a name. */
  parents: ReadonlySet<string>;
}

/** Chooses the names of a whole run, from all its attributes. */
export function runKeys(survey: RunSurvey, keepSlashes: boolean): RunKeys {
  const config = new Map<string, string>();
  const history = new Map<string, string>();
  const files = new Map<string, string>();
  for (const [name, { type, path }] of survey) {
    const home = homeOf(type);
    if (home === 'config') config.set(name, path);
    else history.set(name, path);
    if (home === 'file') files.set(name, path);
  }
  const rules = { nested: false, caseBlind: false, longest: MAX_KEY };
  const keysOf = (paths: Map<string, string>) =>
    assignKeys(identities(paths).keys(), (identity) => plainKey(pathIn(identity), keepSlashes), rules);
  const keys = new Map<string, string>();
  for (const paths of [config, history]) {
    const assigned = keysOf(paths);
    for (const [identity, name] of identities(paths)) keys.set(name, assigned.get(identity)!);
  }
  const assigned = assignKeys(identities(files).keys(), (identity) => plainFolder(pathIn(identity)), {
    nested: false,
    caseBlind: true,
    longest: 900,
  });
  const folders = new Map([...identities(files)].map(([identity, name]) => [name, assigned.get(identity)!]));
  const lower = [...folders.values()].map((folder) => `${folder.toLowerCase()}/`);
  return {
    keys,
    history: new Set([...history.keys()].map((name) => keys.get(name)!)),
    folders,
    parents: parentFolders(lower),
  };
}

/**
 * A path tells an attribute; in archives of other programs two types may share one, and the second is told by its type,
 * too. By identity: the survey's name.
 */
function identities(paths: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of [...paths.keys()].sort()) {
    const path = paths.get(name)!;
    found.set(found.has(path) ? `${path}\0${name}` : path, name);
  }
  return found;
}

function pathIn(identity: string): string {
  return identity.split('\0', 1)[0] ?? '';
}

function plainFolder(path: string): string {
  return `files/${path.split('/').map(safeFolder).join('/')}`;
}

function safeFolder(name: string): string {
  return shortFolderName(safeSegment(name, '_'));
}

/** W&B takes all but empty parts, dots, backslashes and NUL; blanks at the ends are trouble on many disks. */
function safeSegment(name: string, empty: string): string {
  const safe = storable(name)
    .replace(/[\\\p{Cc}\ufffd]/gu, '_')
    .replace(/^\s+|\s+$/g, (ends) => '_'.repeat(ends.length));
  return /^\.{0,2}$/.test(safe) ? `${empty}${safe.replaceAll('.', '_')}` : safe;
}

/**
 * The name of a file below a folder of the artifact.
 * @param isThere whether a path of the artifact is taken: rows of one attribute may lie far apart
 * @param taken lower-case names of the folder; the new one is added
 */
export function artifactFileName(
  name: string,
  folder: string,
  parents: ReadonlySet<string>,
  isThere: (path: string) => boolean,
  taken?: Set<string>,
): string {
  const safe = shortFileName(safeSegment(name, 'file_').replaceAll('/', '_'), name);
  const free = freeFileName(safe, (candidate) => {
    const lower = candidate.toLowerCase();
    const path = `${folder}/${candidate}`;
    return !parents.has(path.toLowerCase()) && !isThere(path) && !taken?.has(lower);
  });
  taken?.add(free.toLowerCase());
  return free;
}

/** The project of W&B, from that of Neptune (contract of the official exporter). */
export function projectName(projectId: string, prefix: string | undefined): string {
  const whole = prefix ? `${prefix}_${projectId}` : projectId;
  const safe = whole.replace(/[^a-zA-Z0-9_-]/gu, '_') || '_';
  return safe.length <= MAX_NAME ? safe : `${safe.slice(0, MAX_NAME - 9)}-${shortHash(whole)}`;
}

export function fullRunName(run: RunInfo): string {
  return run.customRunId ? run.customRunId : run.runId;
}

/** Whether W&B counts characters or UTF-16 units isn't known: neither may be more than the limit. */
function fitted(text: string, limit: number): string {
  const cut = cutWithHash(text, limit);
  return cut.length <= limit ? cut : cutWithHash(text, limit / 2);
}

export function displayName(run: RunInfo): string {
  return fitted(storable(fullRunName(run)), MAX_NAME);
}

export function groupName(run: RunInfo): string | undefined {
  return run.experimentName ? fitted(storable(run.experimentName), MAX_NAME) : undefined;
}

/** Tags are cut, empty ones left out, equal ones are one. */
export function tagName(tag: string): string {
  return fitted(storable(tag), MAX_TAG);
}

/** What makes a run at W&B the copy of this one: 16 hex digits, with which its ids begin. */
export function runKey(run: RunInfo, prefix: string | undefined): string {
  return shortHash(JSON.stringify([run.projectId, run.runId, prefix ?? '']), 16);
}

export interface IdParts {
  key: string;
  /** Of the content. */
  digest: string;
  /** Of how keys are made, by version and settings. */
  form: string;
  multiplier: string;
  /** Points left out: `f` the first of a step was kept, `l` the last. */
  policy: '' | 'f' | 'l';
}

/** The parts of the id that a load gives a run. @param leavesOut whether the policy leaves out points */
export function idParts(
  key: string,
  { digest, stepMultiplier }: RunContent,
  keepSlashes: boolean,
  policy: CollisionPolicy = 'stop',
): IdParts {
  return {
    key,
    digest: shortHash(digest, 8),
    form: shortHash(JSON.stringify([MAPPING_VERSION, keepSlashes]), 4),
    multiplier: shortHash(String(stepMultiplier), 4),
    policy: policy === 'keep-first' ? 'f' : policy === 'keep-last' ? 'l' : '',
  };
}

/** @param generation from 2 on for ids after those of deleted runs, which W&B gives only once */
export function runId({ key, digest, form, multiplier, policy }: IdParts, generation = 1): string {
  return `${key}-${digest}-${form}${multiplier}${policy}${generation === 1 ? '' : `-${generation}`}`;
}

/** The parts of a run's id; undefined for one that this program didn't make. */
export function readId(id: string): (IdParts & { generation: number }) | undefined {
  const found = /^([0-9a-f]{16})-([0-9a-f]{8})-([0-9a-f]{4})([0-9a-f]{4})([fl]?)(?:-(\d+))?$/.exec(id);
  if (!found) return undefined;
  const [, key = '', digest = '', form = '', multiplier = '', policy = '', generation = '1'] = found;
  return { key, digest, form, multiplier, policy: policy as IdParts['policy'], generation: Number(generation) };
}

/** The artifact of a run: the same name whatever its content, so that another content is its next version. */
export function artifactName(run: RunInfo, key: string): string {
  return `neptune-${fullRunName(run)
    .replace(/[^a-zA-Z0-9_.-]/g, '-')
    .slice(0, 100)}-${key.slice(0, 8)}`;
}

export const ARTIFACT_TYPE = 'neptune-run';

/** The artifact of a table, as W&B's SDK names it: what it doesn't take is left out, and a checksum tells then. */
export function tableArtifactName(id: string, key: string): string {
  const whole = `run-${id}-${key}`;
  const safe = whole.replace(/[^A-Za-z0-9_.-]/g, '');
  const named = safe === whole ? safe : `${safe}-${checksum(whole)}`;
  return named.length <= MAX_NAME ? named : `${named.slice(0, MAX_NAME - 9)}-${shortHash(whole)}`;
}

function checksum(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return bytes.toString('base64url').slice(0, 6);
}

/** An id of 128 characters `[a-z0-9]` that W&B's clients choose at random; ours is the same for the same thing. */
export function clientId(...parts: string[]): string {
  const digits = (round: number) =>
    BigInt(
      `0x${createHash('sha512')
        .update(JSON.stringify([round, ...parts]))
        .digest('hex')}`,
    )
      .toString(36)
      .slice(-90);
  return `${digits(0)}${digits(1)}`.slice(0, 128).padEnd(128, '0');
}
