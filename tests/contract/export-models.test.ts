// Every option of `export-models` does what the command line's contract says, against a Neptune 2 server.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Manifest } from '../../src/archive/types.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { manifestsIn } from '../helpers/archive-folder.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { BIG_FILE, DAY, neptune2Data, START } from '../helpers/neptune2-data.ts';
import { apiToken, deadAddress } from '../helpers/server.ts';
import { tempFolder } from '../helpers/temp.ts';

const PROJECT = 'my-org/my-project';

interface Shell {
  cwd: string;
  token: string;
  run(...args: string[]): Promise<CliResult>;
}

/** The environment has the token, but names no project. */
async function setUp(t: TestContext, env: Record<string, string> = {}): Promise<Shell> {
  const server = await startNeptune2DemoServer({ data: neptune2Data() });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const { token } = server;
  const run = (...args: string[]) =>
    runCli(['export-models', ...args], { cwd, env: { NEPTUNE_API_TOKEN: token, ...env } });
  return { cwd, token, run };
}

async function succeeds(result: Promise<CliResult>): Promise<CliResult> {
  const done = await result;
  assert.equal(done.code, 0, done.stderr);
  return done;
}

/** Ids of models and of versions, as they are on disk. */
async function idsIn(cwd: string, data = 'exports/model_data'): Promise<[models: string[], versions: string[]]> {
  const ids = async (scope: Manifest['scope']) => [...(await manifestsIn(join(cwd, data), scope)).keys()];
  assert.deepEqual(await ids(undefined), [], 'only runs have no scope');
  return [await ids('models'), await ids('model_versions')];
}

async function oneModel(cwd: string): Promise<Manifest> {
  const manifest = (await manifestsIn(join(cwd, 'exports/model_data'), 'models')).get('PRJ-A');
  assert.ok(manifest);
  return manifest;
}

const ALL: [string[], string[]] = [
  ['PRJ-A', 'PRJ-B'],
  ['PRJ-A-1', 'PRJ-A-2', 'PRJ-B-1'],
];

test('-p, --project-ids (many), NEPTUNE_PROJECT', async (t) => {
  const { cwd, run } = await setUp(t, { NEPTUNE_PROJECT: PROJECT });
  await succeeds(run('-d', 'from-env'));
  assert.deepEqual(await idsIn(cwd, 'from-env'), ALL);
  await succeeds(run('-p', 'my-org/other', '-d', 'short'));
  assert.deepEqual(await idsIn(cwd, 'short'), [['OTH-M'], []]);
  await succeeds(run('--project-ids', 'my-org/other', '--project-ids', PROJECT, '-d', 'many'));
  assert.deepEqual(await idsIn(cwd, 'many'), [['OTH-M', ...ALL[0]], ALL[1]]);
});

test('--workspace, --project-pattern, --project-exclude-pattern', async (t) => {
  const { cwd, run } = await setUp(t);
  const { stdout } = await succeeds(run('--workspace', 'my-org', '-d', 'all', '--json'));
  const { projects } = JSON.parse(stdout) as { projects: string[] };
  assert.deepEqual(projects.toSorted(), ['my-org/empty', 'my-org/my-project', 'my-org/other']);
  assert.deepEqual(await idsIn(cwd, 'all'), [['OTH-M', ...ALL[0]], ALL[1]]);
  await succeeds(run('--workspace', 'my-org', '--project-pattern', '^o', '--project-pattern', '^emp', '-d', 'some'));
  assert.deepEqual(await idsIn(cwd, 'some'), [['OTH-M'], []]);
  await succeeds(run('--workspace', 'my-org', '--project-exclude-pattern', '^(?!my)', '-d', 'others'));
  assert.deepEqual(await idsIn(cwd, 'others'), ALL);
});

test('-q, --models-query: NQL on models; an OR of the user lets no trash through', async (t) => {
  const { cwd, run } = await setUp(t);
  await succeeds(run('-p', PROJECT, '-q', '`sys/id`:string = "PRJ-B"', '-d', 'one'));
  assert.deepEqual(await idsIn(cwd, 'one'), [['PRJ-B'], ['PRJ-B-1']]);
  const query = '`sys/id`:string = "PRJ-A" OR `sys/id`:string = "PRJ-OLD"';
  await succeeds(run('-p', PROJECT, '--models-query', query, '-d', 'two'));
  assert.deepEqual(await idsIn(cwd, 'two'), [['PRJ-A'], ['PRJ-A-1', 'PRJ-A-2']]);
});

test('-a, --attributes: one is a regex, several are exact names', async (t) => {
  const { cwd, run } = await setUp(t);
  await succeeds(run('-p', PROJECT, '-a', 's/(acc|lo)', '-d', 'regex'));
  for (const manifest of (await manifestsIn(join(cwd, 'regex'), 'models')).values()) {
    assert.deepEqual(manifest.counts, { float_series: { attributes: 2, rows: 6 } });
  }
  const several = await succeeds(
    run('-p', PROJECT, '-a', 'sys/id', '--attributes', 'config/layers', '-a', 'metrics/.*'),
  );
  assert.match(several.stderr, /^warning: several -a are exact attribute names, so 'metrics\/\.\*' only matches/m);
  assert.deepEqual((await oneModel(cwd)).counts, {
    int: { attributes: 1, rows: 1 },
    string: { attributes: 1, rows: 1 },
  });
});

/** Types of the data set by class. */
const TYPES = {
  parameters: ['bool', 'datetime', 'float', 'int', 'string', 'string_set'],
  metrics: ['float_series'],
  series: ['string_series'],
  files: ['file', 'file_set'],
};

