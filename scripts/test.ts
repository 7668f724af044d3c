// Checks, builds and runs the tests: all of tests/, or the files given as arguments. Ends with one line `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { glob } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { azurite } from '../tests/counterparts/azurite.ts';
import { PYTHON_ENVIRONMENTS, python } from '../tests/counterparts/python.ts';

const ROOT = join(import.meta.dirname, '..');
/** Test files at once: they start servers, and two is what a small machine bears. */
const CONCURRENCY = 2;
/** A file that takes longer hangs. */
const FILE_TIMEOUT_MS = 20 * 60_000;

/** Numbers of tests by outcome, and what makes a green run worthless. */
interface Tally {
  passed: number;
  failed: number;
  complaints: string[];
}

async function testFiles(args: string[]): Promise<string[]> {
  if (args.length > 0) return args.map((path) => resolve(path));
  const found = await Array.fromAsync(glob('tests/**/*.test.ts', { cwd: ROOT }));
  return found.sort().map((path) => join(ROOT, path));
}

/** Made before the tests, since two test files making the same one would be in each other's way. */
async function prepareCounterparts(): Promise<void> {
  for (const name of PYTHON_ENVIRONMENTS) {
    console.log(`Python environment ${name} (its first making takes some minutes)`);
    await python(name);
  }
  console.log('Azurite');
  await azurite();
}

function runFiles(files: string[]): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, complaints: [] };
  const { promise, resolve: finish } = Promise.withResolvers<Tally>();
  const stream = run({ files, concurrency: CONCURRENCY, timeout: FILE_TIMEOUT_MS, cwd: ROOT });
  stream.on('test:pass', ({ name, file }) => {
    // Node counts a file without tests as one test that passed, by the file's name.
    if (name === file) tally.complaints.push(`no tests in ${relative(ROOT, name)}`);
  });
  stream.on('test:summary', ({ file, counts, success }) => {
    if (file !== undefined) return;
    tally.passed = counts.passed;
    tally.failed = counts.tests - counts.passed - counts.skipped - counts.todo;
    if (!success && tally.failed === 0) tally.complaints.push('a suite or hook failed');
    if (counts.skipped + counts.todo > 0) tally.complaints.push(`${counts.skipped + counts.todo} tests are skipped`);
    if (counts.tests === 0) tally.complaints.push('there are no tests');
  });
  const output = stream.compose(new spec());
  output.on('end', () => finish(tally));
  output.pipe(process.stdout, { end: false });
  return promise;
}

/** Lint, types and the build that the package tests install. False if any fails; it has said why. */
function prepareProject(): boolean {
  return ['check', 'build'].every((script) => {
    const { status } = spawnSync('npm', ['run', '--silent', script], { cwd: ROOT, stdio: 'inherit' });
    if (status !== 0) console.log(`npm run ${script} failed`);
    return status === 0;
  });
}

if (!prepareProject()) {
  console.log('0 passed, 1 failed');
  process.exit(1);
}
await prepareCounterparts();
const files = await testFiles(process.argv.slice(2));
const { passed, failed, complaints } = await runFiles(files);
for (const complaint of complaints) console.log(`not good: ${complaint}`);
process.exitCode = failed + complaints.length > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed + complaints.length} failed`);
