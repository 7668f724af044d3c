// What is known of a project's folders before its runs are exported: whose files are there, and which folders are free.

import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { diskName, foldCase, plainRunFolder, runsFolder } from '../archive/names.ts';
import { type PartFile, partsByRun } from '../archive/publish.ts';
import type { RegistryScope } from '../model/runs.ts';

/** Knows the runs of one project (or its models, or model versions): those listed now, and those the archive holds. */
export class RunFolders {
  /** Disk names of runs by the folder that they come to. */
  readonly #claims = new Map<string, Set<string>>();
  /** Parts of runs in the archive, whole or not, by disk name. */
  readonly #parts = new Map<string, PartFile[]>();
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
    const directory = runsFolder(dataPath, projectId, scope);
    for (const [run, parts] of await partsByRun(directory)) {
      folders.#parts.set(run, parts);
      // A disk name is the folder's name, `-` and 16 hex digits.
      if (parts.some(({ temporary }) => !temporary)) folders.#claim(run.slice(0, -17), run);
    }
    return folders;
  }

  /** Parts that earlier exports left of the run. */
  partsOf(runId: string): readonly PartFile[] {
    return this.#parts.get(diskName(runId)) ?? [];
  }

  /**
   * As FileNamerOptions.plainFolder: undefined leaves it to the name alone.
   * @param files of the run that this one replaces: it stays in the folder that it has
   */
  plainFolder(runId: string, files: readonly { path: string | null }[] = []): boolean | undefined {
    const folder = plainRunFolder(runId);
    if (folder === undefined) return undefined;
    const paths = files.flatMap(({ path }) => path ?? []);
    if (paths.length > 0) return paths.some((path) => path.startsWith(`${folder}/`));
    const claims = this.#claims.get(foldCase(folder)) ?? new Set();
    if (claims.size <= 1) return true;
    const own = diskName(runId);
    // The folder may be another run's by now, whatever the names say.
    const isTaken = [...claims].some((run) => run !== own && this.#parts.get(run)?.some(({ temporary }) => !temporary));
    // Where case counts, an id that is its own folder keeps it: the others give way.
    return isTaken || this.#ignoresCase ? false : undefined;
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
