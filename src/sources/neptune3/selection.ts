// How a user's selection is said to Neptune 3: types by class, names and patterns as the official client sends them.

import type { AttributeSelection, RunFilter, Selection } from '../../model/runs.ts';
import { quoted, timeConditions } from '../selection.ts';

/** Backend type names by the class that selects them. Types that hold nothing to export are never asked for. */
const BACKEND_TYPES: [type: string, class_: 'parameters' | 'metrics' | 'series' | 'files'][] = [
  ['float', 'parameters'],
  ['int', 'parameters'],
  ['string', 'parameters'],
  ['bool', 'parameters'],
  ['datetime', 'parameters'],
  ['stringSet', 'parameters'],
  ['floatSeries', 'metrics'],
  ['stringSeries', 'series'],
  ['histogramSeries', 'series'],
  ['fileRef', 'files'],
  ['fileRefSeries', 'files'],
];

export function backendTypes(selection: Selection): { attributeType: string }[] {
  return BACKEND_TYPES.filter(([, class_]) => selection.classes.has(class_)).map(([attributeType]) => ({
    attributeType,
  }));
}

/** Fields of attributes/query that carry the selection by name. Empty: all names. */
export function nameFilter(attributes: AttributeSelection): Record<string, unknown> {
  if (attributes.kind === 'all') return {};
  if (attributes.kind === 'names') return { attributeNamesFilter: attributes.names };
  const mustMatchAny = parsePattern(attributes.pattern).map(({ match, dontMatch }) => ({
    ...(match.length > 0 ? { mustMatchRegexes: match } : {}),
    ...(dontMatch.length > 0 ? { mustNotMatchRegexes: dontMatch } : {}),
  }));
  return { attributeNameFilter: { mustMatchAny } };
}

/** One alternative of a pattern: all of `match` and none of `dontMatch`. */
interface Conjunction {
  match: string[];
  dontMatch: string[];
}

/**
 * The official client's extended patterns, on which scripts rely: ` | ` between alternatives, ` & ` between conditions
 * (with blanks around), a leading `!` negates a condition; `\x20` and `\x21` stand for a blank and `!`.
 */
export function parsePattern(pattern: string): Conjunction[] {
  const literal = (text: string) => text.replaceAll('\\x20', ' ').replaceAll('\\x21', '!');
  return pattern
    .trim()
    .split(/[ \t\r\n]+\|[ \t\r\n]+/)
    .map((alternative) => {
      const conditions = alternative.split(/[ \t\r\n]+&[ \t\r\n]+/);
      const negated = conditions.filter((condition) => condition.startsWith('!'));
      return {
        match: conditions.filter((condition) => !condition.startsWith('!')).map(literal),
        dontMatch: negated.map((condition) => literal(condition.replace(/^![ \t\r\n]*/, ''))),
      };
    });
}

/** The NQL query that lists runs, in the words of the official exporter. */
export function runsQuery(filter: RunFilter): string {
  const id = '`sys/custom_run_id`:string';
  const alternatives = parsePattern(filter.idPattern ?? '.+').map(({ match, dontMatch }) =>
    [
      ...match.map((regex) => `(${id} MATCHES ${quoted(regex)})`),
      ...dontMatch.map((regex) => `(${id} NOT MATCHES ${quoted(regex)})`),
    ].join(' AND '),
  );
  const conditions = [
    ...(filter.ids ? [anyOfIds(filter.ids)] : [alternatives.map((alternative) => `(${alternative})`).join(' OR ')]),
    ...(filter.includeArchived ? [] : ['`sys/archived`:bool != "True"']),
    ...timeConditions(filter, (iso) => iso.replace('Z', '+00:00')),
  ];
  const [only, ...others] = conditions;
  return others.length === 0 ? only! : conditions.map((condition) => `(${condition})`).join(' AND ');
}

/** By run id, or by sys id for runs that have no other. */
function anyOfIds(ids: readonly string[]): string {
  return ids
    .flatMap((id) => ['sys/custom_run_id', 'sys/id'].map((name) => `(\`${name}\`:string == ${quoted(id)})`))
    .join(' OR ');
}
