// What a comparison with MLflow rests on: pages read as they come, sums of points, points that a database holds once.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ExpectedPoints } from '../../src/targets/mlflow/expected-points.ts';
import { readHistoryPage } from '../../src/targets/mlflow/history-page.ts';
import { loadMark, markOf, readMark } from '../../src/targets/mlflow/run-tags.ts';
import { bucketOf, PointSums, partOf, pointText } from '../../src/targets/point-sums.ts';
import { floats } from '../helpers/archive-runs.ts';
import { surveyOf } from './sample.ts';

async function page(text: string, size = text.length) {
  const bytes = Buffer.from(text);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const { length, steps, timestamps, values, next } = await readHistoryPage(chunks());
  const rows = Array.from({ length }, (_, i) => [steps[i], timestamps[i], values[i]]);
  return next === undefined ? { rows } : { rows, next };
}

const ANSWER = `{
  "metrics": [
    {
      "key": "größe/m",
      "value": 0.1,
      "timestamp": 1700000000001,
      "step": 9223372036854775807
    },
    {"key": "m", "value": "NaN", "timestamp": 9007199254740993, "step": -9007199254740993, "dataset_name": "a}]{\\"b"},
    {"key": "m", "value": "-Infinity", "timestamp": "12", "step": "-3"},
    {"key": "m", "value": -0.0}
  ],
  "next_page_token": "eyJvZmZzZXQiOiAyfQ=="
}`;

test('a page is read whatever pieces it comes in, and whole numbers stay exact', async () => {
  const expected = {
    rows: [
      [9223372036854775807n, 1700000000001n, 0.1],
      [-9007199254740993n, 9007199254740993n, Number.NaN],
      [-3n, 12n, Number.NEGATIVE_INFINITY],
      [0n, 0n, -0],
    ],
    next: 'eyJvZmZzZXQiOiAyfQ==',
  };
  for (const size of [1, 2, 3, 7, 50, 10_000]) assert.deepEqual(await page(ANSWER, size), expected, `${size}`);
  assert.deepEqual(await page('{}'), { rows: [] });
  assert.deepEqual(await page('{"metrics": []}'), { rows: [] });
  assert.deepEqual(await page('{"next_page_token":"x","metrics":[{"step":1}]}'), { rows: [[1n, 0n, 0]], next: 'x' });
});

test('what is no page, or is cut, is told', async () => {
  for (const text of ['', '<html>[1]</html>', 'null', '{"metrics": [1]}', '{"metrics": [{"step": 1.5}]}']) {
    await assert.rejects(page(text), { code: 'bad_answer' }, text);
  }
  for (const length of [1, 20, 60, 300, ANSWER.length - 2]) {
    await assert.rejects(page(ANSWER.slice(0, length)), { code: 'bad_answer' }, `${length}`);
  }
});

test('sums tell heaps apart by one point, and where', () => {
  const points = Array.from({ length: 1000 }, (_, i) => pointText(i, 1000 + i, i / 7));
  const sum = (texts: string[]) => {
    const sums = new PointSums();
    for (const text of texts) sums.add(text);
    return sums;
  };
  const all = sum(points);
  assert.ok(all.equals(sum(points.toReversed())));
  assert.ok(!all.equals(sum(points.slice(1))));
  assert.ok(!all.equals(sum([...points.slice(1), points[1]!])), 'one twice, one not at all');
  const other = pointText(5, 1005, -0);
  const differing = all.differing(sum(points.with(5, other)));
  assert.deepEqual(
    differing.map(({ bucket }) => bucket),
    [bucketOf(points[5]!)],
  );
  assert.equal(bucketOf(other), bucketOf(points[5]!), 'a value altered stays in its bucket');
  assert.notEqual(pointText(1, 1, -0), pointText(1, 1, 0));
  const parts = new Set(points.map((point) => partOf(point, 4)));
  assert.deepEqual([...parts].sort(), [0, 1, 2, 3]);
});

test('a database holds equal points once, a file store each', () => {
  const points = [
    ['1', 5, Number.MAX_VALUE],
    ['1', 5, Infinity],
    ['2', 5, -0],
    ['2', 5, 0],
    ['2', 5, Number.NaN],
    ['2', 5, Number.NaN],
  ] as const;
  const counted = (
    fileStore: boolean,
    maxGroup?: number,
    list: typeof points | [string, number, number][] = points,
  ) => {
    const expected = new ExpectedPoints(fileStore, maxGroup);
    for (const [step, timestamp, value] of list) expected.add({ step, timestamp, value });
    return [expected.given, expected.sums.count, expected.isLoose];
  };
  assert.deepEqual(counted(false), [6, 3, false]);
  assert.deepEqual(counted(true), [6, 6, false]);
  assert.equal(counted(false, 1)[2], true, 'more points of one step than are told apart');
  const back: [string, number, number][] = [
    ['9007199254740993', 1, 1],
    ['9007199254740992', 1, 1],
  ];
  assert.equal(counted(false, undefined, back)[2], true);
  assert.equal(counted(true, undefined, back)[2], false);
});

test('the mark has the policy where it left out points', () => {
  const batch = floats('m', [
    ['0.5', 1, 1],
    ['0.6', 2, 2],
  ]);
  const survey = surveyOf([batch], 1n);
  const content = { digest: 'd', stepMultiplier: 1n, survey };
  assert.equal(loadMark(content), markOf(content));
  assert.equal(loadMark({ ...content, collisions: 'keep-last' }), '1:1:d:keep-last');
  const apart = { digest: 'd', stepMultiplier: 10n, survey: surveyOf([batch], 10n) };
  assert.equal(loadMark({ ...apart, collisions: 'keep-last' }), '1:10:d');
  assert.deepEqual(readMark('1:10:d'), { stepMultiplier: 10n, collisions: 'stop' });
  assert.deepEqual(readMark('1:1:d:keep-first'), { stepMultiplier: 1n, collisions: 'keep-first' });
  assert.equal(readMark('2:1:d'), undefined);
  assert.equal(readMark('what'), undefined);
});
