// The options of `export` that the command line's contract has, against a Neptune 3 server. Those of Neptune 2 are beside it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { attribute, type DataSet, type DemoAttribute, type DemoRun, fileOf, seriesOf } from '../../src/demo/dataset.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { manifestsIn } from '../helpers/archive-folder.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { apiToken, deadAddress } from '../helpers/server.ts';
import { tempFolder } from '../helpers/temp.ts';
import { START } from './shell.ts';

const PROJECT = 'my-org/my-project';

/** A run with every type of attribute, a metric with a preview point, and, if asked for, a file that the storage lost. */
function run(number: number, runId: string, { archived = false, lost = false } = {}): DemoRun {
  const points = [0, 1, 2].map((step) => [step, START + step, number + step] as const);
  const image = (step: number) => fileOf(`${runId}/${step}.png`, 'image/png', `image ${step}`);
  const { read, ...notes } = fileOf(`${runId}/notes.txt`, 'text/plain', `notes of ${runId}`);
  const attributes: Record<string, DemoAttribute> = {
    'sys/id': attribute.string(`PRJ-${number}`),
    'sys/custom_run_id': attribute.string(runId),
    'sys/name': attribute.string('baseline'),
    'sys/archived': attribute.bool(archived),
    'sys/trashed': attribute.bool(false),
    'sys/creation_time': attribute.datetime(START),
    'sys/modification_time': attribute.datetime(START + 10_000),
    'sys/tags': attribute.stringSet(['best']),
    'config/learning_rate': attribute.float(0.1),
    'config/layers': attribute.int(number),
    'metrics/loss': { type: 'floatSeries', series: seriesOf(points) },
    'metrics/live': {
      type: 'floatSeries',
      series: { ...seriesOf(points), completion: (index) => (index === 2 ? 0.5 : undefined) },
    },
    'logs/stdout': { type: 'stringSeries', series: seriesOf([[0, START, 'started']]) },
    'weights/first': {
      type: 'histogramSeries',
      series: seriesOf([[0, START, { type: 'COUNTING', edges: [0, 1], values: [3] }]]),
    },
    'files/notes': attribute.file(lost || read === undefined ? notes : { ...notes, read }),
    'files/images': { type: 'fileRefSeries', series: seriesOf([0, 1].map((step) => [step, START, image(step)])) },
  };
  return { attributes: new Map(Object.entries(attributes)) };
}

function dataSet(lost = false): DataSet {
  const runs = [run(1, 'RUN-1', { lost }), run(2, 'RUN-12'), run(3, 'other'), run(4, 'RUN-old', { archived: true })];
  return {
    projects: [
      { path: PROJECT, key: 'PRJ', runs },
      { path: 'my-org/other', key: 'PRJ', runs: [run(1, 'OTHER-1')] },
      { path: 'my-org/empty', key: 'PRJ', runs: [] },
    ],
  };
}

interface Shell {
  cwd: string;
  token: string;
  run(...args: string[]): Promise<CliResult>;
}

async function setUp(t: TestContext, env: Record<string, string> = {}, data = dataSet()): Promise<Shell> {
  const server = await startDemoServer({ data });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const { token } = server;
  const run = (...args: string[]) =>
    runCli(['export', '--exporter', 'neptune3', ...args], { cwd, env: { NEPTUNE_API_TOKEN: token, ...env } });
  return { cwd, token, run };
}

async function succeeds(result: Promise<CliResult>): Promise<CliResult> {
  const done = await result;
  assert.equal(done.code, 0, done.stderr);
  return done;
}

async function idsIn(cwd: string, data = 'exports/data'): Promise<string[]> {
  return [...(await manifestsIn(join(cwd, data))).keys()];
}

const ALL = ['RUN-1', 'RUN-12', 'other'];

