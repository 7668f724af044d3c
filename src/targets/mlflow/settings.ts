// Where MLflow is and how to sign in, from the option and from MLflow's own environment variables.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsOptions } from '../../http/client.ts';
import { ExporterError } from '../../model/errors.ts';
import { readIni } from '../ini.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a tracking URI means to MLflow. `local` needs a server that we start: on a database, on a folder, or on
 * whatever the installed MLflow takes when it is told nothing.
 */
export type TrackingPlace =
  | { kind: 'server'; base: string }
  | { kind: 'local'; store: 'database' | 'folder'; uri: string }
  | { kind: 'local'; store: 'default' };

export interface MlflowSettings {
  place: TrackingPlace;
  /** Sent with every request to the tracking server. */
  headers: Record<string, string>;
  tls: TlsOptions | undefined;
  /** Until the headers of an answer must be there. */
  timeoutMs: number;
  /** Time for failed tries and the pauses between them; 0: no second try. */
  retryBudgetMs: number;
}

/** SQLAlchemy names that MLflow takes for a tracking database, also with a driver (`postgresql+psycopg2`). */
const DATABASES = ['postgresql', 'mysql', 'sqlite', 'mssql'];
const MAX_RETRY_BUDGET_MS = 600_000;

/**
 * Reads the settings as MLflow's Python client does; the given URI goes before `MLFLOW_TRACKING_URI`.
 * @param home the user's home folder, where `.mlflow/credentials` may lie
 * @throws ExporterError `usage` for settings that exclude each other or can't be read, `unsupported` for a URI of
 *   another kind (Databricks)
 */
export function readSettings(trackingUri: string | undefined, env: Environment, home: string): MlflowSettings {
  const uri = trackingUri || env.MLFLOW_TRACKING_URI || undefined;
  const { place, userInfo } = placeOf(uri);
  const headers: Record<string, string> = {};
  const authorization = authorizationOf(env, home, userInfo);
  if (authorization !== undefined) headers.authorization = authorization;
  if (env.MLFLOW_WORKSPACE) headers['x-mlflow-workspace'] = env.MLFLOW_WORKSPACE;
  const retries = wholeNumber(env, 'MLFLOW_HTTP_REQUEST_MAX_RETRIES', 7);
  return {
    place,
    headers,
    tls: tlsOf(env),
    timeoutMs: wholeNumber(env, 'MLFLOW_HTTP_REQUEST_TIMEOUT', 120) * 1000,
    // MLflow counts tries, two seconds doubling; our client counts time.
    retryBudgetMs: Math.min(MAX_RETRY_BUDGET_MS, 2000 * (2 ** Math.min(retries, 20) - 1)),
  };
}

function placeOf(uri: string | undefined): { place: TrackingPlace; userInfo?: string } {
  if (uri === undefined) return { place: { kind: 'local', store: 'default' } };
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase();
  if (scheme === 'http' || scheme === 'https') return serverPlace(uri);
  if (/^databricks|^uc$/.test(scheme ?? uri)) {
    throw new ExporterError('unsupported', 'MLflow on Databricks is not supported.', {
      hint: 'Load into an MLflow server of your own (http://… or https://…), or into a file: sqlite:///mlflow.db.',
    });
  }
  // A single letter is a drive of Windows.
  if (scheme === undefined || scheme === 'file' || scheme.length === 1) {
    return { place: { kind: 'local', store: 'folder', uri } };
  }
  if (DATABASES.includes(scheme.split('+')[0] ?? '')) return { place: { kind: 'local', store: 'database', uri } };
  throw new ExporterError('usage', `MLflow tracking URIs of the kind '${scheme}:' are not known.`, {
    hint: 'Give an address such as http://localhost:5000, a folder, or sqlite:///mlflow.db.',
  });
}

/** The path is kept: a server may have a static prefix. User and password leave the address. */
function serverPlace(uri: string): { place: TrackingPlace; userInfo?: string } {
  if (!URL.canParse(uri)) {
    throw new ExporterError('usage', 'The MLflow tracking URI is not a valid address.', {
      hint: 'It looks like http://localhost:5000.',
    });
  }
  const url = new URL(uri);
  const userInfo =
    url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  return { place: { kind: 'server', base }, ...(userInfo === undefined ? {} : { userInfo }) };
}

/** A user with password goes before a token, the environment before the credentials file, that before the address. */
function authorizationOf(env: Environment, home: string, userInfo: string | undefined): string | undefined {
  const file = readIni(join(home, '.mlflow', 'credentials'), 'mlflow');
  const user = env.MLFLOW_TRACKING_USERNAME || file.mlflow_tracking_username;
  const password = env.MLFLOW_TRACKING_PASSWORD || file.mlflow_tracking_password;
  if (user && password) return basic(`${user}:${password}`);
  if (env.MLFLOW_TRACKING_TOKEN) return `Bearer ${env.MLFLOW_TRACKING_TOKEN}`;
  return userInfo === undefined ? undefined : basic(userInfo);
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
}

function tlsOf(env: Environment): TlsOptions | undefined {
  const insecure = /^(true|1)$/i.test(env.MLFLOW_TRACKING_INSECURE_TLS ?? '');
  if (insecure && env.MLFLOW_TRACKING_SERVER_CERT_PATH) {
    throw new ExporterError(
      'usage',
      'MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH exclude each other.',
      { hint: 'Unset one of them.' },
    );
  }
  const authorities = env.MLFLOW_TRACKING_SERVER_CERT_PATH || env.REQUESTS_CA_BUNDLE;
  const client = env.MLFLOW_TRACKING_CLIENT_CERT_PATH;
  if (!insecure && !authorities && !client) return undefined;
  const pem = client ? readPem(client, 'MLFLOW_TRACKING_CLIENT_CERT_PATH') : undefined;
  return {
    ...(insecure ? { insecure } : {}),
    ...(!insecure && authorities
      ? { ca: readPem(authorities, 'MLFLOW_TRACKING_SERVER_CERT_PATH or REQUESTS_CA_BUNDLE') }
      : {}),
    ...(pem === undefined ? {} : { cert: pem, key: pem }),
  };
}

function readPem(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ExporterError('usage', `The certificate file ${path} can't be read.`, {
      hint: `It is set by ${name}.`,
      cause: error,
    });
  }
}

function wholeNumber(env: Environment, name: string, otherwise: number): number {
  const text = env[name];
  if (text === undefined || text === '') return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ExporterError('usage', `${name} must be a whole number, not '${text}'.`);
}
