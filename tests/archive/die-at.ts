// Preloaded into a process that is to die: kills it before its nth change of the file system.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

let left = Number(process.env.DIE_AT);

const promises = fs.promises as unknown as Record<string, (...args: unknown[]) => unknown>;
for (const name of ['rename', 'rm', 'rmdir', 'mkdir', 'unlink']) {
  const original = promises[name]!;
  promises[name] = (...args) => {
    if (left-- === 0) process.kill(process.pid, 'SIGKILL');
    return original(...args);
  };
}
syncBuiltinESMExports();
