// Disks that are full or locked, and clocks that jump: one sentence, nothing broken, and the next export completes it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { SourceName } from '../../src/sources/registry.ts';
import { type CliResult, cleanEnvironment, outcome, PROGRAM, ROOT, runCli } from '../helpers/cli.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { tempFolder } from '../helpers/temp.ts';
import { faultBench, leftovers } from './bench.ts';
import { contentOf, differencesOf } from './compare.ts';
import { PROJECT } from './data.ts';

const NAMES: SourceName[] = ['neptune3', 'neptune2'];
const argsOf = (name: SourceName) => [
  'export',
  '--exporter',
  name,
  '-p',
  PROJECT,
  '-d',
  'data',
  '-f',
  'files',
  '--no-progress',
];

async function start(t: TestContext, name: SourceName) {
  const bench = await faultBench(t, name);
  const folder = await tempFolder(t);
  const env = { NEPTUNE_API_TOKEN: bench.server.token };
  const completes = async () => {
    const last = await runCli(argsOf(name), { cwd: folder, env });
    assert.equal(last.code, 0, last.stderr);
    assert.deepEqual(differencesOf(await contentOf(folder), bench.reference), []);
    assert.deepEqual(await leftovers(folder), []);
  };
  return { ...bench, folder, env, completes };
}

function assertOneSentence({ code, stderr }: CliResult, sentence: RegExp): void {
  assert.equal(code, 1, stderr);
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
  assert.equal(errors.length, 1, stderr);
  assert.match(errors[0]!, sentence);
  assert.match(stderr, /^hint: .+/m);
  assert.doesNotMatch(stderr, /^\s+at /m);
}

for (const name of NAMES) {
  // A limit on the size of files gives the same kind of error in the middle of a write as a full disk.
  for (const blocks of [1, 8, 60]) {
    test(`${name}: no file may be larger than ${blocks} blocks`, async (t) => {
      const { folder, env, completes } = await start(t, name);
      const command = `trap '' XFSZ; ulimit -f ${blocks}; exec "$0" "$@"`;
      const child = spawn('sh', ['-c', command, process.execPath, PROGRAM, ...argsOf(name)], {
        cwd: folder,
        env: cleanEnvironment(env),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const result = await outcome(child);
      assertOneSentence(result, /larger than/);
      for (const [key, rows] of await contentOf(folder, { files: false })) assert.ok(rows, key);
      await completes();
    });
  }
}

for (const place of ['data', 'files'] as const) {
  test(`the folder of ${place} is for reading only`, async (t) => {
    const { folder, env, completes } = await start(t, 'neptune3');
    await mkdir(join(folder, place));
    await chmod(join(folder, place), 0o500);
    const result = await withoutRights(argsOf('neptune3'), folder, env);
    await chmod(join(folder, place), 0o700);
    assertOneSentence(result, /No permission|can't be written|read-only/);
    await completes();
  });
}

/** For root nothing is for reading only, unless it gives up that right. */
async function withoutRights(args: string[], cwd: string, env: Record<string, string>): Promise<CliResult> {
  if (process.getuid?.() !== 0) return runCli(args, { cwd, env });
  const child = spawn('setpriv', ['--bounding-set=-all', '--inh-caps=-all', process.execPath, PROGRAM, ...args], {
    cwd,
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return outcome(child);
}

for (const name of NAMES) {
  test(`${name}: a clock that jumps by hours changes nothing`, async (t) => {
    const { server, reference } = await faultBench(t, name);
    const rules = [
      { path: /series/, fault: { kind: 'status' as const, status: 503 }, times: 2 },
      { path: /search/, fault: { kind: 'status' as const, status: 429, retryAfter: () => '1' }, times: 1 },
      { path: /leaderboard/, fault: { kind: 'tokenEnds' as const, after: 4 }, times: 2 },
    ];
    const proxy = await startFaultProxy(server, { rules });
    t.after(() => proxy.close());
    const folder = await tempFolder(t);
    const clock = pathToFileURL(join(ROOT, 'tests', 'helpers', 'jumping-clock.ts')).href;
    const began = performance.now();
    const child = spawn(process.execPath, ['--import', clock, PROGRAM, ...argsOf(name), '--retry-seconds', '10'], {
      cwd: folder,
      env: cleanEnvironment({ NEPTUNE_API_TOKEN: proxy.token }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const result = await outcome(child);
    assert.equal(result.code, 0, result.stderr);
    assert.ok(performance.now() - began < 15_000, 'it waited for a clock');
    assert.deepEqual(differencesOf(await contentOf(folder), reference), []);
    assert.deepEqual(await leftovers(folder), []);
  });
}
