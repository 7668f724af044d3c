// `verify` from the outside: exit codes, what it prints, where it looks.

import assert from 'node:assert/strict';
import { cp, readFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { diskName, partName } from '../../src/archive/names.ts';
import type { VerifyReport } from '../../src/cli/verify-report.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { writeExpected2 } from '../demo/neptune2-expected.ts';
import { oddDataSet2 } from '../demo/neptune2-odd-data.ts';
import { oddDataSet } from '../demo/odd-data.ts';
import { assertExit, bench, benchOf } from '../export/harness.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { neptune2Data } from '../helpers/neptune2-data.ts';
import { tempFolder } from '../helpers/temp.ts';
import { modelsCopy, OWN_RUN, officialCopy, ownArchive, ownManifest, put, rewrite } from './kit.ts';

const verify = (cwd: string, ...args: string[]): Promise<CliResult> =>
  runCli(['verify', '-d', 'data', ...args], { cwd });

async function report(cwd: string, ...args: string[]): Promise<VerifyReport & { code: number | null }> {
  const { code, stdout } = await verify(cwd, '--json', ...args);
  return { code, ...(JSON.parse(stdout) as VerifyReport) };
}

test('an undamaged archive: exit 0, one line', async (t) => {
  const { folder } = await ownArchive(t);
  const result = await verify(folder);
  assertExit(result, 0);
  assert.match(result.stdout, /^Verified 1 run, 3 parts, 3 files, \d+ kB in \d+\.\d s: all is as recorded\.\n$/);
});

test('damage: exit 3, a table of it, and the same in JSON and the error report', async (t) => {
  const copy = await ownArchive(t);
  await truncate(join(copy.project, partName(diskName(OWN_RUN), 1)), 10);
  await rm(join(copy.projectFiles, 'RUN-1/empty'));
  const result = await verify(copy.folder);
  assertExit(result, 3);
  assert.match(result.stdout, /^Project +Run +What +Where$/m);
  assert.match(
    result.stdout,
    /^ws\/p +RUN-1 +it has 10 bytes, its manifest says \d+ +data\/ws_p-\w+\/RUN-1-\w+_part_1\.parquet$/m,
  );
  assert.match(result.stdout, /^ws\/p +RUN-1 +empty: the file is missing +files\/ws_p-\w+\/RUN-1\/empty$/m);
  assert.match(result.stdout, /: 2 problems\.$/m);
  const found = await report(copy.folder, '--error-report-file', 'errors.jsonl');
  assert.equal(found.code, 3);
  assert.deepEqual(found.problems.map(({ code }) => code).sort(), ['file_missing', 'part_size']);
  assert.equal(found.dataPath, copy.data);
  const lines = (await readFile(join(copy.folder, 'errors.jsonl'), 'utf8')).trim().split('\n');
  const errors = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(errors.map(({ project_id, run_id, code }) => `${project_id} ${run_id} ${code}`).sort(), [
    'ws/p RUN-1 file_missing',
    'ws/p RUN-1 part_size',
  ]);
});

test('much damage is named in part on screen, and wholly in JSON', async (t) => {
  const copy = await ownArchive(t);
  for (let index = 0; index < 50; index++) await put(join(copy.projectFiles, `strangers/${index}`), '');
  const { stdout } = await verify(copy.folder);
  assert.match(stdout, /^and 30 more: --json lists all/m);
  assert.match(stdout, /^By kind: stranger 50$/m);
  assert.equal((await report(copy.folder)).problems.length, 50);
});

test('a partial run is off until it is accepted', async (t) => {
  const copy = await ownArchive(t);
  const failure = { attributePath: 'files/x', code: 'server' as const, message: 'The server refused it.', time: '' };
  await rewrite(ownManifest(copy), (manifest) => Object.assign(manifest, { status: 'partial', failures: [failure] }));
  const { code, partial, problems } = await report(copy.folder);
  assert.deepEqual([code, partial], [3, 1]);
  assert.deepEqual(
    problems.map((problem) => [problem.code, problem.message, problem.failures]),
    [['partial', 'one thing could not be exported: files/x: The server refused it.', [failure]]],
  );
  await rewrite(ownManifest(copy), (manifest) => Object.assign(manifest, { accepted: new Date().toISOString() }));
  const accepted = await report(copy.folder);
  assert.deepEqual([accepted.code, accepted.partial, accepted.notes.map((note) => note.code)], [0, 0, ['accepted']]);
});

test('what is no archive: exit 1', async (t) => {
  const folder = await tempFolder(t);
  const nothing = await verify(folder);
  assertExit(nothing, 1);
  assert.match(nothing.stderr, /There is no folder/);
  await put(join(folder, 'data', 'notes.txt'), '');
  assertExit(await verify(folder), 1);
  await put(join(folder, 'data', 'x-0123456789abcdef', `${partName(diskName('R'), 1)}`), '');
  assertExit(await verify(folder), 3);
});

test('an official archive is adopted, and proven from then on', async (t) => {
  const { folder, projectFiles } = await officialCopy(t);
  const first = await report(folder);
  assert.deepEqual([first.code, first.unverified, first.verified], [0, 3, 0]);
  const adopting = await verify(folder, '--adopt');
  assertExit(adopting, 0);
  assert.match(adopting.stdout, /all is well, 3 recorded now\.$/m);
  const again = await report(folder);
  assert.deepEqual([again.code, again.verified], [0, 3]);
  await rm(join(projectFiles, 'RUN-1/files/model.bin'));
  assertExit(await verify(folder), 3);
});

test('models lie with the runs, or in a folder of their own, which is looked at too', async (t) => {
  const { folder } = await officialCopy(t);
  const models = await modelsCopy(t);
  await cp(models.folder, folder, { recursive: true });
  const all = await report(folder);
  assert.deepEqual([all.code, all.runs, all.modelDataPath], [0, 7, join(folder, 'model_data')]);
  assert.equal((await report(folder, '-r', 'VIS-RANK')).runs, 1);
  const only = await runCli(['verify', '-d', 'model_data'], { cwd: folder });
  assertExit(only, 0);
  // Together with the runs, in the same folders.
  const together = await officialCopy(t);
  await cp(models.data, together.data, { recursive: true });
  await cp(models.files, together.files, { recursive: true });
  const both = await report(together.folder);
  assert.deepEqual([both.code, both.runs, both.problems], [0, 7, []]);
  await rename(join(folder, 'model_data'), join(folder, 'registry'));
  const named = await report(folder, '--model-data-path', 'registry');
  assert.deepEqual([named.code, named.runs], [0, 7]);
});

test('files that lie elsewhere are asked for', async (t) => {
  const { folder } = await ownArchive(t);
  await rename(join(folder, 'files'), join(folder, 'elsewhere'));
  const lost = await report(folder);
  assert.deepEqual(
    lost.problems.map(({ code, message }) => [code, message]),
    [
      [
        'file_missing',
        `3 files are missing: the folder ${join(folder, 'files')} is not there (-f says where files are)`,
      ],
    ],
  );
  assert.equal((await report(folder, '-f', 'elsewhere')).code, 0);
});

test('exports of the sample and of odd data pass: runs of both Neptunes, models, one missing file', async (t) => {
  const sample = await bench(t, sampleProject());
  assertExit(await sample.exportAll(), 0);
  const proven = await report(sample.folder);
  assert.deepEqual([proven.code, proven.problems], [0, []]);
  assert.equal(proven.verified, proven.runs);
  const odd = await bench(t, oddDataSet());
  assertExit(await odd.exportAll('--include-archived-runs', '--include-metric-previews'), 3);
  const oddReport = await report(odd.folder);
  assert.deepEqual(
    oddReport.problems.map(({ code, runId }) => [code, runId]),
    [['partial', 'everything']],
  );
  const data = oddDataSet2();
  const odd2 = await benchOf(t, 'neptune2', data, {
    start: () => startNeptune2DemoServer({ data }),
    writeExpected: (folder) => writeExpected2(data.projects[0]!, folder),
  });
  assertExit(await odd2.exportAll(), 3);
  const odd2Report = await report(odd2.folder);
  assert.deepEqual([...new Set(odd2Report.problems.map(({ code }) => code))], ['partial']);
});

test('exported models pass', async (t) => {
  const server = await startNeptune2DemoServer({ data: neptune2Data() });
  t.after(() => server.close());
  const folder = await tempFolder(t);
  const env = { NEPTUNE_API_TOKEN: server.token };
  assertExit(await runCli(['export-models', '-p', 'my-org/my-project', '--no-progress'], { cwd: folder, env }), 0);
  const result = await runCli(['verify', '--json'], { cwd: folder });
  assertExit(result, 0);
  const { runs, verified } = JSON.parse(result.stdout) as VerifyReport;
  assert.ok(runs > 3 && verified === runs, `${runs} ${verified}`);
});
