// The MLflow target against a real server: what is sent is what MLflow's own Python client reads back.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';
import type { Batch, ScalarRow } from '../../src/model/batches.ts';
import { createTarget } from '../../src/targets/registry.ts';
import type { Target } from '../../src/targets/target.ts';
import { type ReadArtifact, type ReadExperiment, type ReadRun, readBack } from '../counterparts/mlflow-readback.ts';
import { type MlflowServer, startMlflow } from '../counterparts/mlflow-server.ts';
import { python } from '../counterparts/python.ts';
import { fileSeries, floats, histograms, sampleRun, scalars, strings } from '../helpers/archive-runs.ts';
import { tempFolder } from '../helpers/temp.ts';
import { startProxy } from './proxy.ts';
import { send } from './sample.ts';

let server: MlflowServer;

before(async () => {
  server = await startMlflow();
});
after(() => server?.stop());

/** A target on the server; each test has a prefix of its own. */
async function connect(
  t: { after(task: () => Promise<void>): void },
  prefix: string,
  url = server.url,
): Promise<Target> {
  const target = await createTarget('mlflow', { mlflowTrackingUri: url, namePrefix: prefix }, {});
  t.after(() => target.close());
  await target.connect();
  return target;
}

async function read(prefix: string, artifacts = false): Promise<ReadExperiment[]> {
  return readBack(server.url, `${prefix}/`, { artifacts });
}

async function readOne(prefix: string, artifacts = false): Promise<ReadRun> {
  const experiments = await read(prefix, artifacts);
  assert.equal(experiments.length, 1);
  assert.equal(experiments[0]!.runs.length, 1);
  return experiments[0]!.runs[0]!;
}

async function call(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as Record<string, unknown>;
}

/** The original paths, as the mapping artifact tells them. */
function keysOf(run: ReadRun): Map<string, string> {
  const text = run.artifacts['neptune_exporter/attributes.json']?.text ?? '';
  const { attributes } = JSON.parse(text) as { attributes: { path: string; key: string }[] };
  return new Map(attributes.map(({ path, key }) => [path, key]));
}

test('params of every type are printed exactly', async (t) => {
  const target = await connect(t, 'params');
  const rows: [ScalarRow, string | undefined][] = [
    [{ path: 'int/max', type: 'int', value: 2n ** 63n - 1n }, '9223372036854775807'],
    [{ path: 'int/min', type: 'int', value: -(2n ** 63n) }, '-9223372036854775808'],
    [{ path: 'int/odd', type: 'int', value: 2n ** 53n + 1n }, '9007199254740993'],
    [{ path: 'float/tenth', type: 'float', value: 0.1 }, '0.1'],
    [{ path: 'float/whole', type: 'float', value: 10 }, '10.0'],
    [{ path: 'float/small', type: 'float', value: 1e-5 }, '1e-05'],
    [{ path: 'float/nan', type: 'float', value: Number.NaN }, 'nan'],
    [{ path: 'float/inf', type: 'float', value: -Infinity }, '-inf'],
    [{ path: 'float/null', type: 'float', value: null }, 'nan'],
    [{ path: 'bool/yes', type: 'bool', value: true }, 'True'],
    [{ path: 'bool/no', type: 'bool', value: false }, 'False'],
    [{ path: 'time', type: 'datetime', value: 1_684_324_800_123n }, '2023-05-17 12:00:00.123000+00:00'],
    [{ path: 'time/early', type: 'datetime', value: -1n }, '1969-12-31 23:59:59.999000+00:00'],
    [{ path: 'time/never', type: 'datetime', value: 2n ** 63n - 1n }, '9223372036854775807'],
    [{ path: 'set', type: 'string_set', value: ['b', 'a'] }, 'b,a'],
    [{ path: 'set/commas', type: 'string_set', value: ['b,c', 'a'] }, '["b,c","a"]'],
    [{ path: 'set/empty', type: 'string_set', value: [] }, ''],
    [{ path: 'string/empty', type: 'string', value: '' }, ''],
    [{ path: 'string/unicode', type: 'string', value: '日本 😀 é\u0301 \u00a0' }, '日本 😀 é\u0301 \u00a0'],
    [{ path: 'string/lines', type: 'string', value: ' a\r\n\tb\n ' }, ' a\r\n\tb\n '],
    [{ path: 'string/quotes', type: 'string', value: `'"\\%;--` }, `'"\\%;--`],
    [{ path: 'string/limit', type: 'string', value: '😀'.repeat(6000) }, '😀'.repeat(6000)],
    [{ path: 'string/null', type: 'string', value: null }, undefined],
  ];
  const run = await send(target, sampleRun('ws/p', 'r', [scalars(rows.map(([row]) => row))]));
  assert.deepEqual(run.failures, []);
  const { params } = await readOne('params');
  for (const [{ path }, text] of rows) assert.equal(params[path], text, path);
  assert.equal(params['sys/custom_run_id'], 'r');
  assert.deepEqual(
    run.alterations.map(({ code, attributePath }) => [code, attributePath]),
    [
      ['null_as_nan', 'float/null'],
      ['datetime_as_number', 'time/never'],
      ['set_as_json', 'set/commas'],
      ['null_value', 'string/null'],
    ],
  );
});

