// The ways to select that `export` adds, from the outside: ids from a file, times, excluded attributes, sizes of files.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Manifest } from '../../src/archive/types.ts';
import { SAMPLE_PROJECT, sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { type CliResult, cleanEnvironment, outcome, PROGRAM, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

interface Report {
  runs: number;
  exported: number;
  skipped: number;
  failed: number;
  skippedFiles: number;
  skippedBytes: number;
  errorReport: string | null;
}

async function setUp(t: TestContext) {
  const server = await startDemoServer({ data: sampleProject() });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const env = { NEPTUNE_API_TOKEN: server.token, NEPTUNE_PROJECT: SAMPLE_PROJECT };
  const run = (...args: string[]) => runCli(['export', '--exporter', 'neptune3', '--json', ...args], { cwd, env });
  return { server, cwd, env, run };
}

function reportOf({ code, stdout, stderr }: CliResult, expected = 0): Report {
  assert.equal(code, expected, stderr);
  return JSON.parse(stdout) as Report;
}

async function manifests(cwd: string, data: string): Promise<Manifest[]> {
  const [project = ''] = await readdir(join(cwd, data));
  const folder = join(cwd, data, project, '_runs');
  const names = await readdir(folder);
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Manifest));
}

async function runIds(cwd: string, data: string): Promise<string[]> {
  return (await manifests(cwd, data)).map(({ runId }) => runId).sort();
}

/** Creation and modification times of the sample's runs by run id, ms. */
function sampleTimes(): { runId: string; created: number; modified: number; archived: boolean }[] {
  const runs = sampleProject().projects.find(({ path }) => path === SAMPLE_PROJECT)?.runs ?? [];
  return runs.map(({ attributes }) => {
    const value = (name: string) => {
      const attribute = attributes.get(name);
      return attribute !== undefined && 'value' in attribute ? attribute.value : undefined;
    };
    return {
      runId: String(value('sys/custom_run_id')),
      created: Number(value('sys/creation_time')),
      modified: Number(value('sys/modification_time')),
      archived: value('sys/archived') === true,
    };
  });
}

test('--runs-file: these runs, looked up by their ids', async (t) => {
  const { cwd, run } = await setUp(t);
  await writeFile(join(cwd, 'ids.txt'), '\ufeffvit-small-1\r\n\r\nsmoke-test\r\nvit-small-1\r\n');
  const report = reportOf(await run('--runs-file', 'ids.txt', '-c', 'parameters'));
  assert.deepEqual([report.runs, report.exported], [2, 2]);
  assert.deepEqual(await runIds(cwd, 'exports/data'), ['smoke-test', 'vit-small-1']);
});

