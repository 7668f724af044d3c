// Joins a source's deliveries to the runs that are being written.

import { rowCount } from '../model/batches.ts';
import type { RunRef } from '../model/runs.ts';
import type { RunSink } from '../sources/source.ts';
import type { RunExport } from './export-run.ts';
import type { Progress } from './progress.ts';

/**
 * @param moved called whenever something is delivered
 * @param done called when all of a run has been delivered
 */
export function sinkFor(
  exports: ReadonlyMap<RunRef, RunExport>,
  progress: Progress,
  moved: () => void,
  done: (run: RunRef, open: RunExport) => Promise<void>,
): RunSink {
  const of = (run: RunRef): RunExport => {
    const open = exports.get(run);
    if (!open) throw new Error(`the source delivers to a run that was not asked for: ${run.runId}`);
    return open;
  };
  return {
    async batch(run, batch) {
      moved();
      await of(run).append(batch);
      progress.points(rowCount(batch));
    },
    fileAttributes(run, attributes) {
      of(run).fileAttributes(attributes);
    },
    async file(run, file) {
      progress.bytes(await of(run).file(file));
      moved();
    },
    wants: (run, path) => of(run).wants(path),
    failure(run, failure) {
      of(run).failure(failure);
    },
    alive: moved,
    async done(run) {
      moved();
      await done(run, of(run));
    },
  };
}
