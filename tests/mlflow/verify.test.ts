// `verify --loader mlflow` on a real server: what was loaded is proven equal, and each damage is found and named, and nothing else.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { after, before, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { diskName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import type { VerifyReport } from '../../src/cli/verify-report.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { isComparable } from '../../src/targets/target.ts';
import {
  type ComparedRun,
  compareWithTarget,
  type TargetProblem,
  type TargetResult,
} from '../../src/transfer/compare-target.ts';
import { contentDigest } from '../../src/transfer/content-digest.ts';
import { type LoadOptions, type LoadResult, loadArchive } from '../../src/transfer/load.ts';
import { type MlflowServer, startMlflow } from '../counterparts/mlflow-server.ts';
import { python } from '../counterparts/python.ts';
import {
  fileSeries,
  floats,
  histograms,
  line,
  type SampleRun,
  sampleRun,
  scalars,
  strings,
  writeArchive,
} from '../helpers/archive-runs.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';
import { put } from '../verify/kit.ts';

const PROJECT = 'ws/proj';
let server: MlflowServer;

before(async () => {
  server = await startMlflow();
});
after(() => server?.stop());

interface Place {
  folder: string;
  prefix: string;
  url?: string;
}

async function withTarget<T>(
  { prefix, url = server.url }: Place,
  task: (target: Awaited<ReturnType<typeof createTarget>>) => Promise<T>,
): Promise<T> {
  const target = await createTarget('mlflow', { mlflowTrackingUri: url, namePrefix: prefix }, {});
  try {
    return await task(target);
  } finally {
    await target.close();
  }
}

/** Loads all, and makes sure that nothing failed. */
async function load(place: Place, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  const { folder } = place;
  const result = await withTarget(place, async (target) =>
    loadArchive({
      archive: await openArchive(join(folder, 'data')),
      filesPath: join(folder, 'files'),
      target,
      stepMultiplier: 1n,
      concurrency: 2,
      ...options,
    }),
  );
  assert.equal(result.failed, 0);
  return result;
}

async function compare(
  place: Place,
  options: { signal?: AbortSignal } = {},
): Promise<TargetResult & { problems: TargetProblem[] }> {
  const problems: TargetProblem[] = [];
  const { folder } = place;
  const result = await withTarget(place, async (target) => {
    assert.ok(isComparable(target));
    return compareWithTarget({
      archive: await openArchive(join(folder, 'data')),
      filesPath: join(folder, 'files'),
      target,
      concurrency: 2,
      onProblem: (problem) => problems.push(problem),
      signal: new AbortController().signal,
      ...options,
    });
  });
  return { ...result, problems };
}

const said = ({ code, runId, attributePath = '-' }: TargetProblem) => `${code} ${runId} ${attributePath}`;

function assertClean({ runs, problems }: { runs: ComparedRun[]; problems: TargetProblem[] }): void {
  assert.deepEqual(problems, []);
  for (const { runId, state, missing, different, unclear, extras } of runs) {
    assert.deepEqual([runId, state, missing, different, unclear, extras.first], [runId, 'compared', 0, 0, 0, []]);
  }
}

function codesOf(run: ComparedRun | undefined, path: string | undefined): string[] {
  return run?.attributes.find(({ attributePath }) => attributePath === path)?.codes.toSorted() ?? [];
}

const forked = (runId: string, parent: string) =>
  sampleRun(
    PROJECT,
    runId,
    [],
    [
      { path: 'sys/name', type: 'string', value: 'an experiment' },
      { path: 'sys/forking/parent', type: 'string', value: parent },
      { path: 'sys/description', type: 'string', value: 'lines\nof "text"' },
      { path: 'sys/tags', type: 'string_set', value: ['a', 'b,c'] },
      { path: 'sys/failed', type: 'bool', value: true },
    ],
  );

