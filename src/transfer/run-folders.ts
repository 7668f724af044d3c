// What is known of a project's folders before its runs are exported: whose files are there, and which folders are free.

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { diskName, foldCase, parsePartName, plainRunFolder, runsFolder } from '../archive/names.ts';
import type { RegistryScope } from '../model/runs.ts';

/** Knows the runs of one project (or its models, or model versions): those listed now, and those the archive holds. */
export class RunFolders {
  /** Disk names of runs by the folder that they come to. */
  readonly #claims = new Map<string, Set<string>>();
  /** Disk names of runs that have files in the archive, whole or not. */
  readonly #there = new Set<string>();
  readonly #ignoresCase: boolean;

  private constructor(ignoresCase: boolean) {
    this.#ignoresCase = ignoresCase;
  }

  static async of(
    projectId: string,
    runIds: Iterable<string>,
    dataPath: string,
    filesPath: string,
    scope?: RegistryScope,
  ): Promise<RunFolders> {
    const folders = new RunFolders(ignoresCase(filesPath));
    for (const runId of runIds) {
      const folder = plainRunFolder(runId);
      if (folder !== undefined) folders.#claim(folder, diskName(runId));
    }
    for (const name of await readdir(runsFolder(dataPath, projectId, scope)).catch(() => [])) {
      const run = parsePartName(name.replace(/\.tmp$/, ''))?.run;
      if (run === undefined) continue;
      folders.#there.add(run);
      // A disk name is the folder's name, `-` and 16 hex digits.
      if (!name.endsWith('.tmp')) folders.#claim(run.slice(0, -17), run);
    }
    return folders;
  }

  /** True if an earlier export left files of the run in the archive. */
  hasFiles(runId: string): boolean {
    return this.#there.has(diskName(runId));
  }

  /** As FileNamerOptions.plainFolder: undefined leaves it to the name alone. */
  plainFolder(runId: string): boolean | undefined {
    const folder = plainRunFolder(runId);
    if (folder === undefined) return undefined;
    const alone = this.#claims.get(foldCase(folder))?.size === 1;
    if (alone) return true;
    // Where case counts, an id that is its own folder keeps it: the others give way.
    return this.#ignoresCase ? false : undefined;
  }

  #claim(folder: string, run: string): void {
    const key = foldCase(folder);
    const runs = this.#claims.get(key) ?? new Set();
    this.#claims.set(key, runs.add(run));
  }
}

/** True if the file system takes names in other letters for the same; told by a folder that exists. */
function ignoresCase(folder: string): boolean {
  const name = basename(resolve(folder));
  const swapped = name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
  return swapped !== name && existsSync(folder) && existsSync(join(dirname(resolve(folder)), swapped));
}
