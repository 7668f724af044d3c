// `verify --loader comet`: what was loaded is proven equal, and each damage is found and named, and nothing else.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import test, { type TestContext } from 'node:test';
import { openArchive } from '../../src/archive/reader.ts';
import type { VerifyReport } from '../../src/cli/verify-report.ts';
import { isComparable } from '../../src/targets/target.ts';
import {
  type ComparedRun,
  compareWithTarget,
  type TargetProblem,
  type TargetResult,
} from '../../src/transfer/compare-target.ts';
import { kit } from '../conformance/comet-kit.ts';
import { PROJECT } from '../conformance/target-bench.ts';
import type { CometServer, CometServerOptions } from '../counterparts/comet/server.ts';
import {
  fileSeries,
  floats,
  histograms,
  line,
  type SampleRun,
  sampleRun,
  scalars,
  strings,
  writeArchive,
} from '../helpers/archive-runs.ts';
import { runCli } from '../helpers/cli.ts';
import { type CometBench, cometBench, PREFIX } from './bench.ts';

/** All that a run may have, odd values included. */
function richRun(runId: string): SampleRun {
  return sampleRun(PROJECT, runId, [
    scalars([
      { path: 'p/int', type: 'int', value: 2n ** 63n - 1n },
      { path: 'p/nan', type: 'float', value: Number.NaN },
      { path: 'p/whole', type: 'float', value: 10 },
      { path: 'p/long', type: 'string', value: 'ä😀'.repeat(4000) },
      { path: 'p/nul', type: 'string', value: 'x\0y' },
      { path: 'p/half', type: 'string', value: 'x\ud800y' },
      { path: 'p/empty', type: 'string', value: '' },
      { path: 'p/none', type: 'string', value: null },
      { path: 'p/set', type: 'string_set', value: ['a,b', 'c'] },
      { path: 'p/when', type: 'datetime', value: -1n },
      { path: 'a:b', type: 'bool', value: true },
      { path: 'a_b', type: 'bool', value: false },
    ]),
    floats('m/plain', line(5000, 0.37)),
    floats('m/long', line(20_000, 0.37)),
    floats('m/odd', [
      ['-3', 1, Number.NaN],
      ['0', 2, Infinity],
      ['2', 4, -0],
      ['4', -5, 5e-324],
      ['5', null, 1],
      ['6', 7, 1],
      ['6', 7, 1],
    ]),
    floats('m/decimal', [
      ['0.29', 1, 1],
      ['1.5', 2, 2],
      ['999999999999.999999', 9_007_199_254_740_993n, 3],
    ]),
    floats('a:b', [['0', 1, 1]]),
    floats('a_b', [['0', 1, 2]]),
    strings('s/log', [
      ['0.001', 1, 'line\nbreak'],
      ['1', null, 'plain'],
      ['2', 3, null],
    ]),
    histograms('h', [['1', 1, { edges: [0, 1, Infinity], values: [1, 3] }]]),
    {
      kind: 'files',
      rows: [
        { path: 'f/model', type: 'file', file: 'model.tar.gz' },
        { path: 'f/empty', type: 'file', file: 'empty' },
        { path: 'f/none', type: 'file', file: null },
        { path: 'f/set', type: 'file_set', file: 'set' },
      ],
    },
    fileSeries('f/images', [
      ['0.5', 1, '0.png'],
      ['1', 2, '1.png'],
    ]),
  ]);
}

const child = sampleRun(
  PROJECT,
  'child',
  [],
  [
    { path: 'sys/name', type: 'string', value: 'an experiment' },
    { path: 'sys/forking/parent', type: 'string', value: 'rich' },
    { path: 'sys/tags', type: 'string_set', value: ['a', 'b,c'] },
    { path: 'sys/owner', type: 'string', value: 'somebody' },
    { path: 'sys/failed', type: 'bool', value: true },
  ],
);

async function loaded(t: TestContext): Promise<CometBench> {
  const comet = await cometBench(t, { redirectAssets: true });
  const { bench } = comet;
  for (const name of ['model.tar.gz', '0.png', '1.png', 'set/a', 'set/deep/b']) await bench.putFile(name, `of ${name}`);
  await bench.putFile('empty', '');
  await writeArchive(bench.data, [richRun('rich'), child]);
  assert.deepEqual(await bench.counts({ stepMultiplier: 10n, onStepCollision: 'keep-last' }), { runs: 2, loaded: 2 });
  return comet;
}

