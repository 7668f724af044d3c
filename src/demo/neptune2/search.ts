// The table of runs and models: by NQL, sorted, in pages, with some or all of their attributes.

import { AGGREGATIONS, type Aggregation, type Comparable, comparableOf } from '../aggregates.ts';
import type { Answer } from '../answer.ts';
import { Fields } from '../fields.ts';
import { type Dialect, parseDialect, type RunPredicate } from '../nql.ts';
import { badRequest, Refusal } from '../refusal.ts';
import { matcherOf } from '../regex.ts';
import { hash } from '../sample-noise.ts';
import { attributeJson, wireType } from './attribute-json.ts';
import { CONTAINER_TYPES, type Container, type ContainerType } from './catalog.ts';
import type { DemoAttribute2 } from './dataset.ts';
import { type Arguments, type Site, siteAnswer } from './operation.ts';

/** `offset + limit` may not pass it. */
const MAX_ROW = 10_000;
const DEFAULT_PAGE = 100;

const SIMPLE_TYPES = ['float', 'int', 'string', 'bool', 'datetime', 'stringSet', 'experimentState'];
const DIALECT: Dialect<DemoAttribute2> = {
  types: new Map([
    ...[...SIMPLE_TYPES, 'floatSeries', 'stringSeries'].map((type) => [type, type] as const),
    ['integer', 'int'],
  ]),
  valueOf: (attribute, aggregation) =>
    attribute.type === 'stringSet' ? attribute.value : sortKey(attribute, aggregation),
};
const SORT_TYPES = ['float', 'int', 'string', 'bool', 'datetime', 'experimentState', 'floatSeries', 'stringSeries'];

/** A value to compare and sort by; undefined where the attribute has none. */
function sortKey(attribute: DemoAttribute2 | undefined, aggregation: Aggregation = 'last'): Comparable | undefined {
  switch (attribute?.type) {
    case 'experimentState':
      return attribute.value;
    case 'float':
    case 'int':
    case 'string':
    case 'bool':
    case 'datetime':
    case 'floatSeries':
    case 'stringSeries':
      return comparableOf(attribute, aggregation);
    default:
      return undefined;
  }
}

const KNOWN = ['attributeFilters', 'pagination', 'query', 'sorting'];

/** searchLeaderboardEntries @throws Refusal 400, 404 */
export function searchEntries(args: Arguments, site: Site): Answer {
  const project = site.catalog.project(args.text('projectIdentifier'));
  const request = new Fields(args.body(), 'params', KNOWN);
  const types = typesOf(args);
  const matches = predicateOf(request);
  const found = types.flatMap((type) => project.containers[type]).filter(({ attributes }) => matches(attributes));
  const { offset, limit } = pageOf(request);
  const names = projectionOf(request);
  const entries = pageOfSorted(found, sortingOf(request), offset, limit).map((container) => ({
    experimentId: container.id,
    type: container.type,
    projectId: project.id,
    projectName: project.name,
    organizationId: project.workspaceId,
    organizationName: project.workspace,
    attributes: projected(container, names)
      .slice(0, site.limits.tableColumns)
      .map(([name, one]) => attributeJson(container, name, one)),
  }));
  return siteAnswer(site, { matchingItemCount: BigInt(found.length), entries });
}

/** searchLeaderboardAttributes: names and types of attributes in a project. @throws Refusal 400, 404 */
export function searchAttributes(args: Arguments, site: Site): Answer {
  const project = site.catalog.project(args.text('projectIdentifier'));
  const matches = predicateOf(new Fields(args.body(), 'params', ['query']));
  const wanted = args.texts('attributeType');
  const search = matcherOf(args.optionalText('search') ?? '');
  const limit = args.whole('limit', Number.MAX_SAFE_INTEGER);
  const seen = new Map<string, { name: string; type: string }>();
  for (const { attributes } of typesOf(args).flatMap((type) => project.containers[type])) {
    if (!matches(attributes)) continue;
    for (const [name, attribute] of attributes) {
      const type = wireType(attribute);
      const fits = search(name) && (wanted.length === 0 || wanted.includes(type));
      if (fits && seen.size < limit) seen.set(`${type}:${name}`, { name, type });
    }
  }
  return siteAnswer(site, { entries: [...seen.values()] });
}