test('values over the limits are whole in an artifact', async (t) => {
  const target = await connect(t, 'limits');
  const long = `${'ä😀'.repeat(5000)}end`;
  const rows: ScalarRow[] = [
    { path: 'a/long text', type: 'string', value: long },
    { path: 'a/nul', type: 'string', value: 'x\0y' },
    { path: 'a/half', type: 'string', value: 'x\ud800y' },
    { path: 'sys/description', type: 'string', value: `${'d'.repeat(9000)}` },
  ];
  const name = 'n'.repeat(400);
  const sys: ScalarRow[] = [
    { path: 'sys/name', type: 'string', value: name },
    { path: 'sys/description', type: 'string', value: 'd'.repeat(9000) },
  ];
  const run = await send(target, sampleRun('ws/p', 'R'.repeat(300), [scalars(rows)], sys));
  assert.deepEqual(run.failures, []);
  const codes = run.alterations.map(({ code }) => code).sort();
  assert.deepEqual(codes, [
    'experiment_name_cut',
    'run_name_cut',
    'tag_cut',
    'value_not_text',
    'value_not_text',
    'value_too_long',
    'value_too_long',
  ]);
  const [experiment] = await read('limits', true);
  const read1 = experiment!.runs[0]!;
  assert.equal([...experiment!.name].length, 250);
  assert.equal(experiment!.tags['neptune.experiment_name'], `limits/ws/p/${name}`);
  assert.equal([...read1.name].length, 250);
  assert.equal(read1.tags['neptune.run_id'], 'R'.repeat(300));
  const whole = (key: string): ReadArtifact => {
    const param = read1.params[key] ?? '';
    assert.ok([...param].length <= 6000);
    const path = /whole in artifact (.+)\]$/.exec(param)?.[1] ?? '';
    assert.ok(read1.artifacts[path], `${key} points at '${path}'`);
    return read1.artifacts[path];
  };
  assert.equal(whole('a/long text').text, long);
  assert.ok(read1.params['a/long text']?.startsWith('ä😀ä😀'));
  assert.equal(whole('a/nul').text, 'x\0y');
  assert.equal(JSON.parse(whole('a/half').text ?? ''), 'x\ud800y');
  assert.equal(whole('sys/description').text, 'd'.repeat(9000));
  assert.equal([...(read1.tags['mlflow.note.content'] ?? '')].length, 8000);
});

