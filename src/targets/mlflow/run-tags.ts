// What a run carries besides its attributes: tags, user, times, status. Pure.

import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { loadMarks } from '../load-mark.ts';
import { codePoints, cutCodePoints, storable } from '../text.ts';
import { pythonFloat, stringSetText } from '../values.ts';
import type { Tag } from './client.ts';
import { fullExperimentName, fullRunName, MAX_NAME } from './names.ts';

/** Tag that says which run of an archive this is; written when the run is made. */
export const RUN_KEY_TAG = 'neptune_exporter.run_key';
/** What is being loaded; written when the run is made. */
export const LOADING_TAG = 'neptune_exporter.loading';
/** What was loaded; written last, when all of it has been found at the server. */
export const LOADED_TAG = 'neptune_exporter.loaded';

/** Of experiments and runs: the project's path. */
export const PROJECT_TAG = 'neptune.project';
/** Tells the run that a call made, whose answer was lost, from others of its key. */
export const ATTEMPT_TAG = 'neptune_exporter.attempt';
/** MLflow's own: the id of the parent run, by which its pages nest runs. */
export const PARENT_TAG = 'mlflow.parentRunId';

/** Raised when the same archive would be laid out otherwise than before. */
const MAPPING_VERSION = 1;
/** Longest tag value, in code points; MLflow cuts longer ones without a word. */
const MAX_TAG = 8000;
const CUT_NOTE = '… [cut]';

/** The values of the two marks. */
export const { markOf, loadMark, contentMark, readMark, hasContent } = loadMarks(MAPPING_VERSION);

/** Times of a run in milliseconds; a run that doesn't tell them gets the time of the load, as MLflow would give it. */
export function runTimes(run: RunInfo, now: number): { start: number; end: number } {
  const start = run.creationTime ?? run.modificationTime ?? now;
  return { start, end: run.modificationTime ?? start };
}

export function runStatus(run: RunInfo): 'FINISHED' | 'FAILED' {
  const failed = run.sys.get('sys/failed');
  return failed?.type === 'bool' && failed.value === true ? 'FAILED' : 'FINISHED';
}

export function runOwner(run: RunInfo): string | undefined {
  return textOf(run, 'sys/owner');
}

/**
 * The tags that a run is made with.
 * @param parent the target's id of the parent run
 */
export function runTags(
  run: RunInfo,
  options: { key: string; mark: string; parent: string | undefined; prefix: string | undefined },
  alterations: AlterationList,
): Tag[] {
  const name = fullRunName(run);
  const experiment = fullExperimentName(run, options.prefix);
  if (codePoints(name) > MAX_NAME) {
    alterations.add(
      'run_name_cut',
      undefined,
      `The run's name is cut to ${MAX_NAME} characters; neptune.run_id has it.`,
    );
  }
  if (codePoints(experiment) > MAX_NAME) {
    const message = `The experiment's name is cut to ${MAX_NAME} characters; neptune.experiment_name has it.`;
    alterations.add('experiment_name_cut', undefined, message);
  }
  const values: Record<string, string | undefined> = {
    [RUN_KEY_TAG]: options.key,
    [LOADING_TAG]: options.mark,
    [PARENT_TAG]: options.parent,
    'mlflow.user': runOwner(run),
    'mlflow.note.content': textOf(run, 'sys/description'),
    [PROJECT_TAG]: run.projectId,
    'neptune.run_id': run.runId,
    'neptune.custom_run_id': run.customRunId === run.runId ? undefined : run.customRunId,
    'neptune.sys_id': textOf(run, 'sys/id'),
    'neptune.experiment_name': run.experimentName,
    'neptune.parent_run_id': run.parentRunId,
    'neptune.fork_step': run.forkStep === undefined ? undefined : stepOf(run.forkStep),
    'neptune.tags': setOf(run, 'sys/tags'),
    'neptune.group_tags': setOf(run, 'sys/group_tags'),
  };
  return Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined || value === '') return [];
    return [{ key, value: tagValue(key, value, alterations) }];
  });
}

function tagValue(key: string, value: string, alterations: AlterationList): string {
  const clean = storable(value);
  if (codePoints(clean) <= MAX_TAG) return clean;
  alterations.add(
    'tag_cut',
    undefined,
    `The tag ${key} is cut to ${MAX_TAG} characters; the param has the whole text.`,
  );
  return cutCodePoints(clean, MAX_TAG - CUT_NOTE.length) + CUT_NOTE;
}

/** Whole steps without `.0`, as steps are written elsewhere. */
function stepOf(step: number): string {
  return Number.isSafeInteger(step) ? String(step) : pythonFloat(step);
}

function textOf(run: RunInfo, path: string): string | undefined {
  const row = run.sys.get(path);
  return row?.type === 'string' && row.value !== null && row.value !== '' ? row.value : undefined;
}

function setOf(run: RunInfo, path: string): string | undefined {
  const row = run.sys.get(path);
  return row?.type === 'string_set' && row.value !== null ? stringSetText(row.value).text : undefined;
}