/** All that a run may have, odd values included. */
function richRun(runId: string): SampleRun {
  return sampleRun(PROJECT, runId, [
    scalars([
      { path: 'p/int', type: 'int', value: 2n ** 63n - 1n },
      { path: 'p/nan', type: 'float', value: Number.NaN },
      { path: 'p/long', type: 'string', value: 'ä😀'.repeat(4000) },
      { path: 'p/nul', type: 'string', value: 'x\0y' },
      { path: 'p/half', type: 'string', value: 'x\ud800y' },
      { path: 'p/empty', type: 'string', value: '' },
      { path: 'p/none', type: 'string', value: null },
      { path: 'p/set', type: 'string_set', value: ['a,b', 'c'] },
      { path: 'p/when', type: 'datetime', value: -1n },
      { path: 'a:b', type: 'bool', value: true },
      { path: 'a_b', type: 'bool', value: false },
    ]),
    floats('m/plain', line(5000, 0.37)),
    floats('m/odd', [
      ['-3', 1, Number.NaN],
      ['0', 2, Infinity],
      ['1', 3, -Infinity],
      ['2', 4, -0],
      ['3', 5, Number.MAX_VALUE],
      ['3', 5, Infinity],
      ['4', -5, 5e-324],
      ['5', null, 1],
      ['6', 7, 1],
      ['6', 7, 1],
      ['6', 7, Number.NaN],
      ['6', 7, 0],
    ]),
    floats('m/decimal', [
      ['0.29', 1, 1],
      ['1.5', 2, 2],
      ['999999999999.999999', 9_007_199_254_740_993n, 3],
    ]),
    floats('a:b', [['0', 1, 1]]),
    floats('a_b', [['0', 1, 2]]),
    strings('s/log', [
      ['0.001', 1, 'line\nbreak'],
      ['1', null, 'plain'],
      ['2', 3, null],
    ]),
    histograms('h', [['1', 1, { edges: [0, Number.NaN, Infinity], values: [1, 2 ** 60] }]]),
    {
      kind: 'files',
      rows: [
        { path: 'f/model', type: 'file', file: 'rich/model.tar.gz' },
        { path: 'f/empty', type: 'file', file: 'rich/empty' },
        { path: 'f/odd', type: 'file', file: 'rich/odd [name] 100%.txt' },
        { path: 'f/none', type: 'file', file: null },
        { path: 'f/set', type: 'file_set', file: 'rich/set' },
      ],
    },
    fileSeries('f/images', [
      ['0.5', 1, 'rich/0.png'],
      ['1', 2, 'rich/1.png'],
    ]),
  ]);
}

async function writeFiles(folder: string): Promise<void> {
  const files = join(folder, 'files', diskName(PROJECT), 'rich');
  // What looks compressed must not be unpacked on the way.
  const contents = {
    'model.tar.gz': gzipSync('model'),
    empty: '',
    'odd [name] 100%.txt': 'odd',
    '0.png': 'zero',
    '1.png': 'one',
  };
  for (const [name, content] of Object.entries(contents)) await put(join(files, name), content);
  await put(join(files, 'set/a.txt'), 'a');
  await put(join(files, 'set/deep/b.txt'), 'b'.repeat(100_000));
}

