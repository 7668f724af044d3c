// The command line's entry: runs a command, reports its errors, sets the exit code.

import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { EXIT, reportError } from './errors.ts';
import { interruptSignal } from './interrupt.ts';
import { type Log, openLog } from './logging.ts';
import type { CommonOptions } from './options.ts';
import { createProgram } from './program.ts';
import { createRedactor } from './redact.ts';
import { createTerminal } from './terminal.ts';

/** Runs the command line. Never rejects: the outcome is the process's exit code. @param args without node and script */
export async function main(args: string[]): Promise<void> {
  endQuietlyWithoutReader();
  const redactor = createRedactor(process.env);
  const terminal = createTerminal({
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    redact: redactor.redact,
  });
  let log: Log | undefined;
  let verbose = false;
  let exitCode: number = EXIT.ok;

  const program = createProgram((action) => async (...received: unknown[]) => {
    // Commander calls with the arguments, the options and the command.
    const command = received.at(-1);
    if (!(command instanceof Command)) throw new TypeError('commander did not hand over the command');
    const options = optionsOf(command) as Parameters<typeof action>[0];
    verbose = options.verbose;
    for (const secret of secretsOf(command)) redactor.addSecret(secret);
    const context: CliContext = {
      env: process.env,
      terminal,
      redactor,
      openLog({ verbose, logFile }: CommonOptions) {
        const required = command.getOptionValueSource('logFile') === 'cli';
        log = openLog({ terminal, redact: redactor.redact, verbose, path: logFile, required });
        log.file(`neptune-exporter ${program.version()} on Node ${process.versions.node}, ${process.platform}`);
        log.file(`neptune-exporter ${args.join(' ')}`);
        return log;
      },
      interruptSignal: (hint) => interruptSignal(terminal, hint),
    };
    exitCode = await action(options, context);
  });

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    terminal.draw([]);
    const command = program.commands.find((one) => one.name() === args[0])?.name();
    const help = `${['neptune-exporter', command, '--help'].filter(Boolean).join(' ')} shows what is possible.`;
    exitCode = reportError(error, { terminal, verbose, log, help });
  }
  process.exitCode = exitCode;
}

/** Options and named arguments of a command as one object. */
function optionsOf(command: Command): Record<string, unknown> {
  const named = command.registeredArguments.map((argument, index) => [argument.name(), command.processedArgs[index]]);
  return { ...command.opts(), ...Object.fromEntries(named) };
}

/** Values of the options that carry keys and tokens: their names say so. */
function secretsOf(command: Command): string[] {
  const values = Object.entries(command.opts()).filter(([name]) => /token|key|password|secret/i.test(name));
  return values.flatMap(([, value]) => (typeof value === 'string' ? [value] : []));
}

/** `neptune-exporter summary | head` closes the pipe early: that is no error. */
function endQuietlyWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok);
    throw error;
  });
  process.stderr.on('error', () => {});
}
