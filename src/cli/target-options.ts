// The options of commands that reach a target, put together from what the targets say of themselves.

import { type Command, Option } from 'commander';
import type { TargetOption } from '../targets/descriptor.ts';
import { TARGET_NAMES, TARGETS, type TargetName, type TargetSettings } from '../targets/registry.ts';
import * as shared from './options.ts';
import { packageVersion } from './version.ts';

/** The names that `--loader` takes. */
export const LOADERS: readonly TargetName[] = TARGET_NAMES;

type SettingName = Exclude<keyof TargetSettings, 'requests' | 'userAgent' | 'logger' | 'signal'>;
/** What `addTargetOptions` brings to a command's options. */
export type TargetOptions = { [Name in SettingName]?: string | boolean };

const OWN_OPTIONS = TARGETS.flatMap(({ options }) => Object.entries(options) as [SettingName, TargetOption][]);

/** `--loader`. @param description what is done with the target */
export function loaderOption(description: string): Option {
  return new Option('--loader <target>', `${description}: ${LOADERS.join(', ')}`).argParser(shared.choice(LOADERS));
}

/** `--name-prefix` and the options of every target. */
export function addTargetOptions(command: Command): Command {
  command.option('--name-prefix <text>', 'begins the names of what is made at the target');
  for (const [, { flags, description, env }] of OWN_OPTIONS) {
    command.option(flags, env === undefined ? description : `${description}; else ${env} is used`);
  }
  return command;
}

/** The flags of a target's options that were given. */
export function targetOptionsIn(options: TargetOptions): string[] {
  const flags: [SettingName, string][] = [
    ['namePrefix', '--name-prefix'],
    ...OWN_OPTIONS.map(([name, { flags: text }]): [SettingName, string] => [name, text.split(' ')[0] ?? text]),
  ];
  return flags.filter(([name]) => options[name] !== undefined).map(([, flag]) => flag);
}

/** What the options say to the target; what is left out it finds in its environment variables. */
export function settingsOf(options: TargetOptions): TargetSettings {
  const settings: TargetSettings = { userAgent: `neptune-exporter/${packageVersion()}` };
  for (const name of ['namePrefix', ...OWN_OPTIONS.map(([key]) => key)] as const) {
    const value = options[name];
    if (value !== undefined && value !== false) settings[name] = String(value);
  }
  return settings;
}
