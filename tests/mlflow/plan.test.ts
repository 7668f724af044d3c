// `load --dry-run`, steps that would fall together, and `--step-multiplier auto`, from the outside, on a real MLflow server.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { RunWriter } from '../../src/archive/writer.ts';
import { readBack } from '../counterparts/mlflow-readback.ts';
import { type MlflowServer, startMlflow } from '../counterparts/mlflow-server.ts';
import { floats, type SampleRun, sampleRun, scalars, strings } from '../helpers/archive-runs.ts';
import { type CliResult, runCli } from '../helpers/cli.ts';
import { tempFolder } from '../helpers/temp.ts';

let server: MlflowServer;

before(async () => {
  server = await startMlflow();
});
after(() => server?.stop());

interface Bench {
  load(...args: string[]): Promise<CliResult>;
  write(run: SampleRun): Promise<void>;
  points(): Promise<Record<string, [number, number][]>>;
  runs(): Promise<number>;
  cwd: string;
}

async function bench(t: TestContext, prefix: string): Promise<Bench> {
  const cwd = await tempFolder(t);
  const read = () => readBack(server.url, `${prefix}/`, {});
  return {
    cwd,
    load: (...args) =>
      runCli(
        [
          'load',
          '--loader',
          'mlflow',
          '--mlflow-tracking-uri',
          server.url,
          '--name-prefix',
          prefix,
          '-d',
          'data',
          ...args,
        ],
        { cwd },
      ),
    async write({ info: { projectId, runId }, batches }) {
      const writer = await RunWriter.create({ dataPath: join(cwd, 'data'), projectId, runId, replace: true });
      for (const batch of batches) await writer.append(batch);
      await writer.finish();
    },
    async points() {
      const [experiment] = await read();
      const metrics = experiment?.runs[0]?.metrics ?? {};
      return Object.fromEntries(
        Object.entries(metrics).map(([key, points]) => [
          key,
          points.map(([step, , value]): [number, number] => [Number(step), Number(value)]).sort(([a], [b]) => a - b),
        ]),
      );
    },
    runs: async () => (await read()).reduce((sum, { runs }) => sum + runs.length, 0),
  };
}

/** Points every 0.25 steps, values counting up. */
const quarters = floats(
  'fine',
  [0, 1, 2, 3, 4].map((i) => [`${i / 4}`, 1_700_000_000_000 + i, i]),
);
const whole = floats(
  'whole',
  [0, 1, 2].map((i) => [`${i}`, 1_700_000_000_000 + i, i]),
);

function assertExit({ code, stdout, stderr }: CliResult, expected: number): void {
  assert.equal(code, expected, `${stderr}\n${stdout}`);
}

test('a dry run says what would be made, altered and skipped, and sends nothing', async (t) => {
  const { load, write, runs } = await bench(t, 'dry');
  await write(
    sampleRun('ws/p', 'first', [
      quarters,
      whole,
      floats('odd', [
        ['0', 1, Number.NaN],
        ['1', 2, Number.POSITIVE_INFINITY],
      ]),
      scalars([
        { path: 'a:b', type: 'string', value: 'x'.repeat(7000) },
        { path: 'a_b', type: 'int', value: 1n },
      ]),
      strings('log', [['0.5', 1, 'text']]),
    ]),
  );
  await write(sampleRun('ws/p', 'second', [whole]));
  const stopped = await load('--dry-run');
  assertExit(stopped, 3);
  assert.match(stopped.stdout, /^Runs: 2\n {2}2 to be made$/m);
  assert.match(stopped.stdout, /^dry\/ws\/p\/an experiment +new +2$/m);
  assert.match(
    stopped.stdout,
    /^ {2}3 points of 1 series would fall on steps of other points:\n {4}run first, fine: 3; kept apart by 10$/m,
  );
  assert.match(stopped.stdout, /the smallest multiplier that is exact for all: --step-multiplier 100$/m);
  assert.match(stopped.stdout, /^Values: 1 NaN; NaN is kept/m);
  assert.match(stopped.stdout, /^Values: 1 infinite; infinities are ±1\.797e308/m);
  assert.match(stopped.stdout, /key_collision: 1 in 1 attribute\n {4}run first, a:b: Stored as 'a_b_[0-9a-f]{8}'/);
  assert.match(stopped.stdout, /value_too_long: 1 in 1 attribute/);
  const json = await load('--dry-run', '--json', '--step-multiplier', 'auto');
  assertExit(json, 0);
  const plan = JSON.parse(json.stdout) as {
    steps: { multiplier: string; exact: string; collidingPoints: number };
    runs: {
      runId: string;
      state: string;
      points: number;
      alterations: { code: string; attributePath: string; to?: string }[];
    }[];
    groups: { name: string; exists: boolean; runs: number }[];
  };
  assert.deepEqual([plan.steps.multiplier, plan.steps.exact, plan.steps.collidingPoints], ['100', '100', 0]);
  assert.deepEqual(
    plan.runs.map(({ runId, state, points }) => [runId, state, points]),
    [
      ['first', 'new', 11],
      ['second', 'new', 3],
    ],
  );
  const renamed = plan.runs[0]!.alterations.find(({ code }) => code === 'key_collision');
  assert.match(renamed?.to ?? '', /^a_b_[0-9a-f]{8}$/);
  assert.equal(await runs(), 0);

  assertExit(await load('--step-multiplier', 'auto'), 0);
  await write(sampleRun('ws/p', 'second', [floats('whole', [['0', 1, 9]])]));
  const again = await load('--dry-run', '--step-multiplier', 'auto');
  assertExit(again, 0);
  assert.match(again.stdout, /^ {2}1 there with other content, to be replaced\n {2}1 there already, to be skipped$/m);
});

