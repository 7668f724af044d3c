// `export-models` from the outside: what is said, what is left on disk, what is refused.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ModelsReport } from '../../src/cli/export-report.ts';
import type { FaultRule } from '../../src/demo/faults.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { manifestsIn } from '../helpers/archive-folder.ts';
import { runCli } from '../helpers/cli.ts';
import { neptune2Data } from '../helpers/neptune2-data.ts';
import { tempFolder } from '../helpers/temp.ts';

async function setUp(t: TestContext, project = 'my-org/my-project', faults: FaultRule[] = []) {
  const server = await startNeptune2DemoServer({ data: neptune2Data(), faults });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const env = { NEPTUNE_API_TOKEN: server.token, NEPTUNE_PROJECT: project };
  return { server, cwd, env, run: (...args: string[]) => runCli(['export-models', ...args], { cwd, env }) };
}

test('project and token from the environment, default folders, talk on stderr, nothing on stdout', async (t) => {
  const { cwd, server, run } = await setUp(t);
  const { code, stdout, stderr } = await run();
  assert.deepEqual([code, stdout], [0, ''], stderr);
  const lines = stderr.trimEnd().split('\n');
  const [model_data, model_files] = ['model_data', 'model_files'].map((name) => join(cwd, 'exports', name));
  assert.deepEqual(lines.slice(0, 3), [
    'The server is Neptune 2.',
    `Exporting the models of my-org/my-project from ${server.url}.`,
    'exporting my-org/my-project: 0/2 models and versions',
  ]);
  assert.match(lines[3] ?? '', /^Export finished in /);
  assert.equal(lines[4], '  Models: 2 matched, 2 exported, 0 skipped (there already)');
  assert.equal(lines[5], '  Versions: 3 matched, 3 exported, 0 skipped (there already)');
  assert.match(lines[6] ?? '', new RegExp(`^  Data: \\d+ records in ${model_data}$`));
  assert.match(lines[7] ?? '', new RegExp(`^  Files: 15 files, 1\\.5 MB in ${model_files}$`));
  assert.deepEqual(await readdir(join(cwd, 'exports')), ['model_data', 'model_files']);
  const [project = ''] = await readdir(model_data ?? '');
  assert.deepEqual((await readdir(join(model_data ?? '', project))).sort(), ['model_versions', 'models']);
  assert.equal(
    await readFile(join(model_files ?? '', project, 'model_versions', 'PRJ-A-2', 'files', 'notes'), 'utf8'),
    'notes of PRJ-A-2',
  );
});

test('--json: models and versions apart', async (t) => {
  const { cwd, run } = await setUp(t);
  const { code, stdout, stderr } = await run('--json', '-c', 'parameters');
  assert.equal(code, 0, stderr);
  const { models, versions, seconds, logFile, ...rest } = JSON.parse(stdout) as ModelsReport;
  assert.deepEqual([models.runs, models.exported, models.files], [2, 2, 0]);
  assert.deepEqual([versions.runs, versions.exported, versions.files], [3, 3, 0]);
  assert.ok(models.points > 0 && versions.points > models.points && seconds >= 0);
  assert.ok(logFile?.startsWith(join(cwd, 'neptune_exporter_')));
  assert.deepEqual(rest, {
    exporter: 'neptune2',
    projects: ['my-org/my-project'],
    dataPath: join(cwd, 'exports', 'model_data'),
    filesPath: join(cwd, 'exports', 'model_files'),
    errors: 0,
    firstErrors: [],
    errorReport: null,
  });
});

test('a second export skips what is there, also models beside runs in the same folder', async (t) => {
  const { cwd, env, run } = await setUp(t);
  const folders = ['-d', 'data', '-f', 'files', '-c', 'parameters', '--json'];
  assert.equal((await runCli(['export', ...folders], { cwd, env })).code, 0);
  for (const expected of [
    [2, 0],
    [0, 2],
  ]) {
    const { models } = JSON.parse((await run(...folders)).stdout) as ModelsReport;
    assert.deepEqual([models.exported, models.skipped], expected);
  }
  assert.equal((await manifestsIn(join(cwd, 'data'))).size, 4);
});

test('no models: said so, and no error', async (t) => {
  const { run } = await setUp(t, 'my-org/empty');
  const none = await run();
  assert.equal(none.code, 0, none.stderr);
  assert.match(
    none.stderr,
    /^ {2}No models in the project; archived models are exported with --include-archived-models\.$/m,
  );
  assert.doesNotMatch(none.stderr, /Versions:|runs/);
  const filtered = await run(
    '-q',
    '`sys/id`:string = "NO"',
    '--created-after',
    '2001-01-01',
    '--include-archived-models',
  );
  assert.match(filtered.stderr, /^ {2}No models match -q '`sys\/id`:string = "NO"' and --created-after\.$/m);
});

test('what could not be exported is in the error report, and the exit code is 3', async (t) => {
  const { cwd, run } = await setUp(t, 'my-org/my-project', [
    { operation: 'downloadAttribute', fault: { kind: 'status', status: 404 } },
  ]);
  const { code, stderr } = await run('-c', 'files', '--error-report-file', 'new/errors.jsonl');
  assert.equal(code, 3, stderr);
  assert.match(stderr, /^ {2}Models: 2 matched, 2 exported \(2 of them partial\), 0 skipped/m);
  assert.match(stderr, /^ {2}Versions: 3 matched, 3 exported \(3 of them partial\), 0 skipped/m);
  const lines = (await readFile(join(cwd, 'new', 'errors.jsonl'), 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, 10);
  const ids = new Set(lines.map((line) => (JSON.parse(line) as { run_id: string }).run_id));
  assert.deepEqual([...ids].sort(), ['PRJ-A', 'PRJ-A-1', 'PRJ-A-2', 'PRJ-B', 'PRJ-B-1']);
});

test("a query that the server cannot read is a wrong use, told with the server's words", async (t) => {
  const { run } = await setUp(t);
  const { code, stderr } = await run('-q', 'this is no query');
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^error: .*query.*\nhint: /m);
});

test('Neptune 3 has no models: one sentence', async (t) => {
  const server = await startDemoServer({ data: sampleProject() });
  t.after(() => server.close());
  const cwd = await tempFolder(t);
  const env = { NEPTUNE_API_TOKEN: server.token, NEPTUNE_PROJECT: 'demo/image-classification' };
  const asked = await runCli(['export-models'], { cwd, env });
  assert.equal(asked.code, 1);
  assert.match(
    asked.stderr,
    /^The server is Neptune 3\.\nerror: Neptune 3 has no model registry: there are no models to export\.\nhint: Runs of Neptune 3 are exported by: neptune-exporter export\.\n/,
  );
  const told = await runCli(['export-models', '--exporter', 'neptune2'], { cwd, env });
  assert.equal(told.code, 1);
  assert.match(told.stderr, /^error: Neptune 3 has no model registry: there are no models to export\.$/m);
  assert.ok(!existsSync(join(cwd, 'neptune_exporter_errors.jsonl')));
});
