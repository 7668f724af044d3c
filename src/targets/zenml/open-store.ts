// The artifact store of the active stack: where it is, and the credentials that ZenML keeps for it.

import { join } from 'node:path';
import { ExporterError } from '../../model/errors.ts';
import type { TargetEnvironment } from '../descriptor.ts';
import type { StoreComponent, ZenmlClient } from './client.ts';
import type { ArtifactStore, StoreSettings } from './store.ts';
import { LocalStore } from './store-local.ts';

export interface OpenStoreContext {
  client: ZenmlClient;
  env: TargetEnvironment;
  /** Folder of local stores that have no path of their own. */
  localStores: string;
}

/** Resource types of service connectors by flavour, and the type of connector whose credentials we know to use. */
const CONNECTED: Record<string, { resource: string; connector: string }> = {
  s3: { resource: 's3-bucket', connector: 'aws' },
  gcp: { resource: 'gcs-bucket', connector: 'gcp' },
  azure: { resource: 'blob-container', connector: 'azure' },
};

/** A store with the time until which its credentials are good. */
export interface OpenedStore {
  store: ArtifactStore;
  isLocal: boolean;
  /** ms since 1970-01-01 UTC. */
  ends: number | undefined;
}

/**
 * Opens the store of a stack component; clients of clouds are loaded only now.
 * @throws ExporterError `unsupported` for other kinds of stores, `target_missing` for a client that isn't installed
 */
export async function openStore(component: StoreComponent, context: OpenStoreContext): Promise<OpenedStore> {
  const { id, name, flavor, configuration } = component;
  const path = typeof configuration.path === 'string' ? configuration.path.replace(/\/+$/, '') : '';
  if (flavor === 'local') {
    return { store: new LocalStore(id, path || join(context.localStores, id)), isLocal: true, ends: undefined };
  }
  if (!(flavor in CONNECTED)) {
    throw new ExporterError(
      'unsupported',
      `The active artifact store '${name}' is of the kind '${flavor}', which is not supported.`,
      {
        hint: 'Activate a stack with a local store, or one on S3, Google Cloud Storage or Azure: zenml stack set <name>.',
      },
    );
  }
  const { settings, ends } = await settingsOf(component, path, context);
  const { env } = context;
  switch (flavor) {
    case 's3': {
      const { S3Store } = await import('./store-s3.ts');
      return { store: await S3Store.open(id, path, settings, env), isLocal: false, ends };
    }
    case 'gcp': {
      const { GcsStore } = await import('./store-gcs.ts');
      return { store: await GcsStore.open(id, path, settings, env), isLocal: false, ends };
    }
    default: {
      const { AzureStore } = await import('./store-azure.ts');
      return { store: await AzureStore.open(id, path, settings, env), isLocal: false, ends };
    }
  }
}

/** Configuration, and over it what a service connector or the authentication secret has, as ZenML's client does. */
async function settingsOf(
  { name, flavor, configuration, connector, connectorResource }: StoreComponent,
  path: string,
  { client }: OpenStoreContext,
): Promise<{ settings: StoreSettings; ends: number | undefined }> {
  const own = await resolved(configuration, client);
  if (connector !== undefined) {
    const { resource, connector: type } = CONNECTED[flavor]!;
    const given = await client.connectorClient(connector, resource, connectorResource ?? path);
    if (given.type !== type || Object.keys(given.configuration).length === 0) {
      throw new ExporterError(
        'unsupported',
        `The service connector of the artifact store '${name}' (${given.type}, ${given.method}) gives no credentials that can be used.`,
        { hint: 'Give the store an authentication secret or a key, or activate another stack.' },
      );
    }
    return { settings: { ...own, ...given.configuration }, ends: given.ends };
  }
  const secret = own.authentication_secret;
  if (typeof secret !== 'string' || secret === '') return { settings: own, ends: undefined };
  return { settings: { ...own, ...(await secretOf(secret, client)) }, ends: undefined };
}

/** Replaces references `{{secret.key}}` by what they mean. */
async function resolved(configuration: StoreSettings, client: ZenmlClient): Promise<StoreSettings> {
  const settings: Record<string, unknown> = { ...configuration };
  for (const [field, value] of Object.entries(configuration)) {
    const [, secret, key] = (typeof value === 'string' && /^\{\{\s*([^.\s}]+)\.([^\s}]+)\s*\}\}$/.exec(value)) || [];
    if (secret !== undefined && key !== undefined) settings[field] = (await secretOf(secret, client))[key];
  }
  return settings;
}

async function secretOf(name: string, client: ZenmlClient): Promise<StoreSettings> {
  const values = await client.secret(name);
  if (values) return values;
  throw new ExporterError(
    'access_denied',
    `The secret '${name}' of the artifact store is not there, or may not be read.`,
    {
      hint: 'Check with: zenml secret get <name>.',
    },
  );
}