/** Statements on the server's own database. */
function sql(statement: string, ...values: (string | number | null)[]): Record<string, unknown>[] {
  const database = new DatabaseSync(join(server.folder, 'mlflow.db'), { timeout: 20_000 });
  try {
    return database.prepare(statement).all(...values) as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

async function call(path: string, body: object): Promise<void> {
  const answer = await fetch(`${server.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** A rich run and a fork of it, loaded. @returns the ids at the server */
async function loadRich(t: TestContext, prefix: string): Promise<Place & { rich: string; fork: string }> {
  const folder = await tempFolder(t);
  await writeArchive(join(folder, 'data'), [richRun('rich'), forked('fork', 'rich')]);
  await writeFiles(folder);
  const place = { folder, prefix };
  await load(place);
  const { runs } = await compare(place);
  const id = (name: string) => runs.find(({ runId }) => runId === name)?.targetId ?? '';
  return { ...place, rich: id('rich'), fork: id('fork') };
}

test('everything that was loaded is equal, or altered as the mapping says', async (t) => {
  const place = await loadRich(t, 'rich');
  const result = await compare(place);
  assertClean(result);
  const rich = result.runs.find(({ runId }) => runId === 'rich');
  assert.deepEqual(codesOf(rich, 'm/odd'), [
    'infinity',
    'negative_zero',
    'points_merged',
    'timestamp_missing',
    'timestamp_negative',
  ]);
  assert.deepEqual(codesOf(rich, 'p/long'), ['value_too_long']);
  assert.deepEqual(codesOf(rich, 'a:b'), ['key_collision']);
  assert.deepEqual(codesOf(rich, 'm/plain'), []);
  assert.ok(rich!.equal > 10 && rich!.altered > 10);
  assert.equal(rich!.attributes.length, rich!.altered, 'what is plainly equal is not listed');
  assert.equal(result.points, 5000 + 10 + 3 + 2);
  assert.ok(result.files > 15 && result.bytes > 100_000);

  const cli = await verify(place);
  assertExit(cli, 0);
  assert.match(cli.stdout, /^Project +Run +At the target +Equal +Altered +Missing +Different$/m);
  assert.match(cli.stdout, /^ws\/proj +rich +there +\d+ +\d+ +0 +0$/m);
  assert.match(cli.stdout, /^Altered by the mapping: .*\bpoints_merged 1\b/m);
  assert.match(cli.stdout, /Compared with http:\/\/127\.0\.0\.1:\d+: 2 runs, 5,015 points, \d+ files, \d+ kB\.$/m);
});

function verify({ folder, prefix }: Place, ...args: string[]): Promise<CliResult> {
  const target = ['--loader', 'mlflow', '--mlflow-tracking-uri', server.url, '--name-prefix', prefix];
  return runCli(['verify', '-d', 'data', ...target, ...args], { cwd: folder });
}

function assertExit({ code, stdout, stderr }: CliResult, expected: number): void {
  assert.equal(code, expected, `${stderr}\n${stdout}`);
}

test('each damage at the server is found and named, and nothing else', async (t) => {
  const place = await loadRich(t, 'damage');
  const { rich, fork } = place;
  const [location] = sql('SELECT artifact_uri FROM runs WHERE run_uuid = ?', rich);
  const root = join(server.folder, 'artifacts', String(location!.artifact_uri).replace(/^mlflow-artifacts:\//, ''));

  /** Does damage, compares, and undoes it. */
  const damaged = async (what: string, harm: () => unknown, undo: () => unknown, ...expected: (string | RegExp)[]) => {
    await harm();
    const { problems } = await compare(place);
    await undo();
    const words = expected.filter((one) => one instanceof RegExp);
    assert.deepEqual(
      problems.map(said),
      expected.filter((one) => typeof one === 'string'),
      what,
    );
    for (const one of words) assert.match(problems.map(({ message }) => message).join('\n'), one, what);
  };
  const metric = (set: string, key: string, step: number) => {
    sql(`UPDATE metrics SET ${set} WHERE run_uuid = ? AND key = ? AND step = ?`, rich, key, step);
  };
  const whole = sql('SELECT * FROM metrics WHERE run_uuid = ? AND key = ? AND step = 1234', rich, 'm/plain')[0]!;
  const value = Number(whole.value);
  const bits = new BigUint64Array(Float64Array.of(value).buffer);
  const ulp = new Float64Array(BigUint64Array.of(bits[0]! + 1n).buffer)[0]!;

  await damaged(
    'a point gone',
    () => sql('DELETE FROM metrics WHERE run_uuid = ? AND key = ? AND step = 1234', rich, 'm/plain'),
    () =>
      sql(
        'INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, 1234, 0)',
        rich,
        'm/plain',
        value,
        Number(whole.timestamp),
      ),
    'target_missing rich m/plain',
    /metric m\/plain: The target has 4999 points, the archive 5000: step 1234 \(1700000001234 ms\) with 456\.58 is missing\./,
  );
  await damaged(
    'a value altered by one ulp',
    () => metric(`value = ${ulp}`, 'm/plain', 1234),
    () => metric(`value = ${value}`, 'm/plain', 1234),
    'target_different rich m/plain',
    /5000 points, as many as the archive, but not the same: step 1234 \(1700000001234 ms\) should be 456\.58 and is 456\.580000000000\d+\./,
  );
  await damaged(
    'a time altered',
    () => metric('timestamp = timestamp + 1', 'm/plain', 7),
    () => metric('timestamp = timestamp - 1', 'm/plain', 7),
    'target_different rich m/plain',
    /step 7 \(1700000000007 ms\) with 2\.59 is missing; step 7 \(1700000000008 ms\) has 2\.59, which is not of the archive/,
  );
  await damaged(
    'NaN that became 0',
    () => metric('is_nan = 0', 'm/odd', -3),
    () => metric('is_nan = 1', 'm/odd', -3),
    'target_different rich m/odd',
    /step -3 \(1 ms\) should be NaN and is 0/,
  );
  await damaged(
    'a step beyond 2^53 altered by one',
    () => metric('timestamp = timestamp + 1', 'm/decimal', 999999999999),
    () => metric('timestamp = timestamp - 1', 'm/decimal', 999999999999),
    'target_different rich m/decimal',
    /9007199254740993 ms\) with 3 is missing; .*9007199254740994 ms\) has 3/,
  );
  await damaged(
    'a metric gone',
    () => sql("UPDATE metrics SET key = 'm/gone' WHERE run_uuid = ? AND key = 'm/decimal'", rich),
    () => sql("UPDATE metrics SET key = 'm/decimal' WHERE run_uuid = ? AND key = 'm/gone'", rich),
    'target_missing rich m/decimal',
    /metric m\/decimal: The target has none of 3 points\./,
  );
  const [param] = sql('SELECT value FROM params WHERE run_uuid = ? AND key = ?', rich, 'p/int');
  await damaged(
    'a param gone',
    () => sql('DELETE FROM params WHERE run_uuid = ? AND key = ?', rich, 'p/int'),
    () => sql('INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)', rich, 'p/int', String(param!.value)),
    'target_missing rich p/int',
    /param p\/int: The target does not have it\./,
  );
  await damaged(
    'a param altered',
    () => sql("UPDATE params SET value = '9223372036854775808' WHERE run_uuid = ? AND key = 'p/int'", rich),
    () => sql("UPDATE params SET value = '9223372036854775807' WHERE run_uuid = ? AND key = 'p/int'", rich),
    'target_different rich p/int',
    /should be '9223372036854775807' and is '9223372036854775808'/,
  );
  const artifact = async (
    name: string,
    change: (content: Buffer) => Buffer | string,
    ...expected: (string | RegExp)[]
  ) => {
    const path = join(root, name);
    const content = await readFile(path);
    await damaged(
      `${name} altered`,
      async () => writeFile(path, change(content)),
      () => writeFile(path, content),
      ...expected,
    );
  };
  const flip = (content: Buffer) => {
    const flipped = Buffer.from(content);
    flipped[content.length >> 1]! ^= 1;
    return flipped;
  };
  await artifact(
    'f/model/model.tar.gz',
    flip,
    'target_different rich f/model',
    /artifact f\/model\/model\.tar\.gz: .*another content/,
  );
  await artifact(
    'f/set/deep/b.txt',
    (content) => content.subarray(1),
    'target_different rich f/set',
    /has 99999 bytes, it should be 100000/,
  );
  await artifact('f/empty/file_empty', () => 'x', 'target_different rich f/empty');
  await artifact('f/images/step_0.5/0.png', flip, 'target_different rich f/images');
  await artifact('s/log/series.txt', flip, 'target_different rich s/log');
  await artifact('h/histograms.json', flip, 'target_different rich h');
  await artifact(
    'neptune_exporter/attributes.json',
    flip,
    'target_different rich -',
    /artifact neptune_exporter\/attributes\.json/,
  );
  await artifact('neptune_exporter/alterations.json', () => '{"alterations": []}', 'target_different rich -');
  await artifact('neptune_exporter/alterations.json', (text) => String(text).replace('MLflow', 'It'));
  await damaged(
    'an artifact gone',
    () => rename(join(root, 'f/images/step_1'), join(root, '../taken')),
    () => rename(join(root, '../taken'), join(root, 'f/images/step_1')),
    'target_missing rich f/images',
    /artifact f\/images\/step_1\/1\.png: The target does not have it\./,
  );
  const tag = (key: string, text: string, run = fork) => call('runs/set-tag', { run_id: run, key, value: text });
  await damaged(
    'a tag altered',
    () => tag('neptune.tags', 'other'),
    () => tag('neptune.tags', '["a","b,c"]'),
    'target_different fork -',
    /tag neptune\.tags: It should be '\["a","b,c"\]' and is 'other'\./,
  );
  await damaged(
    'the parent lost',
    () => call('runs/delete-tag', { run_id: fork, key: 'mlflow.parentRunId' }),
    () => tag('mlflow.parentRunId', rich),
    'target_missing fork -',
    /tag mlflow\.parentRunId/,
  );
  const [loaded] = sql("SELECT value FROM tags WHERE run_uuid = ? AND key = 'neptune_exporter.loaded'", rich);
  await damaged(
    'the mark gone',
    () => call('runs/delete-tag', { run_id: rich, key: 'neptune_exporter.loaded' }),
    () => tag('neptune_exporter.loaded', String(loaded!.value), rich),
    'target_run_half rich -',
  );
  await damaged(
    'the mark of another content',
    () => tag('neptune_exporter.loaded', '1:1:other', rich),
    () => tag('neptune_exporter.loaded', String(loaded!.value), rich),
    'target_run_changed rich -',
  );
  await damaged(
    'status, end and name',
    () => sql("UPDATE runs SET status = 'FINISHED', end_time = end_time + 1, name = 'x' WHERE run_uuid = ?", fork),
    () => sql("UPDATE runs SET status = 'FAILED', end_time = end_time - 1, name = 'fork' WHERE run_uuid = ?", fork),
    ...Array.from({ length: 3 }, () => 'target_different fork -'),
    /status: It should be 'FAILED' and is 'FINISHED'/,
    /run name: It should be 'fork' and is 'x'/,
    /end time: /,
  );
  await damaged(
    'the run gone',
    () => call('runs/delete', { run_id: fork }),
    () => call('runs/restore', { run_id: fork }),
    'target_run_missing fork -',
  );
  assertClean(await compare(place));

  await call('runs/log-batch', {
    run_id: fork,
    metrics: [{ key: 'mine', value: 1, timestamp: 1, step: 1 }],
    params: [{ key: 'own', value: '1' }],
    tags: [{ key: 'color', value: 'red' }],
  });
  await put(join(root, 'notes/todo.txt'), 'x');
  metric(`value = ${ulp}`, 'm/plain', 1234);
  const { problems, runs } = await compare(place);
  assert.deepEqual(problems.map(said), ['target_different rich m/plain']);
  assert.deepEqual(
    runs.map(({ extras }) => extras.first.toSorted()),
    [['metric mine', 'param own', 'tag color'], ['artifact notes/todo.txt']],
  );
  const cli = await verify(place, '--json', '--error-report-file', 'errors.jsonl');
  assertExit(cli, 3);
  const report = JSON.parse(cli.stdout) as VerifyReport;
  assert.deepEqual(
    report.notes.map(({ code, count }) => [code, count]),
    [
      ['unverified', 2],
      ['empty_files', 1],
      ['files_without_bytes', 1],
      ['target_extra', 4],
    ],
  );
  const verdict = report.target?.runs[1]?.attributes.find(({ state }) => state === 'different');
  assert.deepEqual(
    [verdict?.attributePath, verdict?.differences[0]?.points],
    ['m/plain', [{ step: '1234', timestamp: '1700000001234', expected: String(value), found: String(ulp) }]],
  );
  assert.match(await readFile(join(place.folder, 'errors.jsonl'), 'utf8'), /"code":"target_different"/);
  const shown = await verify(place);
  assertExit(shown, 3);
  assert.match(shown.stdout, /^ws\/proj +rich +m\/plain: metric m\/plain: The target has 5000 points/m);
  assert.match(shown.stdout, /^By kind: target_different 1$/m);
});

test('an archive of the official exporter, with the multiplier that it was loaded with', async (t) => {
  const fixture = join(import.meta.dirname, '..', 'fixtures', 'official');
  const place = { folder: fixture, prefix: 'official' };
  const missing = await compare(place);
  assert.deepEqual(new Set(missing.problems.map(({ code }) => code)), new Set(['target_run_missing']));
  await load(place, { stepMultiplier: 100n });
  const result = await compare(place);
  assertClean(result);
  assert.ok(result.points > 10 && result.files > 0);
  const cwd = await tempFolder(t);
  const args = ['--loader', 'mlflow', '--mlflow-tracking-uri', server.url, '--name-prefix', 'official'];
  assertExit(await runCli(['verify', '-d', join(fixture, 'data'), ...args], { cwd }), 0);
});

for (const policy of ['keep-first', 'keep-last'] as const) {
  test(`a load with --on-step-collision ${policy} is proven without saying so`, async (t) => {
    const folder = await tempFolder(t);
    const place = { folder, prefix: policy };
    const quarters = floats(
      'fine',
      [0, 1, 2, 3, 4, 5].map((i) => [`${i / 4}`, 1_700_000_000_000 + i, i]),
    );
    await writeArchive(join(folder, 'data'), [
      sampleRun(PROJECT, 'r', [quarters]),
      sampleRun(PROJECT, 'whole', [floats('m', line(10, 1))]),
    ]);
    await load(place, { onStepCollision: policy });
    const result = await compare(place);
    assertClean(result);
    assert.deepEqual(codesOf(result.runs[0], 'fine'), ['step_collision', 'step_truncated']);
    assert.equal(result.points, 12);
    // Whatever the policy of a later load is, the run is there.
    for (const other of ['stop', 'keep-first', 'keep-last'] as const) {
      assert.equal((await load(place, { onStepCollision: other })).skipped, 2);
    }
  });
}

test('equal points that lie apart in the archive are one point, however many there are', async (t) => {
  const folder = await tempFolder(t);
  const place = { folder, prefix: 'apart' };
  const back: [string, number, number][] = [
    ['1', 1, 5],
    ['2', 2, 6],
    ['1', 1, 5],
    ['2', 2, 7],
  ];
  await writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'r', [floats('back', back), floats('m', line(3, 1))])]);
  await load(place);
  assertClean(await compare(place));
  sql("UPDATE metrics SET value = 8 WHERE key = 'back' AND value = 7");
  const { problems } = await compare(place);
  assert.deepEqual(problems.map(said), ['target_different r back']);
  assert.match(problems[0]!.message, /: step 2 \(2 ms\) should be 7 and is 8\.$/);
});

test('what the archive itself lost is told once more, not as lost at the target', async (t) => {
  const place = await loadRich(t, 'lost');
  await rm(join(place.folder, 'files', diskName(PROJECT), 'rich/1.png'));
  const { problems, runs } = await compare(place);
  assert.deepEqual(problems.map(said), ['target_unreadable rich f/images']);
  assert.match(problems[0]!.message, /^the archive: It could not be compared: .*1\.png is not there/);
  assert.deepEqual([runs[1]?.unclear, runs[1]?.extras.count], [1, 0]);
  const report = JSON.parse((await verify(place, '--json')).stdout) as VerifyReport;
  assert.deepEqual(
    report.problems.map(({ code }) => code),
    ['file_missing', 'target_unreadable'],
  );
});

test('options of a target without --loader, and a folder of models', async (t) => {
  const cwd = await tempFolder(t);
  for (const option of [
    ['--name-prefix', 'x'],
    ['--mlflow-tracking-uri', 'http://x'],
    ['--concurrency', '2'],
  ]) {
    const result = await runCli(['verify', ...option], { cwd });
    assertExit(result, 2);
    assert.match(result.stderr, new RegExp(`^error: ${option[0]} needs --loader\\.$`, 'm'));
  }
  const models = join(import.meta.dirname, '..', 'fixtures', 'official-models', 'model_data');
  const result = await runCli(['verify', '-d', models, '--loader', 'mlflow', '--mlflow-tracking-uri', server.url], {
    cwd,
  });
  assertExit(result, 1);
  assert.match(result.stderr, /There are no runs to compare/);
});

test('an interrupted comparison ends within a second', async (t) => {
  const folder = await tempFolder(t);
  const place = { folder, prefix: 'stopped' };
  await writeArchive(join(folder, 'data'), [sampleRun(PROJECT, 'r', [floats('m', line(30_000, 1))])]);
  await load(place);
  const abort = new AbortController();
  let aborted = 0;
  setTimeout(() => {
    aborted = performance.now();
    abort.abort();
  }, 300);
  await assert.rejects(compare(place, { signal: abort.signal }), { code: 'interrupted' });
  assert.ok(performance.now() - aborted < 1000);
});

test("a folder as MLflow's file store, through a server of its own, where repeated points count", async (t) => {
  const folder = await tempFolder(t);
  await writeArchive(join(folder, 'data'), [richRun('rich')]);
  await writeFiles(folder);
  const mlflow = dirname(await python('mlflow'));
  const run = (command: string, ...args: string[]) => {
    const target = ['--loader', 'mlflow', '--mlflow-tracking-uri', './store'];
    const env = { PATH: `${mlflow}:${process.env.PATH}` };
    return runCli([command, '-d', 'data', '-f', 'files', ...target, ...args], { cwd: folder, env });
  };
  assertExit(await run('load'), 0);
  const clean = await run('verify', '--json');
  assertExit(clean, 0);
  const [rich] = (JSON.parse(clean.stdout) as VerifyReport).target!.runs;
  assert.deepEqual(
    [rich?.missing, rich?.different, rich?.extras.count, codesOf(rich, 'm/odd')],
    [0, 0, 0, ['timestamp_missing', 'timestamp_negative']],
  );
  const [experiment = ''] = (await readdir(join(folder, 'store'))).filter((name) => /^\d{2,}$/.test(name));
  const metrics = join(folder, 'store', experiment, rich!.targetId!, 'metrics');
  // A point twice.
  const odd = await readFile(join(metrics, 'm/odd'), 'utf8');
  await writeFile(join(metrics, 'm/odd'), `${odd}${odd.slice(0, odd.indexOf('\n') + 1)}`);
  await writeFile(join(folder, 'store', experiment, rich!.targetId!, 'artifacts/f/images/step_1/1.png'), 'two');
  const damaged = await run('verify', '--json');
  assertExit(damaged, 3);
  assert.deepEqual(
    (JSON.parse(damaged.stdout) as VerifyReport).problems.map(({ code, attributePath }) => `${code} ${attributePath}`),
    ['target_different m/odd', 'target_different f/images'],
  );
});

test('300,000 points are compared in flat memory', async (t) => {
  const folder = await tempFolder(t);
  const data = join(folder, 'data');
  const place = { folder, prefix: 'many' };
  const run = (runId: string, series: number, points: number) =>
    sampleRun(
      PROJECT,
      runId,
      Array.from({ length: series }, (_, n) => floats(`m/${n}`, line(points, 0.1 + n))),
    );
  await writeArchive(data, [run('few', 2, 100), run('many', 30, 2)]);
  await load(place);
  const { runs } = await compare(place);
  // Loading them takes longer than all the rest: the points are put into the database beside the loader.
  await writeArchive(data, [run('many', 30, 10_000)]);
  await addPoints(data, runs[1]!, 30, 10_000);
  const child = join(import.meta.dirname, 'compare-child.ts');
  const args = [data, join(folder, 'files'), server.url, place.prefix, 'few', 'many'];
  // With little to grow into, what isn't needed goes soon: the rest is what is held.
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=64', child, ...args]);
  const [few, many] = JSON.parse(stdout) as { points: number; problems: string[]; peak: number; seconds: number }[];
  assert.deepEqual([few?.points, few?.problems, many?.points, many?.problems], [200, [], 300_000, []]);
  const grown = (many!.peak - few!.peak) / 1e6;
  t.diagnostic(`${Math.round(many!.points / many!.seconds)} points/s, ${Math.round(grown)} MB more than for a few`);
  assert.ok(grown < 120, `${grown} MB`);
  assert.ok(many!.seconds < 120, `${many!.seconds} s`);
});

/** Makes a run at the server the one of the archive, whose series have become longer. */
async function addPoints(
  data: string,
  { runId, targetId }: ComparedRun,
  series: number,
  points: number,
): Promise<void> {
  const archive = await openArchive(data);
  const [project] = archive.projects();
  const runs = await Array.fromAsync(archive.runs(project!, () => assert.fail('damaged')));
  const digest = await contentDigest(runs.find((run) => run.runId === runId)!);
  const marks = "key IN ('neptune_exporter.loaded', 'neptune_exporter.loading')";
  sql(`UPDATE tags SET value = ? WHERE run_uuid = ? AND ${marks}`, `1:1:${digest}`, targetId);
  const database = new DatabaseSync(join(server.folder, 'mlflow.db'), { timeout: 20_000 });
  try {
    database.exec('BEGIN IMMEDIATE');
    const insert = database.prepare('INSERT OR IGNORE INTO metrics VALUES (?, ?, ?, ?, ?, 0)');
    const columns = database
      .prepare('PRAGMA table_info(metrics)')
      .all()
      .map(({ name }) => name);
    assert.deepEqual(columns, ['key', 'value', 'timestamp', 'run_uuid', 'step', 'is_nan']);
    for (let n = 0; n < series; n++) {
      for (const [step, time, value] of line(points, 0.1 + n)) {
        insert.run(`m/${n}`, value, time, targetId, Number(step));
      }
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
