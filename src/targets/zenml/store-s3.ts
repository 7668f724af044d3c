// An artifact store on S3, or on a server that speaks it, by the client of AWS.

import { open } from 'node:fs/promises';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { throwIfAborted } from '../../http/limits.ts';
import type { TargetEnvironment } from '../descriptor.ts';
import { readingArchive } from '../file-hash.ts';
import {
  type ArtifactStore,
  cloudClient,
  objectOf,
  type StoreSettings,
  splitUri,
  statusOf,
  storeError,
  textOf,
} from './store.ts';

type Sdk = typeof import('@aws-sdk/client-s3');

/** Bytes of a piece: smaller files go in one request. */
const PART = 8 * 1024 * 1024;
/** S3 takes 10,000. */
const MOST_PARTS = 9000;
const ATTEMPTS = 5;
/** Where a bucket is looked for that nobody says the region of. */
const ANY_REGION = 'us-east-1';

export class S3Store implements ArtifactStore {
  readonly id: string;
  readonly root: string;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  /** What the configuration adds to every upload, such as an ACL or encryption. */
  readonly #extra: StoreSettings;

  private constructor(id: string, root: string, sdk: Sdk, client: S3Client, extra: StoreSettings) {
    this.id = id;
    this.root = root;
    this.#sdk = sdk;
    this.#client = client;
    this.#extra = extra;
  }

