// Source → archive: the model registry of Neptune 2, models first and then their versions.

import { ExporterError } from '../model/errors.ts';
import { alone, forEachProject } from './export.ts';
import { endsExport, recordFailure, SoughtIds } from './export-failures.ts';
import { type ExportOptions, type ExportResult, emptyResult } from './export-options.ts';
import { exportProject } from './export-project.ts';

export interface ModelsResult {
  models: ExportResult;
  versions: ExportResult;
}

/**
 * Exports the models of some projects, and all versions of these models, that the archive doesn't have whole. The
 * versions of a model that is skipped are exported, too: there may be new ones.
 * @throws ExporterError `unsupported` if the source has no model registry; otherwise as `exportRuns`
 */
export async function exportModels(options: ExportOptions): Promise<ModelsResult> {
  const { filter, source } = options;
  const { registry } = source;
  if (!registry) throw new ExporterError('unsupported', 'Neptune 3 has no model registry: there is nothing to export.');
  return alone(options, async () => {
    const result = { models: emptyResult(), versions: emptyResult() };
    const sought = new SoughtIds('model', options);
    await forEachProject(options, result.models, async (projectId, settled) => {
      const listed = sought.watch(registry.listModels(projectId, filter));
      const models = await exportProject(projectId, listed, settled, result.models, { scope: 'models', before: 0 });
      try {
        const versions = registry.listVersions(projectId, models, filter.includeArchived);
        const part = { scope: 'model_versions', before: models.length } as const;
        await exportProject(projectId, versions, settled, result.versions, part);
      } catch (error) {
        // The models are done, and their counts are not to be lost.
        if (endsExport(error)) throw error;
        recordFailure(projectId, error, settled, result.versions);
      }
    });
    sought.tellMissing(result.models);
    return result;
  });
}
