// The interface of a target: a service that runs of an archive are loaded into.

import type { SeriesType } from '../model/attributes.ts';
import type { Batch } from '../model/batches.ts';
import type { Failure } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';
import type { CollisionPolicy } from './step-collisions.ts';
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
  /** The new name, where a name is altered. */
  to?: string;
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
 * A run that is there already: `whole` as it would be loaded now; `changed`: whole, but of another content; `rescaled`:
 * whole and of this content, but loaded with another step multiplier; `half`: a load of it didn't get to its end;
 * `foreign`: one of the same name that this program didn't make.
 */
export interface FoundRun {
  id: string;
  state: 'whole' | 'changed' | 'rescaled' | 'half' | 'foreign';
}

export interface ExpectedFile {
  bytes: number;
  /** Hex. */
  sha256: string;
}

export interface OpenOptions extends RunContent {
  /** What becomes of points that fall on one whole step. @default stop, after the load has made sure that none do */
  collisions?: CollisionPolicy;
  /** All attributes of the run: names are chosen so that none hides another. */
  survey: RunSurvey;
  /** Where the files of the run's project lie; paths of file values are relative to it. */
  filesDirectory: string;
  /** Absolute path of a file, where it isn't just below `filesDirectory`: while the run is being put in place. */
  locate?: (path: string) => Promise<string>;
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

/** What a load would make of a run, before anything is sent. */
export interface RunForecast {
  /** Where the run goes, in the target's own word for it: an experiment, a project, a model. */
  group: string;
  /** The run's name there. */
  name: string;
  /** What is foreseen; what only the content tells (e.g. names of files) is not among it. */
  alterations: Alteration[];
}

/**
 * Promises: every call may be repeated; a run that was half loaded is completed, never doubled; a changed one is there
 * in its old form until the new one is whole.
 */
export interface Target {
  readonly name: string;
  /** Series whose steps have to be whole numbers here: points of these may fall together. */
  readonly wholeSteps: ReadonlySet<SeriesType>;
  /** Address as shown to users; never holds a secret. */
  readonly address: string;
  /** Reaches the service and checks the credentials. @throws ExporterError */
  connect(): Promise<void>;
  /** What this target does with values that are no plain numbers, a sentence each, for people. */
  readonly valueNotes: { nan: string; infinity: string };
  /** True if the group of a forecast is there already. */
  hasGroup(name: string): Promise<boolean>;
  /** Sends nothing. */
  forecast(run: RunInfo, content: Pick<OpenOptions, 'survey' | 'stepMultiplier' | 'collisions'>): RunForecast;
  /** The target's run for this one of the archive, if there is one. */
  find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined>;
  /** Begins a run, or goes on with a half one; a whole one of other content is replaced when this one is. */
  open(run: RunInfo, options: OpenOptions): Promise<TargetRun>;
  close(): Promise<void>;
}