test('-p, --project-ids (many), NEPTUNE_PROJECT', async (t) => {
  const { cwd, run } = await setUp(t, { NEPTUNE_PROJECT: PROJECT });
  await succeeds(run('-c', 'parameters', '-d', 'from-env'));
  assert.deepEqual(await idsIn(cwd, 'from-env'), ALL);
  await succeeds(run('-p', 'my-org/other', '-c', 'parameters', '-d', 'short'));
  assert.deepEqual(await idsIn(cwd, 'short'), ['OTHER-1']);
  await succeeds(run('--project-ids', PROJECT, '--project-ids', 'my-org/other', '-c', 'parameters', '-d', 'many'));
  assert.deepEqual(await idsIn(cwd, 'many'), ['OTHER-1', ...ALL]);
});

test('--workspace, --project-pattern, --project-exclude-pattern (many)', async (t) => {
  const { run } = await setUp(t);
  for (const [args, names] of [
    [[], ['empty', 'my-project', 'other']],
    [
      ['--project-pattern', '^o', '--project-pattern', 'ty$'],
      ['empty', 'other'],
    ],
    [['--project-exclude-pattern', '^o', '--project-exclude-pattern', 'ty$'], ['my-project']],
    [
      ['--project-pattern', 'e', '--project-exclude-pattern', '^my'],
      ['empty', 'other'],
    ],
  ] as const) {
    const { stdout } = await succeeds(run('--workspace', 'my-org', '-c', 'parameters', '--json', ...args));
    const { projects } = JSON.parse(stdout) as { projects: string[] };
    assert.deepEqual(
      projects.toSorted(),
      names.map((name) => `my-org/${name}`),
      args.join(' '),
    );
  }
});

test('-r, --runs: a regex on sys/custom_run_id', async (t) => {
  const { cwd, run } = await setUp(t);
  for (const [index, [option, pattern, expected]] of (
    [
      ['-r', 'RUN-.*', ['RUN-1', 'RUN-12']],
      ['--runs', '^RUN-1$', ['RUN-1']],
      ['-r', 'PRJ-', []],
    ] as const
  ).entries()) {
    await succeeds(run('-p', PROJECT, option, pattern, '-c', 'parameters', '-d', `data-${index}`));
    assert.deepEqual(await idsIn(cwd, `data-${index}`), expected, pattern);
  }
});

test('-a, --attributes: one is a regex, several are exact names', async (t) => {
  const { cwd, run } = await setUp(t);
  const counts = async (data: string) => (await manifestsIn(join(cwd, data))).get('RUN-1')?.counts;
  await succeeds(run('-p', PROJECT, '-a', 'config/.*', '-d', 'regex'));
  assert.deepEqual(await counts('regex'), { float: { attributes: 1, rows: 1 }, int: { attributes: 1, rows: 1 } });
  await succeeds(run('-p', PROJECT, '--attributes', 'config/layers', '-a', 'config', '-d', 'names'));
  assert.deepEqual(await counts('names'), { int: { attributes: 1, rows: 1 } });
});

/** Types by class. */
const TYPES = {
  parameters: ['bool', 'datetime', 'float', 'int', 'string', 'string_set'],
  metrics: ['float_series'],
  series: ['histogram_series', 'string_series'],
  files: ['file', 'file_series'],
};

test('-c, --classes and --exclude: parameters, metrics, series, files', async (t) => {
  const { cwd, run } = await setUp(t);
  for (const [index, [args, expected]] of (
    [
      [['-c', 'parameters'], TYPES.parameters],
      [['--classes', 'Metrics'], TYPES.metrics],
      [['-c', 'series'], TYPES.series],
      [['-c', 'files'], TYPES.files],
      [
        ['-c', 'files', '-c', 'metrics'],
        [...TYPES.files, ...TYPES.metrics],
      ],
      [
        ['--exclude', 'files', '--exclude', 'parameters'],
        [...TYPES.metrics, ...TYPES.series],
      ],
    ] as const
  ).entries()) {
    await succeeds(run('-p', PROJECT, '-r', 'RUN-1$', ...args, '-d', `data-${index}`));
    const { counts = {} } = (await manifestsIn(join(cwd, `data-${index}`))).get('RUN-1') ?? {};
    assert.deepEqual(Object.keys(counts).sort(), expected.toSorted(), args.join(' '));
  }
});

