// Listing of many runs: beyond the window of 10,000 that a search reaches, and with times that runs share.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { attribute2, type DataSet2, type DemoContainer } from '../../src/demo/neptune2/dataset.ts';
import { type Neptune2ServerOptions, startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { ExporterError } from '../../src/model/errors.ts';
import type { RunFilter } from '../../src/model/runs.ts';
import { createNeptune2Source } from '../../src/sources/neptune2/index.ts';

const TIME = Date.UTC(2023, 0, 1);

/** @param timeOf creation time of a run by its index, ms; undefined for a run without one */
function runs(count: number, timeOf: (index: number) => number | undefined): DataSet2 {
  const container = (index: number): DemoContainer => {
    const time = timeOf(index);
    return {
      attributes: new Map([
        ['sys/id', attribute2.string(`BIG-${index + 1}`)],
        ['sys/trashed', attribute2.bool(index % 1000 === 999)],
        ...(time === undefined ? [] : ([['sys/creation_time', attribute2.datetime(time)]] as const)),
      ]),
    };
  };
  return {
    projects: [{ path: 'w/big', key: 'BIG', runs: Array.from({ length: count }, (_, index) => container(index)) }],
  };
}

async function listed(
  t: TestContext,
  data: DataSet2,
  filter: Partial<RunFilter> = {},
  options: Partial<Neptune2ServerOptions> = {},
) {
  const server = await startNeptune2DemoServer({ data, ...options });
  const source = createNeptune2Source({ token: server.token, concurrency: 4 });
  t.after(async () => {
    await source.close();
    await server.close();
  });
  const ids: string[] = [];
  let error: unknown;
  try {
    for await (const page of source.listRuns('w/big', { includeArchived: false, ...filter })) {
      ids.push(...page.map(({ runId }) => runId));
    }
  } catch (caught) {
    error = caught;
  }
  assert.equal(new Set(ids).size, ids.length, 'each run comes once');
  const requests = server.counts.get('searchLeaderboardEntries 200') ?? 0;
  return { ids, error, requests };
}

test('up to 10,000 runs come in as few pages as the server gives', async (t) => {
  const { ids, error, requests } = await listed(
    t,
    runs(10_000, (index) => TIME + index),
  );
  assert.equal(error, undefined);
  assert.equal(ids.length, 9990);
  assert.ok(requests <= 10, `${requests} requests`);
});

test('more than 10,000 runs all come, though many share their time of creation', async (t) => {
  const { ids, error } = await listed(
    t,
    runs(23_456, (index) => TIME + Math.floor(index / 700) * 1000),
  );
  assert.equal(error, undefined);
  assert.equal(ids.length, 23_456 - 23);
});

test('a time that more runs share than a search reaches, and runs without a time, are no obstacle', async (t) => {
  const shared = runs(12_500, (index) => (index < 11_000 ? TIME : index < 12_000 ? TIME + index : undefined));
  const { ids, error } = await listed(t, shared, { includeArchived: true });
  assert.equal(error, undefined);
  assert.equal(ids.length, 12_500);
});

test('a wrapped query lets no OR escape, also beyond the window', async (t) => {
  const data = runs(12_000, (index) => TIME + index);
  const query = '`sys/id`:string = "BIG-1" OR `sys/creation_time`:datetime > "2020-01-01T00:00:00Z"';
  const { ids, error } = await listed(t, data, { query });
  assert.equal(error, undefined);
  assert.equal(ids.length, 12_000 - 12);
  assert.ok(!ids.includes('BIG-1000'), 'a trashed run stays out');
});

test('the regex is matched at the beginning of the id, listed ids are asked for alone', async (t) => {
  const data = runs(300, (index) => TIME + index);
  assert.deepEqual((await listed(t, data, { idPattern: 'BIG-2$|BIG-29\\d' })).ids.length, 11);
  assert.deepEqual((await listed(t, data, { idPattern: 'IG' })).ids, []);
  const some = await listed(t, data, { ids: ['BIG-7', 'BIG-8', 'BIG-1000', 'odd "id" \\'] });
  assert.deepEqual(some.ids, ['BIG-7', 'BIG-8']);
  assert.equal(some.requests, 1);
});

test('times of creation choose to the millisecond', async (t) => {
  const data = runs(50, (index) => TIME + index);
  const { ids } = await listed(t, data, { created: { from: TIME + 10, before: TIME + 13 } });
  assert.deepEqual(ids, ['BIG-11', 'BIG-12', 'BIG-13']);
});

test('a query that is none is wrong usage, told in one sentence', async (t) => {
  const { error } = await listed(
    t,
    runs(1, () => TIME),
    { query: 'what (is' },
  );
  assert.ok(error instanceof ExporterError);
  assert.equal(error.code, 'usage');
  assert.doesNotMatch(error.message, /https?:/);
});
