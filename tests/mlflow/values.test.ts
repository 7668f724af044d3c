// Texts of params, steps, texts cut at MLflow's limits, counts of points.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { words } from '../../src/model/int64.ts';
import { publicMessage } from '../../src/targets/mlflow/client.ts';
import { PointCount } from '../../src/targets/mlflow/point-count.ts';
import { metricValueJson } from '../../src/targets/mlflow/values.ts';
import { decimalStepText, isBeyondInt64, isWholeStep, scaledMicro, wholeStepText } from '../../src/targets/steps.ts';
import { codePoints, cutCodePoints, cutWithHash, storable } from '../../src/targets/text.ts';
import { pythonFloat, stringSetText, timeText } from '../../src/targets/values.ts';
import { python } from '../counterparts/python.ts';
import { microSteps } from '../helpers/archive-runs.ts';

test("floats are printed as Python's repr", async () => {
  const samples = fc.sample(fc.double(), { numRuns: 2000, seed: 1 });
  const edges = [0, -0, 1, -1.5, 1e15, 1e16, 123456789012345680, 1e-4, 1e-5, 1.25e-7, 5e-324, Number.MAX_VALUE, 1e22];
  const values = [...edges, ...samples, Number.NaN, Infinity, -Infinity];
  const bytes = Buffer.from(Float64Array.from(values).buffer).toString('hex');
  const script =
    'import sys, struct; b = bytes.fromhex(sys.argv[1]); print("\\n".join(map(repr, struct.unpack(f"<{len(b)//8}d", b))))';
  const { stdout } = await promisify(execFile)(await python('mlflow'), ['-c', script, bytes]);
  assert.deepEqual(values.map(pythonFloat), stdout.trim().split('\n'));
});

test('metric values are JSON that reads back to the same double', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const read: unknown = JSON.parse(metricValueJson(value));
      assert.ok(Object.is(Number(read), value), metricValueJson(value));
    }),
  );
});

test('times are printed as pandas does', () => {
  assert.equal(timeText(1_684_324_800_123n, ' '), '2023-05-17 12:00:00.123000+00:00');
  assert.equal(timeText(1_684_324_800_000n, ' '), '2023-05-17 12:00:00+00:00');
  assert.equal(timeText(-1, 'T'), '1969-12-31T23:59:59.999000+00:00');
  assert.equal(timeText(2n ** 63n - 1n, 'T'), undefined);
});

test('a string set can be taken apart again', () => {
  assert.deepEqual(stringSetText(['a', 'b']), { text: 'a,b', json: false });
  assert.deepEqual(stringSetText([]), { text: '', json: false });
  assert.deepEqual(stringSetText(['a,b', 'c']), { text: '["a,b","c"]', json: true });
  fc.assert(
    fc.property(fc.array(fc.string()), (values) => {
      const { text, json } = stringSetText(values);
      assert.equal(json, text.startsWith('['), 'the two forms are told apart by the first character');
      const read: unknown = json ? JSON.parse(text) : text === '' ? [] : text.split(',');
      assert.deepEqual(read, values);
    }),
  );
});

function scaled(step: string, multiplier: bigint) {
  const column = BigInt64Array.of(microSteps(step));
  return scaledMicro(column, words(column), 0, multiplier);
}

test('steps are scaled by whole numbers', () => {
  const cases: [step: string, multiplier: bigint, whole: string, decimal: string][] = [
    ['0.29', 100n, '29', '29'],
    ['0.29', 1n, '0', '0.29'],
    ['-1.5', 1n, '-1', '-1.5'],
    ['-0.000001', 1n, '0', '-0.000001'],
    ['-0.5', 1n, '0', '-0.5'],
    ['12.500000', 1000n, '12500', '12500'],
    ['999999999999.999999', 1n, '999999999999', '999999999999.999999'],
    ['999999999999.999999', 1_000_000n, '999999999999999999', '999999999999999999'],
    ['9007199254.740993', 1_000_000n, '9007199254740993', '9007199254740993'],
  ];
  for (const [step, multiplier, whole, decimal] of cases) {
    const product = scaled(step, multiplier);
    assert.equal(wholeStepText(product), whole, step);
    assert.equal(decimalStepText(product), decimal, step);
    assert.equal(isWholeStep(product), whole === decimal, step);
  }
});

test('steps are exact for any archive step and multiplier', () => {
  const micro = fc.bigInt({ min: -999_999_999_999_999_999n, max: 999_999_999_999_999_999n });
  fc.assert(
    fc.property(micro, fc.bigInt({ min: 1n, max: 1_000_000n }), (value, multiplier) => {
      const column = BigInt64Array.of(value);
      const product = scaledMicro(column, words(column), 0, multiplier);
      const exact = value * multiplier;
      assert.equal(BigInt(product), exact);
      assert.equal(isWholeStep(product), exact % 1_000_000n === 0n);
      const whole = exact / 1_000_000n;
      assert.equal(isBeyondInt64(product), whole !== BigInt.asIntN(64, whole));
      if (!isBeyondInt64(product)) assert.equal(wholeStepText(product), whole.toString());
      assert.equal(microSteps(decimalStepText(product)), exact);
    }),
    { numRuns: 2000 },
  );
});

test('lengths are code points, and cuts keep them whole', () => {
  assert.equal(codePoints('a😀b'), 3);
  assert.equal(codePoints('\ud800x\udc00'), 3);
  assert.equal(cutCodePoints('😀😀😀', 2), '😀😀');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(20), (text, limit) => {
      assert.equal(codePoints(text), Array.from(text).length);
      assert.equal(cutCodePoints(text, limit), Array.from(text).slice(0, limit).join(''));
      assert.ok(codePoints(cutWithHash(text, 20)) <= 20);
    }),
  );
  assert.equal(storable('a\0b\ud800'), 'a\ufffdb\ufffd');
});

test('equal points are counted once, as a database keeps them', () => {
  const count = new PointCount();
  for (const [step, time, value] of [
    [1, 5, 1],
    [1, 5, 1],
    [1, 5, 2],
    [1, 6, 1],
    [2, 6, Number.NaN],
    [2, 6, Number.NaN],
    [2, 6, 0],
    [2, 6, -0],
  ] as const) {
    count.add(String(step), step, time, value);
  }
  assert.equal(count.sent, 8);
  assert.equal(count.expected, 5);
  assert.equal(count.lastStep, '2');
  assert.ok(count.accepts(5, false) && !count.accepts(4, false) && !count.accepts(6, false));
  assert.ok(count.accepts(8, true) && !count.accepts(5, true));
});

test("a server's message loses its SQL and what follows", () => {
  const message = '(sqlite3.IntegrityError) UNIQUE failed [SQL: INSERT INTO params VALUES (?)] [parameters: (secret)]';
  assert.equal(publicMessage(message), '');
  assert.equal(publicMessage(`Bad thing happened: ${message}`), 'Bad thing happened:');
  assert.equal(publicMessage('one\ntwo'), 'one');
  assert.equal(publicMessage('x'.repeat(500)).length, 301);
});