test('metrics keep NaN, extremes, decimals, times and order', async (t) => {
  const target = await connect(t, 'metrics');
  const max = Number.MAX_VALUE;
  const run = await send(
    target,
    sampleRun('ws/p', 'r', [
      floats('plain', [
        ['0', 1_700_000_000_001, 0.1],
        ['1', 1_700_000_000_002, Number.NaN],
        ['999999999999', 1_700_000_000_003, 5e-324],
      ]),
      floats('plain', [['999999999999.000000', 1_700_000_000_004, max]]),
      floats('infinite', [
        ['-1', 1, Infinity],
        ['0', 2, -Infinity],
        ['1', 3, -0],
      ]),
      floats('decimal', [
        ['0.29', 1, 1],
        ['0.3', 1, 1],
        ['1.5', 2, 2],
      ]),
      floats('untimed', [
        ['0', null, 1],
        ['1', -5, null],
      ]),
    ]),
  );
  assert.deepEqual(run.failures, []);
  const { metrics, artifacts } = await readOne('metrics', true);
  assert.deepEqual(metrics.plain, [
    ['0', '1700000000001', '0.1'],
    ['1', '1700000000002', 'nan'],
    ['999999999999', '1700000000003', '5e-324'],
    ['999999999999', '1700000000004', '1.7976931348623157e+308'],
  ]);
  assert.deepEqual(metrics.infinite, [
    ['-1', '1', '1.7976931348623157e+308'],
    ['0', '2', '-1.7976931348623157e+308'],
    ['1', '3', '0.0'],
  ]);
  assert.deepEqual(metrics.decimal, [
    ['0', '1', '1.0'],
    ['1', '2', '2.0'],
  ]);
  assert.deepEqual(metrics.untimed?.toSorted(), [
    ['0', '0', '1.0'],
    ['1', '0', 'nan'],
  ]);
  const csv = Object.entries(artifacts).filter(([path]) => path.startsWith('neptune_exporter/series/'));
  const texts = new Map(csv.map(([path, { text }]) => [path.replace(/.*\/(\w+)-.*/, '$1'), text]));
  assert.deepEqual([...texts.keys()].sort(), ['decimal', 'infinite', 'untimed']);
  assert.equal(
    texts.get('infinite'),
    'step,timestamp,value\n' +
      '-1,1970-01-01T00:00:00.001000+00:00,Infinity\n' +
      '0,1970-01-01T00:00:00.002000+00:00,-Infinity\n' +
      '1,1970-01-01T00:00:00.003000+00:00,-0.0\n',
  );
  assert.match(texts.get('decimal') ?? '', /\n0\.29,.*,1\.0\n0\.3,.*,1\.0\n1\.5,/);
  assert.equal(texts.get('untimed'), 'step,timestamp,value\n0,,1.0\n1,1969-12-31T23:59:59.995000+00:00,\n');
  assert.deepEqual(
    run.alterations.map(({ code, attributePath, count }) => [code, attributePath, count]),
    [
      ['infinity', 'infinite', 2],
      ['negative_zero', 'infinite', 1],
      ['step_truncated', 'decimal', 3],
      ['timestamp_missing', 'untimed', 1],
      ['timestamp_negative', 'untimed', 1],
      ['null_as_nan', 'untimed', 1],
      ['points_merged', 'decimal', 1],
    ],
  );
});

test('an infinity beside the largest double is one point to a database, and the run is whole', async (t) => {
  const target = await connect(t, 'merged');
  const batch = floats('m', [
    ['1', 5, Number.MAX_VALUE],
    ['1', 5, Infinity],
    ['2', 5, -Infinity],
    ['2', 5, -Number.MAX_VALUE],
  ]);
  const run = await send(target, sampleRun('ws/p', 'r', [batch]));
  assert.deepEqual(run.failures, []);
  const { metrics, artifacts, status } = await readOne('merged', true);
  assert.equal(metrics.m?.length, 2);
  assert.equal(status, 'FINISHED');
  const merged = run.alterations.find(({ code }) => code === 'points_merged');
  assert.deepEqual([merged?.attributePath, merged?.count], ['m', 2]);
  const csv = Object.entries(artifacts).find(([path]) => path.endsWith('.csv'))?.[1].text;
  assert.match(csv ?? '', /,1\.7976931348623157e\+308\n.*,Infinity\n/);
});

test('a multiplier makes decimal steps whole, beyond what doubles hold too', async (t) => {
  const target = await connect(t, 'multiplied');
  const batches = [
    floats('m', [
      ['0.29', 1, 1],
      ['1.001', 2, 2],
      ['999999999999.999999', 3, 3],
    ]),
    strings('s', [['0.001001', 5, 'x']]),
  ];
  const run = await send(target, sampleRun('ws/p', 'r', batches), { stepMultiplier: 1000n });
  assert.deepEqual(run.failures, []);
  const { metrics, artifacts } = await readOne('multiplied', true);
  assert.deepEqual(
    metrics.m?.map(([step]) => step),
    ['290', '1001', '999999999999999'],
  );
  assert.equal(artifacts['s/series.txt']?.text, '1.001; 1970-01-01T00:00:00.005000+00:00; x');
  assert.deepEqual(
    run.alterations.map(({ code, count }) => [code, count]),
    [['step_truncated', 1]],
  );
});

