// What of a selection is matched on this machine, for servers that can't.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ExporterError } from '../../src/model/errors.ts';
import type { Selection } from '../../src/model/runs.ts';
import { attributeFilter, byIds, idMatcher, inRange, timeConditions } from '../../src/sources/selection.ts';

const selection = (attributes: Selection['attributes'], excluded: string[] = []): Selection => ({
  attributes,
  classes: new Set(['parameters']),
  excluded,
  includePreviews: false,
});

test('a regex is searched for, exclusions win', () => {
  const selected = attributeFilter(selection({ kind: 'regex', pattern: 'loss|^sys/' }, ['^monitoring/.*', 'tmp$']));
  const paths = ['train/loss', 'sys/id', 'x/sys/id', 'monitoring/loss', 'loss/tmp', 'Loss'];
  assert.deepEqual(paths.filter(selected), ['train/loss', 'sys/id']);
});

test('names are exact', () => {
  const selected = attributeFilter(selection({ kind: 'names', names: ['a/b', 'a.b'] }, ['x']));
  assert.deepEqual(['a/b', 'a.b', 'a/b/c', 'aXb'].filter(selected), ['a/b', 'a.b']);
});

test('a run id is matched from its beginning, every alternative of the regex too', () => {
  const ids = ['RUN-1', 'RUN-12', 'MY-RUN-1', 'SAN-1'];
  assert.deepEqual(ids.filter(idMatcher('RUN-1')), ['RUN-1', 'RUN-12']);
  assert.deepEqual(ids.filter(idMatcher('XX|RUN-1$')), ['RUN-1']);
  assert.deepEqual(ids.filter(idMatcher('(?i)my')), ['MY-RUN-1']);
  assert.deepEqual(ids.filter(idMatcher('.*-1$')), ['RUN-1', 'MY-RUN-1', 'SAN-1']);
  assert.deepEqual(ids.filter(idMatcher(undefined)), ids);
});

test('a regex that is wrong is wrong usage', () => {
  const isUsage = (error: unknown) => error instanceof ExporterError && error.code === 'usage';
  assert.throws(() => attributeFilter(selection({ kind: 'all' }, ['(']))('x'), isUsage);
  assert.throws(() => idMatcher('*'), isUsage);
});

test('a range holds its beginning, not its end; without a time nothing is in it', () => {
  assert.deepEqual(
    [9, 10, 19, 20].filter((time) => inRange(time, { from: 10, before: 20 })),
    [10, 19],
  );
  assert.equal(inRange(undefined, { from: 10 }), false);
  assert.equal(inRange(undefined, undefined), true);
  assert.equal(inRange(undefined, {}), true);
});

test('times become conditions that any server knows', () => {
  const filter = { includeArchived: false, created: { from: 1000 }, modified: { before: 0 } };
  assert.deepEqual(timeConditions(filter), [
    '(`sys/creation_time`:datetime > "1970-01-01T00:00:00.999Z")',
    '(`sys/modification_time`:datetime < "1970-01-01T00:00:00.000Z")',
  ]);
});

test('many ids are asked for in pieces, each id once', () => {
  const ids = Array.from({ length: 250 }, (_, index) => `RUN-${index % 240}`);
  const parts = byIds({ includeArchived: false, ids }).map((filter) => filter.ids ?? []);
  assert.deepEqual(
    parts.map(({ length }) => length),
    [100, 100, 40],
  );
  assert.equal(new Set(parts.flat()).size, 240);
});
