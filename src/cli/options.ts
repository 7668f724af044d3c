// Options that several commands share, and the readers of option values.

import { type Command, InvalidArgumentError, Option } from 'commander';

export const DEFAULT_DATA_PATH = './exports/data';
export const DEFAULT_FILES_PATH = './exports/files';
export const DEFAULT_MODEL_DATA_PATH = './exports/model_data';
export const DEFAULT_MODEL_FILES_PATH = './exports/model_files';

/** For an option that is repeated for many values. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** For an option with fixed values; case doesn't matter. */
export function choice<T extends string>(choices: readonly T[]): (value: string) => T {
  return (value) => {
    const found = choices.find((one) => one === value.toLowerCase());
    if (found === undefined) throw new InvalidArgumentError(`Allowed: ${choices.join(', ')}.`);
    return found;
  };
}

/** Like `choice`, for an option that is repeated. */
export function choices<T extends string>(allowed: readonly T[]): (value: string, previous: readonly T[]) => T[] {
  const one = choice(allowed);
  return (value, previous) => [...new Set([...previous, one(value)])];
}

/** For a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < least || number > most) {
      throw new InvalidArgumentError(`A whole number from ${least} to ${most} is needed.`);
    }
    return number;
  };
}

/** For an integer of any size from 1 up. */
export function positiveInteger(value: string): bigint {
  if (!/^\d+$/.test(value) || BigInt(value) < 1n) throw new InvalidArgumentError('A whole number from 1 up is needed.');
  return BigInt(value);
}

/** An option with many values, each given by repeating it. */
export function manyOption(flags: string, description: string): Option {
  return new Option(flags, `${description} (repeatable)`).default([]).argParser(collect);
}

/** What every command that works for long takes. */
export interface CommonOptions {
  verbose: boolean;
  /** Undefined if not given: the default may fail, a given path may not. */
  logFile: string;
}

export const DEFAULT_LOG_FILE = './neptune_exporter.log';
export const DEFAULT_ERROR_REPORT = './neptune_exporter_errors.jsonl';

export function addDataPath(command: Command, defaultPath = DEFAULT_DATA_PATH): Command {
  return command.option('-d, --data-path <folder>', 'folder of the parquet data', defaultPath);
}

export function addFilesPath(command: Command, description: string, defaultPath = DEFAULT_FILES_PATH): Command {
  return command.option('-f, --files-path <folder>', description, defaultPath);
}

/** `-v`, `--log-file`. */
export function addLogging(command: Command): Command {
  return command
    .option('-v, --verbose', 'tell more, also where an error comes from', false)
    .option('--log-file <file>', 'log file; date and time are added to its name', DEFAULT_LOG_FILE);
}

export function addNoProgress(command: Command): Command {
  return command.option('--no-progress', 'no live progress, a line now and then instead');
}

export function addErrorReport(command: Command): Command {
  return command.option(
    '--error-report-file <file>',
    'JSON lines of what could not be carried over',
    DEFAULT_ERROR_REPORT,
  );
}

export function addJson(command: Command): Command {
  return command.option('--json', 'print the result as JSON', false);
}

/** Examples at the end of a command's help: a comment and a command line each. */
export function addExamples(command: Command, examples: readonly (readonly [string, string])[]): Command {
  const text = examples.map(([comment, line]) => `  # ${comment}\n  ${line}`).join('\n\n');
  return command.addHelpText('after', `\nExamples:\n${text}`);
}