test('attributes that would share a name all survive, with their paths', async (t) => {
  const target = await connect(t, 'names');
  const paths = [
    'a:b',
    'a_b',
    'a;b',
    'größe',
    'gr__e',
    'x//y',
    'tab\there',
    `${'long/'.repeat(60)}a`,
    `${'long/'.repeat(60)}b`,
    'end/',
    '...',
  ];
  const batches = [
    scalars(paths.map((path, i) => ({ path, type: 'int', value: BigInt(i) }))),
    ...paths.map((path, i) => floats(path, [['0', 1, i + 0.5]])),
    ...paths.map((path, i) => strings(`${path}!`, [['0', 1, `text ${i}`]])),
  ];
  const run = await send(target, sampleRun('ws/p', 'r', batches));
  assert.deepEqual(run.failures, []);
  const read1 = await readOne('names', true);
  const keys = keysOf(read1);
  for (const [i, path] of paths.entries()) {
    const key = keys.get(path) ?? '';
    assert.equal(read1.params[key], String(i), path);
    assert.deepEqual(read1.metrics[key], [['0', '1', `${i + 0.5}`]], path);
    const folder = keys.get(`${path}!`) ?? '';
    assert.equal(read1.artifacts[`${folder}/series.txt`]?.text?.split('; ')[2], `text ${i}`, path);
  }
  assert.equal(keys.get('a_b'), 'a_b');
  assert.equal(Object.keys(read1.metrics).length, paths.length);
  assert.ok(run.alterations.some(({ code, attributePath }) => code === 'key_collision' && attributePath === 'a:b'));
});

test('string and histogram series are whole, also over several batches in turns', async (t) => {
  const target = await connect(t, 'series');
  const histogram = { edges: [0, 0.1, Infinity], values: [1, Number.NaN] };
  const run = await send(
    target,
    sampleRun('ws/p', 'r', [
      strings('one', [['0', 1_684_324_800_123, 'a; b']]),
      strings('two/series.txt', [['0', 1000, '日本']]),
      strings('one', [
        ['1', 2000, 'line\nbreak'],
        ['2.5', null, ''],
      ]),
      histograms('h', [['0', 1000, histogram]]),
      histograms('h', [['1.25', 2000, { edges: [1], values: [] }]]),
    ]),
  );
  assert.deepEqual(run.failures, []);
  const { artifacts } = await readOne('series', true);
  assert.equal(
    artifacts['one/series.txt']?.text,
    '0; 2023-05-17T12:00:00.123000+00:00; a; b\n1; 1970-01-01T00:00:02+00:00; line\nbreak\n2.5; None; ',
  );
  const lines = artifacts['one/series.jsonl']?.text
    ?.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  assert.deepEqual(lines, [
    { step: 0, timestamp: '2023-05-17T12:00:00.123000+00:00', value: 'a; b' },
    { step: 1, timestamp: '1970-01-01T00:00:02+00:00', value: 'line\nbreak' },
    { step: 2.5, timestamp: null, value: '' },
  ]);
  assert.equal(artifacts['two/series.txt/file_series.txt']?.text, '0; 1970-01-01T00:00:01+00:00; 日本');
  assert.deepEqual(JSON.parse(artifacts['h/histograms.json']?.text ?? ''), {
    histograms: [
      {
        step: 0,
        type: 'COUNTING',
        edges: [0, 0.1, 'Infinity'],
        values: [1, 'NaN'],
        timestamp: '1970-01-01T00:00:01+00:00',
      },
      { step: 1.25, type: 'COUNTING', edges: [1], values: [], timestamp: '1970-01-01T00:00:02+00:00' },
    ],
  });
});

test('large whole numbers of histograms are doubles to Python too', async (t) => {
  const target = await connect(t, 'doubles');
  const value = { edges: [0, 2 ** 53, 2 ** 60], values: [-0, 2 ** 60 + 2 ** 10] };
  await send(target, sampleRun('ws/p', 'r', [histograms('h', [['0', 1, value]])]));
  const text = (await readOne('doubles', true)).artifacts['h/histograms.json']?.text ?? '';
  const script = [
    'import json, sys',
    '[one] = json.loads(sys.argv[1])["histograms"]',
    'assert one["edges"] == [0.0, 2.0**53, 2.0**60] and one["values"] == [0.0, 2.0**60 + 2**10], one',
    'assert all(type(number) is float for number in one["edges"] + one["values"]), one',
  ].join('\n');
  await promisify(execFile)(await python('mlflow'), ['-c', script, text]);
});

