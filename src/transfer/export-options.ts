// What an export is asked for, and what it comes to.

import type { Failure } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import type { RunFilter, Selection } from '../model/runs.ts';
import type { Source } from '../sources/source.ts';
import type { Progress } from './progress.ts';

export interface ExportOptions {
  source: Source;
  /** Project paths. */
  projects: string[];
  filter: RunFilter;
  selection: Selection;
  /** Folders of the archive; made when missing. */
  dataPath: string;
  filesPath: string;
  /** Export anew the complete runs that changed at the source since they were exported. @default false */
  refresh?: boolean;
  /** Leave partial runs as they are, and record that this is what the user wants. @default false */
  acceptPartial?: boolean;
  /** Name and version of the writing program, for the manifest. */
  writtenBy: string;
  progress?: Progress;
  /** Told of everything that could not be exported; the run id is empty if a project as a whole is concerned. */
  errors?: { record(projectId: string, runId: string, failure: Failure): void };
  logger?: Logger;
  signal?: AbortSignal;
}

/** What came of the runs, or of the models, or of the model versions. */
export interface ExportResult {
  /** Runs that matched. */
  runs: number;
  exported: number;
  /** There already, and whole as far as the archive knows. */
  skipped: number;
  /** Runs of which something is missing: exported now, or there from before and left as they are. */
  partial: number;
  /** Those of the partial ones that were left as they are. */
  keptPartial: number;
  /** Of the skipped: exported with a selection that left out some of what is asked for now, and can't be widened. */
  narrower: number;
  /** Of the skipped: changed at the source since they were exported. */
  changed: number;
  /** Of the exported: whole before, exported anew since they changed, or something of them was lost or not asked for then. */
  replaced: number;
  /** Whole before, and left so since exporting them anew failed in part. */
  keptOld: number;
  /** Of the skipped: partial, and accepted so by the user. */
  accepted: number;
  /** Of the skipped: without a manifest, as the official exporter writes them, so that nobody knows whether they are whole. */
  unverified: number;
  /** Runs that could not be exported at all, ids that are in no project, and projects that could not be listed whole. */
  failed: number;
  /** Rows of the archive. */
  points: number;
  files: number;
  /** Of files. */
  bytes: number;
  /** Files that were left out for their size, of the runs exported now. */
  skippedFiles: number;
  skippedBytes: number;
}

export type SettledOptions = ExportOptions & { progress: Progress; logger: Logger };

export function emptyResult(): ExportResult {
  const counts = { runs: 0, exported: 0, skipped: 0, partial: 0, failed: 0 };
  const kept = { keptPartial: 0, keptOld: 0, accepted: 0, narrower: 0, changed: 0, unverified: 0 };
  return { ...counts, ...kept, replaced: 0, points: 0, files: 0, bytes: 0, skippedFiles: 0, skippedBytes: 0 };
}
