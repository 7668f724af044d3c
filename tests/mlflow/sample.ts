// Hands runs to a target as a load does.

import type { Batch } from '../../src/model/batches.ts';
import { type RunSurvey, surveyBatch } from '../../src/targets/survey.ts';
import type { Target, TargetRun } from '../../src/targets/target.ts';
import type { SampleRun } from '../helpers/archive-runs.ts';

export function surveyOf(batches: Batch[], stepMultiplier: bigint): RunSurvey {
  const survey: RunSurvey = new Map();
  for (const batch of batches) surveyBatch(survey, batch, stepMultiplier);
  return survey;
}

export interface SendOptions {
  digest?: string;
  stepMultiplier?: bigint;
  filesDirectory?: string;
  parent?: string;
  signal?: AbortSignal;
}

/** Sends all of a run, or stops after `batches` of them: then the run stays half. */
export async function send(
  target: Target,
  run: SampleRun,
  options: SendOptions = {},
  batches = Number.POSITIVE_INFINITY,
): Promise<TargetRun> {
  const { digest = 'd1', stepMultiplier = 1n, filesDirectory = '/nowhere', parent, signal } = options;
  const targetRun = await target.open(run.info, {
    digest,
    stepMultiplier,
    filesDirectory,
    survey: surveyOf(run.batches, stepMultiplier),
    signal: signal ?? new AbortController().signal,
    ...(parent === undefined ? {} : { parent }),
  });
  for (const batch of run.batches.slice(0, batches)) await targetRun.batch(batch);
  if (batches >= run.batches.length) await targetRun.finish(true);
  return targetRun;
}
