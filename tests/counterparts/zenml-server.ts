// A real ZenML server for tests: its own SQLite database in a temporary folder, one process.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Daemon, freePort, isAnswered, startDaemon } from './daemon.ts';
import { python } from './python.ts';

const run = promisify(execFile);

export interface ZenmlServerOptions {
  /** `NO_AUTH` is what `zenml login --local` starts. @default 'OAUTH2_PASSWORD_BEARER' */
  scheme?: 'OAUTH2_PASSWORD_BEARER' | 'NO_AUTH';
  env?: Record<string, string>;
}

export interface ZenmlServer {
  /** `http://127.0.0.1:<port>` */
  url: string;
  folder: string;
  version: string;
  /** The administrator. */
  username: string;
  password: string;
  /** Of a service account: `ZENKEY_…` */
  apiKey: string;
  project: Named;
  /** Named `default`, with the artifact store. */
  stack: Named;
  /** Flavour `local`, without a path: each client has a folder of its own for it. */
  artifactStore: Named;
  /** Calls the API as the administrator. @throws Error with the answer, if it isn't a success */
  call<T = Entity>(method: string, path: string, body?: object): Promise<T>;
  /** A new key of a new service account. */
  createApiKey(account: string): Promise<string>;
  close(): Promise<void>;
}

export interface Named {
  id: string;
  name: string;
}

/** What the API answers for one object, as far as tests need it. */
export interface Entity extends Named {
  body: Record<string, unknown>;
  metadata: Record<string, unknown> | null;
  resources: Record<string, unknown> | null;
}

export interface Page<T = Entity> {
  total: number;
  items: T[];
}

const USERNAME = 'default';

/** Starts a server and waits until it answers; that takes some seconds. */
export async function startZenmlServer(options: ZenmlServerOptions = {}): Promise<ZenmlServer> {
  const { scheme = 'OAUTH2_PASSWORD_BEARER', env = {} } = options;
  const command = await python('zenml');
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-zenml-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['-m', 'uvicorn', 'zenml.zen_server.zen_server_api:app', '--host', '127.0.0.1', '--port', String(port)];
  let daemon: Daemon | undefined;
  const close = async () => {
    await daemon?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    daemon = await startDaemon(command, args, {
      name: 'ZenML',
      cwd: folder,
      env: { ...(await serverEnvironment(folder, scheme)), ...env },
      isReady: () => isAnswered(`${url}/ready`),
    });
    return { ...(await introduce(url, passwordOf(scheme))), url, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An environment without the user's own ZenML, cloud and home. */
export function zenmlEnvironment(home: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !/^(ZENML|AWS|AZURE|GOOGLE)_/.test(name));
  return {
    ...Object.fromEntries(others),
    HOME: home,
    ZENML_ANALYTICS_OPT_IN: 'false',
    ZENML_LOGGING_VERBOSITY: 'WARN',
    ZENML_LOGGING_COLORS_DISABLED: 'true',
    PYTHONWARNINGS: 'ignore::FutureWarning',
    NO_COLOR: '1',
  };
}

/**
 * Leaves the files of `zenml login` in a new folder, by the real client: `config.yaml` and `credentials.yaml`. Programs
 * find it by `ZENML_CONFIG_PATH`; local artifact stores are below `local_stores/` in it.
 */
export async function zenmlLogin(server: Pick<ZenmlServer, 'url'>, apiKey?: string): Promise<ZenmlLogin> {
  const command = await python('zenml');
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-zenml-login-'));
  const env = { ...zenmlEnvironment(folder), ZENML_CONFIG_PATH: folder };
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const login =
      apiKey === undefined
        ? run(command, ['-c', LOCAL_LOGIN, server.url], { cwd: folder, env })
        : run(join(dirname(command), 'zenml'), ['login', server.url, '--api-key'], { cwd: folder, env });
    // It asks for the key on standard input.
    login.child.stdin?.end(apiKey === undefined ? '' : `${apiKey}\n`);
    await login;
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, remove };
}

export interface ZenmlLogin {
  folder: string;
  remove(): Promise<void>;
}

/** Folder of a local artifact store without a path, for a client with this config folder. */
export function localStoreFolder(configFolder: string, store: Named): string {
  return join(configFolder, 'local_stores', store.id);
}

/** What `zenml login --local` does once it has started its server. */
const LOCAL_LOGIN = `
import sys
from zenml.config.global_config import GlobalConfiguration
from zenml.zen_stores.rest_zen_store import RestZenStoreConfiguration
GlobalConfiguration().set_store(RestZenStoreConfiguration(url=sys.argv[1]))
`;

type Scheme = NonNullable<ZenmlServerOptions['scheme']>;

async function serverEnvironment(folder: string, scheme: Scheme): Promise<NodeJS.ProcessEnv> {
  const config = join(folder, 'config');
  await mkdir(config);
  return {
    ...zenmlEnvironment(folder),
    ZENML_SERVER: 'true',
    ZENML_CONFIG_PATH: config,
    ZENML_SERVER_AUTH_SCHEME: scheme,
    ZENML_SERVER_DEPLOYMENT_TYPE: scheme === 'NO_AUTH' ? 'local' : 'other',
    ZENML_SERVER_AUTO_ACTIVATE: 'true',
    ZENML_DEFAULT_USER_NAME: USERNAME,
    ZENML_DEFAULT_USER_PASSWORD: passwordOf(scheme),
  };
}

/** The server of `zenml login --local` has none. */
const passwordOf = (scheme: Scheme) => (scheme === 'NO_AUTH' ? '' : 'correct horse');

/** Logs in, and asks for what tests need to know. */
async function introduce(url: string, password: string): Promise<Omit<ZenmlServer, 'url' | 'folder' | 'close'>> {
  const api = `${url}/api/v1`;
  const form = new URLSearchParams({ username: USERNAME, password });
  const login = await answerOf<{ access_token: string }>(await fetch(`${api}/login`, { method: 'POST', body: form }));
  const call = async <T = Entity>(method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${login.access_token}`, 'content-type': 'application/json' };
    return answerOf<T>(await fetch(`${api}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) }));
  };
  const createApiKey = async (account: string) => {
    const { id } = await call('POST', '/service_accounts', { name: account, active: true });
    const { body } = await call('POST', `/service_accounts/${id}/api_keys`, { name: 'tests' });
    return body.key as string;
  };
  const { version } = await call<{ version: string }>('GET', '/info');
  const only = async (path: string) => {
    const { items } = await call<Page>('GET', path);
    const { id, name } = items[0]!;
    return { id, name };
  };
  return {
    version,
    username: USERNAME,
    password,
    apiKey: await createApiKey('tests'),
    project: await only('/projects'),
    stack: await only('/stacks'),
    artifactStore: await only('/components?type=artifact_store'),
    call,
    createApiKey,
  };
}

async function answerOf<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} of ${answer.url}: ${text}`);
  return JSON.parse(text) as T;
}
