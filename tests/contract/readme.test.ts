// Every example command of the first version's README does what it says there, against a Neptune 3 server and MLflow.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { Summary } from '../../src/archive/summary.ts';
import type { Manifest } from '../../src/archive/types.ts';
import { readBack } from '../counterparts/mlflow-readback.ts';
import { startMlflow } from '../counterparts/mlflow-server.ts';
import { runCli } from '../helpers/cli.ts';
import * as commands from './commands.ts';
import { assertDone, START, shell } from './shell.ts';

async function manifests(cwd: string): Promise<Map<string, Manifest>> {
  const data = join(cwd, 'exports', 'data');
  const found = new Map<string, Manifest>();
  for (const project of await readdir(data)) {
    for (const name of await readdir(join(data, project, '_runs'))) {
      const manifest = JSON.parse(await readFile(join(data, project, '_runs', name), 'utf8')) as Manifest;
      found.set(manifest.runId, manifest);
    }
  }
  return found;
}

test('--help', async (t) => {
  const { type } = await shell(t);
  const result = await type(commands.HELP);
  assertDone(result);
  assert.match(result.stdout, /export.*summary.*load/s);
});

test('export, summary and load into MLflow, as the quickstart has them', async (t) => {
  const { cwd, type } = await shell(t);
  assertDone(await type(commands.EXPORT));
  assert.deepEqual([...(await manifests(cwd)).keys()].sort(), ['RUN-1', 'RUN-2', 'other']);
  const [project = ''] = await readdir(join(cwd, 'exports', 'files'));
  assert.equal(
    await readFile(join(cwd, 'exports', 'files', project, 'RUN-1', 'files', 'notes_txt.txt'), 'utf8'),
    'notes of RUN-1',
  );

  for (const command of [commands.SUMMARY, commands.SUMMARY_ALONE]) {
    const summary = await type(command);
    assertDone(summary);
    assert.match(summary.stdout, /^my-org\/my-project\n {2}Runs {5}3$/m);
    assert.match(summary.stdout, /^ {2}float_series +2 +18$/m);
  }

  const mlflow = await startMlflow();
  t.after(() => mlflow.stop());
  // Only the port is another one: 5000 may be somebody's.
  const command = commands.LOAD_MLFLOW.replace(':5000', `:${new URL(mlflow.url).port}`);
  assertDone(await type(command));
  const [experiment, ...others] = await readBack(mlflow.url, 'my-org/');
  assert.deepEqual([experiment?.name, others], ['my-org/my-project/baseline', []]);
  assert.deepEqual(experiment?.runs.map(({ name }) => name).sort(), ['RUN-1', 'RUN-2', 'other']);
  const loaded = experiment?.runs.find(({ name }) => name === 'RUN-2');
  assert.equal(loaded?.params['config/layers'], '2');
  assert.deepEqual(
    loaded?.metrics['metrics/loss']?.map(([step, time, value]) => [step, time, value]),
    [
      ['0', String(START), '2.0'],
      ['1', String(START + 1000), '2.125'],
      ['2', String(START + 2000), '2.25'],
    ],
  );
  const again = await type(command);
  assertDone(again);
  assert.match(again.stderr, /Runs: 3, 0 loaded, 3 skipped/);
});

test('everything from a project', async (t) => {
  const { cwd, type } = await shell(t);
  assertDone(await type(commands.EXPORT_PROJECT));
  const runs = await manifests(cwd);
  assert.equal(runs.size, 3);
  for (const { projectId, counts, status } of runs.values()) {
    assert.deepEqual([projectId, status], ['workspace/proj', 'complete']);
    const types = ['bool', 'datetime', 'file', 'float', 'float_series', 'int', 'string', 'string_series'];
    assert.deepEqual(Object.keys(counts).sort(), types);
  }
  assert.ok(existsSync(join(cwd, 'exports', 'files')));
});

test('only parameters and metrics from runs matching a pattern', async (t) => {
  const { cwd, type } = await shell(t);
  assertDone(await type(commands.EXPORT_CLASSES));
  const runs = await manifests(cwd);
  assert.deepEqual([...runs.keys()].sort(), ['RUN-1', 'RUN-2']);
  for (const { counts } of runs.values()) {
    assert.deepEqual(Object.keys(counts).sort(), ['bool', 'datetime', 'float', 'float_series', 'int', 'string']);
  }
});

test('specific attributes: several -a are exact names, which is said', async (t) => {
  const { cwd, type } = await shell(t);
  const result = await type(commands.EXPORT_ATTRIBUTES);
  assertDone(result);
  assert.match(result.stderr, /^warning: several -a are exact attribute names, so 'config\/\.\*' only matches/m);
  for (const { counts } of (await manifests(cwd)).values()) {
    assert.deepEqual(counts, { float_series: { attributes: 2, rows: 6 }, string: { attributes: 1, rows: 1 } });
  }
  const { stdout } = await runCli(['summary', '--json'], { cwd });
  const { totals } = JSON.parse(stdout) as Summary;
  assert.deepEqual([totals.runs, totals.records], [3, 21]);
});
