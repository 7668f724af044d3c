import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeGathered } from '../../src/http/gathered-body.ts';

const NO_LIMIT = { maxBytes: Number.POSITIVE_INFINITY, tooLarge: () => new Error('too large') };

async function* inPieces(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield piece;
}

test('a body comes whole, in however many pieces, also while others are gathered', async () => {
  const body = fc.array(fc.uint8Array({ maxLength: 40_000, size: 'max' }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 4 }), async (bodies) => {
      const read = bodies.map((pieces) => decodeGathered(inPieces(pieces), (bytes) => Buffer.from(bytes), NO_LIMIT));
      for (const [index, bytes] of (await Promise.all(read)).entries()) {
        assert.ok(bytes.equals(Buffer.concat(bodies[index]!)));
      }
    }),
    { numRuns: 50 },
  );
});

test('a body with more bytes than allowed is given up, and what a decoder throws is thrown', async () => {
  const pieces = [new Uint8Array(10), new Uint8Array(10), new Uint8Array(10)];
  const limited = decodeGathered(inPieces(pieces), (bytes) => bytes.length, { ...NO_LIMIT, maxBytes: 29 });
  await assert.rejects(limited, /too large/);
  const thrown = decodeGathered(inPieces(pieces), () => assert.fail('odd'), NO_LIMIT);
  await assert.rejects(thrown, /odd/);
});
