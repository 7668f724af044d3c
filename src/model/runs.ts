// Identity of runs, and what a user may select of them.

import type { ExportClass } from './attributes.ts';
import type { ScalarRow } from './batches.ts';

/** A run as the source lists it. */
export interface RunRef {
  /** Project path `workspace/project`. */
  projectId: string;
  /** The archive's `run_id`: `sys/custom_run_id` in Neptune 3, `sys/id` in Neptune 2. */
  runId: string;
  /** `sys/id`, unique in its project. */
  sysId: string;
  /** `sys/modification_time`, ms since 1970-01-01 UTC, where the source tells it. */
  modifiedAt?: number;
}

export interface RunFilter {
  /** Regex on the run id, in the server's dialect; matches anywhere. */
  idPattern?: string;
  /** NQL, Neptune 2 only. */
  query?: string;
  /** Also runs that are archived or in the trash. */
  includeArchived: boolean;
}

/** All attributes, those whose path matches a regex anywhere, or exact paths. */
export type AttributeSelection =
  | { kind: 'all' }
  | { kind: 'regex'; pattern: string }
  | { kind: 'names'; names: string[] };

export interface Selection {
  attributes: AttributeSelection;
  classes: ReadonlySet<ExportClass>;
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
