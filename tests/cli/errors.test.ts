// What goes wrong outside: exit code 1, one clear sentence and what to do, no stack trace, no secrets.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { neptune2Data } from '../helpers/neptune2-data.ts';
import { apiToken, deadAddress, serve } from '../helpers/server.ts';
import { tempFolder } from '../helpers/temp.ts';

const EXPORT = ['export', '--exporter', 'neptune3', '-p', 'team/project'];
const SECRET = 'a-key-that-nobody-may-see';

function assertError({ code, stdout, stderr }: CliResult, sentence: RegExp, hint: RegExp): void {
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
  assert.equal(errors.length, 1, stderr);
  assert.match(errors[0] ?? '', sentence);
  assert.match(stderr, new RegExp(`^hint: .*${hint.source}`, 'm'));
  assert.doesNotMatch(stderr, /^\s+at |node:internal|unexpected error/m);
  assert.doesNotMatch(stderr, new RegExp(`${SECRET}|eyJ`));
}

async function demoServer(t: TestContext) {
  const server = await startDemoServer({ data: sampleProject() });
  t.after(() => server.close());
  return server;
}

test('no token', async (t) => {
  const cwd = await tempFolder(t);
  assertError(await runCli(EXPORT, { cwd }), /There is no Neptune API token/, /NEPTUNE_API_TOKEN/);
  assert.deepEqual(await readdir(cwd), [], 'nothing may be written');
});

test('a broken token', async (t) => {
  const cwd = await tempFolder(t);
  for (const token of ['not base64!', Buffer.from(SECRET).toString('base64'), Buffer.from('{}').toString('base64')]) {
    const result = await runCli([...EXPORT, '--api-token', token], { cwd });
    assertError(result, /The Neptune API token /, /--api-token/);
    assert.ok(!result.stderr.includes(token));
  }
});

test('a refused token', async (t) => {
  const { url } = await demoServer(t);
  const cwd = await tempFolder(t);
  const result = await runCli(EXPORT, { cwd, env: { NEPTUNE_API_TOKEN: apiToken(url, SECRET) } });
  assertError(result, /refuses the API token/, /valid/);
});

test('an unknown project', async (t) => {
  const { token } = await demoServer(t);
  const cwd = await tempFolder(t);
  assertError(await runCli([...EXPORT, '--api-token', token], { cwd }), /team\/project/, /.+/);
});

test('a workspace without a matching project', async (t) => {
  const { token } = await demoServer(t);
  const args = ['export', '--exporter', 'neptune3', '--workspace', 'demo', '--project-pattern', 'nothing-like-this'];
  const result = await runCli([...args, '--api-token', token], { cwd: await tempFolder(t) });
  assert.equal(result.code, 2);
  assert.match(result.stderr, /^error: The workspace 'demo' has no project whose name passes the patterns\.$/m);
  assert.match(result.stderr, /^hint: The workspace has: demo\/image-classification/m);
});

test('nobody at the address', async (t) => {
  const address = await deadAddress();
  // Without --exporter the server is asked which it is, which gives up soon.
  const result = await runCli(['export', '-p', 'team/project'], {
    cwd: await tempFolder(t),
    env: { NEPTUNE_API_TOKEN: apiToken(address, SECRET) },
  });
  assertError(result, new RegExp(address.replace('http://', '')), /network/);
});

test('a server that is no Neptune', async (t) => {
  const url = await serve(t, (_request, response) => response.end('<html>It works!</html>'));
  const result = await runCli(EXPORT, { cwd: await tempFolder(t), env: { NEPTUNE_API_TOKEN: apiToken(url, SECRET) } });
  assertError(result, /does not look like a Neptune server/, /address/);
});

test('the other Neptune than --exporter says', async (t) => {
  const neptune3 = await demoServer(t);
  const neptune2 = await startNeptune2DemoServer({ data: neptune2Data() });
  t.after(() => neptune2.close());
  for (const [said, found, { token }] of [
    ['neptune3', 'neptune2', neptune2],
    ['neptune2', 'neptune3', neptune3],
  ] as const) {
    const args = ['export', '--exporter', said, '-p', 'team/project', '--api-token', token];
    const result = await runCli(args, { cwd: await tempFolder(t) });
    const [saidTitle, foundTitle] = [said, found].map((name) => name.replace('neptune', 'Neptune '));
    assertError(
      result,
      new RegExp(`^error: The server is ${foundTitle}, not ${saidTitle}\\.$`),
      new RegExp(`Say --exporter ${found}, or leave the option out\\.`),
    );
  }
});

test('paths that cannot be written', async (t) => {
  const cwd = await tempFolder(t);
  await writeFile(join(cwd, 'file'), 'content');
  const token = apiToken('http://127.0.0.1:9', SECRET);
  const run = (...options: string[]) => runCli([...EXPORT, '--api-token', token, ...options], { cwd });
  assertError(await run('-d', 'file/data'), /file is where a folder should be: .*file/, /folder/);
  assertError(await run('-f', 'file'), /file/, /folder/);
  assertError(await run('--log-file', 'file/a.log'), /The log file .* can't be written/, /--log-file/);
  assert.equal(await readFile(join(cwd, 'file'), 'utf8'), 'content');
});

test('an archive that is none', async (t) => {
  const cwd = await tempFolder(t);
  await mkdir(join(cwd, 'empty'));
  await mkdir(join(cwd, 'other'));
  await writeFile(join(cwd, 'other', 'readme.txt'), 'hello');
  for (const path of ['missing', 'empty', 'other', 'other/readme.txt']) {
    assertError(await runCli(['summary', '-d', path], { cwd }), new RegExp(path), /.+/);
    assertError(await runCli(['load', '--loader', 'mlflow', '-d', path], { cwd }), new RegExp(path), /.+/);
  }
});

test('-v shows where an error comes from, still without secrets', async (t) => {
  const { url } = await demoServer(t);
  const token = apiToken(url, SECRET);
  const { stderr } = await runCli([...EXPORT, '-v', '--api-token', token], { cwd: await tempFolder(t) });
  assert.match(stderr, /^\s+at /m);
  assert.doesNotMatch(stderr, new RegExp(`${SECRET}|${token}|eyJ`));
});

test('the log file has the command line without its secrets', async (t) => {
  const { url } = await demoServer(t);
  const cwd = await tempFolder(t);
  const token = apiToken(url, SECRET);
  await runCli([...EXPORT, '--api-token', token], { cwd });
  const [name = ''] = (await readdir(cwd)).filter((file) => file.endsWith('.log'));
  const text = await readFile(join(cwd, name), 'utf8');
  assert.match(text, /neptune-exporter export --exporter neptune3 -p team\/project --api-token \*\*\*$/m);
  assert.ok(!text.includes(token) && !text.includes(SECRET));
});
