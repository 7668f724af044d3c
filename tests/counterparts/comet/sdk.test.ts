// The emulated Comet server against the unmodified official SDK: what it logs arrives, and is read back the same.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ReadCometExperiment, readComet, runComet } from '../comet-readback.ts';
import type { HeldExperiment } from './held.ts';
import { textOf } from './limits.ts';
import { valueText } from './series.ts';
import { type CometServerOptions, startCometServer } from './server.ts';

const SCRIPTS = join(import.meta.dirname, '..');
const SESSION = join(SCRIPTS, 'comet_session.py');
const EDITS = join(SCRIPTS, 'comet_edits.py');
const POINTS = join(SCRIPTS, 'comet_points.py');
const OFFLINE = join(SCRIPTS, 'comet_offline.py');
const FIRST = 'a'.repeat(40);
const STARTED = 'b'.repeat(32);
const POINTS_KEY = 'c'.repeat(50);

async function start(t: TestContext, options: CometServerOptions = {}) {
  const refusals: string[] = [];
  const server = await startCometServer({
    onRefusal: ({ operation, status, code, message }) => refusals.push(`${operation} ${status} ${code} ${message}`),
    ...options,
  });
  t.after(() => server.close());
  return { server, refusals };
}

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

test('the SDK logs, goes on, starts and reads back', async (t) => {
  const { server, refusals } = await start(t);
  const session = await runComet<Record<string, unknown>>(server, SESSION);
  assert.deepEqual(session, {
    url: `${server.url}/emulated-team/emulated/${FIRST}`,
    again: { taken: false, existing: FIRST, known: 0.01, absent: false },
    started: [STARTED, STARTED, STARTED],
    told: { workspace: 'False', key: 'False' },
  });
  assert.deepEqual(refusals, [
    `POST logger/add/run 400 90999 experiment ${FIRST} already exists`,
    `POST logger/get/run 400 90210 no such experiment: ${'f'.repeat(32)}`,
    `GET experiment/metadata 404 90211 no such experiment: ${STARTED}`,
    `POST logger/add/run 400 90999 experiment ${STARTED} already exists`,
    'POST logger/add/run 400 90219 workspace nobody does not exist',
    'POST logger/add/run 400 90212 API key is not registered',
  ]);
  checkValues(server.experiment(FIRST));
  checkFiles(server.experiment(FIRST));
  const read = await readComet(server, server.workspace, { project: 'emulated', assets: 'hash' });
  assert.deepEqual(
    read.map(({ key }) => key),
    [FIRST, STARTED],
  );
  for (const one of read) checkReadBack(server.experiment(one.key), one);
  assert.deepEqual(await readComet(server, 'other-team'), []);
});

function checkValues(held: HeldExperiment) {
  assert.deepEqual([held.name, held.offline, held.running, held.error], ['First run', false, false, null]);
  const { big, long, ...params } = held.params;
  assert.equal(big, 2n ** 53n + 1n);
  assert.equal(long, `${'x'.repeat(988)} [truncated]`);
  assert.deepEqual(params, {
    ...{ curr_step: 20, curr_epoch: 3, deep: true, layers: [1, 2], lr: 0.1, 'nested|a|b': 'c' },
    limit: 'Infinity',
  });
  const { Name, note, count, done } = held.others;
  assert.deepEqual({ Name, note, count, done }, { Name: 'First run', note: 'some\nnotes ✓', count: 3, done: false });
  assert.deepEqual(held.tags, ['one', 'two words', 'three']);
  const loss = held.metrics['train/loss']!.points();
  assert.deepEqual(
    loss.map(({ value, step, epoch }) => [value, step, epoch]),
    [...Array.from({ length: 20 }, (_, step) => [1 / (step + 1), step, Math.floor(step / 5)]), [0.01, 20, null]],
  );
  assert.ok(loss.every(({ timestamp }) => Math.abs(Number(timestamp) - Date.now()) < 600_000));
  assert.deepEqual(
    held.metrics['odd ✓']!.points().map(({ value }) => value),
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.1 + 0.2, 1e-300, 2 ** 53],
  );
  assert.deepEqual([held.metrics.test_acc?.context, held.metrics.word?.points()[0]?.value], ['test', 'text']);
  const output = (of: boolean) =>
    held.output
      .filter(({ stderr }) => stderr === of)
      .map(({ text }) => text)
      .join('');
  assert.match(output(false), /said aloud\n/);
  assert.match(output(true), /and ✓ again\n/);
  assert.equal(held.html, '<p>first</p><p>second</p>');
  assert.deepEqual([held.graph, held.filePath], ['a graph', 'train.py']);
  assert.deepEqual(held.system.logAdditionalSystemInfoList, [{ key: 'gpu', value: 'none' }]);
  assert.deepEqual(held.dependencies, [{ name: 'numpy', version: '2' }]);
}

