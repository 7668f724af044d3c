// What gateways make of requests: redirects of reads, hosts that break one kind of request, waits without end.

import assert from 'node:assert/strict';
import test from 'node:test';
import { counting, failsWith, quickClient } from './kit.ts';

test('a read by POST is sent again where a redirect of the same server leads it, another POST is not', async (context) => {
  const { url, requests } = await counting(context, (request, response) => {
    if (request.url === '/new') return response.end(request.method);
    response.writeHead(Number(request.url!.slice(1)), { location: '/new' }).end();
  });
  const http = quickClient(context);
  const post = (path: string, isRead: boolean) =>
    http.request({ method: 'POST', url: url + path, body: '{}', isRead, headers: { authorization: 'Bearer x' } });
  for (const status of [301, 302, 307, 308]) {
    assert.equal((await post(`/${status}`, true)).body.toString(), 'POST');
    assert.equal(requests.at(-1)!.headers.authorization, 'Bearer x');
  }
  await assert.rejects(post('/303', true), failsWith('server', /where no POST is sent/));
  await assert.rejects(post('/302', false), failsWith('server', /where no POST is sent/));
});

test('a host that answers anything at all is not gone, however often it breaks one kind of request', async (context) => {
  const { url } = await counting(context, (request, response) => {
    if (request.url === '/broken') request.socket.destroy();
    else response.writeHead(404).end();
  });
  const http = quickClient(context, { retry: { budgetMs: 60 } });
  const get = (path: string) => http.request({ method: 'GET', url: url + path });
  for (let times = 0; times < 5; times++) await assert.rejects(get('/broken'), failsWith('network'));
  assert.equal((await get('/other')).status, 404);
});

test('a redirect to a host that is gone says nothing of the server', async (context) => {
  const { url } = await counting(context, (_, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
  });
  const http = quickClient(context, { retry: { budgetMs: 60 } });
  const get = () => http.request({ method: 'GET', url });
  for (let times = 0; times < 5; times++) await assert.rejects(get(), failsWith('network'));
});

test('waits that only lead to the next one end after a few budgets', { timeout: 5000 }, async (context) => {
  const { url } = await counting(context, (_, response) => {
    response.writeHead(429, { 'retry-after': '0.1' }).end();
  });
  const http = quickClient(context, { retry: { budgetMs: 100 } });
  await assert.rejects(http.request({ method: 'GET', url }), failsWith('server', /asks to slow down/));
});
