// Where Comet is and who signs in: options, environment, `.env` and the config files, in the order of Comet's own SDK.

import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ExporterError } from '../../model/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CometSettings {
  /** Scheme and host, without a slash at its end. */
  root: string;
  apiKey: string;
  /** Undefined: the default one of the account. */
  workspace: string | undefined;
  /** Sent with every request to this host. */
  headers: Record<string, string>;
  /** Time for failed tries and the pauses between them; undefined where the user says nothing of it. */
  retryBudgetMs: number | undefined;
}

export interface SettingsSources {
  /** Before all others. */
  options: { apiKey?: string | undefined; workspace?: string | undefined };
  env: Environment;
  /** The working folder, where `.env` and `.comet.config` may lie. */
  cwd: string;
  /** The user's home folder. */
  home: string;
}

const DEFAULT_ROOT = 'https://www.comet.com';
const CONFIG_FILE = '.comet.config';
const MAX_RETRY_BUDGET_MS = 600_000;

/** @throws ExporterError `token_missing` without a key, `usage` for what can't be meant */
export function readSettings({ options, env, cwd, home }: SettingsSources): CometSettings {
  const places = placesOf({ env, cwd, home });
  const find = (key: string): string | undefined => {
    for (const place of places) {
      const value = place(key);
      if (value !== undefined && value !== '') return value;
    }
    return undefined;
  };
  const apiKey = (options.apiKey || find('api_key'))?.trim();
  if (!apiKey) {
    throw new ExporterError('token_missing', 'There is no API key for Comet.', {
      hint: 'Set COMET_API_KEY, or api_key in ~/.comet.config; the key is on the page of your account at Comet.',
    });
  }
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new ExporterError('usage', 'The API key for Comet holds characters that no key has.');
  }
  const header = find('allow_header_name') ?? find('allow_header.name');
  const headerValue = find('allow_header_value') ?? find('allow_header.value');
  if (header && headerValue && !(isHeaderName(header) && isHeaderValue(headerValue))) {
    throw new ExporterError('usage', 'COMET_ALLOW_HEADER_NAME and COMET_ALLOW_HEADER_VALUE are no header of HTTP.');
  }
  const retries = find('http_session_retry_total') ?? find('http_session.retry_total');
  return {
    root: rootOf(find('url_override') ?? baseInKey(apiKey)),
    apiKey,
    workspace: options.workspace || find('workspace'),
    headers: {
      authorization: apiKey,
      ...(header && headerValue ? { [header.toLowerCase()]: headerValue } : {}),
    },
    retryBudgetMs: retries === undefined ? undefined : budgetOf(retries),
  };
}

type Place = (key: string) => string | undefined;

/** Where settings may stand, the first one that has it wins. */
function placesOf({ env, cwd, home }: Pick<SettingsSources, 'env' | 'cwd' | 'home'>): Place[] {
  const dotEnv = readPairs(join(cwd, '.env'));
  const asVariable = (key: string) => `COMET_${key.toUpperCase()}`;
  const named = env.COMET_INI || env.COMET_CONFIG;
  const files = [
    ...(named ? [inFolder(resolve(cwd, named.replace(/^~(?=$|[/\\])/, home)))] : []),
    join(cwd, CONFIG_FILE),
    join(home, CONFIG_FILE),
  ];
  return [
    (key) => env[asVariable(key)],
    (key) => dotEnv.get(asVariable(key).toLowerCase()),
    ...files.map((file): Place => {
      const pairs = readPairs(file, 'comet');
      return (key) => pairs.get(key);
    }),
  ];
}

/** The config file, if a folder is named. */
function inFolder(path: string): string {
  try {
    return statSync(path).isDirectory() ? join(path, CONFIG_FILE) : path;
  } catch {
    return path;
  }
}

/** Pairs of a `.env`, or of one section of an INI file, by their names in lower case; none if it can't be read. */
function readPairs(file: string, wanted?: string): Map<string, string> {
  const pairs = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return pairs;
  }
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[(.+)\]\s*$/.exec(line);
    if (header) section = header[1]?.trim().toLowerCase() ?? '';
    if (wanted !== undefined && section !== wanted) continue;
    const [, key, value] = /^\s*(?:export\s+)?([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) pairs.set(key.toLowerCase(), unquoted(value));
  }
  return pairs;
}

function unquoted(value: string): string {
  return /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
}

/** Keys of installations of one's own name their server: base64 of JSON behind a star. */
function baseInKey(apiKey: string): string | undefined {
  const star = apiKey.indexOf('*');
  if (star < 0) return undefined;
  try {
    const { baseUrl } = JSON.parse(Buffer.from(apiKey.slice(star + 1), 'base64').toString('utf8')) as {
      baseUrl?: unknown;
    };
    return typeof baseUrl === 'string' ? baseUrl : undefined;
  } catch {
    return undefined;
  }
}

/** Comet's clients name the root or an address below it: scheme and host count. */
function rootOf(address: string | undefined): string {
  if (address === undefined) return DEFAULT_ROOT;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url.origin;
  throw new ExporterError('usage', 'The address of Comet is not a valid one.', {
    hint: 'COMET_URL_OVERRIDE looks like https://comet.example.com/clientlib/.',
  });
}

function isHeaderName(name: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name);
}

function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e]+$/.test(value);
}

/** The SDK counts tries, two seconds doubling; our client counts time. */
function budgetOf(retries: string): number {
  if (/^\d{1,3}$/.test(retries)) return Math.min(MAX_RETRY_BUDGET_MS, 2000 * (2 ** Math.min(Number(retries), 20) - 1));
  throw new ExporterError('usage', `COMET_HTTP_SESSION_RETRY_TOTAL must be a whole number, not '${retries}'.`);
}
