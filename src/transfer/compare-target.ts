// Archive against target: whether each run is there, and as a load of it would have made it. Nothing is sent.

import { type Archive, readBatches } from '../archive/reader.ts';
import type { ArchiveRun } from '../archive/types.ts';
import { forEachLimited, throwIfAborted } from '../http/limits.ts';
import type { SeriesType } from '../model/attributes.ts';
import { type Batch, rowCount } from '../model/batches.ts';
import { ExporterError } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';
import type {
  AttributeVerdict,
  ComparableTarget,
  FoundRun,
  LoadedAs,
  RunVerdict,
  TargetDifference,
} from '../targets/target.ts';
import { contentDigest } from './content-digest.ts';
import { type OrderedRun, parentsFirst } from './load-order.ts';
import { prepareRun, readKnownInfo, readParts } from './load-run.ts';
import { type SelectedProject, selectRuns } from './load-selection.ts';
import { type Progress, silentProgress } from './progress.ts';

export type TargetProblemCode =
  | 'target_run_missing' // the target lacks a run, or has another program's of its name
  | 'target_run_half' // a load of the run didn't get to its end
  | 'target_run_changed' // the run was loaded with other content
  | 'target_missing' // something of a run isn't there
  | 'target_different' // something of a run is another
  | 'target_unreadable'; // something could not be compared

/** Something that archive and target don't have alike. */
export interface TargetProblem {
  code: TargetProblemCode;
  message: string;
  projectId: string;
  runId: string;
  attributePath?: string;
}

/**
 * `compared`: the rest of it tells how. `missing` to `foreign`: as the target has it, it can't be compared.
 * `unread`: the archive can't give it. `failed`: the target could not be asked.
 */
export interface ComparedRun extends Omit<RunVerdict, 'points' | 'files' | 'bytes'> {
  projectId: string;
  runId: string;
  state: 'compared' | 'missing' | 'half' | 'changed' | 'foreign' | 'unread' | 'failed';
  /** The target's id. */
  targetId: string | null;
}

export interface TargetResult {
  /** Runs in the order of their names. */
  runs: ComparedRun[];
  /** What the target sent. */
  points: number;
  files: number;
  bytes: number;
}

export interface CompareTargetOptions {
  archive: Archive;
  /** The archive's folder of files. */
  filesPath: string;
  target: ComparableTarget;
  /** Only these project ids. */
  projects?: readonly string[];
  /** Only these run ids. */
  runs?: readonly string[];
  /** Runs compared at once. */
  concurrency: number;
  onProblem(problem: TargetProblem): void;
  progress?: Progress;
  signal: AbortSignal;
}

/**
 * Compares all runs of a selection. Step multiplier and policy are those that each run was loaded with. Damage of the
 * archive is for others to tell: what it hits is left out.
 * @throws ExporterError what concerns every run: `token_refused`, `network`, `offline`, `disk`, `interrupted`
 */
export async function compareWithTarget(options: CompareTargetOptions): Promise<TargetResult> {
  const { target, progress = silentProgress } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const result: TargetResult = { runs: [], points: 0, files: 0, bytes: 0 };
  const onDamaged = (projectId: string, runId: string) => {
    result.runs.push(emptyRun(projectId, runId, 'unread'));
  };
  const { projects } = await selectRuns({ ...options, signal, onDamaged });
  await target.connect({ readOnly: true });
  for (const project of projects) {
    await compareProject(project, { ...options, progress, signal }, result, stop);
  }
  const place = ({ projectId, runId }: ComparedRun) => `${projectId}\0${runId}`;
  result.runs.sort((left, right) => (place(left) < place(right) ? -1 : 1));
  return result;
}

type Settled = CompareTargetOptions & { progress: Progress };

async function compareProject(
  { project: { projectId }, runs, others }: SelectedProject,
  options: Settled,
  result: TargetResult,
  stop: AbortController,
): Promise<void> {
  const { progress, concurrency, signal } = options;
  progress.project(projectId, runs.length);
  // As a load has them: of runs whose forks go in a circle one has no parent.
  const ordered = parentsFirst(runs, () => {});
  await forEachLimited(ordered, concurrency, async (one) => {
    const { runId } = one.info;
    try {
      throwIfAborted(signal);
      progress.runStarted(runId);
      const compared = await compareOne(one, others, options, result);
      result.runs.push(compared);
      progress.runFinished(runId, tell(compared, options) ? 'done' : 'failed');
    } catch (error) {
      if (endsComparison(error)) {
        stop.abort(error);
        throw error;
      }
      result.runs.push(emptyRun(projectId, runId, 'failed'));
      options.onProblem({ code: 'target_unreadable', message: messageOf(error), projectId, runId });
      progress.runFinished(runId, 'failed');
    }
  });
}

