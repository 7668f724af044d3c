// Whether the disk still holds what a run's manifest says, as far as names and sizes tell.

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FolderCheck } from '../archive/file-check.ts';
import { diskName, runsFolder } from '../archive/names.ts';
import type { Manifest } from '../archive/types.ts';

/**
 * True if a part or a downloaded file of the run is not there, or of another size.
 * @param strict take files for lost, too, if their project has no folder at all: the folder may be another one
 */
export async function isLost(
  manifest: Manifest,
  { dataPath, filesPath }: { dataPath: string; filesPath: string },
  strict = false,
): Promise<boolean> {
  const { projectId, scope, parts, files } = manifest;
  for (const { name, bytes } of parts) {
    const found = await stat(join(runsFolder(dataPath, projectId, scope), name)).catch(() => undefined);
    if (found?.size !== bytes) return true;
  }
  const folder = join(filesPath, diskName(projectId));
  if (files.length === 0) return false;
  if (!existsSync(folder)) return strict;
  const check = new FolderCheck((path) => join(folder, path));
  await check.addAll(files);
  return check.totals.damaged > 0;
}
