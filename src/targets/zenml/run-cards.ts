// What a version carries besides its attributes: description, tags, where it comes from, its fork. Pure.

import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { codePoints, cutCodePoints, cutWithHash, storable } from '../text.ts';
import { pythonFloat } from '../values.ts';
import { objectJson } from './cards.ts';
import { FORK_CARD, fullVersionName, IMPORT_CARD, LOADING, nameText, RUN_KEY, tagName } from './names.ts';

const MAX_DESCRIPTION = 5000;
const CUT_NOTE = '… [cut]';
const MAX_ID = 1000;

export const IMPORT_TAG = 'neptune-import';

export function projectTag(projectId: string): string {
  return cutWithHash(nameText(`neptune-project:${projectId}`), 250);
}

/** `sys/description`, else where the run comes from. */
export function descriptionOf(run: RunInfo, alterations: AlterationList): string {
  const row = run.sys.get('sys/description');
  const text = row?.type === 'string' && row.value ? storable(row.value) : '';
  if (text === '') return storable(`Neptune run ${fullVersionName(run)} of ${run.projectId}`).slice(0, MAX_DESCRIPTION);
  if (codePoints(text) <= MAX_DESCRIPTION) return text;
  const message = `The description is cut to ${MAX_DESCRIPTION} characters; the attribute sys/description has all of it.`;
  alterations.add('description_cut', undefined, message);
  return cutCodePoints(text, MAX_DESCRIPTION - CUT_NOTE.length) + CUT_NOTE;
}

/** Neptune's tags, the experiment's name and the group tags. ZenML's tags are names, of 255 characters. */
export function tagsOf(run: RunInfo, alterations: AlterationList): string[] {
  const experiment = run.experimentName ? [`neptune-experiment:${run.experimentName}`] : [];
  const groups = setOf(run, 'sys/group_tags').map((tag) => `neptune-group:${tag}`);
  const tags = new Set([IMPORT_TAG, projectTag(run.projectId)]);
  for (const tag of [...setOf(run, 'sys/tags'), ...experiment, ...groups]) {
    const name = tagName(tag);
    if (name !== tag) {
      alterations.add(
        'tag_changed',
        undefined,
        'Tags that ZenML does not take as they are; sys/tags and sys/name have them.',
      );
    }
    if (name !== undefined) tags.add(name);
  }
  return [...tags];
}

/** The metadata that a version is begun with. JSON by key. */
export function firstCards(run: RunInfo, key: string, mark: string, parent: string | undefined): Map<string, string> {
  return new Map([
    [RUN_KEY, JSON.stringify(key)],
    [LOADING, JSON.stringify(mark)],
    [IMPORT_CARD, importCard(run)],
    ...forkCard(run, parent),
  ]);
}

function importCard(run: RunInfo): string {
  const sysId = run.sys.get('sys/id');
  return objectJson({
    source: '"neptune"',
    tool: '"neptune-exporter"',
    loader: '"zenml"',
    project_id: idJson(run.projectId),
    run_id: idJson(run.runId),
    custom_run_id: run.customRunId === run.runId ? undefined : idJson(run.customRunId),
    sys_id: sysId?.type === 'string' ? idJson(sysId.value ?? undefined) : undefined,
    experiment_name: idJson(run.experimentName),
  });
}

/** The card of a fork; none for a run that isn't one. @param parent id of the parent's version, if it is there */
export function forkCard(run: RunInfo, parent: string | undefined): [key: string, json: string][] {
  if (run.parentRunId === undefined && parent === undefined) return [];
  const { parentRunId, forkStep } = run;
  const step = forkStep === undefined || !Number.isFinite(forkStep) ? undefined : forkStep;
  const json = objectJson({
    parent_run_id: idJson(parentRunId),
    step: step === undefined ? undefined : Number.isSafeInteger(step) ? String(step) : pythonFloat(step),
    parent_model_version_id: idJson(parent),
  });
  return [[FORK_CARD, json]];
}

function idJson(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(cutWithHash(storable(text), MAX_ID));
}

function setOf(run: RunInfo, path: string): string[] {
  const row = run.sys.get(path);
  return row?.type === 'string_set' && row.value !== null ? row.value : [];
}