test('-c, --classes and --exclude, in any case of letters', async (t) => {
  const { cwd, run } = await setUp(t);
  for (const [index, [args, expected]] of (
    [
      [['-c', 'Parameters'], TYPES.parameters],
      [
        ['--classes', 'metrics', '-c', 'series'],
        [...TYPES.metrics, ...TYPES.series],
      ],
      [['-c', 'files'], TYPES.files],
      [
        ['--exclude', 'files', '--exclude', 'METRICS'],
        [...TYPES.parameters, ...TYPES.series],
      ],
    ] as const
  ).entries()) {
    await succeeds(run('-p', PROJECT, ...args, '-d', `data-${index}`));
    for (const scope of ['models', 'model_versions'] as const) {
      for (const { counts } of (await manifestsIn(join(cwd, `data-${index}`), scope)).values()) {
        assert.deepEqual(Object.keys(counts).sort(), expected.toSorted());
      }
    }
  }
});

test('--include-archived-models', async (t) => {
  const { cwd, run } = await setUp(t);
  await succeeds(run('-p', PROJECT, '--include-archived-models'));
  assert.deepEqual(await idsIn(cwd), [
    ['PRJ-A', 'PRJ-B', 'PRJ-OLD'],
    ['PRJ-A-1', 'PRJ-A-2', 'PRJ-A-3', 'PRJ-B-1', 'PRJ-OLD-1'],
  ]);
});

test('-d, --data-path, -f, --files-path and their defaults', async (t) => {
  const { cwd, run } = await setUp(t);
  await succeeds(run('-p', PROJECT));
  assert.deepEqual(await idsIn(cwd), ALL);
  const [project = ''] = await readdir(join(cwd, 'exports/model_files'));
  const notes = join(project, 'models', 'PRJ-B', 'files', 'notes');
  assert.equal(await readFile(join(cwd, 'exports/model_files', notes), 'utf8'), 'notes of PRJ-B');
  await succeeds(run('-p', PROJECT, '--data-path', 'new/data', '--files-path', 'new/files'));
  assert.deepEqual(await idsIn(cwd, 'new/data'), ALL);
  assert.equal(await readFile(join(cwd, 'new/files', notes), 'utf8'), 'notes of PRJ-B');
});

test('--api-token wins over NEPTUNE_API_TOKEN', async (t) => {
  const { cwd, token, run } = await setUp(t, { NEPTUNE_API_TOKEN: apiToken(await deadAddress(), 'key') });
  await succeeds(run('-p', PROJECT, '--api-token', token, '-c', 'parameters'));
  assert.deepEqual(await idsIn(cwd), ALL);
});

test('--created-*, --modified-*: of the models; their versions come with them', async (t) => {
  const { cwd, run } = await setUp(t);
  const day = (days: number) => new Date(START + days * DAY).toISOString();
  for (const [index, [args, model]] of (
    [
      [['--created-after', day(5)], 'PRJ-B'],
      [['--created-before', day(5)], 'PRJ-A'],
      [['--modified-after', day(5.5)], 'PRJ-B'],
      [['--modified-before', day(5.5)], 'PRJ-A'],
      [['--created-after', day(0), '--modified-before', '2022-05-02'], 'PRJ-A'],
    ] as const
  ).entries()) {
    await succeeds(run('-p', PROJECT, ...args, '-c', 'parameters', '-d', `data-${index}`));
    const versions = ALL[1].filter((id) => id.startsWith(model));
    assert.deepEqual(await idsIn(cwd, `data-${index}`), [[model], versions], args.join(' '));
  }
});

test('--exclude-attributes (many)', async (t) => {
  const { cwd, run } = await setUp(t);
  const excluded = ['^monitoring/', '^sys/(?!id$)'];
  await succeeds(run('-p', PROJECT, ...excluded.flatMap((regex) => ['--exclude-attributes', regex])));
  const { counts, selection } = await oneModel(cwd);
  assert.deepEqual(counts.float_series, { attributes: 2, rows: 6 });
  assert.deepEqual(counts.string, { attributes: 1, rows: 1 });
  assert.equal(counts.datetime, undefined);
  assert.deepEqual(selection.excluded?.toSorted(), excluded.toSorted());
});

test('--max-file-size: models and versions are whole, the report and the manifests tell', async (t) => {
  const { cwd, run } = await setUp(t);
  const { stderr } = await succeeds(run('-p', PROJECT, '--max-file-size', '100kB'));
  assert.match(stderr, /^ {2}Left out for --max-file-size: 5 files, 1\.5 MB; the manifests list them$/m);
  const { status, skippedFiles } = await oneModel(cwd);
  assert.equal(status, 'complete');
  assert.deepEqual(
    skippedFiles?.map(({ attributePath, bytes }) => [attributePath, bytes]),
    [['files/weights', BIG_FILE]],
  );
});

test('-v, --verbose, --log-file, --error-report-file, --no-progress, --concurrency', async (t) => {
  const { cwd, run } = await setUp(t);
  const paths = ['--log-file', 'new/log/my.txt', '--error-report-file', 'new/errors.jsonl'];
  await succeeds(run('-p', PROJECT, '-v', '--no-progress', '--concurrency', '2', ...paths));
  const [log = '', ...others] = await readdir(join(cwd, 'new/log'));
  assert.match(log, /^my_\d{8}_\d{6}\.txt$/);
  assert.deepEqual(others, []);
  assert.match(await readFile(join(cwd, 'new/log', log), 'utf8'), /DEBUG/);
  assert.ok(!existsSync(join(cwd, 'new/errors.jsonl')), 'there was no error');
});
