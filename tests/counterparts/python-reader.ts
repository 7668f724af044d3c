// A Python program that a test file asks many questions: importing an SDK takes a second, once.

import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type PythonEnvironment, python } from './python.ts';

/** Asks one question; `take` gets each line of the answer and tells whether it is the last one. */
export type Ask = (asked: object, take: (line: string) => boolean) => Promise<void>;

/**
 * Starts a program that reads questions as JSON lines and answers each in lines; it gets a folder for its files. It ends
 * with the test's process, and doesn't keep that alive but for a question under way.
 */
export async function startReader(
  environment: PythonEnvironment,
  script: string,
  variables: (folder: string) => NodeJS.ProcessEnv,
): Promise<Ask> {
  const folder = await mkdtemp(join(tmpdir(), `neptune-exporter-${environment}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit'];
  const options = { cwd: folder, env: variables(folder), stdio };
  const child = spawn(await python(environment), [script, folder], options);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const sockets = [child.stdin, child.stdout] as unknown as Socket[];
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  child.unref();
  for (const socket of sockets) socket.unref();
  const ask: Ask = async (asked, take) => {
    child.stdin.write(`${JSON.stringify(asked)}\n`);
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${basename(script)} ended.`);
      if (take(value)) return;
    }
  };
  return async (asked, take) => {
    if (waiting++ === 0) for (const socket of sockets) socket.ref();
    const answer = last.then(() => ask(asked, take));
    last = answer.catch(() => {});
    try {
      await answer;
    } finally {
      if (--waiting === 0) for (const socket of sockets) socket.unref();
    }
  };
}
