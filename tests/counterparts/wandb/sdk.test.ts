// The emulated W&B server against the unmodified official SDK: what it logs arrives, and is read back the same.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type ReadWandbProject, readWandb, runWandb } from '../wandb-readback.ts';
import { parseDocument } from './graphql/syntax.ts';
import { validate } from './graphql/validate.ts';
import { wandbSchema } from './schema.ts';
import { startWandbServer, type WandbServer, type WandbServerOptions } from './server.ts';

const SESSION = join(import.meta.dirname, '..', 'wandb_session.py');
const EDITS = join(import.meta.dirname, '..', 'wandb_edits.py');
const DOCUMENTS = join(import.meta.dirname, '..', 'wandb_documents.py');

interface Session {
  versions: string[];
  resumed: { resumed: boolean };
  told: Record<string, string>;
}

async function start(t: TestContext, options: WandbServerOptions = {}) {
  const refusals: string[] = [];
  const onRefusal = ({ operation, status, message }: { operation: string; status: number; message: string }) =>
    refusals.push(`${operation} ${status} ${message}`);
  const server = await startWandbServer({ onRefusal, ...options });
  t.after(() => server.close());
  return { server, refusals };
}

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

test('the SDK logs, resumes, forks, uploads and reads back', async (t) => {
  const { server, refusals } = await start(t);
  const session = await runWandb<Session>(server, SESSION);
  assert.deepEqual(refusals.sort(), [
    'upsertBucket 404 branch_point: run absent not found during upsertBucket',
    'upsertBucket 404 entity nobody not found during upsertBucket',
  ]);
  checkSession(session);
  checkFirst(server);
  checkOthers(server);
  checkArtifacts(server);
  const project = await readWandb(server, `${server.entity}/emulated`);
  assert.equal(refusals.length, 2);
  checkReadBack(server, project);
  await checkListing(server);
});

function checkSession({ versions, resumed, told }: Session) {
  assert.deepEqual(versions, ['model:v0', 'model:v1', 'model:v1']);
  assert.equal(resumed.resumed, true);
  assert.deepEqual(Object.keys(told), ['must', 'never', 'entity', 'fork']);
  assert.match(told.must!, /does not exist or has not been initialized/);
  assert.match(told.never!, /already exists/);
  assert.match(told.entity!, /entity nobody not found/);
  assert.match(told.fork!, /run absent not found/);
}

function checkFirst(server: WandbServer) {
  const run = server.run('emulated', 'first');
  assert.equal(run.displayName, 'First run');
  assert.deepEqual([run.group, run.jobType, run.notes], ['a group', 'train', 'some\nnotes ✓']);
  assert.deepEqual(run.tags, ['one', 'two words']);
  assert.deepEqual([run.state, run.exitCode, run.resumed, run.forkFrom], ['finished', 0, 1, null]);
  assert.match(run.configText, /"big":\{"value":9007199254740993\}/);
  const { big, ...config } = run.config;
  assert.equal(typeof big, 'number');
  assert.deepEqual(config, {
    lr: 0.1,
    layers: [1, 2],
    nested: { a: { b: 'c' } },
    limit: 'Infinity',
    added: 'later',
  });
  const rows = run.history();
  assert.deepEqual(
    rows.map(({ _step }) => _step),
    [...Array(21).keys(), 1000, 1001, 1002, 1003, 1004],
  );
  assert.ok(rows.every(({ _timestamp, _runtime }) => typeof _timestamp === 'number' && typeof _runtime === 'number'));
  const { _timestamp, _runtime, ...third } = rows[3]!;
  assert.deepEqual(third, { _step: 3, loss: 0.25, epoch: 0, 'custom/acc': 0.15, flag: false });
  assert.match(run.historyLines[20]!, /"odd":NaN/);
  assert.match(run.historyLines[20]!, /"down":-Infinity/);
  assert.equal(rows[20]!.text, 'says "NaN"');
  assert.equal(rows[21]!._timestamp, 1684324800.123);
  assert.deepEqual(rows[22]!.weights, { _type: 'histogram', values: [1, 2, 3], bins: [0, 1, 2, 4] });
  assert.deepEqual([run.summary.best, run.summary.loss, run.summary._step], [0.05, 0.01, 1004]);
  assert.deepEqual(run.unreported, []);
  assert.equal(run.files['saved/notes.txt']?.bytes.toString(), 'saved');
  for (const key of ['logs/out', 'media/image']) {
    const { path, sha256: sum, size } = run.summary[key] as { path: string; sha256: string; size: number };
    assert.deepEqual([run.files[path]?.sha256, run.files[path]?.bytes.length], [sum, size]);
  }
}

