// `summary` from the outside: as text and as JSON, of our archives and of the official exporter's, and of damaged ones.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Summary } from '../../src/archive/summary.ts';
import { summaryLines } from '../../src/cli/summary-report.ts';
import { SAMPLE_PROJECT, sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { cleanEnvironment, ROOT, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const OFFICIAL = join(ROOT, 'tests', 'fixtures', 'official');
const OFFICIAL_MODELS = join(ROOT, 'tests', 'fixtures', 'official-models');

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
  const runs = number(project.runs);
  assert.match(stdout, new RegExp(`^ {2}Runs {5}${runs} \\(${runs} with a selection of their attributes\\)$`, 'm'));
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

test("a lost run is told with exit code 3, and doesn't hold up another project", async (t) => {
  const cwd = await archive(t);
  const exports = join(cwd, 'exports');
  await cp(join(OFFICIAL, 'data'), join(exports, 'data'), { recursive: true });
  await cp(join(OFFICIAL, 'files'), join(exports, 'files'), { recursive: true });
  const { projects } = await jsonOf([], cwd);
  const sample = projects.find(({ projectId }) => projectId === SAMPLE_PROJECT)!;
  const official = projects.find((project) => project !== sample)!;
  const manifests = await readdir(join(sample.directory, '_runs'));
  const [lost = ''] = manifests.filter((name) => name.endsWith('.json'));
  await rm(join(sample.directory, lost.replace('.json', '_part_0.parquet')));
  const gone = await runCli(['summary'], { cwd });
  assert.equal(gone.code, 3);
  assert.match(gone.stdout, new RegExp(`Damaged runs:\n +${lost.replace('.json', '')}: .*part_0.* missing`));
  const names = await readdir(sample.directory);
  for (const name of names) if (name.endsWith('_part_0.parquet')) await truncate(join(sample.directory, name), 9);
  const other = await runCli(['summary', '-p', official.projectId], { cwd });
  assert.deepEqual([other.code, other.stderr], [0, '']);
  assert.match((await runCli(['summary', '-p', SAMPLE_PROJECT], { cwd })).stdout, /Runs +0, and \d+ damaged/);
});

test('a cut download is told with exit code 3; without a folder of files nothing is looked up', async (t) => {
  const cwd = await archive(t);
  const files = join(cwd, 'exports', 'files');
  const entries = await readdir(files, { recursive: true, withFileTypes: true });
  const [file] = entries.filter((entry) => entry.isFile());
  await truncate(join(file!.parentPath, file!.name), 1);
  const { code, stdout } = await runCli(['summary'], { cwd });
  assert.equal(code, 3);
  assert.match(stdout, /Files .*, and 1 lost or of another size$/m);
  assert.match(stdout, new RegExp(`lost or of another size:\n.*: 1 file, e.g. .*${file!.name} has 1 B instead of `));
  await rm(files, { recursive: true });
  const unknown = await runCli(['summary'], { cwd });
  assert.equal(unknown.code, 0);
  assert.match(unknown.stdout, /Files .*not looked up, as there is no folder of files$/m);
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

type WithModels = Partial<Summary> & { models?: Summary; modelVersions?: Summary };

test('models follow the runs; without runs they are shown alone', async (t) => {
  const cwd = await tempFolder(t);
  await cp(OFFICIAL_MODELS, join(cwd, 'exports'), { recursive: true });
  const alone: WithModels = await jsonOf([], cwd);
  assert.deepEqual(Object.keys(alone), ['models', 'modelVersions']);
  assert.deepEqual([alone.models?.totals.runs, alone.modelVersions?.totals.runs], [2, 2]);
  assert.equal(alone.modelVersions?.totals.files.count, 5);
  await cp(OFFICIAL, join(cwd, 'exports'), { recursive: true });
  const json: WithModels = await jsonOf([], cwd);
  assert.deepEqual([json.models, json.modelVersions], [alone.models, alone.modelVersions]);
  assert.equal(json.totals?.runs, 3);
  const { stdout } = await runCli(['summary'], { cwd });
  const path = join(cwd, 'exports', 'model_data');
  const [project = ''] = json.projects?.map(({ projectId }) => projectId) ?? [];
  assert.match(
    stdout,
    new RegExp(
      `^Archive .*\n\nModels in ${path}\n\n${project}\n {2}Models {3}2 .*\n {2}Biggest models .*` +
        `\n\nModel versions in ${path}\n\n${project}\n {2}Versions 2 .*\n {2}Biggest versions `,
      's',
    ),
  );
});

test('models are chosen by project and id, and looked for where the options say', async (t) => {
  const cwd = await tempFolder(t);
  await cp(OFFICIAL, join(cwd, 'one'), { recursive: true });
  await cp(OFFICIAL_MODELS, join(cwd, 'two'), { recursive: true });
  // Both kinds in one folder, as exports with the same -d and -f make them.
  await cp(join(OFFICIAL_MODELS, 'model_data'), join(cwd, 'one', 'data'), { recursive: true });
  await cp(join(OFFICIAL_MODELS, 'model_files'), join(cwd, 'one', 'files'), { recursive: true });
  const shared: WithModels = await jsonOf(['-d', 'one/data'], cwd);
  assert.deepEqual([shared.totals?.runs, shared.totals?.files.damaged], [3, 0]);
  assert.deepEqual([shared.models?.totals.files.count, shared.modelVersions?.totals.files.count], [1, 5]);
  const apart: WithModels = await jsonOf(['-d', 'one/data', '--model-data-path', 'two/model_data'], cwd);
  assert.equal(apart.models?.dataPath, join(cwd, 'two', 'model_data'));
  assert.equal(apart.models?.filesPath, join(cwd, 'two', 'model_files'));
  const model: WithModels = await jsonOf(['-d', 'one/data', '-r', 'VIS-CHURN'], cwd);
  assert.deepEqual(Object.keys(model), ['models']);
  const project = shared.projects?.[0]?.projectId ?? '';
  assert.deepEqual(Object.keys(await jsonOf(['-d', 'one/data', '-p', project], cwd)), Object.keys(shared));
  for (const args of [
    ['-r', 'VIS-NONE'],
    ['-p', 'no/project'],
    ['--model-data-path', 'nowhere'],
    ['--model-data-path', 'one/files'],
  ]) {
    const { code, stderr } = await runCli(['summary', '-d', 'one/data', ...args], { cwd });
    assert.equal(code, 1, stderr);
    assert.match(stderr, new RegExp(`^error: .*${args[1]}`, 'm'));
  }
  const nothing = await runCli(['summary'], { cwd });
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /There is no folder .*exports\/data/);
});

test('a damaged model is named and the exit code is 3', async (t) => {
  const cwd = await tempFolder(t);
  await cp(OFFICIAL_MODELS, join(cwd, 'exports'), { recursive: true });
  const files = join(cwd, 'exports', 'model_files');
  await rm(files, { recursive: true });
  assert.equal((await runCli(['summary'], { cwd })).code, 0);
  await mkdir(files);
  const { code, stdout } = await runCli(['summary'], { cwd });
  assert.equal(code, 3);
  assert.match(stdout, /Versions whose downloaded files are lost .*\n +VIS-CHURN-1: 5 files/);
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
    acceptedRuns: 0,
    selectedRuns: 0,
    unverifiedRuns: 0,
    interruptedRuns: 1,
    damagedRuns: 0,
    records: 1,
    emptyRows: 2,
    parquet: { files: 1, bytes: 1 },
    files: { count: 2, bytes: null, missing: 1, skipped: 3, skippedBytes: 5_000_000, damaged: 0 },
    types: {},
    steps: { least: '-0.500000', greatest: '100.000000' },
    times: null,
    biggestRuns: [{ runId: `${'x'.repeat(500)}\n`, records: 1, bytes: 1 }],
    partial: Array.from({ length: 12 }, (_, index) => `RUN-${index}`),
    damaged: [],
    damagedFiles: [],
  };
  const lines = summaryLines({
    dataPath: '/x',
    filesPath: '/f',
    totals: { ...project, projects: 1 },
    projects: [project],
  });
  assert.ok(lines.includes('team/\ufffd[31mred line'));
  assert.ok(lines.includes('  Steps    -0.5 to 100'));
  assert.ok(lines.includes('  Records  1, and 2 rows without a value'));
  assert.ok(lines.includes('  Runs     12 (12 partial, 1 interrupted, which the next export does again)'));
  assert.ok(lines.some((line) => /^ {2}x{47}… {2} +1 +1 B$/.test(line)));
  assert.ok(lines.every((line) => line.length < 100));
  assert.ok(lines.includes('  Times    none'));
  assert.ok(
    lines.includes('  Files    2 downloaded files, size unknown, and 1 missing, 3 left out for their size (5.0 MB)'),
  );
  assert.ok(lines.includes('    RUN-9') && !lines.includes('    RUN-10') && lines.includes('    and 2 more'));
});
