// Assets: what is uploaded, with its name, step, type and metadata.

import { randomBytes } from 'node:crypto';
import { checkHistogram } from './histogram.ts';
import { isObject, parseBody, type Whole } from './json.ts';
import { isLonger, type Limits } from './limits.ts';
import type { FormPart } from './multipart.ts';
import { demand, Refusal, SdkError } from './refusal.ts';
import type { Experiment } from './store.ts';

export interface Asset {
  id: string;
  name: string;
  type: string;
  step: Whole | null;
  epoch: Whole | null;
  context: string | null;
  extension: string | null;
  groupingName: string | null;
  /** A JSON object, as it came. */
  metadata: string | null;
  bytes: Buffer;
  /** Of an asset that lies elsewhere. */
  link: string | null;
  createdAt: number;
}

/** The assets of an experiment, found by id and name, in the order in which they came. */
export class Assets {
  readonly #byId = new Map<string, Asset>();
  readonly #byName = new Map<string, Asset[]>();
  readonly #counts = new Map<string, number>();

  get(id: string): Asset | undefined {
    return this.#byId.get(id);
  }

  named(name: string): readonly Asset[] {
    return this.#byName.get(name) ?? [];
  }

  count(type: string): number {
    return this.#counts.get(type) ?? 0;
  }

  all(): Asset[] {
    return [...this.#byId.values()];
  }

  add(asset: Asset): void {
    this.#byId.set(asset.id, asset);
    this.#byName.set(asset.name, [...this.named(asset.name), asset]);
    this.#counts.set(asset.type, this.count(asset.type) + 1);
  }

  delete(id: string): void {
    const asset = this.#byId.get(id);
    if (!asset) return;
    this.#byId.delete(id);
    this.#byName.set(
      asset.name,
      this.named(asset.name).filter((other) => other !== asset),
    );
    this.#counts.set(asset.type, this.count(asset.type) - 1);
  }
}

/** The types that the official clients know. */
const TYPES = new Set([
  ...['asset', 'image', 'audio', 'video', 'histogram3d', 'text-sample', 'source_code', 'notebook', 'dataframe'],
  ...['dataframe-profile', 'curve', 'confusion-matrix', 'embeddings', '3d-image', 'model-element', 'git-patch'],
  ...['tensorflow-file', 'conda-environment-definition', 'conda-specification', 'conda-info'],
]);

/** What is told when an experiment has enough of a type. */
const LIMIT_CODES: Record<string, number> = {
  image: 7000001,
  'text-sample': 7000012,
  histogram3d: 7000013,
  'model-element': 7000014,
  curve: 7000015,
  notebook: 7000016,
  embeddings: 7000017,
  video: 7000018,
};

const MIB = 1 << 20;

export interface Upload {
  id: string | undefined;
  name: string | undefined;
  type: string;
  step: Whole | null;
  epoch: Whole | null;
  context: string | null;
  extension: string | undefined;
  groupingName: string | null;
  /** Of the query; that of the form comes first. */
  metadata: string | undefined;
  overwrite: boolean;
  isRemote: boolean;
}