function checkFiles(held: HeldExperiment) {
  const found = held.assets
    .map(({ name, type, step, bytes }) => [
      name.replace(/^.*(?=train)|(?<=^text-sample-).*(?=\.txt)/, ''),
      ...[type, step, bytes.length],
    ])
    .sort();
  assert.deepEqual(found, [
    ['empty.txt', 'asset', 4, 0],
    ['file.bin', 'asset', 0, 0],
    ['images/black.png', 'image', 2, 67],
    ['models/weights.bin', 'asset', 4, 9],
    ['roc', 'curve', 0, 42],
    ['rows.json', 'asset', 4, 14],
    ['same.txt', 'asset', 4, 6],
    ['table.csv', 'asset', 0, 22],
    ['text-sample-.txt', 'text-sample', 1, 13],
    ['train.py', 'source_code', 0, 17],
    ['weights', 'histogram3d', 7, 127],
  ]);
  const named = (name: string) => held.assets.find((asset) => asset.name === name)!;
  assert.equal(named('same.txt').bytes.toString(), 'second');
  assert.deepEqual(named('empty.txt').metadata, { path: 'a/b', size: 0 });
  assert.equal(named('file.bin').link, 's3://bucket/file.bin');
  const { index_values } = JSON.parse(named('weights').bytes.toString()) as { index_values: number[][] };
  assert.deepEqual(index_values, [
    [484, 1],
    [775, 1],
    [1058, 1],
    [1065, 2],
  ]);
}

function checkReadBack(held: HeldExperiment, read: ReadCometExperiment) {
  const { name, workspace, project, tags, html, graph, startTime, endTime, archived } = held;
  assert.deepEqual(
    [read.name, read.workspace, read.project, read.tags, read.html, read.graph, read.archived, read.state],
    [name, workspace, project, tags, html, graph, archived, 'finished'],
  );
  assert.deepEqual([read.start_time, read.end_time], [startTime, endTime]);
  assert.equal(read.output, held.output.map(({ text }) => text).join(''));
  const texts = (values: HeldExperiment['params']) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, textOf(value)]));
  assert.deepEqual(read.params, texts(held.params));
  assert.deepEqual(read.others, texts(held.others));
  const text = (value: unknown) => (value === null ? null : String(value));
  for (const [metric, { context, points }] of Object.entries(held.metrics)) {
    const rows = points();
    assert.deepEqual(read.metrics[metric], {
      context,
      values: rows.map(({ value }) => valueText(value)),
      steps: rows.map(({ step }) => text(step)),
      epochs: rows.map(({ epoch }) => text(epoch)),
      timestamps: rows.map(({ timestamp }) => text(timestamp)),
    });
    assert.equal(read.summary[metric]?.valueCurrent, valueText(rows.at(-1)!.value));
  }
  assert.equal(Object.keys(read.metrics).length, Object.keys(held.metrics).length);
  assert.equal(read.assets.length, held.assets.length);
  for (const [at, asset] of read.assets.entries()) {
    const { id, name, type, step, metadata, bytes, link } = held.assets[at]!;
    assert.deepEqual(
      [asset.id, asset.name, asset.type, asset.step, asset.size, asset.link],
      [id, name, type === 'image' ? 'visualization' : type, text(step), bytes.length, link],
    );
    assert.deepEqual(JSON.parse(asset.metadata ?? 'null'), metadata);
    if (link === null) assert.equal(asset.sha256, sha256(bytes));
  }
}

