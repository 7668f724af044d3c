// What exports that ended early left of runs that are whole: nobody will take it up again.

import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onDisk } from '../model/disk-error.ts';
import type { RegistryScope } from '../model/runs.ts';
import { JOURNAL_ENDING } from './find-run.ts';
import { manifestPath, readManifestFile } from './manifest.ts';
import { runsFolder } from './names.ts';
import { type ArchiveFolders, type PartFile, partsByRun } from './publish.ts';
import { removeStaged } from './staged-files.ts';

/**
 * Removes temporary parts, journals and staged files of runs that are whole.
 * @param isWanted tells by the disk name of a run whether it is exported now: then its export sees to them
 * @throws ExporterError `disk`
 */
export async function sweepLeftovers(
  { dataPath, filesPath }: ArchiveFolders,
  projectId: string,
  scope: RegistryScope | undefined,
  isWanted: (run: string) => boolean,
): Promise<void> {
  const directory = runsFolder(dataPath, projectId, scope);
  const names = await readdir(dirname(manifestPath(directory, ''))).catch(() => []);
  const journalled = names.filter((name) => name.endsWith(JOURNAL_ENDING));
  const parts = await partsByRun(directory);
  const isHalf = ([, files]: [string, PartFile[]]) => files.some(({ temporary }) => temporary);
  const runs = [
    ...journalled.map((name) => name.slice(0, -JOURNAL_ENDING.length)),
    ...[...parts].filter(isHalf).map(([run]) => run),
  ];
  for (const run of new Set(runs)) {
    if (isWanted(run)) continue;
    const manifest = await readManifestFile(manifestPath(directory, run)).catch(() => undefined);
    if (manifest?.status !== 'complete') continue;
    await onDisk(async () => {
      for (const { name, temporary } of parts.get(run) ?? [])
        if (temporary) await rm(join(directory, name), { force: true });
      await removeStaged(filesPath, manifest.projectId, manifest.runId, manifest.scope);
      await rm(join(dirname(manifestPath(directory, run)), `${run}${JOURNAL_ENDING}`), { force: true });
    });
  }
}
