// Servers that tests start: each in a process group of its own, which ends as a whole.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface Daemon {
  /** What it has printed so far, errors too. */
  output(): string;
  /** Ends it and all its children. */
  stop(): Promise<void>;
}

export interface DaemonOptions {
  /** For messages. */
  name: string;
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Asked every tenth of a second. */
  isReady(output: string): boolean | Promise<boolean>;
}

const START_TIMEOUT_MS = 180_000;

/** Starts a server and waits until it is ready. @throws Error with what it printed, if it ends before */
export async function startDaemon(command: string, args: string[], options: DaemonOptions): Promise<Daemon> {
  const { name, cwd, env, isReady } = options;
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  child.on('error', (error) => chunks.push(String(error)));
  const output = () => chunks.join('');
  const end = () => killGroup(child);
  process.once('exit', end);
  const stop = async () => {
    const ended = isRunning(child) ? once(child, 'exit') : undefined;
    killGroup(child);
    await ended;
    process.off('exit', end);
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isReady(output()))) {
    if (!isRunning(child) || Date.now() > deadline) {
      await stop();
      throw new Error(`${name} did not start:\n${output()}`);
    }
    await pause(100);
  }
  return { output, stop };
}

/** Whether a GET of the address is answered with success. */
export async function isAnswered(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

/** A port of 127.0.0.1 that nothing listens on just now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
