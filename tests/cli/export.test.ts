// `export` from the outside, against the demo server: what options select, what is said, what is left on disk.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { FaultRule } from '../../src/demo/faults.ts';
import { SAMPLE_PROJECT, sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { type CliResult, outcome, runCli, startCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

interface Report {
  runs: number;
  exported: number;
  skipped: number;
  partial: number;
  failed: number;
  points: number;
  files: number;
  bytes: number;
  projects: string[];
  errorReport: string | null;
  logFile: string | null;
}

interface RunManifest {
  runId: string;
  selection: { attributes: unknown; classes: string[]; previews: boolean };
  counts: Record<string, { attributes: number; rows: number }>;
}

async function setUp(t: TestContext, faults: FaultRule[] = []) {
  const server = await startDemoServer({ data: sampleProject(), faults });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const env = { NEPTUNE_API_TOKEN: server.token, NEPTUNE_PROJECT: SAMPLE_PROJECT };
  return { server, cwd, env, run: (...args: string[]) => runCli(['export', ...args], { cwd, env }) };
}

function reportOf({ code, stdout, stderr }: CliResult): Report {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Report;
}

async function manifests(cwd: string, data = 'exports/data'): Promise<RunManifest[]> {
  const [project = ''] = await readdir(join(cwd, data));
  const folder = join(cwd, data, project, '_runs');
  const names = await readdir(folder);
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as RunManifest));
}

test('project and token from the environment, default folders, talk on stderr, the result on stdout', async (t) => {
  const { cwd, run } = await setUp(t);
  const result = await run('--json', '--exclude', 'files');
  const report = reportOf(result);
  assert.ok(report.runs > 5 && report.exported === report.runs && report.points > 10_000);
  assert.deepEqual([report.skipped, report.partial, report.failed, report.files], [0, 0, 0, 0]);
  assert.deepEqual(report.projects, [SAMPLE_PROJECT]);
  assert.equal(report.errorReport, null);
  assert.match(result.stderr, /^The server is Neptune 3\.$/m);
  assert.match(result.stderr, /^Export finished in /m);
  const left = await readdir(cwd);
  assert.deepEqual(left.map((name) => name.replace(/\d{8}_\d{6}/, 'TIME')).sort(), [
    'exports',
    'neptune_exporter_TIME.log',
  ]);
  assert.equal(report.logFile, join(cwd, left.find((name) => name.endsWith('.log')) ?? ''));
  const [first] = await manifests(cwd);
  assert.deepEqual(first?.selection, {
    attributes: 'all',
    classes: ['metrics', 'parameters', 'series'],
    previews: false,
  });
});

test('without --json nothing is on standard output', async (t) => {
  const { run } = await setUp(t);
  const { code, stdout, stderr } = await run('--exporter', 'neptune3', '-c', 'parameters');
  assert.deepEqual([code, stdout], [0, '']);
  assert.match(stderr, /^ {2}Runs: (\d+) matched, \1 exported, 0 skipped \(there already\)$/m);
});

test('a second export skips what is there', async (t) => {
  const { run } = await setUp(t);
  const first = reportOf(await run('-c', 'parameters', '--json'));
  const second = reportOf(await run('-c', 'parameters', '--json'));
  assert.deepEqual([second.runs, second.exported, second.skipped], [first.runs, 0, first.runs]);
});

test('-r, -a, -c and the paths select and place', async (t) => {
  const { cwd, run } = await setUp(t);
  const report = reportOf(
    await run('-r', '^vit-', '-a', 'accuracy$', '-c', 'METRICS', '-d', 'here/data', '-f', 'there/files', '--json'),
  );
  const runs = await manifests(cwd, 'here/data');
  assert.equal(report.exported, runs.length);
  assert.ok(runs.length > 0 && runs.every(({ runId }) => runId.startsWith('vit-')));
  for (const { counts } of runs) assert.deepEqual(Object.keys(counts), ['float_series']);
  assert.deepEqual((await readdir(cwd)).filter((name) => !name.endsWith('.log')).sort(), ['here', 'there']);
});

