// The protobuf writer against a reader that knows the wire format only.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ProtobufWriter } from '../../src/demo/protobuf-writer.ts';
import { message, number, readMessage, text } from './protobuf-reader.ts';

function written(write: (out: ProtobufWriter) => void): Buffer {
  const out = new ProtobufWriter(1);
  write(out);
  return Buffer.from(out.finish());
}

test('integers keep all 64 bits', () => {
  const check = (value: bigint) => {
    const unsigned = BigInt.asUintN(64, value);
    assert.deepEqual(readMessage(written((out) => out.intAlways(1, value))).get(1), [unsigned]);
    if (Number.isSafeInteger(Number(value)))
      assert.deepEqual(readMessage(written((out) => out.intAlways(1, Number(value)))).get(1), [unsigned]);
  };
  for (let power = 0n; power < 63n; power++) for (const near of [-1n, 0n, 1n]) check(2n ** power + near);
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), check));
});

test('strings, doubles and nested messages come back, whatever their length', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.double(),
      fc.integer({ min: 0, max: 40_000 }),
      (name, value, length) => {
        const inner = 'ä'.repeat(length);
        const bytes = written((out) => {
          out.message(7, () => {
            out.string(1, name);
            out.message(2, () => out.string(3, inner));
            out.double(4, value);
          });
          out.string(9, 'end');
        });
        const outer = readMessage(bytes);
        const nested = message(outer, 7);
        assert.equal(text(nested, 1), name);
        assert.equal(text(message(nested, 2), 3), inner);
        assert.ok(Object.is(number(nested, 4), value));
        assert.equal(text(outer, 9), 'end');
      },
    ),
    { numRuns: 50 },
  );
});

test('default values are left out, empty messages are not', () => {
  const bytes = written((out) => {
    out.string(1, '');
    out.int(2, 0);
    out.int(2, 0n);
    out.double(3, 0);
    out.bool(4, false);
    out.doubles(5, []);
    out.message(6, () => {});
  });
  assert.deepEqual(readMessage(bytes), new Map([[6, [Buffer.alloc(0)]]]));
});