test('artifacts whose names would be in the way of each other, or end with blanks, can be read', async (t) => {
  const target = await connect(t, 'blanks');
  const filesDirectory = await tempFolder(t);
  for (const name of ['a ', 'img.png']) await writeFile(join(filesDirectory, name), name);
  const run = await send(
    target,
    sampleRun('ws/p', 'r', [
      strings(' lead/ x /trail ', [['0', 1, 'text']]),
      { kind: 'files', rows: [{ path: 'both', type: 'file', file: 'a ' }] },
      fileSeries('both', [['1', 1, 'img.png']]),
      fileSeries('fser', [['1', 1, 'img.png']]),
      strings('fser/step_1', [['0', 1, 'in the way']]),
    ]),
    { filesDirectory },
  );
  assert.deepEqual(run.failures, []);
  const { artifacts } = await readOne('blanks', true);
  const paths = Object.keys(artifacts).filter((path) => !path.startsWith('neptune_exporter/'));
  assert.deepEqual(paths.map((path) => path.replace(/_[0-9a-f]{8}\b/, '_HASH')).sort(), [
    '_lead/_x_/trail_/series.txt',
    'both/a_',
    'both_HASH/step_1/img.png',
    'fser/file_step_1/img.png',
    'fser/step_1/series.txt',
  ]);
  assert.deepEqual(
    run.alterations.map(({ code, attributePath }) => [code, attributePath]),
    [
      ['renamed', ' lead/ x /trail '],
      ['key_collision', 'both'],
      ['file_renamed', 'both'],
      ['file_renamed', 'fser'],
    ],
  );
});

test('files arrive byte by byte and can be found', async (t) => {
  const target = await connect(t, 'files');
  const filesDirectory = await tempFolder(t);
  const contents = new Map<string, Buffer>([
    ['r/notes_txt/notes.txt', Buffer.from('same name as the attribute')],
    ['r/f.bin', Buffer.alloc(3_000_000, 7)],
    ['r/f/x', Buffer.from('below f')],
    ['r/empty', Buffer.alloc(0)],
    ['r/größe 100%25 #1?.txt', Buffer.from('odd name')],
    ['r/imgs/a.png', Buffer.from('a')],
    ['r/imgs/b/a.png', Buffer.from('b')],
    ['r/set/set', Buffer.from('named as its folder')],
    ['r/set/deep/deep', Buffer.from('deep')],
  ]);
  for (const [path, content] of contents) {
    await mkdir(join(filesDirectory, dirname(path)), { recursive: true });
    await writeFile(join(filesDirectory, path), content);
  }
  const rows: Batch = {
    kind: 'files',
    rows: [
      { path: 'notes.txt', type: 'file', file: 'r/notes_txt/notes.txt' },
      { path: 'f', type: 'file', file: 'r/f.bin' },
      { path: 'f/f.bin', type: 'file', file: 'r/f/x' },
      { path: 'empty file', type: 'artifact', file: 'r/empty' },
      { path: 'odd', type: 'file', file: 'r/größe 100%25 #1?.txt' },
      { path: 'set', type: 'file_set', file: 'r/set' },
      { path: 'absent', type: 'file', file: null },
      { path: 'gone', type: 'file', file: 'r/gone.bin' },
      { path: 'escape', type: 'file', file: '../../etc/passwd' },
    ],
  };
  const series = fileSeries('imgs', [
    ['0.5', 1, 'r/imgs/a.png'],
    ['0.75', 2, 'r/imgs/b/a.png'],
    ['0.75', 3, 'r/imgs/a.png'],
  ]);
  const run = await send(target, sampleRun('ws/p', 'r', [rows, series]), { filesDirectory });
  const { artifacts, tags, status } = await readOne('files', true);
  const expected: Record<string, string> = {
    'notes.txt/file_notes.txt': 'r/notes_txt/notes.txt',
    'f/file_f.bin': 'r/f.bin',
    'f/f.bin/x': 'r/f/x',
    'empty file/empty': 'r/empty',
    'odd/größe 100_25 _1_.txt': 'r/größe 100%25 #1?.txt',
    'imgs/step_0.5/a.png': 'r/imgs/a.png',
    'imgs/step_0.75/a.png': 'r/imgs/b/a.png',
    'imgs/step_0.75/file_a.png': 'r/imgs/a.png',
    'set/file_set': 'r/set/set',
    'set/deep/file_deep': 'r/set/deep/deep',
  };
  for (const [artifact, source] of Object.entries(expected)) {
    const hash = createHash('sha256').update(contents.get(source)!).digest('hex');
    assert.equal(artifacts[artifact]?.sha256, hash, artifact);
  }
  assert.equal(Object.keys(artifacts).filter((path) => !path.startsWith('neptune_exporter/')).length, 10);
  assert.deepEqual(
    run.failures.map(({ attributePath, code }) => [attributePath, code]),
    [
      ['gone', 'not_found'],
      ['escape', 'archive'],
    ],
  );
  assert.ok(run.alterations.some(({ code, attributePath }) => code === 'file_absent' && attributePath === 'absent'));
  assert.equal(tags['neptune_exporter.loaded'], undefined, 'a run that lacks a file is not whole');
  assert.equal(status, 'RUNNING');
});