test('several -a are exact names, with a warning for a regex among them', async (t) => {
  const { cwd, run } = await setUp(t);
  const { code, stderr } = await run('-r', '^vit-', '-a', 'sys/name', '-a', 'sys/id', '-a', 'sys/.*');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^warning: several -a are exact attribute names, so 'sys\/\.\*' only matches/m);
  for (const { counts } of await manifests(cwd)) assert.deepEqual(counts, { string: { attributes: 2, rows: 2 } });
});

test('archived runs come only when asked for', async (t) => {
  const { run } = await setUp(t);
  const without = reportOf(await run('-c', 'parameters', '--json'));
  const all = reportOf(await run('-c', 'parameters', '--include-archived-runs', '--json'));
  assert.equal(all.skipped, without.exported);
  assert.ok(all.exported > 0);
});

test('a workspace is searched for projects', async (t) => {
  const { cwd, server, run: _run } = await setUp(t);
  const env = { NEPTUNE_API_TOKEN: server.token };
  const run = async (...args: string[]) =>
    reportOf(await runCli(['export', '--workspace', 'demo', '-c', 'parameters', '--json', ...args], { cwd, env }));
  const all = (await run()).projects;
  assert.ok(all.length > 1 && all.includes(SAMPLE_PROJECT));
  assert.deepEqual((await run('--project-pattern', '^image-')).projects, [SAMPLE_PROJECT]);
  const others = (await run('--project-exclude-pattern', '(?i)IMAGE')).projects;
  assert.deepEqual(
    others,
    all.filter((project) => project !== SAMPLE_PROJECT),
  );
});

test('no run matches: said so, and no error', async (t) => {
  const { run } = await setUp(t);
  const { code, stderr } = await run('-r', 'no-such-run');
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^ {2}No runs match -r 'no-such-run'; archived runs are exported with --include-archived-runs\.$/m,
  );
});

test('what could not be exported is in the error report, and the exit code is 3', async (t) => {
  const { cwd, run } = await setUp(t, [{ path: '/storage/', fault: { kind: 'status', status: 404 } }]);
  const { code, stdout, stderr } = await run(
    '-r',
    '^vit-',
    '-c',
    'files',
    '--error-report-file',
    'new/errors.jsonl',
    '--json',
  );
  assert.equal(code, 3, stderr);
  const report = JSON.parse(stdout) as Report;
  assert.ok(report.partial > 0 && report.partial === report.exported);
  assert.equal(report.errorReport, join(cwd, 'new', 'errors.jsonl'));
  assert.match(stderr, /^ {2}Not exported: \d+ items, listed in .*errors\.jsonl$/m);
  const lines = (await readFile(join(cwd, 'new', 'errors.jsonl'), 'utf8')).trimEnd().split('\n');
  for (const line of lines) {
    const fields = JSON.parse(line) as Record<string, string>;
    assert.equal(fields.project_id, SAMPLE_PROJECT);
    assert.match(fields.attribute_type ?? '', /^file/);
    assert.match(fields.exception ?? '', /Error$/);
    assert.doesNotMatch(line, /[?&](?:sig|X-Goog-Signature)=/i);
  }
});

test('Ctrl-C ends cleanly with 130, and the next export completes', async (t) => {
  const { cwd, env, server, run } = await setUp(t, [
    { path: '/storage/', fault: { kind: 'slow', bytesPerSecond: 2000 } },
  ]);
  const child = startCli(['export', '-c', 'parameters', '-c', 'files', '--exporter', 'neptune3'], { cwd, env });
  const ended = outcome(child);
  // Downloads have begun when the first line of progress is there, and are too slow to end by themselves.
  await once(child.stderr, 'data');
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /^finishing, press Ctrl-C again to stop at once$/m);
  assert.match(stderr, /^error: Interrupted.*\nhint: Run the same command again/m);
  server.replaceFaults([]);
  const report = reportOf(await run('-c', 'parameters', '-c', 'files', '--json'));
  assert.equal(report.exported + report.skipped, report.runs);
  assert.equal((await manifests(cwd)).length, report.runs);
});
