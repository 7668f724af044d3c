// Source → archive: exports the runs of some projects.

import { mkdir } from 'node:fs/promises';
import { lockFolders } from '../archive/lock.ts';
import { onDisk } from '../model/disk-error.ts';
import { silentLogger } from '../model/logger.ts';
import { endsExport, recordFailure, SoughtIds } from './export-failures.ts';
import { type ExportOptions, type ExportResult, emptyResult, type SettledOptions } from './export-options.ts';
import { exportProject } from './export-project.ts';
import { silentProgress } from './progress.ts';

export type { ExportOptions, ExportResult } from './export-options.ts';

/**
 * Exports the runs of some projects that the archive doesn't have whole.
 * @throws ExporterError what ends the export as a whole: `locked`, `token_refused`, `disk`, `interrupted`; or the error
 *   of the only project
 */
export async function exportRuns(options: ExportOptions): Promise<ExportResult> {
  const { source, filter } = options;
  return alone(options, async () => {
    const result = emptyResult();
    const sought = new SoughtIds('run', options);
    await forEachProject(options, result, async (projectId, settled) => {
      await exportProject(projectId, sought.watch(source.listRuns(projectId, filter)), settled, result);
    });
    sought.tellMissing(result);
    return result;
  });
}

/** Does a task as the only export in its folders. @throws ExporterError `locked` */
export async function alone<T>({ dataPath, filesPath, logger }: ExportOptions, task: () => Promise<T>): Promise<T> {
  for (const folder of [dataPath, filesPath]) await onDisk(() => mkdir(folder, { recursive: true }));
  const lock = await lockFolders([dataPath, filesPath], (message) => logger?.warn(message));
  try {
    return await task();
  } finally {
    await lock.release();
  }
}

/**
 * Does a task for each project; one that fails does not stop the others.
 * @throws ExporterError as `exportRuns`
 */
export async function forEachProject(
  options: ExportOptions,
  result: ExportResult,
  task: (projectId: string, settled: SettledOptions) => Promise<void>,
): Promise<void> {
  const { progress = silentProgress, logger = silentLogger } = options;
  for (const projectId of options.projects) {
    try {
      await task(projectId, { ...options, progress, logger });
    } catch (error) {
      if (options.projects.length === 1 || endsExport(error)) throw error;
      recordFailure(projectId, error, options, result);
    }
  }
}