test('points that would fall together stop a load before anything is sent', async (t) => {
  const { load, write, runs, points } = await bench(t, 'stop');
  await write(sampleRun('ws/p', 'r', [quarters, whole]));
  const stopped = await load();
  assertExit(stopped, 1);
  assert.match(
    stopped.stderr,
    /^error: With --step-multiplier 1, 3 points of fine \(run r, ws\/p\) would fall on steps of other points\./m,
  );
  assert.match(stopped.stderr, /^hint: --step-multiplier 10 keeps all 3 apart \(100 makes all steps whole\)/m);
  assert.equal(await runs(), 0);
  assertExit(await load('--step-multiplier', '4'), 0);
  assert.deepEqual((await points()).fine, [
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
  ]);
});

test('auto takes the multiplier of the whole selection, and the same one again', async (t) => {
  const { load, write, points } = await bench(t, 'auto');
  await write(
    sampleRun('ws/p', 'r', [
      floats('a', [
        ['0', 1, 0],
        ['0.001', 2, 1],
      ]),
      whole,
    ]),
  );
  const first = await load('--step-multiplier', 'AUTO', '--json');
  assertExit(first, 0);
  assert.equal((JSON.parse(first.stdout) as { stepMultiplier: string }).stepMultiplier, '1000');
  assert.deepEqual(await points(), {
    a: [
      [0, 0],
      [1, 1],
    ],
    whole: [
      [0, 0],
      [1000, 1],
      [2000, 2],
    ],
  });
  const second = await load('--step-multiplier', 'auto', '--json');
  assertExit(second, 0);
  assert.equal((JSON.parse(second.stdout) as { skipped: number }).skipped, 1);
  const other = await load('--step-multiplier', '10', '--on-step-collision', 'keep-last', '--json');
  assert.equal((JSON.parse(other.stdout) as { rescaled: number }).rescaled, 1);
});

test('a dry run makes no database, no folder and no server where there is none', async (t) => {
  const { write, cwd } = await bench(t, 'nothing');
  await write(sampleRun('ws/p', 'r', [whole]));
  for (const uri of ['sqlite:///fresh.db', './new-store']) {
    const result = await runCli(
      ['load', '--loader', 'mlflow', '--mlflow-tracking-uri', uri, '-d', 'data', '--dry-run', '--json'],
      { cwd },
    );
    assertExit(result, 0);
    const { runs } = JSON.parse(result.stdout) as { runs: { state: string }[] };
    assert.deepEqual(
      runs.map(({ state }) => state),
      ['new'],
    );
  }
  const left = (await readdir(cwd)).filter((name) => !name.endsWith('.log'));
  assert.deepEqual(left, ['data']);
});

test('series whose steps go back, or are missing, stop a load too; huge steps are foreseen', async (t) => {
  const { load, write, runs, points } = await bench(t, 'odd');
  const back = [
    floats('back', [
      ['0', 1, 0],
      ['1', 2, 1],
    ]),
    floats('back', [
      ['0.5', 3, 2],
      ['1.5', 4, 3],
    ]),
  ];
  await write(sampleRun('ws/p', 'r', back));
  const stopped = await load();
  assertExit(stopped, 1);
  assert.match(stopped.stderr, /2 points of back \(run r/);
  assert.equal(await runs(), 0);
  assertExit(await load('--on-step-collision', 'keep-last'), 0);
  assert.deepEqual((await points()).back, [
    [0, 2],
    [1, 3],
  ]);
  await write(sampleRun('ws/p', 'far', [floats('far', [['100', 1, 0]])]));
  const far = await load('--dry-run', '--json', '-r', 'far', '--step-multiplier', '1000000000000000000');
  const plan = JSON.parse(far.stdout) as { runs: { alterations: { code: string }[] }[] };
  assert.deepEqual(
    plan.runs[0]?.alterations.map(({ code }) => code),
    ['step_out_of_range'],
  );
});
