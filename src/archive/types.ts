// The shapes of an archive on disk: manifest, run, project. Format in docs/archive-format.md.

import type { AttributeType } from '../model/attributes.ts';
import type { Failure } from '../model/errors.ts';
import type { RegistryScope } from '../model/runs.ts';

/** Version of the manifest format this program writes. */
export const MANIFEST_VERSION = 2;

export interface ManifestPart {
  /** File name, in the project's folder. */
  name: string;
  rows: number;
  bytes: number;
  /** Hex. */
  sha256: string;
}

export interface ManifestFile {
  attributePath: string;
  attributeType: AttributeType;
  /** Decimal text as in the archive, e.g. `12.500000`; file series only. */
  step?: string;
  /** Below the project's files folder, with `/`; null if the server had no such file. */
  path: string | null;
  bytes: number;
  sha256: string;
  /** What the source says of the file and no column of the archive holds, e.g. an image's description. */
  details?: Record<string, string>;
}

/** A file that was left out by choice: larger than the selection's `maxFileSize`. */
export interface SkippedFile {
  attributePath: string;
  attributeType: AttributeType;
  /** As in ManifestFile. */
  step?: string;
  bytes: number;
}

/** What the manifest says of one attribute type of a run. */
export interface TypeCount {
  attributes: number;
  /** Rows of the archive: points of series, values of the rest. */
  rows: number;
}

/** `<data>/<project>/_runs/<run>.json`: written after part_0, says that the run is there and what it is. */
export interface Manifest {
  format: 'neptune-exporter-run';
  version: number;
  status: 'complete' | 'partial';
  /** Names the one export that wrote all of the run's parts, which have it in their metadata, too. Absent in version 1. */
  exportId?: string;
  projectId: string;
  runId: string;
  sysId?: string;
  /** Absent for a run. */
  scope?: RegistryScope;
  /** Program that wrote it, e.g. `neptune-exporter 0.1.0`. */
  writtenBy: string;
  /** ISO 8601, UTC. */
  writtenAt: string;
  source: { name: string; address: string; version?: string };
  /** What was asked for; a run exported with a narrower selection is complete within it. */
  selection: {
    attributes: 'all' | { regex: string } | { names: string[] };
    classes: string[];
    previews: boolean;
    /** Regexes of attributes that were left out. */
    excluded?: string[];
    /** Bytes. */
    maxFileSize?: number;
  };
  /** The run's modification time at the source when it was read, ms since 1970-01-01 UTC. */
  modifiedAt?: number;
  parts: ManifestPart[];
  files: ManifestFile[];
  /** Absent if nothing was skipped. */
  skippedFiles?: SkippedFile[];
  counts: Partial<Record<AttributeType, TypeCount>>;
  failures: Failure[];
  /** ISO 8601, UTC: when a user accepted a partial run as it is. */
  accepted?: string;
  /** ISO 8601, UTC: when the manifest was made for a run of the official exporter, whose selection nobody recorded. */
  adopted?: string;
  /** Proves the manifest itself, see `manifestDigest`. Absent in version 1. */
  sha256?: string;
}

/** A folder of the archive that holds the runs of one project, or its models, or its model versions. */
export interface ArchiveProject {
  /** Absolute path. */
  directory: string;
  /** The project's disk name, also the name of its files folder. */
  diskName: string;
  /** Absent where it is of runs. */
  scope?: RegistryScope;
  /** The folder's name if all runs are so damaged that none says the id. */
  projectId: string;
}

/** A run that the archive holds: its part_0 is there. */
export interface ArchiveRun {
  project: ArchiveProject;
  /** Absent for a run. */
  scope?: RegistryScope;
  /** Disk name of the run, the parts' name before `_part_`. */
  diskName: string;
  projectId: string;
  runId: string;
  /** Absolute paths, in the order of their numbers. */
  parts: string[];
  /** Absent for a run of the official exporter. */
  manifest?: Manifest;
  /**
   * The run is being put in place, or that was interrupted: some of its parts may have temporary names yet, and files
   * that it replaces may lie staged, see `fileOfRun`.
   */
  pending?: true;
}

/** How many rows or elements of one attribute something is told of. */
export interface AttributeCount {
  path: string;
  type: AttributeType;
  count: number;
}

/** What of a part is to be read. */
export interface PartSelection {
  types?: ReadonlySet<AttributeType>;
  /** Only attributes whose path begins so. */
  pathPrefix?: string;
  /**
   * Told of rows of the official exporter that were left out because they hold nothing: it writes one for every
   * attribute that any run of its batch has, all null where this run doesn't have it. A float that was NaN and a file
   * that could not be had look the same. Several calls may concern one attribute.
   */
  onAbsent?: (rows: AttributeCount) => void;
  /**
   * Told of elements of a histogram's lists that are null in the archive and are given as NaN, which is how the
   * official exporter writes NaN there. Several calls may concern one attribute.
   */
  onNullInList?: (elements: AttributeCount) => void;
}