test('--runs-file -: ids from standard input', async (t) => {
  const { cwd, env } = await setUp(t);
  const args = [PROGRAM, 'export', '--exporter', 'neptune3', '--runs-file', '-', '-c', 'parameters', '--json'];
  const child = spawn(process.execPath, args, { cwd, env: cleanEnvironment(env), stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = outcome(child);
  child.stdin.end('vit-small-1-mixup\n');
  assert.equal(reportOf(await ended).exported, 1);
  assert.deepEqual(await runIds(cwd, 'exports/data'), ['vit-small-1-mixup']);
});

test('--runs-file: an id that is nowhere is told, the others are exported', async (t) => {
  const { cwd, run } = await setUp(t);
  await writeFile(join(cwd, 'ids.txt'), 'smoke-test\nno-such-run\n');
  const result = await run('--runs-file', 'ids.txt', '-c', 'parameters');
  const report = reportOf(result, 3);
  assert.deepEqual([report.exported, report.failed], [1, 1]);
  assert.match(result.stderr, /^ {2}Runs: 1 matched, 1 exported, 0 skipped \(there already\), 1 failed$/m);
  const [line = '', ...others] = (await readFile(report.errorReport ?? '', 'utf8')).trimEnd().split('\n');
  assert.deepEqual(others, []);
  const { run_id, code } = JSON.parse(line) as Record<string, string>;
  assert.deepEqual([run_id, code], ['no-such-run', 'not_found']);
});

test('--created-* and --modified-*: from the first moment on, up to but not including the second', async (t) => {
  const { cwd, run } = await setUp(t);
  const all = sampleTimes().filter(({ archived }) => !archived);
  const iso = (ms: number) => new Date(ms).toISOString();
  for (const field of ['created', 'modified'] as const) {
    const sorted = all.map((one) => one[field]).sort((a, b) => a - b);
    const [after = 0, before = 0] = [sorted[2], sorted[6]];
    const data = `data-${field}`;
    reportOf(
      await run(`--${field}-after`, iso(after), `--${field}-before`, iso(before), '-c', 'parameters', '-d', data),
    );
    const expected = all.filter((one) => one[field] >= after && one[field] < before).map(({ runId }) => runId);
    assert.equal(expected.length, 4);
    assert.deepEqual(await runIds(cwd, data), expected.sort());
  }
});

test('a time without a zone is UTC, and an offset counts', async (t) => {
  const { cwd, env } = await setUp(t);
  const created = sampleTimes().find(({ runId }) => runId === 'smoke-test')?.created ?? 0;
  // The machine's own zone is no matter.
  const run = (...args: string[]) =>
    runCli(['export', '--json', '-c', 'parameters', ...args], { cwd, env: { ...env, TZ: 'Asia/Tokyo' } });
  const utc = new Date(created).toISOString().slice(0, -1);
  const inIndia = `${new Date(created + 5.5 * 3_600_000).toISOString().slice(0, -1)}+05:30`;
  for (const [index, time] of [utc, inIndia].entries()) {
    const data = `data-${index}`;
    reportOf(await run('--created-after', time, '-d', data));
    assert.deepEqual(await runIds(cwd, data), ['smoke-test']);
  }
});

test('no run of that time: said so, and no error', async (t) => {
  const { run } = await setUp(t);
  const result = await run('--created-after', '2031-01-01', '-r', 'vit');
  assert.equal(reportOf(result).runs, 0);
  assert.match(result.stderr, /^ {2}No runs match -r 'vit' and --created-after; archived runs are exported with /m);
});

test('--exclude-attributes: what matches one of the regexes anywhere is left out, and the manifest says so', async (t) => {
  const { cwd, run } = await setUp(t);
  const excluded = ['^(sys|config)/', 'LOSS$|(?i)Accuracy'];
  const args = excluded.flatMap((pattern) => ['--exclude-attributes', pattern]);
  const bad = await run('-r', '^vit-small-1$', ...args);
  assert.equal(bad.code, 2, 'flags in the middle are an error in Python, too');
  reportOf(
    await run('-r', '^vit-small-1$', '--exclude-attributes', '^(sys|config)/', '--exclude-attributes', '(?i)ACC'),
  );
  reportOf(await run('-r', '^vit-small-1$', '-d', 'whole'));
  const [narrow] = await manifests(cwd, 'exports/data');
  const [whole] = await manifests(cwd, 'whole');
  assert.deepEqual(narrow?.selection.excluded?.toSorted(), ['(?i)ACC', '^(sys|config)/']);
  const count = (manifest: Manifest | undefined, type: 'float_series' | 'float' | 'file') =>
    manifest?.counts[type]?.attributes ?? 0;
  assert.ok(count(narrow, 'float_series') < count(whole, 'float_series') && count(narrow, 'float_series') > 0);
  assert.equal(count(narrow, 'float'), 0);
  assert.equal(count(narrow, 'file'), count(whole, 'file'));
});

test('--max-file-size: larger files are left out, counted and listed, and nothing is partial', async (t) => {
  const { cwd, run } = await setUp(t);
  const result = await run('-r', '^vit-small-1$', '-c', 'files', '--max-file-size', '1MiB');
  const report = reportOf(result);
  assert.equal(report.skippedFiles, 1);
  const [manifest] = await manifests(cwd, 'exports/data');
  assert.equal(manifest?.status, 'complete');
  assert.equal(manifest?.selection.maxFileSize, 1_048_576);
  assert.deepEqual(
    manifest?.skippedFiles?.map(({ attributePath, bytes }) => [attributePath, bytes]),
    [['files/checkpoint', report.skippedBytes]],
  );
  assert.ok(report.skippedBytes > 2_000_000);
  assert.match(result.stderr, /^ {2}Left out for --max-file-size: 1 file, 2\.1 MB; the manifests list them$/m);
  const all = reportOf(await run('-r', '^vit-small-1$', '-c', 'files', '--max-file-size', '0', '-d', 'none'));
  const [none] = await manifests(cwd, 'none');
  assert.equal(none?.skippedFiles?.length, all.skippedFiles);
  assert.ok(all.skippedFiles > 5);
});

test('without --max-file-size what it left out is fetched, and a narrower selection changes nothing', async (t) => {
  const { run } = await setUp(t);
  reportOf(await run('-r', '^vit-small-1$', '-c', 'files', '--max-file-size', '1MiB'));
  const again = await run('-r', '^vit-small-1$', '-c', 'files');
  assert.equal(reportOf(again).exported, 1);
  assert.equal(reportOf(await run('-r', '^vit-small-1$', '-c', 'files', '--max-file-size', '1MiB')).skipped, 1);
});

test('-q on a server that turns out to be Neptune 3 is a wrong use', async (t) => {
  const { cwd, env } = await setUp(t);
  const { code, stderr } = await runCli(['export', '-q', '`sys/id`:string = "IMG-1"'], { cwd, env });
  assert.equal(code, 2, stderr);
  assert.match(
    stderr,
    /^The server is Neptune 3\.\nerror: -q \(--runs-query\) is for Neptune 2 only.*\nhint: Use -r,/m,
  );
});
