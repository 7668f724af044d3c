// Servers that are busy, break down or lose answers: each operation meets each fault, and nothing is lost or there twice.

import assert from 'node:assert/strict';
import test from 'node:test';
import { SendingBackEnd } from '../../src/targets/wandb/back-end.ts';
import type { WandbClient } from '../../src/targets/wandb/client.ts';
import { FileStream } from '../../src/targets/wandb/file-stream.ts';
import type { RunFiles } from '../../src/targets/wandb/run-files.ts';
import type { Fault } from '../counterparts/wandb/faults.ts';
import { fileSeries, histograms, strings } from '../helpers/archive-runs.ts';
import { WandbBench } from './bench.ts';
import { png } from './pictures.ts';
import { counting, filesRun, run } from './runs.ts';

const T = 1_700_000_000_000;

/** Operations of a load, as the emulator counts them. */
const OPERATIONS = [
  'viewer',
  'upsertBucket',
  'fileStream',
  'createArtifact',
  'createArtifactManifest',
  'createArtifactFiles',
  'PUT storage',
  'commitArtifact',
  'createRunFiles',
];

const FAULTS: Record<string, Omit<Fault, 'operation'>> = {
  'a 500': { kind: 'status', status: 500 },
  'a 503, twice': { kind: 'status', status: 503, times: 2 },
  'a 429 with Retry-After': { kind: 'status', status: 429, headers: { 'Retry-After': '1' } },
  'a lost answer': { kind: 'lost' },
  'a cut connection': { kind: 'cut' },
};

async function withEverything(bench: WandbBench): Promise<void> {
  await bench.putFile('f.txt', 'x');
  await bench.putFile('i.png', png(2, 2));
  await bench.write(
    filesRun('r', { f: 'f.txt' }, [
      counting('m', 0, 99),
      histograms('h', [['5', T, { edges: [0, 1], values: [1] }]]),
      strings('s', [['0', T, 'x']]),
      fileSeries('i', [['0', T, 'i.png']]),
    ]),
  );
}

async function assertWhole(bench: WandbBench): Promise<void> {
  const loaded = await bench.run();
  assert.equal(loaded.run.state, 'finished');
  assert.equal(loaded.points('m').length, 100);
  assert.equal(loaded.tables('s')[0]?.rows.length, 1);
  assert.equal(Object.keys(loaded.files('f')).length, 1);
  assert.equal(loaded.run.artifacts.filter(({ type }) => type === 'neptune-run').length, 1);
}

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`${name} of the first request of each operation`, async (t) => {
    const bench = await WandbBench.create(t, { faults: OPERATIONS.map((operation) => ({ operation, ...fault })) });
    await withEverything(bench);
    const report = await bench.load();
    assert.deepEqual([report.loaded, report.failed, report.errors], [1, 0, 0]);
    await assertWhole(bench);
    assert.equal((await bench.load()).skipped, 1);
  });
}

for (const operation of OPERATIONS.filter((one) => one !== 'viewer')) {
  test(`${operation} that fails for good: the next load completes what is there`, async (t) => {
    const bench = await WandbBench.create(t, {
      faults: [{ operation, kind: 'status', status: 503, times: 1000 }],
    });
    await withEverything(bench);
    const result = await bench.cli('load', ['--json'], { NEPTUNE_EXPORTER_RETRY_SECONDS: '1' });
    assert.ok(result.code === 3 || result.code === 1, `${result.code} ${result.stderr}`);
    assert.match(`${result.stdout}${result.stderr}${await bench.written()}`, /503/);
    assert.ok(bench.server.runs().every(({ state }) => state !== 'finished'));
    bench.server.replaceFaults([]);
    const report = await bench.load();
    assert.equal(report.loaded + report.completed, 1);
    await assertWhole(bench);
  });
}

test('a refusal that isn’t passing is not asked for again, and its words are told', async (t) => {
  for (const operation of ['upsertBucket', 'fileStream', 'createArtifact']) {
    const bench = await WandbBench.create(t, { faults: [{ operation, kind: 'status', status: 400, times: 1000 }] });
    await withEverything(bench);
    const result = await bench.cli('load', ['--json']);
    assert.equal(result.code, 3, operation);
    assert.match(await bench.written(), new RegExp(`a fault of ${operation}`));
    const asked = bench.server.requests.get(`${operation} 400`) ?? 0;
    assert.ok(asked <= 2, `${operation} was asked for ${asked} times`);
  }
});

test('a conflict while a run is made is no deleted run', async (t) => {
  const faults: Fault[] = [{ operation: 'upsertBucket', kind: 'status', status: 409, times: 2 }];
  const bench = await WandbBench.create(t, { faults });
  await withEverything(bench);
  await bench.load();
  assert.deepEqual(
    bench.server.runs().map(({ name }) => /-2$/.test(name)),
    [false],
  );
  await assertWhole(bench);
});

test('a server that knows of lines a little later', async () => {
  const place = { entity: 'e', project: 'p', name: 'r' };
  let looks = 0;
  const client = {
    async run() {
      looks++;
      return { config: {}, summary: {}, lines: looks < 3 ? 0 : 1, tail: '{"_step":0}' };
    },
    fileStream: async () => ({}),
  } as unknown as WandbClient;
  const { signal } = new AbortController();
  const stream = new FileStream({ client, place, canGzip: false, inherited: 0, there: 0, signal });
  const files = {} as RunFiles;
  const backEnd = new SendingBackEnd({ client, place, stream, files, half: undefined, tail: undefined, signal });
  backEnd.line({ step: 0, text: '{\\"_step\\":0}', bytes: 11 });
  await backEnd.flushLines();
  assert.deepEqual(await backEnd.check({ input: { config: '{}' }, summary: '{}', exitCode: 0 }), []);
  assert.equal(looks, 3);
});

test('a key that is refused in the middle ends the load', async (t) => {
  const bench = await WandbBench.create(t, {
    faults: [{ operation: 'fileStream', kind: 'status', status: 401, times: 1000 }],
  });
  await bench.write(...['a', 'b', 'c'].map((name) => run(name, [counting('m', 0, 3)])));
  const result = await bench.cli('load', ['--concurrency', '1']);
  assert.equal(result.code, 1, result.stderr);
  assert.equal(bench.server.runs().length, 1, 'the others were not begun');
});

test('no server', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', []));
  const env = { WANDB_BASE_URL: 'http://127.0.0.1:9', NEPTUNE_EXPORTER_RETRY_SECONDS: '1' };
  const result = await bench.cli('load', [], env);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /127\.0\.0\.1:9/);
});

test('something else than W&B', async (t) => {
  const bench = await WandbBench.create(t);
  await bench.write(run('r', []));
  const { createServer } = await import('node:http');
  const other = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    other.closeAllConnections();
    return new Promise((resolve) => other.close(resolve));
  });
  const { port } = other.address() as { port: number };
  const result = await bench.cli('load', [], { WANDB_BASE_URL: `http://127.0.0.1:${port}` });
  assert.equal(result.code, 1, result.stderr);
  assert.match(result.stderr, /W&B/);
});