test('--include-archived-runs, --include-metric-previews', async (t) => {
  const { cwd, run } = await setUp(t);
  await succeeds(run('-p', PROJECT, '-c', 'metrics', '-d', 'without'));
  await succeeds(
    run('-p', PROJECT, '-c', 'metrics', '--include-archived-runs', '--include-metric-previews', '-d', 'with'),
  );
  assert.deepEqual(
    [await idsIn(cwd, 'without'), await idsIn(cwd, 'with')],
    [ALL, ['RUN-1', 'RUN-12', 'RUN-old', 'other']],
  );
  const rows = async (data: string) => (await manifestsIn(join(cwd, data))).get('RUN-1')?.counts.float_series?.rows;
  assert.deepEqual([await rows('without'), await rows('with')], [5, 6]);
});

test('-d, --data-path, -f, --files-path: defaults, and folders that are made', async (t) => {
  const { cwd, run } = await setUp(t);
  for (const [args, data, files] of [
    [[], 'exports/data', 'exports/files'],
    [['-d', 'a/b/data', '-f', 'a/c/files'], 'a/b/data', 'a/c/files'],
    [['--data-path', 'x/data', '--files-path', 'y/files'], 'x/data', 'y/files'],
  ] as const) {
    await succeeds(run('-p', PROJECT, '-r', 'RUN-1$', ...args));
    assert.deepEqual(await idsIn(cwd, data), ['RUN-1']);
    const [project = ''] = await readdir(join(cwd, files));
    const paths = await readdir(join(cwd, files, project), { recursive: true });
    assert.ok(
      paths.some((path) => path.startsWith(join('RUN-1', 'files', 'notes'))),
      paths.join(),
    );
  }
});

test('--api-token wins over NEPTUNE_API_TOKEN', async (t) => {
  const { cwd, token, run } = await setUp(t, { NEPTUNE_API_TOKEN: apiToken(await deadAddress(), 'key') });
  await succeeds(run('-p', PROJECT, '--api-token', token, '-c', 'parameters'));
  assert.deepEqual(await idsIn(cwd), ALL);
});

test('-v, --verbose, --log-file, --no-progress, --concurrency', async (t) => {
  const { cwd, run } = await setUp(t);
  for (const verbose of ['-v', '--verbose']) {
    const more = [verbose, '--no-progress', '--concurrency', '1', '--log-file', `new/${verbose}/my.txt`];
    await succeeds(run('-p', PROJECT, '-c', 'parameters', ...more));
    const [log = '', ...others] = await readdir(join(cwd, 'new', verbose));
    assert.match(log, /^my_\d{8}_\d{6}\.txt$/);
    assert.deepEqual(others, []);
    assert.match(await readFile(join(cwd, 'new', verbose, log), 'utf8'), /DEBUG/);
  }
  assert.ok(!existsSync(join(cwd, 'neptune_exporter_errors.jsonl')), 'there was no error');
});

test('--error-report-file: its default, and a folder that is made', async (t) => {
  const { cwd, run } = await setUp(t, {}, dataSet(true));
  for (const [args, path] of [
    [['-d', 'one'], 'neptune_exporter_errors.jsonl'],
    [['-d', 'two', '--error-report-file', 'new/errors.jsonl'], 'new/errors.jsonl'],
  ] as const) {
    const { code, stderr } = await run('-p', PROJECT, ...args);
    assert.equal(code, 3, stderr);
    const [line = '', ...others] = (await readFile(join(cwd, path), 'utf8')).trimEnd().split('\n');
    assert.deepEqual(others, []);
    const fields = JSON.parse(line) as Record<string, unknown>;
    for (const name of ['exception', 'code', 'time', 'attempts']) assert.ok(Object.hasOwn(fields, name), name);
    const { project_id, run_id, attribute_path, attribute_type } = fields;
    assert.deepEqual([project_id, run_id, attribute_path, attribute_type], [PROJECT, 'RUN-1', 'files/notes', 'file']);
  }
});
