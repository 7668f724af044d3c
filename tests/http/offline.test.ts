// When a host counts as gone: soon if it is, never because some of its answers are cut.

import assert from 'node:assert/strict';
import test from 'node:test';
import { ExporterError } from '../../src/model/errors.ts';
import { counting, failsWith, quickClient } from './kit.ts';

test('requests that are always cut fail alone while others are answered', async (context) => {
  const { url } = await counting(context, (request, response) => {
    if (request.url === '/cut') request.socket.destroy();
    else response.writeHead(request.url === '/missing' ? 404 : 200).end();
  });
  const http = quickClient(context);
  const get = (path: string) => http.request({ method: 'GET', url: url + path });
  for (const other of ['/fine', '/missing']) {
    // Both are given up at about the same time, long after the other request was answered.
    const cuts = [get('/cut'), get('/cut'), get('/cut')].map((one) => assert.rejects(one, failsWith('network')));
    await get(other);
    await Promise.all(cuts);
  }
  assert.equal((await get('/fine')).status, 200);
});

test('a host that dies while many requests wait for their turn is soon noticed', async (context) => {
  let tries = 0;
  const { url } = await counting(context, (request, response, count) => {
    tries = count;
    if (count > 2) request.socket.destroy();
    else response.end('alive');
  });
  const http = quickClient(context, { retry: { budgetMs: 100 } });
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, () =>
      http.request({ method: 'GET', url }).then(
        () => 'alive',
        (error: unknown) => (error instanceof ExporterError ? error.code : 'internal'),
      ),
    ),
  );
  const count = (code: string) => outcomes.filter((one) => one === code).length;
  assert.equal(count('alive'), 2);
  assert.ok(count('offline') > 20, outcomes.join(' '));
  assert.equal(count('alive') + count('offline') + count('network'), 40);
  const before = tries;
  await assert.rejects(http.request({ method: 'GET', url }), failsWith('offline'));
  assert.equal(tries, before);
});