test('tags, user, times and status come from sys', async (t) => {
  const target = await connect(t, 'tags');
  const parent = await send(target, sampleRun('ws/p', 'parent', []));
  const sys: ScalarRow[] = [
    { path: 'sys/owner', type: 'string', value: 'ana' },
    { path: 'sys/description', type: 'string', value: '# About\nthis' },
    { path: 'sys/tags', type: 'string_set', value: ['best', "it's"] },
    { path: 'sys/group_tags', type: 'string_set', value: ['g,1'] },
    { path: 'sys/failed', type: 'bool', value: true },
    { path: 'sys/forking/parent', type: 'string', value: 'parent' },
  ];
  const name = `it's "quoted" ' = ' \\ %`;
  await send(target, sampleRun('ws/p', name, [], sys), { parent: parent.id });
  const experiments = await read('tags');
  const run = experiments.find(({ name: one }) => one === 'tags/ws/p')?.runs[0];
  assert.ok(run, 'a run without sys/name is in the experiment of its project');
  assert.equal(run.name, name);
  assert.equal(run.user, 'ana');
  assert.equal(run.status, 'FAILED');
  assert.deepEqual([run.start, run.end], [1_700_000_000_123, 1_700_000_900_456]);
  const { 'neptune_exporter.run_key': key, 'neptune_exporter.attempt': attempt, ...tags } = run.tags;
  assert.match(key ?? '', /^[0-9a-f]{64}$/);
  assert.match(attempt ?? '', /^[0-9a-f-]{36}$/);
  assert.deepEqual(tags, {
    'mlflow.note.content': '# About\nthis',
    'mlflow.parentRunId': parent.id,
    'mlflow.runName': name,
    'mlflow.user': 'ana',
    'neptune.group_tags': '["g,1"]',
    'neptune.parent_run_id': 'parent',
    'neptune.project': 'ws/p',
    'neptune.run_id': name,
    'neptune.sys_id': 'TST-1',
    'neptune.tags': "best,it's",
    'neptune_exporter.loaded': '1:1:d1',
    'neptune_exporter.loading': '1:1:d1',
  });
});

test('a run is found again: whole, changed, half, foreign or not at all', async (t) => {
  const first = await connect(t, 'found');
  const content = { digest: 'd1', stepMultiplier: 1n };
  const series = floats(
    'm',
    Array.from({ length: 2500 }, (_, i) => [String(i), i, i] as [string, number, number]),
  );
  const whole = sampleRun('ws/p', "whole 'run'", [series]);
  const half = sampleRun('ws/p', 'half', [scalars([{ path: 'p', type: 'string', value: 'v' }]), series]);
  const foreign = sampleRun('ws/p', `fo"rei'gn`, []);
  assert.equal(await first.find(whole.info, content), undefined);
  const { id } = await send(first, whole);
  const halfRun = await send(first, half, {}, 2);
  const { experiment_id } = (await call('experiments/create', { name: 'found/ws/p' })) as { experiment_id: string };
  const unnamed = sampleRun('ws/p', `fo"rei'gn`, [], []);
  const made = (await call('runs/create', { experiment_id, run_name: `fo"rei'gn` })) as {
    run: { info: { run_id: string } };
  };

  const second = await connect(t, 'found');
  assert.deepEqual(await second.find(whole.info, content), { id, state: 'whole' });
  assert.deepEqual(await second.find(whole.info, { ...content, digest: 'd2' }), { id, state: 'changed' });
  assert.deepEqual(await second.find(whole.info, { ...content, stepMultiplier: 10n }), { id, state: 'rescaled' });
  assert.deepEqual(await second.find(half.info, content), { id: halfRun.id, state: 'half' });
  assert.deepEqual(await second.find(unnamed.info, content), { id: made.run.info.run_id, state: 'foreign' });
  assert.equal(await second.find(foreign.info, content), undefined, 'of the same name, in another experiment');
  const other = await connect(t, 'found/other');
  assert.equal(await other.find(whole.info, content), undefined, 'another prefix is another copy');

  const completed = await send(second, half);
  assert.equal(completed.id, halfRun.id, 'a half run is gone on with');
  const restarted = await send(second, sampleRun('ws/p', 'third', [series]), {}, 1);
  const third = await send(second, sampleRun('ws/p', 'third', [series]), { digest: 'd2' });
  assert.notEqual(third.id, restarted.id, 'a half run of other content is replaced');
  const runs = (await read('found')).flatMap((experiment) => experiment.runs);
  const active = runs.filter(({ lifecycle }) => lifecycle === 'active').map(({ name }) => name);
  assert.deepEqual(active.sort(), [`fo"rei'gn`, 'half', 'third', "whole 'run'"]);
  for (const run of runs.filter(({ lifecycle, name }) => lifecycle === 'active' && name !== `fo"rei'gn`)) {
    assert.equal(run.metrics.m?.length, 2500, run.name);
  }
});

