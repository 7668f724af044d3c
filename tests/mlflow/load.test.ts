// Archive → MLflow as a whole: order, skipping, selection, what is damaged or gone, and kill -9 in the middle.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { diskName, partName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import type { Failure } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { fileHash } from '../../src/targets/file-hash.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { type LoadOptions, type LoadResult, loadArchive } from '../../src/transfer/load.ts';
import { type ReadRun, readBack } from '../counterparts/mlflow-readback.ts';
import { type MlflowServer, startMlflow } from '../counterparts/mlflow-server.ts';
import { python } from '../counterparts/python.ts';
import {
  fileSeries,
  floats,
  histograms,
  line,
  sampleRun,
  scalars,
  strings,
  writeArchive,
  writeExported,
} from '../helpers/archive-runs.ts';
import { tempFolder } from '../helpers/temp.ts';
import { startProxy } from './proxy.ts';

const PROJECT = 'ws/proj';
let server: MlflowServer;

before(async () => {
  server = await startMlflow();
});
after(() => server?.stop());

interface Loaded {
  result: LoadResult;
  failures: { runId: string; failure: Failure }[];
  warnings: string[];
}

async function load(folder: string, prefix: string, options: Partial<LoadOptions> = {}): Promise<Loaded> {
  const failures: Loaded['failures'] = [];
  const warnings: string[] = [];
  const logger: Logger = { debug() {}, info() {}, error() {}, warn: (message) => warnings.push(message) };
  const target = await createTarget('mlflow', { mlflowTrackingUri: server.url, namePrefix: prefix }, {});
  try {
    const result = await loadArchive({
      archive: await openArchive(join(folder, 'data')),
      filesPath: join(folder, 'files'),
      target,
      stepMultiplier: 1n,
      concurrency: 3,
      errorReport: { record: (_, runId, failure) => failures.push({ runId, failure }) },
      logger,
      ...options,
    });
    return { result, failures, warnings };
  } finally {
    await target.close();
  }
}

/** The runs below a prefix that weren't deleted, by name; two of one name fail the test. */
async function activeRuns(prefix: string, artifacts = false): Promise<Map<string, ReadRun>> {
  const experiments = await readBack(server.url, `${prefix}/`, { artifacts });
  const runs = experiments.flatMap((experiment) => experiment.runs).filter(({ lifecycle }) => lifecycle === 'active');
  const byName = new Map(runs.map((run) => [run.name, run]));
  assert.equal(byName.size, runs.length, 'each run once');
  return byName;
}

const fork = (runId: string, parent: string) =>
  sampleRun(
    PROJECT,
    runId,
    [],
    [
      { path: 'sys/name', type: 'string', value: 'forks' },
      { path: 'sys/forking/parent', type: 'string', value: parent },
    ],
  );

test('children name their parents, however deep; a circle is broken', async (t) => {
  const folder = await tempFolder(t);
  const runs = [fork('great', 'grand'), fork('grand', 'child'), fork('child', 'root'), sampleRun(PROJECT, 'root', [])];
  await writeArchive(join(folder, 'data'), [...runs, fork('hen', 'egg'), fork('egg', 'hen'), fork('orphan', 'nobody')]);
  const { result, warnings } = await load(folder, 'forks');
  assert.equal(result.loaded, 7);
  assert.equal(warnings.filter((text) => text.includes('lead back')).length, 1);
  const loaded = await activeRuns('forks');
  const parentOf = (name: string) => {
    const id = loaded.get(name)?.tags['mlflow.parentRunId'];
    return [...loaded.values()].find((run) => run.id === id)?.name;
  };
  assert.deepEqual(['root', 'child', 'grand', 'great', 'orphan'].map(parentOf), [
    undefined,
    'root',
    'child',
    'grand',
    undefined,
  ]);
  assert.equal([parentOf('hen'), parentOf('egg')].filter((name) => name !== undefined).length, 1);
});

