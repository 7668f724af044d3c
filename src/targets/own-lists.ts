// Lists in JSON that a loader adds to a run: where attributes went, and what was altered. Pure.

import type { SeriesFormat } from './series-files.ts';
import type { Alteration } from './target.ts';

/** A JSON file with one list, entry by entry: each is JSON. @param head what else the file says */
export function listFormat(head: object, list: string): SeriesFormat<Iterable<string>> {
  return {
    name: `${list}.json`,
    head: `${JSON.stringify(head).slice(0, -1)},"${list}":[\n`,
    between: ',\n',
    tail: '\n]}\n',
    entries: (entries) => entries,
  };
}

/** The entries of `alterations.json`. */
export function* alterationEntries(all: readonly Alteration[]): Generator<string> {
  for (const { attributePath, code, message, count } of all) {
    yield JSON.stringify({ path: attributePath ?? null, code, message, count });
  }
}
