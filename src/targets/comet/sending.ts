// Sends a run to Comet: points and parameters in batches, files as assets; and looks whether all of it is there.

import { stat } from 'node:fs/promises';
import { sleep } from '../../http/limits.ts';
import type { FloatSeriesBatch } from '../../model/batches.ts';
import { ExporterError } from '../../model/errors.ts';
import type { AlterationList } from '../alterations.ts';
import { fileHash, readingArchive } from '../file-hash.ts';
import type { Origin } from '../file-store.ts';
import { cutCodePoints, cutWithHash, shortHash } from '../text.ts';
import { assetId, isListOf, isOwnAsset } from './asset-ids.ts';
import type { Lacking, NewAsset, RunBackEnd } from './back-end.ts';
import { readMarks } from './batch-marks.ts';
import { type Asset, COMET_CODES, type CometClient, CometError, type Handshake, type Upload } from './client.ts';
import { type BatchMark, MetricBatches, OtherPoints } from './metric-batches.ts';
import { isHeldAs } from './values.ts';

/** Parameters of one call. */
const MAX_PARAMETERS = 1000;
const MAX_BYTES = 900_000;
/** Values up to this length are kept until they are found at the service, of longer ones a hash. */
const KEPT_VALUE = 100;
/** Pauses before it is looked once more for what seems to be missing. */
const LOOK_AGAIN_MS = [300, 1500];

export interface SendingContext {
  client: CometClient;
  handshake: Handshake;
  /** What an earlier load brought there. */
  earlier: { marks: ReadonlyMap<number, readonly BatchMark[]>; assets: ReadonlyMap<string, Asset> };
  alterations: AlterationList;
  /** Puts the experiment away, since it can't be gone on with. */
  giveUp(reason: string): Promise<void>;
  complete(): Promise<void>;
  budgetMs: number;
  signal: AbortSignal;
}

export class SendingBackEnd implements RunBackEnd {
  readonly #context: SendingContext;
  readonly #batches: MetricBatches;
  readonly #parameters = new Map<string, { value: string; isHash: boolean; origin: Origin }>();
  readonly #assets = new Map<string, { bytes: number; name: string; origin: Origin | undefined }>();
  /** Types of which the experiment has enough. */
  readonly #full = new Set<Upload['type']>();
  /** Names that an asset has; of use only if the service was seen to take a name once. */
  readonly #taken = new Set<string>();
  #takesNamesOnce = false;
  /** Lists of earlier loads that are gone. */
  readonly #removed = new Set<string>();
  #items: string[] = [];
  #bytes = 0;

