// What verifying an archive finds, in words and in codes for programs.

import type { Failure } from '../../model/errors.ts';
import type { RegistryScope } from '../../model/runs.ts';

/** What is off. Stable: scripts tell problems apart by these. */
export type ProblemCode =
  | 'part_missing' // a part that must be there isn't
  | 'part_not_regular' // a link, a folder or something else lies in a part's place
  | 'part_size' // another size than recorded
  | 'part_hash' // another content than recorded
  | 'part_unreadable' // it can't be read, or not to its end
  | 'part_statistics' // its values are not those that its own statistics tell of
  | 'part_rows' // other rows than recorded
  | 'part_export' // it is of another export than its run's manifest
  | 'ids_differ' // rows of another project or run than the rest, or than the manifest says
  | 'wrong_name' // the ids don't belong to the names of folder and file
  | 'manifest_damaged' // it can't be read, or isn't what its own hash says
  | 'manifest_foreign' // it is of another run, or contradicts itself
  | 'run_damaged' // a run that can't be listed, for another reason than these
  | 'no_sys_attributes' // a run without anything below sys/
  | 'unknown_type' // an attribute type that archives don't have
  | 'value_in_wrong_column' // a value in a column that isn't its type's
  | 'repeated_attribute' // a single value, or a file of a series, twice
  | 'steps_out_of_order' // steps of a series that repeat or go back
  | 'step_missing' // a point of a series without a step
  | 'file_missing' // a file that the archive names isn't there
  | 'file_not_regular' // a link, a folder or something else lies in a file's place, or on the way to it
  | 'file_size' // another size than recorded
  | 'file_hash' // another content than recorded
  | 'file_unreadable' // the file system refuses it
  | 'file_truncated' // by its own format it is not whole
  | 'path_outside' // a path that leads out of the folder of files
  | 'partial' // something could not be exported, and nobody accepted that
  | 'interrupted' // the export ended between the run's parts and its manifest
  | 'leftover' // of an export that was interrupted
  | 'stranger' // nothing in the archive accounts for it
  | 'folder_unreadable' // it can't be listed
  | 'check_failed' // the check itself failed
  // Only where the archive is compared with its source:
  | 'source_run_missing' // the source has a run that the archive lacks
  | 'source_changed' // a run changed at the source since it was exported
  | 'source_attribute_missing' // the source has an attribute that the archive lacks
  | 'source_attribute_gone' // the archive has an attribute that the source lacks, though the run didn't change
  | 'source_points' // the source has another number of points or values
  | 'source_unreadable' // the source could not be asked
  // Only where the archive is compared with a target:
  | 'target_run_missing' // the target lacks a run, or has another program's of its name
  | 'target_run_half' // a load of a run didn't get to its end
  | 'target_run_changed' // a run was loaded with other content
  | 'target_missing' // something of a run isn't at the target
  | 'target_different' // something of a run is another at the target
  | 'target_unreadable'; // something could not be compared

/** One thing that is off. */
export interface Problem {
  code: ProblemCode;
  /** A sentence without the names of project, run and path. */
  message: string;
  /** The project's folder where its id isn't known; empty where no project is concerned. */
  projectId: string;
  /** The run's name on disk where its id isn't known. Absent if no single run is concerned. */
  runId?: string;
  scope?: RegistryScope;
  /** Absolute. */
  path?: string;
  attributePath?: string;
  /** Of a partial run: what could not be exported. */
  failures?: Failure[];
}

/** Worth knowing, and no damage. */
export interface Note {
  code:
    | 'unverified' // runs without a manifest
    | 'adopted' // runs whose manifest was made by `--adopt`
    | 'accepted' // partial runs that were accepted as they are
    | 'pending' // runs that are being put in place
    | 'version_1' // manifests without a hash of their own
    | 'empty_files' // rows of single files and of points of file series without a file
    | 'files_without_bytes' // files of official archives that are empty
    | 'litter' // files that operating systems leave in folders
    | 'not_looked_for' // strangers that could not be told from files of a damaged run
    | 'not_adopted' // runs that are whole and could not be adopted
    | 'source_gone' // runs that are no longer at the source
    | 'source_archived' // runs that are archived or in the trash at the source, and not in the archive
    | 'target_extra' // what the target has of runs and nothing in the archive accounts for
    | 'target_unread'; // runs that are too damaged to be compared with the target's
  message: string;
  /** How many. */
  count: number;
}

/** The outcome. Everything in here can be written as JSON. */
export interface VerifyResult {
  runs: number;
  parts: number;
  files: number;
  /** Bytes of parts and files that were read. */
  bytes: number;
  /** Runs that are as their manifests say. */
  verified: number;
  /** Runs without a manifest in which nothing looks broken. */
  unverified: number;
  /** Runs that got a manifest now; they are among the unverified no more. */
  adopted: number;
  /** Partial runs that nobody accepted. */
  partial: number;
  problems: Problem[];
  notes: Note[];
}

/** Something that is wrong with a part or file, before it is known whose. */
export interface Finding {
  code: ProblemCode;
  message: string;
  attributePath?: string;
}
