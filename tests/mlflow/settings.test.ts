// MLflow's environment: which place a tracking URI means, which credentials win, what is refused.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { readSettings } from '../../src/targets/mlflow/settings.ts';
import { tempFolder } from '../helpers/temp.ts';

const HOME = '/nonexistent';
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

test('a tracking URI means what it means to MLflow', () => {
  const place = (uri: string | undefined, env = {}) => readSettings(uri, env, HOME).place;
  assert.deepEqual(place(undefined), { kind: 'local', store: 'default' });
  assert.deepEqual(place('', { MLFLOW_TRACKING_URI: '' }), { kind: 'local', store: 'default' });
  assert.deepEqual(place(undefined, { MLFLOW_TRACKING_URI: 'http://h:1/p/' }), {
    kind: 'server',
    base: 'http://h:1/p',
  });
  assert.deepEqual(place('https://x', { MLFLOW_TRACKING_URI: 'http://h' }), { kind: 'server', base: 'https://x' });
  assert.deepEqual(place('sqlite:///a.db'), { kind: 'local', store: 'database', uri: 'sqlite:///a.db' });
  assert.deepEqual(place('postgresql+psycopg2://u:p@h/d').kind, 'local');
  assert.deepEqual(place('./mlruns'), { kind: 'local', store: 'folder', uri: './mlruns' });
  assert.deepEqual(place('file:///a/b'), { kind: 'local', store: 'folder', uri: 'file:///a/b' });
  for (const uri of ['databricks', 'databricks://profile', 'uc:x']) {
    assert.throws(() => place(uri), { code: 'unsupported' });
  }
  assert.throws(() => place('s3://bucket'), { code: 'usage' });
});

test('a pair of user and password goes before a token, as in MLflow', () => {
  const authorization = (env: Record<string, string>, uri = 'http://h', home = HOME) =>
    readSettings(uri, env, home).headers.authorization;
  const pair = { MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_PASSWORD: 'p' };
  assert.equal(authorization({}), undefined);
  assert.equal(authorization({ ...pair, MLFLOW_TRACKING_TOKEN: 't' }), basic('u:p'));
  assert.equal(authorization({ MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_TOKEN: 't' }), 'Bearer t');
  assert.equal(authorization({}, 'http://us%40er:pw@h'), basic('us@er:pw'));
  assert.equal(authorization(pair, 'http://a:b@h'), basic('u:p'));
  assert.deepEqual(readSettings('http://a:b@h/x', {}, HOME).place, { kind: 'server', base: 'http://h/x' });
});

test('the credentials file fills what the environment leaves out', async (t) => {
  const home = await tempFolder(t);
  await mkdir(join(home, '.mlflow'));
  await writeFile(
    join(home, '.mlflow', 'credentials'),
    '[other]\nmlflow_tracking_username = no\n[mlflow]\n# comment\nmlflow_tracking_username = me\nMLFLOW_TRACKING_PASSWORD=se=cret \n',
  );
  assert.equal(readSettings('http://h', {}, home).headers.authorization, basic('me:se=cret'));
  const env = { MLFLOW_TRACKING_USERNAME: 'you' };
  assert.equal(readSettings('http://h', env, home).headers.authorization, basic('you:se=cret'));
});

test('the rest of the environment', async (t) => {
  const folder = await tempFolder(t);
  const pem = join(folder, 'cert.pem');
  await writeFile(pem, 'PEM');
  const settings = readSettings(
    'http://h',
    {
      MLFLOW_WORKSPACE: 'team',
      MLFLOW_HTTP_REQUEST_TIMEOUT: '7',
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0',
      MLFLOW_TRACKING_CLIENT_CERT_PATH: pem,
      MLFLOW_TRACKING_SERVER_CERT_PATH: pem,
    },
    HOME,
  );
  assert.equal(settings.headers['x-mlflow-workspace'], 'team');
  assert.equal(settings.timeoutMs, 7000);
  assert.equal(settings.retryBudgetMs, 0);
  assert.deepEqual(settings.tls, { ca: 'PEM', cert: 'PEM', key: 'PEM' });
  const both = { MLFLOW_TRACKING_INSECURE_TLS: 'true', MLFLOW_TRACKING_SERVER_CERT_PATH: pem };
  assert.throws(() => readSettings('http://h', both, HOME), { code: 'usage' });
  assert.throws(() => readSettings('http://h', { MLFLOW_TRACKING_SERVER_CERT_PATH: '/no' }, HOME), { code: 'usage' });
  assert.throws(() => readSettings('http://h', { MLFLOW_HTTP_REQUEST_TIMEOUT: 'x' }, HOME), { code: 'usage' });
});
