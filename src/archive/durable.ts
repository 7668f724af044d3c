// Brings what was done to a folder, names made, changed and removed, to the disk.

import { open } from 'node:fs/promises';

/** Windows has no such thing for folders. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
