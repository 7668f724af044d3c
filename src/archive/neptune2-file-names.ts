// Where the downloaded files of a run, model or version of Neptune 2 lie: the official exporter's layout, a mark where that would lose something.

import type { FileType } from '../model/attributes.ts';
import { DOWNLOAD_SUFFIX, isDeviceName, isPlainName, isUnsafeCharacter, MAX_NAME_BYTES } from '../model/plain-name.ts';
import type { RegistryScope } from '../model/runs.ts';
import { ENDS_LIKE_DIGEST, type FileNames, foldCase, MAX_PATH_BYTES } from './file-names.ts';
import { cutToBytes, nameDigest, utf8Length } from './names.ts';

/** What a point of a file series is called in the series' folder: its index, and an extension. */
export const POINT_NAME = /^\d+\./;
/** What an artifact's folder holds. */
const FILES_LIST = 'files_list.json';
const SHORT_EXTENSION = /(?<=.)\.[a-z0-9]{1,10}$/i;
/** Folders beside those of runs; a workspace may be called the same. */
const SCOPES: readonly string[] = ['models', 'model_versions'] satisfies RegistryScope[];

interface FileAttribute {
  path: string;
  type: FileType | 'file_series';
}

export interface Neptune2FileNamerOptions {
  projectId: string;
  /** Id of the run, model or version. */
  runId: string;
  scope?: RegistryScope;
  /** False where another run's folder could be taken for this one's: then its name gets a mark. @default true */
  plainFolder?: boolean;
  /** Every file attribute, in any order: names are chosen so that no two of them share a path. */
  attributes: readonly FileAttribute[];
  /** Whether names are for Windows. @default as the system is */
  windows?: boolean;
}

/**
 * Names for the downloaded files: `<workspace>/<project>/<run>/<attribute path>`, or `<scope>/<id>/<attribute path>`,
 * as they are in Neptune. For a `file_set` and a `file_series` that is a folder; an `artifact` is `files_list.json` in it.
 *
 * A part that no file system takes as it is gets a mark, `-<16 hex digits>`. So does an attribute whose place is
 * another's already, also where a file system ignores case: the first one in the order of code units keeps it. A set of
 * files shares its folder with nobody: what lies in it is named by the server.
 * The outcome depends on the set of attributes only, not on their order.
 */
export class Neptune2FileNamer implements FileNames {
  readonly #head: string;
  readonly #windows: boolean | undefined;
  readonly #places = new Map<string, string>();

  constructor(options: Neptune2FileNamerOptions) {
    this.#windows = options.windows;
    this.#head = head(options);
    this.#choose([...new Map(options.attributes.map((attribute) => [attribute.path, attribute])).values()]);
  }

  /** Path below the project's folder, with `/` on every system: of the file, or of the folder that its files go to. */
  relativePath(attributePath: string): string {
    // An attribute that nobody announced may clash with anything.
    const place = this.#places.get(attributePath) ?? this.#marked(attributePath, attributePath);
    return `${this.#head}/${place}`;
  }