  constructor(context: SendingContext) {
    this.#context = context;
    const { client, handshake, earlier, budgetMs, signal } = context;
    this.#batches = new MetricBatches({
      experimentKey: handshake.key,
      send: (body) => client.sendMetrics(body),
      marks: (name) => readMarks(client, handshake.key, name),
      known: earlier.marks,
      budgetMs,
      signal,
    });
  }

  async addPoints(name: string, batch: FloatSeriesBatch, multiplier: bigint): Promise<number> {
    try {
      return await this.#batches.add(name, batch, multiplier);
    } catch (error) {
      throw await this.#givenUp(error);
    }
  }

  async endMetric(): Promise<void> {}

  async addParameter(name: string, json: string, origin: Origin): Promise<void> {
    const isHash = json.length > KEPT_VALUE && json.startsWith('"');
    this.#parameters.set(name, { value: isHash ? shortHash(JSON.parse(json) as string, 32) : json, isHash, origin });
    const item = `{"parameterName":${JSON.stringify(name)},"parameterValue":${json},"step":null,"context":null,"timestamp":${Date.now()},"source":"manual"}`;
    const bytes = Buffer.byteLength(item) + 1;
    if (this.#items.length === MAX_PARAMETERS || this.#bytes + bytes > MAX_BYTES) await this.#sendParameters();
    this.#items.push(item);
    this.#bytes += bytes;
  }

  async flush(): Promise<void> {
    await this.#sendParameters();
    try {
      await this.#batches.flush();
    } catch (error) {
      throw await this.#givenUp(error);
    }
  }

  async put(asset: NewAsset, file: string, origin?: Origin, sha256?: string): Promise<void> {
    const { handshake, earlier, signal } = this.#context;
    const { size } = await readingArchive(file, () => stat(file));
    if (size > handshake.limits.asset) {
      const message = `The file ${file} has ${size} bytes, Comet takes ${handshake.limits.asset}.`;
      throw new ExporterError('unsupported', message);
    }
    const hash = sha256 ?? (await fileHash(file, signal));
    const id = assetId(handshake.key, asset, hash);
    const there = earlier.assets.get(id);
    if (there && (there.bytes === undefined || there.bytes === size)) {
      this.#assets.set(id, { bytes: size, name: there.name, origin });
      // Told again: the list of alterations is of the whole run.
      if (asset.type === 'image' && there.type === 'asset') this.#noteImage(size, origin);
      this.#noteName(asset, there.name, origin);
      return;
    }
    const type = this.#typeFor(asset, size, origin);
    if (type === undefined) return;
    const name = this.#nameFor(asset, type, origin);
    this.#assets.set(id, { bytes: size, name, origin });
    // Of some other size: its upload broke off.
    if (there) await this.#context.client.deleteAsset(handshake.key, id);
    else if (origin === undefined) await this.#removeList(asset);
    const { step, extension } = asset;
    const upload: Upload = {
      id,
      name,
      type,
      ...(step === undefined ? {} : { step }),
      ...(extension === undefined ? {} : { extension }),
      metadata: { ...asset.metadata, neptune_exporter: 1, sha256: hash },
    };
    await this.#upload(upload, file, asset, origin);
  }

  async lacking(tidy: boolean): Promise<Lacking[]> {
    let lacking = [...(await this.#lackingParameters()), ...(await this.#lackingAssets(tidy))];
    let found = await this.#batches.check();
    for (const pause of LOOK_AGAIN_MS) {
      if (lacking.length === 0 && found.missing === 0 && found.extra === 0) break;
      await sleep(pause, this.#context.signal);
      if (lacking.length > 0) lacking = [...(await this.#lackingParameters()), ...(await this.#lackingAssets(false))];
      if (found.missing > 0 || found.extra > 0) found = await this.#batches.check();
    }
    if (found.extra > 0) throw await this.#givenUp(new OtherPoints());
    if (found.missing > 0) {
      lacking.push({ message: `Comet lacks ${found.missing} of ${found.batches} batches of points that it took.` });
    }
    return lacking;
  }

  complete(): Promise<void> {
    return this.#context.complete();
  }

  /** A list of an earlier load would keep the name, where names are taken once. */
  async #removeList(asset: NewAsset): Promise<void> {
    const { client, handshake, earlier } = this.#context;
    for (const [id, old] of earlier.assets) {
      if (!isListOf(old, asset) || this.#removed.has(id)) continue;
      this.#removed.add(id);
      await client.deleteAsset(handshake.key, id);
    }
  }

  /** As which type an asset goes; undefined if there is no room for it and the series is kept whole elsewhere. */
  #typeFor({ type }: NewAsset, size: number, origin: Origin | undefined): Upload['type'] | undefined {
    const { handshake, alterations } = this.#context;
    if (type === 'image') {
      if (size <= handshake.limits.image && !this.#full.has(type)) return type;
      this.#noteImage(size, origin);
      return 'asset';
    }
    if (type !== 'histogram3d' || !this.#full.has(type)) return type;
    const message =
      'Histograms beyond those that Comet takes of an experiment are only in the series that is kept whole.';
    alterations.add('histogram_limit', origin?.path, message);
    return undefined;
  }

  #noteImage(size: number, origin: Origin | undefined): void {
    const { handshake, alterations } = this.#context;
    const message =
      size > handshake.limits.image
        ? 'Images that are larger than Comet takes them are assets like others.'
        : 'Images beyond those that Comet takes of an experiment are assets like others.';
    alterations.add('image_as_asset', origin?.path, message);
  }

  /** The name of an asset, as long as Comet takes it of this type. */
  #nameFor(asset: NewAsset, type: Upload['type'], origin: Origin | undefined): string {
    const limit = this.#context.handshake.nameLengths[type === 'image' ? 'image' : 'asset'];
    const name = limit === undefined ? asset.name : cutWithHash(asset.name, limit);
    this.#noteName(asset, name, origin);
    return name;
  }

  #noteName(asset: NewAsset, name: string, origin: Origin | undefined): void {
    if (name === asset.name) return;
    this.#context.alterations.add('file_renamed', origin?.path, `'${asset.name}' is stored as '${name}'.`);
  }

  async #upload(upload: Upload, file: string, asset: NewAsset, origin: Origin | undefined): Promise<void> {
    const { client, handshake } = this.#context;
    if (this.#takesNamesOnce && this.#taken.has(upload.name) && !hasOwnEnding(upload)) {
      return this.#upload(this.#withEnding(upload, asset, origin), file, asset, origin);
    }
    try {
      await client.upload(handshake, upload, file);
      this.#taken.add(upload.name);
    } catch (error) {
      if (!(error instanceof CometError)) throw error;
      if (error.isTypeLimit && upload.type !== 'asset') {
        this.#full.add(upload.type);
        const { size } = await readingArchive(file, () => stat(file));
        const type = this.#typeFor(asset, size, origin);
        if (type === undefined) {
          this.#assets.delete(upload.id);
          return;
        }
        const name = this.#nameFor(asset, type, origin);
        return this.#upload({ ...upload, type, name }, file, asset, origin);
      }
      const { assetImmutable, imageImmutable } = COMET_CODES;
      if (error.cometCode !== assetImmutable && error.cometCode !== imageImmutable) throw error;
      // Its answer was lost, and it was sent again; or another asset has the name.
      if ((await client.assets(handshake.key)).some(({ id }) => id === upload.id)) return;
      if (hasOwnEnding(upload)) throw error;
      // From now on without being told each time: that takes a list of all assets.
      this.#takesNamesOnce = true;
      this.#taken.add(upload.name);
      await this.#upload(this.#withEnding(upload, asset, origin), file, asset, origin);
    }
  }

  /** The same under a name that no other asset has. */
  #withEnding(upload: Upload, asset: NewAsset, origin: Origin | undefined): Upload {
    const { nameLengths } = this.#context.handshake;
    const limit = nameLengths[upload.type === 'image' ? 'image' : 'asset'] ?? Number.MAX_SAFE_INTEGER;
    const ending = endingOf(upload);
    const name = cutCodePoints(upload.name, limit - ending.length) + ending;
    this.#noteName(asset, name, origin);
    return { ...upload, name };
  }

  async #sendParameters(): Promise<void> {
    if (this.#items.length === 0) return;
    const { client, handshake } = this.#context;
    const plain = Buffer.from(`{"experimentKey":"${handshake.key}","values":[${this.#items.join(',')}]}`);
    this.#items = [];
    this.#bytes = 0;
    await client.sendParameters(plain);
  }

  async #lackingParameters(): Promise<Lacking[]> {
    if (this.#parameters.size === 0) return [];
    const { client, handshake } = this.#context;
    const held = await client.parameters(handshake.key);
    const lacking: Lacking[] = [];
    for (const [name, { value, isHash, origin }] of this.#parameters) {
      const found = held.get(name);
      const isThere = found !== undefined && (isHash ? shortHash(found, 32) === value : isHeldAs(value, found));
      if (!isThere) lacking.push({ origin, message: `The parameter '${name}' is not at Comet as it was sent.` });
    }
    return lacking;
  }

  async #lackingAssets(tidy: boolean): Promise<Lacking[]> {
    const { client, handshake, earlier } = this.#context;
    if (this.#assets.size === 0 && earlier.assets.size === 0) return [];
    const held = new Map((await client.assets(handshake.key)).map((asset) => [asset.id, asset]));
    for (const [id, asset] of tidy ? held : []) {
      if (!this.#assets.has(id) && earlier.assets.has(id) && isOwnAsset(asset) && !this.#removed.has(id)) {
        await client.deleteAsset(handshake.key, id);
      }
    }
    const lacking: Lacking[] = [];
    for (const [id, { bytes, name, origin }] of this.#assets) {
      const found = held.get(id);
      if (found && (found.bytes === undefined || found.bytes === bytes)) continue;
      const what = found ? `has ${found.bytes} bytes at Comet, not ${bytes}` : 'is not at Comet';
      lacking.push({ ...(origin ? { origin } : {}), message: `The asset '${name}' ${what}.` });
    }
    return lacking;
  }

  /** What to throw: an experiment with points that it should not have is put away, so that the next load makes another. */
  async #givenUp(error: unknown): Promise<unknown> {
    if (!(error instanceof OtherPoints)) return error;
    await this.#context.giveUp('It holds points twice, or other ones than the archive has.');
    return new ExporterError(
      'server',
      'Comet holds points of this run twice, or other ones than the archive has: another load may have been at work. The experiment was archived.',
      { hint: 'Start the load again: it makes a new one.' },
    );
  }
}

function endingOf({ id }: Upload): string {
  return `_${id.slice(0, 8)}`;
}

function hasOwnEnding(upload: Upload): boolean {
  return upload.name.endsWith(endingOf(upload));
}
