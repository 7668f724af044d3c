// Looks up one run in an archive by its ids, without reading the folder it lies in.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifest } from './manifest.ts';
import { diskName, partName } from './names.ts';
import type { Manifest } from './types.ts';

/** The run, if its part_0 is there; without a manifest if it is the official exporter's. @throws ExporterError `archive` for a damaged manifest */
export async function findRun(
  dataPath: string,
  projectId: string,
  runId: string,
): Promise<{ manifest?: Manifest } | undefined> {
  const part = join(dataPath, diskName(projectId), partName(diskName(runId), 0));
  const found = await stat(part).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const manifest = await readManifest(dataPath, projectId, runId);
  return manifest ? { manifest } : {};
}
