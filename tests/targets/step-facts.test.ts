// Facts about steps, compared with plain arithmetic on whole numbers.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { StepFacts } from '../../src/targets/step-facts.ts';

const POWERS = [1n, 10n, 100n, 1000n, 10_000n, 100_000n, 1_000_000n];

function facts(steps: readonly bigint[], multiplier = 1n): StepFacts {
  const found = new StepFacts(multiplier);
  // In two batches: a series is told as it comes.
  const half = steps.length >> 1;
  for (const part of [steps.slice(0, half), steps.slice(half)]) found.add(BigInt64Array.from(part), part.length);
  return found;
}

const count = (steps: readonly bigint[], is: (step: bigint, before: bigint | undefined) => boolean) =>
  steps.filter((step, index) => is(step, steps[index - 1])).length;

const anyStep = fc.oneof(
  fc.bigInt({ min: -3_000_000n, max: 3_000_000n }),
  fc.bigInt({ min: -20n, max: 20n }).map((step) => step * 100_000n),
  fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }),
);
const anySteps = fc
  .array(anyStep, { maxLength: 40 })
  .map((steps) => steps.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));

test('fractions, collisions and repeated steps are those of exact arithmetic, at any multiplier', () => {
  fc.assert(
    fc.property(anySteps, fc.bigInt({ min: 1n, max: 5_000_000n }), (steps, custom) => {
      const found = facts(steps, custom);
      for (const multiplier of [custom, ...POWERS]) {
        const fractional = count(steps, (step) => (step * multiplier) % 1_000_000n !== 0n);
        assert.equal(found.fractional(multiplier), fractional, `fractions at ${multiplier}`);
        const collisions = count(
          steps,
          (step, before) =>
            before !== undefined &&
            before !== step &&
            (before * multiplier) / 1_000_000n === (step * multiplier) / 1_000_000n,
        );
        assert.equal(found.collisions(multiplier), collisions, `collisions at ${multiplier}`);
      }
      assert.equal(
        found.repeated,
        count(steps, (step, before) => step === before),
      );
      const exact = POWERS.find((power) => steps.every((step) => (step * power) % 1_000_000n === 0n));
      assert.equal(found.exactMultiplier, exact);
      assert.equal(found.fractional(found.exactMultiplier), 0);
      assert.equal(found.collisions(found.separateMultiplier), 0);
    }),
    { numRuns: 500 },
  );
});

test('0.29 times 100 is 29, and a step that was not looked at is an error', () => {
  const found = facts([290_000n, 300_000n]);
  assert.deepEqual([found.exactMultiplier, found.separateMultiplier], [100n, 10n]);
  assert.deepEqual([found.fractional(10n), found.fractional(100n), found.collisions(1n)], [1, 0, 1]);
  assert.throws(() => found.fractional(7n), /not looked at/);
});
