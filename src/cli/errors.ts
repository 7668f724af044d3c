// From an error to what a person is told and the exit code a script gets.

import { CommanderError } from 'commander';
import { diskError } from '../model/disk-error.ts';
import { ExporterError } from '../model/errors.ts';
import type { Log } from './logging.ts';
import type { Terminal } from './terminal.ts';

/** Exit codes: contract for scripts. */
export const EXIT = {
  ok: 0,
  /** The command could not do its work. */
  failed: 1,
  /** Wrong options or arguments; nothing was done. */
  usage: 2,
  /** Done, but something is missing: partial runs, failed runs. */
  incomplete: 3,
  interrupted: 130,
} as const;

/** A wrong use of the command line. */
export function usageError(message: string, hint?: string): ExporterError {
  return new ExporterError('usage', message, hint === undefined ? {} : { hint });
}

/** Where an error is told. */
export interface ErrorContext {
  terminal: Terminal;
  /** Also show where it comes from. */
  verbose: boolean;
  /** Absent if the error came before the log was opened. */
  log: Log | undefined;
  /** How to see what is possible: the hint of a wrong option. */
  help: string;
}

/** Commander's words as one of ours: the sentence alone, its suggestion as hint. */
function fromCommander(error: CommanderError, help: string): ExporterError {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = rest.join(' ').match(/\((Did you mean .*)\)/)?.[1];
  const sentence = `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, '')}.`;
  if (error.code === 'commander.excessArguments') {
    return usageError(sentence, 'An option that takes many values is repeated for each: -p one -p two.');
  }
  return usageError(sentence, suggestion ?? help);
}

/** Tells of an error and returns the exit code. Traces go to the log, and to the terminal only with -v. */
export function reportError(thrown: unknown, context: ErrorContext): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return EXIT.ok;
    // Commander has shown the help already: there was no command.
    if (thrown.code === 'commander.help') return EXIT.usage;
  }
  const error = thrown instanceof CommanderError ? fromCommander(thrown, context.help) : explained(thrown);
  const { terminal, verbose, log } = context;
  const trace = describeCauses(error);
  log?.file(trace);
  if (!(error instanceof ExporterError)) {
    terminal.line(`error: unexpected error: ${error instanceof Error ? error.message : String(error)}`, 'red');
    terminal.line('hint: this is a fault of neptune-exporter; run again with -v to see where it comes from');
  } else {
    terminal.line(`error: ${error.message}`, 'red');
    if (error.hint !== undefined) terminal.line(`hint: ${error.hint}`);
  }
  if (verbose) terminal.line(trace, 'dim');
  if (log?.path !== undefined) terminal.line(`log file: ${log.path}`);
  if (!(error instanceof ExporterError)) return EXIT.failed;
  if (error.code === 'usage') return EXIT.usage;
  return error.code === 'interrupted' ? EXIT.interrupted : EXIT.failed;
}

/** The traces of an error and of what caused it. */
function describeCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const texts: string[] = [];
  let current: unknown = error;
  while (current instanceof Error && texts.length < 5) {
    texts.push(current.stack ?? current.message);
    current = current.cause;
  }
  return texts.join('\ncaused by: ');
}

/** Errors of the file system that no layer below put in words; everything else is given back as it is. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ExporterError) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  return code !== undefined && (path !== undefined || code === 'ENOSPC') ? diskError(error) : error;
}
