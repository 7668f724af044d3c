// The interface of a target: a service that runs of an archive are loaded into.

import type { AttributeType, SeriesType } from '../model/attributes.ts';
import type { Batch } from '../model/batches.ts';
import type { Failure } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';
import type { CollisionPolicy } from './step-collisions.ts';
import type { RunSurvey } from './survey.ts';

/**
 * Something of a run that reaches the target in another form, told to the user. Not a failure: the run may be whole.
 * docs/adding-a-target.md lists the codes that all targets share.
 */
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

/** A run on its way. One call at a time: `batch` any number of times, then `finish` once. */
export interface TargetRun {
  /** The target's own id of the run; children name it as their parent from now on. */
  readonly id: string;
  /**
   * Hands over a piece of content. Batches of one series come oldest point first, those of several may come in turns; each
   * attribute was announced by the survey. The next load of a half run hands all of it over again: what is there already
   * must not be there twice. When it returns, the batch may still be on its way, but memory stays bounded.
   * What concerns one file or attribute becomes a failure; what concerns the run is thrown, and the run stays half.
   * @throws ExporterError
   */
  batch(batch: Batch): Promise<void>;
  /**
   * Sends what is held back and reads back what the target holds: an answer that says all is well is no proof. If nothing
   * failed, and the archive has all of the run (`complete`), it puts the completion mark, last of all: only then does the
   * run count as whole. Not called if a batch threw, and nothing is cleaned up then but by `close` of the target.
   * @throws ExporterError
   */
  finish(complete: boolean): Promise<void>;
  /** What was altered so far, with what `open` was told of. */
  readonly alterations: Alteration[];
  /** What could not be carried so far; one is enough for the run not to be marked. */
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

/** With what a whole run was loaded, as its completion mark tells. */
export interface LoadedAs {
  stepMultiplier: bigint;
  collisions: CollisionPolicy;
}

export interface CompareOptions extends OpenOptions {
  /** Reads these series once more, in the same order: what differs in them is looked for only when it is known that something does. */
  again(type: SeriesType, paths: ReadonlySet<string>): AsyncIterable<Batch>;
  /** Told of points of series that the target sent. */
  onPoints?: (count: number) => void;
}

/** A point that archive and target don't have alike; all as texts, since no number of JSON holds them all. */
export interface PointDifference {
  step: string;
  /** Milliseconds since 1970-01-01 UTC. */
  timestamp: string;
  /** Absent if the archive has no such point. */
  expected?: string;
  /** Absent if the target has no such point. */
  found?: string;
}

/** Something that isn't at the target as a load of the archive would have made it. */
export interface TargetDifference {
  kind: 'missing' | 'different';
  /** In the target's own words: `metric loss`, `param lr`, `artifact model/model.bin`, `tag neptune.tags`. */
  what: string;
  /** One sentence for people. */
  message: string;
  /** Values, counts, sizes or hashes. */
  expected?: string;
  found?: string;
  /** The first of them. */
  points?: PointDifference[];
}

/**
 * What became of an attribute that isn't plainly equal. `altered`: by the mapping only, as its codes tell. `unclear`: it
 * could not be compared, since the archive can't give it. Without a path: of the run as a whole.
 */
export interface AttributeVerdict {
  attributePath?: string;
  attributeType?: AttributeType;
  state: 'altered' | 'missing' | 'different' | 'unclear';
  /** Codes of alterations. */
  codes: string[];
  /** The first of them. */
  differences: TargetDifference[];
  /** Differences beyond these. */
  more: number;
}

/** What a comparison of one run comes to. */
export interface RunVerdict {
  /** Attributes by state. What concerns the run as a whole is not among them. */
  equal: number;
  altered: number;
  missing: number;
  different: number;
  unclear: number;
  /** All that aren't plainly equal. */
  attributes: AttributeVerdict[];
  /** What the target has of the run and nothing in the archive accounts for: how much, and the first of it. */
  extras: { count: number; first: string[] };
  /** What the target sent. */
  points: number;
  files: number;
  bytes: number;
}

/** A run of the archive beside the target's. It takes the same batches as a TargetRun, and sends nothing. */
export interface TargetComparison {
  batch(batch: Batch): Promise<void>;
  finish(): Promise<RunVerdict>;
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
 * in its old form until the new one is whole. The process may be killed at any instant, and another load may be at work.
 *
 * Who tries again: the target, by its HTTP client, within a budget of time, heeding Retry-After. An error that is thrown
 * is final. `token_refused`, `network`, `offline`, `disk` and `interrupted` end the load, any other one ends its run.
 *
 * Order of calls: `connect`, then the others in any order and for several runs at once, then `close`.
 */
export interface Target {
  /** As `--loader` takes it. */
  readonly name: string;
  /** Series whose steps have to be whole numbers here: points of these may fall together. */
  readonly wholeSteps: ReadonlySet<SeriesType>;
  /** Address as shown to users; never holds a secret. */
  readonly address: string;
  /**
   * Reaches the service and checks the credentials. Nothing is sent before.
   * @param options `readOnly`: nothing may be made, not even a local store that isn't there: then it is as an empty one
   * @throws ExporterError `wrong_server`, `token_refused`, `network`
   */
  connect(options?: { readOnly?: boolean }): Promise<void>;
  /** What this target does with values that are no plain numbers, half a sentence each, for people. Known once connected. */
  readonly valueNotes: { nan: string; infinity: string };
  /** True if the group of a forecast is there already. @throws ExporterError if no run can be made in it */
  hasGroup(name: string): Promise<boolean>;
  /**
   * Where a run would go, and what a load would alter: by the same code that the load goes by, so that both say the same.
   * Sends nothing, asks nothing.
   */
  forecast(run: RunInfo, content: Pick<OpenOptions, 'survey' | 'stepMultiplier' | 'collisions'>): RunForecast;
  /**
   * The target's run for this one of the archive, if there is one: told by the identity that `open` gave it, never by a
   * name alone. Called for each run at least twice; answers may be as old as the connection. Changes nothing.
   */
  find(run: RunInfo, content: RunContent): Promise<FoundRun | undefined>;
  /**
   * Begins a run, or goes on with a half one of this very content; another half of it is removed. A whole one of other
   * content stays until this one is whole. Not called for a run that was found `whole`, `rescaled` or `foreign`.
   * @throws ExporterError also if another load was faster
   */
  open(run: RunInfo, options: OpenOptions): Promise<TargetRun>;
  /**
   * Makes a run that stays as it is name its parent by this id: the parent may have been replaced by a new one. Does
   * nothing where it names it already.
   */
  relink(run: RunInfo, found: FoundRun, parent: string): Promise<void>;
  /** Ends connections, helpers and temporary files, whatever happened before. May be repeated. */
  close(): Promise<void>;
}

/** A target that what it holds can be compared with. */
export interface ComparableTarget extends Target {
  /** With what a run was loaded that was found `whole` or `rescaled`; undefined if its mark is of another mapping. */
  loadedAs(run: RunInfo, found: FoundRun): Promise<LoadedAs | undefined>;
  /**
   * Begins to compare a run that was found `whole` or `rescaled` with what a load of it makes. The options have to be
   * those that it was loaded with.
   */
  compare(run: RunInfo, found: FoundRun, options: CompareOptions): Promise<TargetComparison>;
}

export function isComparable(target: Target): target is ComparableTarget {
  return 'compare' in target && 'loadedAs' in target;
}
