// Points in time as options, and the spans between them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { InvalidArgumentError } from 'commander';
import { parseTime, timeRange } from '../../src/cli/times.ts';
import { ExporterError } from '../../src/model/errors.ts';

/** Texts and what they mean in UTC. */
const TIMES: [text: string, utc: string][] = [
  ['2024-05-31', '2024-05-31T00:00:00.000Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ['2024-05-31T14:00', '2024-05-31T14:00:00.000Z'],
  ['2024-05-31 14:00:30', '2024-05-31T14:00:30.000Z'],
  ['2024-05-31T14:00:30Z', '2024-05-31T14:00:30.000Z'],
  ['2024-05-31T14:00z', '2024-05-31T14:00:00.000Z'],
  ['2024-05-31T14:00:30.25+02:00', '2024-05-31T12:00:30.250Z'],
  ['2024-05-31T23:30-0430', '2024-06-01T04:00:00.000Z'],
  ['2024-05-31T00:30+05:45', '2024-05-30T18:45:00.000Z'],
  ['2024-12-31T23:59:59.999', '2024-12-31T23:59:59.999Z'],
  ['2024-12-31T23:59:59.999001', '2025-01-01T00:00:00.000Z'],
  [' 2024-05-31\t', '2024-05-31T00:00:00.000Z'],
  ['0099-01-01', '0099-01-01T00:00:00.000Z'],
];

test('times, in UTC unless a zone is given', () => {
  for (const [text, utc] of TIMES) assert.equal(new Date(parseTime(text)).toISOString(), utc, text);
});

test('the zone of the machine does not matter', (t) => {
  const { TZ } = process.env;
  t.after(() => {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  });
  process.env.TZ = 'Asia/Tokyo';
  assert.equal(new Date(2024, 4, 31).toISOString(), '2024-05-30T15:00:00.000Z');
  for (const [text, utc] of TIMES) assert.equal(new Date(parseTime(text)).toISOString(), utc, text);
});

test('what is no time', () => {
  const noDay = ['2024-02-30', '2023-02-29', '2024-13-01', '2024-00-10', '2024-04-31', '2024-05-31T24:00'];
  const noTime = ['2024-05-31T14:60', '2024-05-31T14:00:60', '2024-05-31T14:00+24:00', '2024-05-31T14:00+01:60'];
  for (const text of [...noDay, ...noTime]) {
    assert.throws(() => parseTime(text), new InvalidArgumentError('There is no such day or time.'), text);
  }
  const unreadable = ['', 'today', '2024', '2024-05', '31.05.2024', '2024-5-31', '2024-05-31T14', '1717113600'];
  for (const text of [...unreadable, '2024-05-31Z', '2024-05-31T14:00 CEST', '2024-05-31x', '20240531']) {
    assert.throws(() => parseTime(text), /^InvalidArgumentError|A time is written as/, text);
  }
});

test('a span is half open, and must hold something', () => {
  assert.equal(timeRange('created', undefined, undefined), undefined);
  assert.deepEqual(timeRange('created', 5, undefined), { from: 5 });
  assert.deepEqual(timeRange('created', undefined, 0), { before: 0 });
  assert.deepEqual(timeRange('created', 5, 6), { from: 5, before: 6 });
  for (const [after, before] of [
    [5, 5],
    [6, 5],
  ] as const) {
    assert.throws(
      () => timeRange('modified', after, before),
      (error) => error instanceof ExporterError && error.code === 'usage' && /--modified-after/.test(error.message),
    );
  }
});
