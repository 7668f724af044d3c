import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decimalStepText } from '../../src/targets/steps.ts';
import { pythonFloat, timeText } from '../../src/targets/values.ts';
import { putRows, rowsRoom } from '../../src/targets/wandb/csv-rows.ts';
import { ABSENT, newRecords } from '../../src/targets/wandb/point-spool.ts';

const int64 = { min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n };
const step = fc.oneof(
  fc.nat(1e9).map((whole) => BigInt(whole) * 1_000_000n),
  fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }),
  fc.constantFrom(0n, 9_007_199_254_000_000n, 9_007_199_255_000_000n, -1n, ABSENT),
);
const time = fc.oneof(
  fc.bigInt({ min: 0n, max: 2_000_000_000_000n }),
  fc.bigInt(int64),
  fc.constantFrom(0n, -1n, 86_400_000n, 253_402_300_799_999n, 253_402_300_800_000n, -62_167_219_200_001n, ABSENT),
);

test('rows are those that texts would make, for all steps, times and values', () => {
  const point = fc.tuple(step, time, fc.double());
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 20 }), (points) => {
      const records = newRecords(points.length);
      const column = new BigInt64Array(records.words.buffer);
      const expected = points.map(([micro, ms, value], i) => {
        column[i * 3] = micro;
        column[i * 3 + 1] = ms;
        records.values[i * 3 + 2] = value;
        const stepText = micro === ABSENT ? '' : decimalStepText(micro);
        const msText = ms === ABSENT ? '' : (timeText(ms, 'T') ?? `${ms} ms`);
        return `ö/x,${stepText},${msText},${Number.isFinite(value) ? pythonFloat(value) : value}\n`;
      });
      const attribute = Buffer.from('ö/x');
      const into = Buffer.alloc(rowsRoom(attribute, records));
      assert.equal(into.toString('utf8', 0, putRows(into, attribute, records)), expected.join(''));
    }),
    { numRuns: 2000 },
  );
});
