import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readNumber } from '../../src/sources/neptune2/decimal.ts';
import { readFloatPage } from '../../src/sources/neptune2/json-points.ts';
import { SpareColumns } from '../../src/sources/point-columns.ts';

/** The number at the beginning of a text, and what is left of the text. */
function read(text: string): [number, string] {
  const end = { at: 0 };
  const value = readNumber(Buffer.from(`${text},`), 0, end);
  return [value, end.at < 0 ? 'none' : text.slice(end.at)];
}

test('numbers are the doubles that JSON.parse makes of them, in whatever form they are written', () => {
  const forms = [
    String,
    (x: number) => x.toExponential(),
    (x: number) => x.toPrecision(17),
    (x: number) => x.toFixed(6),
  ];
  const double = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.double({ min: -1000, max: 1000, noNaN: true }),
  );
  fc.assert(
    fc.property(double, fc.constantFrom(...forms), (value, form) => {
      const text = form(value).replace('e+', 'E');
      assert.deepEqual(read(text), [Number(text), '']);
    }),
    { numRuns: 5000 },
  );
});

test('numbers close to the middle between two doubles are rounded as IEEE 754 has it', () => {
  const middle = fc.tuple(
    fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n }),
    fc.nat(8),
    fc.nat(22),
    fc.integer({ min: -1, max: 1 }),
  );
  fc.assert(
    fc.property(middle, ([mantissa, double, shift, off]) => {
      const text = `${((2n * mantissa + 1n) << BigInt(double)) + BigInt(off)}e-${shift}`;
      assert.deepEqual(read(text), [Number(text), '']);
    }),
    { numRuns: 5000 },
  );
  for (const text of [
    '9007199254740993',
    '0.1e-5',
    '1e23',
    '1.7976931348623157e308',
    '5e-324',
    '2.2250738585072011e-308',
    '-0',
    '0.0',
  ])
    assert.deepEqual(read(text), [Number(text), ''], text);
  for (const text of ['', '-', '.5', '1.', '1.e5', '1e', '1e+', 'NaN', 'x']) assert.equal(read(text)[1], 'none', text);
});

interface Point {
  step: number;
  timestampMillis: number;
  value: number | string;
}

function page(text: string) {
  const found = readFloatPage(Buffer.from(text), new SpareColumns(1));
  if (!found) return undefined;
  const { columns, length, ...rest } = found;
  const { steps, timestamps, values } = columns;
  const points = Array.from({ length }, (_, i) => ({ step: steps[i]!, timestamp: timestamps[i]!, value: values[i]! }));
  return { points, ...rest };
}

const point: fc.Arbitrary<Point> = fc.record({
  step: fc.oneof(fc.nat(1e9), fc.constantFrom(0, -3, 0.5, 0.000001)),
  timestampMillis: fc.oneof(fc.integer({ min: 0, max: 2e12 }), fc.constantFrom(-1, Number.MAX_SAFE_INTEGER)),
  value: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom('NaN', 'Infinity', '-Infinity', '1.5'),
  ),
});

test('a page comes as it was written, with or without spaces, other members, and in any order', () => {
  const layouts = [undefined, 1];
  fc.assert(
    fc.property(
      fc.array(point, { maxLength: 30 }),
      fc.constantFrom(...layouts),
      fc.boolean(),
      (points, space, more) => {
        const values = points.map((one) =>
          more ? { isPreview: false, completionRatio: 1, note: 'x_1', ...one } : one,
        );
        const whole = more ? { values, totalItemCount: points.length } : { totalItemCount: points.length, values };
        const found = page(JSON.stringify(whole, undefined, space));
        assert.ok(found);
        assert.deepEqual(
          found.points,
          points.map(({ step, timestampMillis, value }) => ({
            ...{
              step: BigInt(Math.round(step * 1e6)),
              timestamp: BigInt(timestampMillis),
              value: Number(JSON.parse(JSON.stringify(value))),
            },
          })),
        );
        assert.equal(found.total, points.length);
        if (points.length > 0)
          assert.deepEqual([found.firstStep, found.lastStep], [points[0]!.step, points.at(-1)!.step]);
      },
    ),
  );
});

test('bare words are read as the floats they stand for', () => {
  const one = (value: string) => `{"values":[{"timestampMillis":1,"step":2.0,"value":${value}}]}`;
  for (const [text, value] of [
    ['NaN', Number.NaN],
    ['null', Number.NaN],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['"+Infinity"', Number.POSITIVE_INFINITY],
  ] as const) {
    assert.equal(page(one(text))?.points[0]?.value, value, text);
  }
  assert.equal(page(one('1'))?.total, undefined);
});

test('what is not quite a page of floats is left to the reader of any JSON', () => {
  const ok = '{"timestampMillis":1,"step":2.0,"value":3}';
  const odd = [
    '',
    '{}',
    '[]',
    '{"values":null}',
    `{"values":[${ok}]`,
    `{"values":[${ok}]}x`,
    `{"values":[${ok},]}`,
    `{"values":[${ok}],"values":[]}`,
    `{"values":[${ok}],"more":1}`,
    '{"values":[{"step":2.0,"value":3}]}',
    '{"values":[{"timestampMillis":1,"value":3}]}',
    '{"values":[{"timestampMillis":1,"step":2.0}]}',
    '{"values":[{"timestampMillis":null,"step":2.0,"value":3}]}',
    '{"values":[{"timestampMillis":1.5,"step":2.0,"value":3}]}',
    '{"values":[{"timestampMillis":9007199254740993,"step":2.0,"value":3}]}',
    '{"values":[{"timestampMillis":1,"step":null,"value":3}]}',
    '{"values":[{"timestampMillis":1,"step":"NaN","value":3}]}',
    '{"values":[{"timestampMillis":1,"step":1e13,"value":3}]}',
    '{"values":[{"timestampMillis":1,"step":2.0,"value":"a"}]}',
    '{"values":[{"timestampMillis":1,"step":2.0,"value":"\\u0031"}]}',
    '{"values":[{"timestampMillis":1,"step":2.0,"value":[3]}]}',
    '{"values":[{"timestampMillis":1,"step":2.0,"value":3,"more":{}}]}',
    '{"values":[{"timestampMillis":1,"step":2.0,"value":3,"a\\"b":1}]}',
    '{"totalItemCount":-1,"values":[]}',
    '{"totalItemCount":"1","values":[]}',
  ];
  for (const text of odd) assert.equal(page(text), undefined, text);
});
