// What a load would do, found out without sending anything: runs by state, names, values and steps that will be altered.

import { throwIfAborted } from '../http/limits.ts';
import { ExporterError, type Failure, failureOf } from '../model/errors.ts';
import { AlterationList } from '../targets/alterations.ts';
import type { CollisionPolicy } from '../targets/step-collisions.ts';
import type { RunSurvey } from '../targets/survey.ts';
import type { Alteration, FoundRun, Target } from '../targets/target.ts';
import { exportFailures, surveyRun } from './load-run.ts';
import { type SelectedRun, type SelectOptions, selectRuns } from './load-selection.ts';
import { planSteps, type StepsPlan } from './load-steps.ts';
import { checking, type Progress, silentProgress } from './progress.ts';

export interface PlanOptions extends Omit<SelectOptions, 'onDamaged'> {
  target: Target;
  stepMultiplier: bigint | 'auto';
  /** @default stop */
  onStepCollision?: CollisionPolicy;
  progress?: Progress;
}

/** `new`: not at the target yet. `unreadable`: nothing of it can be loaded. The others as of FoundRun. */
export type PlannedState = 'new' | 'unreadable' | FoundRun['state'];

export interface RunPlan {
  projectId: string;
  runId: string;
  state: PlannedState;
  /** Where it goes at the target, and its name there; absent for an unreadable run. */
  group?: string;
  name?: string;
  /** Rows of the archive; 0 for a run that is left as it is. */
  records: number;
  /** Points of series. */
  points: number;
  /** Rows that name a file. */
  files: number;
  /** What will be altered on the way. */
  alterations: Alteration[];
  /** What will be missing: parts that can't be read, what the export could not get. */
  failures: Failure[];
}

export interface GroupPlan {
  name: string;
  /** It is there already. */
  exists: boolean;
  runs: number;
}

export interface LoadPlan {
  steps: StepsPlan;
  /** By the target's word for it: experiments, projects. */
  groups: GroupPlan[];
  runs: RunPlan[];
  /** Of the runs that will be sent. */
  values: { nans: number; infinities: number; negativeZeros: number };
  /** Run ids that were asked for, and that the archive lacks. */
  missing: string[];
}

/** Plans a load. Connects the target, and only asks it. @throws as `loadArchive`, but for `step_collision` */
export async function planLoad(options: PlanOptions): Promise<LoadPlan> {
  const { target, signal, progress = silentProgress } = options;
  const runs: RunPlan[] = [];
  const onDamaged = (projectId: string, runId: string, error: unknown) =>
    runs.push({ ...emptyRun(projectId, runId, 'unreadable'), failures: [failureOf(error)] });
  const { projects, missing } = await selectRuns({ ...options, onDamaged });
  await target.connect({ readOnly: true });
  const { steps, digests } = await planSteps(projects, { ...options, progress: checking(progress) });
  progress.stage?.('planning', false);
  const values = { nans: 0, infinities: 0, negativeZeros: 0 };
  const groups = new Map<string, GroupPlan>();
  for (const { project, runs: selected } of projects) {
    progress.project(project.projectId, selected.length);
    for (const one of selected) {
      throwIfAborted(signal);
      progress.runStarted(one.info.runId);
      const plan = await planRun(one, digests.get(one.run), steps.multiplier, options, values);
      runs.push(plan);
      progress.points(plan.points);
      progress.runFinished(one.info.runId, plan.state === 'unreadable' ? 'failed' : 'done');
      if (plan.group === undefined) continue;
      try {
        await countGroup(groups, plan.group, target);
      } catch (error) {
        // No run can be made in it: a load would fail this one.
        if (!(error instanceof ExporterError && error.code === 'server')) throw error;
        plan.failures.push(failureOf(error));
      }
    }
  }
  return { steps, groups: [...groups.values()], runs, values, missing };
}

async function countGroup(groups: Map<string, GroupPlan>, name: string, target: Target): Promise<void> {
  const known = groups.get(name);
  if (known) known.runs++;
  else groups.set(name, { name, exists: await target.hasGroup(name), runs: 1 });
}

async function planRun(
  { run, info }: SelectedRun,
  digest: string | undefined,
  stepMultiplier: bigint,
  { target, onStepCollision: collisions = 'stop', signal }: PlanOptions,
  values: LoadPlan['values'],
): Promise<RunPlan> {
  const { projectId, runId } = info;
  if (digest === undefined) {
    const error = new ExporterError('archive', 'Its parts are not what was exported: `verify` tells more.');
    return { ...emptyRun(projectId, runId, 'unreadable'), failures: [failureOf(error)] };
  }
  const found = await target.find(info, { digest, stepMultiplier });
  const isSent = !found || found.state === 'half' || found.state === 'changed';
  const failures = isSent ? await exportFailures(run) : [];
  const altered = new AlterationList();
  const survey: RunSurvey = isSent ? await surveyRun(run, stepMultiplier, signal, failures, altered) : new Map();
  const { group, name, alterations } = target.forecast(info, { survey, stepMultiplier, collisions });
  const plan: RunPlan = { ...emptyRun(projectId, runId, found?.state ?? 'new'), group, name, failures };
  if (!isSent) return plan;
  for (const { rows, type, nulls, nans, infinities, negativeZeros } of survey.values()) {
    plan.records += rows;
    if (type.endsWith('_series')) plan.points += rows;
    if (type.startsWith('file') || type === 'artifact') plan.files += rows - nulls;
    values.nans += nans;
    values.infinities += infinities;
    values.negativeZeros += negativeZeros;
  }
  return { ...plan, alterations: [...altered.all, ...alterations] };
}

function emptyRun(projectId: string, runId: string, state: PlannedState): RunPlan {
  return { projectId, runId, state, records: 0, points: 0, files: 0, alterations: [], failures: [] };
}
