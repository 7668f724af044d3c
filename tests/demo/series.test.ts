// Points of series: order, ranges, pages, previews, lineage.

import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute, type DemoAttribute, seriesOf } from '../../src/demo/dataset.ts';
import { type Api, FLOATS, OBJECTS, projectOf, seriesRequest, withServer } from './api.ts';
import { type Message, message, messages, number, text } from './protobuf-reader.ts';

function line(from: number, to: number, value: (step: number) => number = (step) => step): DemoAttribute {
  const points = Array.from(
    { length: to - from + 1 },
    (_, index) => [from + index, 1000 + index, value(from + index)] as const,
  );
  return { type: 'floatSeries', series: seriesOf(points) };
}

function words(count: number, word: (index: number) => string): DemoAttribute {
  return {
    type: 'stringSeries',
    series: seriesOf(Array.from({ length: count }, (_, index) => [index, index, word(index)] as const)),
  };
}

/** Steps of each series of an answer, by request id. */
function stepsOf(answer: Message): Record<string, number[]> {
  return Object.fromEntries(
    messages(answer, 1).map((one) => [text(one, 1), messages(message(one, 2), 2).map((point) => number(point, 2))]),
  );
}

test('float series: both orders, closed range, after a step', async () => {
  await withServer({ data: projectOf({ loss: line(0, 9) }) }, async (api) => {
    const steps = async (more: object, one: object = {}) => {
      const requests = [{ ...seriesRequest('loss'), ...one }];
      return Object.values(stepsOf(await api.message(FLOATS, { requests, perSeriesPointsLimit: 3, ...more })))[0];
    };
    assert.deepEqual(await steps({}), [0, 1, 2]);
    assert.deepEqual(await steps({ order: 'descending' }), [9, 8, 7]);
    assert.deepEqual(await steps({}, { afterStep: 2 }), [3, 4, 5]);
    assert.deepEqual(await steps({}, { afterStep: 2.5 }), [3, 4, 5]);
    assert.deepEqual(await steps({ order: 'descending' }, { afterStep: 2 }), [1, 0]);
    assert.deepEqual(await steps({}, { afterStep: 9 }), []);
    assert.deepEqual(await steps({ stepRange: { from: 4, to: 5 } }), [4, 5]);
    assert.deepEqual(await steps({ stepRange: { from: 3.5 }, order: 'descending' }, { afterStep: 6 }), [5, 4]);
    assert.deepEqual(await steps({ stepRange: { from: 8, to: 2 } }), []);
  });
});

test('float series: default values are left out of the bytes, odd ones are kept', async () => {
  const series = seriesOf([
    [0, 0, 0],
    [1, -5, -0],
    [2, 2 ** 45, Number.NaN],
    [3, 1, -Infinity],
  ]);
  await withServer({ data: projectOf({ loss: { type: 'floatSeries', series } }) }, async (api) => {
    const answer = await api.message(FLOATS, { requests: [seriesRequest('loss')], perSeriesPointsLimit: 10 });
    const points = messages(message(message(answer, 1), 2), 2);
    assert.deepEqual(points[0], new Map());
    assert.deepEqual(
      points[1],
      new Map<number, unknown>([
        [1, [2n ** 64n - 5n]],
        [2, [1]],
        [3, [-0]],
      ]),
    );
    assert.deepEqual(
      points[2],
      new Map<number, unknown>([
        [1, [2n ** 45n]],
        [2, [2]],
        [3, [Number.NaN]],
      ]),
    );
    assert.deepEqual(points[3]?.get(3), [-Infinity]);
  });
});

test('float series: previews come when they are asked for', async () => {
  const series = {
    ...seriesOf([
      [0, 1, 5],
      [1, 1, 6],
      [2, 1, 7],
    ]),
    completion: (index: number) => (index === 1 ? undefined : 0.5),
  };
  await withServer({ data: projectOf({ loss: { type: 'floatSeries', series } }) }, async (api) => {
    const ask = async (includePreview: boolean) => {
      const requests = [seriesRequest('loss', 'ws/p/P-1', { includePreview })];
      return messages(message(message(await api.message(FLOATS, { requests, perSeriesPointsLimit: 2 }), 1), 2), 2);
    };
    assert.deepEqual(
      (await ask(false)).map((point) => number(point, 2)),
      [1],
    );
    const points = await ask(true);
    assert.deepEqual(
      points.map((point) => [number(point, 2), number(point, 4), number(point, 5)]),
      [
        [0, 1, 0.5],
        [1, 0, 0],
      ],
    );
  });
});

test('float series that are not there, or are none, do not fail the others', async () => {
  await withServer({ data: projectOf({ loss: line(0, 1), text: attribute.string('x') }) }, async (api) => {
    const requests = ['none', 'text', 'loss']
      .map((name) => seriesRequest(name))
      .concat(seriesRequest('loss', 'ws/p/P-9'));
    assert.deepEqual(stepsOf(await api.message(FLOATS, { requests, perSeriesPointsLimit: 9 })), {
      'ws/p/P-1:text': [],
      'ws/p/P-1:loss': [0, 1],
    });
  });
});

