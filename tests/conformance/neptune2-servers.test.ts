// Neptune 2 servers differ: moved paths, newer operations, other pages, other names. The archive is the same.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { DataSet2 } from '../../src/demo/neptune2/dataset.ts';
import { neptune2SampleProject } from '../../src/demo/neptune2/sample-project.ts';
import { type Neptune2ServerOptions, startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { writeExpected2 } from '../demo/neptune2-expected.ts';
import { mildDataSet2, oddDataSet2 } from '../demo/neptune2-odd-data.ts';
import { assertExit, benchOf } from '../export/harness.ts';
import { runCli } from '../helpers/cli.ts';

type Options = Partial<Neptune2ServerOptions>;

function bench(t: TestContext, data: DataSet2, options: Options = {}) {
  return benchOf(t, 'neptune2', data, {
    start: () => startNeptune2DemoServer({ data, ...options }),
    writeExpected: (folder) => writeExpected2(data.projects[0]!, folder),
  });
}

const SERVERS: [name: string, options: Options][] = [
  ['all paths moved', { movedPaths: true }],
  ['many series in one request, points by step', { bulk: true, skipToStep: true }],
  ['points by step only', { skipToStep: true, maxSeriesPage: 700 }],
  ['pages over 1000 refused', { refuseLargePages: true, ranges: true }],
  ['another name than in the token', { apiHost: 'localhost', movedPaths: true }],
  ['slow zips, nothing said of images, tokens that end soon', { prepareDelay: 700, channels: false, tokenSeconds: 31 }],
];

for (const [name, options] of SERVERS) {
  test(`neptune2, ${name}: odd data arrive unharmed`, async (t) => {
    const { exportAll, differences } = await bench(t, oddDataSet2(), options);
    assertExit(await exportAll(), 3);
    assert.equal(await differences(), '');
  });
}

test('neptune2: NaN without quotes is read', async (t) => {
  const { exportAll, differences } = await bench(t, { ...oddDataSet2(), bareNonFinite: true });
  assertExit(await exportAll(), 3);
  assert.equal(await differences(), '');
});

test('neptune2: without an artifacts service the artifacts are named, everything else arrives', async (t) => {
  const { exportAll, differences } = await bench(t, mildDataSet2(), { artifacts: false });
  const result = await exportAll();
  assertExit(result, 3);
  const lost = (await differences()).split('\n');
  assert.equal(lost.length, 3);
  assert.ok(lost.every((line) => line.includes("'data/set'")));
});

test('neptune2: models and their versions arrive whole, and beside the runs', async (t) => {
  const data = oddDataSet2();
  const { folder, env, exportAll, differences } = await bench(t, data);
  const models = (...more: string[]) =>
    runCli(['export-models', '-p', data.projects[0]!.path, '-d', 'data', '-f', 'files', '--no-progress', ...more], {
      cwd: folder,
      env,
    });
  assertExit(await models(), 0);
  assert.equal(await differences('--models'), '');
  assert.equal(await differences('--model_versions'), '');
  assertExit(await exportAll(), 3);
  assert.equal(await differences(), '');
  const again = await models('--json');
  const report = JSON.parse(again.stdout) as { models: { exported: number; skipped: number } };
  assert.deepEqual([report.models.exported, report.models.skipped], [0, 2]);
});

test('neptune2: archived models and versions come when asked for', async (t) => {
  const data = oddDataSet2();
  const { folder, env, differences } = await bench(t, data);
  const result = await runCli(
    ['export-models', '-p', data.projects[0]!.path, '-d', 'data', '-f', 'files', '--include-archived-models'],
    { cwd: folder, env },
  );
  assertExit(result, 0);
  assert.equal(await differences('--models', '--archived'), '');
  assert.equal(await differences('--model_versions', '--archived'), '');
});

test('neptune2: a run costs one request, its series a page each, its files one each', async (t) => {
  const { exportAll, server } = await bench(t, mildDataSet2(), { channels: false });
  assertExit(await exportAll(), 0);
  const runs = 3;
  // Two float series, the longer one of two pages; one string series; three images and their number; two files; a zip
  // is asked for, waited for and fetched. All runs share one artifact.
  assert.deepEqual(Object.fromEntries(server.counts), {
    'swagger backend 200': 1,
    'getClientConfig 200': 1,
    'exchangeApiToken 200': 1,
    'swagger leaderboard 200': 1,
    'swagger artifacts 200': 1,
    'getProject 200': 1,
    'searchLeaderboardEntries 200': 1,
    'getExperimentAttributes 200': runs,
    'getFloatSeriesValues 200': runs * 3,
    'getStringSeriesValues 200': runs,
    'getImageSeriesValues 200': runs,
    'getImageSeriesValue 200': runs * 3,
    'downloadAttribute 200': runs * 2,
    'prepareForDownloadFileSetAttributeZip 200': runs,
    'getDownloadPrepareRequest 200': runs,
    'download 200': runs,
    'listArtifactFiles 200': 1,
  });
});

test('neptune2: many float series come in one request where the server can', async (t) => {
  const { exportAll, server, differences } = await bench(t, neptune2SampleProject(), { bulk: true });
  assertExit(await exportAll(), 0);
  assert.equal(await differences(), '');
  assert.equal(server.counts.get('getFloatSeriesValues 200'), undefined);
  assert.ok((server.counts.get('getMultipleFloatSeriesValuesProto 200') ?? 0) <= 1 + 9);
});