function typesOf(args: Arguments): ContainerType[] {
  const asked = args.texts('type');
  const unknown = asked.find((type) => !(CONTAINER_TYPES as readonly string[]).includes(type));
  if (unknown !== undefined)
    throw badRequest(`The parameter type must be one of ${CONTAINER_TYPES}, not "${unknown}".`);
  return asked.length === 0 ? ['run'] : CONTAINER_TYPES.filter((type) => asked.includes(type));
}

/** @throws Refusal 400 with the title that clients know a wrong query by */
function predicateOf(request: Fields): RunPredicate<DemoAttribute2> {
  const query = request.has('query') ? request.object('query', ['query']).text('query') : '';
  if (query.trim() === '') return () => true;
  try {
    return parseDialect(query, DIALECT);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(400, 'BAD_REQUEST', error.message, 'Syntax error');
  }
}

function pageOf(request: Fields): { offset: number; limit: number } {
  const page = request.has('pagination') ? request.object('pagination', ['limit', 'offset']) : undefined;
  const limit = page?.has('limit') ? page.whole('limit', 0, MAX_ROW) : DEFAULT_PAGE;
  const offset = page?.has('offset') ? page.whole('offset', 0, MAX_ROW) : 0;
  if (offset + limit > MAX_ROW) throw badRequest(`Limit and offset must not be over ${MAX_ROW} together.`);
  return { offset, limit };
}

interface Sorting {
  name: string;
  type: string;
  aggregation: Aggregation;
  down: boolean;
}

function sortingOf(request: Fields): Sorting | undefined {
  if (!request.has('sorting')) return undefined;
  const sorting = request.object('sorting', ['dir', 'sortBy', 'aggregationMode']);
  const sortBy = sorting.object('sortBy', ['name', 'type', 'aggregationMode']);
  const mode = [sortBy, sorting].find((fields) => fields.has('aggregationMode'));
  const aggregation = mode?.word('aggregationMode', ['none', 'auto', ...AGGREGATIONS]) ?? 'auto';
  return {
    name: sortBy.text('name'),
    type: sortBy.word('type', SORT_TYPES),
    aggregation: aggregation === 'none' || aggregation === 'auto' ? 'last' : aggregation,
    down: sorting.has('dir') && sorting.word('dir', ['ascending', 'descending']) === 'descending',
  };
}

/**
 * A page of what is sorted. Containers without the attribute come last. Of those that share a value, the order is
 * another for each offset: servers promise none, and clients that believe in one lose rows here.
 */
function pageOfSorted(found: Container[], sorting: Sorting | undefined, offset: number, limit: number): Container[] {
  const keyed = found.map((container, index) => {
    const attribute = sorting && container.attributes.get(sorting.name);
    const key = attribute?.type === sorting?.type ? sortKey(attribute, sorting?.aggregation) : undefined;
    // NaN has no place among numbers: it counts as none.
    return { container, key: Number.isNaN(key) ? undefined : key, tie: hash(offset, index) };
  });
  keyed.sort((a, b) => compare(a.key, b.key, sorting?.down ?? false) || a.tie - b.tie);
  return keyed.slice(offset, offset + limit).map(({ container }) => container);
}

function compare(a: Comparable | undefined, b: Comparable | undefined, down: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const order = a < b ? -1 : Number(a > b);
  return down ? -order : order;
}

function projectionOf(request: Fields): string[] | undefined {
  if (!request.has('attributeFilters')) return undefined;
  const paths = request.list('attributeFilters', (item, place) => new Fields(item, place, ['path']).text('path'));
  return [...new Set(paths)];
}

function projected(container: Container, names: string[] | undefined): [string, DemoAttribute2][] {
  if (!names) return [...container.attributes];
  return names.flatMap((name) => {
    const attribute = container.attributes.get(name);
    return attribute ? [[name, attribute] as [string, DemoAttribute2]] : [];
  });
}
