// Runs for the tests of W&B, out of what is of interest in each.

import type { Batch, ScalarRow } from '../../src/model/batches.ts';
import { floats, type SampleRun, sampleRun, scalars } from '../helpers/archive-runs.ts';
import { PROJECT } from './bench.ts';

/** A run with these values. */
export function valuesRun(runId: string, rows: ScalarRow[]): SampleRun {
  return sampleRun(PROJECT, runId, [scalars(rows)]);
}

/** A run with these batches, and texts below `sys/`. */
export function run(runId: string, batches: Batch[], sys: Record<string, string> = {}): SampleRun {
  const rows = Object.entries({ 'sys/name': 'an experiment', ...sys }).map(
    ([path, value]): ScalarRow => ({ path, type: 'string', value }),
  );
  return sampleRun(PROJECT, runId, batches, rows);
}

/** A run with files in a row: attribute to path below the project's files. */
export function filesRun(runId: string, files: Record<string, string>, more: Batch[] = []): SampleRun {
  const rows = Object.entries(files).map(([path, file]) => ({ path, type: 'file' as const, file }));
  return run(runId, [...more, { kind: 'files', rows }]);
}

/** A fork of another run; a step as Neptune has it: a decimal. */
export function forkRun(runId: string, parent: string, step: number | undefined, batches: Batch[]): SampleRun {
  const sys: ScalarRow[] = [
    { path: 'sys/name', type: 'string', value: 'forks' },
    { path: 'sys/forking/parent', type: 'string', value: parent },
  ];
  if (step !== undefined) sys.push({ path: 'sys/forking/step', type: 'float', value: step });
  return sampleRun(PROJECT, runId, batches, sys);
}

/** Whole steps in a row; times a second apart, values that tell their step. */
export function counting(path: string, from: number, to: number, value = (step: number) => step / 8) {
  return floats(
    path,
    Array.from({ length: to - from + 1 }, (_, i) => [
      String(from + i),
      1_700_000_000_000 + (from + i) * 1000,
      value(from + i),
    ]),
  );
}
