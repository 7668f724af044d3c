// Archives of the official exporter → MLflow. What holds for every target is in tests/conformance.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';
import { diskName, partName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import type { Failure } from '../../src/model/errors.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { type LoadOptions, type LoadResult, loadArchive } from '../../src/transfer/load.ts';
import { type ReadRun, readBack } from '../counterparts/mlflow-readback.ts';
import { type MlflowServer, startMlflow } from '../counterparts/mlflow-server.ts';
import { python } from '../counterparts/python.ts';
import { tempFolder } from '../helpers/temp.ts';

const PROJECT = 'ws/proj';
let server: MlflowServer;

before(async () => {
  server = await startMlflow();
});
after(() => server?.stop());

interface Loaded {
  result: LoadResult;
  failures: { runId: string; failure: Failure }[];
}

async function load(folder: string, prefix: string, options: Partial<LoadOptions> = {}): Promise<Loaded> {
  const failures: Loaded['failures'] = [];
  const target = await createTarget('mlflow', { mlflowTrackingUri: server.url, namePrefix: prefix }, {});
  try {
    const result = await loadArchive({
      archive: await openArchive(join(folder, 'data')),
      filesPath: join(folder, 'files'),
      target,
      stepMultiplier: 1n,
      concurrency: 3,
      errorReport: { record: (_, runId, failure) => failures.push({ runId, failure }) },
      ...options,
    });
    return { result, failures };
  } finally {
    await target.close();
  }
}

/** The runs below a prefix that weren't deleted, by name; two of one name fail the test. */
async function activeRuns(prefix: string, artifacts = false): Promise<Map<string, ReadRun>> {
  const experiments = await readBack(server.url, `${prefix}/`, { artifacts });
  const runs = experiments.flatMap((experiment) => experiment.runs).filter(({ lifecycle }) => lifecycle === 'active');
  const byName = new Map(runs.map((run) => [run.name, run]));
  assert.equal(byName.size, runs.length, 'each run once');
  return byName;
}

test('what the official exporter wrote as null is counted', async (t) => {
  const folder = await tempFolder(t);
  const directory = join(folder, 'data', diskName(PROJECT));
  await mkdir(directory, { recursive: true });
  const script = join(import.meta.dirname, 'official_nulls.py');
  const part = join(directory, partName(diskName('r'), 0));
  await promisify(execFile)(await python('mlflow'), [script, part, PROJECT, 'r']);
  const { result, failures } = await load(folder, 'nulls');
  assert.deepEqual(failures, []);
  assert.deepEqual(result.alterationsByCode, { null_or_absent: 2, null_as_nan: 2 });
  const { artifacts } = (await activeRuns('nulls', true)).get('r')!;
  const { histograms: read } = JSON.parse(artifacts['h/histograms.json']?.text ?? '') as { histograms: object[] };
  assert.partialDeepStrictEqual(read, [{ edges: [0, 'NaN', 2], values: ['NaN', 1] }]);
  const { alterations } = JSON.parse(artifacts['neptune_exporter/alterations.json']?.text ?? '') as {
    alterations: { path: string; code: string }[];
  };
  assert.deepEqual(
    alterations.map(({ path, code }) => `${path} ${code}`),
    ['loss null_or_absent', 'h null_as_nan', 'model null_or_absent'],
  );
});

interface Expected {
  projectId: string;
  runs: Record<
    string,
    { series: Record<string, { type: string; steps: number[]; timestamps: number[]; values: (string | null)[] }> }
  >;
}

test('an archive that the official exporter wrote arrives point by point', async () => {
  const folder = join(import.meta.dirname, '..', 'fixtures', 'official');
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected;
  const { result, failures } = await load(folder, 'official', { stepMultiplier: 100n });
  assert.deepEqual(failures, []);
  assert.equal(result.loaded, Object.keys(expected.runs).length);
  const loaded = await activeRuns('official', true);
  // As MLflow's database holds them.
  const held = (value: string | null) =>
    ({ inf: '1.7976931348623157e+308', '-inf': '-1.7976931348623157e+308', '-0.0': '0.0' })[value ?? ''] ??
    value ??
    'nan';
  for (const [name, { series }] of Object.entries(expected.runs)) {
    const run = loaded.get(name)!;
    for (const [path, { type, steps, timestamps, values }] of Object.entries(series)) {
      if (type === 'float_series') {
        const points = steps.map((step, i): [string, string, string] => [
          String(step / 10_000),
          String(timestamps[i]),
          held(values[i] ?? null),
        ]);
        assert.deepEqual(run.metrics[path]?.toSorted(byNumbers), points.toSorted(byNumbers), `${name} ${path}`);
      } else if (type === 'string_series') {
        const lines = run.artifacts[`${path}/series.txt`]?.text?.split('\n');
        assert.deepEqual(
          lines?.map((text) => text.split('; ').slice(2).join('; ')),
          values,
        );
      } else if (type === 'histogram_series') {
        const { histograms: read } = JSON.parse(run.artifacts[`${path}/histograms.json`]?.text ?? '') as {
          histograms: { type: string; edges: number[]; values: number[] }[];
        };
        assert.deepEqual(
          read.map(({ type: kind, edges, values: counts }) => ({ type: kind, edges, values: counts })),
          values,
        );
      } else {
        for (const step of steps) {
          const files = Object.keys(run.artifacts).filter((one) => one.startsWith(`${path}/step_${step / 10_000}/`));
          assert.equal(files.length, 1, `${path} at ${step}`);
        }
      }
    }
  }
  assert.equal(loaded.get('RUN-1')?.params['config/layers'], '9007199254740993');
  assert.equal(loaded.get('RUN-1')?.params['config/none'], '');
  assert.ok(loaded.get('RUN-1')?.artifacts['files/model/model.bin']);
});

function byNumbers([left]: [string, ...unknown[]], [right]: [string, ...unknown[]]): number {
  return Number(left) - Number(right);
}
