// Makes a manifest for a run that has none: exact about what is there, silent about what nobody knows.

import { EXPORT_CLASSES } from '../../model/attributes.ts';
import { isSafeRelativePath, writeManifest } from '../manifest.ts';
import { MANIFEST_VERSION, type Manifest, type ManifestFile } from '../types.ts';
import { countsOf } from './parts-together.ts';
import { isInPlace, type ReadRun } from './run-check.ts';

/**
 * Writes the manifest of a run of the official exporter that was read to its end, and in which nothing looks broken.
 * Neither parts nor files are touched.
 * @param writtenBy as Manifest.writtenBy
 * @returns false if a manifest can't name what the run has
 * @throws ExporterError `disk`
 */
export async function adoptRun(dataPath: string, read: ReadRun, writtenBy: string): Promise<boolean> {
  const files = read.files.flatMap(filesOf);
  if (!isInPlace(read.run) || !files.every(({ path }) => path !== null && isSafeRelativePath(path))) return false;
  await writeManifest(dataPath, manifestOf(read, files, writtenBy));
  return true;
}

function manifestOf({ run, parts }: ReadRun, files: ManifestFile[], writtenBy: string): Manifest {
  const contents = parts.flatMap(({ content }) => content ?? []);
  const sys = Object.assign({}, ...contents.map((content) => content.sys)) as Record<string, string | bigint>;
  const { 'sys/id': sysId, 'sys/modification_time': modified } = sys;
  const now = new Date().toISOString();
  return {
    format: 'neptune-exporter-run',
    version: MANIFEST_VERSION,
    status: 'complete',
    projectId: run.projectId,
    runId: run.runId,
    ...(typeof sysId === 'string' ? { sysId } : {}),
    ...(run.scope === undefined ? {} : { scope: run.scope }),
    writtenBy,
    writtenAt: now,
    source: { name: sourceOf(run.scope !== undefined, run.runId, sys), address: '' },
    // Nobody recorded what was asked for; `adopted` says that this is no more than what exports ask for by default.
    selection: { attributes: 'all', classes: [...EXPORT_CLASSES].sort(), previews: false },
    ...(typeof modified === 'bigint' ? { modifiedAt: Number(modified) } : {}),
    parts: run.parts.map((path, index) => {
      const { rows = 0, bytes = 0, sha256 = '' } = parts[index]!;
      return { name: path.slice(run.project.directory.length + 1), rows, bytes, sha256 };
    }),
    files,
    counts: countsOf(contents),
    failures: [],
    adopted: now,
  };
}

/** Neptune 2 calls runs by `sys/id`, Neptune 3 by `sys/custom_run_id`; only Neptune 2 has models. */
function sourceOf(isModel: boolean, runId: string, sys: Record<string, string | bigint>): string {
  if (isModel || sys['sys/id'] === runId) return 'neptune2';
  return sys['sys/custom_run_id'] === runId ? 'neptune3' : 'unknown';
}

/** A set of files is a folder in its row, and what lies in it in the manifest. */
function filesOf({ attributePath, attributeType, step, path, result }: ReadRun['files'][number]): ManifestFile[] {
  const common = { attributePath, attributeType, ...(step === undefined ? {} : { step }) };
  if (result.members) return result.members.map((member) => ({ ...common, ...member, path: `${path}/${member.path}` }));
  return [{ ...common, path, bytes: result.bytes, sha256: result.sha256 ?? '' }];
}
