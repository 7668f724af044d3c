// The program's door: an old Node is told what is needed, in a sentence instead of a stack trace.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

const BIN = join(ROOT, 'bin', 'neptune-exporter.js');
type Outcome = { code?: number; stdout: string; stderr: string };

/** Runs the door in a Node that says it is another version. */
async function runAs(t: TestContext, version: string): Promise<Outcome> {
  const preload = join(await tempFolder(t), 'version.cjs');
  await writeFile(preload, `Object.defineProperty(process.versions, 'node', { value: '${version}' });`);
  return promisify(execFile)(process.execPath, ['--require', preload, BIN, '--version']).catch(
    (error: Outcome) => error,
  );
}

for (const version of ['14.21.3', '20.20.2', '22.17.1']) {
  test(`Node ${version} gets one clear sentence and exit code 1`, async (t) => {
    const { code, stdout, stderr } = await runAs(t, version);
    assert.deepEqual([code, stdout], [1, '']);
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines[0], `error: neptune-exporter needs Node 22.18 or newer, this is Node ${version}.`);
    assert.match(lines[1] ?? '', /^hint: install .*nodejs\.org/);
    assert.equal(lines.length, 2);
  });
}

for (const version of ['22.18.0', '23.0.0', '24.1.0', '100.0.0']) {
  test(`Node ${version} is let in`, async (t) => {
    const { code, stdout, stderr } = await runAs(t, version);
    assert.deepEqual([code, stderr], [undefined, '']);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });
}
