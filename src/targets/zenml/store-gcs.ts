// An artifact store on Google Cloud Storage, by the client of Google.

import type { File, Storage } from '@google-cloud/storage';
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

/** Smaller files go in one request, larger ones in an upload that can be gone on with. */
const SIMPLE = 8 * 1024 * 1024;
const STORE = 'Google Cloud Storage';

export class GcsStore implements ArtifactStore {
  readonly id: string;
  readonly root: string;
  readonly #storage: Storage;

  private constructor(id: string, root: string, storage: Storage) {
    this.id = id;
    this.root = root;
    this.#storage = storage;
  }

  /**
   * @param settings `token`: JSON of a key of a service account (a secret), or a short-lived token (a connector);
   *   without it what Google's own tools find on this machine
   */
  static async open(id: string, root: string, settings: StoreSettings, env: TargetEnvironment): Promise<GcsStore> {
    const sdk = await cloudClient('@google-cloud/storage', STORE, () => import('@google-cloud/storage'));
    const key = textOf(settings, 'token', 'service_account_json');
    const project = textOf(settings, 'project_id');
    const emulator = env.STORAGE_EMULATOR_HOST;
    const options = {
      ...(project === undefined ? {} : { projectId: project }),
      ...(emulator ? { apiEndpoint: emulator } : {}),
    };
    if (key === undefined) return new GcsStore(id, root, new sdk.Storage(options));
    if (key.trimStart().startsWith('{'))
      return new GcsStore(id, root, new sdk.Storage({ ...options, credentials: keyOf(key) }));
    const authClient = {
      getRequestHeaders: async () => new Headers({ authorization: `Bearer ${key}` }),
      getAccessToken: async () => ({ token: key }),
    };
    // Of the client's login only these two are asked for.
    const storage = new sdk.Storage({ ...options, authClient: authClient as never });
    return new GcsStore(id, root, storage);
  }

  async put(uri: string, file: string, bytes: number, signal: AbortSignal): Promise<void> {
    const { bucket, key } = splitUri(uri);
    await this.#asking(`the upload to ${uri}`, signal, () =>
      this.#storage.bucket(bucket).upload(file, { destination: key, resumable: bytes > SIMPLE }),
    );
  }

  async size(uri: string, signal: AbortSignal): Promise<number | undefined> {
    try {
      const [{ size }] = await this.#file(uri).getMetadata();
      return Number(size);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw storeError(error, `a look at ${uri}`, STORE, signal);
    }
  }

  async read(uri: string): Promise<AsyncIterable<Uint8Array>> {
    return this.#file(uri).createReadStream({ decompress: false });
  }

  async remove(uri: string, signal: AbortSignal): Promise<void> {
    await this.#asking(`the removal of ${uri}`, signal, () => this.#file(uri).delete({ ignoreNotFound: true }));
  }

  async close(): Promise<void> {}

  #file(uri: string): File {
    const { bucket, key } = splitUri(uri);
    return this.#storage.bucket(bucket).file(key);
  }

  async #asking<T>(what: string, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    try {
      return await task();
    } catch (error) {
      throwIfAborted(signal);
      throw storeError(error, what, STORE, signal);
    }
  }
}

function keyOf(json: string): { client_email?: string; private_key?: string } {
  try {
    return JSON.parse(json) as { client_email?: string; private_key?: string };
  } catch {
    throw new ExporterError(
      'unsupported',
      'The secret of the artifact store on Google Cloud Storage is not valid JSON.',
      {
        hint: 'Its value `token` has to be the key file of a service account.',
      },
    );
  }
}
