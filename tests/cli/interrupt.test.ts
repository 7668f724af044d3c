// Ctrl-C on work that does not end by itself: the first one asks, the second one stops.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { outcome, ROOT } from '../helpers/cli.ts';

const INTERRUPT = pathToFileURL(join(ROOT, 'src', 'cli', 'interrupt.ts')).href;

/** Says when it listens and when it was asked to end, and works on for ever. */
const SCRIPT = `
import { interruptSignal } from '${INTERRUPT}';
const signal = interruptSignal({ line: (text) => console.log(text), draw() {} });
signal.addEventListener('abort', () => console.log('reason: ' + signal.reason.code));
setInterval(() => {}, 1000);
console.log('working');
`;

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  test(`the first ${name} aborts the signal, the second one ends the process with 130`, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = outcome(child);
    await once(child.stdout, 'data');
    child.kill(name);
    await once(child.stdout, 'data');
    assert.equal(child.exitCode, null);
    child.kill(name);
    const { code, stdout } = await ended;
    assert.equal(code, 130);
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'working',
      'finishing, press Ctrl-C again to stop at once',
      'reason: interrupted',
    ]);
  });
}
