import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ProtobufWriter } from '../../src/demo/protobuf-writer.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { decodeFloatSeries } from '../../src/sources/float-points.ts';

interface Point {
  time: number;
  step: number;
  value: number;
  completion: number | undefined;
}

/** Points as they are mostly, and those that take other bytes: zeros, which are left out, far times, previews. */
const point: fc.Arbitrary<Point> = fc.record({
  time: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1_000_000_000_000, max: 2_000_000_000_000 }) },
    fc.constantFrom(0, 1, -1, 2 ** 35 - 1, 2 ** 35, 2 ** 42 - 1, 2 ** 42, Number.MAX_SAFE_INTEGER, -(2 ** 40)),
    fc.maxSafeInteger(),
  ),
  step: fc.oneof({ weight: 4, arbitrary: fc.nat(1e9) }, fc.constantFrom(0, 0.5, -3, 0.000001, 9_007_199_254, 1e11)),
  value: fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, Infinity)),
  completion: fc.option(fc.constantFrom(0.25, 0.5), { nil: undefined, freq: 8 }),
});

function encode(series: Point[][]): Uint8Array {
  const out = new ProtobufWriter();
  series.forEach((points, index) => {
    out.message(1, () => {
      out.string(1, `series ${index}`);
      out.message(2, () => {
        out.int(1, points.length);
        for (const { time, step, value, completion } of points) out.floatPoint(time, step, value, completion);
      });
    });
  });
  return out.finish();
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function decode(bytes: Uint8Array, size: number) {
  const answers = [];
  // The arrays are filled anew by the next answer.
  for await (const answer of decodeFloatSeries(pieces(bytes, size))) answers.push(structuredClone(answer));
  return answers;
}

test('points come as they were written, whatever bytes they take and wherever the stream is cut', async () => {
  const data = fc.array(fc.array(point, { maxLength: 60 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(data, fc.integer({ min: 1, max: 400 }), async (series, size) => {
      const answers = await decode(encode(series), size);
      assert.equal(answers.length, series.length);
      answers.forEach(({ requestId, total, points: { length, steps, timestamps, values } }, index) => {
        const expected = series[index]!;
        assert.equal(requestId, `series ${index}`);
        assert.equal(total, expected.length);
        assert.equal(length, expected.length);
        expected.forEach(({ time, step, value }, at) => {
          assert.equal(timestamps[at], BigInt(time));
          assert.equal(steps[at], BigInt(Math.round(step * 1e6)));
          assert.ok(Object.is(values[at], value));
        });
      });
    }),
  );
});

test('an answer that is cut inside a point is refused', async () => {
  const points = Array.from({ length: 5 }, (_, i) => ({
    ...{ time: 1_700_000_000_000 + i, step: i, value: i / 3, completion: undefined },
  }));
  const whole = encode([points]);
  for (let length = 1; length < whole.length; length++) {
    await assert.rejects(
      decode(whole.slice(0, length), 4096),
      (error) => error instanceof ExporterError && error.code === 'bad_answer',
    );
  }
});

test('a point that reaches beyond its series is refused', async () => {
  const point = [
    0x12,
    25,
    0x08,
    ...[0x80, 0x80, 0x80, 0x80, 0x80, 1],
    0x11,
    ...Array(8).fill(1),
    0x19,
    ...Array(8).fill(1),
  ];
  // The length of the values ends one byte before the point does; after it stands another field of the series.
  const message = [0x0a, 1, 0x30, 0x12, point.length - 1, ...point, 0x18, 1];
  await assert.rejects(
    decode(Uint8Array.from([0x0a, message.length, ...message]), 4096),
    (error) => error instanceof ExporterError && error.code === 'bad_answer',
  );
});
