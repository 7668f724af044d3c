// Python environments for the real counterparts: one pinned virtual environment each, made on first use below .venvs/.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');

/** Environments by the name of their requirements file. `neptune3` also has pyarrow and duckdb. */
export const PYTHON_ENVIRONMENTS = [
  'neptune2',
  'neptune3',
  'mlflow',
  'wandb',
  'comet',
  'zenml',
  'object-stores',
] as const;
export type PythonEnvironment = (typeof PYTHON_ENVIRONMENTS)[number];

/** Folder of an environment; its name changes with the pinned versions. */
async function folderOf(name: PythonEnvironment): Promise<{ folder: string; requirements: string }> {
  const requirements = join(import.meta.dirname, 'requirements', `${name}.txt`);
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  return { folder: join(ROOT, '.venvs', `${name}-${digest}`), requirements };
}

/** Path of the environment's Python; makes the environment if it isn't there. Programs of packages lie beside it. */
export async function python(name: PythonEnvironment): Promise<string> {
  const { folder, requirements } = await folderOf(name);
  const executable = join(folder, 'bin', 'python');
  if (existsSync(join(folder, 'ready'))) return executable;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(ROOT, '.venvs'), { recursive: true });
  await run(await systemPython(), ['-m', 'venv', folder]);
  await run(executable, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements], {
    maxBuffer: 1 << 26,
  });
  await writeFile(join(folder, 'ready.tmp'), '');
  await rename(join(folder, 'ready.tmp'), join(folder, 'ready'));
  return executable;
}

/** The pinned packages are for 3.11 and later. */
async function systemPython(): Promise<string> {
  const isRecent = 'import sys, venv; sys.exit(sys.version_info < (3, 11))';
  for (const name of [process.env.PYTHON, 'python3.11', 'python3', 'python']) {
    if (name === undefined) continue;
    const works = await run(name, ['-c', isRecent]).then(
      () => true,
      () => false,
    );
    if (works) return name;
  }
  throw new Error('The tests need Python 3.11 or newer with venv; PYTHON may name it.');
}
