// Series of the Neptune 2 demo server: pages by offset and by step, many at once, the numbers in them.

import assert from 'node:assert/strict';
import test from 'node:test';
import { seriesOf } from '../../src/demo/dataset.ts';
import { attribute2, contentOf } from '../../src/demo/neptune2/dataset.ts';
import { type Api2, projectOf2, withServer2 } from './neptune2-api.ts';
import { message, messages, number, readMessage, text } from './protobuf-reader.ts';

const RUN = { experimentId: 'ws/p/P-1' };
const NUMBERS = [Number.NaN, Infinity, -Infinity, -0, 1, 0.1, 1e21, 5e-324];
const LENGTH = 2500;
const DATA = projectOf2({
  long: attribute2.floats({
    length: LENGTH,
    step: (index) => index / 2,
    timestamp: (index) => 1_600_000_000_000 + index,
    value: (index) => index * 10,
  }),
  numbers: attribute2.floats(seriesOf(NUMBERS.map((value, index) => [index, index, value]))),
  lines: attribute2.strings(seriesOf([1, 2, 3].map((step) => [step, 5, `${step}`.repeat(3000)]))),
  images: attribute2.images(
    seriesOf([
      [0.5, 7, { ...contentOf('first'), mimeType: 'image/png', name: 'a', description: 'b' }],
      [3, 8, { ...contentOf('second'), mimeType: 'image/gif' }],
    ]),
  ),
});

interface Page {
  totalItemCount: number;
  values: { timestampMillis: number; step: number; value: number | string }[];
}

async function stepsOf(api: Api2, more: Record<string, number>): Promise<number[]> {
  const page = await api.json<Page>('getFloatSeriesValues', { ...RUN, attribute: 'long', ...more });
  assert.equal(page.totalItemCount, LENGTH);
  return page.values.map(({ step }) => step);
}

test('pages by offset end where the series does, and are no larger than the server likes', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const first = await stepsOf(api, { limit: 10_000, offset: 0 });
    assert.deepEqual([first.length, first[0], first.at(-1)], [1000, 0, 499.5]);
    const last = await stepsOf(api, { limit: 1000, offset: 2400 });
    assert.deepEqual([last.length, last[0], last.at(-1)], [100, 1200, 1249.5]);
    assert.deepEqual(await stepsOf(api, { limit: 10, offset: 2500 }), []);
    assert.deepEqual(await stepsOf(api, { limit: 0 }), []);
  });
  await withServer2({ data: DATA, maxSeriesPage: 5000 }, async (api) => {
    assert.equal((await stepsOf(api, { limit: 10_000 })).length, LENGTH);
  });
});

test('newer servers go on by step, and cut strings unless asked for whole', async () => {
  await withServer2({ data: DATA, skipToStep: true }, async (api) => {
    assert.deepEqual(await stepsOf(api, { limit: 2, skipToStep: 10 }), [10.5, 11]);
    assert.deepEqual(await stepsOf(api, { limit: 2, skipToStep: 10.2 }), [10.5, 11]);
    assert.deepEqual(await stepsOf(api, { limit: 2 }), [0, 0.5]);
    assert.deepEqual(await stepsOf(api, { skipToStep: 1249.5 }), []);
    assert.equal((await api.ask('getFloatSeriesValues', { ...RUN, attribute: 'long', offset: 1 })).status, 400);
    const lines = async (more: Record<string, number>) =>
      (await api.json<Page>('getStringSeriesValues', { ...RUN, attribute: 'lines', ...more })).values.map(
        ({ value }) => String(value).length,
      );
    assert.deepEqual(await lines({}), [1000, 1000, 1000]);
    assert.deepEqual(await lines({ maxSingleValueLength: 100_000, offset: 1 }), [3000, 3000]);
  });
});

test('numbers are written as the JVM writes them: NaN and infinities as text, doubles as doubles', async () => {
  const texts = async (api: Api2) => {
    const reply = await api.ask('getFloatSeriesValues', { ...RUN, attribute: 'numbers' });
    return [...reply.body.toString().matchAll(/"value":([^}]*)/g)].map((match) => match[1]);
  };
  const finite = ['-0.0', '1.0', '0.1', '1e+21', '5e-324'];
  await withServer2({ data: DATA }, async (api) => {
    assert.deepEqual(await texts(api), ['"NaN"', '"Infinity"', '"-Infinity"', ...finite]);
  });
  await withServer2({ data: { ...DATA, bareNonFinite: true } }, async (api) => {
    assert.deepEqual(await texts(api), ['NaN', 'Infinity', '-Infinity', ...finite]);
  });
});

test('many float series come at once where the server can do it', async () => {
  await withServer2({ data: DATA }, async (api) => {
    assert.ok(!api.operations.includes('getMultipleFloatSeriesValuesProto'));
  });
  await withServer2({ data: DATA, bulk: true }, async (api) => {
    const request = (attribute: string, afterStep?: number) => ({
      requestId: attribute,
      series: { attribute, holder: { identifier: 'ws/p/P-1', type: 'experiment' } },
      ...(afterStep === undefined ? {} : { afterStep }),
    });
    const ask = (body: object) => api.ask('getMultipleFloatSeriesValuesProto', {}, { body });
    const requests = [request('long', 1000), request('numbers'), request('lines'), request('none')];
    const reply = await ask({ perSeriesPointsLimit: 3, requests });
    const series = messages(readMessage(reply.body), 1);
    assert.deepEqual(
      series.map((one) => text(one, 1)),
      ['long', 'numbers'],
    );
    const points = message(series[0], 2);
    assert.equal(number(points, 1), LENGTH - 2001);
    const read = messages(points, 2).map((point) => [1, 2, 3].map((field) => number(point, field)));
    assert.deepEqual(
      read,
      [2001, 2002, 2003].map((index) => [1_600_000_000_000 + index, index / 2, index * 10]),
    );
    assert.equal(messages(message(series[1], 2), 2).length, 3);
    assert.equal((await ask({ perSeriesPointsLimit: 3, requests: [request('long'), request('long')] })).status, 400);
    assert.equal((await ask({ perSeriesPointsLimit: 1_000_001, requests: [request('long')] })).status, 400);
    assert.equal((await ask({ requests: [request('long')] })).status, 400);
  });
});

test('images are counted, told of and sent one by one', async () => {
  await withServer2({ data: DATA }, async (api) => {
    const images = { ...RUN, attribute: 'images' };
    assert.deepEqual(await api.json('getImageSeriesValues', { ...images, limit: 1, offset: 0 }), { totalItemCount: 2 });
    const second = await api.ask('getImageSeriesValue', { ...images, index: 1 });
    assert.deepEqual([second.headers.get('content-type'), second.body.toString()], ['image/gif', 'second']);
    interface Listing {
      attributes: { name: string; imageSeriesProperties?: { channelId: string; lastStep: number } }[];
    }
    const { attributes } = await api.json<Listing>('getExperimentAttributes', RUN);
    const { channelId, lastStep } = attributes.find(({ name }) => name === 'images')!.imageSeriesProperties!;
    assert.equal(lastStep, 3);
    assert.deepEqual(await api.json('getChannelValues', { channelId, limit: 10, offset: 0 }), {
      channelId,
      totalItemCount: 2,
      values: [
        { timestampMillis: 7, x: 0.5, y: { imageValue: { name: 'a', description: 'b' } } },
        { timestampMillis: 8, x: 3, y: { imageValue: {} } },
      ],
    });
  });
  await withServer2({ data: DATA, channels: false }, async (api) => {
    assert.ok(!api.operations.includes('getChannelValues'));
  });
});