  /**
   * @param settings configuration of the store, with a secret's or connector's values over it; without any credentials
   *   those that AWS's own tools find on this machine
   */
  static async open(id: string, root: string, settings: StoreSettings, env: TargetEnvironment): Promise<S3Store> {
    const sdk = await cloudClient('@aws-sdk/client-s3', 'S3', () => import('@aws-sdk/client-s3'));
    const [kwargs, config] = [objectOf(settings, 'client_kwargs'), objectOf(settings, 'config_kwargs')];
    // A connector's own endpoint is for its tests alone: ZenML's client goes by the store's.
    const endpoint = textOf(kwargs, 'endpoint_url');
    const region = textOf(kwargs, 'region_name') ?? textOf(config, 'region_name') ?? textOf(settings, 'region');
    const accessKeyId = textOf(settings, 'aws_access_key_id', 'access_key_id', 'key');
    const secretAccessKey = textOf(settings, 'aws_secret_access_key', 'secret_access_key', 'secret');
    const sessionToken = textOf(settings, 'aws_session_token', 'session_token', 'token');
    const hasKey = accessKeyId !== undefined && secretAccessKey !== undefined;
    const options = {
      maxAttempts: ATTEMPTS,
      // Buckets of servers of one's own seldom have names in the DNS, and know fewer kinds of checksums.
      ...(endpoint === undefined
        ? {}
        : {
            endpoint,
            forcePathStyle: true,
            requestChecksumCalculation: 'WHEN_REQUIRED' as const,
            responseChecksumValidation: 'WHEN_REQUIRED' as const,
          }),
      ...(region === undefined ? (endpoint === undefined ? {} : { region: ANY_REGION }) : { region }),
      ...(hasKey
        ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }
        : {}),
    };
    let client = new sdk.S3Client(options);
    const hasRegion = await client.config.region().then(
      () => true,
      () => false,
    );
    if (!hasRegion) {
      // Neither ZenML nor this machine's settings for AWS name one: the client of Python needs none, either.
      client.destroy();
      const given = { ...options, region: env.AWS_DEFAULT_REGION || ANY_REGION };
      client = new sdk.S3Client({ ...given, region: await regionOf(sdk, given, splitUri(root).bucket) });
    }
    return new S3Store(id, root, sdk, client, objectOf(settings, 's3_additional_kwargs'));
  }

  async put(uri: string, file: string, bytes: number, signal: AbortSignal): Promise<void> {
    const { bucket: Bucket, key: Key } = splitUri(uri);
    const handle = await readingArchive(file, () => open(file));
    try {
      const piece = async (from: number, length: number) => {
        throwIfAborted(signal);
        const { buffer, bytesRead } = await readingArchive(file, () =>
          handle.read(Buffer.alloc(length), 0, length, from),
        );
        return buffer.subarray(0, bytesRead);
      };
      if (bytes <= PART) {
        const Body = await piece(0, bytes);
        await this.#asking(`the upload to ${uri}`, signal, (abortSignal) =>
          this.#client.send(
            new this.#sdk.PutObjectCommand({ ...this.#extra, Bucket, Key, Body, ContentLength: Body.length }),
            {
              abortSignal,
            },
          ),
        );
        return;
      }
      await this.#inParts({ Bucket, Key }, uri, bytes, piece, signal);
    } finally {
      await handle.close();
    }
  }

  async #inParts(
    place: { Bucket: string; Key: string },
    uri: string,
    bytes: number,
    piece: (from: number, length: number) => Promise<Buffer>,
    signal: AbortSignal,
  ): Promise<void> {
    const what = `the upload to ${uri}`;
    const { CreateMultipartUploadCommand, UploadPartCommand, CompleteMultipartUploadCommand } = this.#sdk;
    const length = Math.max(PART, Math.ceil(bytes / MOST_PARTS));
    const { UploadId } = await this.#asking(what, signal, (abortSignal) =>
      this.#client.send(new CreateMultipartUploadCommand({ ...this.#extra, ...place }), { abortSignal }),
    );
    try {
      const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
      for (let from = 0; from < bytes; from += length) {
        const PartNumber = Parts.length + 1;
        const Body = await piece(from, Math.min(length, bytes - from));
        const part = new UploadPartCommand({ ...place, UploadId, PartNumber, Body, ContentLength: Body.length });
        const { ETag } = await this.#asking(what, signal, (abortSignal) => this.#client.send(part, { abortSignal }));
        Parts.push({ PartNumber, ETag });
      }
      const all = new CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } });
      await this.#asking(what, signal, (abortSignal) => this.#client.send(all, { abortSignal }));
    } catch (error) {
      // Pieces that nothing puts together cost their place for ever.
      await this.#client.send(new this.#sdk.AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => {});
      throw error;
    }
  }

  async size(uri: string, signal: AbortSignal): Promise<number | undefined> {
    const { bucket: Bucket, key: Key } = splitUri(uri);
    try {
      const head = new this.#sdk.HeadObjectCommand({ Bucket, Key });
      const { ContentLength } = await this.#client.send(head, { abortSignal: signal });
      return ContentLength;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw storeError(error, `a look at ${uri}`, 'S3', signal);
    }
  }

  async read(uri: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const { bucket: Bucket, key: Key } = splitUri(uri);
    const get = new this.#sdk.GetObjectCommand({ Bucket, Key });
    const { Body } = await this.#asking(`the download of ${uri}`, signal, (abortSignal) =>
      this.#client.send(get, { abortSignal }),
    );
    return Body as AsyncIterable<Uint8Array>;
  }

  async remove(uri: string, signal: AbortSignal): Promise<void> {
    const { bucket: Bucket, key: Key } = splitUri(uri);
    const remove = new this.#sdk.DeleteObjectCommand({ Bucket, Key });
    await this.#asking(`the removal of ${uri}`, signal, (abortSignal) => this.#client.send(remove, { abortSignal }));
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #asking<T>(what: string, signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await task(signal);
    } catch (error) {
      throwIfAborted(signal);
      throw storeError(error, what, 'S3', signal);
    }
  }
}

/** Where a bucket is, as the service tells also those whom it refuses; the region given if it doesn't answer. */
async function regionOf(sdk: Sdk, options: S3ClientConfig & { region: string }, Bucket: string): Promise<string> {
  const client = new sdk.S3Client({ ...options, maxAttempts: 2 });
  try {
    const { BucketRegion } = await client.send(new sdk.HeadBucketCommand({ Bucket }));
    return BucketRegion ?? options.region;
  } catch (error) {
    const { $response } = error as { $response?: { headers?: Record<string, string | undefined> } };
    return $response?.headers?.['x-amz-bucket-region'] ?? options.region;
  } finally {
    client.destroy();
  }
}
