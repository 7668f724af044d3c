// Identity of runs, and what a user may select of them.

import type { ExportClass } from './attributes.ts';
import type { ScalarRow } from './batches.ts';

/** What of Neptune 2's model registry an entry is; also the name of its folder in the archive. */
export type RegistryScope = 'models' | 'model_versions';

/** A run as the source lists it; with a scope, a model or a version of one. */
export interface RunRef {
  /** Project path `workspace/project`. */
  projectId: string;
  /** The archive's `run_id`: `sys/custom_run_id` in Neptune 3, `sys/id` in Neptune 2. */
  runId: string;
  /** `sys/id`, unique in its project. */
  sysId: string;
  /** Absent for a run. */
  scope?: RegistryScope;
  /** `sys/modification_time`, ms since 1970-01-01 UTC, where the source tells it. */
  modifiedAt?: number;
}

/** A span of time in ms since 1970-01-01 UTC: `from` belongs to it, `before` doesn't. */
export interface TimeRange {
  from?: number;
  before?: number;
}

/** Which runs are meant: those that pass every condition. */
export interface RunFilter {
  /**
   * Regex on the run id. Neptune 3: in the server's dialect, matches anywhere. Neptune 2: Python's, matches at the
   * beginning (both as in the official exporter).
   */
  idPattern?: string;
  /** These very run ids, which are looked up without listing the others; ids that aren't there are left out. */
  ids?: readonly string[];
  /** NQL, Neptune 2 only. */
  query?: string;
  /** Also runs that are archived or in the trash. */
  includeArchived: boolean;
  /** By `sys/creation_time`; a run without it doesn't pass. */
  created?: TimeRange;
  /** By `sys/modification_time`; a run without it doesn't pass. */
  modified?: TimeRange;
}

/** All attributes, those whose path matches a regex anywhere, or exact paths. */
export type AttributeSelection =
  | { kind: 'all' }
  | { kind: 'regex'; pattern: string }
  | { kind: 'names'; names: string[] };

export interface Selection {
  attributes: AttributeSelection;
  classes: ReadonlySet<ExportClass>;
  /** Python regexes: attributes in whose path one of them is found are left out. */
  excluded?: readonly string[];
  /** Bytes: larger files are left out, and recorded as such. */
  maxFileSize?: number;
  /** Also points that Neptune 3 marks as previews. */
  includePreviews: boolean;
}

/** What a load needs to know of a run before it reads it whole. */
export interface RunInfo {
  projectId: string;
  runId: string;
  /** `sys/custom_run_id`, if it is there. */
  customRunId?: string;
  /** `sys/name`. */
  experimentName?: string;
  /** `sys/forking/parent`: the run id of the parent. */
  parentRunId?: string;
  /** `sys/forking/step`. */
  forkStep?: number;
  /** `sys/creation_time`, ms. */
  creationTime?: number;
  /** `sys/modification_time`, ms. */
  modificationTime?: number;
  /** All attributes under `sys/`, by path. */
  sys: ReadonlyMap<string, ScalarRow>;
}
