// The interface of a target: a service that runs of an archive are loaded into.

import type { Batch } from '../model/batches.ts';
import type { Failure } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';

/** Something of a run that reaches the target in another form, told to the user. */
export interface Alteration {
  attributePath?: string;
  /** Stable word for programs, e.g. `value_too_long`. */
  code: string;
  /** One sentence for people. */
  message: string;
  /** How many points or values it concerns. */
  count: number;
}

export interface TargetRun {
  /** The target's own id of the run. */
  readonly id: string;
  /** Hands over a piece of content; batches of one series come oldest first. Idempotent: may be repeated after a crash. */
  batch(batch: Batch): Promise<void>;
  /** Sends what is held back, checks, and puts the completion mark: only after it does the run count as whole. */
  finish(): Promise<void>;
  /** What was altered or could not be carried so far. */
  readonly alterations: Alteration[];
  readonly failures: Failure[];
}

export interface OpenOptions {
  /** Digest of the run's content in the archive; the completion mark carries it. */
  digest: string;
  /** Where the files of the run's project lie; paths of file values are relative to it. */
  filesDirectory: string;
  /** Target step = Neptune step x multiplier. */
  stepMultiplier: bigint;
  /** The target's id of the parent run, if it was loaded. */
  parent?: string;
  signal: AbortSignal;
}

/** Promises: every call may be repeated; a run that was half loaded is completed, never doubled. */
export interface Target {
  readonly name: string;
  /** Address as shown to users; never holds a secret. */
  readonly address: string;
  /** Reaches the service and checks the credentials. @throws ExporterError */
  connect(): Promise<void>;
  /** The target's run for this one of the archive: whole (with the digest it was loaded from), half, or not there. */
  find(
    run: RunInfo,
  ): Promise<{ id: string; state: 'whole'; digest: string } | { id: string; state: 'half' } | undefined>;
  open(run: RunInfo, options: OpenOptions): Promise<TargetRun>;
  close(): Promise<void>;
}
