// The content of a demo server as plain data: projects, runs, attributes.

/** Everything that a server serves. Nothing in it is changed by the server. */
export interface DataSet {
  projects: DemoProject[];
}

export interface DemoProject {
  /** `workspace/project`. */
  path: string;
  /** Prefix of the runs' sys ids, e.g. `IMG`. */
  key: string;
  /** Neptune version that the list of projects tells; 3 unless given. */
  version?: 2 | 3;
  runs: DemoRun[];
}

/**
 * A run is its attributes by name. What the server needs to know of it, it reads from them: `sys/id` (required),
 * `sys/custom_run_id`, `sys/name`, `sys/forking/parent` (run id of the parent), `sys/forking/step`,
 * `sys/experiment/is_head`.
 */
export interface DemoRun {
  attributes: ReadonlyMap<string, DemoAttribute>;
}

/** An attribute; `type` is the name that the API uses. The last three types have no value in the API. */
export type DemoAttribute =
  | { type: 'float'; value: number }
  | { type: 'int'; value: bigint }
  | { type: 'string'; value: string }
  | { type: 'bool'; value: boolean }
  /** Milliseconds since 1970-01-01 UTC. */
  | { type: 'datetime'; value: bigint }
  | { type: 'stringSet'; value: readonly string[] }
  | { type: 'floatSeries'; series: FloatSeries }
  | { type: 'stringSeries'; series: Series<string> }
  | { type: 'histogramSeries'; series: Series<DemoHistogram> }
  | { type: 'fileRef'; file: DemoFile }
  | { type: 'fileRefSeries'; series: Series<DemoFile> }
  | { type: 'experimentState' }
  | { type: 'gitRef' }
  | { type: 'complex' };

export type DemoType = DemoAttribute['type'];

const TYPES: Record<DemoType, true> = {
  float: true,
  int: true,
  string: true,
  bool: true,
  datetime: true,
  stringSet: true,
  floatSeries: true,
  stringSeries: true,
  histogramSeries: true,
  fileRef: true,
  fileRefSeries: true,
  experimentState: true,
  gitRef: true,
  complex: true,
};
/** The type names of the API. */
export const DEMO_TYPES = Object.keys(TYPES) as DemoType[];

/**
 * Points that can be asked for by their index, so that a series may be computed instead of held. Steps rise strictly
 * with the index; timestamps are milliseconds since 1970-01-01 UTC. The same index gives the same answer every time.
 */
export interface Series<T> {
  length: number;
  step(index: number): number;
  timestamp(index: number): number;
  value(index: number): T;
}

export interface FloatSeries extends Series<number> {
  /** Preview points: how complete the point is, 0 to 1. Undefined for a committed point. */
  completion?(index: number): number | undefined;
}

export interface DemoHistogram {
  type: string;
  /** One entry more than `values`. */
  edges: readonly number[];
  values: readonly number[];
}

export interface DemoFile {
  /** Where the file lies in the storage: unique in its project. */
  path: string;
  sizeBytes: number;
  mimeType: string;
  /** The bytes from `start` up to, not including, `end`. Absent: the storage has no such file. */
  read?(start: number, end: number): Uint8Array;
}

/** A series of points that are held: `[step, timestamp, value]` each. */
export function seriesOf<T>(points: readonly (readonly [step: number, timestamp: number, value: T])[]): Series<T> {
  return {
    length: points.length,
    step: (index) => points[index]![0],
    timestamp: (index) => points[index]![1],
    value: (index) => points[index]![2],
  };
}

/** A file whose content is held. */
export function fileOf(path: string, mimeType: string, content: string | Uint8Array): DemoFile {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { path, mimeType, sizeBytes: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** Shorthands for attributes that have a plain value. */
export const attribute = {
  float: (value: number): DemoAttribute => ({ type: 'float', value }),
  int: (value: number | bigint): DemoAttribute => ({ type: 'int', value: BigInt(value) }),
  string: (value: string): DemoAttribute => ({ type: 'string', value }),
  bool: (value: boolean): DemoAttribute => ({ type: 'bool', value }),
  datetime: (ms: number): DemoAttribute => ({ type: 'datetime', value: BigInt(ms) }),
  stringSet: (value: readonly string[]): DemoAttribute => ({ type: 'stringSet', value }),
  file: (file: DemoFile): DemoAttribute => ({ type: 'fileRef', file }),
};
