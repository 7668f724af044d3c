// Where the files of a run go at a target, and the attribute that each of them comes from.

import type { AttributeType } from '../model/attributes.ts';

/** The attribute that something comes from. */
export interface Origin {
  path: string;
  type: AttributeType;
  /** Of a file series: the point that the file is the value of. */
  point?: FilePoint;
}

export interface FilePoint {
  /** In micro-steps; undefined for a point without one. */
  step: bigint | undefined;
  /** Milliseconds since 1970-01-01 UTC; undefined for a point without one. */
  timestamp: bigint | undefined;
}

export interface FileStore {
  /**
   * Stores a file under a path of segments that the target takes. Repeatable: overwrites.
   * @param origin absent for what the loader adds by itself
   * @param sha256 of the file in hex, where it is known
   */
  put(path: string, file: string, origin?: Origin, sha256?: string): Promise<void>;
}
