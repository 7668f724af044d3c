// Steps must become the very decimals that the official exporter writes: Python's Decimal is the judge.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import fc from 'fast-check';
import { ExporterError } from '../../src/model/errors.ts';
import { microOfStep, stepText } from '../../src/model/steps.ts';
import { python } from '../counterparts/python.ts';

const PROGRAM = `
import sys
from decimal import Decimal, getcontext
getcontext().prec = 60
for line in sys.stdin:
    print(Decimal(float.fromhex(line.strip())).quantize(Decimal("1.000000")))
`;

/** Python's float.fromhex reads this exactly. */
function hex(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const sign = bits >> 63n ? '-' : '';
  const fraction = (bits & 0xf_ffff_ffff_ffffn).toString(16).padStart(13, '0');
  return exponent === 0 ? `${sign}0x0.${fraction}p-1022` : `${sign}0x1.${fraction}p${exponent - 1023}`;
}

test('micro-steps equal what Decimal.quantize gives', async () => {
  const ties = Array.from({ length: 200 }, (_, index) => (index * 2 + 1) / 2 ** 7 + index);
  const random = fc.sample(
    fc.oneof(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.double({ min: -1e11, max: 1e11, noNaN: true }),
      fc.integer({ min: 0, max: 1e9 }).map((n) => n / 1e6),
      fc.integer({ min: 0, max: 1e9 }).map((n) => n / 2e6),
    ),
    { numRuns: 5000, seed: 7 },
  );
  const special = [
    0, -0, 0.1, 0.29, 0.0000005, 0.0000015, 1e-7, 5e-324, 999_999_999_999, 999_999_999_999.9999, 9007199254.740993,
  ];
  const steps = [...special, ...ties, ...random];
  const input = steps.map(hex).join('\n');
  const answer = execFileSync(await python('neptune3'), ['-c', PROGRAM], { input, encoding: 'utf8' });
  const expected = answer.trim().split('\n');
  assert.equal(expected.length, steps.length);
  for (const [index, step] of steps.entries()) {
    const text = stepText(BigInt(microOfStep(step)));
    assert.equal(text, expected[index]!.replace(/^-(0\.0+)$/, '$1'), `step ${step}`);
  }
});

test('what decimal(18,6) cannot hold is refused', () => {
  for (const step of [1e12, -1e12, 1e300, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => microOfStep(step),
      (error) => error instanceof ExporterError && error.code === 'unsupported',
      `step ${step}`,
    );
  }
});

test('a step text has six places', () => {
  assert.equal(stepText(0n), '0.000000');
  assert.equal(stepText(-1n), '-0.000001');
  assert.equal(stepText(12_500_000n), '12.500000');
});
