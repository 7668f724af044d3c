// Which ZenML server is meant, and how to sign in: variables, the files of `zenml login`, a repository's own. No server.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { readSettings } from '../../src/targets/zenml/settings.ts';
import { tempFolder } from '../helpers/temp.ts';

const HOME = '/nonexistent';

function settings(env: Record<string, string>, more: { home?: string; cwd?: string; platform?: NodeJS.Platform } = {}) {
  return readSettings({ env, home: HOME, cwd: '/', platform: 'linux', ...more });
}

const CONFIG = `active_project_id: 11111111-1111-4111-8111-111111111111
active_stack_id: 22222222-2222-4222-8222-222222222222
analytics_opt_in: true
store:
  connection_pool_size: 10
  type: rest
  url: http://saved:8080
  verify_ssl: true
user_id: 33333333-3333-4333-8333-333333333333
version: 0.98.0
`;

async function configured(t: Parameters<typeof tempFolder>[0], config: string, credentials = ''): Promise<string> {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'config.yaml'), config);
  if (credentials) await writeFile(join(folder, 'credentials.yaml'), credentials);
  return folder;
}

test('the environment alone is enough', () => {
  const { base, credentials, project, stack } = settings({
    ZENML_STORE_URL: 'https://zen:1/path/',
    ZENML_STORE_API_KEY: 'ZENKEY_x',
    ZENML_ACTIVE_PROJECT_ID: 'p',
  });
  assert.equal(base, 'https://zen:1/path');
  assert.deepEqual(credentials, { apiKey: 'ZENKEY_x' });
  assert.deepEqual([project, stack], [{ idOrName: 'p', isOrder: true }, undefined]);
  const url = { ZENML_STORE_URL: 'http://h' };
  const user = { ...url, ZENML_STORE_USERNAME: 'u', ZENML_STORE_PASSWORD: 'p' };
  assert.deepEqual(settings(user).credentials, { user: { name: 'u', password: 'p' } });
  assert.deepEqual(settings({ ...url, ZENML_STORE_API_TOKEN: 'jwt' }).credentials, { token: 'jwt' });
  assert.deepEqual(settings(url).credentials, {});
});

test('without it the files of zenml login are read; variables go before them', async (t) => {
  const folder = await configured(
    t,
    CONFIG,
    `http://saved:8080:
  api_key: ZENKEY_saved
  api_token:
    access_token: jwt
  server_name: default
http://other:8080:
  api_token:
    access_token: other
    expires_at: 2030-01-02 03:04:05.678901+00:00
  server_name: other
`,
  );
  const saved = settings({ ZENML_CONFIG_PATH: folder });
  assert.deepEqual([saved.base, saved.credentials], ['http://saved:8080', { apiKey: 'ZENKEY_saved' }]);
  assert.equal(saved.project?.idOrName, '11111111-1111-4111-8111-111111111111');
  assert.equal(saved.stack?.idOrName, '22222222-2222-4222-8222-222222222222');
  assert.equal(saved.localStores, join(folder, 'local_stores'));
  const other = settings({ ZENML_CONFIG_PATH: folder, ZENML_STORE_URL: 'http://other:8080/' });
  assert.deepEqual(other.credentials, { token: 'other', tokenEnds: Date.parse('2030-01-02T03:04:05.678Z') });
  assert.deepEqual([other.project, other.stack], [undefined, undefined], 'those are of another server');
  const keyed = settings({ ZENML_CONFIG_PATH: folder, ZENML_STORE_API_KEY: 'ZENKEY_now' });
  assert.deepEqual([keyed.base, keyed.credentials], ['http://saved:8080', { apiKey: 'ZENKEY_now' }]);
  assert.equal(settings({ ZENML_CONFIG_PATH: folder, ZENML_LOCAL_STORES_PATH: '/x' }).localStores, '/x');
});

test('the folder of the configuration is that of the operating system', async (t) => {
  const home = await tempFolder(t);
  for (const [platform, folder] of [
    ['linux', '.config/zenml'],
    ['darwin', 'Library/Application Support/zenml'],
    ['win32', 'AppData/Roaming/zenml'],
  ] as const) {
    await mkdir(join(home, folder), { recursive: true });
    await writeFile(join(home, folder, 'config.yaml'), `store:\n  type: rest\n  url: http://${platform}\n`);
    assert.equal(settings({}, { home, platform }).base, `http://${platform}`);
  }
});

test("a repository's project and stack go before the global ones, a variable before both", async (t) => {
  const folder = await configured(t, CONFIG);
  const repository = await tempFolder(t);
  await mkdir(join(repository, '.zen'));
  await mkdir(join(repository, 'deep', 'down'), { recursive: true });
  await writeFile(join(repository, '.zen', 'config.yaml'), 'active_project_id: of-repository\n');
  const cwd = join(repository, 'deep', 'down');
  const found = settings({ ZENML_CONFIG_PATH: folder }, { cwd });
  assert.equal(found.project?.idOrName, 'of-repository');
  assert.equal(found.stack?.idOrName, '22222222-2222-4222-8222-222222222222');
  const ordered = settings({ ZENML_CONFIG_PATH: folder, ZENML_ACTIVE_PROJECT_ID: 'asked' }, { cwd });
  assert.deepEqual(ordered.project, { idOrName: 'asked', isOrder: true });
});

test('certificates: off, a file, a text', async (t) => {
  const folder = await tempFolder(t);
  const file = join(folder, 'ca.pem');
  await writeFile(file, 'PEM');
  const tls = (value: string) => settings({ ZENML_STORE_URL: 'https://h', ZENML_STORE_VERIFY_SSL: value }).tls;
  assert.equal(tls('true'), undefined);
  assert.deepEqual(tls('False'), { insecure: true });
  assert.deepEqual(tls(file), { ca: 'PEM' });
  assert.deepEqual(tls('-----BEGIN CERTIFICATE-----\nx'), { ca: '-----BEGIN CERTIFICATE-----\nx' });
  assert.throws(() => tls('/nowhere.pem'), { code: 'usage' });
});

test('what can not be meant is one sentence with a hint, without any secret', async (t) => {
  assert.throws(() => settings({}), { code: 'usage', message: /No ZenML server is set/, hint: /zenml login/ });
  const sql = await configured(t, 'store:\n  type: sql\n  url: sqlite:////x/zenml.db\n');
  assert.throws(() => settings({ ZENML_CONFIG_PATH: sql }), { code: 'usage', message: /a database without a server/ });
  assert.throws(
    () => settings({ ZENML_STORE_URL: 'mysql://u:secret@h/db' }),
    (error: Error) => {
      return !error.message.includes('secret');
    },
  );
  assert.throws(
    () => settings({ ZENML_STORE_URL: 'http://u:secret@h' }),
    (error: Error) => {
      return /holds a user or a password/.test(error.message) && !error.message.includes('secret');
    },
  );
  const broken = await configured(t, CONFIG, 'http://saved:8080:\n  api_key: "ZENKEY_secret\n');
  assert.throws(
    () => settings({ ZENML_CONFIG_PATH: broken }),
    (error: Error & { cause?: unknown }) => {
      return /credentials\.yaml can't be read/.test(error.message) && !String(error.cause).includes('ZENKEY');
    },
  );
});
