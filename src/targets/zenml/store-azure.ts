// An artifact store on Azure Blob Storage, by the client of Azure.

import type { BlobServiceClient, BlockBlobClient } from '@azure/storage-blob';
import { throwIfAborted } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import type { TargetEnvironment } from '../descriptor.ts';
import {
  type ArtifactStore,
  cloudClient,
  type StoreSettings,
  splitUri,
  statusOf,
  storeError,
  textOf,
} from './store.ts';

const BLOCK = 16 * 1024 * 1024;
const STORE = 'Azure';

export class AzureStore implements ArtifactStore {
  readonly id: string;
  readonly root: string;
  readonly #service: BlobServiceClient;

  private constructor(id: string, root: string, service: BlobServiceClient) {
    this.id = id;
    this.root = root;
    this.#service = service;
  }

  /**
   * @param settings values of the store's secret or connector; what they lack is looked for in the variables
   *   AZURE_STORAGE_… as Python's adlfs does
   */
  static async open(id: string, root: string, settings: StoreSettings, env: TargetEnvironment): Promise<AzureStore> {
    const sdk = await cloudClient('@azure/storage-blob', STORE, () => import('@azure/storage-blob'));
    const connection = textOf(settings, 'connection_string') ?? env.AZURE_STORAGE_CONNECTION_STRING;
    if (connection) return new AzureStore(id, root, sdk.BlobServiceClient.fromConnectionString(connection));
    const account = textOf(settings, 'account_name', 'storage_account') ?? env.AZURE_STORAGE_ACCOUNT_NAME;
    const key = textOf(settings, 'account_key') ?? env.AZURE_STORAGE_ACCOUNT_KEY;
    const sas = textOf(settings, 'sas_token') ?? env.AZURE_STORAGE_SAS_TOKEN;
    const token = textOf(settings, 'token');
    if (!account || !(key || sas || token)) throw noCredentials(settings);
    const url = `https://${account}.blob.core.windows.net`;
    const service = key
      ? new sdk.BlobServiceClient(url, new sdk.StorageSharedKeyCredential(account, key))
      : sas
        ? new sdk.BlobServiceClient(`${url}?${sas.replace(/^\?/, '')}`)
        : new sdk.BlobServiceClient(url, {
            getToken: async () => ({ token: token ?? '', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }),
          });
    return new AzureStore(id, root, service);
  }

  async put(uri: string, file: string, bytes: number, signal: AbortSignal): Promise<void> {
    const blob = this.#blob(uri);
    await this.#asking(`the upload to ${uri}`, signal, async (abortSignal) => {
      if (bytes === 0) await blob.upload('', 0, { abortSignal });
      else
        await blob.uploadFile(file, {
          abortSignal,
          blockSize: Math.max(BLOCK, Math.ceil(bytes / 40_000)),
          concurrency: 2,
        });
    });
  }

  async size(uri: string, signal: AbortSignal): Promise<number | undefined> {
    try {
      return (await this.#blob(uri).getProperties({ abortSignal: signal })).contentLength;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw storeError(error, `a look at ${uri}`, STORE, signal);
    }
  }

  async read(uri: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { readableStreamBody: body } = await this.#asking(`the download of ${uri}`, signal, (abortSignal) =>
      this.#blob(uri).download(0, undefined, { abortSignal }),
    );
    return body as unknown as AsyncIterable<Uint8Array>;
  }

  async remove(uri: string, signal: AbortSignal): Promise<void> {
    await this.#asking(`the removal of ${uri}`, signal, (abortSignal) =>
      this.#blob(uri).deleteIfExists({ abortSignal }),
    );
  }

  async close(): Promise<void> {}

  #blob(uri: string): BlockBlobClient {
    const { bucket, key } = splitUri(uri);
    return this.#service.getContainerClient(bucket).getBlockBlobClient(key);
  }

  async #asking<T>(what: string, signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await task(signal);
    } catch (error) {
      throwIfAborted(signal);
      throw storeError(error, what, STORE, signal);
    }
  }
}

function noCredentials(settings: StoreSettings): ExporterError {
  const isPrincipal = textOf(settings, 'client_id') !== undefined;
  const what = isPrincipal ? 'only a service principal, which is not supported' : 'no credentials';
  return new ExporterError('unsupported', `The artifact store on Azure has ${what}.`, {
    hint: 'Give it a secret with account_name and account_key (or a SAS token, or a connection string), or set AZURE_STORAGE_CONNECTION_STRING.',
  });
}
