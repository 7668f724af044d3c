// JSON as JVM servers write it: NaN bare or quoted, integers beyond a double.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ExporterError } from '../../src/model/errors.ts';
import { looseFloat, looseInt, parseLooseJson } from '../../src/sources/neptune2/loose-json.ts';

const parse = (text: string) => parseLooseJson(Buffer.from(text));

test('bare NaN and infinities are read, and texts that hold these words stay as they are', () => {
  const text = '{"a": NaN, "b": [-Infinity, Infinity,NaN], "c": "NaN is \\"NaN, -Infinity", "NaN": 1}';
  assert.deepEqual(parse(text), {
    a: 'NaN',
    b: ['-Infinity', 'Infinity', 'NaN'],
    c: 'NaN is "NaN, -Infinity',
    NaN: 1,
  });
});

test('integers beyond 2^53 keep every digit, others and decimals are numbers', () => {
  const text = '{"big": 9223372036854775807, "small": 12, "float": 12345678901234567.5, "list": [-9007199254740993]}';
  assert.deepEqual(parse(text), {
    big: 9223372036854775807n,
    small: 12,
    float: 12345678901234568,
    list: [-9007199254740993n],
  });
});

test('what is no JSON is an error of the answer', () => {
  for (const text of ['', '{"a": ', 'NaN NaN', '<html>', '{"a": nan}']) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof ExporterError && error.code === 'bad_answer',
      text,
    );
  }
});

test('floats come as number, text or null', () => {
  assert.equal(looseFloat(1.5), 1.5);
  assert.equal(looseFloat('-Infinity'), -Infinity);
  assert.equal(looseFloat('1e-3'), 0.001);
  assert.ok(Number.isNaN(looseFloat(null)));
  assert.ok(Number.isNaN(looseFloat('NaN')));
  assert.equal(looseFloat('much'), undefined);
  assert.equal(looseFloat({}), undefined);
});

test('integers are 64 bits wide and never rounded', () => {
  assert.equal(looseInt(5), 5n);
  assert.equal(looseInt('-9223372036854775808'), -9223372036854775808n);
  assert.equal(looseInt(9223372036854775808n), undefined);
  assert.equal(looseInt(1.5), undefined);
  assert.equal(looseInt(2 ** 53), undefined);
});
