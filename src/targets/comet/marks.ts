// What a run carries at Comet besides its attributes: marks, others, tags, times. Pure.

import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { loadMarks } from '../load-mark.ts';
import { storable } from '../text.ts';
import { pythonFloat } from '../values.ts';
import { experimentName } from './names.ts';
import { cutText, fits } from './values.ts';

/** Other by which Comet names an experiment. */
export const NAME_OTHER = 'Name';
/** What was loaded; written last, when all of it has been found at the service. */
export const LOADED_OTHER = 'neptune_exporter.loaded';
/** The load that is at work on the experiment, or was the last one. */
export const LOAD_OTHER = 'neptune_exporter.load';
/** Why an experiment is given up: another one is in its place. */
export const REPLACED_OTHER = 'neptune_exporter.replaced';
/** Key of the experiment that the run was forked from. */
export const PARENT_OTHER = 'neptune.parent_experiment';

/** Raised when the same archive would be laid out, or put into batches, otherwise than before. */
const MAPPING_VERSION = 1;
const CUT_NOTE = '… [cut]';

/** The values of the completion mark. */
export const { markOf, loadMark, contentMark, readMark, hasContent } = loadMarks(MAPPING_VERSION);

/** Others that an experiment is made with, in the order in which they are sent. @param parent key of its experiment */
export function runOthers(
  run: RunInfo,
  parent: string | undefined,
  alterations: AlterationList,
): [name: string, value: string][] {
  const name = experimentName(run);
  const sysId = textOf(run, 'sys/id');
  const values: Record<string, string | undefined> = {
    [NAME_OTHER]: name,
    'neptune.project': run.projectId,
    'neptune.run_id': run.runId,
    'neptune.custom_run_id': run.customRunId === run.runId ? undefined : run.customRunId,
    'neptune.sys_id': sysId === run.runId ? undefined : sysId,
    'neptune.experiment_name': run.experimentName,
    'neptune.parent_run_id': run.parentRunId,
    'neptune.fork_step': run.forkStep === undefined ? undefined : stepOf(run.forkStep),
    [PARENT_OTHER]: parent,
  };
  return Object.entries(values).flatMap(([key, value]): [string, string][] => {
    if (value === undefined || value === '') return [];
    if (fits(value)) return [[key, value]];
    const message = `The other '${key}' is cut: Comet takes 1,000 characters; the parameter of the attribute says where it is whole.`;
    alterations.add('other_cut', undefined, message);
    return [[key, cutText(value, CUT_NOTE)]];
  });
}

/** Tags of the experiment: those of the run and of its group, each once. */
export function runTags(run: RunInfo): string[] {
  const tags = ['sys/tags', 'sys/group_tags'].flatMap((path) => {
    const row = run.sys.get(path);
    return row?.type === 'string_set' && row.value !== null ? row.value : [];
  });
  // The parameter of the attribute has them as they are.
  return [...new Set(tags.map(storable))].filter((tag) => tag.trim() !== '');
}

/** Times in milliseconds; those that the archive doesn't tell are left to Comet. */
export function runTimes({ creationTime, modificationTime }: RunInfo): { start?: number; end?: number } {
  const start = creationTime ?? modificationTime;
  const end = modificationTime ?? creationTime;
  return { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
}

/** Who made the run, and where. */
export function systemDetails(run: RunInfo): { user?: string; hostname?: string } {
  const [user, hostname] = [textOf(run, 'sys/owner'), textOf(run, 'sys/hostname')];
  return {
    ...(user === undefined ? {} : { user: storable(user) }),
    ...(hostname === undefined ? {} : { hostname: storable(hostname) }),
  };
}

export function hasFailed(run: RunInfo): boolean {
  const failed = run.sys.get('sys/failed');
  return failed?.type === 'bool' && failed.value === true;
}

/** Whole steps without `.0`, as steps are written elsewhere. */
function stepOf(step: number): string {
  return Number.isSafeInteger(step) ? String(step) : pythonFloat(step);
}

function textOf(run: RunInfo, path: string): string | undefined {
  const row = run.sys.get(path);
  return row?.type === 'string' && row.value !== null && row.value !== '' ? row.value : undefined;
}