function checkOthers(server: WandbServer) {
  const [first, forked, failed] = ['first', 'forked', 'failed'].map((name) => server.run('emulated', name));
  assert.deepEqual(forked!.forkFrom, { run: 'first', step: 9 });
  assert.deepEqual(forked!.historyLines.slice(0, 10), first!.historyLines.slice(0, 10));
  assert.deepEqual([forked!.historyLines.length, forked!.history()[10]?.loss], [11, 5]);
  assert.deepEqual([failed!.state, failed!.exitCode, failed!.group], ['failed', 3, 'a group']);
  assert.match(failed!.console.join('\n'), /said aloud\n.*ERROR.*and ✓ again/);
  assert.equal(server.runs().length, 3);
}

function checkArtifacts(server: WandbServer) {
  const versions = server.run('emulated', 'first').artifacts;
  const told = versions.map(({ type, collection, version, aliases, state }) => ({
    ...{ type, collection: collection.replace(/logsout-.*/, 'logsout'), version, aliases, state },
  }));
  assert.deepEqual(told, [
    { type: 'run_table', collection: 'run-first-logsout', version: 'v0', aliases: ['latest'], state: 'COMMITTED' },
    { type: 'checkpoint', collection: 'model', version: 'v0', aliases: [], state: 'COMMITTED' },
    {
      type: 'checkpoint',
      collection: 'model',
      version: 'v1',
      aliases: ['latest', 'best', 'again'],
      state: 'COMMITTED',
    },
  ]);
  const [, v0, v1] = versions;
  assert.deepEqual([v0!.metadata, v0!.description, v0!.tags], [{ layers: 3 }, 'weights', ['kept']]);
  assert.equal(v1!.entries['dir/weights.bin']?.bytes?.toString(), 'v1!');
  assert.equal(v1!.entries['same.txt']?.bytes?.toString(), 'the same in each version');
  assert.equal(v1!.entries['data.csv']?.ref, 'https://example.com/data.csv');
}

function checkReadBack(server: WandbServer, { runs, collections }: ReadWandbProject) {
  assert.deepEqual(
    runs.map(({ run }) => run),
    ['first', 'forked', 'failed'],
  );
  for (const read of runs) {
    const held = server.run('emulated', read.run);
    const { displayName, group, jobType, tags, notes, state, summary } = held;
    assert.deepEqual(
      [read.name, read.group, read.job_type, read.tags, read.notes, read.state],
      [displayName, group, jobType, tags, notes, state],
    );
    assert.deepEqual({ ...read.config, big: undefined }, { ...held.config, big: undefined });
    assert.deepEqual(read.summary, summary);
    assert.deepEqual(read.internal, held.internal);
    assert.deepEqual(read.rows, held.history());
    assert.deepEqual(
      Object.entries(read.files).map(([name, file]) => [name, file.sha256]),
      Object.entries(held.files).map(([name, file]) => [name, file.sha256]),
    );
    for (const [at, artifact] of read.artifacts.entries()) {
      const { collection, version, entries, type, digest, aliases } = held.artifacts[at]!;
      assert.deepEqual(
        [artifact.name, artifact.type, artifact.digest, artifact.aliases],
        [`${collection}:${version}`, type, digest, aliases],
      );
      for (const [path, { bytes }] of Object.entries(entries))
        assert.equal(artifact.entries[path]?.sha256, bytes && sha256(bytes));
    }
    assert.equal(read.artifacts.length, held.artifacts.length);
  }
  const [first, , failed] = runs;
  assert.equal(first!.config.big, 2n ** 53n + 1n);
  assert.deepEqual(failed!.used.sort(), ['model:v0', 'model:v1']);
  assert.deepEqual(failed!.console, ['said aloud', 'and ✓ again']);
  assert.deepEqual(collections.model, { type: 'checkpoint', versions: { v0: [], v1: ['latest', 'best', 'again'] } });
  assert.deepEqual(collections.collected, { type: 'checkpoint', versions: { v0: ['latest', 'linked'] } });
}

async function checkListing(server: WandbServer) {
  const filters = { $or: [{ 'config.lr': { $gt: 0.05 } }, { display_name: { $regex: '^bright-run-3$' } }] };
  const { runs } = await readWandb(server, `${server.entity}/emulated`, {
    filters,
    order: '-created_at',
    download: false,
  });
  assert.deepEqual(
    runs.map(({ run }) => run),
    ['failed', 'first'],
  );
}

