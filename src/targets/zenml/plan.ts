// What ZenML will alter of a run, foreseen from its survey. Pure.

import { isScalarType } from '../../model/attributes.ts';
import type { RunInfo } from '../../model/runs.ts';
import type { AlterationList } from '../alterations.ts';
import { type AttributeSurvey, type RunSurvey, surveyKey } from '../survey.ts';
import { fullVersionName, plainArtifact, plainKey, type RunNames, SERIES_CARD, versionName } from './names.ts';
import { MAX_TEXT } from './values.ts';

/**
 * Characters of keys and values that the metadata of one run may hold. The server hands all of it out at once, whenever
 * anybody looks at the run.
 */
const MAX_METADATA = 1_000_000;
/** What a number, a time or a flag is counted for. */
const SHORT_VALUE = 24;

/**
 * The attributes whose value, or summary, is in the metadata: all of them, up to a limit that very few runs reach; then
 * `sys/` first, single values before series, and in the order of their paths. By `surveyKey`.
 */
export function inMetadata(survey: RunSurvey, names: RunNames): ReadonlySet<string> {
  const rank = ({ path, type }: AttributeSurvey) => (path.startsWith('sys/') ? 0 : type === 'float_series' ? 2 : 1);
  const entries = [...survey.values()]
    .filter(({ type }) => isScalarType(type) || type === 'float_series')
    .sort((left, right) => rank(left) - rank(right) || (left.path < right.path ? -1 : 1));
  const chosen = new Set<string>();
  let size = 0;
  for (const entry of entries) {
    const name = surveyKey(entry.type, entry.path);
    size += (names.metadata.get(name)?.length ?? 0) + sizeOf(entry);
    if (size > MAX_METADATA) break;
    chosen.add(name);
  }
  return chosen;
}

function sizeOf({ type, longestText }: AttributeSurvey): number {
  if (type === 'float_series') return 4 * SHORT_VALUE;
  return Math.max(SHORT_VALUE, Math.min(longestText, MAX_TEXT));
}

/**
 * Adds what is known before anything of a run is sent. The load goes by the same, and adds what only content tells.
 * @param name of the version, where it is known which names others have
 */
export function foresee(
  list: AlterationList,
  run: RunInfo,
  survey: RunSurvey,
  names: RunNames,
  name = versionName(run),
): void {
  if (name !== fullVersionName(run)) {
    const reason = name === versionName(run) ? "ZenML does not take the run's own name" : 'another run has its name';
    const message = `The version is named '${name}': ${reason}. The metadata have it.`;
    list.add('run_renamed', undefined, message);
  }
  const chosen = inMetadata(survey, names);
  let left = 0;
  for (const entry of survey.values()) {
    const { path, type } = entry;
    const key = surveyKey(type, path);
    foreseeName(list, entry, names);
    if (type === 'histogram_series') list.add('null_value', path, 'Points without a value are left out.', entry.nulls);
    if (type === 'string_series') list.add('null_value', path, 'Points without a value have null for it.', entry.nulls);
    if (type === 'float_series') foreseeSpecial(list, entry, 'series');
    if (!isScalarType(type)) {
      if (type === 'float_series' && !chosen.has(key)) left++;
      continue;
    }
    if (!chosen.has(key)) left++;
    foreseeValue(list, entry);
  }
  const message = `Not in the metadata, which ZenML hands out as one: they are in the artifacts of the run.`;
  list.add('metadata_full', undefined, message, left);
}

function foreseeName(list: AlterationList, { path, type }: AttributeSurvey, names: RunNames): void {
  const name = surveyKey(type, path);
  const isMetadata = isScalarType(type) || type === 'float_series';
  const given = isMetadata ? names.metadata.get(name) : names.artifacts.get(name);
  if (given === undefined) return;
  const plain = isMetadata ? plainKey(path) : plainArtifact(path);
  const series = type === 'float_series' ? `${SERIES_CARD}/` : '';
  if (given !== series + plain) {
    const message = `Stored as '${given}': another attribute would have the same name.`;
    list.add('key_collision', path, message, 1, given);
  } else if (isMetadata && plain !== path) {
    list.add('renamed', path, `Stored as '${given}': other characters are not for names at ZenML.`, 1, given);
  }
}

function foreseeValue(
  list: AlterationList,
  { path, type, longestText, unstorableTexts, nulls, oddTimes, ...entry }: AttributeSurvey,
) {
  if (type === 'float') {
    foreseeSpecial(list, { path, ...entry }, 'value');
    list.add('null_as_nan', path, 'Without a value: NaN.', nulls);
    return;
  }
  list.add('null_value', path, 'Without a value: left out.', nulls);
  list.add('datetime_as_number', path, 'The time is in milliseconds since 1970: no calendar has it.', oddTimes);
  if (longestText > MAX_TEXT) {
    const message = `More than ${MAX_TEXT} characters: the metadata hold the beginning, an artifact the whole.`;
    list.add('value_too_long', path, message);
  } else if (unstorableTexts > 0) {
    const message = 'Characters that ZenML can not hold: the metadata have U+FFFD for them, an artifact the whole.';
    list.add('value_not_text', path, message);
  }
}

function foreseeSpecial(
  list: AlterationList,
  { path, nans, infinities }: Pick<AttributeSurvey, 'path' | 'nans' | 'infinities'>,
  what: 'series' | 'value',
): void {
  const reason = 'JSON has no number for NaN and infinities: they are texts in the metadata';
  const rest =
    what === 'series' ? ', where a summary has them. The artifact of the series has all points as they are.' : '.';
  list.add('not_a_number', path, reason + rest, nans + infinities);
}
