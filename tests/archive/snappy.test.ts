import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { snappyUncompress } from 'hyparquet/src/snappy.js';
import { snappyCompress } from '../../src/archive/parquet/snappy.ts';

/** The library's reader makes of the compressed bytes what went in; the size of the compressed ones. */
function roundTrip(input: Uint8Array): number {
  const compressed = snappyCompress(input).slice();
  const output = new Uint8Array(input.length);
  // The length stands in front, which the library's reader passes over by itself.
  snappyUncompress(compressed, output);
  assert.ok(Buffer.from(output).equals(Buffer.from(input)));
  return compressed.length;
}

test('bytes come back as they went in: noise, repetitions near and far, and hardly anything', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 5 }), fc.nat(400)).map(([unit, times]) => {
      return Uint8Array.from({ length: unit.length * times }, (_, i) => unit[i % unit.length]!);
    }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.nat(3), (pieces, again) => {
      const once = Buffer.concat(pieces);
      const input = Buffer.concat(Array.from({ length: again + 1 }, () => once));
      roundTrip(input);
    }),
    { numRuns: 1000 },
  );
  for (let length = 0; length < 70; length++) roundTrip(new Uint8Array(length).fill(7));
});

test('a megabyte of noise takes hardly more than itself, one of zeros a twentieth; a repetition out of reach is none', () => {
  const noise = new Uint8Array(1 << 20);
  let state = 1;
  for (let i = 0; i < noise.length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i;
    noise[i] = state >>> 24;
  }
  assert.ok(roundTrip(noise) < noise.length * 1.01);
  assert.ok(roundTrip(new Uint8Array(1 << 20)) < (1 << 20) / 20);
  const far = new Uint8Array(200_000);
  far.set(noise.subarray(0, 1000));
  far.set(noise.subarray(0, 1000), 150_000);
  roundTrip(far);
  roundTrip(noise.subarray(3, 70_000));
});