test('a second load skips, a selection loads only that, and a changed run is replaced', async (t) => {
  const folder = await tempFolder(t);
  const data = join(folder, 'data');
  await writeArchive(data, [sampleRun(PROJECT, 'root', []), fork('child', 'root'), fork('other', 'root')]);
  assert.deepEqual(await loadCounts(folder, 'again', { runs: ['root'] }), { runs: 1, loaded: 1 });
  assert.deepEqual(await loadCounts(folder, 'again', { runs: ['child'] }), { runs: 1, loaded: 1 });
  assert.deepEqual(await loadCounts(folder, 'again'), { runs: 3, loaded: 1, skipped: 2 });
  assert.deepEqual(await loadCounts(folder, 'again'), { runs: 3, skipped: 3 });
  const loaded = await activeRuns('again');
  assert.equal(loaded.get('child')?.tags['mlflow.parentRunId'], loaded.get('root')?.id, 'loaded by an earlier call');

  await writeArchive(data, [sampleRun(PROJECT, 'root', [floats('new', line(3, 1))])]);
  assert.deepEqual(await loadCounts(folder, 'again'), { runs: 3, updated: 1, skipped: 2 });
  const replaced = await activeRuns('again');
  assert.equal(replaced.size, 3, 'never two copies');
  assert.equal(replaced.get('root')?.metrics.new?.length, 3);
  assert.notEqual(replaced.get('root')?.id, loaded.get('root')?.id);
  assert.deepEqual(await loadCounts(folder, 'again'), { runs: 3, skipped: 3 });
  const { result, warnings } = await load(folder, 'again', { stepMultiplier: 10n });
  assert.deepEqual([result.skipped, result.rescaled], [3, 3]);
  assert.match(warnings.join(), /run root: skipped; it was loaded before with another step multiplier/);

  await assert.rejects(load(folder, 'again', { projects: ['ws/none'] }), { code: 'usage' });
  await assert.rejects(load(folder, 'again', { runs: ['none'] }), { code: 'not_found' });
  const some = await load(folder, 'again', { runs: ['root', 'none'] });
  assert.deepEqual([some.result.skipped, some.result.failed, some.failures[0]?.runId], [1, 1, 'none']);
});

