// The targets by name. Loads nothing heavy: a target's code comes when one is made.

import { ExporterError } from '../model/errors.ts';
import type { CommonTargetSettings, TargetDescriptor, TargetEnvironment } from './descriptor.ts';
import * as list from './list.ts';
import type { Target } from './target.ts';

type Listed = (typeof list)[keyof typeof list];
/** Names of the settings that one target alone has. */
type OwnKey<T> = T extends TargetDescriptor<infer Key> ? Key : never;

export type TargetName = Listed['name'];
/** What a user may set for a target; each takes what concerns it. */
export type TargetSettings = CommonTargetSettings & { [Key in OwnKey<Listed>]?: string };

export const TARGETS: readonly Listed[] = Object.values(list);
export const TARGET_NAMES: readonly TargetName[] = TARGETS.map(({ name }) => name);

/**
 * Makes a target; nothing is sent before its `connect`.
 * @throws ExporterError `usage` for an unknown name or settings that can't be meant
 */
export async function createTarget(name: string, settings: TargetSettings, env: TargetEnvironment): Promise<Target> {
  const found = TARGETS.find((one) => one.name === name);
  if (found) return found.create(settings, env);
  throw new ExporterError('usage', `There is no loader '${name}'.`, { hint: `Loaders: ${TARGET_NAMES.join(', ')}.` });
}
