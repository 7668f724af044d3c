// Looks up one run in an archive by its ids, without reading the folder it lies in.

import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RegistryScope } from '../model/runs.ts';
import { manifestPath, readManifest } from './manifest.ts';
import { diskName, partName, runsFolder } from './names.ts';
import type { ArchiveRun, Manifest } from './types.ts';

/** Ends the name of a journal. */
export const JOURNAL_ENDING = '.downloads.jsonl';

/** Path of the journal that stands beside a manifest while the run's export is under way, or while it is partial. */
export function journalPath(dataPath: string, projectId: string, runId: string, scope?: RegistryScope): string {
  return journalOf(runsFolder(dataPath, projectId, scope), diskName(runId));
}

function journalOf(directory: string, run: string): string {
  return join(dirname(manifestPath(directory, run)), run + JOURNAL_ENDING);
}

/** True if our export of a run ended between its part_0 and its manifest: it must be done again. */
export async function isInterrupted(run: ArchiveRun): Promise<boolean> {
  return !run.manifest && (await isFile(journalOf(run.project.directory, run.diskName)));
}

/**
 * The run, if its manifest or its part_0 is there. A manifest may tell of parts that were lost. Without one the run is
 * the official exporter's, or lost its manifest.
 * @throws ExporterError `archive` for a damaged manifest
 */
export async function findRun(
  dataPath: string,
  projectId: string,
  runId: string,
  scope?: RegistryScope,
): Promise<{ manifest?: Manifest; interrupted?: true } | undefined> {
  const manifest = await readManifest(dataPath, projectId, runId, scope);
  if (manifest) return { manifest };
  const part = join(runsFolder(dataPath, projectId, scope), partName(diskName(runId), 0));
  if (!(await isFile(part))) return undefined;
  return (await isFile(journalPath(dataPath, projectId, runId, scope))) ? { interrupted: true } : {};
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ?? false;
}
