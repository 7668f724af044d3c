// What a command gets from the program around it.

import type { Log } from './logging.ts';
import type { CommonOptions } from './options.ts';
import type { Redactor } from './redact.ts';
import type { Terminal } from './terminal.ts';

export interface CliContext {
  env: Record<string, string | undefined>;
  terminal: Terminal;
  redactor: Redactor;
  /** Opens the log of the command; errors that end the command go there as well. Call it once the options are checked. */
  openLog(options: CommonOptions): Log;
  /**
   * A signal that the first Ctrl-C aborts. Call it when the work begins: until then Ctrl-C just ends the program.
   * @param hint what to do then, where the command doesn't go on where it stopped
   */
  interruptSignal(hint?: string): AbortSignal;
}

/** The work of a command. @returns the exit code */
export type Action<Options> = (options: Options, context: CliContext) => Promise<number>;

/** Makes an action one that commander can call. */
export type Bind = <Options extends CommonOptions>(action: Action<Options>) => (...args: unknown[]) => Promise<void>;
