// The command line's grammar: the commands and how commander is set up. Loads nothing heavy.

import { Command, type Option } from 'commander';
import { demoCommand } from './commands/demo.ts';
import { exportCommand } from './commands/export.ts';
import { exportModelsCommand } from './commands/export-models.ts';
import { loadCommand } from './commands/load.ts';
import { summaryCommand } from './commands/summary.ts';
import { verifyCommand } from './commands/verify.ts';
import type { Bind } from './context.ts';
import { packageVersion } from './version.ts';

/**
 * The program with its commands. It neither prints errors nor exits: it throws CommanderError.
 * @param bind connects a command's work with its surroundings
 */
export function createProgram(bind: Bind): Command {
  const program = new Command('neptune-exporter')
    .description('Takes experiments out of Neptune into parquet and files, and loads them into MLflow and others.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ optionDescription: describeOption });
  const commands = [exportCommand, exportModelsCommand, summaryCommand, verifyCommand, loadCommand, demoCommand];
  for (const command of commands) program.addCommand(command(bind).copyInheritedSettings(program));
  program.addHelpText('after', '\nTry it without an account: neptune-exporter demo');
  return program;
}

/** Only defaults that are a value are worth telling: not that a switch is off or a list empty. */
function describeOption({ description, defaultValue, defaultValueDescription }: Option): string {
  const shown =
    defaultValueDescription ?? (/string|number/.test(typeof defaultValue) ? String(defaultValue) : undefined);
  return shown === undefined ? description : `${description} (default: ${shown})`;
}