test('a run of other content stays until the new one is whole, and of two loads at once one goes on', async (t) => {
  const series = (value: number) => floats('m', [['0', 1, value]]);
  const first = await send(await connect(t, 'replaced'), sampleRun('ws/p', 'r', [series(1)]));
  const target = await connect(t, 'replaced');
  const changed = sampleRun('ws/p', 'r', [series(2)]);
  // Ended before its end: the old run is all there is, and both are there.
  await send(target, changed, { digest: 'd2' }, 1);
  const active = async () =>
    (await read('replaced')).flatMap(({ runs }) => runs.filter((one) => one.lifecycle === 'active'));
  assert.deepEqual((await active()).map(({ status }) => status).sort(), ['FINISHED', 'RUNNING']);
  const next = await connect(t, 'replaced');
  assert.equal((await next.find(changed.info, { digest: 'd2', stepMultiplier: 1n }))?.state, 'half');
  const second = await send(next, changed, { digest: 'd2' });
  assert.notEqual(second.id, first.id);
  const [only, ...others] = await active();
  assert.deepEqual([only?.id, only?.metrics.m?.[0]?.[2], others.length], [second.id, '2.0', 0]);

  // Two that begin at the same time.
  const rivals = await Promise.all([connect(t, 'rivals'), connect(t, 'rivals')]);
  const sent = await Promise.allSettled(rivals.map((rival) => send(rival, sampleRun('ws/p', 'r', [series(3)]))));
  assert.ok(sent.some(({ status }) => status === 'fulfilled'));
  const left = (await read('rivals')).flatMap(({ runs }) => runs.filter((one) => one.lifecycle === 'active'));
  assert.equal(left.length, 1, 'one copy');
  assert.equal(left[0]?.status, 'FINISHED');
});

for (const fault of ['busy', 'lost'] as const) {
  test(`a run that is replaced stays as it is, though making the new one first answers 503 (${fault})`, async (t) => {
    const prefix = `replaced ${fault}`;
    const series = (length: number) =>
      floats(
        'm',
        Array.from({ length }, (_, i): [string, number, number] => [`${i}`, i, length]),
      );
    const old = await send(await connect(t, prefix), sampleRun('ws/p', 'r', [series(5)]));
    let met = false;
    const { url } = await startProxy(t, server.url, {
      onRequest(path) {
        if (met || !path.endsWith('runs/create')) return undefined;
        met = true;
        return fault;
      },
    });
    const target = await connect(t, prefix, url);
    const changed = sampleRun('ws/p', 'r', [series(9)]);
    // Ended before its end: the old one must not have got any of the new points.
    await send(target, changed, { digest: 'd2' }, 1);
    const all = async () => (await read(prefix)).flatMap(({ runs }) => runs);
    const before = (await all()).find(({ id }) => id === old.id);
    assert.deepEqual([before?.lifecycle, before?.status, before?.metrics.m?.length], ['active', 'FINISHED', 5]);
    await send(await connect(t, prefix), changed, { digest: 'd2' });
    const [only, ...others] = (await all()).filter(({ lifecycle }) => lifecycle === 'active');
    assert.notEqual(only?.id, old.id);
    assert.deepEqual([only?.status, only?.metrics.m?.length, others.length], ['FINISHED', 9, 0]);
  });
}

test('of two whole copies one stays, and nothing is sent for it', async (t) => {
  const series = floats('m', [['0', 1, 1]]);
  const run = sampleRun('ws/p', 'r', [series]);
  const first = await send(await connect(t, 'copies'), run);
  const { experiment_id } = (await call('experiments/create', { name: 'copies/ws/p/elsewhere' })) as {
    experiment_id: string;
  };
  const [held] = await read('copies').then((found) => found.flatMap(({ runs }) => runs));
  const tags = Object.entries(held!.tags).map(([key, value]) => ({ key, value }));
  await call('runs/create', { experiment_id, run_name: 'r', start_time: 1, tags });
  const target = await connect(t, 'copies');
  assert.equal((await target.find(run.info, { digest: 'd1', stepMultiplier: 1n }))?.state, 'half');
  const again = await send(target, run);
  const left = (await read('copies')).flatMap(({ runs }) => runs).filter(({ lifecycle }) => lifecycle === 'active');
  assert.equal(left.length, 1);
  assert.equal(left[0]?.id, again.id);
  assert.ok([first.id].includes(again.id) || left[0]?.tags['neptune_exporter.loaded'] !== undefined);
});

