// What the suite of sources needs to know of a Neptune: its demo server, its data sets, its kinds of requests.

import type { TestContext } from 'node:test';
import type { FaultRule } from '../../src/demo/faults.ts';
import type { Bench } from '../export/harness.ts';

export interface ServerOptions {
  faults?: FaultRule[];
  tokenSeconds?: number;
}

export interface SourceKit<Data extends { projects: { path: string }[] }> {
  name: 'neptune3' | 'neptune2';
  /** A server for the data, and a folder to export its first project into. */
  bench(t: TestContext, data: Data, options?: ServerOptions): Promise<Bench<Data>>;
  /** The sample project. */
  sample(): Data;
  /** Few runs with everything that makes another kind of request, nothing odd. */
  small(): Data;
  /** All that is awkward, and a project without runs. */
  odd(): Data;
  /** `run id, attribute path, code` of what an export of the odd data can't carry over, sorted. */
  oddFailures: readonly string[];
  /** Path of the project without runs in the odd data. */
  emptyProject: string;
  /** Kinds of requests by a name for people and the path of their addresses. */
  routes: readonly (readonly [name: string, path: RegExp])[];
  /** Those whose answers nothing but HTTP measures: half a body that calls itself whole can't be seen there. */
  unmeasured: readonly RegExp[];
  /** Those whose answers are read, not stored: garbage in them is seen. */
  parsed: readonly RegExp[];
  /** The request for all values of runs, and the one for points of float series. */
  attributes: RegExp;
  floatSeries: RegExp;
  /** Names of operations, as the server counts them, that bring content other than points of float series. */
  otherContent: readonly string[];
  /** Run ids of the small data, and of each the paths of its float series. */
  smallRuns: readonly string[];
  smallFloatSeries(data: Data): string[];
  /** Answers of requests for files, by the server's counts. */
  downloads(counts: ReadonlyMap<string, number>): number;
  /** Most requests that an export needs that finds everything exported already. */
  idleRequests: number;
}
