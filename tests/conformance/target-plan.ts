// Of the suite of targets: what is said before anything is sent, and steps.

import assert from 'node:assert/strict';
import { planLines } from '../../src/cli/plan-report.ts';
import type { SeriesType } from '../../src/model/attributes.ts';
import type { CollisionPolicy } from '../../src/targets/step-collisions.ts';
import type { LoadResult } from '../../src/transfer/load.ts';
import {
  floats,
  type Points,
  type SampleRun,
  sampleRun,
  scalars,
  strings,
  writeArchive,
} from '../helpers/archive-runs.ts';
import { PROJECT, type TargetBench } from './target-bench.ts';
import { heldFloats, heldStep, small, sorted } from './target-data.ts';
import type { TargetSuite } from './target-suite.ts';

/** Points every quarter of a step, values counting up. */
const QUARTERS: Points<number> = [0, 1, 2, 3, 4].map((i) => [`${i / 4}`, 1_700_000_000_000 + i, i]);
const WHOLE: Points<number> = [0, 1, 2].map((i) => [`${i}`, 1_700_000_000_000 + i, i]);

export function planTests(suite: TargetSuite): void {
  const { kit } = suite;
  const { design } = kit;
  const wholeSteps = async (): Promise<ReadonlySet<SeriesType>> => {
    const target = await kit.target(suite.url, 'steps');
    await target.close();
    return target.wholeSteps;
  };

  suite.test(
    'plan',
    'a plan says what will be made, completed, replaced, left, and altered; it sends nothing',
    async (_, bench) => {
      const [, alike] = design.colliding;
      const long = 'ü'.repeat(design.longestText + 1);
      const fresh = sampleRun(PROJECT, 'fresh', [
        scalars([
          { path: design.colliding[0], type: 'string', value: long },
          { path: alike, type: 'int', value: 1n },
        ]),
        floats('quarters', QUARTERS),
        floats('whole', WHOLE),
        floats('special', [
          ['0', 1, Number.NaN],
          ['1', 2, Number.POSITIVE_INFINITY],
          ['2', 3, Number.NEGATIVE_INFINITY],
          ['3', 4, -0],
        ]),
      ]);
      // Its file is not there yet.
      await writeArchive(bench.data, [small('half')]);
      assert.deepEqual(await bench.counts(), { runs: 1, partial: 1, failed: 1 });
      const path = await bench.putFile('small.bin', 'small');
      await writeArchive(bench.data, [small('changed'), small('whole')]);
      assert.deepEqual(await bench.counts({ runs: ['changed', 'whole'] }), { runs: 2, loaded: 2 });
      await writeArchive(bench.data, [small('changed', 2), fresh]);
      const before = await bench.held();
      const plan = await bench.plan();
      assert.ok(path);
      assert.deepEqual(
        new Map(plan.runs.map(({ runId, state, points, files }) => [runId, [state, points, files]])),
        new Map([
          ['changed', ['changed', 31, 1]],
          ['fresh', ['new', 12, 0]],
          ['half', ['half', 31, 1]],
          ['whole', ['whole', 0, 0]],
        ]),
      );
      assert.deepEqual(
        plan.runs.map(({ failures }) => failures),
        [[], [], [], []],
      );
      assert.deepEqual(plan.values, { nans: 1, infinities: 2, negativeZeros: 1 });
      assert.deepEqual(
        new Map(plan.groups.map(({ name, exists }) => [name, exists])).get(before.get('whole')!.group),
        true,
      );
      const isWhole = (await wholeSteps()).has('float_series');
      const { fractionalPoints, collidingPoints, exact, separate, collisions } = plan.steps;
      assert.deepEqual(
        [fractionalPoints, collidingPoints, exact, separate],
        isWhole ? [3, 3, 100n, 10n] : [0, 0, 1n, 1n],
      );
      assert.deepEqual(
        collisions.map(({ runId, attributePath, points, multiplier }) => [runId, attributePath, points, multiplier]),
        isWhole ? [['fresh', 'quarters', 3, 10n]] : [],
      );
      const { alterations, name } = plan.runs.find(({ runId }) => runId === 'fresh')!;
      const told = (code: string | undefined, attribute: string) =>
        alterations.find((one) => one.code === code && one.attributePath === attribute);
      const renamed = design.colliding.map((attribute) => told('key_collision', attribute)).filter((one) => one);
      assert.ok(renamed.length >= 1, 'one of two names that are alike is told');
      assert.ok(renamed.every((one) => one?.to));
      assert.equal(told('value_too_long', design.colliding[0])?.count, 1);
      if (isWhole) assert.equal(told('step_truncated', 'quarters')?.count, 3);
      if (design.codes.infinity) assert.equal(told(design.codes.infinity, 'special')?.count, 2);
      if (design.codes.negativeZero) assert.equal(told(design.codes.negativeZero, 'special')?.count, 1);
      assert.equal(told('step_collision', 'quarters'), undefined, 'nothing is left out unless it is asked for');
      assert.ok(planLines(plan, 'there', { nan: 'NaN', infinity: 'infinity' }).length > 5);
      const kept = await bench.plan({ onStepCollision: 'keep-last', stepMultiplier: 'auto', runs: ['fresh'] });
      assert.equal(kept.steps.multiplier, isWhole ? 100n : 1n);
      assert.deepEqual(await bench.held(), before, 'nothing was sent');

      if (kit.cli) {
        const outside = await bench.cli(kit.cli, ['--dry-run', '--json', '--step-multiplier', '100']);
        assert.equal(outside.code, 0, outside.stderr);
        const { runs } = JSON.parse(outside.stdout) as { runs: { runId: string; name: string }[] };
        assert.equal(runs.find(({ runId }) => runId === 'fresh')?.name, name);
        assert.equal((await bench.cli(kit.cli, ['--dry-run'])).code, isWhole ? 3 : 0);
      }

      // The load does what the plan said.
      const { result } = await bench.load({ onStepCollision: 'keep-last' });
      assert.deepEqual([result.loaded, result.completed, result.updated, result.skipped], [1, 1, 1, 1]);
      const held = await bench.held();
      assert.ok([...held.values()].every((run) => run.isWhole));
      assert.equal(held.get('fresh')?.values[design.colliding[0]], long);
      assert.equal(held.get('fresh')?.values[alike], '1');
      assert.equal(held.get('changed')?.values.p, '2');
      for (const code of [
        'key_collision',
        'value_too_long',
        ...(isWhole ? ['step_truncated', 'step_collision'] : []),
      ]) {
        assert.ok((result.alterationsByCode[code] ?? 0) > 0, `${code} is counted`);
      }
    },
  );

  suite.test('stop', 'points that would fall together stop a load before anything is sent', async (_, bench) => {
    await writeArchive(bench.data, [sampleRun(PROJECT, 'r', [floats('fine', QUARTERS), floats('whole', WHOLE)])]);
    if (!(await wholeSteps()).has('float_series')) return nothingFallsTogether(bench, 'stop');
    await assert.rejects(bench.load(), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'step_collision');
      assert.match(
        error.message,
        /multiplier 1, 3 points of fine \(run r, ws\/proj\) would fall on steps of other points/,
      );
      assert.match(error.hint ?? '', /--step-multiplier 10 keeps all 3 apart \(100 makes all steps whole\)/);
      return true;
    });
    assert.equal((await bench.held()).size, 0);
    assert.deepEqual(await bench.counts({ stepMultiplier: 4n }), { runs: 1, loaded: 1 });
    assert.deepEqual(await stepsAndValues(bench, 'fine'), [
      ['0', 0],
      ['1', 1],
      ['2', 2],
      ['3', 3],
      ['4', 4],
    ]);
  });

  for (const [policy, expected] of [
    [
      'keep-last',
      [
        ['0', 3],
        ['1', 4],
      ],
    ],
    [
      'keep-first',
      [
        ['0', 0],
        ['1', 4],
      ],
    ],
  ] as const) {
    suite.test(policy, `${policy} sends one point of each step, and counts the others`, async (_, bench) => {
      // In two batches, so that a step's points come apart.
      const batches = [floats('fine', QUARTERS.slice(0, 2)), floats('fine', QUARTERS.slice(2)), floats('whole', WHOLE)];
      await writeArchive(bench.data, [sampleRun(PROJECT, 'r', batches)]);
      if (!(await wholeSteps()).has('float_series')) return nothingFallsTogether(bench, policy);
      const { loaded, alterationsByCode } = await resultOf(bench, policy);
      assert.deepEqual([loaded, alterationsByCode.step_collision], [1, 3]);
      assert.deepEqual(await stepsAndValues(bench, 'fine'), expected);
      assert.equal((await bench.held()).get('r')?.floats.whole?.length, 3);
      const { fine } = (await bench.held()).get('r')!.originals;
      if (fine)
        assert.deepEqual(
          fine.map(({ step, value }) => [step, value]),
          QUARTERS.map(([step, , value]) => [step, value]),
        );
    });
  }

  suite.test(
    'policy',
    'a half run that was begun with one choice of points is whole with the other one',
    async (_, bench) => {
      const withFile = sampleRun(PROJECT, 'r', [
        floats('fine', QUARTERS),
        { kind: 'files', rows: [{ path: 'f', type: 'file', file: 'small.bin' }] },
      ]);
      await writeArchive(bench.data, [withFile]);
      assert.deepEqual(await bench.counts({ onStepCollision: 'keep-first' }), { runs: 1, partial: 1, failed: 1 });
      await bench.putFile('small.bin', 'small');
      assert.deepEqual(await bench.counts({ onStepCollision: 'keep-last' }), { runs: 1, completed: 1 });
      if (!(await wholeSteps()).has('float_series')) return nothingFallsTogether(bench, 'keep-last');
      assert.deepEqual(await stepsAndValues(bench, 'fine'), [
        ['0', 3],
        ['1', 4],
      ]);
    },
  );

  suite.test(
    'exact',
    'steps are multiplied as whole numbers, and auto takes the smallest exact power of ten',
    async (_, bench) => {
      const points: Points<number> = [
        ['-1.5', 1, 0],
        ['0.29', 2, 1],
        ['0.57', 3, 2],
        ['1.001', 4, 3],
        ['999999999.999', 5, 4],
      ];
      const exact = sampleRun(PROJECT, 'exact', [
        floats('m', points),
        floats('whole', WHOLE),
        strings('s', [['0.29', 1, 'x']]),
      ]);
      await writeArchive(bench.data, [exact]);
      const types = await wholeSteps();
      const auto = await bench.load({ stepMultiplier: 'auto' });
      const multiplier = types.has('float_series') ? 1000n : 1n;
      assert.deepEqual([auto.result.stepMultiplier, auto.result.loaded], [String(multiplier), 1]);
      await assertSteps(bench, exact, multiplier, types);
      assert.equal(auto.result.alterationsByCode.step_truncated, undefined);
      assert.deepEqual(await bench.counts({ stepMultiplier: 'auto' }), { runs: 1, skipped: 1 });
      const rescaled = await bench.load({ stepMultiplier: 100n, onStepCollision: 'keep-last' });
      assert.deepEqual([rescaled.result.skipped, rescaled.result.rescaled], [1, design.keepsSteps ? 0 : 1]);
      const told = /run exact: skipped; it was loaded before with another step multiplier/;
      if (!design.keepsSteps) assert.match(rescaled.warnings.join(), told);
      await assertSteps(bench, exact, multiplier, types);

      // 0.29 x 100 is 28.999999999999996 to doubles, 0.57 x 100 is 56.99999999999999.
      const hundred = sampleRun(PROJECT, 'hundred', exact.batches.slice(1));
      await writeArchive(bench.data, [hundred]);
      assert.deepEqual(await bench.counts({ runs: ['hundred'], stepMultiplier: 100n }), { runs: 1, loaded: 1 });
      await assertSteps(bench, hundred, 100n, types);
    },
  );

  /** Where steps are decimals a policy has nothing to choose from: all points are there. */
  async function nothingFallsTogether(bench: TargetBench, onStepCollision: CollisionPolicy): Promise<void> {
    const { failed, alterationsByCode } = await resultOf(bench, onStepCollision);
    assert.deepEqual([failed, alterationsByCode.step_collision], [0, undefined]);
    const kept = await stepsAndValues(bench, 'fine');
    assert.deepEqual(
      kept,
      QUARTERS.map(([step, , value]) => [step, value]),
    );
  }

  /** By the program, where it knows the target. */
  async function resultOf(bench: TargetBench, onStepCollision: CollisionPolicy): Promise<LoadResult> {
    if (!kit.cli) return (await bench.load({ onStepCollision })).result;
    const { code, stdout, stderr } = await bench.cli(kit.cli, ['--on-step-collision', onStepCollision, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as LoadResult;
  }

  async function assertSteps(bench: TargetBench, { info }: SampleRun, given: bigint, types: ReadonlySet<SeriesType>) {
    const multiplier = design.keepsSteps ? 1n : given;
    const run = (await bench.held()).get(info.runId)!;
    const steps = (found: { step: string }[] | undefined) => found?.map(({ step }) => step);
    const isWhole = types.has('float_series');
    const points: Points<number> = [
      ['-1.5', 1, 0],
      ['0.29', 2, 1],
      ['0.57', 3, 2],
      ['1.001', 4, 3],
      ['999999999.999', 5, 4],
    ];
    assert.deepEqual(sorted(run.floats.m), heldFloats(points, { multiplier, isWhole, design }));
    assert.deepEqual(steps(run.texts.s), [heldStep('0.29', multiplier, types.has('string_series'))]);
  }
}

async function stepsAndValues(bench: TargetBench, path: string): Promise<[string, number][]> {
  const points = (await bench.held()).get('r')?.floats[path];
  return sorted(points).map(({ step, value }) => [step, value]);
}
