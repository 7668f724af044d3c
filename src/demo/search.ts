// POST …/entries/search: runs of a project by NQL, sorted, in pages, with some of their attributes.

import { AGGREGATIONS, type Comparable, comparableOf } from './aggregates.ts';
import { type Answer, protobufAnswer } from './answer.ts';
import { writeAttribute } from './attribute-message.ts';
import type { CatalogProject, CatalogRun } from './catalog.ts';
import { DEMO_TYPES, type DemoAttribute } from './dataset.ts';
import { Fields } from './fields.ts';
import { DEFAULT_PAGE, MAX_PAGE, MAX_PROJECTION } from './limits.ts';
import { parseNql } from './nql.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { badRequest } from './refusal.ts';

const KNOWN = ['attributeFilters', 'pagination', 'experimentLeader', 'query', 'sorting'];

/** @returns ProtoLeaderboardEntriesSearchResultDTO @throws Refusal 400 */
export function searchEntries(project: CatalogProject, types: string[], body: unknown): Answer {
  if (types.some((type) => type !== 'run')) throw badRequest('The query parameter type must be "run".');
  const request = new Fields(body, 'body', KNOWN);
  const found = sorted(selected(project.runs, request), request);
  const page = request.has('pagination') ? request.object('pagination', ['limit', 'offset']) : undefined;
  const limit = page?.has('limit') ? page.whole('limit', 1, MAX_PAGE) : DEFAULT_PAGE;
  const offset = page?.has('offset') ? page.whole('offset', 0, Number.MAX_SAFE_INTEGER) : 0;
  const projection = projectionOf(request);

  const out = new ProtobufWriter();
  out.int(1, found.length);
  for (const run of found.slice(offset, offset + limit)) {
    out.message(3, () => {
      out.string(1, run.internalId);
      out.string(2, 'run');
      out.string(3, project.id);
      out.string(4, project.workspaceId);
      out.string(5, project.name);
      out.string(6, project.workspace);
      for (const [name, attribute] of projected(run, projection)) writeAttribute(out, 7, name, attribute);
    });
  }
  return protobufAnswer(out);
}

function selected(runs: CatalogRun[], request: Fields): CatalogRun[] {
  const matches = request.has('query') ? parseNql(request.object('query', ['query']).text('query')) : () => true;
  const leaderOnly = request.flag('experimentLeader', false);
  return runs.filter(({ attributes }) => {
    if (leaderOnly) {
      const head = attributes.get('sys/experiment/is_head');
      if (head?.type !== 'bool' || !head.value) return false;
    }
    return matches(attributes);
  });
}

/** Runs without the attribute come last; equal ones stay in the data set's order. */
function sorted(runs: CatalogRun[], request: Fields): CatalogRun[] {
  if (!request.has('sorting')) return runs;
  // The official client puts aggregationMode beside sortBy as well.
  const sorting = request.object('sorting', ['dir', 'sortBy', 'aggregationMode']);
  const sortBy = sorting.object('sortBy', ['name', 'type', 'aggregationMode']);
  const down = sorting.has('dir') && sorting.word('dir', ['ascending', 'descending']) === 'descending';
  const name = sortBy.text('name');
  const type = sortBy.word('type', DEMO_TYPES);
  const mode = [sortBy, sorting].find((fields) => fields.has('aggregationMode'));
  const aggregation = mode?.word('aggregationMode', ['auto', ...AGGREGATIONS]) ?? 'auto';
  const keyed = runs.map((run) => {
    const attribute = run.attributes.get(name);
    const fits = attribute?.type === type;
    return { run, key: fits ? comparableOf(attribute, aggregation === 'auto' ? 'last' : aggregation) : undefined };
  });
  return keyed.sort((a, b) => compare(a.key, b.key, down)).map(({ run }) => run);
}

function compare(a: Comparable | undefined, b: Comparable | undefined, down: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const order = a < b ? -1 : Number(a > b);
  return down ? -order : order;
}

function projectionOf(request: Fields): string[] | undefined {
  if (!request.has('attributeFilters')) return undefined;
  const paths = request.list('attributeFilters', (item, place) => new Fields(item, place, ['path']).text('path'));
  if (paths.length > MAX_PROJECTION) throw badRequest(`attributeFilters holds more than ${MAX_PROJECTION} attributes.`);
  return [...new Set(paths)];
}

function projected(run: CatalogRun, names: string[] | undefined): Iterable<[string, DemoAttribute]> {
  if (!names) return run.attributes;
  return names.flatMap((name) => {
    const attribute = run.attributes.get(name);
    return attribute ? [[name, attribute] as [string, DemoAttribute]] : [];
  });
}
