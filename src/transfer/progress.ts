// What a transfer tells of its way while it works; the command line shows it, a script may ignore it.

/** How a run ended in this transfer. `skipped`: it was there already. */
export type RunOutcome = 'done' | 'skipped' | 'partial' | 'failed';

/**
 * Receives the steps of an export or a load. Calls are cheap, may come from many runs at once and never throw.
 * Counts are increments, not totals.
 */
export interface Progress {
  /** Another part of the work begins, from zero. `preparing`: nothing of it is the result, as when steps are checked. */
  stage?(verb: string, preparing: boolean): void;
  /** Work on a project begins. `runs` is how many it has, where that is known already; a later call with the same id corrects it. */
  project(id: string, runs?: number): void;
  runStarted(id: string): void;
  /** Also called for runs that never started because they were skipped. */
  runFinished(id: string, outcome: RunOutcome): void;
  /** Rows of the archive: points of series, values of the rest. */
  points(count: number): void;
  /** Bytes of files and bodies, where the layer knows them. */
  bytes(count: number): void;
  requests?(count: number): void;
  /** One line that should stay visible, e.g. that the server asks for patience. */
  message?(text: string): void;
  /** The work is over, well or not: whatever is drawn is cleared. */
  done(): void;
}

export const silentProgress: Progress = {
  project() {},
  runStarted() {},
  runFinished() {},
  points() {},
  bytes() {},
  done() {},
};

/** Progress of the check of steps before a load; silent for who can't tell its counts from those of the load. */
export function checking(progress: Progress): Progress {
  if (!progress.stage) return silentProgress;
  progress.stage('checking the steps of', true);
  return progress;
}
