// A thread of the pool: does one task after the other.

import { parentPort } from 'node:worker_threads';
import { doTask, type Task } from './tasks.ts';

/** Bytes after which progress is told. */
const TELL_BYTES = 8 * 1024 * 1024;

/** What a worker says. */
export type WorkerMessage =
  | { kind: 'bytes'; count: number }
  | { kind: 'result'; result: unknown }
  | { kind: 'failed'; message: string; stack: string | undefined };

const port = parentPort;
if (!port) throw new Error('worker.ts is no program of its own');
const say = (message: WorkerMessage) => port.postMessage(message);

let untold = 0;
const tell = () => {
  if (untold > 0) say({ kind: 'bytes', count: untold });
  untold = 0;
};

port.on('message', async (task: Task) => {
  try {
    const result = await doTask(task, {
      bytes(count) {
        untold += count;
        if (untold >= TELL_BYTES) tell();
      },
      // An interrupted program ends the thread.
      check() {},
    });
    tell();
    say({ kind: 'result', result });
  } catch (error) {
    tell();
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    say({ kind: 'failed', message, stack });
  }
});
