// What the emulated Comet server refuses, and how: a client that gets by here sends nothing that isn't known to be taken.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { SERVICE_RATES } from './limits.ts';
import { type CometServerOptions, startCometServer } from './server.ts';

const KEY = 'a'.repeat(40);
const OTHER_KEY = 'B1'.repeat(16);

interface Reply {
  status: number;
  text: string;
  json: Record<string, unknown>;
  headers: Headers;
}

type Body = string | Uint8Array | FormData | object;

async function start(t: TestContext, options: CometServerOptions = {}) {
  const server = await startCometServer(options);
  t.after(() => server.close());
  const send = async (method: string, path: string, body?: Body, headers: Record<string, string> = {}) => {
    const isForm = body instanceof FormData;
    const isRaw = isForm || typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(server.url + path, {
      method,
      headers: {
        authorization: server.apiKey,
        ...(isForm || body === undefined ? {} : { 'content-type': 'application/json;charset=utf-8' }),
        ...headers,
      },
      redirect: 'manual',
      ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json';
    const json = isJson ? (JSON.parse(text) as Reply['json']) : {};
    return { status: response.status, text, json, headers: response.headers };
  };
  const client = (path: string, body: Body, headers?: Record<string, string>) =>
    send('POST', `/clientlib/${path}`, body, headers);
  const rest = (path: string, body?: Body) => send(body ? 'POST' : 'GET', `/api/rest/v2/${path}`, body);
  const create = (more: object = {}) =>
    client('logger/add/run', {
      ...{ experimentKey: KEY, local_timestamp: Date.now(), offline: false, projectName: 'p', libVersion: '3.58.8' },
      ...{ teamName: server.workspace, getOrCreateEnabled: false },
      ...more,
    });
  const metrics = (values: unknown[], experimentKey = KEY) =>
    client('batch/logger/experiment/metric', { experimentKey, values });
  const parameters = (values: unknown[]) => client('batch/logger/experiment/parameter', { experimentKey: KEY, values });
  const upload = (
    query: Record<string, string>,
    content: string | Buffer = 'content',
    more: [string, string][] = [],
  ) => {
    const form = new FormData();
    form.append('file', new Blob([content]), 'file');
    for (const [name, value] of more) form.append(name, value);
    return send(
      'POST',
      `/api/rest/v2/write/experiment/upload-asset?${new URLSearchParams({ experimentKey: KEY, ...query })}`,
      form,
    );
  };
  return { server, send, client, rest, create, metrics, parameters, upload };
}

type Client = Awaited<ReturnType<typeof start>>;

async function withExperiment(t: TestContext, options: CometServerOptions = {}, more: object = {}): Promise<Client> {
  const client = await start(t, options);
  await taken(client.create(more));
  return client;
}

/** @throws AssertionError if it isn't refused like that */
async function refused(reply: Promise<Reply>, status: number, message: RegExp, code = 0): Promise<Reply> {
  const got = await reply;
  assert.equal(got.status, status, got.text);
  assert.match(String(got.json.msg), message);
  assert.deepEqual([got.json.code, got.json.sdk_error_code], [status, code]);
  return got;
}

async function taken(reply: Promise<Reply>): Promise<Reply> {
  const got = await reply;
  assert.equal(got.status, 200, got.text);
  return got;
}

const value = (more: object = {}) => ({
  ...{ metricName: 'loss', metricValue: 0.5, step: 1, epoch: null, context: null, timestamp: 1_684_324_800_123 },
  ...more,
});

const param = (more: object = {}) => ({
  ...{ parameterName: 'lr', parameterValue: 0.1, step: null, context: null, timestamp: 1_684_324_800_123 },
  ...{ source: 'manual', ...more },
});

const histogram = (more: object = {}) => ({
  ...{ version: 2, index_values: [[1065, 2]], values: null, offset: 0, start: 1e-12, stop: 1e20, step: 1.1 },
  ...more,
});

test('a key is asked for, alone', async (t) => {
  const { server, send, client, create } = await withExperiment(t);
  for (const authorization of ['another', `Bearer ${server.apiKey}`, '']) {
    await refused(send('GET', '/api/rest/v2/workspaces', undefined, { authorization }), 401, /API key/, 90212);
    await refused(client('logger/add/run', {}, { authorization }), 400, /API key/, 90212);
  }
  await refused(create({ apiKey: 'another' }), 400, /API key/, 90212);
  await taken(send('GET', '/clientlib/rest/v2/workspaces', undefined, { 'comet-sdk-api': server.apiKey }));
  await taken(send('GET', '/clientlib/isAlive/ver', undefined, { authorization: '' }));
  await refused(client('elsewhere', {}), 404, /There is no POST/);
  await refused(send('POST', '/api/rest/v2/workspaces', {}), 404, /There is no POST/);
});

test('keys, workspaces and projects have rules', async (t) => {
  const { server, create, client, rest } = await start(t, { limits: { experiments: 2 } });
  for (const experimentKey of ['a'.repeat(31), 'a'.repeat(51), `${'a'.repeat(32)}-`, `${'a'.repeat(32)}é`])
    await refused(create({ experimentKey }), 400, /invalid experiment key/);
  await refused(create({ experimentKey: null }), 400, /key is missing/, 90998);
  await refused(create({ teamName: 'nobody' }), 400, /nobody does not exist/, 90219);
  await refused(create({ projectName: '' }), 400, /project name is missing/, 98219);
  await refused(create({ projectName: 'x'.repeat(101) }), 400, /too long/, 1341241);
  await refused(create({ name: 'x' }), 400, /Unrecognized field "name"/);
  await refused(create({ offline: 'yes' }), 400, /true or false/);
  assert.deepEqual(server.experiments(), []);
  const { json } = await taken(create());
  assert.match(String(json.runId), /^[0-9a-f]{32}$/);
  assert.equal(json.focusUrl, `${server.url}/emulated-team/p/`);
  await refused(create(), 400, /already exists/, 90999);
  const again = await taken(create({ getOrCreateEnabled: true, projectName: 'elsewhere' }));
  assert.deepEqual(again.json, json);
  await taken(create({ experimentKey: OTHER_KEY }));
  await refused(create({ experimentKey: 'c'.repeat(32) }), 400, /full/, 7000020);
  await taken(rest(`write/experiment/delete?experimentKey=${OTHER_KEY}`));
  await refused(create({ experimentKey: OTHER_KEY, getOrCreateEnabled: true }), 400, /already exists/, 90999);
  const old = { previousExperiment: OTHER_KEY, local_timestamp: 1, libVersion: '1' };
  await refused(client('logger/get/run', old), 400, /no such experiment/, 90210);
  await refused(rest(`experiment/metadata?experimentKey=${OTHER_KEY}`), 404, /no such experiment/, 90211);
  await refused(rest('write/experiment/create', { workspaceName: 'nobody', projectName: 'p' }), 400, /nobody/, 90219);
  const made = await taken(rest('write/experiment/create', { workspaceName: server.workspace, projectName: 'q' }));
  assert.match(String(made.json.experimentKey), /^[0-9a-f]{32}$/);
});

test('a batch of metrics is taken whole or not at all', async (t) => {
  const { server, metrics, client } = await withExperiment(t, { limits: { batchValues: 10, metrics: 3 } });
  const cases: [object, RegExp][] = [
    [{ metricValue: null }, /must be a number or a text/],
    [{ metricValue: true }, /must be a number or a text/],
    [{ metricValue: 'x'.repeat(1001) }, /more than 1000/],
    [{ metricName: '' }, /metricName must be a text/],
    [{ metricName: 'x'.repeat(101) }, /metricName has more than 100/],
    [{ step: 0.5 }, /step must be a whole number/],
    [{ step: '1' }, /step must be a whole number/],
    [{ epoch: 1.5 }, /epoch must be a whole number/],
    [{ timestamp: '1684324800123' }, /timestamp must be a whole number/],
    [{ timestamp: 2 ** 64 + 0.5 }, /timestamp must be a whole number/],
    [{ context: '' }, /context/],
    [{ kind: 'x' }, /Unrecognized field "kind"/],
  ];
  for (const [more, message] of cases) await refused(metrics([value(), value(more)]), 400, message);
  const path = 'batch/logger/experiment/metric';
  const bare = (text: string) => `{"experimentKey":"${KEY}","values":[{"metricName":"x",${text}}]}`;
  await refused(client(path, bare('"metricValue":NaN')), 400, /no JSON/);
  await refused(client(path, bare('"metricValue":1,"step":9223372036854775808')), 400, /64 bits/);
  await refused(client(path, bare('"metricValue":1'), { 'content-encoding': 'gzip' }), 400, /no gzip/);
  await refused(client(path, bare('"metricValue":1'), { 'content-type': 'text/plain' }), 400, /application\/json/);
  await refused(client(path, { experimentKey: KEY, values: [], more: 1 }), 400, /Unrecognized field "more"/);
  await refused(metrics(Array(11).fill(value())), 400, /more than 10 values/);
  await refused(metrics([value()], OTHER_KEY), 400, /no such experiment/, 90211);
  const names = ['a', 'b', 'c', 'd'].map((metricName) => value({ metricName }));
  await refused(metrics(names), 400, /more than 3 different metrics/, 7777777);
  assert.deepEqual(server.experiment(KEY).metrics, {});
  await taken(metrics(names.slice(1)));
});

test('metric values are held as they came, twice when they came twice', async (t) => {
  const { server, client, rest } = await withExperiment(t);
  const written = ['0.1', '-0', '1e400', '"NaN"', '"-Infinity"', '"0.1"', '"0.10"', '"text"', '12345678901234567890'];
  const rows = written.map(
    (text, at) =>
      `{"metricName": "𝒙${'y'.repeat(99)}", "metricValue": ${text}, "step": ${at === 0 ? '9007199254740993' : -at}, "timestamp": ${at}}`,
  );
  const body = gzipSync(`{"experimentKey": "${KEY}", "values": [${rows.join(', ')}]}`);
  const path = 'batch/logger/experiment/metric';
  for (const _ of [1, 2]) await taken(client(path, body, { 'content-encoding': 'gzip' }));
  const [name, { count, points }] = Object.entries(server.experiment(KEY).metrics)[0]!;
  const held = points();
  assert.deepEqual([count, held.length], [18, 18]);
  const values = [0.1, -0, Number.POSITIVE_INFINITY, Number.NaN, Number.NEGATIVE_INFINITY, 0.1, '0.10', 'text'];
  assert.deepEqual(
    held.slice(9).map((point) => point.value),
    [...values, Number('12345678901234567890')],
  );
  assert.deepEqual(
    held.slice(0, 2).map(({ step, epoch, timestamp }) => [step, epoch, timestamp]),
    [
      [9007199254740993n, null, 0],
      [-1, null, 1],
    ],
  );
  const { text } = await rest(
    `experiment/metrics/get-metric?experimentKey=${KEY}&metricName=${encodeURIComponent(name)}`,
  );
  assert.match(text, /"metricValue":"0.1","timestamp":0,"step":9007199254740993,"epoch":null/);
  assert.match(text, /"metricValue":"-0","timestamp":1,"step":-1/);
});

test('times of points with a fraction are taken, cut to whole milliseconds', async (t) => {
  const { server, metrics, rest } = await withExperiment(t);
  const times = [1_684_324_800.923, 0.5, -0.5, -1.5];
  await taken(metrics(times.map((timestamp, step) => value({ step, timestamp }))));
  await taken(rest('write/experiment/metric', { experimentKey: KEY, ...value({ step: 4, timestamp: 7.9 }) }));
  const held = server.experiment(KEY).metrics.loss!.points();
  assert.deepEqual(
    held.map(({ timestamp }) => timestamp),
    [1_684_324_800, 0, 0, -1, 7],
  );
  const { text } = await rest(`experiment/metrics/get-metric?experimentKey=${KEY}&metricName=loss`);
  assert.match(text, /"timestamp":1684324800,/);
});

test('long metrics are sampled down on reading, kept whole within', async (t) => {
  const { server, metrics, rest } = await withExperiment(t, { limits: { metricValues: 5 } });
  await taken(metrics(Array.from({ length: 21 }, (_, step) => value({ step }))));
  const read = await rest(`experiment/metrics/get-all?experimentKey=${KEY}`);
  const { metrics: points } = read.json as { metrics: { step: number }[] };
  assert.deepEqual(
    points.map(({ step }) => step),
    [0, 5, 10, 15, 20],
  );
  const chart = { targetedExperiments: [KEY], metrics: ['loss'], independentMetrics: true, fetchFull: true };
  const { text } = await taken(rest('experiments/multi-metric-chart', chart));
  assert.match(text, /"steps":\[0,5,10,15,20\]/);
  assert.equal(server.experiment(KEY).metrics.loss?.points().length, 21);
});

test('parameters, others, tags and texts have rules', async (t) => {
  const { server, parameters, rest } = await withExperiment(t, { limits: { parameters: 3 } });
  const cases: [object, RegExp][] = [
    [{ parameterValue: null }, /must be a text, a number/],
    [{ parameterValue: { a: 1 } }, /must be a text, a number/],
    [{ parameterValue: [['nested']] }, /must be a text, a number/],
    [{ parameterValue: 'x'.repeat(1001) }, /more than 1000/],
    [{ parameterValue: Array(300).fill(1000) }, /more than 1000/],
    [{ parameterName: 'x'.repeat(101) }, /more than 100/],
    [{ source: 'guessed' }, /source must be one of/],
    [{ timestamp: 0.5 }, /timestamp/],
    [{ epoch: 1 }, /Unrecognized field "epoch"/],
  ];
  for (const [more, message] of cases) await refused(parameters([param(), param(more)]), 400, message);
  const other = (more: object) =>
    rest('write/experiment/log-other', { experimentKey: KEY, key: 'k', value: 'v', ...more });
  await refused(other({ value: 'x'.repeat(1001) }), 400, /more than 1000/);
  await refused(other({ value: null }), 400, /must be a text/);
  await refused(other({ key: 'x'.repeat(101) }), 400, /more than 100/);
  await refused(other({ more: 1 }), 400, /Unrecognized field/);
  await refused(rest('write/experiment/tags', { experimentKey: KEY, addedTags: [''] }), 400, /must not be empty/);
  await refused(rest('write/experiment/tags', { experimentKey: KEY, addedTags: 'one' }), 400, /must be a list/);
  const output = (line: object) =>
    rest('write/experiment/output', {
      ...{ experimentKey: KEY, runContext: null },
      outputLines: [{ stderr: false, output: 'a\n', localTimestamp: 1, offset: 0, ...line }],
    });
  await refused(output({ output: 'x'.repeat(5_000_001) }), 400, /longer/);
  await refused(output({ line: 1 }), 400, /Unrecognized field "line"/);
  const held = server.experiment(KEY);
  assert.deepEqual([held.params, held.others, held.tags, held.output], [{}, {}, [], []]);
  await taken(parameters([param(), param({ parameterValue: [1, 'a', true] }), param({ parameterName: 'b' })]));
  await taken(parameters([param({ parameterName: 'c', parameterValue: 'x'.repeat(1000) })]));
  await refused(parameters([param({ parameterName: 'd' })]), 400, /more than 3 different/, 7777777);
  assert.deepEqual(server.experiment(KEY).params.lr, [1, 'a', true]);
  await taken(rest('write/experiment/parameter/delete', { experimentKey: KEY, parameterName: 'c' }));
  assert.deepEqual(Object.keys(server.experiment(KEY).params), ['lr', 'b']);
});

test('an experiment ends by the clock of the server, times set later stay', async (t) => {
  const { server, create, client, rest } = await withExperiment(t);
  const { runId, project_id: projectId } = (await create({ getOrCreateEnabled: true })).json;
  const status = (more: object) =>
    client('status-report/update', {
      ...{ runId, experimentKey: KEY, projectId, is_alive: false, local_timestamp: 1, offline: true },
      ...more,
    });
  await refused(status({ runId: 'another' }), 400, /no run of/);
  await refused(status({ projectId: 'another' }), 400, /not of project/);
  const times = (more: object) => rest('write/experiment/set-start-end-time', { experimentKey: KEY, ...more });
  await taken(times({ startTimeMillis: 1000, endTimeMillis: 2000 }));
  const { json } = await taken(status({}));
  assert.equal(typeof json.is_alive_beat_duration_millis, 'number');
  assert.ok(server.experiment(KEY).endTime! > 1_000_000_000_000);
  await refused(times({ endTimeMillis: 0.5 }), 400, /whole number/);
  await taken(times({ startTimeMillis: null, endTimeMillis: 3000 }));
  assert.deepEqual([server.experiment(KEY).startTime, server.experiment(KEY).endTime], [1000, 3000]);
  const offline = { runId, experimentKey: KEY, startTimestamp: -5, endTimestamp: 6 };
  await taken(client('status-report/offline-metadata', offline));
  const { startTime, endTime, running } = server.experiment(KEY);
  assert.deepEqual([startTime, endTime, running], [-5, 6, false]);
  await taken(rest(`write/experiment/set-status?experimentKey=${KEY}`));
  assert.equal(server.experiment(KEY).running, true);
});

test('assets have rules', async (t) => {
  const { server, send, upload } = await withExperiment(t, { limits: { assetNameLength: 10, assetMiB: 1 } });
  const cases: [Record<string, string>, RegExp][] = [
    [{ type: 'sculpture' }, /unknown asset type/],
    [{ step: '1.5' }, /step must be a whole number/],
    [{ overwrite: 'yes' }, /true or false/],
    [{ colour: 'red' }, /Unrecognized field "colour"/],
    [{ fileName: '' }, /name of the asset is missing/],
    [{ fileName: 'x'.repeat(11) }, /more than 10/],
    [{ metadata: '[1]' }, /must be a JSON object/],
    [{ isRemote: 'true' }, /unknown part "file"/],
    [{ type: 'histogram3d' }, /needs a step/],
  ];
  for (const [query, message] of cases) await refused(upload({ fileName: 'a', ...query }), 400, message);
  await refused(upload({ fileName: 'a' }, 'content', [['metadata', 'text']]), 400, /no JSON/);
  await refused(upload({ fileName: 'a' }, 'content', [['more', 'text']]), 400, /unknown part/);
  const series = { fileName: 'h', type: 'histogram3d', step: '1' };
  const histograms: [object, RegExp][] = [
    [{ version: 1 }, /version/],
    [{ index_values: [] }, /no counts/],
    [{ index_values: [[1550, 1]] }, /range/],
    [
      {
        index_values: [
          [7, 1],
          [7, 1],
        ],
      },
      /range/,
    ],
    [{ index_values: [[1, 0]] }, /\[index, count\]/],
    [{ more: 1 }, /Unrecognized field "more"/],
  ];
  for (const [more, message] of histograms)
    await refused(upload(series, JSON.stringify(histogram(more))), 400, message);
  await refused(upload(series, 'text'), 400, /no JSON/);
  await refused(upload({ fileName: 'a' }, Buffer.alloc((1 << 20) + 1)), 400, /more than 1 MiB/, 7777777);
  const path = `/api/rest/v2/write/experiment/upload-asset?experimentKey=${KEY}&fileName=a`;
  const broken = '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ncontent';
  const multipart = { 'content-type': 'multipart/form-data; boundary=x' };
  await refused(send('POST', path, broken, multipart), 400, /ends within a part/);
  await refused(send('POST', path, 'text', multipart), 400, /no boundary/);
  await refused(send('POST', path, '{}'), 400, /multipart/);
  await refused(send('POST', `${path}&fileName=b`, new FormData()), 400, /no file|boundary|comes twice/);
  assert.deepEqual(server.experiment(KEY).assets, []);
  await taken(upload(series, JSON.stringify(histogram())));
});

test('assets keep their bytes, step, metadata and type', async (t) => {
  const { server, send, upload, rest } = await withExperiment(t);
  const bytes = Buffer.from([0, 13, 10, 45, 45, 255]);
  const query = { fileName: 'dir/a.bin', step: '9007199254740993', epoch: '2', context: 'train', groupingName: 'g' };
  const { json } = await taken(upload(query, bytes, [['metadata', '{"step":"0.5"}']]));
  await taken(upload({ fileName: 'i.png', type: 'image', step: '1', extension: '.png' }, 'png'));
  const link = new FormData();
  link.append('link', 's3://bucket/a');
  const path = `/api/rest/v2/write/experiment/upload-asset?experimentKey=${KEY}&fileName=far&isRemote=true`;
  await taken(send('POST', path, link));
  const [asset, image, far] = server.experiment(KEY).assets;
  assert.deepEqual(asset, {
    ...{ id: json.assetId, name: 'dir/a.bin', type: 'asset', step: 9007199254740993n, epoch: 2, context: 'train' },
    ...{ extension: 'bin', groupingName: 'g', metadata: { step: '0.5' }, bytes, link: null },
    sha256: asset!.sha256,
  });
  assert.deepEqual([image!.type, image!.extension, far!.link], ['image', 'png', 's3://bucket/a']);
  const get = (assetId: unknown) => rest(`experiment/asset/get-asset?experimentKey=${KEY}&assetId=${assetId}`);
  assert.equal((await taken(get(image!.id))).text, 'png');
  await refused(get('f'.repeat(32)), 404, /no asset/);
  const listed = await rest(`experiment/asset/list?experimentKey=${KEY}&type=image`);
  assert.match(listed.text, /^\{"assets":\[\{[^{]*"type":"visualization","image":true,"step":1/);
});

test('the same name again is another asset, replaces, or is refused', async (t) => {
  const { server, upload } = await withExperiment(t);
  for (const step of ['1', '2', '2']) await taken(upload({ fileName: 'a', step }));
  assert.equal(server.experiment(KEY).assets.length, 3);
  await taken(upload({ fileName: 'a', step: '3', overwrite: 'true' }));
  assert.equal(server.experiment(KEY).assets.length, 1);
  const { upload: again, send } = await withExperiment(t, { sameName: 'refused' });
  await taken(again({ fileName: 'a' }));
  await refused(again({ fileName: 'a', step: '2' }), 400, /can't be changed/, 7000005);
  await taken(again({ fileName: 'a', overwrite: 'true' }));
  const form = () => {
    const parts = new FormData();
    parts.append('file', new Blob(['png']), 'file');
    return parts;
  };
  const query = `experimentId=${KEY}&figName=i&imageId=${'0'.repeat(32)}&overwrite=False`;
  await taken(send('POST', `/clientlib/visualizations/upload?${query}`, form()));
  await refused(send('POST', `/clientlib/visualizations/upload?${query}`, form()), 400, /can't be changed/, 7000006);
  const wrong = `experimentId=${KEY}&fileName=b&assetId=short`;
  await refused(send('POST', `/clientlib/asset/upload?${wrong}`, form()), 400, /32 hex digits/);
});

test('an experiment has enough of each type', async (t) => {
  const assets = { image: 1, 'text-sample': 1, histogram3d: 1, video: 1, notebook: 0 };
  const { upload } = await withExperiment(t, { limits: { assets } });
  const codes = { image: 7000001, 'text-sample': 7000012, histogram3d: 7000013, video: 7000018 };
  for (const [type, code] of Object.entries(codes)) {
    const one = () => upload({ fileName: `a-${type}`, type, step: '1' }, JSON.stringify(histogram()));
    await taken(one());
    await refused(one(), 400, /no more assets/, code);
  }
  await refused(upload({ fileName: 'n', type: 'notebook' }), 400, /no more assets/, 7000016);
});

test('storage refuses the key and wrong signatures', async (t) => {
  const { server, upload, rest } = await withExperiment(t, { redirectAssets: true });
  const { json } = await taken(upload({ fileName: 'a' }, 'redirected'));
  const path = `experiment/asset/get-asset?experimentKey=${KEY}&assetId=${json.assetId}`;
  assert.equal((await taken(rest(`${path}&allow301=False`))).text, 'redirected');
  const { status, headers } = await rest(path);
  const location = headers.get('location')!;
  assert.equal(status, 301);
  assert.match(location, /^http:\/\/localhost:/);
  const get = async (url: string, asked: Record<string, string> = {}) => {
    const response = await fetch(url, { headers: asked });
    return [response.status, await response.text()] as const;
  };
  assert.deepEqual(await get(location), [200, 'redirected']);
  assert.deepEqual(await get(location, { range: 'bytes=2-4' }), [206, 'dir']);
  assert.equal((await get(location, { authorization: server.apiKey }))[0], 400);
  assert.equal((await get(location.slice(0, -1)))[0], 403);
  assert.equal((await get(location.replace('localhost', '127.0.0.1')))[0], 404);
});

test('online experiments have rates, offline ones have none', async (t) => {
  const limits = { valuesPerMinute: 10, parametersPerMinute: 2, othersPerMinute: 2, outputLinesPerMinute: 2 };
  const options = { limits: { ...limits, minuteSeconds: 30 } };
  const { server, metrics, parameters, upload, rest } = await withExperiment(t, options);
  const ten = Array(10).fill(value());
  await taken(metrics(ten));
  const { headers } = await refused(metrics([value()]), 429, /rate limit/);
  const seconds = Number(headers.get('retry-after-custom'));
  assert.ok(seconds > 20 && seconds <= 30, String(seconds));
  assert.equal(server.experiment(KEY).metrics.loss?.count, 10);
  assert.equal(server.experiment(KEY).throttled, true);
  await taken(rest(`write/experiment/${KEY}/mark-not-throttled`, {}));
  assert.equal(server.experiment(KEY).throttled, false);
  await taken(parameters([param(), param()]));
  await refused(parameters([param()]), 429, /rate limit/);
  for (const fileName of ['a', 'b']) await taken(upload({ fileName }));
  await refused(upload({ fileName: 'c' }), 429, /rate limit/);
  const offline = await withExperiment(t, options, { offline: true });
  for (const _ of [1, 2, 3]) await taken(offline.metrics(ten));
  assert.equal(offline.server.experiment(KEY).offline, true);
  const documented = await withExperiment(t, { limits: SERVICE_RATES });
  for (let batch = 0; batch < 12; batch++) await taken(documented.metrics(Array(1000).fill(value())));
  await refused(documented.metrics([value()]), 429, /rate limit/);
  const short = await withExperiment(t, { limits: { restPerHour: 2, minuteSeconds: 0.005 } });
  const other = () => short.rest('write/experiment/tags', { experimentKey: KEY, addedTags: ['a'] });
  for (const _ of [1, 2]) await taken(other());
  const { headers: wait } = await refused(other(), 429, /rate limit/);
  await new Promise((resolve) => setTimeout(resolve, Number(wait.get('retry-after-custom')) * 1000 + 5));
  await taken(other());
});

test('older servers lack calls, and tell it', async (t) => {
  const features: [CometServerOptions['without'], string, RegExp][] = [
    [[], '4.40.0', /^$/],
    [['metrics/get-all'], '3.20.59', /get-all|parameter\/delete|not-throttled|get-by-name/],
    [['mark-not-throttled'], '4.7.415', /not-throttled/],
  ];
  for (const [without, version, lacking] of features) {
    const { rest, send } = await withExperiment(t, { without: without! });
    assert.equal((await send('GET', '/clientlib/isAlive/ver')).json.version, version);
    const query = `experimentKey=${KEY}`;
    const calls: [string, object | undefined][] = [
      [`experiment/metrics/get-all?${query}`, undefined],
      [`experiment/asset/get-by-name?${query}&assetName=a`, undefined],
      [`write/experiment/${KEY}/mark-not-throttled`, {}],
      ['write/experiment/tags/delete', { experimentKey: KEY, tags: [] }],
    ];
    for (const [path, body] of calls)
      assert.equal((await rest(path, body)).status, lacking.test(path) ? 404 : 200, path);
  }
  const { create, rest } = await withExperiment(t, { without: ['getOrCreate', 'not-found'] });
  await refused(create({ getOrCreateEnabled: true }), 400, /already exists/, 90999);
  await refused(rest(`experiment/metadata?experimentKey=${OTHER_KEY}`), 400, /no such experiment/, 90211);
});

test('faults refuse, lose, cut and slow down', async (t) => {
  const operation = 'POST batch/metric';
  const refusals: string[] = [];
  const { server, metrics, rest } = await withExperiment(t, {
    onRefusal: ({ operation: at, status, code, message }) => refusals.push(`${at} ${status} ${code} ${message}`),
    faults: [
      { operation, kind: 'status', status: 429, headers: { 'Retry-After-Custom': '0.25' } },
      { operation, kind: 'cut' },
      { operation, kind: 'lost', after: 1 },
      { operation, kind: 'slow', ms: 50 },
    ],
  });
  const { headers } = await refused(metrics([value()]), 429, /a fault of/);
  assert.equal(headers.get('retry-after-custom'), '0.25');
  await assert.rejects(metrics([value()]), /fetch failed/);
  assert.deepEqual(server.experiment(KEY).metrics, {});
  const started = performance.now();
  await taken(metrics([value()]));
  assert.ok(performance.now() - started >= 45);
  await assert.rejects(metrics([value()]), /fetch failed/);
  assert.equal(server.experiment(KEY).metrics.loss?.count, 2);
  server.replaceFaults([{ kind: 'status', status: 503, times: 2 }]);
  await refused(metrics([value()]), 503, /a fault/);
  await refused(rest('workspaces'), 503, /a fault/);
  await taken(rest('workspaces'));
  assert.deepEqual(refusals, [
    `${operation} 429 0 a fault of ${operation}`,
    `${operation} 503 0 a fault of ${operation}`,
    'GET workspaces 503 0 a fault of GET workspaces',
  ]);
  assert.deepEqual(server.requests.slice(-3), [`${operation} 503`, 'GET workspaces 503', 'GET workspaces 200']);
});

test('a client that goes away leaves nothing', async (t) => {
  const { server } = await withExperiment(t);
  const { port } = new URL(server.url);
  const path = '/clientlib/batch/logger/experiment/metric';
  const headers = { authorization: server.apiKey, 'content-length': 1000 };
  const going = request({ port, host: '127.0.0.1', path, method: 'POST', headers });
  going.on('error', () => {});
  going.write('{"experimentKey"');
  await new Promise((resolve) => setTimeout(resolve, 50));
  going.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(server.requests, ['POST logger/add/run 200']);
});
