// What all parts of the emulator share.

import type { Limits } from './limits.ts';
import type { Store } from './store.ts';

/** What an older server lacks, with the last version that lacked it, from the SDK's checks; oldest first. */
export const VERSIONED_FEATURES = {
  'tags/delete': '3.12.25',
  'metrics/get-all': '3.20.59',
  'parameter/delete': '3.29.723',
  'asset/get-by-name': '4.3.384',
  'mark-not-throttled': '4.7.415',
} as const;
export const CURRENT_VERSION = '4.40.0';

/**
 * `not-found`: experiments that aren't there are answered with 404, not 400. `getOrCreate`: a key that is taken may be
 * asked for again. The others are calls.
 */
export type Feature = keyof typeof VERSIONED_FEATURES | 'not-found' | 'getOrCreate';

export interface Site {
  url: string;
  apiKey: string;
  user: string;
  store: Store;
  limits: Limits;
  version: string;
  lacks: ReadonlySet<Feature>;
  /** Assets are downloaded from another host. */
  redirectAssets: boolean;
  /** What a second asset of the same name becomes, unless it overwrites. */
  sameName: 'kept' | 'refused';
}

/** All that a server lacks which lacks these, and its version: one that lacks something lacks all that came later. */
export function olderServer(without: readonly Feature[]): { version: string; lacks: ReadonlySet<Feature> } {
  const lacks = new Set(without);
  let version: string | undefined;
  for (const [feature, last] of Object.entries(VERSIONED_FEATURES) as [keyof typeof VERSIONED_FEATURES, string][]) {
    if (version === undefined && lacks.has(feature)) version = last;
    if (version !== undefined) lacks.add(feature);
  }
  return { version: version ?? CURRENT_VERSION, lacks };
}