  #choose(attributes: FileAttribute[]): void {
    const sorted = attributes.toSorted((left, right) => (left.path < right.path ? -1 : 1));
    const parents = new Set(sorted.flatMap(({ path }) => ancestors(this.#safeParts(path).map(foldCase))));
    const taken = new Places();
    const others: FileAttribute[] = [];
    for (const attribute of sorted) {
      const parts = attributeParts(attribute.path);
      const official = parts.length > 0 && this.#fits(parts) && parts.every((part) => isPlainName(part, this.#windows));
      const shared = attribute.type === 'file_set' && parents.has(parts.map(foldCase).join('/'));
      if (official && !shared && taken.isFree(parts, attribute.type)) this.#take(attribute, parts, taken);
      else others.push(attribute);
    }
    for (const attribute of others) {
      for (const parts of this.#candidates(attribute, parents)) {
        if (!taken.isFree(parts, attribute.type)) continue;
        this.#take(attribute, parts, taken);
        break;
      }
    }
  }

  #take({ path, type }: FileAttribute, parts: string[], taken: Places): void {
    taken.add(parts, type);
    this.#places.set(path, [...parts, ...(type === 'artifact' ? [FILES_LIST] : [])].join('/'));
  }

  /** Places for an attribute that can't have the official one, the best first, without end. */
  *#candidates({ path, type }: FileAttribute, parents: ReadonlySet<string>): Generator<string[]> {
    const safe = this.#safeParts(path);
    if (type !== 'file_set' || !parents.has(safe.map(foldCase).join('/'))) yield safe;
    const marked = [...safe.slice(0, -1), this.#marked(path, path)];
    if (this.#fits(marked)) yield marked;
    // A file may lie where one of the folders would have to be.
    yield [this.#marked(path, path)];
    for (let more = 1; ; more++) yield [this.#marked(path, `${more}\0${path}`)];
  }

  /** Folders and last part below the run's folder, each as a file system takes it. */
  #safeParts(path: string): string[] {
    const parts = attributeParts(path);
    const last = parts.pop();
    if (last === undefined) return [this.#marked(path, path)];
    // A folder's mark is that of all attributes below it.
    const folders = parts.map((part) => safePart(part, `folder\0${part}`, this.#windows));
    const safe = [...folders, safePart(last, path, this.#windows)];
    return this.#fits(safe) ? safe : [this.#marked(path, path)];
  }

  #marked(path: string, identity: string): string {
    return markedPart(attributeParts(path).at(-1) ?? '_', identity, this.#windows);
  }

  #fits(parts: string[]): boolean {
    return utf8Length(parts.join('/')) <= MAX_PATH_BYTES;
  }
}

/** The folder of all the run's files. Every part of it comes from a server, too. */
function head({ projectId, runId, scope, plainFolder, windows }: Neptune2FileNamerOptions): string {
  const plain = plainFolder !== false && isPlainName(runId, windows) && !ENDS_LIKE_DIGEST.test(runId);
  const run = plain ? runId : markedPart(runId, runId, windows);
  if (scope !== undefined) return `${scope}/${run}`;
  const [workspace = '_', ...project] = attributeParts(projectId);
  // At the beginning of a path a colon would make a drive of it.
  const first = SCOPES.includes(foldCase(workspace))
    ? markedPart(workspace, workspace, true)
    : safePart(workspace, workspace, true);
  return [first, ...project.map((part) => safePart(part, part, windows)), run].join('/');
}

/** Like Python's pathlib, which the official exporter joins with: empty parts and `.` vanish. */
function attributeParts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function safePart(part: string, identity: string, windows: boolean | undefined): string {
  return isPlainName(part, windows) ? part : markedPart(part, identity, windows);
}

/** A plain name for any text: what can't be in a name is replaced, and the identity's digest added. */
function markedPart(part: string, identity: string, windows: boolean | undefined): string {
  const clean =
    part === '..' ? '__' : Array.from(part, (one) => (isUnsafeCharacter(one, windows) ? '_' : one)).join('');
  const extension = clean.toLowerCase().endsWith(DOWNLOAD_SUFFIX) ? '' : (SHORT_EXTENSION.exec(clean)?.[0] ?? '');
  const end = `-${nameDigest(identity)}${extension}`;
  const stem = clean.slice(0, clean.length - extension.length);
  const name = isDeviceName(stem + end) ? `_${stem}` : stem;
  return cutToBytes(name, MAX_NAME_BYTES - end.length) + end;
}

/** Folders above a place, without the run's own. */
function ancestors(parts: readonly string[]): string[] {
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** What lies where, as file systems that ignore case and composition see it. */
class Places {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  /** Folders of sets of files. */
  readonly #sets = new Set<string>();
  readonly #series = new Set<string>();
  /** Folders in which something is called like a point of a file series. */
  readonly #withPoints = new Set<string>();

  /** True if an attribute can have a place without being in another's way, nor another in its. */
  isFree(parts: readonly string[], type: FileAttribute['type']): boolean {
    const { folders, file, place } = describe(parts, type);
    if (folders.some((folder) => this.#files.has(folder) || this.#sets.has(folder) || this.#isPoint(folder)))
      return false;
    if (type === 'file_series') return !this.#series.has(place) && !this.#withPoints.has(place);
    const own = file ?? place;
    return !this.#files.has(own) && !this.#folders.has(own) && !this.#sets.has(own) && !this.#isPoint(own);
  }

  add(parts: readonly string[], type: FileAttribute['type']): void {
    const { folders, file, place } = describe(parts, type);
    for (const folder of folders) this.#folders.add(folder);
    if (file !== undefined) this.#files.add(file);
    if (type === 'file_set') this.#sets.add(place);
    if (type === 'file_series') this.#series.add(place);
    for (const path of [...folders, place]) {
      const [folder, name] = split(path);
      if (POINT_NAME.test(name)) this.#withPoints.add(folder);
    }
  }

  #isPoint(path: string): boolean {
    const [folder, name] = split(path);
    return POINT_NAME.test(name) && this.#series.has(folder);
  }
}

/** The folders that an attribute at a place shares with others, and its file where its name is known. */
function describe(parts: readonly string[], type: FileAttribute['type']) {
  const folded = parts.map(foldCase);
  const place = folded.join('/');
  const above = ancestors(folded);
  if (type === 'artifact') return { place, folders: [...above, place], file: `${place}/${FILES_LIST}` };
  if (type === 'file_series') return { place, folders: [...above, place], file: undefined };
  return { place, folders: above, file: type === 'file' ? place : undefined };
}

function split(path: string): [folder: string, name: string] {
  const at = path.lastIndexOf('/');
  return [path.slice(0, Math.max(at, 0)), path.slice(at + 1)];
}
