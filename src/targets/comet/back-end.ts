// Where a run on its way to Comet ends up: at the service, or beside what the service holds already (see compare.ts).

import type { FloatSeriesBatch } from '../../model/batches.ts';
import type { Origin } from '../file-store.ts';

/** An asset as it is to be. */
export interface NewAsset {
  /** Names of different assets may be equal. */
  name: string;
  type: 'asset' | 'image' | 'histogram3d';
  /** Whole, as text: 64 bits. */
  step?: string;
  /** Without the dot. */
  extension?: string;
  /** Tells assets of equal name, type and step apart. */
  ordinal?: string;
  /** Shown with the asset; the attribute's path and type are among it. */
  metadata: Readonly<Record<string, unknown>>;
}

/** Takes what a run consists of, after the mapping. Points and parameters may be held back until `flush`. */
export interface RunBackEnd {
  /** Takes the points of a metric. @returns how many have a step beyond 64 bits */
  addPoints(name: string, batch: FloatSeriesBatch, multiplier: bigint, origin: Origin): Promise<number>;
  /** All points of this metric were given. */
  endMetric(name: string): Promise<void>;
  /** @param json of the value */
  addParameter(name: string, json: string, origin: Origin): Promise<void>;
  /** @throws what went wrong with something given before */
  flush(): Promise<void>;
  /**
   * Takes a file.
   * @param origin absent for what the loader adds by itself
   * @param sha256 of the file in hex, where it is known
   */
  put(asset: NewAsset, file: string, origin?: Origin, sha256?: string): Promise<void>;
  /**
   * Looks whether all that was given is there.
   * @param tidy whether all of the run was given: then what an earlier load left besides is removed
   * @returns what lacks, one sentence each
   */
  lacking(tidy: boolean): Promise<Lacking[]>;
  /** The run is whole. */
  complete(): Promise<void>;
}

export interface Lacking {
  origin?: Origin;
  message: string;
}
