// The table of the Neptune 2 demo server: NQL, sorting, pages, chosen attributes; the listing of one run; projects.

import assert from 'node:assert/strict';
import test from 'node:test';
import { seriesOf } from '../../src/demo/dataset.ts';
import { attribute2, type DataSet2 } from '../../src/demo/neptune2/dataset.ts';
import { type Api2, projectOf2, runOf2, withServer2 } from './neptune2-api.ts';

interface Entry {
  experimentId: string;
  type: string;
  attributes: { name: string; type: string; [properties: `${string}Properties`]: { value?: unknown } }[];
}
interface Table {
  matchingItemCount: number;
  entries: Entry[];
}

const TIME = Date.UTC(2023, 0, 1);
const SCORES = [0.5, Number.NaN, 0.1, 0.9];
const RUNS = projectOf2(
  ...SCORES.map((score, index) => ({
    score: attribute2.float(score),
    'sys/tags': attribute2.stringSet(index % 2 ? ['odd', 'x'] : ['x']),
    'sys/creation_time': attribute2.datetime(TIME + index * 1000),
    'sys/state': { type: 'experimentState', value: index === 3 ? 'running' : 'idle' } as const,
    'sys/owner': attribute2.string(index < 2 ? 'ada' : 'grace'),
    n: attribute2.int(2n ** 53n + BigInt(index)),
    loss: attribute2.floats(seriesOf([[0, 0, index]])),
  })),
  { 'sys/trashed': attribute2.bool(true) },
).projects[0]!;
const version = (id: string, model: string) => runOf2(id, { 'sys/model_id': attribute2.string(model) });
const DATA: DataSet2 = {
  projects: [
    {
      ...RUNS,
      models: [runOf2('P-MOD', {})],
      modelVersions: [version('P-MOD-1', 'P-MOD'), version('P-MOD-2', 'P-MOD')],
    },
    { path: 'ws/empty', key: 'E', runs: [] },
    { path: 'other/p', key: 'O', runs: [], archived: true, version: 1, uuid: '01234567-89ab-4def-8123-456789abcdef' },
  ],
};

async function table(api: Api2, body: object, types: string[] = ['run']): Promise<Table> {
  return api.json<Table>('searchLeaderboardEntries', { projectIdentifier: 'ws/p', type: types }, { body });
}

function idsOf({ entries }: Table): unknown[] {
  return entries.map(({ attributes }) => attributes.find(({ name }) => name === 'sys/id')?.stringProperties?.value);
}

const BY_ID = { sorting: { dir: 'ascending', sortBy: { name: 'sys/id', type: 'string' } } };

const QUERIES: [query: string, numbers: number[]][] = [
  ['', [1, 2, 3, 4, 5]],
  ['(`sys/trashed`:bool = false)', [1, 2, 3, 4]],
  ['(`sys/trashed`:bool = true)', [5]],
  ['`sys/trashed`:bool != true', [1, 2, 3, 4]],
  ['(`sys/tags`:stringSet CONTAINS "odd")', [2, 4]],
  ['`sys/tags`:stringSet NOT CONTAINS "odd"', [1, 3, 5]],
  ['`sys/state`:experimentState = "running"', [4]],
  ['`sys/state`:experimentState != "running"', [1, 2, 3, 5]],
  ['`n`:integer = 9007199254740993', [2]],
  ['`n`:int >= 9007199254740994', [3, 4]],
  ['`score`:float > 0.4', [1, 4]],
  ['`sys/creation_time`:datetime > "2023-01-01T00:00:01.000Z"', [3, 4]],
  ['`sys/creation_time`:datetime >= "2023-01-01T00:00:01.000Z"', [2, 3, 4]],
  ['`sys/owner`:string = "ada" OR `sys/owner`:string = "grace" AND `sys/trashed`:bool = true', [1, 2]],
  ['NOT (`sys/owner`:string = "ada") AND `score`:float < 0.5', [3]],
  ['`sys/id`:string MATCHES "^P-[24]$"', [2, 4]],
  ['last(`loss`:floatSeries) >= 2', [3, 4]],
];

