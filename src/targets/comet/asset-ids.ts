// Ids of assets: made from what they are, so that the same one gets the same id again. Pure.

import { shortHash } from '../text.ts';
import type { NewAsset } from './back-end.ts';
import type { Asset } from './client.ts';

/** 32 hex digits. @param sha256 of the content */
export function assetId(experimentKey: string, { name, step, ordinal, type }: NewAsset, sha256: string): string {
  // An image that has to go as a plain asset keeps its id.
  const kind = type === 'histogram3d' ? type : 'file';
  return shortHash(JSON.stringify([experimentKey, kind, name, step ?? null, ordinal ?? null, sha256]), 32);
}

/** Whether this program made an asset. */
export function isOwnAsset({ metadata }: Asset): boolean {
  return metadata.neptune_exporter !== undefined;
}

/** Whether an asset is this list of the run as a whole, under whatever name the service took it. */
export function isListOf(asset: Asset, { metadata: { content, neptune_path } }: Pick<NewAsset, 'metadata'>): boolean {
  const { metadata } = asset;
  const isList = neptune_path === undefined && metadata.neptune_path === undefined;
  return isList && isOwnAsset(asset) && metadata.content === content;
}
