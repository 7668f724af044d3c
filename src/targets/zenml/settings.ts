// Where the ZenML server is and how to sign in: environment variables, else what `zenml login` left on this machine.

import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { TlsOptions } from '../../http/client.ts';
import { ExporterError } from '../../model/errors.ts';
import type { TargetEnvironment } from '../descriptor.ts';

/** How to sign in, the first that is there: a key or a user log in anew when a token ends, a token alone can't. */
export interface Credentials {
  apiKey?: string;
  user?: { name: string; password: string };
  token?: string;
  /** When the token ends, ms since 1970-01-01 UTC. */
  tokenEnds?: number;
}

export interface ZenmlSettings {
  /** Address without a slash at its end. */
  base: string;
  credentials: Credentials;
  tls: TlsOptions | undefined;
  /** Id or name; `isOrder`: asked for by an environment variable, so no other one will do. */
  project: { idOrName: string; isOrder: boolean } | undefined;
  stack: { idOrName: string; isOrder: boolean } | undefined;
  /** Where local artifact stores without a path of their own have their folders. */
  localStores: string;
}

/** What the settings are read from. */
export interface SettingsPlace {
  env: TargetEnvironment;
  home: string;
  /** Where the search for a repository's settings begins. */
  cwd: string;
  platform: NodeJS.Platform;
}

type Fields = Readonly<Record<string, unknown>>;

const LOGIN_HINT = 'Run `zenml login <address of the server>`, or set ZENML_STORE_URL and ZENML_STORE_API_KEY.';

/**
 * Reads the settings as ZenML's Python client does: with ZENML_STORE_URL (or _TYPE) set, the environment alone says where
 * the server is; else the configuration file, of which other variables ZENML_STORE_… change a field.
 * @throws ExporterError `usage` if there is no server, or a file or variable can't be read
 */
export function readSettings(place: SettingsPlace): ZenmlSettings {
  const { env } = place;
  const folder = configFolder(place);
  const file = readYaml(join(folder, 'config.yaml'));
  const store = storeOf(env, record(file.store));
  const base = addressOf(store, folder);
  const own = readYaml(join(folder, 'credentials.yaml'))[base];
  return {
    base,
    credentials: credentialsOf(store, record(own)),
    tls: tlsOf(store.verify_ssl),
    ...activeOf(place, file, base),
    localStores: env.ZENML_LOCAL_STORES_PATH || join(folder, 'local_stores'),
  };
}

/** ZENML_CONFIG_PATH, else the folder for settings of the operating system. */
function configFolder({ env, home, platform }: SettingsPlace): string {
  if (env.ZENML_CONFIG_PATH) return env.ZENML_CONFIG_PATH;
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'zenml');
  if (platform === 'win32') return join(env.APPDATA || join(home, 'AppData', 'Roaming'), 'zenml');
  return join(env.XDG_CONFIG_HOME || join(home, '.config'), 'zenml');
}

function storeOf(env: TargetEnvironment, file: Fields): Fields {
  const prefix = 'ZENML_STORE_';
  const own = Object.fromEntries(
    Object.entries(env)
      .filter(([name, value]) => name.startsWith(prefix) && value !== undefined && value !== '')
      .map(([name, value]) => [name.slice(prefix.length).toLowerCase(), value]),
  );
  return 'url' in own || 'type' in own ? own : { ...file, ...own };
}

function addressOf(store: Fields, folder: string): string {
  const url = text(store.url)?.replace(/\/+$/, '');
  if (url === undefined) {
    throw new ExporterError('usage', `No ZenML server is set, neither by ZENML_STORE_URL nor in ${folder}.`, {
      hint: LOGIN_HINT,
    });
  }
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    const what = store.type === 'sql' || /^(sqlite|mysql)/.test(url) ? 'uses a database without a server' : undefined;
    const message = `ZenML on this machine ${what ?? 'is set to an address that is no server'}.`;
    throw new ExporterError('usage', message, {
      hint: 'Run `zenml login --local` or `zenml login <address of a server>`.',
    });
  }
  const { username, password, origin, pathname } = new URL(url);
  if (username === '' && password === '') return url;
  throw new ExporterError('usage', `The address of the ZenML server ${origin}${pathname} holds a user or a password.`, {
    hint: 'Set ZENML_STORE_API_KEY instead.',
  });
}