test('queries select what they say', async () => {
  await withServer2({ data: DATA }, async (api) => {
    for (const [query, numbers] of QUERIES) {
      const found = await table(api, { ...BY_ID, query: { query } });
      assert.deepEqual(
        idsOf(found),
        numbers.map((number) => `P-${number}`),
        query,
      );
      assert.equal(found.matchingItemCount, numbers.length);
    }
  });
});

test('models and their versions are in the table like runs, each with its type', async () => {
  await withServer2({ data: DATA }, async (api) => {
    assert.deepEqual(idsOf(await table(api, BY_ID, ['model'])), ['P-MOD']);
    const query = { query: '((`sys/trashed`:bool = false) AND (`sys/model_id`:string = "P-MOD"))' };
    const versions = await table(api, { ...BY_ID, query }, ['modelVersion']);
    assert.deepEqual(idsOf(versions), ['P-MOD-1', 'P-MOD-2']);
    const all = await table(api, { ...BY_ID, query }, ['run', 'model', 'modelVersion']);
    assert.deepEqual(
      all.entries.map(({ type }) => type),
      ['modelVersion', 'modelVersion'],
    );
    const model = await api.json<{ id: string }>('getExperiment', { experimentId: 'ws/p/P-MOD' });
    const child = await api.json<Record<string, unknown>>('getExperiment', {
      experimentId: versions.entries[0]!.experimentId,
    });
    assert.deepEqual([child.shortId, child.type, child.parentId], ['P-MOD-1', 'modelVersion', model.id]);
  });
});

test('rows are sorted by any attribute; those without a value come last', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const sorted = async (dir: string, name: string, type: string) =>
      idsOf(await table(api, { sorting: { dir, aggregationMode: 'none', sortBy: { name, type } } }));
    assert.deepEqual((await sorted('ascending', 'score', 'float')).slice(0, 3), ['P-3', 'P-1', 'P-4']);
    assert.deepEqual((await sorted('descending', 'score', 'float')).slice(0, 3), ['P-4', 'P-1', 'P-3']);
    assert.deepEqual(await sorted('descending', 'n', 'int'), ['P-4', 'P-3', 'P-2', 'P-1', 'P-5']);
    assert.deepEqual(await sorted('ascending', 'sys/creation_time', 'datetime'), ['P-1', 'P-2', 'P-3', 'P-4', 'P-5']);
    assert.deepEqual(await sorted('descending', 'loss', 'floatSeries'), ['P-4', 'P-3', 'P-2', 'P-1', 'P-5']);
  });
});

test('attributes come as they are asked for, all of them otherwise, and no more than a table has columns', async () => {
  await withServer2({ data: DATA, tableColumns: 5 }, async (api) => {
    const names = async (more: object) =>
      (await table(api, { ...BY_ID, ...more })).entries[0]!.attributes.map(({ name }) => name);
    assert.deepEqual(await names({ attributeFilters: [{ path: 'n' }, { path: 'none' }, { path: 'sys/id' }] }), [
      'n',
      'sys/id',
    ]);
    assert.equal((await names({})).length, 5);
    const listing = await api.json<Entry>('getExperimentAttributes', { experimentId: 'ws/p/P-1' });
    assert.equal(listing.attributes.length, 9);
  });
});

