// The options of `export` that select, against a Neptune 2 server: those of the contract, and how they are matched there.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { seriesOf } from '../../src/demo/dataset.ts';
import { attribute2, contentOf, type DemoAttribute2 } from '../../src/demo/neptune2/dataset.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { manifestsIn } from '../helpers/archive-folder.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { BIG_FILE, DAY, neptune2Data, START } from '../helpers/neptune2-data.ts';
import { tempFolder } from '../helpers/temp.ts';
import * as commands from './commands.ts';

async function setUp(t: TestContext, data = neptune2Data()) {
  const server = await startNeptune2DemoServer({ data });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const env = { NEPTUNE_API_TOKEN: server.token };
  const bare = (...args: string[]) => runCli(['export', ...args], { cwd, env });
  const run = (...args: string[]) =>
    bare('--exporter', 'neptune2', '-p', 'my-org/my-project', '-c', 'parameters', ...args);
  return { server, cwd, bare, run };
}

async function succeeds(result: Promise<CliResult>): Promise<CliResult> {
  const done = await result;
  assert.equal(done.code, 0, done.stderr);
  return done;
}

async function idsIn(cwd: string, data = 'exports/data'): Promise<string[]> {
  return [...(await manifestsIn(join(cwd, data))).keys()];
}

test('the example of the first version: data and files in two places', async (t) => {
  const { cwd, bare } = await setUp(t);
  const example = commands.EXPORT_NEPTUNE2.replace('uv run neptune-exporter export ', '');
  // Nobody's project is named like that, and /mnt is not ours.
  const args = example
    .replaceAll('"', '')
    .replace('workspace/proj', 'my-org/my-project')
    .replaceAll('/mnt/', join(cwd, 'mnt/'))
    .split(' ');
  await succeeds(bare(...args));
  const runs = await manifestsIn(join(cwd, 'mnt/fast/exports/data'));
  assert.deepEqual([...runs.keys()], ['PRJ-1', 'PRJ-12', 'PRJ-2', 'PRJ-3']);
  for (const { status, files } of runs.values()) assert.deepEqual([status, files.length], ['complete', 3]);
});

test('without --exporter the server is asked, and the answer is told', async (t) => {
  const { cwd, bare } = await setUp(t);
  const { stderr } = await succeeds(bare('-p', 'my-org/other', '-c', 'parameters'));
  assert.match(stderr, /^The server is Neptune 2\.$/m);
  assert.deepEqual(await idsIn(cwd), ['OTH-1']);
});

test("-r, --runs: a regex from the beginning of the id, as Python's re.match", async (t) => {
  const { cwd, run } = await setUp(t);
  for (const [index, [pattern, expected]] of (
    [
      ['PRJ-1', ['PRJ-1', 'PRJ-12']],
      ['PRJ-1$', ['PRJ-1']],
      ['1', []],
      ['.*-[23]', ['PRJ-2', 'PRJ-3']],
      ['(?i)prj-3|PRJ-2', ['PRJ-2', 'PRJ-3']],
    ] as const
  ).entries()) {
    await succeeds(run('-r', pattern, '-d', `data-${index}`));
    assert.deepEqual(await idsIn(cwd, `data-${index}`), expected, pattern);
  }
});

test('a regex that only another dialect knows is refused, also where the server was asked', async (t) => {
  const { bare } = await setUp(t);
  for (const option of ['-r', '-a']) {
    const { code, stderr } = await bare('-p', 'my-org/my-project', option, '(?>PRJ)');
    assert.equal(code, 2, stderr);
    assert.match(stderr, new RegExp(`^The server is Neptune 2\\.\nerror: .* of ${option} .* is not valid: `));
  }
});

test('-q, --runs-query: NQL; an OR of the user lets no trash through', async (t) => {
  const { cwd, run } = await setUp(t);
  await succeeds(run('-q', '`sys/tags`:stringSet CONTAINS "last"', '-d', 'one'));
  assert.deepEqual(await idsIn(cwd, 'one'), ['PRJ-3']);
  const either = '`sys/id`:string = "PRJ-2" OR `sys/tags`:stringSet CONTAINS "best"';
  await succeeds(run('--runs-query', either, '-d', 'or'));
  assert.deepEqual(await idsIn(cwd, 'or'), ['PRJ-1', 'PRJ-2', 'PRJ-3']);
  await succeeds(run('-q', either, '-r', 'PRJ-[14]', '--include-archived-runs', '-d', 'both'));
  assert.deepEqual(await idsIn(cwd, 'both'), ['PRJ-1', 'PRJ-4']);
});

test('a query that the server cannot read is a wrong use', async (t) => {
  const { run } = await setUp(t);
  const { code, stderr } = await run('-q', 'no query at all');
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^error: .*query.*\nhint: /m);
});

test('--include-archived-runs', async (t) => {
  const { cwd, run } = await setUp(t);
  await succeeds(run('--include-archived-runs'));
  assert.deepEqual(await idsIn(cwd), ['PRJ-1', 'PRJ-12', 'PRJ-2', 'PRJ-3', 'PRJ-4']);
});