/** Takes an upload. @throws Refusal */
export function addAsset(
  experiment: Experiment,
  upload: Upload,
  form: Map<string, FormPart>,
  { limits, sameName }: { limits: Limits; sameName: 'kept' | 'refused' },
): Asset {
  const type = upload.type === 'visualization' ? 'image' : upload.type;
  demand(TYPES.has(type), `unknown asset type ${JSON.stringify(type)}`);
  const { bytes, link } = contentOf(form, upload.isRemote);
  const id = upload.id ?? randomBytes(16).toString('hex');
  demand(/^[0-9a-f]{32}$/.test(id), `the id of an asset must have 32 hex digits, got ${JSON.stringify(id)}`);
  const asset: Asset = {
    id,
    name: nameOf(type, upload.name, id, limits),
    type,
    ...{ step: upload.step, epoch: upload.epoch, context: upload.context, groupingName: upload.groupingName },
    extension: upload.extension?.replace(/^\./, '') ?? /\.([^./]+)$/.exec(upload.name ?? '')?.[1] ?? null,
    metadata: metadataOf(form.get('metadata')?.bytes.toString() ?? upload.metadata),
    ...{ bytes, link },
    createdAt: Date.now(),
  };
  checkSize(asset, limits);
  if (type === 'histogram3d') {
    demand(asset.step !== null, 'a histogram3d needs a step');
    checkHistogram(bytes);
  }
  const { assets } = experiment;
  const earlier = assets.named(asset.name);
  const immutable = type === 'image' ? SdkError.imageImmutable : SdkError.assetImmutable;
  const isTaken = assets.get(id) !== undefined || (sameName === 'refused' && earlier.length > 0 && !upload.overwrite);
  demand(!isTaken, `asset ${asset.name} was uploaded already and can't be changed`, immutable);
  if (upload.overwrite) for (const old of earlier) assets.delete(old.id);
  checkCount(assets, type, limits);
  assets.add(asset);
  return asset;
}

function contentOf(form: Map<string, FormPart>, isRemote: boolean): { bytes: Buffer; link: string | null } {
  for (const name of form.keys())
    demand([isRemote ? 'link' : 'file', 'metadata'].includes(name), `unknown part ${JSON.stringify(name)} of the form`);
  const part = form.get(isRemote ? 'link' : 'file');
  demand(part !== undefined, `the form has no ${isRemote ? 'link' : 'file'}`);
  return isRemote ? { bytes: Buffer.alloc(0), link: part.bytes.toString() } : { bytes: part.bytes, link: null };
}

/** Text samples get a name of the service's; figures without one, too. */
function nameOf(type: string, name: string | undefined, id: string, limits: Limits): string {
  if (type === 'text-sample') return `text-sample-${id}.txt`;
  if (type === 'git-patch') return name ?? 'git-patch.zip';
  demand(name !== undefined && name !== '', 'the name of the asset is missing');
  const most = type === 'image' ? limits.imageNameLength : limits.assetNameLength;
  demand(most === null || !isLonger(name, most), `the name of the asset has more than ${most} characters`);
  return name;
}

function metadataOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  demand(isObject(parseBody(text)), 'the metadata of an asset must be a JSON object');
  return text;
}

function checkSize({ type, bytes }: Asset, { assetMiB, imageMiB, videoMiB }: Limits): void {
  const most = type === 'image' ? imageMiB : type === 'video' ? videoMiB : assetMiB;
  demand(bytes.length <= most * MIB, `the asset has ${bytes.length} bytes, more than ${most} MiB`, SdkError.custom);
}

function checkCount(assets: Assets, type: string, limits: Limits): void {
  const most = limits.assets[type];
  if (most === undefined) return;
  if (assets.count(type) >= most)
    throw new Refusal(400, `no more assets of type ${type}`, LIMIT_CODES[type] ?? SdkError.custom);
}

/** How lists show an asset. */
export function describeAsset({ bytes, ...asset }: Asset, key: string, url: string): object {
  const isImage = asset.type === 'image';
  return {
    assetId: asset.id,
    experimentKey: key,
    fileName: asset.name,
    fileSize: bytes.length,
    type: isImage ? 'visualization' : asset.type,
    image: isImage,
    step: asset.step === null ? null : Number(asset.step),
    epoch: asset.epoch === null ? null : Number(asset.epoch),
    runContext: asset.context,
    dir: asset.groupingName ?? 'others',
    metadata: asset.metadata,
    remote: asset.link !== null,
    link: asset.link ?? `${url}/api/rest/v2/experiment/asset/get-asset?assetId=${asset.id}&experimentKey=${key}`,
    createdAt: asset.createdAt,
  };
}

/** Whether a list of a type has it; `all` has all. */
export function isOfType({ type }: Asset, asked: string | undefined): boolean {
  return asked === undefined || asked === 'all' || asked === type || (asked === 'visualization' && type === 'image');
}
