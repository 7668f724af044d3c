// What the suite of targets needs to know of one: its server, how it is reached, what it holds, and what its mapping does by design.

import type { AttributeType } from '../../src/model/attributes.ts';
import type { ScalarRow } from '../../src/model/batches.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { Target } from '../../src/targets/target.ts';
import type { ProxiedRequest } from '../helpers/fault-proxy.ts';

/** A point as a target holds it. */
export interface HeldPoint<Value> {
  /** Decimal without trailing zeros. */
  step: string;
  /** Milliseconds since 1970-01-01 UTC; null where the target has none. */
  time: number | null;
  value: Value;
}

export interface HeldHistogram {
  type: string | null;
  edges: number[];
  values: number[];
}

/** All that a target holds of a run, by the original paths of the attributes, which the target has to keep somewhere. */
export interface HeldRun {
  id: string;
  /** The target's word for where it is: an experiment, a project. */
  group: string;
  name: string;
  /** Anybody who looks at the run at the target takes it for whole. */
  isWhole: boolean;
  /** Name of the run that it was forked from. */
  parent: string | undefined;
  /** Single values as texts; a value that is kept elsewhere for its length is here all the same. */
  values: Record<string, string>;
  floats: Record<string, HeldPoint<number>[]>;
  texts: Record<string, HeldPoint<string>[]>;
  histograms: Record<string, HeldPoint<HeldHistogram>[]>;
  /** Hashes (SHA-256, hex) of single files and of the files of sets, sorted. */
  files: Record<string, string[]>;
  fileSeries: Record<string, { step: string; sha256: string }[]>;
  /** Float series of which points were altered, as they are in the archive, where the target keeps them so. */
  originals: Record<string, HeldPoint<number | null>[]>;
}

/** What a mapping does to what the service can't hold as it is. */
export interface TargetDesign {
  /** The text that a value is held as; undefined for one that is left out. */
  text(row: ScalarRow): string | undefined;
  /** A value of a point of a float series. */
  float(value: number): number;
  /** Points without a time, by the type of their series. */
  untimed(type: AttributeType): number | null;
  /** Points that are equal in step, time and value are one point. */
  mergesEqualPoints: boolean;
  /** Codes of the alterations by which these are told; absent where they are kept. */
  codes: { infinity?: string; negativeZero?: string; untimed?: string };
  /** Two attribute paths that would have one name. */
  colliding: readonly [string, string];
  /** The longest single value that is kept as it is, in code points. */
  longestText: number;
  /** Steps stay Neptune's own: the multiplier changes nothing. */
  keepsSteps?: boolean;
}

export interface ConnectOptions {
  /** Gives up soon, for tests of what lasts. */
  impatient?: boolean;
  logger?: Logger;
  signal?: AbortSignal;
}

/** A kind of request: an expression that finds a match in the path of its address, or who looks at all of it. */
export type TargetRoute = RegExp | ((request: ProxiedRequest) => boolean);

/** Kinds of requests; a target may use one for several. */
export interface TargetRoutes {
  /** Makes a run. */
  run: TargetRoute;
  points: TargetRoute;
  file: TargetRoute;
  /** All kinds by a name for people. */
  all: Readonly<Record<string, TargetRoute>>;
}

/** True if a request is of a kind. */
export function isOf(route: TargetRoute, request: ProxiedRequest): boolean {
  return route instanceof RegExp ? route.test(request.path) : route(request);
}

export interface TargetKit {
  name: string;
  /** Path of the module that exports this kit as `kit`: a process that is to be killed imports it. */
  module: string;
  /** A fresh server, or an emulator that the service's official client passes. */
  start(): Promise<{ url: string; stop(): Promise<void> }>;
  /** A new target on the server, as another call of the program would have it; not connected yet. */
  target(url: string, prefix: string, options?: ConnectOptions): Promise<Target>;
  /** What the program needs to reach it; absent for a target that isn't in the registry. */
  cli?: {
    args(url: string): string[];
    env(url: string): Record<string, string>;
    /** The same, so that it gives up soon. */
    impatient: Record<string, string>;
  };
  /** A secret that is among the settings of both ways. */
  secret: string;
  /** All runs below the prefix that anybody who looks there sees, read by the service's official client where it has one. */
  readBack(url: string, prefix: string): Promise<HeldRun[]>;
  /** Makes a run of this name by other means than this program. */
  makeForeign(url: string, group: string, name: string): Promise<void>;
  routes: TargetRoutes;
  /** An answer by which the server says that it took points. */
  pointsTaken: string;
  /** True if a request with points has one of this time. @default the milliseconds are found in its body */
  holdsTime?: (request: ProxiedRequest, ms: number) => boolean;
  design: TargetDesign;
}