test('--include-metric-previews: there are none, which is said', async (t) => {
  const { cwd, run } = await setUp(t);
  const { stderr } = await succeeds(run('-r', 'PRJ-2', '--include-metric-previews'));
  assert.match(stderr, /^warning: Neptune 2 has no metric previews: --include-metric-previews changes nothing$/m);
  assert.equal((await manifestsIn(join(cwd, 'exports/data'))).get('PRJ-2')?.selection.previews, false);
});

test('--workspace with patterns', async (t) => {
  const { cwd, bare } = await setUp(t);
  await succeeds(
    bare('--workspace', 'my-org', '--project-exclude-pattern', '^(my-project|empty)$', '-c', 'parameters'),
  );
  assert.deepEqual(await idsIn(cwd), ['OTH-1']);
});

test('--runs-file: looked up, not listed; with an id that is nowhere', async (t) => {
  const { cwd, server, run } = await setUp(t);
  await writeFile(join(cwd, 'ids.txt'), 'PRJ-12\nPRJ-2\n');
  await succeeds(run('--runs-file', 'ids.txt', '-d', 'two'));
  assert.deepEqual(await idsIn(cwd, 'two'), ['PRJ-12', 'PRJ-2']);
  assert.equal(server.counts.get('searchLeaderboardEntries 200') ?? 0, 1);
  await writeFile(join(cwd, 'ids.txt'), 'PRJ-1\nPRJ-4\nPRJ-99\n');
  const { code, stderr } = await run('--runs-file', 'ids.txt', '-d', 'missing');
  assert.equal(code, 3);
  assert.match(stderr, /^ {2}Runs: 1 matched, 1 exported, 0 skipped \(there already\), 2 failed$/m);
  assert.match(stderr, /'PRJ-99'/);
  assert.deepEqual(await idsIn(cwd, 'missing'), ['PRJ-1']);
});

test('--created-*, --modified-*', async (t) => {
  const { cwd, run } = await setUp(t);
  const day = (days: number) => new Date(START + days * DAY).toISOString();
  await succeeds(run('--created-after', day(1), '--created-before', day(9), '-d', 'created'));
  assert.deepEqual(await idsIn(cwd, 'created'), ['PRJ-2', 'PRJ-3']);
  await succeeds(run('--modified-after', day(1.5), '--modified-before', day(2.5), '-d', 'modified'));
  assert.deepEqual(await idsIn(cwd, 'modified'), ['PRJ-2']);
});

test('--exclude-attributes and --max-file-size', async (t) => {
  const { cwd, bare } = await setUp(t);
  const select = ['--exclude-attributes', '^monitoring/', '--max-file-size', '1KiB'];
  const { stderr } = await succeeds(bare('-p', 'my-org/my-project', '-r', 'PRJ-2', ...select));
  assert.match(stderr, /^ {2}Left out for --max-file-size: 1 file, 300 kB; the manifests list them$/m);
  const manifest = (await manifestsIn(join(cwd, 'exports/data'))).get('PRJ-2');
  assert.deepEqual(manifest?.counts.float_series, { attributes: 2, rows: 6 });
  assert.deepEqual(
    manifest?.skippedFiles?.map(({ attributePath, bytes }) => [attributePath, bytes]),
    [['files/weights', BIG_FILE]],
  );
  assert.equal(manifest?.status, 'complete');
});

test('a project without runs is no error', async (t) => {
  const { bare } = await setUp(t);
  const { stderr } = await succeeds(bare('-p', 'my-org/empty', '--exporter', 'neptune2'));
  assert.match(stderr, /^ {2}No runs in the project; archived runs are exported with --include-archived-runs\.$/m);
});

test('-c and --exclude: files are also sets of files and artifacts, series of images are files', async (t) => {
  const data = neptune2Data();
  const attributes = new Map<string, DemoAttribute2>([
    ...data.projects[0]!.runs[0]!.attributes,
    ['data/set', { type: 'artifact', artifact: { hash: 'a'.repeat(64), files: [] } }],
    ['images', attribute2.images(seriesOf([[0, START, { mimeType: 'image/png', ...contentOf('an image') }]]))],
  ]);
  data.projects[0]!.runs = [{ attributes }];
  const { cwd, bare } = await setUp(t, data);
  const parameters = ['bool', 'datetime', 'float', 'int', 'string', 'string_set'];
  const files = ['artifact', 'file', 'file_series', 'file_set'];
  for (const [index, [args, expected]] of (
    [
      [['-c', 'parameters'], parameters],
      [['-c', 'metrics'], ['float_series']],
      [['--classes', 'series'], ['string_series']],
      [['-c', 'files'], files],
      [
        ['--exclude', 'metrics', '--exclude', 'series'],
        [...files, ...parameters],
      ],
    ] as const
  ).entries()) {
    await succeeds(bare('--exporter', 'neptune2', '-p', 'my-org/my-project', ...args, '-d', `data-${index}`));
    const { counts = {} } = (await manifestsIn(join(cwd, `data-${index}`))).get('PRJ-1') ?? {};
    assert.deepEqual(Object.keys(counts).sort(), expected.toSorted(), args.join(' '));
  }
});
