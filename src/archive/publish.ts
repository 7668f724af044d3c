// Puts a written run in its place, in one step for whoever reads: its new manifest decides, all renames only follow it.

import { lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onDisk } from '../model/disk-error.ts';
import { ExporterError } from '../model/errors.ts';
import type { RegistryScope } from '../model/runs.ts';
import { syncFolder } from './durable.ts';
import { journalPath } from './find-run.ts';
import {
  isDamagedManifest,
  manifestPath,
  nextManifestPath,
  pendingRuns,
  readManifestFile,
  writeNextManifest,
} from './manifest.ts';
import { diskName, foldCase, parsePartName, partName, runsFolder } from './names.ts';
import { useParquetFile } from './parquet/file-reader.ts';
import { EXPORT_ID_KEY } from './parquet/file-writer.ts';
import { removeEmpty, removeStaged, stagedFolder } from './staged-files.ts';
import type { Manifest } from './types.ts';

/** Ends the name of a part until it is put in place. */
export const TEMPORARY = '.tmp';

/** A part of a run in its folder. */
export interface PartFile {
  name: string;
  part: number;
  /** It has its temporary name. */
  temporary: boolean;
}

/** Name of a part until it is put in place. */
export function temporaryName(run: string, part: number): string {
  return partName(run, part) + TEMPORARY;
}

/** Parts of the run in a folder, temporary ones included. */
export async function partFiles(directory: string, run: string): Promise<PartFile[]> {
  return (await partsByRun(directory)).get(run) ?? [];
}

/** Parts of all runs in a folder, temporary ones included, by the runs' disk names; none if there is no such folder. */
export async function partsByRun(directory: string): Promise<Map<string, PartFile[]>> {
  const runs = new Map<string, PartFile[]>();
  for (const name of await readdir(directory).catch(() => [])) {
    const temporary = name.endsWith(TEMPORARY);
    const parsed = parsePartName(temporary ? name.slice(0, -TEMPORARY.length) : name);
    if (!parsed) continue;
    const parts = runs.get(parsed.run) ?? [];
    runs.set(parsed.run, parts);
    parts.push({ name, part: parsed.part, temporary });
  }
  return runs;
}

/**
 * Gives a run's parts their names, part_0 last, so that its presence means that all are there. Goes on where an earlier
 * call ended early.
 * @param old parts of the run that this one replaces. Where more than one part is concerned, its part_0 goes first, so
 *   that nobody takes parts of two exports for one run
 */
export async function placeParts(
  directory: string,
  run: string,
  count: number,
  old: readonly PartFile[],
): Promise<void> {
  const isNew = (await stat(join(directory, temporaryName(run, 0))).catch(() => undefined)) !== undefined;
  if (isNew && old.length > 0 && Math.max(count, ...old.map(({ part }) => part + 1)) > 1) {
    await rm(join(directory, partName(run, 0)), { force: true });
    await syncFolder(directory);
  }
  for (const { name, part } of old) if (part >= count) await rm(join(directory, name), { force: true });
  for (let part = count - 1; part >= 0; part--) {
    // Parts of other numbers are on the disk by name before part_0 says that they are.
    if (part === 0) await syncFolder(directory);
    await place(join(directory, temporaryName(run, part)), join(directory, partName(run, part)));
  }
  await syncFolder(directory);
}

/** Renames a file; one that an earlier process renamed already is there. */
async function place(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'ENOENT' && (await stat(to).catch(() => undefined));
    if (!isThere) throw error;
  }
}

/** Folders of an archive. */
export interface ArchiveFolders {
  dataPath: string;
  filesPath: string;
}

/** What a run replaces. */
export interface Replaced {
  /** Parts in the run's folder. */
  parts: readonly PartFile[];
  manifest?: Manifest;
}

/**
 * Makes a run whose parts all have their temporary names, and whose replaced files wait staged, the archive's. From the
 * moment its next manifest is on the disk it is there for readers of this program; what ends after that moment, the next
 * export finishes. Programs that know nothing of manifests see the old parts or the new ones.
 * @param committed called at that moment: from then on nothing of the run may be taken back
 * @throws ExporterError `disk`
 */
export async function publishRun(
  folders: ArchiveFolders,
  manifest: Manifest,
  replaced: Replaced,
  committed: () => void = () => {},
): Promise<void> {
  const { projectId, runId, scope } = manifest;
  try {
    await writeNextManifest(folders.dataPath, manifest);
  } catch (error) {
    // It may have failed after the manifest got its name.
    const path = nextManifestPath(runsFolder(folders.dataPath, projectId, scope), diskName(runId));
    if (await stat(path).catch(() => undefined)) committed();
    throw error;
  }
  committed();
  await onDisk(() => settle(folders, manifest, replaced));
}

/**
 * Finishes what an export began to put in place when it ended, for all runs of a project.
 * @param onDamaged told of a next manifest that can't be used: the earlier run stays, and is exported anew if it isn't whole
 * @throws ExporterError `disk`; `archive` if a next manifest can't be read, or is a newer program's
 */
