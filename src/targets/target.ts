// The interface of a target: a service that runs of an archive are loaded into.

import type { Batch } from '../model/batches.ts';
import type { Failure } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';
import type { RunSurvey } from './survey.ts';

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
  /**
   * Sends what is held back and reads back what the target holds. If nothing failed, and all content was handed over
   * (`complete`), it puts the completion mark: only then does the run count as whole.
   */
  finish(complete: boolean): Promise<void>;
  /** What was altered or could not be carried so far. */
  readonly alterations: Alteration[];
  readonly failures: Failure[];
}

/** What a load would make of a run; the completion mark carries it. */
export interface RunContent {
  /** Digest of the run's content in the archive. */
  digest: string;
  /** Target step = Neptune step x multiplier. */
  stepMultiplier: bigint;
}

/**
 * A run that is there already: `whole` as it would be loaded now; `changed`: whole, but of another content or step
 * multiplier; `half`: a load of it didn't get to its end; `foreign`: one of the same name that this program didn't make.
 */
export interface FoundRun {
  id: string;
  state: 'whole' | 'changed' | 'half' | 'foreign';
}

export interface ExpectedFile {
  bytes: number;
  /** Hex. */
  sha256: string;
}

export interface OpenOptions extends RunContent {
  /** All attributes of the run: names are chosen so that none hides another. */
  survey: RunSurvey;
  /** Where the files of the run's project lie; paths of file values are relative to it. */
  filesDirectory: string;
  /** What the files should be, by the same paths, as far as the archive says it. */
  files?: ReadonlyMap<string, ExpectedFile>;
  /** Attributes of which the export could not, or should not, get all: what they lack is reported already. */
  failedAttributes?: ReadonlySet<string>;
  /** What was seen on the way out of the archive already; told with the target's own. */
  alterations?: readonly Alteration[];
  /** The target's id of the parent run, if it was loaded. */
  parent?: string;
  /** Told of bytes of files as they are uploaded. */
  onBytes?: (count: number) => void;
  signal: AbortSignal;
}

/** Promises: every call may be repeated; a run that was half loaded is completed, never doubled. */
export interface Target {
  readonly name: string;
  /** Address as shown to users; never holds a secret. */
  readonly address: string;
  /** Reaches the service and checks the credentials. @throws ExporterError */
  connect(): Promise<void>;
  /** The target's run for this one of the archive, if there is one. */
  find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined>;
  /** Begins a run, or goes on with a half one. */
  open(run: RunInfo, options: OpenOptions): Promise<TargetRun>;
  close(): Promise<void>;
}