test('the API class writes, edits, archives and deletes', async (t) => {
  const { server, refusals } = await start(t);
  const { seen, lifecycle, site } = await runComet<Record<string, { key: string }>>(server, EDITS);
  const { key, ...told } = seen!;
  assert.deepEqual(told, {
    name: 'By the API',
    state: 'crashed',
    times: [1000, 5000, 4000],
    loss: [
      ['0.25', 1, 1_684_324_800_123],
      ['0.125', 2, 1_684_324_800],
    ],
    summary: '0.125',
    chart: [[0.25, 0.125], [1, 2], { lr: '0.2' }],
    lr: '0.2',
    params: ['kept', 'lr'],
    tags: ['one', 'three'],
    hostname: 'a host',
    command: ['python', 'train.py'],
    branch: 'main',
    asset: '[]',
    images: ['image.png'],
    curve: [3, 4],
  });
  assert.deepEqual(lifecycle, {
    before: ['By the API'],
    archived: [[], ['By the API']],
    restored: ['By the API'],
    deleted: true,
  });
  assert.deepEqual(site, {
    account: 'emulated-user',
    workspaces: ['emulated-team', 'other-team'],
    projects: ['edits', 'made'],
    description: 'described',
    absent: null,
  });
  assert.deepEqual(
    refusals.map((refusal) => refusal.split(' ').slice(0, 3).join(' ')),
    ['GET experiment/metadata 404', 'GET project 404'],
  );
  const held = server.experiment(key);
  assert.deepEqual(Object.keys(held.metrics), ['loss', 'acc/top1', 'acc/top5']);
  assert.deepEqual([held.crashed, held.running, held.html], [true, false, '<b>html</b>']);
});

test('what is refused for a while is sent again, and a lost answer doubles points', async (t) => {
  const { server } = await start(t, {
    limits: { valuesPerMinute: 40, minuteSeconds: 3 },
    faults: [
      { operation: 'POST logger/add/run', kind: 'status', status: 503 },
      { operation: 'POST batch/metric', kind: 'lost' },
      { operation: 'POST asset/upload', kind: 'status', status: 500 },
    ],
  });
  const environment = { COMET_HTTP_SESSION_RETRY_BACKOFF_FACTOR: '0', COMET_MESSAGE_BATCH_METRIC_MAX_SIZE: '30' };
  await runComet(server, POINTS, [POINTS_KEY, '60'], environment);
  const count = (request: string) => server.requests.filter((one) => one === request).length;
  assert.deepEqual([count('POST logger/add/run 503'), count('POST asset/upload 500')], [1, 1]);
  assert.ok(count('POST batch/metric 429') > 0);
  assert.ok(count(`POST write/experiment/${POINTS_KEY}/mark-not-throttled 200`) === 1);
  const { metrics, assets, throttled } = server.experiment(POINTS_KEY);
  const steps = metrics.loss!.points().map(({ step }) => Number(step));
  assert.deepEqual(
    [...new Set(steps)].sort((a, b) => a - b),
    Array.from({ length: 60 }, (_, step) => step),
  );
  assert.ok(steps.length > 60, 'the batch whose answer was lost came again');
  assert.deepEqual([assets.length, throttled], [1, false]);
});

