// Requests of float series keep to the server's limits and are few.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { packRequests } from '../../src/sources/float-series.ts';
import type { SeriesRef } from '../../src/sources/work.ts';

const run = { projectId: 'w/p', runId: 'r', sysId: 'R-1' };
const series = (lastSteps: (number | undefined)[]): SeriesRef[] =>
  lastSteps.map((lastStep, index) => ({ run, path: `m/${index}`, type: 'float_series', lastStep }));
const sizes = (lastSteps: (number | undefined)[]) => packRequests(series(lastSteps), 16).map((group) => group.length);

test('every series is asked for once, within the limit of series a request', () => {
  const step = fc.option(fc.oneof(fc.integer({ min: 0, max: 200_000 }), fc.constant(1e12), fc.double()), {
    nil: undefined,
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000 }), (lastSteps) => {
      const groups = packRequests(series(lastSteps), 16);
      assert.deepEqual(
        groups
          .flat()
          .map(({ path }) => path)
          .sort(),
        series(lastSteps)
          .map(({ path }) => path)
          .sort(),
      );
      assert.ok(groups.every((group) => group.length > 0 && group.length <= 10_000));
    }),
    { numRuns: 50 },
  );
});

test('series of a known length get room for all their points', () => {
  assert.deepEqual(sizes(Array(1600).fill(1999)), [400, 400, 400, 400]);
  assert.deepEqual(sizes(Array(20_000).fill(9)), [10_000, 10_000]);
});

test('huge steps of few points do not make many requests', () => {
  assert.ok(sizes(Array(1600).fill(1e9)).length <= 16);
});

test('long series are spread over requests that run side by side', () => {
  assert.deepEqual(sizes(Array(40).fill(99_999)), [10, 10, 10, 10]);
});
