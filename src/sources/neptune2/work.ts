// What the readers of one run share.

import type { Work } from '../work.ts';
import type { Connection } from './connection.ts';

export interface Work2 extends Work {
  connection: Connection;
}
