// Waits: what a server may ask for, whom it holds up, and clocks that jump.

import assert from 'node:assert/strict';
import test from 'node:test';
import { sleep } from '../../src/http/limits.ts';
import { Origins } from '../../src/http/origins.ts';
import { retryAfterMs } from '../../src/http/retry.ts';
import { type Logger, silentLogger } from '../../src/model/logger.ts';
import { counting, failsWith, quickClient } from './kit.ts';

const URL_ = 'http://origin.test/x';
const soon = <T>(work: Promise<T>) =>
  Promise.race([work.then(() => 'done'), new Promise((resolve) => setTimeout(resolve, 30, 'waiting'))]);

test('a wait beyond the limit is given up at once, and holds up nobody else', { timeout: 5000 }, async (context) => {
  const { url, requests } = await counting(context, (request, response) => {
    if (request.url === '/') return response.end('fine');
    response.writeHead(429, { 'retry-after': request.url!.slice(1) }).end();
  });
  const http = quickClient(context);
  const get = (path: string) => http.request({ method: 'GET', url: url + path });
  await assert.rejects(
    get('/7200'),
    failsWith('server', /^The server asks to wait 7200 s .*\/7200: that is too long\.$/),
  );
  await assert.rejects(get(`/${'9'.repeat(400)}`), failsWith('server', /asks to wait \d+ s /));
  assert.equal((await get('/')).body.toString(), 'fine');
  assert.equal(requests.length, 3);
});

test('waits that are short each, but long together, are given up', { timeout: 5000 }, async (context) => {
  const { url, requests } = await counting(context, (_, response) => {
    response.writeHead(503, { 'retry-after': '0.2' }).end();
  });
  const http = quickClient(context, { retry: { maxRetryAfterMs: 500 } });
  await assert.rejects(http.request({ method: 'GET', url }), failsWith('server', /asks to wait 1 s/));
  assert.equal(requests.length, 3);
});

test('a request that may not be repeated is asked for again after a 429, by which nothing was done', async (context) => {
  const { url, requests } = await counting(context, (request, response, count) => {
    const status = count === 1 ? 429 : request.url === '/fails' ? 503 : 200;
    response.writeHead(status, status === 429 ? { 'retry-after': '0.1' } : {}).end();
  });
  const http = quickClient(context);
  const post = (path: string) => http.request({ method: 'POST', url: url + path, body: 'x', retry: false });
  const began = performance.now();
  assert.equal((await post('/')).status, 200);
  assert.ok(performance.now() - began >= 95);
  await assert.rejects(post('/fails'), failsWith('server', /503/));
  assert.equal(requests.length, 3);
});

test('a service may say how long to wait by a header of its own', async (context) => {
  const { url, requests } = await counting(context, (_, response, count) => {
    response.writeHead(count === 1 ? 429 : 200, { 'x-wait': '150', 'retry-after': '9' }).end();
  });
  const http = quickClient(context, {
    retryAfter: (status, headers) => (status === 429 ? Number(headers['x-wait']) : 0),
  });
  const began = performance.now();
  assert.equal((await http.request({ method: 'GET', url })).status, 200);
  const took = performance.now() - began;
  assert.ok(took >= 145 && took < 5000, `${took} ms`);
  assert.equal(requests.length, 2);
});

test('numbers beyond all measure are still numbers of milliseconds', () => {
  assert.equal(retryAfterMs('9'.repeat(400)), Number.MAX_SAFE_INTEGER);
});

test('a sleep longer than a timer can be set for does not end at once', async () => {
  for (const ms of [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
    const abort = new AbortController();
    const sleeping = sleep(ms, abort.signal);
    const state = await soon(sleeping);
    abort.abort();
    assert.equal(state, 'waiting', String(ms));
    await assert.rejects(sleeping, failsWith('interrupted'));
  }
});

test('a long wait of one request holds up the others for a minute at most', async (context) => {
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  const origins = new Origins(silentLogger);
  const abort = new AbortController();
  origins.pause(URL_, 3_600_000);
  assert.equal(await soon(origins.untilWelcome('http://elsewhere.test/', undefined)), 'done');
  now = 59_000;
  const held = origins.untilWelcome(URL_, abort.signal);
  assert.equal(await soon(held), 'waiting');
  abort.abort();
  await assert.rejects(held);
  now = 60_000;
  assert.equal(await soon(origins.untilWelcome(URL_, undefined)), 'done');
  origins.pause(URL_, 20_000);
  now = 79_000;
  const short = origins.untilWelcome(URL_, AbortSignal.timeout(100));
  assert.equal(await soon(short), 'waiting');
  await assert.rejects(short);
});

test('a wait over ten seconds is told once', (context) => {
  let now = 0;
  context.mock.method(performance, 'now', () => now);
  const told: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => told.push(message) };
  const origins = new Origins(logger);
  origins.pause(URL_, 10_000);
  assert.deepEqual(told, []);
  for (; now < 1000; now += 100) origins.pause(URL_, 20_000);
  assert.deepEqual(told, ['The server asks to wait 20 s.']);
  origins.pause(URL_, 90_000);
  now = 200_000;
  origins.pause(URL_, 20_000);
  assert.deepEqual(told.slice(1), ['The server asks to wait 90 s.', 'The server asks to wait 20 s.']);
});

test('a clock that jumps neither ends the tries nor stops them', { timeout: 10_000 }, async (context) => {
  for (const hours of [1, -1]) {
    const { url, requests } = await counting(context, (_, response, count) => {
      if (count > 6) return response.end('ok');
      response.writeHead(503, count % 2 ? { 'retry-after': '0.02' } : {}).end();
    });
    let clock = Date.now();
    const mock = context.mock.method(Date, 'now', () => {
      clock += hours * 3_600_000;
      return clock;
    });
    const http = quickClient(context, { retry: { budgetMs: 3000 } });
    const { body } = await http.request({ method: 'GET', url });
    mock.mock.restore();
    assert.equal(body.toString(), 'ok');
    assert.equal(requests.length, 7);
  }
});
