// Forks: whether a run can be one at W&B, and at which step. Pure but for what is asked of the parent.

import type { RunInfo } from '../../model/runs.ts';
import { microOfStep } from '../../model/steps.ts';
import type { OpenOptions } from '../target.ts';
import type { RunStatus } from './client.ts';
import { readOwn } from './own-config.ts';

export interface Fork {
  /** W&B id of the parent. */
  run: string;
  /** `_step` of the parent's last line that the run inherits. */
  step: number;
}

/** The fork that W&B is asked for, or why there can be none. @param parent the parent's status */
export function forkOf(
  run: RunInfo,
  options: Pick<OpenOptions, 'survey' | 'stepMultiplier'>,
  parent: RunStatus | undefined,
): { fork: Fork } | { reason: string } {
  const { survey, stepMultiplier } = options;
  if (run.forkStep === undefined) return { reason: 'the archive does not tell the step' };
  if (!parent) return { reason: 'the parent is not at W&B' };
  const own = readOwn(parent.config);
  if (own?.multiplier !== String(stepMultiplier)) return { reason: 'the parent has another step multiplier' };
  const isMoved =
    own.step_shift !== undefined || [...survey.values()].some(({ steps }) => (steps?.range?.least ?? 0n) < 0n);
  if (isMoved) return { reason: 'there are negative steps' };
  const scaled = microOfFork(run.forkStep) * stepMultiplier;
  if (scaled < 0n || scaled % 1_000_000n !== 0n) return { reason: 'the step is not whole' };
  // Not the line behind the last points: what it shows is the parent's own.
  const step = Math.min(Number(scaled / 1_000_000n), own.last_step ?? -1);
  return step < 0 ? { reason: 'the parent has no history' } : { fork: { run: parent.name, step } };
}

function microOfFork(step: number): bigint {
  try {
    return BigInt(microOfStep(step));
  } catch {
    return -1n;
  }
}
