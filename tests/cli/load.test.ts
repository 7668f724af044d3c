// `load` from the outside, up to the target's door: what is refused, and how it is said. The loading itself is in tests/mlflow.

import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type CliResult, ROOT, runCli } from '../helpers/cli.ts';
import { deadAddress, serve } from '../helpers/server.ts';
import { tempFolder } from '../helpers/temp.ts';

/** A folder with an archive at the default place. */
async function archive(t: TestContext): Promise<string> {
  const cwd = await tempFolder(t);
  await cp(join(ROOT, 'tests', 'fixtures', 'official'), join(cwd, 'exports'), { recursive: true });
  return cwd;
}

function assertError({ code, stdout, stderr }: CliResult, sentence: RegExp, hint: RegExp, expectedCode = 1): void {
  assert.equal(code, expectedCode, stderr);
  assert.equal(stdout, '');
  assert.match(stderr.split('\n').find((line) => line.startsWith('error: ')) ?? '', sentence);
  assert.match(stderr, new RegExp(`^hint: .*${hint.source}`, 'm'));
  assert.doesNotMatch(stderr, /^\s+at |node:internal|unexpected error/m);
}

const LOAD = ['load', '--loader', 'MLflow'];
const SOON = { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0', MLFLOW_HTTP_REQUEST_TIMEOUT: '5' };

test('nobody at the address', async (t) => {
  const cwd = await archive(t);
  const address = await deadAddress();
  const result = await runCli([...LOAD, '--mlflow-tracking-uri', address], { cwd, env: SOON });
  assertError(result, new RegExp(address.replace('http://', '')), /.+/);
});

test('a server that is no MLflow', async (t) => {
  const cwd = await archive(t);
  const url = await serve(t, (_request, response) => response.end('<html>It works!</html>'));
  const result = await runCli(LOAD, { cwd, env: { ...SOON, MLFLOW_TRACKING_URI: url } });
  assertError(result, /does not answer as MLflow|not as MLflow/, /.+/);
});

test('a refused login, whose password is never shown', async (t) => {
  const cwd = await archive(t);
  const url = await serve(t, (_request, response) => {
    response.statusCode = 401;
    response.end('You are not authenticated.');
  });
  const login = { MLFLOW_TRACKING_USERNAME: 'somebody', MLFLOW_TRACKING_PASSWORD: 'a-password-of-mine' };
  const result = await runCli([...LOAD, '-v', '--mlflow-tracking-uri', url], { cwd, env: { ...SOON, ...login } });
  assert.equal(result.code, 1, result.stderr);
  assert.match(result.stderr, /^error: .*(?:refuses|credentials|login|401)/m);
  assert.ok(!result.stderr.includes('a-password-of-mine'));
});

test('a local store without MLflow on the machine', async (t) => {
  const cwd = await archive(t);
  const result = await runCli([...LOAD, '--mlflow-tracking-uri', 'sqlite:///mlflow.db'], { cwd, env: { PATH: cwd } });
  assertError(result, /mlflow/i, /.+/);
});

test('projects and runs that the archive does not have', async (t) => {
  const cwd = await archive(t);
  const url = await serve(t, (request, response) => {
    if (request.url === '/version') response.end('3.17.2');
    else response.end('{}');
  });
  const run = (...args: string[]) => runCli([...LOAD, '--mlflow-tracking-uri', url, ...args], { cwd, env: SOON });
  assertError(await run('-p', 'no/project'), /no project 'no\/project'/, /It has: /, 2);
});
