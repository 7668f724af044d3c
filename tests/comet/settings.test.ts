// Where Comet is and who signs in: the places that Comet's SDK reads, in its order.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { CometTarget, waitAsked } from '../../src/targets/comet/index.ts';
import { readSettings } from '../../src/targets/comet/settings.ts';
import { serve } from '../helpers/server.ts';
import { tempFolder } from '../helpers/temp.ts';

async function places(t: TestContext) {
  const folder = await tempFolder(t);
  const [cwd, home] = [join(folder, 'work'), join(folder, 'home')];
  for (const path of [cwd, home]) await mkdir(path);
  const settings = (env: Record<string, string> = {}, options: { apiKey?: string; workspace?: string } = {}) =>
    readSettings({ options, env, cwd, home });
  return { cwd, home, settings };
}

test('option, environment, .env, the named file, and those of the two folders: the first one wins', async (t) => {
  const { cwd, home, settings } = await places(t);
  assert.throws(() => settings(), { code: 'token_missing' });
  await writeFile(
    join(home, '.comet.config'),
    '[other]\napi_key = no\n[comet]\napi_key = "of home"\nworkspace=w home\n',
  );
  assert.throws(() => settings(), { code: 'usage' }, 'no key has blanks');
  await writeFile(join(home, '.comet.config'), "[comet]\n# api_key = no\napi_key = 'of-home'\nworkspace=w home\n");
  assert.deepEqual([settings().apiKey, settings().workspace], ['of-home', 'w home']);
  await writeFile(join(cwd, '.comet.config'), '[comet]\napi_key=of-work\n');
  assert.deepEqual([settings().apiKey, settings().workspace], ['of-work', 'w home']);
  await writeFile(join(cwd, 'named.ini'), '[comet]\napi_key=named\nurl_override=http://there:81/clientlib\n');
  assert.equal(settings({ COMET_CONFIG: 'named.ini' }).apiKey, 'named');
  assert.equal(settings({ COMET_CONFIG: 'named.ini' }).root, 'http://there:81');
  await mkdir(join(home, 'conf'));
  await writeFile(join(home, 'conf', '.comet.config'), '[comet]\napi_key=in-folder\n');
  assert.equal(settings({ COMET_CONFIG: '~/conf' }).apiKey, 'in-folder');
  await writeFile(join(cwd, '.env'), 'export COMET_API_KEY="of-env-file"\nOTHER=1\n');
  assert.equal(settings({ COMET_CONFIG: 'named.ini' }).apiKey, 'of-env-file');
  const env = { COMET_API_KEY: 'of-env', COMET_WORKSPACE: 'w env' };
  assert.deepEqual([settings(env).apiKey, settings(env).workspace], ['of-env', 'w env']);
  const chosen = settings(env, { apiKey: 'given', workspace: 'w given' });
  assert.deepEqual([chosen.apiKey, chosen.workspace, chosen.headers.authorization], ['given', 'w given', 'given']);
});

test('the root is where the clients of Comet look for it', async (t) => {
  const { settings } = await places(t);
  const key = { COMET_API_KEY: 'k' };
  assert.equal(settings(key).root, 'https://www.comet.com');
  for (const address of ['https://host:8443/clientlib/', 'https://host:8443', 'https://host:8443/clientlib']) {
    assert.equal(settings({ ...key, COMET_URL_OVERRIDE: address }).root, 'https://host:8443');
  }
  const own = `key*${Buffer.from('{"baseUrl":"https://own.example/"}').toString('base64')}`;
  const { root, headers } = settings({ COMET_API_KEY: own });
  assert.deepEqual([root, headers.authorization], ['https://own.example', own], 'the whole text is the key');
  assert.equal(settings({ COMET_API_KEY: own, COMET_URL_OVERRIDE: 'https://host' }).root, 'https://host');
  assert.equal(settings({ COMET_API_KEY: 'key*nonsense' }).root, 'https://www.comet.com');
  for (const address of ['host', 'ftp://host', '::']) {
    assert.throws(() => settings({ ...key, COMET_URL_OVERRIDE: address }), { code: 'usage' }, address);
  }
});

test('retries and a header of a site are settings, too', async (t) => {
  const { settings } = await places(t);
  const key = { COMET_API_KEY: 'k' };
  assert.equal(settings(key).retryBudgetMs, undefined);
  assert.equal(settings({ ...key, COMET_HTTP_SESSION_RETRY_TOTAL: '0' }).retryBudgetMs, 0);
  assert.equal(settings({ ...key, COMET_HTTP_SESSION_RETRY_TOTAL: '3' }).retryBudgetMs, 14_000);
  assert.throws(() => settings({ ...key, COMET_HTTP_SESSION_RETRY_TOTAL: 'x' }), { code: 'usage' });
  const header = { COMET_ALLOW_HEADER_NAME: 'X-Gate', COMET_ALLOW_HEADER_VALUE: 'open' };
  assert.equal(settings({ ...key, ...header }).headers['x-gate'], 'open');
  const odd = [{ COMET_ALLOW_HEADER_NAME: 'x gate' }, { COMET_ALLOW_HEADER_VALUE: 'secret\u0001' }];
  for (const one of odd) {
    const told = { code: 'usage', message: /^(?!.*secret).*no header/ };
    assert.throws(
      () => settings({ ...key, ...header, ...one }),
      told,
      'told before anything is sent, without the value',
    );
  }
});

test('the header of a site follows no redirect to another host, as the key', async (t) => {
  const { cwd, home } = await places(t);
  const seen: IncomingHttpHeaders[] = [];
  const away = await serve(t, (request, response) => {
    seen.push(request.headers);
    response.end('{"workspaceNames":["w"]}');
  });
  const url = await serve(t, (request, response) => {
    seen.push(request.headers);
    response.writeHead(302, { location: away }).end();
  });
  const header = { COMET_ALLOW_HEADER_NAME: 'X-Gate', COMET_ALLOW_HEADER_VALUE: 'open' };
  const env = { COMET_API_KEY: 'k', COMET_URL_OVERRIDE: url, ...header };
  const target = new CometTarget({ env, cwd, home, workspace: 'w' });
  t.after(() => target.close());
  await target.connect();
  assert.deepEqual(
    seen.map((headers) => [headers.authorization, headers['x-gate']]),
    [
      ['k', 'open'],
      [undefined, undefined],
    ],
  );
});

test("Comet's own header says how long to wait, then the usual one, then its rule", () => {
  assert.equal(waitAsked(429, { 'retry-after-custom': '1.25', 'retry-after': '9' }), 1750);
  assert.equal(waitAsked(429, { 'retry-after': '9' }), 9000);
  assert.equal(waitAsked(429, {}), 60_500);
  assert.equal(waitAsked(503, {}), undefined);
  assert.equal(waitAsked(503, { 'retry-after': '2' }), 2000);
});
