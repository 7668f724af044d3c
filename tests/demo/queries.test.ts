// Runs, attribute definitions, attribute values and projects: pages, filters, order.

import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute, type DemoAttribute, seriesOf } from '../../src/demo/dataset.ts';
import { DEFINITIONS, projectOf, SEARCH, VALUES, withServer } from './api.ts';
import { type Message, message, messages, number, text } from './protobuf-reader.ts';

const RUNS: Record<string, DemoAttribute>[] = [
  { rank: attribute.int(3), x: attribute.string('text'), 'sys/experiment/is_head': attribute.bool(true) },
  { rank: attribute.int(1), x: attribute.float(0) },
  { rank: attribute.int(2), y: { type: 'floatSeries', series: seriesOf([[1, 0, 5]]) } },
  { y: { type: 'floatSeries', series: seriesOf([[1, 0, 7]]) }, git: { type: 'gitRef' } },
];

function sysIds(result: Message): string[] {
  return messages(result, 3).map((entry) => {
    const id = messages(entry, 7).find((one) => text(one, 1) === 'sys/id');
    return text(message(id, 5), 3);
  });
}

test('a search sorts, pages and projects', async () => {
  await withServer({ data: projectOf(...RUNS) }, async (api) => {
    const sorting = (dir: string, name: string, type: string) => ({ sorting: { dir, sortBy: { name, type } } });
    const idOnly = { attributeFilters: [{ path: 'sys/id' }, { path: 'none' }] };
    const search = async (body: object) => sysIds(await api.message(SEARCH, { ...idOnly, ...body }));

    assert.deepEqual(await search({}), ['P-1', 'P-2', 'P-3', 'P-4']);
    assert.deepEqual(await search(sorting('ascending', 'rank', 'int')), ['P-2', 'P-3', 'P-1', 'P-4']);
    assert.deepEqual(await search(sorting('descending', 'rank', 'int')), ['P-1', 'P-3', 'P-2', 'P-4']);
    assert.deepEqual(await search(sorting('descending', 'y', 'floatSeries')), ['P-4', 'P-3', 'P-1', 'P-2']);
    assert.deepEqual(await search({ query: { query: '`rank`:int > "1"' } }), ['P-1', 'P-3']);
    assert.deepEqual(await search({ experimentLeader: true }), ['P-1']);
    assert.deepEqual(await search({ pagination: { limit: 3, offset: 2 } }), ['P-3', 'P-4']);

    const page = await api.message(SEARCH, { ...idOnly, pagination: { limit: 1, offset: 1 } });
    assert.equal(number(page, 1), 4);
    const entry = message(page, 3);
    assert.deepEqual(
      [2, 5, 6].map((field) => text(entry, field)),
      ['run', 'p', 'ws'],
    );
    assert.match(text(entry, 1), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(messages(entry, 7).length, 1);

    const whole = message(await api.message(SEARCH, { pagination: { limit: 1 } }), 3);
    assert.deepEqual(
      messages(whole, 7).map((one) => text(one, 1)),
      ['sys/id', 'sys/custom_run_id', 'rank', 'x', 'sys/experiment/is_head'],
    );
  });
});

interface Definitions {
  entries: { name: string; type: string }[];
  nextPage: { limit: number; nextPageToken?: string };
}

test('definitions are distinct pairs of name and type, in pages', async () => {
  await withServer({ data: projectOf(...RUNS) }, async (api) => {
    const query = (body: object) => api.json<Definitions>(DEFINITIONS, { projectIdentifiers: ['ws/p'], ...body });
    const names = ({ entries }: Definitions) => entries.map(({ name, type }) => `${name}:${type}`).sort();
    const all = [
      'git:gitRef',
      'rank:int',
      'sys/custom_run_id:string',
      'sys/experiment/is_head:bool',
      'sys/id:string',
      'x:float',
      'x:string',
      'y:floatSeries',
    ];

    assert.deepEqual(names(await query({})), all);
    assert.deepEqual(names(await query({ attributeFilter: [{ attributeType: 'int' }, { attributeType: 'float' }] })), [
      'rank:int',
      'x:float',
    ]);
    assert.deepEqual(
      names(
        await query({
          experimentIdsFilter: ['ws/p/P-2', 'CUSTOM/ws/p/run-4'],
          attributeNameFilter: { mustMatchAny: [{ mustNotMatchRegexes: ['^sys/'] }] },
        }),
      ),
      ['git:gitRef', 'rank:int', 'x:float', 'y:floatSeries'],
    );
    assert.deepEqual(
      names(
        await query({
          attributeNameFilter: { mustMatchAny: [{ mustMatchRegexes: ['a', 'k'] }, { mustMatchRegexes: ['^x$'] }] },
        }),
      ),
      ['rank:int', 'x:float', 'x:string'],
    );
    assert.deepEqual(names(await query({ attributeNameRegex: '^y' })), ['y:floatSeries']);

    const exact = await query({ nextPage: { limit: all.length } });
    assert.deepEqual([exact.entries.length, exact.nextPage.nextPageToken], [all.length, undefined]);

    const collected: string[] = [];
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await query({ nextPage: { limit: 3, ...(token === undefined ? {} : { nextPageToken: token }) } });
      collected.push(...names(page));
      token = page.nextPage.nextPageToken;
      pages++;
    } while (token !== undefined && pages < 20);
    assert.equal(pages, 3);
    assert.deepEqual(collected.sort(), all);
  });
});

