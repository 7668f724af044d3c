// What all parts of the emulator share.

import type { Limits } from './limits.ts';
import type { Storage } from './storage.ts';
import type { Store } from './store.ts';

export interface Site {
  url: string;
  store: Store;
  storage: Storage;
  limits: Limits;
  features: readonly string[];
  user: { id: string; name: string; username: string; email: string };
}
