// Opens an archive, ours or the official exporter's: its projects, runs, and what each run holds.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { type AttributeType, SCALAR_TYPES } from '../model/attributes.ts';
import type { Batch, ScalarRow } from '../model/batches.ts';
import { ExporterError } from '../model/errors.ts';
import type { RegistryScope, RunInfo } from '../model/runs.ts';
import { manifestPath, manifestRuns, nextManifestPath, readManifestFile } from './manifest.ts';
import { diskName, parsePartName, partName } from './names.ts';
import { TEXT } from './parquet/column-reader.ts';
import { type ParquetFile, useParquetFile } from './parquet/file-reader.ts';
import { EXPORT_ID_KEY, PROJECT_ID_KEY, RUN_ID_KEY } from './parquet/file-writer.ts';
import { DamagedFile, type RowGroupInfo } from './parquet/footer.ts';
import { newNames, readPart } from './part-reader.ts';
import { partFiles, TEMPORARY } from './publish.ts';
import type { ArchiveProject, ArchiveRun, Manifest, PartSelection } from './types.ts';

export type { AttributeCount } from './types.ts';

/** Times that a run is looked at while an export replaces it. */
const MAX_OPENS = 5;

export interface Archive {
  /** The folder that was opened. */
  dataPath: string;
  /** Projects that hold at least one run, be it a damaged one, by folder name. */
  projects(): ArchiveProject[];
  /**
   * Runs of a project, by disk name. A run is there if its part_0 is; one that has a manifest but no part_0 is damaged.
   * @param onDamaged told of each run that can't be listed, and the others go on; without it the first one is thrown
   * @throws ExporterError `archive` for a part that is missing or unreadable, or a damaged manifest
   */
  runs(project: ArchiveProject, onDamaged?: (run: string, error: ExporterError) => void): AsyncIterable<ArchiveRun>;
}

/**
 * Opens an archive: of runs, or with a scope, of the models or model versions that the folder may hold as well.
 * @throws ExporterError `archive` if the folder isn't one
 */
export async function openArchive(dataPath: string, options: { scope?: RegistryScope } = {}): Promise<Archive> {
  const found = await findArchive(dataPath, options);
  if (found) return found;
  const things = options.scope === undefined ? 'runs' : THINGS[options.scope];
  const isEmpty = (await readdir(dataPath)).length === 0;
  throw notAnArchive(`The folder ${dataPath} is ${isEmpty ? 'empty' : `not an archive of ${things}`}.`);
}

/**
 * Like `openArchive`, but undefined if the folder, which must be there, holds nothing of the kind.
 * @throws ExporterError `archive` if there is no such folder
 */
export async function findArchive(
  dataPath: string,
  { scope }: { scope?: RegistryScope } = {},
): Promise<Archive | undefined> {
  const names = await readdir(dataPath).catch((error: NodeJS.ErrnoException) => {
    const what =
      error.code === 'ENOENT' ? 'There is no folder' : error.code === 'ENOTDIR' ? 'Not a folder:' : undefined;
    throw notAnArchive(what ? `${what} ${dataPath}.` : `The folder ${dataPath} can't be read (${error.code}).`);
  });
  const projects: ArchiveProject[] = [];
  for (const name of names.sort()) {
    const directory = scope === undefined ? join(dataPath, name) : join(dataPath, name, scope);
    const projectId = await projectIdOf(directory, name);
    if (projectId === undefined) continue;
    projects.push({ directory, diskName: name, projectId, ...(scope === undefined ? {} : { scope }) });
  }
  if (projects.length === 0) return undefined;
  return { dataPath, projects: () => projects, runs: listRuns };
}

const THINGS: Record<RegistryScope, string> = { models: 'models', model_versions: 'model versions' };

function notAnArchive(message: string): ExporterError {
  const hint = 'Give the folder that an export wrote its data to, by default ./exports/data.';
  return new ExporterError('archive', message, { hint });
}

