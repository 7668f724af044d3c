// An HTTPS server with a certificate that nobody vouches for, in front of a server without one.

import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import type { DemoServer } from '../../src/demo/http-server.ts';
import { apiToken } from './server.ts';

/** Made for this file alone; it guards nothing. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHPwGVQ86z44oPf3u
XLKU/rUvPEqNMGSKaHNUnmVCx9OhRANCAATBbs8oSCAlGLmlqTHDQtEQ2/9ztJCs
VKOlyUGkuzEdnD8/gIOpYgsc8dA/w5r/ZOLWKC9mNik7zvwbad51oj9I
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUCpoZxjQGDwfv7T7/DeSL6fS4VLQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDA0MjczNloYDzIxMjYxMDMx
MDQyNzM2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATBbs8oSCAlGLmlqTHDQtEQ2/9ztJCsVKOlyUGkuzEdnD8/gIOpYgsc
8dA/w5r/ZOLWKC9mNik7zvwbad51oj9Io1MwUTAdBgNVHQ4EFgQUyuPIYM3ww4cO
Ur3p2VVzrTn5IvIwHwYDVR0jBBgwFoAUyuPIYM3ww4cOUr3p2VVzrTn5IvIwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAcV9w4U0GflxnOHwUfj1bC
urk8kUapVcUTKO5+35bmDwIgJGq+1rE9/XwpnEPMaFW6njGtvVfX3eeYWQJZa1J+
jB0=
-----END CERTIFICATE-----`;

/** Serves what a demo server does, by HTTPS. Answers are passed on as text. @returns an API token for it */
export async function behindSelfSigned(
  t: Pick<TestContext, 'after'>,
  demo: Pick<DemoServer, 'url' | 'token'>,
): Promise<string> {
  let url = '';
  const server = createServer({ key: KEY, cert: CERTIFICATE }, async (incoming, response) => {
    const { 'x-neptune-api-token': token, ...others } = incoming.headers;
    const headers = { ...others, ...(token === undefined ? {} : { 'x-neptune-api-token': demo.token }) };
    const passed = request(
      `${demo.url}${incoming.url}`,
      { method: incoming.method ?? 'GET', headers },
      async (answer) => {
        const isJson = answer.headers['content-type']?.includes('json') === true;
        if (!isJson) return answer.pipe(response.writeHead(answer.statusCode ?? 500, answer.headers));
        const body = (await text(answer)).replaceAll(demo.url, url);
        response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json' }).end(body);
      },
    );
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return apiToken(url, 'demo');
}
