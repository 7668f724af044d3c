// Servers that count wrongly, sort as they like, repeat themselves or refuse single things: nothing is lost in silence.

import assert from 'node:assert/strict';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { seriesOf } from '../../src/demo/dataset.ts';
import { attribute2, type DataSet2, type DemoAttribute2, type DemoContainer } from '../../src/demo/neptune2/dataset.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import type { Batch } from '../../src/model/batches.ts';
import { rowCount } from '../../src/model/batches.ts';
import { ExporterError, type Failure } from '../../src/model/errors.ts';
import type { RunRef, Selection } from '../../src/model/runs.ts';
import { createNeptune2Source } from '../../src/sources/neptune2/index.ts';
import { apiToken } from '../helpers/server.ts';

const TIME = Date.UTC(2024, 0, 1);
const EVERYTHING: Selection = {
  attributes: { kind: 'all' },
  classes: new Set(['parameters', 'metrics', 'series', 'files']),
  includePreviews: false,
};

type Json = Record<string, unknown>;
/** What becomes of a JSON answer: other content, or a status in its place. Undefined: it stays. */
type Rewrite = (url: URL, answer: Json, body: Json, count: number) => Json | number | undefined;

/** The demo server behind a proxy that rewrites its JSON. */
async function odd(t: TestContext, data: DataSet2, path: RegExp, rewrite: Rewrite) {
  const demo = await startNeptune2DemoServer({ data });
  let count = 0;
  const proxy = createServer(async (incoming, outgoing) => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const { 'x-neptune-api-token': ours, host: _, ...rest } = incoming.headers;
    const headers = {
      ...rest,
      ...(ours === undefined ? {} : { 'x-neptune-api-token': demo.token }),
      'accept-encoding': 'identity',
    };
    const forward = send(new URL(incoming.url!, demo.url), { method: incoming.method, headers }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      // All addresses that the server gives lead through here.
      let text = Buffer.concat(chunks)
        .toString('utf8')
        .replaceAll(demo.url, address)
        .replaceAll(new URL(demo.url).host, new URL(address).host);
      let status = answer.statusCode!;
      const url = new URL(incoming.url!, address);
      if (path.test(url.pathname) && status === 200) {
        const asked = pieces.length > 0 ? (JSON.parse(Buffer.concat(pieces).toString()) as Json) : ({} as Json);
        const changed = rewrite(url, JSON.parse(text) as Json, asked, ++count);
        if (typeof changed === 'number') [status, text] = [changed, '{"message": "no"}'];
        else if (changed) text = JSON.stringify(changed);
      }
      outgoing.writeHead(status, { 'content-type': answer.headers['content-type'] });
      outgoing.end(text);
    });
    forward.end(Buffer.concat(pieces));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const source = createNeptune2Source({ token: apiToken(address, 'any'), concurrency: 4, retryBudgetMs: 300 });
  t.after(async () => {
    await source.close();
    proxy.closeAllConnections();
    proxy.close();
    await demo.close();
  });
  return { source, requests: () => count };
}

function container(id: string, index: number, attributes: [string, DemoAttribute2][] = []): DemoContainer {
  return {
    attributes: new Map<string, DemoAttribute2>([
      ['sys/id', attribute2.string(id)],
      ['sys/creation_time', attribute2.datetime(TIME + index)],
      ['sys/trashed', attribute2.bool(false)],
      ...attributes,
    ]),
  };
}

const many = (count: number): DataSet2 => ({
  projects: [
    { path: 'w/p', key: 'R', runs: Array.from({ length: count }, (_, index) => container(`R-${index}`, index)) },
  ],
});

const points = (length: number) =>
  attribute2.floats(seriesOf(Array.from({ length }, (_, step) => [step, TIME + step, step / 7] as const)));

const one = (...attributes: [string, DemoAttribute2][]): DataSet2 => ({
  projects: [{ path: 'w/p', key: 'R', runs: [container('R-1', 1, attributes)] }],
});

type Source = Awaited<ReturnType<typeof odd>>['source'];

