// Azurite, Microsoft's Azure storage server for tests, made on first use below .venvs/: as a dependency its 190 MB would
// be installed by all who build this project.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGES = join(import.meta.dirname, 'requirements', 'azurite');
const ROOT = join(import.meta.dirname, '..', '..');

/** Path of the script that serves blobs, for Node; installs it if it isn't there. */
export async function azurite(): Promise<string> {
  const lock = await readFile(join(PACKAGES, 'package-lock.json'));
  const digest = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const folder = join(ROOT, '.venvs', `azurite-${digest}`);
  if (!existsSync(folder)) await install(folder);
  return join(folder, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');
}

async function install(folder: string): Promise<void> {
  const unfinished = `${folder}.tmp`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  for (const name of ['package.json', 'package-lock.json'])
    await copyFile(join(PACKAGES, name), join(unfinished, name));
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', args, { cwd: unfinished, maxBuffer: 1 << 26 });
  await rename(unfinished, folder);
}
