// Python programs that answer a line of JSON for each line of JSON: importing what they need takes them seconds.

import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** Asks a question. @returns the answer, as JSON text @throws Error with what the program said */
export type Ask = (question: object) => Promise<string>;

export interface LineServerOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Starts a program that answers `{"answer": …}` or `{"error": text}`. It ends with the test's process. */
export function startLineServer(command: string, args: string[], options: LineServerOptions = {}): Ask {
  const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const sockets = [child.stdin, child.stdout] as unknown as Socket[];
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  child.unref();
  for (const socket of sockets) socket.unref();
  const ask = async (question: object) => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`${args[0]} has ended`);
    const { error } = JSON.parse(value) as { error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  };
  return async (question) => {
    // Nothing but a question under way keeps the process of the tests alive.
    if (waiting++ === 0) for (const socket of sockets) socket.ref();
    const answer = last.then(() => ask(question));
    last = answer.catch(() => {});
    try {
      return await answer;
    } finally {
      if (--waiting === 0) for (const socket of sockets) socket.unref();
    }
  };
}
