// kill -9 at any instant: the next export completes the archive, and readers never see half a run.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { startCli } from '../helpers/cli.ts';
import { assertExit, bench } from './harness.ts';

test('an export that is killed again and again ends whole', async (t) => {
  const { folder, args, env, exportAll, differences, server } = await bench(t, sampleProject(), {
    faults: [{ path: /./, fault: { kind: 'latency', ms: 15 } }],
  });
  // Kills are placed by the server's count of answers, not by a clock, so that each meets the work under way.
  let random = 12345;
  for (let kill = 0; kill < 8; kill++) {
    random = (random * 1103515245 + 12345) % 2147483648;
    const answers = total(server.counts) + 5 + (random % 120);
    const child = startCli(args, { cwd: folder, env });
    child.stdout.resume();
    child.stderr.resume();
    const ended = once(child, 'close');
    while (total(server.counts) < answers && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill('SIGKILL');
    await ended;
  }
  assertExit(await exportAll(), 0);
  assert.equal(await differences(), '');
  const left = (await readdir(folder, { recursive: true })).filter((name) => /\.(tmp|download|jsonl)$/.test(name));
  assert.deepEqual(left, []);
  assert.ok((await readdir(join(folder, 'data'))).length > 0);
});

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