test('what was logged offline is uploaded later, without rate limits', async (t) => {
  const { server, refusals } = await start(t, { limits: { valuesPerMinute: 10, othersPerMinute: 1 } });
  const { status, said } = await runComet<{ status: number; said: string }>(server, OFFLINE, [POINTS_KEY, '2500']);
  assert.equal(status, 0, said);
  assert.deepEqual(refusals, []);
  const { offline, running, metrics, params, others, tags, assets, endTime } = server.experiment(POINTS_KEY);
  assert.deepEqual([offline, running, metrics.loss!.count, params.lr], [true, false, 2500, 0.1]);
  assert.deepEqual(others, { Name: 'Offline', offline_experiment: true });
  assert.deepEqual([tags, assets.map(({ name }) => name)], [['offline'], ['asset.txt']]);
  assert.ok(endTime! < Date.now() - 100, 'the end is that of the experiment, not of the upload');
  assert.deepEqual(server.requests.slice(-2), [
    'POST status-report/update 200',
    'POST status-report/offline-metadata 200',
  ]);
});

test('100,000 points are sent and read back in seconds, those of a long metric sampled down', async (t) => {
  const { server } = await start(t, { redirectAssets: true });
  const headers = { authorization: server.apiKey, 'content-type': 'application/json;charset=utf-8' };
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${server.url}/clientlib/${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(body)),
    });
    assert.equal(response.status, 200, await response.text());
  };
  const experimentKey = POINTS_KEY;
  const run = { experimentKey, projectName: 'large', teamName: server.workspace, libVersion: '1', local_timestamp: 1 };
  await post('logger/add/run', { ...run, offline: true });
  const started = performance.now();
  for (let from = 0; from < 100_000; from += 1000) {
    const values = Array.from({ length: 1000 }, (_, at) => ({
      metricName: from < 50_000 ? `short/${Math.floor(from / 10_000)}` : 'long',
      metricValue: (from + at) / 7,
      step: from + at,
      epoch: null,
      context: null,
      timestamp: 1_684_324_800_123 + at,
    }));
    await post('batch/logger/experiment/metric', { experimentKey, values });
  }
  const sent = performance.now();
  const form = new FormData();
  form.append('file', new Blob(['redirected']), 'file.txt');
  const upload = `${server.url}/api/rest/v2/write/experiment/upload-asset?experimentKey=${experimentKey}&fileName=file.txt`;
  const uploaded = await fetch(upload, { method: 'POST', headers: { authorization: server.apiKey }, body: form });
  assert.equal(uploaded.status, 200, await uploaded.text());
  const [read] = await readComet(server, server.workspace, { keys: [experimentKey], assets: 'bytes', direct: true });
  t.diagnostic(`sent in ${Math.round(sent - started)} ms, read in ${Math.round(performance.now() - sent)} ms`);
  assert.equal(read!.metrics['short/4']!.values.length, 10_000);
  assert.equal(read!.metrics['short/4']!.values[9_999], String(49_999 / 7));
  const { long } = read!.metrics;
  assert.deepEqual([long!.values.length, long!.steps[0], long!.steps.at(-1)], [15_000, '50000', '99999']);
  assert.equal(server.experiment(experimentKey).metrics.long!.count, 50_000);
  assert.equal(read!.assets[0]!.bytes!.toString(), 'redirected');
  assert.equal(server.requests.filter((request) => request === 'GET storage 206').length, 1);
});

test('an older server is read metric by metric', async (t) => {
  const { server, refusals } = await start(t, { without: ['metrics/get-all', 'not-found'] });
  await runComet(server, POINTS, [POINTS_KEY, '3']);
  const [read] = await readComet(server, server.workspace, { keys: [POINTS_KEY, FIRST] });
  assert.deepEqual(read!.metrics.loss!.steps, ['0', '1', '2']);
  assert.ok(server.requests.includes('GET project/column-names 200'));
  assert.deepEqual(refusals, [`GET experiment/metadata 400 90211 no such experiment: ${FIRST}`]);
});
