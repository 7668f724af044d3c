// `verify --loader`: the archive beside the service that it was loaded into.

import { findArchive } from '../archive/reader.ts';
import { type Note, noteOf, type Problem, type VerifyFolder } from '../archive/verify/index.ts';
import { ExporterError } from '../model/errors.ts';
import { createTarget, type TargetName } from '../targets/registry.ts';
import { type ComparableTarget, isComparable } from '../targets/target.ts';
import { compareWithTarget, type TargetResult } from '../transfer/compare-target.ts';
import type { Progress } from '../transfer/progress.ts';
import type { CliContext } from './context.ts';
import type { Log } from './logging.ts';
import { settingsOf, type TargetOptions } from './target-options.ts';

export interface LoaderCheck {
  target: ComparableTarget;
  folders: readonly VerifyFolder[];
  projects?: readonly string[];
  runs?: readonly string[];
  concurrency: number;
  onProblem(problem: Problem): void;
}

/** What a comparison adds to the result of verifying. */
export interface LoaderResult extends TargetResult {
  /** Of the target. */
  address: string;
  notes: Note[];
}

/**
 * Makes and reaches the target, before the long work begins. Close it in the end.
 * @throws ExporterError as `createTarget` and `connect`; `unsupported` for a target that can't be compared with yet;
 *   `archive` if no run is in the folders
 */
export async function openTarget(
  loader: TargetName,
  options: TargetOptions,
  folders: readonly VerifyFolder[],
  { context, log, signal }: { context: CliContext; log: Log; signal: AbortSignal },
): Promise<ComparableTarget> {
  const archives = await Promise.all(folders.map(({ dataPath }) => findArchive(dataPath).catch(() => undefined)));
  if (!archives.some((archive) => archive !== undefined)) {
    throw new ExporterError('archive', 'There are no runs to compare: only runs are loaded, no models.', {
      hint: 'Give the folder of the runs, by default ./exports/data.',
    });
  }
  const target = await createTarget(loader, { ...settingsOf(options), logger: log, signal }, context.env);
  try {
    if (!isComparable(target)) throw new ExporterError('unsupported', `What ${loader} holds can't be compared yet.`);
    await target.connect({ readOnly: true });
    return target;
  } catch (error) {
    await target.close();
    throw error;
  }
}

/** @throws ExporterError as `compareWithTarget` */
export async function compareLoaded(
  check: LoaderCheck,
  { signal, progress }: { signal: AbortSignal; progress: Progress },
): Promise<LoaderResult> {
  const { target, folders, projects, runs, concurrency, onProblem } = check;
  const result: LoaderResult = { address: target.address, runs: [], points: 0, files: 0, bytes: 0, notes: [] };
  for (const { dataPath, filesPath } of folders) {
    const archive = await findArchive(dataPath);
    if (!archive) continue;
    const here = new Set(archive.projects().map(({ projectId }) => projectId));
    const wanted = projects?.filter((id) => here.has(id));
    if (wanted?.length === 0) continue;
    const found = await compareWithTarget({
      archive,
      filesPath,
      target,
      ...(wanted ? { projects: wanted } : {}),
      ...(runs ? { runs } : {}),
      concurrency,
      onProblem,
      progress,
      signal,
    });
    result.runs.push(...found.runs);
    result.points += found.points;
    result.files += found.files;
    result.bytes += found.bytes;
  }
  const extras = result.runs.reduce((sum, { extras: { count } }) => sum + count, 0);
  const unread = result.runs.filter(({ state }) => state === 'unread').length;
  if (extras > 0) result.notes.push(noteOf('target_extra', extras));
  if (unread > 0) result.notes.push(noteOf('target_unread', unread));
  return result;
}
