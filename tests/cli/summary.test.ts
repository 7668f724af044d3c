// `summary` from the outside: as text and as JSON, of our archives and of the official exporter's, and of damaged ones.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Summary } from '../../src/archive/summary.ts';
import { summaryLines } from '../../src/cli/summary-report.ts';
import { SAMPLE_PROJECT, sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { cleanEnvironment, ROOT, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const OFFICIAL = join(ROOT, 'tests', 'fixtures', 'official');

/** An export of the sample project's parameters and metrics. */
async function archive(t: TestContext): Promise<string> {
  const server = await startDemoServer({ data: sampleProject() });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const args = ['export', '--exporter', 'neptune3', '-p', SAMPLE_PROJECT, '--api-token', server.token];
  const { code, stderr } = await runCli([...args, '--exclude', 'series'], { cwd });
  assert.equal(code, 0, stderr);
  return cwd;
}

async function jsonOf(args: string[], cwd: string): Promise<Summary> {
  const { code, stdout, stderr } = await runCli(['summary', '--json', ...args], { cwd });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Summary;
}

test('text and JSON tell the same', async (t) => {
  const cwd = await archive(t);
  const json = await jsonOf([], cwd);
  const [project] = json.projects;
  assert.ok(project !== undefined && project.runs > 5 && project.records > 10_000 && project.files.count > 10);
  assert.equal(project.files.missing, 0);
  const { code, stdout, stderr } = await runCli(['summary'], { cwd });
  assert.deepEqual([code, stderr], [0, '']);
  const number = (value: number) => value.toLocaleString('en-US');
  assert.match(stdout, new RegExp(`^Archive ${join(cwd, 'exports', 'data')}\n\n${SAMPLE_PROJECT}\n`));
  assert.match(stdout, new RegExp(`^ {2}Runs {5}${number(project.runs)}$`, 'm'));
  assert.match(stdout, new RegExp(`^ {2}Records {2}${number(project.records)}$`, 'm'));
  assert.match(
    stdout,
    new RegExp(
      `^ {2}float_series +${project.types.float_series?.attributes} +${number(project.types.float_series?.rows ?? 0)}$`,
      'm',
    ),
  );
  for (const { runId } of project.biggestRuns) assert.ok(stdout.includes(`\n  ${runId} `));
});

test('-p and -r narrow it down', async (t) => {
  const cwd = await archive(t);
  const whole = await jsonOf(['-p', SAMPLE_PROJECT], cwd);
  const [{ runId = '' } = {}] = whole.projects[0]?.biggestRuns ?? [];
  const one = await jsonOf(['-r', runId], cwd);
  assert.equal(one.totals.runs, 1);
  const unknown = await runCli(['summary', '-r', 'no-such-run'], { cwd });
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^error: .*no-such-run/m);
});

test('a damaged run is named and the exit code is 3', async (t) => {
  const cwd = await archive(t);
  const [folder = ''] = await readdir(join(cwd, 'exports', 'data'));
  const names = await readdir(join(cwd, 'exports', 'data', folder));
  const part = names.find((name) => name.endsWith('_part_0.parquet')) ?? '';
  await truncate(join(cwd, 'exports', 'data', folder, part), 1000);
  const { code, stdout } = await runCli(['summary'], { cwd });
  assert.equal(code, 3);
  assert.match(stdout, new RegExp(`Damaged runs:\n +${part.replace('_part_0.parquet', '')}: `));
});

test('an archive of the official exporter', async (t) => {
  const cwd = await tempFolder(t);
  await cp(OFFICIAL, join(cwd, 'official'), { recursive: true });
  const json = await jsonOf(['-d', join('official', 'data')], cwd);
  assert.ok(json.totals.runs > 0);
  assert.equal(json.totals.unverifiedRuns, json.totals.runs);
  const { code, stdout } = await runCli(['summary', '-d', join('official', 'data')], { cwd });
  assert.equal(code, 0);
  assert.match(stdout, /unverified, as they have no manifest/);
});

test('a reader that goes away early is no error', async (t) => {
  const cwd = await archive(t);
  const program = join(ROOT, 'tests', 'helpers', 'run-source.ts');
  const shell = `'${process.execPath}' '${program}' summary --json; echo "code $?" >&2`;
  const child = spawn('sh', ['-c', `(${shell}) | true`], {
    cwd,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await new Promise((resolve) => child.on('close', resolve));
  assert.equal(stderr, 'code 0\n');
});

test('names of others cannot command the terminal, and long lists are cut', () => {
  const project = {
    projectId: 'team/\x1b[31mred\nline',
    directory: '/x',
    runs: 12,
    partialRuns: 12,
    unverifiedRuns: 0,
    damagedRuns: 0,
    records: 1,
    parquet: { files: 1, bytes: 1 },
    files: { count: 2, bytes: null, missing: 1 },
    types: {},
    steps: { least: '-0.500000', greatest: '100.000000' },
    times: null,
    biggestRuns: [],
    partial: Array.from({ length: 12 }, (_, index) => `RUN-${index}`),
    damaged: [],
  };
  const lines = summaryLines({ dataPath: '/x', totals: { ...project, projects: 1 }, projects: [project] });
  assert.ok(lines.includes('team/\ufffd[31mred line'));
  assert.ok(lines.includes('  Steps    -0.5 to 100'));
  assert.ok(lines.includes('  Times    none'));
  assert.ok(lines.includes('  Files    2 downloaded files, size unknown, and 1 missing'));
  assert.ok(lines.includes('    RUN-9') && !lines.includes('    RUN-10') && lines.includes('    and 2 more'));
});