async function compare({ server, bench }: CometBench): Promise<TargetResult & { problems: TargetProblem[] }> {
  const problems: TargetProblem[] = [];
  const target = await kit.target(server.url, PREFIX);
  try {
    assert.ok(isComparable(target));
    await target.connect({ readOnly: true });
    const result = await compareWithTarget({
      archive: await openArchive(bench.data),
      filesPath: bench.files,
      target,
      concurrency: 2,
      onProblem: (problem) => problems.push(problem),
      signal: new AbortController().signal,
    });
    return { ...result, problems };
  } finally {
    await target.close();
  }
}

async function call({ url, apiKey }: CometServer, path: string, body?: object): Promise<void> {
  const answer = await fetch(`${url}/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: apiKey, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

const said = ({ code, attributePath = '-' }: TargetProblem) => `${code} ${attributePath}`;
const rich = ({ runs }: { runs: ComparedRun[] }) => runs.find(({ runId }) => runId === 'rich')!;

test('what was loaded is as it should be, also by the command line', async (t) => {
  const comet = await loaded(t);
  const found = await compare(comet);
  assert.deepEqual(found.problems, []);
  for (const { runId, state, missing, different, unclear, extras } of found.runs) {
    assert.deepEqual([runId, state, missing, different, unclear, extras.first], [runId, 'compared', 0, 0, 0, []]);
  }
  // Of the long series Comet gives a sample only.
  assert.equal(found.points, 5000 + 15_000 + 7 + 3 + 2);
  const { bench, server } = comet;
  const args = ['verify', '-d', 'data', '-f', 'files', '--loader', 'comet', '--name-prefix', PREFIX, '--json'];
  const env = { COMET_API_KEY: server.apiKey, COMET_WORKSPACE: server.workspace, COMET_URL_OVERRIDE: server.url };
  const { stdout, stderr } = await runCli(args, { cwd: bench.folder, env });
  const report = JSON.parse(stdout) as VerifyReport;
  assert.deepEqual(
    report.target?.runs.map(({ state }) => state),
    ['compared', 'compared'],
    stderr,
  );
});

test('what is cut since it is too long is no damage', async (t) => {
  const comet = await cometBench(t);
  const runId = 'r'.repeat(1200);
  const run = sampleRun(PROJECT, 'r', [], [{ path: 'sys/name', type: 'string', value: 'n'.repeat(1200) }]);
  const [rows] = run.batches;
  if (rows?.kind === 'scalars') rows.rows[0] = { path: 'sys/custom_run_id', type: 'string', value: runId };
  await writeArchive(comet.bench.data, [run]);
  const { result, failures } = await comet.bench.load();
  assert.deepEqual([failures, result.alterationsByCode.value_too_long], [[], 2]);
  assert.deepEqual((await compare(comet)).problems, []);
});

/** Name, what is done to the experiment, and what is said of it. */
const DAMAGES: [name: string, damage: (server: CometServer, key: string) => Promise<void>, problems: string[]][] = [
  [
    'another parameter',
    (server, experimentKey) =>
      call(server, 'api/rest/v2/write/experiment/parameter', {
        experimentKey,
        parameterName: 'p_whole',
        parameterValue: 11,
      }),
    ['target_different p/whole'],
  ],
  [
    'a parameter that is gone',
    (server, experimentKey) =>
      call(server, 'api/rest/v2/write/experiment/parameter/delete', { experimentKey, parameterName: 'p_set' }),
    ['target_missing p/set'],
  ],
  [
    'a point more',
    (server, experimentKey) =>
      call(server, 'api/rest/v2/write/experiment/metric', {
        experimentKey,
        metricName: 'm_plain',
        metricValue: 1,
        step: 7,
        timestamp: 5,
      }),
    ['target_different m/plain'],
  ],
  [
    'an asset that is gone',
    async (server, experimentKey) => {
      const { id } = server.experiment(experimentKey).assets.find(({ name }) => name === 'f_images')!;
      await call(server, `api/rest/v2/write/experiment/asset/delete?experimentKey=${experimentKey}&assetId=${id}`);
    },
    ['target_missing f/images'],
  ],
  [
    'another name',
    (server, experimentKey) =>
      call(server, 'api/rest/v2/write/experiment/log-other', { experimentKey, key: 'Name', value: 'renamed' }),
    ['target_different -', 'target_different -'],
  ],
  [
    'another start',
    (server, experimentKey) =>
      call(server, 'api/rest/v2/write/experiment/set-start-end-time', { experimentKey, startTimeMillis: 1 }),
    ['target_different -'],
  ],
];

test('each damage is found and named', async (t) => {
  const comet = await loaded(t);
  const { key } = comet.experiments().get('rich')!;
  const expected: string[] = [];
  for (const [name, damage, problems] of DAMAGES) {
    await damage(comet.server, key);
    expected.push(...problems);
    const found = await compare(comet);
    assert.deepEqual(found.problems.map(said).sort(), expected.toSorted(), name);
  }
  const { problems } = await compare(comet);
  const point = problems.find(({ attributePath }) => attributePath === 'm/plain')!;
  assert.match(point.message, /5001 points, the archive 5000: step 7 \(5 ms\) has 1, which is not of the archive/);
});

test('what nothing in the archive accounts for is counted as extra, and is no problem', async (t) => {
  const comet = await loaded(t);
  const { key: experimentKey } = comet.experiments().get('rich')!;
  const { server } = comet;
  await call(server, 'api/rest/v2/write/experiment/log-other', { experimentKey, key: 'mine', value: 1 });
  await call(server, 'api/rest/v2/write/experiment/tags', { experimentKey, addedTags: ['my tag'] });
  await call(server, 'api/rest/v2/write/experiment/parameter', {
    experimentKey,
    parameterName: 'mine',
    parameterValue: 1,
  });
  await call(server, 'api/rest/v2/write/experiment/metric', {
    experimentKey,
    metricName: 'mine',
    metricValue: 1,
    step: 1,
  });
  const found = await compare(comet);
  assert.deepEqual(found.problems, []);
  assert.deepEqual(rich(found).extras.first.sort(), ['metric mine', 'other mine', 'parameter mine', 'tag my tag']);
});

test('points that a sample hides are proven by the marks of their batches', async (t) => {
  const comet = await loaded(t);
  const { key: experimentKey } = comet.experiments().get('rich')!;
  const [name, marks] = Object.entries(comet.server.experiment(experimentKey).metrics).find(([one]) =>
    one.startsWith('sys.'),
  )!;
  // A batch that came twice.
  const { value, step, timestamp } = marks.points()[3]!;
  const values = [{ metricName: name, metricValue: value, step, timestamp }];
  await call(comet.server, 'clientlib/batch/logger/experiment/metric', { experimentKey, values });
  const found = await compare(comet);
  assert.deepEqual(found.problems.map(said), ['target_different -']);
  assert.match(found.problems[0]!.message, /1 batches of points twice/);
});

test('what the limits of the service made of a run is no damage', async (t) => {
  for (const [assetNameLength, sameName] of [
    [40, 'kept'],
    // Not even the lists of the loader keep their names.
    [30, 'kept'],
    [null, 'refused'],
  ] as const) {
    await compareLimited(t, { limits: { assets: { image: 1, histogram3d: 1 }, assetNameLength }, sameName });
  }
});

async function compareLimited(t: TestContext, options: CometServerOptions): Promise<void> {
  const comet = await cometBench(t, options);
  for (const i of [0, 1]) await comet.bench.putFile(`${i}.png`, `image ${i}`);
  const late = await comet.bench.putFile('2.png', 'image 2');
  const images = [0, 1, 2].map((i): [string, number, string] => [`${i}`, 1, `${i}.png`]);
  const counts = [0, 1, 2].map((i): [string, number, { edges: number[]; values: number[] }] => [
    `${i}`,
    1,
    { edges: [0, 1], values: [i + 1] },
  ]);
  const batches = [fileSeries('imgs', images), histograms('a/long/name/of/a/histogram/series', counts)];
  await writeArchive(comet.bench.data, [sampleRun(PROJECT, 'rich', batches)]);
  // The first load gets to the end, but for a file, and the second one has another list of alterations.
  await rm(late);
  assert.equal((await comet.bench.load()).result.partial, 1);
  await comet.bench.putFile('2.png', 'image 2');
  const { result, failures } = await comet.bench.load();
  assert.deepEqual(failures, []);
  assert.deepEqual([result.alterationsByCode.image_as_asset, result.alterationsByCode.histogram_limit], [2, 2]);
  const found = await compare(comet);
  assert.deepEqual(found.problems, []);
  assert.deepEqual(rich(found).extras.first, []);
}

test('runs that are half, changed, missing or of another program are told', async (t) => {
  const comet = await cometBench(t);
  const { bench } = comet;
  const small = (runId: string, value = 1) => sampleRun(PROJECT, runId, [floats('m', line(3, value))]);
  const lacking = sampleRun(PROJECT, 'half', [{ kind: 'files', rows: [{ path: 'f', type: 'file', file: 'none' }] }]);
  await writeArchive(bench.data, [small('changed'), lacking]);
  await bench.load();
  await writeArchive(bench.data, [small('changed', 2), small('missing'), small('foreign')]);
  await kit.makeForeign(comet.server.url, `${PREFIX}_ws_proj`, 'foreign');
  const { runs } = await compare(comet);
  assert.deepEqual(
    runs.map(({ runId, state }) => [runId, state]),
    [
      ['changed', 'changed'],
      ['foreign', 'foreign'],
      ['half', 'half'],
      ['missing', 'missing'],
    ],
  );
});