export async function settleProject(
  folders: ArchiveFolders,
  projectId: string,
  scope: RegistryScope | undefined,
  onDamaged: (error: ExporterError) => void,
): Promise<void> {
  const directory = runsFolder(folders.dataPath, projectId, scope);
  const pending = await pendingRuns(directory);
  if (pending.length === 0) return;
  const parts = await partsByRun(directory);
  for (const run of pending) {
    const path = nextManifestPath(directory, run);
    const giveUp = async (error: ExporterError) => {
      onDamaged(error);
      // Kept for whoever wants to look, under a name that means nothing.
      await onDisk(() => rename(path, `${path}.damaged`));
    };
    let manifest: Manifest | undefined;
    try {
      manifest = await readManifestFile(path);
    } catch (error) {
      // Only what is no manifest is given up; what can't be read now, or not by this version, may be good.
      if (!(error instanceof ExporterError) || !isDamagedManifest(error)) throw error;
      await giveUp(error);
      continue;
    }
    if (!manifest) continue;
    const { runId, scope: own } = manifest;
    const isHere = diskName(runId) === run && runsFolder(folders.dataPath, manifest.projectId, own) === directory;
    if (!isHere || !(await holdsParts(directory, manifest))) {
      await giveUp(new ExporterError('archive', `The run of ${path} could not be put in place: parts of it are lost.`));
      continue;
    }
    const old = await readable(manifestPath(directory, run));
    const there = (parts.get(run) ?? []).filter(({ temporary }) => !temporary);
    await onDisk(() => settle(folders, manifest, { parts: there, ...(old ? { manifest: old } : {}) }));
  }
}

/** True if the parts that a manifest names are there, under either name, in their sizes. */
async function holdsParts(directory: string, { parts, exportId }: Manifest): Promise<boolean> {
  for (const { name, bytes } of parts) {
    const waits = await stat(join(directory, name + TEMPORARY)).catch(() => undefined);
    const found = waits ?? (await stat(join(directory, name)).catch(() => undefined));
    if (found?.size !== bytes) return false;
    // Under its last name it could be the earlier run's.
    if (!waits && (await exportIdOf(join(directory, name))) !== exportId) return false;
  }
  return true;
}

function exportIdOf(part: string): Promise<string | undefined> {
  return useParquetFile(part, async ({ footer }) => footer.metadata.get(EXPORT_ID_KEY)).catch(() => undefined);
}

async function settle(folders: ArchiveFolders, next: Manifest, replaced: Replaced): Promise<void> {
  const { projectId, runId, scope, parts } = next;
  const { dataPath, filesPath } = folders;
  const directory = runsFolder(dataPath, projectId, scope);
  const run = diskName(runId);
  await placeFiles(filesPath, next, replaced.manifest);
  await placeParts(directory, run, parts.length, replaced.parts);
  // Last comes what tells that something is left to do.
  await removeStaged(filesPath, projectId, runId, scope);
  // A partial run is exported again: what it has of its files need not come a second time.
  if (next.status === 'complete') await rm(journalPath(dataPath, projectId, runId, scope), { force: true });
  await place(nextManifestPath(directory, run), manifestPath(directory, run));
  await syncFolder(dirname(manifestPath(directory, run)));
}

/** The run's earlier manifest; one that can't be read tells of no files. */
async function readable(path: string): Promise<Manifest | undefined> {
  return readManifestFile(path).catch(() => undefined);
}

/**
 * Removes files that only the earlier run had, then moves the staged ones to their places. What is staged is what the
 * new run fetched, no more: see `keepStaged`.
 */
async function placeFiles(filesPath: string, next: Manifest, old: Manifest | undefined): Promise<void> {
  const { projectId, runId, scope } = next;
  const folder = join(filesPath, diskName(projectId));
  const paths = pathsOf(next);
  const byFoldedName = new Map([...paths].map((path) => [foldCase(path), path]));
  for (const path of old ? pathsOf(old) : []) {
    if (paths.has(path)) continue;
    const alike = byFoldedName.get(foldCase(path));
    // Where case doesn't count, the new file may be there already under the old one's name.
    if (alike !== undefined && (await isSameFile(join(folder, alike), join(folder, path)))) continue;
    await removeFile(join(folder, path));
    await removeEmpty(dirname(join(folder, path)), folder);
  }
  const staged = stagedFolder(filesPath, projectId, runId, scope);
  const isStaged = (await stat(staged).catch(() => undefined)) !== undefined;
  const touched = new Set<string>();
  for (const path of paths) {
    const to = join(folder, path);
    touched.add(dirname(to));
    const from = join(staged, path);
    if (!isStaged || !(await stat(from).catch(() => undefined))) continue;
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
  }
  // The manifest must not be on the disk before the files are there by their names.
  for (const directory of touched) await syncFolder(directory).catch(ignoreMissing);
}

async function isSameFile(left: string, right: string): Promise<boolean> {
  const [one, other] = await Promise.all([left, right].map((path) => stat(path).catch(() => undefined)));
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

/** A folder whose files were all lost. */
function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

/** Removes a file; where it was, a folder may have come, or the file that its folder became. */
async function removeFile(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (found && !found.isDirectory()) await rm(path, { force: true });
}

function pathsOf({ files }: Manifest): Set<string> {
  return new Set(files.flatMap(({ path }) => path ?? []));
}
