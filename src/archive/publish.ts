// Puts a written run in its place, in one step for whoever reads: its new manifest decides, all renames only follow it.

import { lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onDisk } from '../model/disk-error.ts';
import { ExporterError } from '../model/errors.ts';
import type { RegistryScope } from '../model/runs.ts';
import { syncFolder } from './durable.ts';
import { journalPath } from './find-run.ts';
import { manifestPath, nextManifestPath, pendingRuns, readManifestFile, writeNextManifest } from './manifest.ts';
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
  const files = [];
  for (const name of await readdir(directory)) {
    const temporary = name.endsWith(TEMPORARY);
    const parsed = parsePartName(temporary ? name.slice(0, -TEMPORARY.length) : name);
    if (parsed?.run === run) files.push({ name, part: parsed.part, temporary });
  }
  return files;
}

/**
 * Gives a run's parts their names, part_0 last, so that its presence means that all are there. Goes on where an earlier
 * call ended early.
 * @param replaces an earlier run may have parts there: where more than one part is concerned, its part_0 goes first, so
 *   that nobody takes parts of two exports for one run
 */
export async function placeParts(directory: string, run: string, count: number, replaces: boolean): Promise<void> {
  const found = replaces ? await partFiles(directory, run) : [];
  const old = found.filter(({ temporary }) => !temporary);
  const isNew = found.some(({ part, temporary }) => temporary && part === 0);
  if (isNew && Math.max(count, ...old.map(({ part }) => part + 1)) > 1) {
    await rm(join(directory, partName(run, 0)), { force: true });
    await syncFolder(directory);
  }
  for (let part = count - 1; part >= 0; part--) {
    // Parts of other numbers are on the disk by name before part_0 says that they are.
    if (part === 0) await syncFolder(directory);
    await place(join(directory, temporaryName(run, part)), join(directory, partName(run, part)));
  }
  for (const { name, part } of old) if (part >= count) await rm(join(directory, name), { force: true });
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

/**
 * Makes a run whose parts all have their temporary names, and whose replaced files wait staged, the archive's. From the
 * moment its next manifest is on the disk it is there for readers of this program; what ends after that moment, the next
 * export finishes. Programs that know nothing of manifests see the old parts or the new ones.
 * @param replaces an earlier run may be there
 * @throws ExporterError `disk`
 */
export async function publishRun(folders: ArchiveFolders, manifest: Manifest, replaces: boolean): Promise<void> {
  await writeNextManifest(folders.dataPath, manifest);
  await onDisk(() => settle(folders, manifest, replaces));
}

/**
 * Finishes what an export began to put in place when it ended, for all runs of a project.
 * @param onDamaged told of a next manifest that can't be read: it is removed, and the earlier run stays
 * @throws ExporterError `disk`
 */
export async function settleProject(
  folders: ArchiveFolders,
  projectId: string,
  scope: RegistryScope | undefined,
  onDamaged: (error: ExporterError) => void,
): Promise<void> {
  const directory = runsFolder(folders.dataPath, projectId, scope);
  for (const run of await pendingRuns(directory)) {
    const path = nextManifestPath(directory, run);
    try {
      const manifest = await readManifestFile(path);
      if (!manifest) continue;
      if (!(await holdsParts(directory, manifest))) throw lostParts(path);
      await onDisk(() => settle(folders, manifest, true));
    } catch (error) {
      if (!(error instanceof ExporterError && error.code === 'archive')) throw error;
      onDamaged(error);
      await onDisk(() => rm(path, { force: true }));
    }
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

function lostParts(path: string): ExporterError {
  return new ExporterError('archive', `The run of ${path} could not be put in place: parts of it are lost.`);
}

async function settle(folders: ArchiveFolders, next: Manifest, replaces: boolean): Promise<void> {
  const { projectId, runId, scope, parts } = next;
  const directory = runsFolder(folders.dataPath, projectId, scope);
  const run = diskName(runId);
  if (replaces) await placeFiles(folders.filesPath, next, await readable(manifestPath(directory, run)));
  await placeParts(directory, run, parts.length, replaces);
  // Last comes what tells that something is left to do.
  if (replaces) await removeStaged(folders.filesPath, projectId, runId, scope);
  // A partial run is exported again: what it has of its files need not come a second time.
  if (next.status === 'complete') await rm(journalPath(folders.dataPath, projectId, runId, scope), { force: true });
  await place(nextManifestPath(directory, run), manifestPath(directory, run));
  await syncFolder(dirname(manifestPath(directory, run)));
}

/** The run's earlier manifest; one that can't be read tells of no files. */
async function readable(path: string): Promise<Manifest | undefined> {
  return readManifestFile(path).catch(() => undefined);
}

/** Removes files that only the earlier run had, then moves the staged ones to their places. */
async function placeFiles(filesPath: string, next: Manifest, old: Manifest | undefined): Promise<void> {
  const { projectId, runId, scope } = next;
  const folder = join(filesPath, diskName(projectId));
  const paths = pathsOf(next);
  // Where case doesn't count, the new file may be there already under the old one's name.
  const taken = new Set([...paths].map(foldCase));
  for (const path of old ? pathsOf(old) : []) {
    if (taken.has(foldCase(path))) continue;
    await removeFile(join(folder, path));
    await removeEmpty(dirname(join(folder, path)), folder);
  }
  const staged = stagedFolder(filesPath, projectId, runId, scope);
  if (!(await stat(staged).catch(() => undefined))) return;
  for (const path of paths) {
    const from = join(staged, path);
    if (!(await stat(from).catch(() => undefined))) continue;
    const to = join(folder, path);
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
  }
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
