// The content of a Neptune 2 demo server as plain data: projects, runs, models, their attributes.

import type { Series } from '../dataset.ts';

/** Everything that a server serves. Nothing in it is changed by the server. */
export interface DataSet2 {
  projects: DemoProject2[];
  /** Write NaN and infinities without quotes, which is no JSON. @default false: quoted, as the JVM does */
  bareNonFinite?: boolean;
}

export interface DemoProject2 {
  /** `workspace/project`. */
  path: string;
  /** Prefix of the short ids, e.g. `CHURN`. */
  key: string;
  /** @default made from the path */
  uuid?: string;
  /** Below 2: of a Neptune before runs had attributes. @default 2 */
  version?: number;
  archived?: boolean;
  /** The project's own; `sys/id` and `sys/name` are there in any case. */
  attributes?: ReadonlyMap<string, DemoAttribute2>;
  runs: DemoContainer[];
  models?: DemoContainer[];
  /** Each says in `sys/model_id` whose version it is. */
  modelVersions?: DemoContainer[];
}

/**
 * A run, a model or a version of one is its attributes by name. What the server needs to know of it, it reads from
 * them: `sys/id` (required, the short id), `sys/trashed`, `sys/model_id`.
 */
export interface DemoContainer {
  attributes: ReadonlyMap<string, DemoAttribute2>;
}

/** An attribute; `type` is the name that the API uses, but for `unknown`. */
export type DemoAttribute2 =
  | { type: 'float'; value: number }
  | { type: 'int'; value: bigint }
  | { type: 'string'; value: string }
  | { type: 'bool'; value: boolean }
  /** Milliseconds since 1970-01-01 UTC. */
  | { type: 'datetime'; value: bigint }
  | { type: 'stringSet'; value: readonly string[] }
  | { type: 'floatSeries'; series: Series<number> }
  | { type: 'stringSeries'; series: Series<string> }
  | { type: 'imageSeries'; series: Series<DemoImage> }
  | { type: 'file'; file: DemoFile2 }
  | { type: 'fileSet'; fileSet: DemoFileSet }
  | { type: 'artifact'; artifact: DemoArtifact }
  | { type: 'gitRef'; git: DemoGit }
  | { type: 'experimentState'; value: 'running' | 'idle' }
  | { type: 'notebookRef'; notebook: DemoNotebook }
  /** Of a type that no client knows. */
  | { type: 'unknown'; wireType: string; properties: Readonly<Record<string, string>> };

/** Bytes that are read when they are asked for. */
export interface DemoContent {
  sizeBytes: number;
  /** The bytes from `start` up to, not including, `end`. Absent: the server has lost them. */
  read?(start: number, end: number): Uint8Array;
}

export interface DemoFile2 extends DemoContent {
  /** As the listing tells them; neither has to do with the attribute's name. */
  name: string;
  ext: string;
}

export interface DemoFileSet {
  /** By path in the set, with slashes. */
  members: ReadonlyMap<string, DemoContent>;
  /** Name that the zip is sent with. @default made from the attribute's name */
  zipName?: string;
}

export interface DemoImage extends DemoContent {
  mimeType: string;
  name?: string;
  description?: string;
}

/** Files that Neptune tracks without having them. */
export interface DemoArtifact {
  /** Names the list of files in its project. */
  hash: string;
  files: readonly DemoArtifactFile[];
}

export interface DemoArtifactFile {
  filePath: string;
  fileHash: string;
  type: 'S3' | 'Local';
  /** Bytes; trackers may not know. */
  size?: number;
  metadata: Readonly<Record<string, string>>;
}

export interface DemoGit {
  commitId: string;
  message: string;
  authorName: string;
  authorEmail: string;
  /** Milliseconds since 1970-01-01 UTC. */
  commitDate: number;
  dirty: boolean;
  branch?: string;
  remotes?: readonly string[];
}

export interface DemoNotebook {
  notebookId: string;
  notebookName?: string;
  notebookDeleted: boolean;
  checkpointId?: string;
  checkpointName?: string;
  checkpointDeleted?: boolean;
}

/** Content that is held. */
export function contentOf(content: string | Uint8Array): DemoContent {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { sizeBytes: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** Shorthands for attributes. */
export const attribute2 = {
  float: (value: number): DemoAttribute2 => ({ type: 'float', value }),
  int: (value: number | bigint): DemoAttribute2 => ({ type: 'int', value: BigInt(value) }),
  string: (value: string): DemoAttribute2 => ({ type: 'string', value }),
  bool: (value: boolean): DemoAttribute2 => ({ type: 'bool', value }),
  datetime: (ms: number): DemoAttribute2 => ({ type: 'datetime', value: BigInt(ms) }),
  stringSet: (value: readonly string[]): DemoAttribute2 => ({ type: 'stringSet', value }),
  floats: (series: Series<number>): DemoAttribute2 => ({ type: 'floatSeries', series }),
  strings: (series: Series<string>): DemoAttribute2 => ({ type: 'stringSeries', series }),
  images: (series: Series<DemoImage>): DemoAttribute2 => ({ type: 'imageSeries', series }),
  /** @param name with the extension */
  file: (name: string, content: string | Uint8Array | DemoContent): DemoAttribute2 => {
    const dot = name.lastIndexOf('.');
    const ext = dot > 0 ? name.slice(dot + 1) : '';
    const isContent = typeof content === 'object' && 'sizeBytes' in content;
    return { type: 'file', file: { name, ext, ...(isContent ? content : contentOf(content)) } };
  },
  fileSet: (members: Readonly<Record<string, string | Uint8Array>>, zipName?: string): DemoAttribute2 => {
    const contents = new Map(Object.entries(members).map(([path, content]) => [path, contentOf(content)]));
    return { type: 'fileSet', fileSet: { members: contents, ...(zipName === undefined ? {} : { zipName }) } };
  },
};
