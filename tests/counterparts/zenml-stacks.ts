// Projects and stacks of a ZenML server, in all the ways that credentials of an object store may be told.

import type { AzureStore, ObjectStore, S3Store } from './object-stores.ts';
import type { Entity, Named, Page, ZenmlServer } from './zenml-server.ts';

type Server = Pick<ZenmlServer, 'call'>;

export interface ZenmlStack {
  stack: Named;
  artifactStore: Named;
  /** Of the artifact store. */
  path: string;
}

/**
 * `configuration`: in plain text in the artifact store; `reference`: there as `{{secret.key}}`; `secret`: as its
 * authentication secret; `connector`: a service connector with a long-lived key; `role`: one that gives out temporary
 * credentials of a role.
 */
export type S3Way = 'configuration' | 'reference' | 'secret' | 'connector' | 'role';
export type AzureWay = 'key' | 'connection-string' | 'sas';

/** Lower case letters, digits, `_` and `-` only. */
export function createProject(server: Server, name: string): Promise<Entity> {
  return server.call('POST', '/projects', { name });
}

/** What a server needs in its environment to give out credentials of this S3 server by service connectors. */
export function connectorEnvironment(store: S3Store): Record<string, string> {
  return { AWS_ENDPOINT_URL_STS: store.endpoint, AWS_DEFAULT_REGION: store.region };
}

/** A stack whose artifact store is in the S3 server's bucket. */
export async function createS3Stack(server: Server, name: string, store: S3Store, way: S3Way): Promise<ZenmlStack> {
  const path = `s3://${store.bucket}/${name}`;
  const client_kwargs = { endpoint_url: store.endpoint, region_name: store.region };
  const { accessKeyId, secretAccessKey } = store.credentials;
  const values = { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey };
  const place = { path, client_kwargs };
  switch (way) {
    case 'configuration':
      return createStack(server, name, 's3', { ...place, key: accessKeyId, secret: secretAccessKey });
    case 'reference': {
      await createSecret(server, name, values);
      const references = { key: `{{${name}.aws_access_key_id}}`, secret: `{{${name}.aws_secret_access_key}}` };
      return createStack(server, name, 's3', { ...place, ...references });
    }
    case 'secret':
      await createSecret(server, name, values);
      return createStack(server, name, 's3', { ...place, authentication_secret: name });
    default: {
      const method = way === 'role' ? { auth_method: 'iam-role' } : { auth_method: 'secret-key' };
      const role = way === 'role' ? { role_arn: store.roleArn } : {};
      const connector = await server.call('POST', '/service_connectors', {
        name,
        connector_type: 'aws',
        ...method,
        resource_types: ['s3-bucket'],
        configuration: { region: store.region, endpoint_url: store.endpoint, ...values, ...role },
      });
      const resource = `s3://${store.bucket}`;
      const link = { connector: connector.id, connector_resource_id: resource };
      return createStack(server, name, 's3', place, link);
    }
  }
}

/** A stack whose artifact store is in the container of the Azure server; credentials are in a secret. */
export async function createAzureStack(
  server: Server,
  name: string,
  store: AzureStore,
  way: AzureWay,
): Promise<ZenmlStack> {
  const values = {
    key: { account_name: store.account, account_key: store.key },
    'connection-string': { connection_string: store.connectionString },
    sas: { account_name: store.account, sas_token: store.sas },
  };
  await createSecret(server, name, values[way]);
  const configuration = { path: `az://${store.bucket}/${name}`, authentication_secret: name };
  return createStack(server, name, 'azure', configuration);
}

/** A stack whose artifact store is in the Google bucket; ZenML can't be told another endpoint than Google's. */
export function createGcsStack(server: Server, name: string, store: Pick<ObjectStore, 'bucket'>): Promise<ZenmlStack> {
  return createStack(server, name, 'gcp', { path: `gs://${store.bucket}/${name}` });
}

/** A stack whose artifact store is a folder of this machine. */
export function createFolderStack(server: Server, name: string, path: string): Promise<ZenmlStack> {
  return createStack(server, name, 'local', { path });
}

/** A stack with an artifact store of any flavour, and the default orchestrator. */
export async function createStack(
  server: Server,
  name: string,
  flavor: string,
  configuration: { path: string; [field: string]: unknown },
  connector: { connector?: string; connector_resource_id?: string } = {},
): Promise<ZenmlStack> {
  const component = { name, type: 'artifact_store', flavor, configuration, ...connector };
  const artifactStore = await server.call('POST', '/components', component);
  const orchestrators = await server.call<Page>('GET', '/components?type=orchestrator');
  const components = { orchestrator: [orchestrators.items[0]!.id], artifact_store: [artifactStore.id] };
  const stack = await server.call('POST', '/stacks', { name, components });
  return { stack, artifactStore, path: configuration.path };
}

/** A secret that all users may read. */
export function createSecret(server: Server, name: string, values: Record<string, string>): Promise<Entity> {
  return server.call('POST', '/secrets', { name, private: false, values });
}
