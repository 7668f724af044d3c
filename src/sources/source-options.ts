// What every source is made of.

import type { Logger } from '../model/logger.ts';

export interface SourceOptions {
  /** API token as the user has it. */
  token: string | undefined;
  /** Requests in flight at once, downloads included. */
  concurrency: number;
  /** Milliseconds after which a request that fails again and again is given up. */
  retryBudgetMs?: number;
  logger?: Logger;
  signal?: AbortSignal;
  /** Told of every request. */
  onRequest?: () => void;
  /** Takes any certificate that the server shows. */
  insecure?: boolean;
}
