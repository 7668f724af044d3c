// The options of `summary` and `verify` that say where to look and what to tell, on an archive of the official exporter.

import assert from 'node:assert/strict';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Summary } from '../../src/archive/summary.ts';
import type { VerifyReport } from '../../src/cli/verify-report.ts';
import { floats, sampleRun, writeArchive } from '../helpers/archive-runs.ts';
import { ROOT, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

/** A folder with the official exporter's archive of three runs, and a run of another project, in the default places. */
async function setUp(t: TestContext) {
  const cwd = await tempFolder(t);
  const exports = join(cwd, 'exports');
  await cp(join(ROOT, 'tests', 'fixtures', 'official'), exports, { recursive: true });
  const loss = floats('loss', [
    ['0.5', 1_700_000_000_000, 1],
    ['7', 1_700_000_000_001, 2],
  ]);
  await writeArchive(join(exports, 'data'), [sampleRun('ws/small', 'r', [loss])]);
  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await runCli([...args, '--json'], { cwd });
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as T;
  };
  return { cwd, exports, json };
}

test('summary counts projects and runs, and tells attribute types and steps', async (t) => {
  const { cwd } = await setUp(t);
  const { code, stdout, stderr } = await runCli(['summary'], { cwd });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^ {2}2 projects, 4 runs, /m);
  const small = stdout.slice(stdout.indexOf('\nws/small\n'));
  assert.match(small, /^ {2}Runs {5}1 /m);
  assert.match(small, /^ {2}Steps {4}0\.5 to 7$/m);
  assert.match(small, /^ {2}float_series +1 +2$/m);
  assert.match(small, /^ {2}string +3 +3$/m);
});

test('summary and verify: -d, --data-path, -f, --files-path, -p, --project-ids, -r, --runs', async (t) => {
  const { exports, cwd, json } = await setUp(t);
  await cp(exports, join(cwd, 'other'), { recursive: true });
  const runs = async (...args: string[]) => [
    (await json<Summary>('summary', ...args)).totals.runs,
    (await json<VerifyReport>('verify', ...args)).runs,
  ];
  assert.deepEqual(await runs(), [4, 4], 'the default folders');
  assert.deepEqual(await runs('-d', 'other/data', '-f', 'other/files'), [4, 4]);
  assert.deepEqual(await runs('--data-path', 'other/data', '--files-path', 'other/files', '-p', 'ws/small'), [1, 1]);
  assert.deepEqual(await runs('--project-ids', 'ws/small', '-r', 'r'), [1, 1]);
  assert.deepEqual(await runs('--runs', 'r', '--runs', 'RUN-1'), [2, 2]);
});

test('summary and verify: -v, --verbose, --log-file', async (t) => {
  const { cwd } = await setUp(t);
  for (const command of ['summary', 'verify']) {
    for (const verbose of ['-v', '--verbose']) {
      const folder = join('new', command, verbose);
      const { code, stderr } = await runCli([command, verbose, '--log-file', join(folder, 'my.log')], { cwd });
      assert.equal(code, 0, stderr);
      const [log = '', ...others] = await readdir(join(cwd, folder));
      assert.match(log, /^my_\d{8}_\d{6}\.log$/);
      assert.deepEqual(others, []);
      assert.match(await readFile(join(cwd, folder, log), 'utf8'), new RegExp(command));
    }
  }
});