async function list(source: Source): Promise<{ ids: string[]; error?: unknown }> {
  const ids: string[] = [];
  try {
    for await (const page of source.listRuns('w/p', { includeArchived: false }))
      ids.push(...page.map(({ runId }) => runId));
  } catch (error) {
    return { ids, error };
  }
  return { ids };
}

/** Rows of each attribute, and what failed. */
async function read(source: Source) {
  const run: RunRef = { projectId: 'w/p', runId: 'R-1', sysId: 'R-1' };
  for await (const _ of source.listRuns('w/p', { includeArchived: false }));
  const rows: Record<string, number> = {};
  const batches: Batch[] = [];
  const failures: Failure[] = [];
  const count = (path: string, more: number) => {
    rows[path] = (rows[path] ?? 0) + more;
  };
  await source.readRuns(
    [run],
    EVERYTHING,
    {
      async batch(_, batch) {
        batches.push(batch);
        if (batch.kind === 'scalars') for (const { path } of batch.rows) count(path, 1);
        else if ('path' in batch) count(batch.path, rowCount(batch));
      },
      fileAttributes() {},
      async file() {},
      failure: (_, failure) => failures.push(failure),
      async done() {},
    },
    new AbortController().signal,
  );
  return { rows, batches, failures };
}

const SEARCH = /entries\/search$/;
const FLOATS = /series\/float$/;

test('an order that changes from page to page is read again until all is there', async (t) => {
  const all = many(250);
  let passes = 0;
  const { source } = await odd(t, all, SEARCH, (_url, answer, body) => {
    const { offset } = body.pagination as { offset: number };
    const entries = answer.entries as unknown[];
    // Pages of 100, of which the first begins elsewhere in the first pass.
    const from = offset === 0 && passes++ === 0 ? 7 : 0;
    return { ...answer, entries: entries.slice(from, from + 100) } as Json;
  });
  const { ids, error } = await list(source);
  assert.equal(error, undefined);
  assert.equal(new Set(ids).size, 250);
});

test('a count that ends at the window is not believed', async (t) => {
  const { source } = await odd(
    t,
    many(10_300),
    SEARCH,
    (_url, answer) =>
      ({
        ...answer,
        matchingItemCount: Math.min(10_000, Number(answer.matchingItemCount)),
      }) as Json,
  );
  const { ids, error } = await list(source);
  assert.equal(error, undefined);
  assert.equal(new Set(ids).size, 10_300);
});

test('without a count the list goes on to an empty page', async (t) => {
  const { source } = await odd(t, many(2500), SEARCH, (_url, { matchingItemCount: _, ...answer }) => answer as Json);
  const { ids, error } = await list(source);
  assert.equal(error, undefined);
  assert.equal(ids.length, 2500);
});

test('an entry that can not be read is missed, the others come', async (t) => {
  const { source } = await odd(t, many(5), SEARCH, (_url, answer) => {
    const entries = answer.entries as { attributes: unknown[] }[];
    return { ...answer, entries: [{ ...entries[0], attributes: [] }, ...entries.slice(1)] } as Json;
  });
  const { ids, error } = await list(source);
  assert.equal(ids.length, 4);
  assert.ok(error instanceof ExporterError && error.code === 'bad_answer');
});

test('where large pages fail, small ones do', async (t) => {
  const { source } = await odd(t, many(150), SEARCH, (_url, _answer, body) =>
    (body.pagination as { limit: number }).limit > 100 ? 500 : undefined,
  );
  assert.equal((await list(source)).ids.length, 150);
});

test('projects come although they are not counted', async (t) => {
  const data = {
    projects: Array.from({ length: 450 }, (_, index) => ({ path: `w/p${index}`, key: `K${index}`, runs: [] })),
  };
  const { source } = await odd(t, data, /\/projects$/, (_url, { matchingItemCount: _, ...answer }) => answer as Json);
  assert.equal((await source.listProjects('w')).length, 450);
});

