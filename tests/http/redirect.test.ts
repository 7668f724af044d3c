// Redirects: reads follow them, credentials stay with their server, bodies are sent again only there.

import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { mayHaveCredentials } from '../../src/http/redirect.ts';
import { counting, failsWith, quickClient } from './kit.ts';

const SECRETS = { authorization: 'Bearer t', 'X-Neptune-Api-Token': 'n', Cookie: 'c=1', range: 'bytes=5-' };
const secretsIn = ({ authorization, cookie, 'x-neptune-api-token': token }: IncomingHttpHeaders) =>
  [authorization, token, cookie].filter((one) => one !== undefined);

test('credentials follow a redirect on the same origin, and never leave it', async (context) => {
  const home = { url: '' };
  const away = await counting(context, (request, response) => {
    if (request.url === '/back') response.writeHead(302, { location: `${home.url}/here` });
    response.end('away');
  });
  const server = await counting(context, (request, response) => {
    const locations: Record<string, string> = {
      '/same': '/here',
      '/away': `${away.url}/file?sig=1`,
      '/there-and-back': `${away.url}/back`,
    };
    const location = locations[request.url ?? ''];
    if (location) response.writeHead(307, { location });
    response.end('here');
  });
  home.url = server.url;
  const http = quickClient(context);
  const get = async (path: string) => {
    const { body } = await http.request({ method: 'GET', url: server.url + path, headers: SECRETS });
    return body.toString();
  };
  assert.equal(await get('/same'), 'here');
  assert.equal(secretsIn(server.requests.at(-1)!.headers).length, 3);
  assert.equal(await get('/away'), 'away');
  assert.deepEqual(secretsIn(away.requests[0]!.headers), []);
  assert.equal(away.requests[0]!.headers.range, 'bytes=5-');
  assert.equal(away.requests[0]!.url, '/file?sig=1');
  assert.equal(await get('/there-and-back'), 'here');
  assert.deepEqual(secretsIn(server.requests.at(-1)!.headers), []);
});

test('headers that a client names as credentials stay with their server, too', async (context) => {
  const away = await counting(context, (_, response) => response.end('away'));
  const server = await counting(context, (_, response) => {
    response.writeHead(302, { location: away.url });
    response.end();
  });
  const http = quickClient(context, { credentials: ['X-Gate'] });
  await http.request({ method: 'GET', url: server.url, headers: { 'x-gate': 'open', range: 'bytes=5-' } });
  assert.equal(server.requests[0]!.headers['x-gate'], 'open');
  const { 'x-gate': gate, range } = away.requests[0]!.headers;
  assert.deepEqual([gate, range], [undefined, 'bytes=5-']);
});

test('only the same origin may have credentials, or the same host that now speaks TLS', () => {
  assert.ok(mayHaveCredentials('https://a.org/x', 'https://a.org:443/y'));
  assert.ok(mayHaveCredentials('http://a.org/x', 'https://a.org/x'));
  assert.ok(mayHaveCredentials('http://a.org:8080', 'https://a.org:8080'));
  for (const to of [
    'http://a.org/',
    'https://a.org:444/',
    'https://b.a.org/',
    'https://a.org.evil/',
    'http://a.org:443',
  ]) {
    assert.equal(mayHaveCredentials('https://a.org/', to), false, to);
  }
  assert.equal(mayHaveCredentials('http://a.org/', 'https://a.org:8443/'), false);
});

test('a POST is sent again where the redirect keeps it and the origin, and nowhere else', async (context) => {
  const bodies: string[] = [];
  const away = await counting(context, (_, response) => response.end('away'));
  const server = await counting(context, async (request, response) => {
    const body = await text(request);
    const [, status, where] = request.url!.split('/');
    if (status === 'here') {
      bodies.push(`${request.method} ${body}`);
      return response.end('posted');
    }
    response.writeHead(Number(status), { location: where === 'away' ? away.url : '/here' }).end();
  });
  const http = quickClient(context);
  const post = (path: string, body: string | (() => string | Readable)) =>
    http.request({ method: 'POST', url: server.url + path, body });
  assert.equal((await post('/307/here', 'one')).body.toString(), 'posted');
  assert.equal((await post('/308/here', () => 'two')).body.toString(), 'posted');
  assert.deepEqual(bodies, ['POST one', 'POST two']);
  for (const path of ['/301/here', '/302/here', '/303/here', '/307/away', '/308/away']) {
    await assert.rejects(post(path, 'no'), failsWith('server', /redirects to .*, where no POST is sent\.$/), path);
  }
  await assert.rejects(
    post('/307/here', () => Readable.from(['no'])),
    failsWith('server', /where no POST is sent/),
  );
  assert.equal(bodies.length, 2);
  assert.equal(away.requests.length, 0);
});

test('five redirects are followed, and no more; nor those that lead nowhere', async (context) => {
  const { url, requests } = await counting(context, (request, response) => {
    const left = Number(request.url?.slice(1));
    if (left === 0) return response.end('there');
    const nowhere: Record<string, string> = { '/nowhere': 'http://', '/file': 'file:///etc/passwd' };
    response.writeHead(302, { location: nowhere[request.url ?? ''] ?? `/${left - 1}` }).end();
  });
  const http = quickClient(context);
  const get = (path: string) => http.request({ method: 'GET', url: url + path });
  assert.equal((await get('/5')).body.toString(), 'there');
  assert.equal(requests.length, 6);
  await assert.rejects(get('/6'), failsWith('server', /after 5 other redirects\.$/));
  await assert.rejects(get('/nowhere'), failsWith('server', /which is no address\.$/));
  await assert.rejects(get('/file'), failsWith('server', /which is no address\.$/));
});

test('what fails behind a redirect is told of the server behind it', async (context) => {
  const dead = await counting(context, (request) => request.socket.destroy());
  const server = await counting(context, (_, response) => response.writeHead(302, { location: dead.url }).end());
  const failed = quickClient(context).request({ method: 'GET', url: server.url, retry: false });
  await assert.rejects(failed, failsWith('network', new RegExp(new URL(dead.url).host)));
});