test('values come in pages that may split a run', async () => {
  await withServer({ data: projectOf(...RUNS) }, async (api) => {
    const read = async (body: object, limit: number) => {
      const values: string[] = [];
      let token = '';
      let pages = 0;
      do {
        const page = await api.message(VALUES, {
          ...body,
          nextPage: { limit, ...(token ? { nextPageToken: token } : {}) },
        });
        const found = messages(page, 1).flatMap((entry) =>
          messages(entry, 3).map((one) => `${text(entry, 2)} ${text(one, 1)}`),
        );
        assert.ok(found.length <= limit);
        values.push(...found);
        token = text(message(page, 2), 1);
        pages++;
      } while (token && pages < 20);
      return { values, pages };
    };
    const names = { attributeNamesFilter: ['x', 'rank', 'x', 'none'] };
    const expected = ['P-1 x', 'P-1 rank', 'P-2 x', 'P-2 rank', 'P-3 rank'];
    for (const limit of [1, 2, 3, 5, 100]) {
      const { values, pages } = await read(names, limit);
      assert.deepEqual(values, expected, `limit ${limit}`);
      assert.ok(pages <= Math.ceil(expected.length / limit) + 1);
    }
    assert.deepEqual((await read({ ...names, attributeFilter: [{ attributeType: 'float' }] }, 10)).values, ['P-2 x']);
    assert.deepEqual(
      (await read({ experimentIdsFilter: ['ws/p/P-3'], attributeNameFilter: { mustMatchRegexes: ['r.n'] } }, 10))
        .values,
      ['P-3 sys/custom_run_id', 'P-3 rank'],
    );
    assert.equal((await read({}, 2)).values.length, 17);
  });
});

test('projects of a workspace are listed in pages', async () => {
  const paths = ['ws/a', 'ws/b', 'other/c', 'ws/d'];
  const data = {
    projects: paths.map((path, index) => ({
      path,
      key: 'K',
      runs: [],
      version: index === 1 ? (2 as const) : (3 as const),
    })),
  };
  await withServer({ data }, async (api) => {
    const list = async (query: string) =>
      JSON.parse((await api.authorized(`/api/backend/v1/projects?${query}`)).body.toString());
    const first = await list('organizationIdentifier=ws&offset=0&limit=2');
    assert.deepEqual(
      first.entries.map((one: { name: string; version: number }) => [one.name, one.version]),
      [
        ['a', 3],
        ['b', 2],
      ],
    );
    assert.equal(first.matchingItemCount, 3);
    const second = await list('organizationIdentifier=ws&offset=2&limit=2');
    assert.deepEqual(
      second.entries.map((one: { organizationName: string; name: string }) => `${one.organizationName}/${one.name}`),
      ['ws/d'],
    );
    assert.equal((await list('')).totalItemCount, 4);

    const { paths: described } = JSON.parse((await api.get('/api/backend/swagger.json')).body.toString());
    assert.equal(described['/api/backend/v1/projects'].get.operationId, 'listProjects');
  });
});

test('data can be replaced while the server runs', async () => {
  await withServer({ data: projectOf({}) }, async (api) => {
    const count = async () => number(await api.message(SEARCH, {}), 1);
    assert.equal(await count(), 1);
    api.server.replaceData(projectOf({}, {}));
    assert.equal(await count(), 2);
  });
});