function credentialsOf(store: Fields, saved: Fields): Credentials {
  // What is set for this call goes before what was saved.
  const given = { apiKey: text(store.api_key), token: text(store.api_token), name: text(store.username) };
  if (given.apiKey !== undefined) return { apiKey: given.apiKey };
  if (given.name !== undefined) return { user: { name: given.name, password: text(store.password) ?? '' } };
  if (given.token !== undefined) return { token: given.token };
  const apiKey = text(saved.api_key);
  if (apiKey !== undefined) return { apiKey };
  const name = text(saved.username);
  if (name !== undefined) return { user: { name, password: text(saved.password) ?? '' } };
  const held = record(saved.api_token);
  const token = text(held.access_token);
  if (token === undefined) return {};
  const ends = Date.parse(
    held.expires_at instanceof Date ? held.expires_at.toISOString() : zoned(text(held.expires_at)),
  );
  return { token, ...(Number.isNaN(ends) ? {} : { tokenEnds: ends }) };
}

/** Times without a zone are UTC. */
export function zoned(time: string | undefined): string {
  if (time === undefined) return '';
  return /(?:Z|[+-]\d\d:?\d\d)$/i.test(time) ? time : `${time}Z`;
}

function tlsOf(verify: unknown): TlsOptions | undefined {
  if (verify === undefined || verify === null || verify === true) return undefined;
  if (verify === false) return { insecure: true };
  const value = text(verify) ?? '';
  if (/^(true|1|yes|on)$/i.test(value)) return undefined;
  if (/^(false|0|no|off)$/i.test(value)) return { insecure: true };
  if (value.includes('-----BEGIN CERTIFICATE-----')) return { ca: value };
  try {
    return { ca: readFileSync(value, 'utf8') };
  } catch (error) {
    throw new ExporterError('usage', `The certificate file ${value} can't be read.`, {
      hint: 'It is set by ZENML_STORE_VERIFY_SSL, or by verify_ssl in the configuration of ZenML.',
      cause: error,
    });
  }
}

/** The active project and stack; those in files are of the server that the files name. */
function activeOf(place: SettingsPlace, file: Fields, base: string): Pick<ZenmlSettings, 'project' | 'stack'> {
  const { env } = place;
  const isSame = text(record(file.store).url)?.replace(/\/+$/, '') === base;
  const repository = readYaml(join(repositoryFolder(place), 'config.yaml'));
  const active = (variable: string, field: string) => {
    const order = env[variable];
    if (order) return { idOrName: order, isOrder: true };
    const kept = text(repository[field]) ?? (isSame ? text(file[field]) : undefined);
    return kept === undefined ? undefined : { idOrName: kept, isOrder: false };
  };
  return {
    project: active('ZENML_ACTIVE_PROJECT_ID', 'active_project_id'),
    stack: active('ZENML_ACTIVE_STACK_ID', 'active_stack_id'),
  };
}

/** The folder `.zen` of the repository that the working folder lies in. */
function repositoryFolder({ env, cwd }: SettingsPlace): string {
  const name = env.ZENML_REPOSITORY_DIRECTORY_NAME || '.zen';
  if (env.ZENML_REPOSITORY_PATH) return join(env.ZENML_REPOSITORY_PATH, name);
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (readText(join(folder, name, 'config.yaml')) !== undefined || folder === dirname(folder)) {
      return join(folder, name);
    }
  }
}

function readYaml(path: string): Fields {
  const content = readText(path);
  if (content === undefined) return {};
  try {
    return record(parse(content, { schema: 'core', logLevel: 'error' }));
  } catch {
    // The parser's own words quote the file, which may hold a key.
    throw new ExporterError('usage', `The file ${path} can't be read: it is not valid YAML.`, { hint: LOGIN_HINT });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ExporterError('usage', `The file ${path} can't be read (${code}).`, {
      hint: 'Check its permissions.',
      cause: error,
    });
  }
}

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
