// Folders that a command writes into: made and tried before any long work begins.

import { access, constants, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { onDisk } from '../model/disk-error.ts';

/** Makes a folder if it is missing and checks that files can be made in it. @returns its absolute path @throws ExporterError `disk` */
export async function makeFolder(path: string): Promise<string> {
  const absolute = resolve(path);
  await onDisk(async () => {
    await mkdir(absolute, { recursive: true });
    await access(absolute, constants.W_OK);
  });
  return absolute;
}
