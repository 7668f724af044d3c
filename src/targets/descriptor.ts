// What is said of a target before it is used: its name, its options, and where its code is. Loads nothing: help texts read it.

import type { Logger } from '../model/logger.ts';
import type { Target } from './target.ts';

/** An option of the command line that only this target has. */
export interface TargetOption {
  /** As help shows it, e.g. `--mlflow-tracking-uri <uri>`; without a value in brackets the setting is `true` where it is given. */
  flags: string;
  description: string;
  /** The environment variable that the target reads where the option is missing. */
  env?: string;
}

/** What a user may set for any target. */
export interface CommonTargetSettings {
  /** Begins the names of what is made at the target. */
  namePrefix?: string;
  /** Requests in flight at once. */
  requests?: number;
  userAgent?: string;
  logger?: Logger;
  signal?: AbortSignal;
}

export type TargetEnvironment = Readonly<Record<string, string | undefined>>;

/** @param Key names of the target's own settings */
export interface TargetDescriptor<Key extends string = string> {
  /** As `--loader` takes it. */
  name: string;
  /** As people write it. */
  title: string;
  /** By the name of the setting, which is that of the flag in camel case. */
  options: Readonly<Record<Key, TargetOption>>;
  /** Environment variables that hold secrets: their values are masked in all that is shown or written. */
  secrets: readonly string[];
  /**
   * Imports the target's code and makes it; sends nothing.
   * @throws ExporterError `usage` or `unsupported` for settings that can't be meant
   */
  create(settings: CommonTargetSettings & { [K in Key]?: string }, env: TargetEnvironment): Promise<Target>;
}

/** Keeps the literal types of a descriptor, from which those of the settings are made. */
export function describeTarget<const Name extends string, Key extends string>(
  descriptor: TargetDescriptor<Key> & { name: Name },
): TargetDescriptor<Key> & { name: Name } {
  return descriptor;
}
