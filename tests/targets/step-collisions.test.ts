// Points that fall on one step, compared with a plain model that sees the whole series at once.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { FloatSeriesBatch } from '../../src/model/batches.ts';
import { leftOut, StepCollisions } from '../../src/targets/step-collisions.ts';
import { type RunSurvey, surveyBatch } from '../../src/targets/survey.ts';

function batchOf(steps: readonly bigint[], from: number): FloatSeriesBatch {
  return {
    kind: 'float_series',
    path: 's',
    length: steps.length,
    steps: BigInt64Array.from(steps),
    timestamps: new BigInt64Array(steps.length),
    values: Float64Array.from(steps, (_, index) => from + index),
  };
}

/** What goes on of a series that comes in batches of some lengths, by the points' numbers. */
function passed(
  steps: readonly bigint[],
  lengths: readonly number[],
  multiplier: bigint,
  policy: 'keep-first' | 'keep-last',
) {
  const batches: FloatSeriesBatch[] = [];
  for (let at = 0, next = 0; at < steps.length; next++) {
    const length = lengths[next % lengths.length]!;
    batches.push(batchOf(steps.slice(at, at + length), at));
    at += length;
  }
  const survey: RunSurvey = new Map();
  for (const batch of batches) surveyBatch(survey, batch, multiplier);
  const collisions = new StepCollisions(survey, multiplier, policy);
  const numbers = batches.flatMap((batch) => [...collisions.pass(batch)].flatMap(({ values }) => [...values]));
  return { numbers, dropped: collisions.dropped.get('s') ?? 0, foreseen: survey.get('float_series s')!.steps! };
}

const anySteps = fc
  .array(fc.oneof(fc.bigInt({ min: -3n, max: 3n }), fc.bigInt({ min: -12n, max: 12n })), {
    minLength: 1,
    maxLength: 30,
  })
  .map((steps) => steps.map((step) => step * 250_000n).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));

for (const policy of ['keep-first', 'keep-last'] as const) {
  test(`${policy}: what goes on is what a model of the whole series says, however it is cut`, () => {
    fc.assert(
      fc.property(
        anySteps,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(1n, 2n, 3n, 4n, 10n),
        (steps, lengths, multiplier) => {
          const model = leftOut(steps, multiplier, policy);
          const expected = steps.map((_, index) => index).filter((index) => !model.has(index));
          const { numbers, dropped } = passed(steps, lengths, multiplier, policy);
          assert.deepEqual(numbers, expected);
          assert.equal(dropped, model.size);
        },
      ),
      { numRuns: 1000 },
    );
  });
}

test('missing steps go to step 0, and only one point stays there; steps that go back are seen', () => {
  const half = 500_000n;
  assert.deepEqual([...leftOut([undefined, 0n, undefined, 1_000_000n], 1n, 'keep-last')].sort(), [0, 1]);
  assert.deepEqual([...leftOut([undefined, 0n, undefined], 1n, 'keep-first')].sort(), [1, 2]);
  assert.deepEqual([...leftOut([0n, 1_000_000n, half, 1_000_000n + half], 1n, 'keep-first')].sort(), [2, 3]);
  const survey: RunSurvey = new Map();
  const batch = { ...batchOf([0n, 1_000_000n, 0n], 0), stepValid: Uint8Array.from([1, 1, 0]) };
  surveyBatch(survey, batch, 1n);
  const { steps } = survey.get('float_series s')!;
  assert.deepEqual([steps?.missing, steps?.isUnordered, steps?.collisions(1n)], [1, false, 1]);
  surveyBatch(survey, batchOf([500_000n], 3), 1n);
  assert.equal(steps?.isUnordered, true);
});
