// What stays and what moves on a terminal.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createTerminal, type OutputStream } from '../../src/cli/terminal.ts';
import { createScreen } from '../helpers/screen.ts';

const same = (text: string) => text;

function sink(): OutputStream & { text: string } {
  const stream = {
    text: '',
    write(chunk: string) {
      stream.text += chunk;
      return true;
    },
  };
  return stream as OutputStream & { text: string };
}

test('the live block is redrawn in place, lines of talk stay above it', () => {
  const screen = createScreen(40);
  const terminal = createTerminal({ stdout: sink(), stderr: screen as unknown as OutputStream, env: {}, redact: same });
  terminal.line('start');
  terminal.draw(['project', '1/12 runs']);
  terminal.draw(['project', '2/12']);
  assert.deepEqual(screen.rows(), ['start', 'project', '2/12']);
  terminal.line('a warning\nof two lines', 'yellow');
  terminal.draw(['project', '3/12', 'third line']);
  assert.deepEqual(screen.rows(), ['start', 'a warning', 'of two lines', 'project', '3/12', 'third line']);
  terminal.draw(['project']);
  assert.deepEqual(screen.rows(), ['start', 'a warning', 'of two lines', 'project']);
  terminal.draw([]);
  terminal.line('end');
  assert.deepEqual(screen.rows(), ['start', 'a warning', 'of two lines', 'end']);
});

test('one redraw is one write', () => {
  const screen = createScreen(40);
  const terminal = createTerminal({ stdout: sink(), stderr: screen as unknown as OutputStream, env: {}, redact: same });
  terminal.draw(['a', 'b', 'c']);
  terminal.draw(['d', 'e', 'f']);
  assert.equal(screen.writes, 2);
});

test('lines are cut to the width of the terminal', () => {
  const screen = createScreen(30);
  const terminal = createTerminal({ stdout: sink(), stderr: screen as unknown as OutputStream, env: {}, redact: same });
  terminal.draw(['x'.repeat(100), 'short']);
  assert.deepEqual(screen.rows(), [`${'x'.repeat(26)}…`, 'short']);
});

test('without a terminal there are no escape sequences, and nothing is drawn', () => {
  const stderr = sink();
  const terminal = createTerminal({ stdout: sink(), stderr, env: {}, redact: same });
  terminal.draw(['live']);
  terminal.line('talk', 'red');
  assert.equal(stderr.text, 'talk\n');
});

test('NO_COLOR and TERM=dumb are honoured', () => {
  const shown = (env: Record<string, string>) => {
    const stderr = Object.assign(sink(), { isTTY: true, columns: 80 });
    const terminal = createTerminal({ stdout: sink(), stderr, env, redact: same });
    terminal.line('talk', 'red');
    return { text: stderr.text, live: terminal.live };
  };
  assert.deepEqual(shown({}), { text: '\x1b[31mtalk\x1b[0m\n', live: true });
  assert.deepEqual(shown({ NO_COLOR: '1' }), { text: 'talk\n', live: true });
  assert.deepEqual(shown({ NO_COLOR: '' }), { text: '\x1b[31mtalk\x1b[0m\n', live: true });
  assert.deepEqual(shown({ TERM: 'dumb' }), { text: 'talk\n', live: false });
});

test('talk is redacted and loses what would command the terminal, results are passed as they are', () => {
  const stdout = sink();
  const stderr = sink();
  const terminal = createTerminal({ stdout, stderr, env: {}, redact: (text) => text.replaceAll('secret', '***') });
  terminal.line('a secret\x1b[2J');
  terminal.result('{"a":1}');
  assert.equal(stderr.text, 'a ***\ufffd[2J\n');
  assert.equal(stdout.text, '{"a":1}\n');
});
