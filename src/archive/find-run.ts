// Looks up one run in an archive by its ids, without reading the folder it lies in.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegistryScope } from '../model/runs.ts';
import { readManifest } from './manifest.ts';
import { diskName, partName, runsFolder } from './names.ts';
import type { ArchiveRun, Manifest } from './types.ts';

/** Path of the journal that stands beside a manifest while the run's export is under way, or while it is partial. */
export function journalPath(dataPath: string, projectId: string, runId: string, scope?: RegistryScope): string {
  return journalOf(runsFolder(dataPath, projectId, scope), diskName(runId));
}

function journalOf(directory: string, run: string): string {
  return join(directory, '_runs', `${run}.downloads.jsonl`);
}

/** True if our export of a run ended between its part_0 and its manifest: it must be done again. */
export async function isInterrupted(run: ArchiveRun): Promise<boolean> {
  return !run.manifest && (await isFile(journalOf(run.project.directory, run.diskName)));
}

/**
 * The run, if its part_0 is there. Without a manifest it is the official exporter's, unless our journal shows that the
 * program ended between the two: then it is as good as not there.
 * @throws ExporterError `archive` for a damaged manifest
 */
export async function findRun(
  dataPath: string,
  projectId: string,
  runId: string,
  scope?: RegistryScope,
): Promise<{ manifest?: Manifest } | undefined> {
  const part = join(runsFolder(dataPath, projectId, scope), partName(diskName(runId), 0));
  if (!(await isFile(part))) return undefined;
  const manifest = await readManifest(dataPath, projectId, runId, scope);
  if (manifest) return { manifest };
  return (await isFile(journalPath(dataPath, projectId, runId, scope))) ? undefined : {};
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ?? false;
}
