// What a person reads of a request that failed.

import assert from 'node:assert/strict';
import test from 'node:test';
import { oneLine, redactUrl } from '../../src/http/redact.ts';
import { networkError } from '../../src/http/request-errors.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { counting, quickClient } from './kit.ts';

const HOST = 'http://storage.test:8080/x';
const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

test('the words of other programs come as one line that is not long', async (context) => {
  const dump = `C0D7:error:0A00010B:SSL routines:\n  wrong version number:\r\n${'../deps/openssl '.repeat(100)}\n`;
  for (const error of [withCode('EPROTO', dump), withCode('CERT_HAS_EXPIRED', dump)]) {
    const { message } = networkError(HOST, error, 1);
    assert.doesNotMatch(message, /[\r\n]| {2}/);
    assert.match(message, /wrong version number: \.\.\/deps/);
    assert.ok(message.length < 400, String(message.length));
  }
  const { url } = await counting(context, (_, response) => response.end());
  const bad = quickClient(context).stream({ method: 'GET', url }, async () => {
    throw new ExporterError('bad_answer', dump);
  });
  await assert.rejects(bad, (error: Error) => !error.message.includes('\n') && error.message.length <= 300);
  assert.equal(oneLine('x'.repeat(301)), `${'x'.repeat(299)}…`);
  assert.equal(oneLine(` a\n\tb ${'y'.repeat(296)}`), `a b ${'y'.repeat(296)}`);
});

test('a host name that is not known is told without a port', () => {
  assert.equal(networkError(HOST, withCode('ENOTFOUND'), 1).message, 'The name storage.test is not known.');
  assert.equal(networkError(HOST, withCode('EAI_AGAIN'), 1).message, "The name storage.test can't be looked up.");
  assert.equal(networkError(HOST, withCode('ECONNREFUSED'), 1).message, 'Nothing answers at storage.test:8080.');
});

test('an address that is none is told at once, without its secrets', async (context) => {
  let tries = 0;
  const http = quickClient(context, { onRequest: () => tries++, retry: { minTries: 100 } });
  for (const [url, shown] of [
    ['', ''],
    ['nowhere', 'nowhere'],
    ['http://', 'http://'],
    ['http://me:pass@host:99999999/x?sig=1', 'http://host:99999999/x'],
    ['ftp://me:pass@host/x?sig=1', 'ftp://host/x?…'],
    ['file:///etc/passwd', 'file:///etc/passwd'],
  ] as const) {
    await assert.rejects(http.request({ method: 'GET', url }), {
      name: 'ExporterError',
      code: 'bad_answer',
      attempts: undefined,
      message: `The server gives the address ${shown}, which is none.`,
    });
  }
  assert.equal(tries, 0);
  assert.equal(redactUrl('//a:b@c/d#e'), '//c/d');
});