/** The counts that aren't zero. */
async function loadCounts(folder: string, prefix: string, options: Partial<LoadOptions> = {}) {
  const { result } = await load(folder, prefix, options);
  const { alterations: _, alterationsByCode: __, stepMultiplier: ___, ...counts } = result;
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

test('a missing file and a damaged part leave a run that is not whole, and the next load completes it', async (t) => {
  const folder = await tempFolder(t);
  const data = join(folder, 'data');
  const files = join(folder, 'files', diskName(PROJECT));
  const rows = [{ path: 'model', type: 'file' as const, file: 'a/model.bin' }];
  const lacking = sampleRun(PROJECT, 'lacking', [{ kind: 'files', rows }]);
  const damaged = sampleRun(PROJECT, 'damaged', [
    scalars([{ path: 'p', type: 'string', value: 'v' }]),
    ...[0, 1, 2].map((n) => floats('one', line(9000, 0.37).slice(n * 3000, n * 3000 + 3000))),
    floats('two', line(2000, 0.91)),
  ]);
  await writeArchive(data, [lacking]);
  await writeArchive(data, [damaged], 8000);
  const part = join(data, diskName(PROJECT), partName(diskName('damaged'), 1));
  const whole = await readFile(part);
  await access(join(data, diskName(PROJECT), partName(diskName('damaged'), 2)));
  await truncate(part, whole.length - 100);

  const first = await load(folder, 'damage');
  assert.deepEqual([first.result.failed, first.result.partial, first.result.loaded], [2, 2, 0]);
  const messages = first.failures.map(({ runId, failure }) => `${runId} ${failure.attributePath}: ${failure.message}`);
  assert.match(messages.sort().join('\n'), /damaged undefined: .*_part_1\.parquet.*lacking model: .*model\.bin/s);
  const partial = (await activeRuns('damage')).get('damaged');
  assert.equal(partial?.params.p, 'v', 'what can be read is there');
  assert.equal(partial?.metrics.two?.length, 2000, 'also what lies behind the damage');
  assert.ok((partial?.metrics.one?.length ?? 0) < 9000);

  await writeFile(part, whole);
  await mkdir(join(files, 'a'), { recursive: true });
  await writeFile(join(files, 'a', 'model.bin'), 'weights');
  const second = await load(folder, 'damage');
  assert.deepEqual([second.result.failed, second.result.loaded + second.result.completed], [0, 2]);
  const loaded = await activeRuns('damage', true);
  assert.equal(loaded.get('damaged')?.metrics.one?.length, 9000);
  assert.equal(loaded.get('lacking')?.artifacts['model/model.bin']?.text, 'weights');
});

test('a run that the archive has in part is told, and completed once the export has the rest', async (t) => {
  const folder = await tempFolder(t);
  const data = join(folder, 'data');
  const files = join(folder, 'files', diskName(PROJECT));
  const withFile = (file: string | null) =>
    sampleRun(PROJECT, 'r', [{ kind: 'files', rows: [{ path: 'model', type: 'file', file }] }]);
  const failure = { attributePath: 'model', code: 'server' as const, message: 'HTTP 500.', time: '2026-01-01' };
  await writeExported(data, withFile(null), { status: 'partial', failures: [failure] });
  const first = await load(folder, 'partial');
  assert.deepEqual([first.result.partial, first.result.failed, first.result.alterationsByCode], [1, 1, {}]);
  assert.deepEqual(
    first.failures.map(({ runId, failure: { attributePath, message } }) => [runId, attributePath, message]),
    [['r', 'model', 'The archive has it not or not whole, export the run again: HTTP 500.']],
  );
  const half = (await activeRuns('partial')).get('r');
  assert.deepEqual([half?.status, half?.end, half?.tags['neptune_exporter.loaded']], ['RUNNING', null, undefined]);

  const source = join(files, 'model.bin');
  await mkdir(files, { recursive: true });
  await writeFile(source, 'weights');
  const exported = { attributePath: 'model', attributeType: 'file' as const, path: 'model.bin', bytes: 7 };
  await writeExported(data, withFile('model.bin'), { files: [{ ...exported, sha256: await fileHash(source) }] });
  for (const [content, message] of [
    ['weigh', /damaged: it has 5 bytes, exported were 7/],
    ['wEights', /damaged: its content is not/],
  ] as const) {
    await writeFile(source, content);
    const { result, failures } = await load(folder, 'partial');
    assert.equal(result.partial, 1);
    assert.match(failures.map((one) => one.failure.message).join(), message);
    assert.equal((await activeRuns('partial', true)).get('r')?.artifacts['model/model.bin'], undefined);
  }
  await writeFile(source, 'weights');
  assert.deepEqual(await loadCounts(folder, 'partial'), { runs: 1, completed: 1 });
  const whole = (await activeRuns('partial', true)).get('r');
  assert.deepEqual([whole?.status, whole?.artifacts['model/model.bin']?.text], ['FINISHED', 'weights']);
});

test('a partial run that was accepted as it is counts as whole, and what it lacks is told', async (t) => {
  const folder = await tempFolder(t);
  const failure = { attributePath: 'model', code: 'not_found' as const, message: 'HTTP 404.', time: '2026-01-01' };
  const run = sampleRun(PROJECT, 'r', [{ kind: 'files', rows: [{ path: 'model', type: 'file', file: null }] }]);
  const accepted = { status: 'partial' as const, failures: [failure], accepted: '2026-01-02T00:00:00.000Z' };
  await writeExported(join(folder, 'data'), run, accepted);
  const { result, failures } = await load(folder, 'accepted');
  assert.deepEqual([result.loaded, result.failed, failures], [1, 0, []]);
  assert.deepEqual(result.alterationsByCode, { not_exported: 1 });
  assert.equal((await activeRuns('accepted')).get('r')?.status, 'FINISHED');
  assert.equal((await load(folder, 'accepted')).result.skipped, 1);
});

test('a set of files of Neptune 2 arrives as it was exported, points without a time too, and what was left out is told', async (t) => {
  const folder = await tempFolder(t);
  const data = join(folder, 'data');
  const files = join(folder, 'files', diskName(PROJECT));
  const contents = { 'w/p/R-1/code/code.zip': 'PK', 'w/p/R-1/data/files_list.json': '[]', 'w/p/R-1/i/0.png': 'cat' };
  const exported = [];
  for (const [path, content] of Object.entries(contents)) {
    await mkdir(dirname(join(files, path)), { recursive: true });
    await writeFile(join(files, path), content);
    const attribute = { attributePath: path.split('/')[3]!, attributeType: 'file_set' as const };
    exported.push({ ...attribute, path, bytes: content.length, sha256: await fileHash(join(files, path)) });
  }
  // Not of the export: nobody vouches for it.
  await writeFile(join(files, 'w/p/R-1/code/other.txt'), 'x');
  const rows = [
    { path: 'code', type: 'file_set' as const, file: 'w/p/R-1/code' },
    { path: 'data', type: 'artifact' as const, file: 'w/p/R-1/data/files_list.json' },
    { path: 'big', type: 'file' as const, file: null },
  ];
  const points = fileSeries('i', [
    ['0', null, 'w/p/R-1/i/0.png'],
    ['1', null, null],
  ]);
  await writeExported(data, sampleRun(PROJECT, 'R-1', [{ kind: 'files', rows }, points]), {
    files: exported,
    skippedFiles: [
      { attributePath: 'big', attributeType: 'file', bytes: 1 << 30 },
      { attributePath: 'i', attributeType: 'file_series', step: '1.000000', bytes: 1 << 30 },
    ],
  });
  await rm(join(files, 'w/p/R-1/code/code.zip'));
  const first = await load(folder, 'set');
  assert.deepEqual(
    first.failures.map(({ failure: { attributePath, code } }) => [attributePath, code]),
    [['code', 'not_found']],
  );
  await writeFile(join(files, 'w/p/R-1/code/code.zip'), 'PK');
  const { result, failures } = await load(folder, 'set');
  assert.deepEqual([result.completed, failures, result.alterationsByCode], [1, [], { file_left_out: 2 }]);
  const { artifacts, status } = (await activeRuns('set', true)).get('R-1')!;
  const own = Object.keys(artifacts).filter((path) => !path.startsWith('neptune_exporter/'));
  assert.deepEqual(own.sort(), ['code/code.zip', 'data/files_list.json', 'i/step_0/0.png']);
  assert.equal(status, 'FINISHED');
});

test('nothing is loaded of parts that are not what was exported, nor one run twice', async (t) => {
  const folder = await tempFolder(t);
  const data = join(folder, 'data');
  const values = line(3000, 0).map(([step, time], i): [string, number, number] => [step, time, Math.sin(i)]);
  await writeExported(data, sampleRun(PROJECT, 'r', [floats('m', values)]));
  const part = join(data, diskName(PROJECT), partName(diskName('r'), 0));
  const whole = await readFile(part);
  const flipped = Buffer.from(whole);
  flipped[whole.length >> 1]! ^= 1;
  await writeFile(part, flipped);
  const { result, failures } = await load(folder, 'flipped');
  assert.deepEqual([result.failed, result.partial, result.loaded], [1, 0, 0]);
  assert.deepEqual(
    failures.map(({ runId, failure: { code, message } }) => [runId, code, /is not what was exported/.test(message)]),
    [['r', 'archive', true]],
  );
  assert.equal((await activeRuns('flipped')).size, 0);

  await writeFile(part, whole);
  await writeFile(join(data, diskName(PROJECT), partName(diskName('r again'), 0)), whole);
  const twice = await load(folder, 'flipped');
  assert.deepEqual([twice.result.loaded, twice.result.failed], [1, 1]);
  assert.match(twice.failures[0]?.failure.message ?? '', /hold the run r once more/);
  assert.equal((await activeRuns('flipped')).get('r')?.metrics.m?.length, 3000);
});

test('what the official exporter wrote as null is counted', async (t) => {
  const folder = await tempFolder(t);
  const directory = join(folder, 'data', diskName(PROJECT));
  await mkdir(directory, { recursive: true });
  const script = join(import.meta.dirname, 'official_nulls.py');
  const part = join(directory, partName(diskName('r'), 0));
  await promisify(execFile)(await python('mlflow'), [script, part, PROJECT, 'r']);
  const { result, failures } = await load(folder, 'nulls');
  assert.deepEqual(failures, []);
  assert.deepEqual(result.alterationsByCode, { null_or_absent: 2, null_as_nan: 2 });
  const { artifacts } = (await activeRuns('nulls', true)).get('r')!;
  const { histograms: read } = JSON.parse(artifacts['h/histograms.json']?.text ?? '') as { histograms: object[] };
  assert.partialDeepStrictEqual(read, [{ edges: [0, 'NaN', 2], values: ['NaN', 1] }]);
  const { alterations } = JSON.parse(artifacts['neptune_exporter/alterations.json']?.text ?? '') as {
    alterations: { path: string; code: string }[];
  };
  assert.deepEqual(
    alterations.map(({ path, code }) => `${path} ${code}`),
    ['loss null_or_absent', 'h null_as_nan', 'model null_or_absent'],
  );
});

interface Expected {
  projectId: string;
  runs: Record<
    string,
    { series: Record<string, { type: string; steps: number[]; timestamps: number[]; values: (string | null)[] }> }
  >;
}

test('an archive that the official exporter wrote arrives point by point', async () => {
  const folder = join(import.meta.dirname, '..', 'fixtures', 'official');
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected;
  const { result, failures } = await load(folder, 'official', { stepMultiplier: 100n });
  assert.deepEqual(failures, []);
  assert.equal(result.loaded, Object.keys(expected.runs).length);
  const loaded = await activeRuns('official', true);
  // As MLflow's database holds them.
  const held = (value: string | null) =>
    ({ inf: '1.7976931348623157e+308', '-inf': '-1.7976931348623157e+308', '-0.0': '0.0' })[value ?? ''] ??
    value ??
    'nan';
  for (const [name, { series }] of Object.entries(expected.runs)) {
    const run = loaded.get(name)!;
    for (const [path, { type, steps, timestamps, values }] of Object.entries(series)) {
      if (type === 'float_series') {
        const points = steps.map((step, i): [string, string, string] => [
          String(step / 10_000),
          String(timestamps[i]),
          held(values[i] ?? null),
        ]);
        assert.deepEqual(run.metrics[path]?.toSorted(byNumbers), points.toSorted(byNumbers), `${name} ${path}`);
      } else if (type === 'string_series') {
        const lines = run.artifacts[`${path}/series.txt`]?.text?.split('\n');
        assert.deepEqual(
          lines?.map((text) => text.split('; ').slice(2).join('; ')),
          values,
        );
      } else if (type === 'histogram_series') {
        const { histograms: read } = JSON.parse(run.artifacts[`${path}/histograms.json`]?.text ?? '') as {
          histograms: { type: string; edges: number[]; values: number[] }[];
        };
        assert.deepEqual(
          read.map(({ type: kind, edges, values: counts }) => ({ type: kind, edges, values: counts })),
          values,
        );
      } else {
        for (const step of steps) {
          const files = Object.keys(run.artifacts).filter((one) => one.startsWith(`${path}/step_${step / 10_000}/`));
          assert.equal(files.length, 1, `${path} at ${step}`);
        }
      }
    }
  }
  assert.equal(loaded.get('RUN-1')?.params['config/layers'], '9007199254740993');
  assert.equal(loaded.get('RUN-1')?.params['config/none'], '');
  assert.ok(loaded.get('RUN-1')?.artifacts['files/model/model.bin']);
});

function byNumbers([left]: [string, ...unknown[]], [right]: [string, ...unknown[]]): number {
  return Number(left) - Number(right);
}

test('a load that is killed again and again ends whole: nothing twice, nothing lost', async (t) => {
  const folder = await tempFolder(t);
  const names = ['one', 'two', "it's three"];
  const long = 'x'.repeat(10_000);
  const text = Array.from({ length: 500 }, (_, i) => [String(i), i, `line ${i}`] as [string, number, string]);
  const runs = names.map((name, n) =>
    sampleRun(PROJECT, name, [
      scalars(Array.from({ length: 250 }, (_, i) => ({ path: `p/${i}`, type: 'int', value: BigInt(i * n) }))),
      scalars([{ path: 'long', type: 'string', value: long }]),
      ...Array.from({ length: 5 }, (_, i) => floats(`m/${i}`, line(2300, n + i / 7))),
      floats('decimal', [
        ['0.5', 1, Infinity],
        ['1.5', 2, Number.NaN],
      ]),
      strings('log', text),
      histograms('h', [['1', 1, { edges: [0, 1], values: [n] }]]),
      fileSeries('img', [['0.5', 1, 'img.png']]),
    ]),
  );
  await writeArchive(join(folder, 'data'), runs);
  await mkdir(join(folder, 'files', diskName(PROJECT)), { recursive: true });
  await writeFile(join(folder, 'files', diskName(PROJECT), 'img.png'), Buffer.alloc(100_000, 1));

  // Kills are placed by the number of requests, not by a clock, so that each meets the work under way.
  const proxy = await startProxy(t, server.url);
  const args = [join(folder, 'data'), join(folder, 'files'), proxy.url, 'killed'];
  for (const requests of [6, 9, 14, 20, 33, 41]) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'load-child.ts'), ...args], {
      stdio: 'inherit',
      // What a killed load leaves of its temporary files goes with the test's folder.
      env: { ...process.env, TMPDIR: folder },
    });
    const ended = once(child, 'exit');
    const until = proxy.requests + requests;
    while (proxy.requests < until && child.exitCode === null) await pause(2);
    child.kill('SIGKILL');
    await ended;
  }
  const { result, failures } = await load(folder, 'killed');
  assert.deepEqual(failures, []);
  assert.equal(result.failed, 0);
  assert.ok(result.completed > 0, 'a kill left a half run');
  const loaded = await activeRuns('killed', true);
  assert.deepEqual([...loaded.keys()].sort(), names.toSorted());
  for (const [n, name] of names.entries()) {
    const run = loaded.get(name)!;
    for (let i = 0; i < 250; i++) assert.equal(run.params[`p/${i}`], String(i * n));
    for (let i = 0; i < 5; i++) {
      const expected = line(2300, n + i / 7).map(([step, time, value]) => [step, String(time), value]);
      const found = run.metrics[`m/${i}`]?.map(([step, time, value]) => [step, time, Number(value)]);
      assert.deepEqual(found, expected);
    }
    assert.equal(run.metrics.decimal?.length, 2);
    assert.equal(run.artifacts['log/series.txt']?.text?.split('\n').length, 500);
    assert.equal(run.artifacts['img/step_0.5/img.png']?.size, 100_000);
    const values = Object.entries(run.artifacts).filter(([path]) => path.startsWith('neptune_exporter/values/'));
    assert.deepEqual(
      values.map(([, artifact]) => artifact.text),
      [long],
    );
    assert.ok(run.tags['neptune_exporter.loaded']);
  }
  assert.deepEqual(await loadCounts(folder, 'killed'), { runs: 3, skipped: 3 });
});

test('an aborted load stops with its reason and leaves what the next one completes', async (t) => {
  const folder = await tempFolder(t);
  await writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'r', [floats('m', line(20_000, 1))])]);
  const abort = new AbortController();
  let points = 0;
  const progress = {
    project() {},
    runStarted() {},
    runFinished() {},
    bytes() {},
    done() {},
    points(count: number) {
      points += count;
      if (points > 4) abort.abort();
    },
  };
  await assert.rejects(load(folder, 'aborted', { signal: abort.signal, progress }), { code: 'interrupted' });
  const { result } = await load(folder, 'aborted');
  assert.equal(result.completed, 1);
  assert.equal((await activeRuns('aborted')).get('r')?.metrics.m?.length, 20_000);
  await rm(folder, { recursive: true, force: true });
});
