// The artifact store that files go to: what a load needs of it, and the errors of clients of clouds in words.

import { ExporterError } from '../../model/errors.ts';

export interface ArtifactStore {
  /** Id of the stack component. */
  readonly id: string;
  /** The store's path as ZenML has it, without a slash at its end; addresses of files begin with it. */
  readonly root: string;
  /** Stores a file. Overwrites; a file that is half stored is never seen. @throws ExporterError */
  put(uri: string, file: string, bytes: number, signal: AbortSignal): Promise<void>;
  /** Bytes of a file; undefined if it isn't there. */
  size(uri: string, signal: AbortSignal): Promise<number | undefined>;
  read(uri: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Nothing if it isn't there. */
  remove(uri: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What the storage in a cloud is reached with: values of ZenML's configuration, secret or service connector. */
export type StoreSettings = Readonly<Record<string, unknown>>;

/** Imports a package that is only there if the user installed it. @throws ExporterError `target_missing` */
export async function cloudClient<T>(name: string, store: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new ExporterError(
      'target_missing',
      `The active artifact store is on ${store}: that needs the package ${name}, which is not installed.`,
      { hint: `Install it beside neptune-exporter: npm install ${name}`, cause: error },
    );
  }
}

const REFUSED = new Set([401, 403]);

/** What went wrong at a store, in words. Messages of clients may hold addresses that are signed: only their names are told. */
export function storeError(error: unknown, what: string, store: string, signal: AbortSignal): unknown {
  if (error instanceof ExporterError || signal.aborted) return error;
  const { name, code, statusCode, $metadata, syscall, path } = error as {
    name?: unknown;
    code?: unknown;
    statusCode?: unknown;
    $metadata?: { httpStatusCode?: unknown };
    syscall?: unknown;
    path?: unknown;
  };
  // A file of ours that can't be read is its own matter.
  if (typeof syscall === 'string' && typeof path === 'string') return error;
  const status = Number($metadata?.httpStatusCode ?? statusCode ?? (typeof code === 'number' ? code : Number.NaN));
  const word = typeof code === 'string' && code !== '' ? code : typeof name === 'string' ? name : 'unknown error';
  const details = { cause: error, ...(Number.isInteger(status) ? { status } : {}) };
  const isCredentials = /Credential|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AuthenticationFailed/i.test(
    word,
  );
  if (REFUSED.has(status) || isCredentials) {
    return new ExporterError('access_denied', `${store} does not allow ${what} (${word}).`, {
      ...details,
      hint: 'Check the credentials of the artifact store in ZenML, or those that this machine has for it.',
    });
  }
  if (!Number.isInteger(status)) {
    return new ExporterError('network', `${store} can't be reached for ${what} (${word}).`, {
      ...details,
      hint: 'Check the network, and the endpoint in the configuration of the artifact store.',
    });
  }
  return new ExporterError('server', `${store} refused ${what} (${word}, HTTP ${status}).`, details);
}

/** Status of an error of a client of a cloud. */
export function statusOf(error: unknown): number | undefined {
  const { code, statusCode, $metadata } = error as {
    code?: unknown;
    statusCode?: unknown;
    $metadata?: { httpStatusCode?: unknown };
  };
  return [$metadata?.httpStatusCode, statusCode, code].find((value) => typeof value === 'number');
}

/** Bucket or container and the rest, of an address such as `s3://bucket/folder/file`. */
export function splitUri(uri: string): { bucket: string; key: string } {
  const [, bucket = '', key = ''] = /^[a-z0-9]+:\/\/([^/]*)\/?(.*)$/is.exec(uri) ?? [];
  // Some write `container@account.host`.
  return { bucket: bucket.split('@')[0] ?? bucket, key };
}

export function textOf(settings: StoreSettings, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = settings[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}

/** A setting that is an object, or its JSON. */
export function objectOf(settings: StoreSettings, name: string): StoreSettings {
  const value = settings[name];
  if (typeof value === 'object' && value !== null) return value as StoreSettings;
  if (typeof value !== 'string' || value === '') return {};
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null ? (parsed as StoreSettings) : {};
  } catch {
    return {};
  }
}
