// What the emulator holds of a run, in plain form, for tests to compare with.

import { createHash } from 'node:crypto';
import { type JsonObject, parseObject } from './json.ts';
import { filesOf } from './resolve-runs.ts';
import type { Site } from './site.ts';
import type { Artifact, Collection, Run } from './store.ts';

export interface HeldFile {
  bytes: Buffer;
  sha256: string;
}

export interface HeldVersion {
  type: string;
  collection: string;
  /** `v0`; null until it is committed. */
  version: string | null;
  state: Artifact['state'];
  aliases: string[];
  tags: string[];
  /** hex */
  digest: string;
  description: string | null;
  metadata: JsonObject;
  historyStep: number | null;
  /** Entries of the manifest by path. */
  entries: Record<string, { digest: string; size: number; ref?: string; bytes?: Buffer }>;
}

export interface HeldRun {
  entity: string;
  project: string;
  name: string;
  displayName: string;
  group: string | null;
  jobType: string | null;
  notes: string | null;
  tags: string[];
  state: string;
  exitCode: number | null;
  createdAt: Date;
  heartbeatAt: Date;
  /** Unwrapped, without `_wandb`. Non-finite numbers are texts here and below. */
  config: JsonObject;
  /** Whole and as it came, where numbers of 64 bits are whole. */
  configText: string;
  summaryText: string;
  /** The internal part of the config. */
  internal: JsonObject;
  summary: JsonObject;
  /** History lines as they came, inherited ones first. */
  historyLines: readonly string[];
  /** Parsed when it is asked for. */
  history(): JsonObject[];
  events: readonly string[];
  console: readonly string[];
  forkFrom: Run['forkFrom'];
  /** How often it was written to after its end, and rewound. */
  resumed: number;
  files: Record<string, HeldFile>;
  /** Uploaded, but not reported. */
  unreported: string[];
  /** Versions that the run made. */
  artifacts: HeldVersion[];
}

export function heldRun(run: Run, site: Site): HeldRun {
  const { displayName, group, jobType, notes, tags, state, exitCode, createdAt, heartbeatAt, forkFrom, resumed } = run;
  const { _wandb: internal, ...config } = unwrapped(parseObject(run.config));
  const files = filesOf(run, site).map(({ path }) => [path, heldFile(site, run.keyOf(path))] as const);
  return {
    entity: run.project.entity,
    project: run.project.name,
    name: run.name,
    ...{ displayName, group, jobType, notes, tags, state, exitCode, createdAt, heartbeatAt, forkFrom, resumed },
    config,
    configText: run.config,
    summaryText: run.summaryText,
    internal: (internal ?? {}) as JsonObject,
    summary: parseObject(run.summaryText),
    historyLines: run.history.lines,
    history: () => run.history.lines.map((_, at) => run.history.row(at)),
    events: run.events,
    console: run.output,
    files: Object.fromEntries(files),
    unreported: [...run.announced].filter(
      (path) => !run.uploaded.has(path) && site.storage.objects.has(run.keyOf(path)),
    ),
    artifacts: run.outputs.map((artifact) => heldVersion(artifact, site)),
  };
}

function unwrapped(config: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(config).map(([key, wrapped]) => [key, (wrapped as JsonObject).value]));
}

function heldFile(site: Site, key: string): HeldFile {
  const { bytes } = site.storage.objects.get(key)!;
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function heldVersion(artifact: Artifact, { storage }: Site): HeldVersion {
  const { sequence, versionIndex, state, tags, digest, description, metadata, historyStep, entries } = artifact;
  const membership = sequence.memberOf(artifact);
  return {
    type: sequence.type,
    collection: sequence.name,
    version: versionIndex === null ? null : `v${versionIndex}`,
    aliases: membership ? sequence.aliasesOf(membership) : [],
    tags: [...tags],
    ...{ state, digest, description, historyStep },
    metadata: metadata === null ? {} : parseObject(metadata),
    entries: Object.fromEntries(
      [...entries].map(([path, { digest: md5, size, ref, birthArtifactID }]) => {
        const bytes = storage.objects.get(contentKey(sequence, birthArtifactID ?? artifact.id, md5))?.bytes;
        return [path, { digest: md5, size, ...(ref === undefined ? {} : { ref }), ...(bytes ? { bytes } : {}) }];
      }),
    ),
  };
}

/** Where a content of a collection lies, in storage layout V2. */
export function contentKey({ id }: Collection, birthArtifactID: string, md5: string): string {
  return `artifacts/${id}/${birthArtifactID}/${Buffer.from(md5, 'base64').toString('hex')}`;
}