/** Numbers of the parts of each run of a project's folder, by disk name; empty where only the manifest is left. */
async function partNumbers(directory: string): Promise<Map<string, number[]>> {
  const runs = new Map<string, number[]>();
  // What isn't a folder has no runs.
  const names = await readdir(directory).catch(() => []);
  for (const name of names.sort()) {
    const parsed = parsePartName(name);
    if (!parsed) continue;
    const parts = runs.get(parsed.run) ?? [];
    parts.push(parsed.part);
    runs.set(parsed.run, parts);
  }
  // An export that was interrupted may have left parts without part_0.
  for (const [run, parts] of runs) if (!parts.includes(0)) runs.delete(run);
  // A manifest is written after part_0: without it something was lost.
  for (const run of await manifestRuns(directory)) if (!runs.has(run)) runs.set(run, []);
  return new Map([...runs].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/**
 * Real id of the project whose runs lie in a folder, undefined if there are none. If no run's part_0 can be read, a
 * manifest says it; the folder's name stands in where there is none. What is damaged is told when the runs are listed.
 */
async function projectIdOf(directory: string, name: string): Promise<string | undefined> {
  const runs = await partNumbers(directory);
  if (runs.size === 0) return undefined;
  for (const [run, parts] of runs) {
    if (!parts.includes(0)) continue;
    const ids = await unlessDamaged(readIds(join(directory, partName(run, 0)), run));
    if (ids) return ids.projectId;
  }
  for (const run of runs.keys()) {
    for (const path of [manifestPath(directory, run), nextManifestPath(directory, run)]) {
      const manifest = await unlessDamaged(readManifestFile(path));
      if (manifest) return manifest.projectId;
    }
  }
  return name;
}

/** What a task gives, undefined if it finds a damaged archive. */
async function unlessDamaged<T>(task: Promise<T>): Promise<T | undefined> {
  try {
    return await task;
  } catch (error) {
    if (error instanceof ExporterError && error.code === 'archive') return undefined;
    throw error;
  }
}

async function* listRuns(
  project: ArchiveProject,
  onDamaged?: (run: string, error: ExporterError) => void,
): AsyncGenerator<ArchiveRun> {
  for (const [run, parts] of await partNumbers(project.directory)) {
    try {
      yield await openRun(project, run, parts);
    } catch (error) {
      if (!(error instanceof ExporterError && onDamaged)) throw error;
      onDamaged(run, error);
    }
  }
}

/** Opens a run; one that an export replaces meanwhile is looked at again, so that it is the old or the new one. */
async function openRun(project: ArchiveProject, run: string, listed: number[]): Promise<ArchiveRun> {
  let parts = listed;
  for (let attempt = 1; ; attempt++) {
    const before = await manifestState(project, run);
    try {
      return await openOnce(project, run, parts);
    } catch (error) {
      const changed = before !== (await manifestState(project, run));
      if (!changed || attempt === MAX_OPENS || !(error instanceof ExporterError)) throw error;
      const found = await partFiles(project.directory, run);
      parts = found.filter(({ temporary }) => !temporary).map(({ part }) => part);
    }
  }
}

/** Changes whenever one of a run's manifests does. */
async function manifestState({ directory }: ArchiveProject, run: string): Promise<string> {
  const paths = [manifestPath(directory, run), nextManifestPath(directory, run)];
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return found.map((one) => (one ? `${one.ino} ${one.mtimeMs}` : '')).join();
}

async function openOnce(project: ArchiveProject, run: string, parts: number[]): Promise<ArchiveRun> {
  const next = await readManifestFile(nextManifestPath(project.directory, run));
  if (next) return openPending(project, run, next);
  const manifest = await readManifestFile(manifestPath(project.directory, run));
  if (parts.length === 0) {
    throw incomplete(`The part ${partName(run, 0)} of the run ${manifest?.runId ?? run} is missing`, project);
  }
  const count = Math.max(manifest?.parts.length ?? 0, Math.max(...parts) + 1);
  for (let part = 0; part < count; part++) {
    if (!parts.includes(part)) throw incomplete(`The part ${partName(run, part)} of a run is missing`, project);
  }
  const paths = parts
    .toSorted((left, right) => left - right)
    .map((part) => join(project.directory, partName(run, part)));
  return describedRun(project, run, paths, manifest);
}

/** A run that is being put in place: its next manifest decides, its parts have one name or the other. */
async function openPending(project: ArchiveProject, run: string, manifest: Manifest): Promise<ArchiveRun> {
  const paths: string[] = [];
  for (const { name } of manifest.parts) paths.push(await placeOf(join(project.directory, name + TEMPORARY)));
  return { ...(await describedRun(project, run, paths, manifest)), pending: true };
}

/** Where a part is: a temporary name may have been changed meanwhile. */
export async function placeOf(part: string): Promise<string> {
  if (!part.endsWith(TEMPORARY) || (await stat(part).catch(() => undefined))) return part;
  return part.slice(0, -TEMPORARY.length);
}

async function describedRun(
  project: ArchiveProject,
  run: string,
  parts: string[],
  manifest: Manifest | undefined,
): Promise<ArchiveRun> {
  const ids = await readIds(parts[0] ?? join(project.directory, partName(run, 0)), run);
  if (manifest && !(manifest.scope === project.scope && describes(manifest, ids, parts.length))) {
    throw incomplete(`The manifest of the run ${ids.runId} is of another run, or of an earlier export`, project);
  }
  return {
    project,
    ...(project.scope === undefined ? {} : { scope: project.scope }),
    diskName: run,
    projectId: ids.projectId,
    runId: ids.runId,
    parts,
    ...(manifest ? { manifest } : {}),
  };
}

function describes(
  manifest: Manifest,
  ids: { projectId: string; runId: string; exportId?: string },
  parts: number,
): boolean {
  const { projectId, runId, exportId } = manifest;
  const sameExport = exportId === undefined || ids.exportId === undefined || exportId === ids.exportId;
  return projectId === ids.projectId && runId === ids.runId && manifest.parts.length === parts && sameExport;
}

function incomplete(what: string, project: ArchiveProject): ExporterError {
  return new ExporterError('archive', `${what}, in ${project.directory}.`, {
    hint: 'Export this run again, or bring the file back from a copy.',
  });
}

/**
 * Ids of the run in a part, from its columns.
 * @param run disk name, for a part of the official exporter without rows
 */
function readIds(path: string, run: string): Promise<{ projectId: string; runId: string; exportId?: string }> {
  return useParquetFile(path, async (file) => {
    const { metadata, rowGroups } = file.footer;
    const exportId = metadata.get(EXPORT_ID_KEY);
    const known = exportId === undefined ? {} : { exportId };
    const info = rowGroups.find((group) => group.rows > 0);
    if (info) {
      return {
        projectId: await firstId(file, info, 'project_id'),
        runId: await firstId(file, info, 'run_id'),
        ...known,
      };
    }
    const projectId = metadata.get(PROJECT_ID_KEY);
    const runId = metadata.get(RUN_ID_KEY) ?? idOf(run);
    if (projectId !== undefined && runId !== undefined) return { projectId, runId, ...known };
    throw new DamagedFile('it has no rows, so it does not say which run it is of');
  });
}

/** The id that a disk name stands for, if no character of it was replaced. */
function idOf(name: string): string | undefined {
  const id = name.slice(0, -17);
  return diskName(id) === name ? id : undefined;
}

async function firstId(file: ParquetFile, info: RowGroupInfo, leaf: 'project_id' | 'run_id'): Promise<string> {
  const { least, greatest } = info.chunks[leaf];
  if (least && greatest && Buffer.compare(least, greatest) === 0) return Buffer.from(least).toString('utf8');
  const { values } = await file.rowGroup(info).read(leaf, TEXT, 0, 1);
  return values[0] ?? '';
}

export interface ReadOptions extends Omit<PartSelection, 'types'> {
  /** Only these attribute types. */
  types?: readonly AttributeType[];
}

/**
 * Reads a run's content, window by window: memory is bounded, however large the run is. Points of one series come in
 * the order of the archive, in as many batches as it takes. Batches don't share memory with later ones.
 * @throws ExporterError `archive` naming the file, if one can't be read, or if another export put a newer run in its place
 */
export async function* readBatches(run: ArchiveRun, options: ReadOptions = {}): AsyncGenerator<Batch> {
  const { types, ...rest } = options;
  const names = newNames();
  const selection = { ...rest, ...(types ? { types: new Set(types) } : {}) };
  for (const part of run.parts) yield* readPart(await placeOf(part), names, selection, run.manifest?.exportId);
}

/**
 * Reads what lies under `sys/`, from the row groups that may hold some of it.
 * @throws ExporterError `archive`
 */
export async function readRunInfo(run: ArchiveRun): Promise<RunInfo> {
  const sys = new Map<string, ScalarRow>();
  for await (const batch of readBatches(run, { types: SCALAR_TYPES, pathPrefix: 'sys/' })) {
    if (batch.kind === 'scalars') for (const row of batch.rows) sys.set(row.path, row);
  }
  const text = (path: string) => {
    const row = sys.get(path);
    return row?.type === 'string' && row.value !== null ? row.value : undefined;
  };
  const number = (path: string) => {
    const row = sys.get(path);
    const numeric = row?.type === 'float' || row?.type === 'int' || row?.type === 'datetime';
    return numeric && row.value !== null ? Number(row.value) : undefined;
  };
  return withoutUndefined({
    projectId: run.projectId,
    runId: run.runId,
    customRunId: text('sys/custom_run_id'),
    experimentName: text('sys/name'),
    parentRunId: text('sys/forking/parent'),
    forkStep: number('sys/forking/step'),
    creationTime: number('sys/creation_time'),
    modificationTime: number('sys/modification_time'),
    sys,
  });
}

type Defined<T> = { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] } & {
  [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>;
};

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Defined<T>;
}