test('the SDK rewinds, samples, edits, deletes and lists', async (t) => {
  const { server, refusals } = await start(t);
  const { history, ...found } = await runWandb<Record<string, unknown>>(server, EDITS);
  assert.deepEqual(refusals, []);
  assert.deepEqual(
    (history as { _step: number }[]).map(({ _step }) => _step),
    [0, 4, 9],
  );
  const even = (steps: number[]) => steps.map((_step) => ({ _step, even: true }));
  assert.deepEqual(found, {
    by_key: even([0, 2, 4, 6, 8]),
    scan: even([2, 4, 6]).map((row) => ({ ...row, x: row._step / 2 })),
    last_step: 9,
    uploaded: 'more.txt',
    files: ['more.txt'],
    absent: `CommError: Could not find run <Run ${server.entity}/edits/absent (not found)>`,
    absent_project: 'ValueError: Could not find project absent',
    left: ['kept', 'rewound'],
    projects: ['edits', 'made'],
    other_type: "ValueError: Artifact data already exists with type 'dataset'; cannot create another with type 'model'",
    artifact: ['data:good', ['good', 'latest'], 'described', { rows: 5 }],
    made_by: 'maker',
    table: [
      [1, 'a'],
      [2.5, 'ü'],
    ],
    exists: [true, false],
    gone: false,
  });
  const kept = server.run('edits', 'kept');
  assert.deepEqual([kept.config, kept.tags, kept.notes, kept.summary.best], [{ lr: 0.25 }, ['edited'], 'noted', 7]);
  const metrics = [
    { 2: 'custom/*', 5: 2, 6: [1], 7: [] },
    { 1: 'epoch', 6: [], 7: [] },
  ];
  assert.deepEqual(server.run('edits', 'maker').internal.m, metrics);
  const rewound = server.run('edits', 'rewound').history();
  assert.deepEqual(
    rewound.map(({ x }) => x),
    [0, 0.5, 1, 1.5, 2, 0, 0.5, 1],
  );
});

test('refusals that pass, lost answers and cut connections lose and double nothing', async (t) => {
  const { server } = await start(t, {
    faults: [
      { operation: 'fileStream', kind: 'lost' },
      { operation: 'upsertBucket', kind: 'status', status: 429, headers: { 'Retry-After': '1' } },
      { operation: 'PUT storage', kind: 'cut' },
      { operation: 'commitArtifact', kind: 'status', status: 503 },
      { operation: 'createArtifactFiles', kind: 'status', status: 500 },
    ],
  });
  await runWandb<Session>(server, SESSION);
  assert.equal(server.requests.get('upsertBucket 429'), 1);
  assert.equal(server.requests.get('commitArtifact 503'), 1);
  const first = server.run('emulated', 'first');
  assert.equal(first.historyLines.length, 26);
  assert.equal(first.artifacts.length, 3);
  assert.equal(first.state, 'finished');
});

test('100,000 points are read back in seconds, sparse steps too', async (t) => {
  const { server } = await start(t);
  const path = `${server.entity}/large`;
  const post = async (address: string, body: unknown) => {
    const response = await fetch(server.url + address, {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`api:${server.apiKey}`)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 200, await response.text());
  };
  const query = 'mutation { upsertBucket(input: {modelName: "large", name: "one"}) { inserted } }';
  await post('/graphql', { query });
  const lines = Array.from({ length: 50_000 }, (_, at) =>
    JSON.stringify({ loss: at / 7, acc: 1 / (at + 1), _step: at * 1_000_000, _timestamp: 1.7e9 + at, _runtime: at }),
  );
  await post(`/files/${path}/one/file_stream`, { files: { 'wandb-history.jsonl': { offset: 0, content: lines } } });
  const started = performance.now();
  const { runs } = await readWandb(server, path);
  const seconds = (performance.now() - started) / 1000;
  assert.equal(runs[0]?.rows.length, 50_000);
  assert.deepEqual(runs[0]?.rows.at(-1), JSON.parse(lines.at(-1)!));
  t.diagnostic(`read in ${seconds.toFixed(1)} s`);
  assert.ok(seconds < 30, `${seconds} s`);
});

/** Documents of what isn't emulated: other parts of the service. */
const ELSEWHERE = /REGISTR|SWEEP|AGENT|TEAM|INVITE|SERVICE_ACCOUNT|USER|API_KEY|ORG|COLLECTION_TAGS|SEQUENCE|PORTFOLIO/;

test('the schema has what the documents of the SDK ask for', async (t) => {
  const { server } = await start(t);
  const documents = await runWandb<Record<string, string>>(server, DOCUMENTS);
  const schema = wandbSchema();
  const wrong = Object.entries(documents)
    .filter(([name]) => !ELSEWHERE.test(name) || name === 'ARTIFACT_USED_BY_GQL')
    .flatMap(([name, text]) => validate(schema, parseDocument(text)).map((error) => `${name}: ${error}`));
  assert.deepEqual(wrong, []);
});
