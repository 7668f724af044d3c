// What all parts of the emulator share.

import type { Schema } from './graphql/schema.ts';
import type { Limits } from './limits.ts';
import type { Storage } from './storage.ts';
import type { Store } from './store.ts';

export interface Site {
  url: string;
  store: Store;
  storage: Storage;
  storageHost: string;
  limits: Limits;
  schema: Schema;
  /** What happens to the branch point of a new run. */
  forking: 'done' | 'refused' | 'ignored';
  /** Non-finite numbers are answered bare, not as texts. */
  bareNonFinite: boolean;
  features: readonly string[];
  user: { id: string; name: string; username: string; email: string };
}
