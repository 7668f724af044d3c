// Source → archive: exports the runs of some projects.

import { silentLogger } from '../model/logger.ts';
import { endsExport, recordFailure, SoughtIds } from './export-failures.ts';
import { type ExportOptions, type ExportResult, emptyResult, type SettledOptions } from './export-options.ts';
import { exportProject } from './export-project.ts';
import { silentProgress } from './progress.ts';

export type { ExportOptions, ExportResult } from './export-options.ts';

/**
 * Exports the runs of some projects that the archive doesn't have whole.
 * @throws ExporterError what ends the export as a whole: `token_refused`, `disk`, `interrupted`; or the error of the
 *   only project
 */
export async function exportRuns(options: ExportOptions): Promise<ExportResult> {
  const { source, filter } = options;
  const result = emptyResult();
  const sought = new SoughtIds('run', options);
  await forEachProject(options, result, async (projectId, settled) => {
    await exportProject(projectId, sought.watch(source.listRuns(projectId, filter)), settled, result);
  });
  sought.tellMissing(result);
  return result;
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
