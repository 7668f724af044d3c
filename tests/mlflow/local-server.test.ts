// Loading without a server: into a database file, a folder, and MLflow's default, found again by plain MLflow.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MlflowTarget } from '../../src/targets/mlflow/index.ts';
import { readBack } from '../counterparts/mlflow-readback.ts';
import { python } from '../counterparts/python.ts';
import { floats, sampleRun, scalars, strings } from '../helpers/archive-runs.ts';
import { tempFolder } from '../helpers/temp.ts';
import { send } from './sample.ts';

const CONTENT = { digest: 'd1', stepMultiplier: 1n };
const sample = () =>
  sampleRun('ws/p', 'r', [
    scalars([
      { path: 'a', type: 'int', value: 1n },
      { path: 'a/b', type: 'int', value: 2n },
    ]),
    floats('m', [
      ['0', 1, Number.NaN],
      ['1', 2, Infinity],
    ]),
    strings('log', [['0', 1, 'text']]),
  ]);

/** A PATH on which `mlflow` is the tests' own. */
async function pathWithMlflow(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await symlink(join(dirname(await python('mlflow')), 'mlflow'), join(bin, 'mlflow'));
  return bin;
}

function localTarget(cwd: string, PATH: string, trackingUri?: string): MlflowTarget {
  const env = { PATH, HOME: cwd };
  return new MlflowTarget({ env, cwd, home: cwd, ...(trackingUri === undefined ? {} : { trackingUri }) });
}

/** Process groups of the MLflow servers started from a folder: workers don't mention it in their command lines. */
async function serverGroups(folder: string): Promise<string[]> {
  const rows = await processRows();
  const leaders = rows.filter(({ args }) => args.includes(folder) && args.includes('mlflow server'));
  return [...new Set(leaders.map(({ group }) => group))];
}

async function membersOf(groups: string[]): Promise<string[]> {
  return (await processRows()).filter(({ group }) => groups.includes(group)).map(({ args }) => args);
}

async function processRows(): Promise<{ group: string; args: string }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pgid=,stat=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, group = '', state = '', args = ''] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // A process that has ended, but whose parent hasn't asked yet.
    return group === '' || state.startsWith('Z') ? [] : [{ group, args }];
  });
}

test('a database file', async (t) => {
  const cwd = await tempFolder(t);
  const target = localTarget(cwd, await pathWithMlflow(cwd), 'sqlite:///runs.db');
  t.after(() => target.close());
  await target.connect();
  const groups = await serverGroups(cwd);
  assert.equal(groups.length, 1);
  const run = await send(target, sample());
  assert.deepEqual(run.failures, []);
  assert.equal((await target.find(sample().info, CONTENT))?.state, undefined, 'what was listed before stands');
  await target.close();
  assert.deepEqual(await membersOf(groups), []);
  const [experiment] = await readBack(`sqlite:///${join(cwd, 'runs.db')}`, 'ws/', { artifacts: true, cwd });
  const read = experiment!.runs[0]!;
  assert.deepEqual([read.params.a, read.params['a/b']], ['1', '2']);
  assert.deepEqual(
    read.metrics.m?.map(([, , value]) => value),
    ['nan', '1.7976931348623157e+308'],
  );
  assert.equal(read.artifacts['log/series.txt']?.text?.split('; ')[2], 'text');
  const again = localTarget(cwd, join(cwd, 'bin'), 'sqlite:///runs.db');
  t.after(() => again.close());
  await again.connect();
  assert.deepEqual(await again.find(sample().info, CONTENT), { id: run.id, state: 'whole' });
});

test("a folder, MLflow's file store: half runs are made anew, since it would keep points twice", async (t) => {
  const cwd = await tempFolder(t);
  const target = localTarget(cwd, await pathWithMlflow(cwd), 'store');
  t.after(() => target.close());
  await target.connect();
  const half = await send(target, sample(), {}, 3);
  const run = await send(target, sample());
  assert.notEqual(run.id, half.id);
  assert.deepEqual(run.failures, []);
  await target.close();
  const [experiment] = await readBack(join(cwd, 'store'), 'ws/', { artifacts: true, cwd });
  const [read, ...others] = experiment!.runs.filter(({ lifecycle }) => lifecycle === 'active');
  assert.deepEqual(others, []);
  assert.equal(read!.params['a/b'], '2');
  assert.equal(read!.metrics.m?.length, 2);
  assert.equal(read!.metrics.m?.[1]?.[2], 'inf');
  const { attributes } = JSON.parse(read!.artifacts['neptune_exporter/attributes.json']?.text ?? '') as {
    attributes: { path: string; key: string }[];
  };
  assert.equal(read!.params[attributes.find(({ path }) => path === 'a')?.key ?? ''], '1');
  assert.equal(read!.artifacts['log/series.txt']?.text?.split('; ')[2], 'text');
});

test("nothing named: MLflow's own default", async (t) => {
  const cwd = await tempFolder(t);
  const target = localTarget(cwd, await pathWithMlflow(cwd));
  t.after(() => target.close());
  await target.connect();
  await send(target, sample());
  await target.close();
  const script = 'import mlflow; print(mlflow.get_tracking_uri())';
  const { stdout } = await promisify(execFile)(await python('mlflow'), ['-c', script], { cwd });
  const [experiment] = await readBack(stdout.trim(), 'ws/', { artifacts: true, cwd });
  assert.equal(experiment!.runs[0]!.params.a, '1');
  assert.ok(experiment!.runs[0]!.artifacts['log/series.txt']);
});

test('without mlflow and uv one sentence says what to do', async (t) => {
  const cwd = await tempFolder(t);
  const target = localTarget(cwd, join(cwd, 'nothing'), 'sqlite:///x.db');
  t.after(() => target.close());
  await assert.rejects(target.connect(), (error: Error & { code?: string; hint?: string }) => {
    assert.equal(error.code, 'target_missing');
    assert.match(error.hint ?? '', /pip install mlflow/);
    return true;
  });
});

test('uvx is used where mlflow is missing, and a start that fails tells why', async (t) => {
  const cwd = await tempFolder(t);
  await writeFile(join(cwd, 'uvx'), '#!/bin/sh\necho "$@" > called\necho "OSError: no room" >&2\nexit 3\n');
  await chmod(join(cwd, 'uvx'), 0o755);
  const target = localTarget(cwd, `${cwd}:/bin:/usr/bin`, 'sqlite:///x.db');
  t.after(() => target.close());
  await assert.rejects(target.connect(), { code: 'target_missing', message: /OSError: no room/ });
  assert.match(await readFile(join(cwd, 'called'), 'utf8'), /^mlflow server --host 127\.0\.0\.1 --port \d+/);
});

test('the server goes away with us, also when we are killed', async (t) => {
  const cwd = await tempFolder(t);
  const PATH = await pathWithMlflow(cwd);
  const script = join(import.meta.dirname, 'hold-local-server.ts');
  const child = spawn(process.execPath, [script, cwd, PATH], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const groups = await serverGroups(cwd);
  assert.equal(groups.length, 1);
  assert.ok((await membersOf(groups)).length > 2, 'the server and its workers');
  child.kill('SIGKILL');
  const deadline = Date.now() + 20_000;
  while ((await membersOf(groups)).length > 0 && Date.now() < deadline) await pause(200);
  assert.deepEqual(await membersOf(groups), []);
  assert.ok((await readdir(cwd)).includes('held.db'));
});