test('lineage: full goes to the root, an experiment ends where its name does', async () => {
  const fork = (name: string, parent: string, step: number) => ({
    'sys/name': attribute.string(name),
    'sys/forking/parent': attribute.string(parent),
    'sys/forking/step': attribute.float(step),
  });
  const data = projectOf(
    { 'sys/name': attribute.string('old'), loss: line(0, 9) },
    { ...fork('new', 'run-1', 3), loss: line(4, 9) },
    { ...fork('new', 'run-2', 6), loss: line(7, 8) },
    { ...fork('new', 'run-3', 7), other: line(0, 0) },
    { ...fork('back', 'run-1', 5), loss: line(4, 5, () => -1) },
  );
  await withServer({ data }, async (api) => {
    const steps = async (run: number, more: object) => {
      const requests = [seriesRequest('loss', `CUSTOM/ws/p/run-${run}`, more)];
      return Object.values(stepsOf(await api.message(FLOATS, { requests, perSeriesPointsLimit: 99 })))[0];
    };
    assert.deepEqual(await steps(3, {}), [7, 8]);
    assert.deepEqual(await steps(3, { lineage: 'NONE', lineageEntityType: 'RUN' }), [7, 8]);
    assert.deepEqual(await steps(3, { lineage: 'NONE', lineageEntityType: 'EXPERIMENT' }), [4, 5, 6, 7, 8]);
    assert.deepEqual(await steps(3, { lineage: 'FULL', lineageEntityType: 'RUN' }), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    // A fork that went back behind its fork step: its own points count.
    assert.deepEqual(await steps(5, { lineage: 'FULL' }), [0, 1, 2, 3, 4, 5]);
  });
});

interface Page {
  requestId: string;
  values: string[];
  /** Undefined without searchAfter. */
  finished: boolean | undefined;
  token: string;
}

async function objectPage(api: Api, requests: object[], more: object = {}): Promise<Page[]> {
  const answer = await api.message(OBJECTS, { requests, ...more });
  return messages(answer, 1).map((one) => {
    const after = message(one, 2);
    return {
      requestId: text(one, 1),
      values: messages(message(one, 4), 1).map((point) => text(message(point, 6), 1)),
      finished: after && number(after, 1) === 1,
      token: text(after, 2),
    };
  });
}

test('string series: a page is filled series by series', async () => {
  const data = projectOf({
    a: words(700, (n) => `a${n}`),
    b: words(700, (n) => `b${n}`),
    c: words(1, () => ''),
    x: line(0, 1),
  });
  await withServer({ data }, async (api) => {
    const requests = ['a', 'b', 'c', 'none', 'x'].map((name) => seriesRequest(name));
    const first = await objectPage(api, requests);
    assert.deepEqual(
      first.map((one) => [one.requestId.slice(-1), one.values.length, one.finished]),
      [
        ['a', 700, true],
        ['b', 300, false],
        ['c', 0, undefined],
        ['x', 0, undefined],
      ],
    );
    const next = [
      { ...seriesRequest('b'), searchAfter: { finished: false, token: first[1]!.token } },
      seriesRequest('c'),
    ];
    const second = await objectPage(api, next);
    assert.deepEqual(
      second.map((one) => [one.values.length, one.values[0], one.finished]),
      [
        [400, 'b300', true],
        [1, '', true],
      ],
    );
  });
});

test('string series: bytes and points of a page are limited', async () => {
  const data = projectOf({ big: words(5, (n) => `${n}`.repeat(400_000)), small: words(20, (n) => `${n}`) });
  await withServer({ data }, async (api) => {
    const read = async (name: string, more: object) => {
      const pages: number[] = [];
      let searchAfter: object | undefined;
      while (pages.length < 20) {
        const [page] = await objectPage(
          api,
          [{ ...seriesRequest(name), ...(searchAfter ? { searchAfter } : {}) }],
          more,
        );
        pages.push(page!.values.length);
        if (page!.finished) return pages;
        searchAfter = { finished: false, token: page!.token };
      }
      return assert.fail('the series has no end');
    };
    assert.deepEqual(await read('big', {}), [2, 2, 1]);
    assert.deepEqual(await read('big', { sizeLimitBytes: 1 }), [1, 1, 1, 1, 1]);
    assert.deepEqual(await read('big', { perSeriesPointsLimit: 3 }), [2, 1]);
    assert.deepEqual(await read('small', { stepRange: { from: 5, to: 7 } }), [3]);
    const [last] = await objectPage(api, [seriesRequest('small')], { order: 'descending', perSeriesPointsLimit: 2 });
    assert.deepEqual(last!.values, ['19', '18']);
    assert.equal(last!.finished, true);
  });
});

test('strings go to the old fields unless told otherwise', async () => {
  await withServer({ data: projectOf({ log: words(1, () => 'hello') }) }, async (api) => {
    const answer = await api.message(OBJECTS.replace(/\?.*/, ''), { requests: [seriesRequest('log')] });
    const series = message(answer, 1);
    assert.equal(series?.has(4), false);
    assert.equal(text(message(message(series, 3), 1), 3), 'hello');
  });
});
