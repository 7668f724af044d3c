// Parts of a user's selection that both Neptunes have in common: times, chosen ids, and what is matched on this machine.

import { ExporterError } from '../model/errors.ts';
import { compilePythonRegex, RegexError } from '../model/python-regex.ts';
import type { RunFilter, Selection, TimeRange } from '../model/runs.ts';

/** Ids that one listing request names. */
export const IDS_PER_REQUEST = 100;

/**
 * Tells which attributes stay after `Selection.excluded`.
 * @throws ExporterError `usage` for a regex that can't be used
 */
export function withoutExcluded({ excluded = [] }: Selection): (path: string) => boolean {
  const patterns = excluded.map((pattern) => compiled(pattern));
  return (path) => !patterns.some((pattern) => pattern.test(path));
}

/**
 * Tells which attributes are selected, for a server that can't. A regex is searched for, as Python's `re.search` does.
 * @throws ExporterError `usage` for a regex that can't be used
 */
export function attributeFilter(selection: Selection): (path: string) => boolean {
  const stays = withoutExcluded(selection);
  const { attributes } = selection;
  if (attributes.kind === 'all') return stays;
  if (attributes.kind === 'names') {
    const names = new Set(attributes.names);
    return (path) => names.has(path) && stays(path);
  }
  const pattern = compiled(attributes.pattern);
  return (path) => pattern.test(path) && stays(path);
}

/** Tells whether a run id matches from its beginning on, as Python's `re.match` does. @throws ExporterError `usage` */
export function idMatcher(pattern: string | undefined): (id: string) => boolean {
  if (pattern === undefined) return () => true;
  const regex = compiled(pattern, '(?:', ')');
  return (id) => regex.test(id);
}

/** With `before` and `after` the pattern is to match at the very beginning. */
function compiled(pattern: string, before?: string, after?: string): RegExp {
  try {
    const plain = compilePythonRegex(pattern);
    if (before === undefined) return plain;
    // The flags of a pattern are those of the whole; its anchor must hold in their multi-line mode, too.
    return new RegExp(`(?<![^])${before}${plain.source}${after}`, plain.flags);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new ExporterError('usage', `The regular expression '${pattern}' is not valid: ${error.message}.`, {
      cause: error,
    });
  }
}

/** Whether a time, ms since 1970-01-01 UTC, lies in a range. Without a range everything does; without a time, nothing. */
export function inRange(time: number | undefined, range: TimeRange | undefined): boolean {
  const { from = Number.NEGATIVE_INFINITY, before = Number.POSITIVE_INFINITY } = range ?? {};
  if (!range || (range.from === undefined && range.before === undefined)) return true;
  return time !== undefined && time >= from && time < before;
}

/** NQL conditions for the times of a filter. @param text how the server wants a time, given as ISO 8601 with `Z` */
export function timeConditions({ created, modified }: RunFilter, text = (iso: string) => iso): string[] {
  const conditions: string[] = [];
  const add = (name: string, range: TimeRange | undefined) => {
    const literal = (ms: number) => `"${text(new Date(ms).toISOString())}"`;
    // `>` and `<` are what every server knows; times have whole milliseconds.
    if (range?.from !== undefined) conditions.push(`(\`${name}\`:datetime > ${literal(range.from - 1)})`);
    if (range?.before !== undefined) conditions.push(`(\`${name}\`:datetime < ${literal(range.before)})`);
  };
  add('sys/creation_time', created);
  add('sys/modification_time', modified);
  return conditions;
}

/** Filters that name at most so many ids each; the filter itself if it names none. */
export function byIds(filter: RunFilter): RunFilter[] {
  if (!filter.ids) return [filter];
  const ids = [...new Set(filter.ids)];
  const filters: RunFilter[] = [];
  for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) {
    filters.push({ ...filter, ids: ids.slice(at, at + IDS_PER_REQUEST) });
  }
  return filters;
}

/** A text as NQL writes it. */
export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
