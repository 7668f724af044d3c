// Which files of one project's folder are accounted for.

/** Paths are below the archive's folder of files, with `/`. One project at a time is held. */
export class KnownFiles {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  /** Files of some run aren't known: those that nobody accounts for may be its. */
  incomplete = false;

  add(parts: readonly string[]): void {
    this.#files.add(keyOf(parts.join('/')));
  }

  /** All that lies below a folder is known. */
  addFolder(parts: readonly string[]): void {
    this.#folders.add(keyOf(parts.join('/')));
  }

  has(path: string): boolean {
    return this.#files.has(keyOf(path));
  }

  hasFolder(path: string): boolean {
    return this.#folders.has(keyOf(path));
  }
}

/** Some file systems give names back in another composition. */
function keyOf(path: string): string {
  return path.normalize('NFC');
}