test("an experiment that was renamed is still the project's, and a mark of another mapping is replaced", async (t) => {
  const run = sampleRun('ws/p', 'r', [floats('m', [['0', 1, 1]])]);
  const first = await send(await connect(t, 'renamed'), run);
  const filter = "name = 'renamed/ws/p/an experiment'";
  const found = (await call('experiments/search', { filter, max_results: 1 })) as {
    experiments: { experiment_id: string }[];
  };
  const [{ experiment_id }] = found.experiments as [{ experiment_id: string }];
  await call('experiments/update', { experiment_id, new_name: 'another name' });
  const content = { digest: 'd1', stepMultiplier: 1n };
  assert.deepEqual(await (await connect(t, 'renamed')).find(run.info, content), { id: first.id, state: 'whole' });
  await call('runs/set-tag', { run_id: first.id, key: 'neptune_exporter.loaded', value: '0:1:d1' });
  assert.deepEqual(await (await connect(t, 'renamed')).find(run.info, content), { id: first.id, state: 'changed' });
});

test('a half run is made anew where the server does not tell its store', async (t) => {
  const old = await startProxy(t, server.url, {
    onRequest: (path) => (path.endsWith('/server-info') ? 'missing' : undefined),
  });
  const target = await connect(t, 'untold', old.url);
  const run = sampleRun('ws/p', 'r', [floats('m', [['0', 1, 1]]), strings('s', [['0', 1, 'x']])]);
  const half = await send(target, run, {}, 2);
  const whole = await send(await connect(t, 'untold', old.url), run);
  assert.notEqual(whole.id, half.id);
  const [experiment] = await read('untold');
  assert.deepEqual(
    experiment?.runs.filter(({ lifecycle }) => lifecycle === 'active').map(({ id }) => id),
    [whole.id],
  );
});

test('points that the server lost are noticed', async (t) => {
  const target = await connect(t, 'lost');
  const series = floats(
    'm',
    Array.from({ length: 1500 }, (_, i) => [String(i), i, i] as [string, number, number]),
  );
  let lost = false;
  const lossy = await startProxy(t, server.url, {
    onRequest(path, body) {
      if (lost || !path.endsWith('log-batch') || !body.includes('"metrics"')) return undefined;
      lost = true;
      return Buffer.from(body.toString().replace(/\{"key":"m","value":500,[^}]*\},/, ''));
    },
  });
  const through = await connect(t, 'lost', lossy.url);
  const run = await send(through, sampleRun('ws/p', 'r', [series]));
  assert.deepEqual(
    run.failures.map(({ code, attributePath }) => [code, attributePath]),
    [['server', 'm']],
  );
  assert.match(run.failures[0]?.message ?? '', /1499 of 1500/);
  const found = await target.find(sampleRun('ws/p', 'r', []).info, { digest: 'd1', stepMultiplier: 1n });
  assert.equal(found?.state, 'half');
});

test('a deleted experiment is named with the way out', async (t) => {
  const target = await connect(t, 'deleted');
  const { experiment_id } = await call('experiments/create', { name: 'deleted/ws/p/an experiment' });
  await call('experiments/delete', { experiment_id });
  await assert.rejects(send(target, sampleRun('ws/p', 'r', [])), (error: Error & { hint?: string }) => {
    assert.match(error.message, /was deleted/);
    assert.match(error.hint ?? '', new RegExp(`mlflow experiments restore --experiment-id ${experiment_id}`));
    return true;
  });
});

test('an address that is no MLflow, or nothing, is told', async (t) => {
  const nobody = await createTarget(
    'mlflow',
    { mlflowTrackingUri: 'http://127.0.0.1:9' },
    { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' },
  );
  t.after(() => nobody.close());
  await assert.rejects(nobody.connect(), { code: 'network' });
  const elsewhere = await createTarget('mlflow', { mlflowTrackingUri: `${server.url}/no/such/prefix` }, {});
  t.after(() => elsewhere.close());
  await assert.rejects(elsewhere.connect(), { code: 'wrong_server' });
});
