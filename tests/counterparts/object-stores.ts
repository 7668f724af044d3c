// Servers that speak S3, Azure blobs and Google Cloud Storage, and what the vendors' own clients read from them.
//
// The S3 server checks keys, signatures and the permissions of roles; Azurite checks keys and shared access signatures;
// the Google emulator takes every call.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { azurite } from './azurite.ts';
import { type Daemon, freePort, isAnswered, startDaemon } from './daemon.ts';
import { type Ask, startLineServer } from './line-server.ts';
import { python } from './python.ts';

export interface StoredObject {
  size: number;
  sha256: string;
  contentType: string | null;
  /** Short UTF-8 objects only. */
  text?: string;
}

export interface ObjectStore {
  /** `http://127.0.0.1:<port>`; for Azure with `/<account>` */
  endpoint: string;
  /** Of S3 and Google a bucket, of Azure a container; it is there from the start. */
  bucket: string;
  /** All objects whose keys begin with the prefix, downloaded, by key. */
  list(prefix?: string): Promise<Record<string, StoredObject>>;
  read(key: string): Promise<Buffer>;
  write(key: string, content: Buffer): Promise<void>;
  close(): Promise<void>;
}

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of temporary credentials. */
  sessionToken?: string;
}

export interface S3Store extends ObjectStore {
  region: string;
  /** A user's, with the right to everything in S3 and to take the role. */
  credentials: S3Credentials;
  roleArn: string;
  /** New credentials of the role, for an hour. */
  assumeRole(): Promise<S3Credentials>;
}

export interface AzureStore extends ObjectStore {
  account: string;
  /** Base64. */
  key: string;
  connectionString: string;
  /** Of the account, for a day, without `?`. */
  sas: string;
}

const REGION = 'eu-central-1';

/** Starts an S3 server. */
export async function startS3(bucket = 'neptune'): Promise<S3Store> {
  const moto = join(dirname(await python('object-stores')), 'moto_server');
  const { endpoint, close } = await serve('moto', moto, ['--host', '127.0.0.1', '--port', '0'], /Running on (http\S+)/);
  const made = await ask<Made>({ kind: 's3', endpoint, region: REGION, bucket, operation: 'make' });
  const credentials = { accessKeyId: made.accessKeyId, secretAccessKey: made.secretAccessKey };
  const address = { kind: 's3', endpoint, region: REGION, bucket, ...credentials };
  const assumeRole = () => ask<S3Credentials>({ ...address, roleArn: made.roleArn, operation: 'assume' });
  const { roleArn } = made;
  return { endpoint, bucket, region: REGION, credentials, roleArn, assumeRole, ...clientOf(address), close };
}

interface Made extends S3Credentials {
  roleArn: string;
}

/** Starts an Azure blob server with one account. */
export async function startAzurite(bucket = 'neptune'): Promise<AzureStore> {
  const account = 'neptune';
  const key = randomBytes(64).toString('base64');
  const args = [
    '--blobHost',
    '127.0.0.1',
    '--blobPort',
    '0',
    '--inMemoryPersistence',
    '--disableTelemetry',
    '--silent',
  ];
  // Clients are often ahead of the versions of the protocol that it knows by name.
  const script = [await azurite(), ...args, '--skipApiVersionCheck'];
  const env = { AZURITE_ACCOUNTS: `${account}:${key}` };
  const server = await serve('azurite', process.execPath, script, /listens on (http\S+)/, env);
  const endpoint = `${server.endpoint}/${account}`;
  const parts = [
    'DefaultEndpointsProtocol=http',
    `AccountName=${account}`,
    `AccountKey=${key}`,
    `BlobEndpoint=${endpoint}`,
  ];
  const connectionString = `${parts.join(';')};`;
  const address = { kind: 'azure', connectionString, account, key, bucket };
  const { sas } = await ask<{ sas: string }>({ ...address, operation: 'make' });
  return { endpoint, bucket, account, key, connectionString, sas, ...clientOf(address), close: server.close };
}

/** Starts a server of the JSON API of Google Cloud Storage; it asks for no credentials. */
export async function startGcs(bucket = 'neptune'): Promise<ObjectStore> {
  const emulator = join(dirname(await python('object-stores')), 'gcp-storage-emulator');
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const args = ['start', '--host', '127.0.0.1', '--port', String(port), '--in-memory', '--default-bucket', bucket];
  const { close } = await serve('gcp-storage-emulator', emulator, args, () => isAnswered(endpoint));
  return { endpoint, bucket, ...clientOf({ kind: 'gcs', endpoint, bucket }), close };
}

interface Served {
  /** The first group of the pattern. */
  endpoint: string;
  close(): Promise<void>;
}

async function serve(
  name: string,
  command: string,
  args: string[],
  ready: RegExp | (() => Promise<boolean>),
  env: Record<string, string> = {},
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), `neptune-exporter-${name}-`));
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  const isReady = ready instanceof RegExp ? (output: string) => ready.test(output) : ready;
  const options = { name, cwd: folder, env: { ...process.env, HOME: folder, ...env }, isReady };
  const daemon: Daemon = await startDaemon(command, args, options).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const close = async () => {
    await daemon.stop();
    await remove();
  };
  return { endpoint: ready instanceof RegExp ? ready.exec(daemon.output())![1]! : '', close };
}

function clientOf(address: object): Pick<ObjectStore, 'list' | 'read' | 'write'> {
  return {
    list: (prefix = '') => ask<Record<string, StoredObject>>({ ...address, operation: 'list', prefix }),
    read: async (key) => Buffer.from(await ask<string>({ ...address, operation: 'read', key }), 'base64'),
    write: (key, content) => ask({ ...address, operation: 'write', key, content: content.toString('base64') }),
  };
}

let clients: Promise<Ask> | undefined;

/** One Python for all stores of a test file. */
async function ask<T>(question: object): Promise<T> {
  clients ??= python('object-stores').then((command) => {
    // Nothing of the user's own configuration may play a part.
    const env = { ...process.env, AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' };
    return startLineServer(command, [join(import.meta.dirname, 'object_stores.py')], { env });
  });
  const { answer } = JSON.parse(await (await clients)(question)) as { answer: T };
  return answer;
}
