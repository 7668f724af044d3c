// What the readers of one run share.

import { ExporterError } from '../../model/errors.ts';
import { isFatal, type Work } from '../work.ts';
import type { Connection } from './connection.ts';

export interface Work2 extends Work {
  connection: Connection;
}

/** True for what concerns every run. Here a server may refuse one run, or one attribute, and give the others. */
export function endsExport(error: unknown): boolean {
  return isFatal(error) && !(error instanceof ExporterError && error.code === 'access_denied');
}
