// Ctrl-C: the first one ends the work cleanly, the second one stops at once.

import { ExporterError } from '../model/errors.ts';
import { EXIT } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** What to do after an interruption. */
const HINT = 'Run the same command again: it goes on where this one stopped.';

/**
 * A signal that the first SIGINT or SIGTERM aborts with an `interrupted` error.
 * @param hint what to do then, where the command doesn't go on where it stopped
 */
export function interruptSignal(terminal: Terminal, hint = HINT): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      terminal.draw([]);
      process.exit(EXIT.interrupted);
    }
    terminal.line('finishing, press Ctrl-C again to stop at once');
    controller.abort(
      new ExporterError('interrupted', 'Interrupted before everything was done.', {
        hint,
      }),
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}
