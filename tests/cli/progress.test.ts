// Progress in words: numbers, rates, time left; drawn on a terminal, told in lines elsewhere.

import assert from 'node:assert/strict';
import test from 'node:test';
import { createProgress, liveLines, ProgressState } from '../../src/cli/progress.ts';
import { createTerminal, type OutputStream } from '../../src/cli/terminal.ts';
import { createScreen } from '../helpers/screen.ts';

test('rate is that of the last seconds, time left follows from runs that moved', () => {
  const state = new ProgressState(0);
  state.project('team/a', 10);
  state.outcomes.skipped = 4;
  assert.equal(state.left(0), undefined);
  for (let second = 1; second <= 20; second += 1) {
    state.points += second <= 10 ? 1000 : 200;
    state.rate(second * 1000);
  }
  assert.equal(Math.round(state.rate(20_000).points), 200);
  state.outcomes.done = 2;
  assert.equal(state.left(20_000), 40_000);
  state.active.add('r1').add('r2');
  assert.equal(state.left(20_000), 20_000);
  state.project('team/b', undefined);
  assert.equal(state.total, undefined);
  assert.equal(state.left(20_000), undefined);
  state.project('team/b', 5);
  assert.equal(state.total, 15);
});

test('the live block names project, runs, points, bytes, rates and times', () => {
  const state = new ProgressState(0);
  state.project('team/a', 4);
  state.outcomes.done = 1;
  state.outcomes.partial = 1;
  state.points = 30_000;
  state.bytes = 6_000_000;
  assert.deepEqual(liveLines(state, 3000, 2), [
    'team/a (project 1 of 2)',
    '████████████░░░░░░░░░░░░ 2/4 runs (1 partial)',
    '30,000 points · 6.0 MB · 10,000 points/s · 2.0 MB/s · 3.0 s · about 3.0 s left',
  ]);
});

test('what is counted has its name', (t) => {
  const state = new ProgressState(0);
  state.project('team/a', 3);
  state.outcomes.done = 1;
  assert.match(liveLines(state, 0, 1, 'models and versions')[1] ?? '', / 1\/3 models and versions$/);
  t.mock.timers.enable({ apis: ['setInterval'] });
  let text = '';
  const stream: OutputStream = {
    write: (chunk: unknown) => {
      text += chunk;
      return true;
    },
  };
  const terminal = createTerminal({ stdout: stream, stderr: stream, env: {}, redact: (line) => line });
  const progress = createProgress({ terminal, verb: 'exporting', things: 'models', live: false, clock: () => 0 });
  progress.project('team/a', 2);
  progress.runStarted('m1');
  progress.runFinished('m1', 'done');
  assert.equal(progress.state(), '1/2 models, 0 points; 1 left');
  t.mock.timers.tick(30_000);
  progress.done();
  assert.match(text, /^exporting team\/a: 0\/2 models\nexporting team\/a: 1\/2 models, 0 points, /);
});

test('a stage that prepares is told apart, and counts for nothing afterwards', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  const screen = createScreen(100);
  const stream = screen as unknown as OutputStream;
  const terminal = createTerminal({ stdout: stream, stderr: stream, env: {}, redact: (text) => text });
  const progress = createProgress({ terminal, verb: 'loading', live: true, clock: () => now });
  progress.stage?.('checking the steps of', true);
  progress.project('team/a', 3);
  progress.runFinished('r1', 'done');
  now = 60_000;
  t.mock.timers.tick(100);
  assert.match(screen.rows().join('\n'), /checking the steps of team\/a.*1\/3 runs/s);
  assert.equal(progress.state(), undefined);
  progress.stage?.('loading', false);
  progress.project('team/a', 3);
  progress.runFinished('r1', 'done');
  now += 1000;
  t.mock.timers.tick(100);
  const shown = screen.rows().join('\n');
  assert.match(shown, /^team\/a.*1\/3 runs.*1\.0 s · about 2\.0 s left/s);
  assert.equal(progress.state(), '1/3 runs, 0 points; 2 left');
  progress.done();
});

test('on a terminal at most ten redraws a second, and nothing stays', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  const screen = createScreen(100);
  const stream = screen as unknown as OutputStream;
  const terminal = createTerminal({ stdout: stream, stderr: stream, env: {}, redact: (text) => text });
  const progress = createProgress({ terminal, verb: 'exporting', live: true, clock: () => now });
  progress.project('team/a', 3);
  for (let tick = 0; tick < 1000; tick += 1) {
    now += 1;
    t.mock.timers.tick(1);
    progress.points(1);
  }
  assert.ok(screen.writes >= 5 && screen.writes <= 10, `${screen.writes} writes`);
  assert.match(screen.rows().join('\n'), /team\/a.*0\/3 runs.*points/s);
  progress.done();
  assert.deepEqual(screen.rows(), []);
  t.mock.timers.tick(1000);
  assert.deepEqual(screen.rows(), []);
});

test('without a terminal a line at the start of a project and every 30 seconds', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  let text = '';
  const write = (chunk: string) => {
    text += chunk;
    return true;
  };
  const stream = { write } as OutputStream;
  const terminal = createTerminal({ stdout: stream, stderr: stream, env: {}, redact: (line) => line });
  const progress = createProgress({ terminal, verb: 'exporting', live: false, clock: () => now });
  progress.project('team/a', 1);
  progress.project('team/a', 2);
  progress.runStarted('r1');
  progress.runStarted('r2');
  progress.points(600);
  progress.runFinished('r1', 'done');
  now = 60_000;
  t.mock.timers.tick(60_000);
  progress.done();
  const lines = text.trimEnd().split('\n');
  assert.equal(lines[0], 'exporting team/a: 0/2 runs');
  assert.equal(lines.length, 3);
  assert.match(lines[2] ?? '', /^exporting team\/a: 1\/2 runs, 600 points, .*about 20 s left$/);
});
