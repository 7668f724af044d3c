// Answers that end early at the border of two messages are valid protobuf: only what is missing tells.

import assert from 'node:assert/strict';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { ExporterError, type Failure } from '../../src/model/errors.ts';
import type { RunRef, Selection } from '../../src/model/runs.ts';
import { createNeptune3Source } from '../../src/sources/neptune3/index.ts';
import { ProtobufReader } from '../../src/sources/protobuf.ts';
import { apiToken } from '../helpers/server.ts';

const EVERYTHING: Selection = {
  attributes: { kind: 'all' },
  classes: new Set(['parameters', 'metrics', 'series', 'files']),
  includePreviews: false,
};

/** Leaves out what comes after the first `keep` fields of the outermost message of that number. */
function cutAfter(body: Buffer, field: number, keep: number): Buffer {
  const reader = new ProtobufReader(body);
  let kept = 0;
  let end = 0;
  for (let found = reader.next(); found; found = reader.next()) {
    if (found === field) {
      end = reader.span()[1];
      if (++kept === keep) return body.subarray(0, end);
    } else reader.skip();
  }
  return body;
}

/** The demo server behind a proxy that rewrites bodies. */
async function cutting(t: TestContext, path: RegExp, cut: (body: Buffer, count: number) => Buffer) {
  const demo = await startDemoServer({ data: sampleProject() });
  let count = 0;
  const proxy = createServer((incoming, outgoing) => {
    const { 'x-neptune-api-token': ours, ...rest } = incoming.headers;
    const token = ours === undefined ? {} : { 'x-neptune-api-token': demo.token };
    const headers = { ...rest, ...token, 'accept-encoding': 'identity' };
    const forward = send(new URL(incoming.url!, demo.url), { method: incoming.method, headers }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const shown = path.test(incoming.url!) ? cut(body, ++count) : body;
      outgoing.writeHead(answer.statusCode!, { 'content-type': answer.headers['content-type'] });
      outgoing.end(shown);
    });
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const token = apiToken(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, 'any');
  const source = createNeptune3Source({ token, concurrency: 4, retryBudgetMs: 300 });
  t.after(async () => {
    await source.close();
    proxy.closeAllConnections();
    proxy.close();
    await demo.close();
  });
  return source;
}

async function list(source: Awaited<ReturnType<typeof cutting>>): Promise<RunRef[]> {
  const runs: RunRef[] = [];
  for await (const page of source.listRuns('demo/image-classification', { includeArchived: false })) runs.push(...page);
  return runs;
}

async function read(source: Awaited<ReturnType<typeof cutting>>): Promise<{ rows: number; failures: Failure[] }> {
  const failures: Failure[] = [];
  let rows = 0;
  const sink = {
    batch: async (_run: RunRef, batch: { length: number } | { rows: unknown[] }) => {
      rows += 'rows' in batch ? batch.rows.length : batch.length;
    },
    fileAttributes() {},
    file: async () => {},
    failure: (_run: RunRef, failure: Failure) => void failures.push(failure),
    done: async () => {},
  };
  await source.readRuns((await list(source)).slice(0, 3), EVERYTHING, sink as never, new AbortController().signal);
  return { rows, failures };
}

test('a list of runs that ends early is gone on with', async (t) => {
  const source = await cutting(t, /entries\/search/, (body, count) => (count === 1 ? cutAfter(body, 3, 4) : body));
  assert.equal((await list(source)).length, 11);
});

test('a list of runs that never comes whole is an error', async (t) => {
  // Two bytes: the count of all runs, and none of them.
  const source = await cutting(t, /entries\/search/, (body) => body.subarray(0, 2));
  await assert.rejects(list(source), (error) => error instanceof ExporterError && error.code === 'bad_answer');
});

test('runs whose attributes were cut off are asked for again', async (t) => {
  const whole = await read(await cutting(t, /nothing/, (body) => body));
  assert.deepEqual(whole.failures, []);
  const once = await read(
    await cutting(t, /attributes\/query/, (body, count) => (count === 1 ? cutAfter(body, 1, 1) : body)),
  );
  assert.deepEqual(once, whole);
});

test('a run whose attributes never come is a failure of the run', async (t) => {
  const { failures } = await read(await cutting(t, /attributes\/query/, (body) => cutAfter(body, 1, 1)));
  assert.ok(failures.length > 0);
  assert.ok(failures.every(({ attributePath, code }) => attributePath === undefined && code === 'bad_answer'));
});

test('float series that were cut off are asked for again; what never comes is named', async (t) => {
  const whole = await read(await cutting(t, /nothing/, (body) => body));
  const once = await read(
    await cutting(t, /series\/float/, (body, count) => (count === 1 ? cutAfter(body, 1, 5) : body)),
  );
  assert.deepEqual(once, whole);
  const never = await read(await cutting(t, /series\/float/, () => Buffer.alloc(0)));
  assert.equal(never.failures.filter(({ attributeType }) => attributeType === 'float_series').length, 3 * 40);
});
