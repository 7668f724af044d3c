// Servers of the bench as processes, so that their time and memory are none of the program's.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { cleanEnvironment } from '../../tests/helpers/cli.ts';

export interface ServerChild {
  url: string;
  /** What clients need to be let in. */
  token: string;
  /** Requests since the last question. */
  requests(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a script of this folder, which answers when this returns. @param options handed to it as JSON */
export async function startServer(script: string, options: object): Promise<ServerChild> {
  const child = fork(join(import.meta.dirname, script), [JSON.stringify(options)], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { url, token } = (await answerOf(child)) as { url: string; token: string };
  let before = 0;
  return {
    url,
    token,
    requests: async () => {
      child.send('requests');
      const { requests } = (await answerOf(child)) as { requests: number };
      const since = requests - before;
      before = requests;
      return since;
    },
    stop: async () => {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** The next message. @throws if the process ends before it */
function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('a server of the bench ended before it answered'));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}