test('a total that is only the page, or nothing, does not end a series', async (t) => {
  for (const total of [(length: number) => length, () => 0]) {
    const { source } = await odd(
      t,
      one(['m', points(2500)]),
      FLOATS,
      (_url, answer) =>
        ({
          ...answer,
          totalItemCount: total((answer.values as unknown[]).length),
        }) as Json,
    );
    const { rows, failures } = await read(source);
    assert.deepEqual(failures, []);
    assert.equal(rows.m, 2500);
  }
});

test('points that never come are told', async (t) => {
  const { source } = await odd(t, one(['m', points(10)], ['ok', points(3)]), FLOATS, (url, answer) =>
    url.searchParams.get('attribute') === 'm'
      ? ({
          ...answer,
          totalItemCount: 5,
          values: (answer.values as { step: number }[]).filter(({ step }) => step < 5),
        } as Json)
      : undefined,
  );
  const { rows, failures } = await read(source);
  assert.equal(rows.ok, 3);
  assert.deepEqual(
    failures.map(({ attributePath, code }) => [attributePath, code]),
    [['m', 'bad_answer']],
  );
});

test('a server that gives the first page for ever is stopped', async (t) => {
  const pages = new Map<string, Json>();
  const { source, requests } = await odd(t, one(['m', points(2500)]), FLOATS, (url, answer) => {
    const key = url.searchParams.get('attribute')!;
    pages.set(key, pages.get(key) ?? answer);
    return pages.get(key);
  });
  const { failures } = await read(source);
  assert.equal(failures.length, 1);
  assert.match(failures[0]!.message, /again and again/);
  assert.ok(requests() < 10);
});

test('null in a point stays null, quoted numbers are numbers', async (t) => {
  const lines = attribute2.strings(seriesOf([0, 1, 2].map((step) => [step, TIME, `line ${step}`] as const)));
  const { source } = await odd(
    t,
    one(['lines', lines], ['flag', attribute2.bool(true)]),
    /series\/string$|v1\/attributes$/,
    (url, answer) => {
      if (url.pathname.endsWith('attributes')) {
        const attributes = answer.attributes as { name: string; boolProperties?: object }[];
        return {
          ...answer,
          attributes: attributes.map((found) =>
            found.name === 'flag' ? { ...found, boolProperties: { ...found.boolProperties, value: 'true' } } : found,
          ),
        } as Json;
      }
      const values = answer.values as Record<string, unknown>[];
      return {
        totalItemCount: '3',
        values: [
          { ...values[0], timestampMillis: null },
          { ...values[1], value: null },
          { ...values[2], step: '2.0' },
        ],
      } as Json;
    },
  );
  const { batches, failures } = await read(source);
  assert.deepEqual(failures, []);
  const series = batches.find(({ kind }) => kind === 'string_series');
  assert.ok(series?.kind === 'string_series');
  assert.deepEqual(series.values, ['line 0', null, 'line 2']);
  assert.deepEqual([...series.timestampValid!], [0, 1, 1]);
  const flags = batches
    .flatMap((batch) => (batch.kind === 'scalars' ? batch.rows : []))
    .filter(({ path }) => path === 'flag');
  assert.deepEqual(flags, [{ path: 'flag', type: 'bool', value: true }]);
});

test('one attribute that is refused to a good token, and one without a name, do not end anything', async (t) => {
  const { source } = await odd(
    t,
    one(['m', points(10)], ['ok', points(3)]),
    /series\/float$|v1\/attributes$/,
    (url, answer) => {
      if (url.searchParams.get('attribute') === 'm') return 401;
      if (!url.pathname.endsWith('attributes')) return undefined;
      return { ...answer, attributes: [...(answer.attributes as unknown[]), { type: 'float' }] } as Json;
    },
  );
  const { rows, failures } = await read(source);
  assert.equal(rows.ok, 3);
  assert.deepEqual(failures.map(({ attributePath, code }) => [attributePath, code]).sort(), [
    ['', 'bad_answer'],
    ['m', 'server'],
  ]);
});
