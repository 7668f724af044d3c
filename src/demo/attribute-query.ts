// What the two attribute queries (definitions, values) have in common: runs, filters, pages.

import type { Catalog, CatalogProject, CatalogRun } from './catalog.ts';
import { DEMO_TYPES, type DemoType } from './dataset.ts';
import { Fields } from './fields.ts';
import { DEFAULT_PAGE, MAX_NAME_BYTES, MAX_PAGE, MAX_REGEX_BYTES } from './limits.ts';
import { badRequest } from './refusal.ts';
import { type Matcher, matcherOf } from './regex.ts';

export type AttributeTest = (name: string, type: DemoType) => boolean;

/** Fields of a request that this file reads. */
export const FILTER_FIELDS = ['experimentIdsFilter', 'attributeFilter', 'attributeNameFilter', 'nextPage'];

/**
 * The runs that `experimentIdsFilter` names, each once; all runs of the projects without it. Runs that aren't there
 * are passed over.
 * @throws Refusal 403 for a project that isn't there, 400 for a run of a project that wasn't asked for
 */
export function runsOf(request: Fields, catalog: Catalog, projects: CatalogProject[]): CatalogRun[] {
  if (!request.has('experimentIdsFilter')) return projects.flatMap((project) => project.runs);
  const runs = new Set<CatalogRun>();
  for (const identifier of request.texts('experimentIdsFilter')) {
    const found = catalog.run(identifier);
    if (!found) continue;
    if (!projects.includes(found.project)) throw badRequest(`"${identifier}" is not of the project asked for.`);
    runs.add(found.run);
  }
  return [...runs];
}

/** Combines the type filter and the name filter. @throws Refusal 400 */
export function attributeTest(request: Fields): AttributeTest {
  const types = typesOf(request);
  const named = nameTest(request);
  return (name, type) => (types === undefined || types.has(type)) && named(name);
}

function typesOf(request: Fields): Set<DemoType> | undefined {
  if (!request.has('attributeFilter')) return undefined;
  return new Set(
    request.list('attributeFilter', (item, place) =>
      new Fields(item, place, ['attributeType']).word('attributeType', DEMO_TYPES),
    ),
  );
}

const REGEX_FIELDS = ['mustMatchRegexes', 'mustNotMatchRegexes'];

function nameTest(request: Fields): Matcher {
  if (!request.has('attributeNameFilter')) return () => true;
  const filter = request.object('attributeNameFilter', ['mustMatchAny', ...REGEX_FIELDS]);
  const budget = { left: MAX_REGEX_BYTES };
  if (!filter.has('mustMatchAny')) return regexTest(filter, budget);
  if (REGEX_FIELDS.some((field) => filter.has(field)))
    throw badRequest('attributeNameFilter: mustMatchAny excludes regexes beside it.');
  const alternatives = filter.list('mustMatchAny', (item, place) =>
    regexTest(new Fields(item, place, REGEX_FIELDS), budget),
  );
  return (name) => alternatives.some((matches) => matches(name));
}

function regexTest(filter: Fields, budget: { left: number }): Matcher {
  const [must, mustNot] = REGEX_FIELDS.map((field) => {
    const patterns = filter.has(field) ? filter.texts(field) : [];
    for (const pattern of patterns) budget.left -= Buffer.byteLength(pattern);
    if (budget.left < 0) throw badRequest(`The regexes of a request must not be over ${MAX_REGEX_BYTES} bytes.`);
    return patterns.map(matcherOf);
  });
  return (name) => must!.every((matches) => matches(name)) && !mustNot!.some((matches) => matches(name));
}

export interface Page {
  limit: number;
  /** Where the page begins, as the page before it said; undefined for the first. */
  from: string | undefined;
}

/** @throws Refusal 400 */
export function pageOf(request: Fields): Page {
  if (!request.has('nextPage')) return { limit: DEFAULT_PAGE, from: undefined };
  const page = request.object('nextPage', ['limit', 'nextPageToken']);
  return {
    limit: page.has('limit') ? page.whole('limit', 1, MAX_PAGE) : DEFAULT_PAGE,
    from: page.has('nextPageToken') ? page.text('nextPageToken') : undefined,
  };
}

/** A token says where the next page begins, so that nothing is kept between requests. */
export function tokenOf(place: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Reads the whole numbers of a token. @throws Refusal 400 if it isn't one of ours */
export function numbersOfToken(token: string, count: number): number[] {
  try {
    const place: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(place) && place.length === count && place.every((one) => Number.isSafeInteger(one) && one >= 0))
      return place;
  } catch {
    // Falls through: no token of ours.
  }
  throw badRequest('The page token is invalid.');
}

/** @throws Refusal 400 if names and runs of a request are over the size that clients keep to */
export function checkNameBytes(names: Iterable<string>, runs: number): void {
  let bytes = runs * 50;
  for (const name of names) bytes += Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES) throw badRequest(`Attribute names and runs are over ${MAX_NAME_BYTES} bytes.`);
}
