// The targets by name: one line each.

import { ExporterError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { MlflowTarget } from './mlflow/index.ts';
import type { Target } from './target.ts';

/** What a user may set for a target; each takes what concerns it. */
export interface TargetSettings {
  /** Begins the names of what is made at the target. */
  namePrefix?: string;
  mlflowTrackingUri?: string;
  /** Requests in flight at once. */
  requests?: number;
  userAgent?: string;
  logger?: Logger;
  signal?: AbortSignal;
}

type Environment = Readonly<Record<string, string | undefined>>;
type CreateTarget = (settings: TargetSettings, env: Environment) => Target;

const TARGETS = {
  mlflow: ({ mlflowTrackingUri: trackingUri, ...settings }: TargetSettings, env: Environment): Target =>
    new MlflowTarget({ ...settings, env, ...(trackingUri === undefined ? {} : { trackingUri }) }),
} satisfies Record<string, CreateTarget>;

export type TargetName = keyof typeof TARGETS;
export const TARGET_NAMES = Object.keys(TARGETS) as TargetName[];

/**
 * Makes a target; nothing is sent before its `connect`.
 * @throws ExporterError `usage` for an unknown name or settings that can't be meant
 */
export function createTarget(name: string, settings: TargetSettings, env: Environment): Target {
  if (!Object.hasOwn(TARGETS, name)) {
    throw new ExporterError('usage', `There is no loader '${name}'.`, { hint: `Loaders: ${TARGET_NAMES.join(', ')}.` });
  }
  const create: CreateTarget = TARGETS[name as TargetName];
  return create(settings, env);
}