test('a page tells how many rows there are; rows that sort alike come in another order for another page', async () => {
  const runs = Array.from({ length: 60 }, () => ({ same: attribute2.int(1) }));
  await withServer2({ data: projectOf2(...runs) }, async (api) => {
    const page = async (name: string, type: string, offset: number, limit = 20) => {
      const sorting = { sortBy: { name, type } };
      const found = await table(api, { sorting, pagination: { offset, limit } });
      assert.equal(found.matchingItemCount, 60);
      return idsOf(found);
    };
    const pages = async (name: string, type: string) =>
      new Set((await Promise.all([0, 20, 40].map((offset) => page(name, type, offset)))).flat());
    assert.equal((await pages('sys/id', 'string')).size, 60);
    assert.ok((await pages('same', 'int')).size < 60);
    assert.deepEqual(await page('same', 'int', 20), await page('same', 'int', 20));
    assert.deepEqual(await page('sys/id', 'string', 60), []);
    assert.deepEqual(await page('sys/id', 'string', 0, 0), []);
  });
});

test('names and types of attributes are found by a part of the name', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const find = (query: Record<string, string | number | string[]>) =>
      api.json('searchLeaderboardAttributes', { projectIdentifier: 'ws/p', type: 'run', ...query }, { body: {} });
    assert.deepEqual(await find({ search: 'sys/creation_time' }), {
      entries: [{ name: 'sys/creation_time', type: 'datetime' }],
    });
    assert.deepEqual(await find({ search: 'sys/', attributeType: ['stringSet', 'bool'] }), {
      entries: [
        { name: 'sys/trashed', type: 'bool' },
        { name: 'sys/tags', type: 'stringSet' },
      ],
    });
    assert.deepEqual(await find({ limit: 1 }), { entries: [{ name: 'sys/id', type: 'string' }] });
    // A project without runs has no columns at all.
    assert.deepEqual(await find({ projectIdentifier: 'ws/empty', search: 'sys/creation_time' }), { entries: [] });
  });
});

test('the listing of a run has its single values, keeps 64 bits, and tells series and files', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const { body } = await api.ask('getExperimentAttributes', { experimentId: 'ws/p/P-1' });
    const text = body.toString();
    assert.match(text, /"intProperties":\{"attributeName":"n","attributeType":"int","value":9007199254740992\}/);
    assert.match(text, /"score","type":"float","floatProperties":\{[^}]*"value":0.5\}/);
    assert.match(text, /"datetimeProperties":\{[^}]*"value":"2023-01-01T00:00:00.000Z"\}/);
    assert.match(text, /"stringSetProperties":\{[^}]*"values":\["x"\]\}/);
    assert.match(
      text,
      /"floatSeriesProperties":\{[^}]*"lastStep":0.0[^}]*"average":0.0,"variance":0.0,"config":\{\}\}/,
    );
    const { trashed } = await api.json<{ trashed: boolean }>('getExperimentAttributes', { experimentId: 'ws/p/P-5' });
    assert.equal(trashed, true);
    const second = await api.ask('getFloatAttribute', { experimentId: 'ws/p/P-2', attribute: 'score' });
    assert.match(second.body.toString(), /"value":"NaN"/);
  });
});

test('projects are found by workspace, path and UUID', async () => {
  await withServer2({ data: DATA }, async (api) => {
    interface List {
      entries: { id: string; name: string; organizationName: string; archived: boolean; version: number }[];
      matchingItemCount: number;
    }
    const list = (query: Record<string, string | number>) => api.json<List>('listProjects', query);
    const names = ({ entries }: List) => entries.map(({ organizationName, name }) => `${organizationName}/${name}`);
    assert.deepEqual(names(await list({})), ['ws/p', 'ws/empty', 'other/p']);
    assert.deepEqual(names(await list({ organizationIdentifier: 'ws', offset: 1, limit: 200 })), ['ws/empty']);
    assert.equal((await list({ organizationIdentifier: 'ws', limit: 1 })).matchingItemCount, 2);
    assert.deepEqual(names(await list({ searchTerm: 'EMP' })), ['ws/empty']);
    const other = (await list({ organizationIdentifier: 'other' })).entries[0]!;
    assert.deepEqual([other.archived, other.version], [true, 1]);
    assert.deepEqual(await api.json('getProject', { projectIdentifier: other.id }), other);
    assert.equal((await api.json<unknown[]>('listOrganizations')).length, 2);
  });
});
