// `demo` from the outside: the whole path on the built-in server, and the server that keeps running.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { outcome, runCli, startCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

test('demo exports the sample project, prints its summary and what to type next', async (t) => {
  const cwd = await tempFolder(t);
  const { code, stdout, stderr } = await runCli(['demo', 'my demo'], { cwd });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Archive .*my demo\/data\n\ndemo\/image-classification\n {2}Runs {5}\d+\n/);
  assert.match(stderr, /^Export finished in /m);
  assert.match(stderr, /^What to try next:$/m);
  assert.deepEqual(await readdir(cwd), ['my demo']);
  const inside = (await readdir(join(cwd, 'my demo'))).map((name) => name.replace(/\d{8}_\d{6}/, 'TIME')).sort();
  assert.deepEqual(inside, ['data', 'files', 'neptune_exporter_TIME.log']);
  const [, summary = ''] = stderr.match(/^ {2}.* (summary -d .*)$/m) ?? [];
  assert.equal(summary, "summary -d 'my demo/data'");
  const again = await runCli(['demo', 'my demo'], { cwd });
  assert.equal(again.code, 0);
  assert.match(again.stderr, /0 exported, \d+ skipped/);
  const asJson = await runCli(['demo', 'my demo', '--json'], { cwd });
  const told = await runCli(['summary', '-d', 'my demo/data', '-f', 'my demo/files', '--json'], { cwd });
  assert.deepEqual(JSON.parse(asJson.stdout), JSON.parse(told.stdout));
});

test('demo --exporter neptune2 exports runs and models, and prints the summary of both', async (t) => {
  const cwd = await tempFolder(t);
  const { code, stdout, stderr } = await runCli(['demo', '--exporter', 'neptune2'], { cwd });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Archive .*neptune2-demo\/data\n\ndemo\/churn-prediction\n {2}Runs {5}\d+\n/);
  assert.match(stdout, /^Models in .*neptune2-demo\/model_data\n\ndemo\/churn-prediction\n {2}Models {3}[1-9]/m);
  assert.match(stdout, /^Model versions in .*neptune2-demo\/model_data\n\ndemo\/churn-prediction\n {2}Versions [1-9]/m);
  assert.match(stderr, /^ {2}Runs: (\d+) matched, \1 exported, 0 skipped \(there already\)$/m);
  assert.match(stderr, /^ {2}Models: (\d+) matched, \1 exported, 0 skipped \(there already\)$/m);
  assert.match(stderr, /^ {2}Versions: (\d+) matched, \1 exported, 0 skipped \(there already\)$/m);
  const inside = (await readdir(join(cwd, 'neptune2-demo'))).map((name) => name.replace(/\d{8}_\d{6}/, 'TIME')).sort();
  assert.deepEqual(inside, ['data', 'files', 'model_data', 'model_files', 'neptune_exporter_TIME.log']);
  const [, next = ''] = stderr.match(/^ {2}.* (summary -d .*)$/m) ?? [];
  assert.equal(next, 'summary -d neptune2-demo/data --model-data-path neptune2-demo/model_data');
  const summary = await runCli(next.split(' '), { cwd });
  assert.deepEqual([summary.code, summary.stdout], [0, stdout]);
});

test('demo --exporter neptune2 --serve serves exports of runs and models', async (t) => {
  const cwd = await tempFolder(t);
  const server = startCli(['demo', '--exporter', 'neptune2', '--serve'], { cwd });
  t.after(() => server.kill('SIGKILL'));
  const ended = outcome(server);
  const [text] = (await once(server.stdout, 'data')) as [string];
  const env = Object.fromEntries([...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]));
  for (const command of ['export', 'export-models']) {
    const { code, stderr } = await runCli([command, '-c', 'parameters'], { cwd, env });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^The server is Neptune 2\.$/m);
  }
  server.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.equal(code, 0);
  assert.match(stderr, /^neptune-exporter export --exporter neptune2\nneptune-exporter export-models$/m);
});

test('demo --serve prints what to paste, serves exports, and ends with Ctrl-C', async (t) => {
  const cwd = await tempFolder(t);
  const server = startCli(['demo', '--serve'], { cwd });
  t.after(() => server.kill('SIGKILL'));
  const ended = outcome(server);
  const [text] = (await once(server.stdout, 'data')) as [string];
  const env = Object.fromEntries([...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]));
  assert.deepEqual(Object.keys(env), ['NEPTUNE_API_TOKEN', 'NEPTUNE_PROJECT']);
  const { code, stderr } = await runCli(['export', '-c', 'parameters'], { cwd, env });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^The server is Neptune 3\.$/m);
  server.kill('SIGINT');
  assert.equal((await ended).code, 0);
});

test('a port that is taken is said in a sentence', async (t) => {
  const cwd = await tempFolder(t);
  const server = startCli(['demo', '--serve'], { cwd });
  t.after(() => server.kill('SIGKILL'));
  const [talk] = (await once(server.stderr, 'data')) as [Buffer];
  const [, port = ''] = /127\.0\.0\.1:(\d+)/.exec(talk.toString()) ?? [];
  const { code, stderr } = await runCli(['demo', '--serve', '--port', port], { cwd });
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`^error: The port ${port} is taken\\.\nhint: `));
});
