// Downloaded files of a run that is to replace an earlier one: they wait aside until the run is put in place.

import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { RegistryScope } from '../model/runs.ts';
import { diskName } from './names.ts';
import type { ArchiveRun } from './types.ts';

/** Folder in the archive's folder of files. No project's folder is called so: those end in a hash. */
export const STAGED_NAME = '_staged';

/** Where the new files of a run wait, each by its later path below the project's folder of files. */
export function stagedFolder(filesPath: string, projectId: string, runId: string, scope?: RegistryScope): string {
  return join(filesPath, STAGED_NAME, diskName(projectId), ...(scope === undefined ? [] : [scope]), diskName(runId));
}

/**
 * Absolute path of a downloaded file of a run: where it belongs, or where it waits while the run is put in place.
 * @param path as in the manifest and the rows, proven to stay below the folder
 */
export async function fileOfRun(run: ArchiveRun, filesPath: string, path: string): Promise<string> {
  if (run.pending) {
    const staged = join(stagedFolder(filesPath, run.projectId, run.runId, run.scope), path);
    if (await stat(staged).catch(() => undefined)) return staged;
  }
  return join(filesPath, run.project.diskName, path);
}

/**
 * Removes what waits in a folder of staged files, but for some paths: an export that ended early may have staged what
 * this one didn't fetch.
 */
export async function keepStaged(folder: string, paths: ReadonlySet<string>): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    if (!paths.has(relative(folder, path).replaceAll(sep, '/'))) await rm(path, { force: true });
  }
}

/** Removes what waits for a run, and the folders above it that are empty then. */
export async function removeStaged(
  filesPath: string,
  projectId: string,
  runId: string,
  scope?: RegistryScope,
): Promise<void> {
  const folder = stagedFolder(filesPath, projectId, runId, scope);
  await rm(folder, { recursive: true, force: true });
  await removeEmpty(dirname(folder), filesPath);
}

/** Removes a folder and those above it, up to a last one that stays, as far as they are empty. */
export async function removeEmpty(folder: string, last: string): Promise<void> {
  for (let at = folder; at !== last && at.startsWith(last); at = dirname(at)) {
    const isGone = await rmdir(at).then(
      () => true,
      ({ code }: NodeJS.ErrnoException) => code === 'ENOENT',
    );
    if (!isGone) return;
  }
}