async function compareOne(
  { run, info, parent }: OrderedRun<ArchiveRun>,
  others: ReadonlyMap<string, ArchiveRun>,
  options: Settled,
  result: TargetResult,
): Promise<ComparedRun> {
  const { target, filesPath, progress, signal } = options;
  const { projectId, runId } = info;
  let digest: string;
  try {
    digest = await contentDigest(run, signal);
  } catch (error) {
    if (error instanceof ExporterError && error.code === 'archive') return emptyRun(projectId, runId, 'unread');
    throw error;
  }
  const found = await target.find(info, { digest, stepMultiplier: 1n });
  const loaded = found && isWhole(found) ? await target.loadedAs(info, found) : undefined;
  if (!found || !loaded) return emptyRun(projectId, runId, stateOf(found), found?.id);
  const { prepared } = await prepareRun(run, {
    target,
    digest,
    stepMultiplier: loaded.stepMultiplier,
    onStepCollision: loaded.collisions,
    filesPath,
    parent: await parentId(info, parent, others, options, loaded),
    progress,
    signal,
  });
  const comparison = await target.compare(info, found, {
    ...prepared,
    again: (type, paths) => seriesAgain(run, type, paths),
    onPoints: (count) => progress.points(count),
  });
  for await (const batch of readParts(run, () => undefined)) {
    throwIfAborted(signal);
    await comparison.batch(batch);
    // Points are told as the target sends them.
    if (batch.kind !== 'float_series') progress.points(rowCount(batch));
  }
  const { points, files, bytes, ...verdict } = await comparison.finish();
  result.points += points;
  result.files += files;
  result.bytes += bytes;
  return { projectId, runId, state: 'compared', targetId: found.id, ...verdict };
}

/** Loaded with another multiplier is whole, too: it is compared with that one. */
function isWhole({ state }: FoundRun): boolean {
  return state === 'whole' || state === 'rescaled';
}

function stateOf(found: FoundRun | undefined): ComparedRun['state'] {
  if (!found) return 'missing';
  // Whole, but by a mapping that this program doesn't know.
  return found.state === 'half' || found.state === 'foreign' ? found.state : 'changed';
}

/** The target's id of the run that this one was forked from, if it is there. */
async function parentId(
  { parentRunId }: RunInfo,
  parent: OrderedRun<ArchiveRun> | undefined,
  others: ReadonlyMap<string, ArchiveRun>,
  { target }: Settled,
  { stepMultiplier }: LoadedAs,
): Promise<string | undefined> {
  const other = parentRunId === undefined ? undefined : others.get(parentRunId);
  const info = parent?.info ?? (other ? await readKnownInfo(other) : undefined);
  return info && (await target.find(info, { digest: '', stepMultiplier }))?.id;
}

async function* seriesAgain(run: ArchiveRun, type: SeriesType, paths: ReadonlySet<string>): AsyncGenerator<Batch> {
  for await (const batch of readBatches(run, { types: [type] }))
    if ('path' in batch && paths.has(batch.path)) yield batch;
}

function emptyRun(
  projectId: string,
  runId: string,
  state: ComparedRun['state'],
  targetId: string | null = null,
): ComparedRun {
  const counts = { equal: 0, altered: 0, missing: 0, different: 0, unclear: 0 };
  return { projectId, runId, state, targetId, ...counts, attributes: [], extras: { count: 0, first: [] } };
}

const STATE_PROBLEMS: Partial<Record<ComparedRun['state'], { code: TargetProblemCode; message: string }>> = {
  missing: { code: 'target_run_missing', message: 'The target does not have this run.' },
  foreign: { code: 'target_run_missing', message: 'The target has a run of this name that another program made.' },
  half: { code: 'target_run_half', message: 'The target has this run half: start the load again.' },
  changed: {
    code: 'target_run_changed',
    message: 'The target has another content of this run: start the load again to replace it.',
  },
};

/** Tells what is off with a run. @returns whether nothing is */
function tell({ projectId, runId, state, attributes }: ComparedRun, { onProblem }: Settled): boolean {
  const ofRun = STATE_PROBLEMS[state];
  if (ofRun) onProblem({ ...ofRun, projectId, runId });
  let isFine = state === 'compared';
  for (const verdict of attributes) {
    if (verdict.state === 'altered') continue;
    isFine = false;
    const { attributePath } = verdict;
    const path = attributePath === undefined ? {} : { attributePath };
    onProblem({ code: problemCode(verdict.state), message: verdictWords(verdict), projectId, runId, ...path });
  }
  return isFine;
}

function problemCode(state: Exclude<AttributeVerdict['state'], 'altered'>): TargetProblemCode {
  return state === 'unclear' ? 'target_unreadable' : `target_${state}`;
}

function verdictWords({ differences, more }: AttributeVerdict): string {
  const [first, ...rest] = differences;
  const others = rest.length + more;
  return `${first ? differenceWords(first) : ''}${others > 0 ? ` And ${others} more of this attribute.` : ''}`;
}

function differenceWords({ what, message }: TargetDifference): string {
  return `${what}: ${message}`;
}

/** What concerns every run. */
function endsComparison(error: unknown): boolean {
  const codes = ['token_refused', 'network', 'offline', 'disk', 'interrupted'];
  return error instanceof ExporterError && codes.includes(error.code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
