// Where the downloaded files of a run lie: the official layout wherever that loses nothing, a digest where it would.

import { join } from 'node:path';

import type { FileType } from '../model/attributes.ts';
import { stepText } from '../model/steps.ts';
import { extensionFor } from './mime-extensions.ts';
import { cutToBytes, diskName, nameDigest, safeCharacters, utf8Length } from './names.ts';

/** Leaves room for a digest, an extension and a downloader's suffix within the 255 bytes of a name. */
const MAX_PART_BYTES = 200;
/** Of the path below the project's folder; Linux takes 4,096 in all. */
export const MAX_PATH_BYTES = 2048;
export const ENDS_LIKE_DIGEST = /-[0-9a-f]{16}$/;
/** Names that Windows keeps for devices, whatever their extension. */
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])$/i;
const LIKE_STEP = /^step_-?\d+_\d{6}$/i;

/** Says where each file of a run goes. */
export interface FileNames {
  /**
   * Path below the project's folder, with `/` on every system.
   * @param options.step micro-steps, for a file series
   * @param options.mimeType of this file, where the attribute was announced without one, or as a series
   */
  relativePath(attributePath: string, options?: { step?: bigint; mimeType?: string }): string;
}

interface FileAttribute {
  path: string;
  mimeType?: string;
  type: FileType | 'file_series';
}

export interface FileNamerOptions {
  /** Folder of the project's files, e.g. `./exports/files/<project disk name>`. */
  projectFilesDir: string;
  runId: string;
  /**
   * Whether the run's folder may be its plain id, made of safe characters. Unset: only if that changes nothing in it, so
   * that it can be no other run's; `true` where the caller knows that no other run comes to the same folder, `false`
   * where it knows that one does. @default undefined
   */
  plainFolder?: boolean;
  /** Every file attribute of the run, in any order: names are chosen so that no two of them share a path. */
  attributes: readonly FileAttribute[];
}

/**
 * Names for the downloaded files of one run: `<run>/<attribute path>[/step_<step>]<extension>`, where characters other
 * than letters, numbers, `_` and `-` are replaced by `_`. So far the rule of the official client (neptune-query).
 *
 * It maps many attributes to one path. So an attribute gets `-<digest of its path>` before the extension if its path
 * would be another's too, also where a file system ignores case, or where a file would lie in place of a folder.
 * The outcome depends on the set of attributes only, not on their order.
 */
export class FileNamer implements FileNames {
  readonly #directory: string;
  readonly #runFolder: string;
  readonly #attributes: ReadonlyMap<string, FileAttribute>;
  readonly #marked: ReadonlySet<string>;

  constructor(options: FileNamerOptions) {
    this.#directory = options.projectFilesDir;
    this.#runFolder = runFolder(options.runId, options.plainFolder);
    this.#attributes = new Map(options.attributes.map((attribute) => [attribute.path, attribute]));
    this.#marked = findClashes([...this.#attributes.values()]);
  }

  relativePath(attributePath: string, options: { step?: bigint; mimeType?: string } = {}): string {
    const attribute = this.#attributes.get(attributePath);
    // An attribute that nobody announced may clash with anything.
    const parts = pathParts(attributePath, attribute === undefined || this.#marked.has(attributePath));
    if (options.step !== undefined) parts.push(`step_${stepText(options.step).replace('.', '_')}`);
    // A single file keeps to the type that clashes were looked for with; the points of a series may differ in theirs.
    const announced = attribute?.type === 'file_series' ? undefined : attribute?.mimeType;
    const extension = extensionFor(announced ?? options.mimeType ?? attribute?.mimeType);
    return `${this.#runFolder}/${parts.join('/')}${extension}`;
  }

  /** The same path on this machine. */
  absolutePath(attributePath: string, options: { step?: bigint; mimeType?: string } = {}): string {
    return join(this.#directory, ...this.relativePath(attributePath, options).split('/'));
  }
}

/** The run id itself where that can belong to no other run, otherwise its disk name. */
function runFolder(runId: string, plain: boolean | undefined): string {
  const folder = plainRunFolder(runId);
  return folder !== undefined && (plain ?? folder === runId) ? folder : diskName(runId);
}

/**
 * The folder that the official client gives a run: its id in safe characters. Undefined where that can't be used: ids
 * that the official client splits into several folders, that look like a disk name, or that a file system refuses.
 */
export function plainRunFolder(runId: string): string | undefined {
  const folder = safeCharacters(runId);
  const usable =
    folder !== '' &&
    !runId.includes('/') &&
    runId !== '.' &&
    utf8Length(folder) <= MAX_PART_BYTES &&
    !ENDS_LIKE_DIGEST.test(folder) &&
    !DEVICE.test(folder);
  return usable ? folder : undefined;
}

/** Folders and last part (without extension) below the run's folder. */
function pathParts(attributePath: string, marked: boolean): string[] {
  // Like Python's pathlib, which the official client splits with: empty parts and `.` vanish, `..` stays (as `__`).
  const raw = attributePath.split('/').filter((part) => part !== '' && part !== '.');
  const last = raw.pop() ?? '_';
  // A folder's digest is never that of an attribute whose last part is called the same.
  const folders = raw.map((part) => namePart(part, `folder\0${part}`, false));
  const parts = [...folders, namePart(last, attributePath, marked)];
  if (utf8Length(parts.join('/')) <= MAX_PATH_BYTES) return parts;
  return [namePart(last, attributePath, true)];
}

/** One name of a path; `identity` is what the digest is taken of, where one is needed. */
function namePart(part: string, identity: string, marked: boolean): string {
  const safe = safeCharacters(part);
  const cut = cutToBytes(safe, MAX_PART_BYTES);
  return marked || cut !== safe || DEVICE.test(safe) ? `${cut}-${nameDigest(identity)}` : safe;
}

/** Paths of the attributes whose official place is also another's. */
function findClashes(attributes: FileAttribute[]): Set<string> {
  const marked = new Set<string>();
  // A digest may itself lead to a name that is taken: look again until nothing changes. Marks are only ever added, so
  // this ends; in practice after the first or second round.
  for (let before = -1; marked.size !== before; ) {
    before = marked.size;
    for (const path of clashes(attributes, marked)) marked.add(path);
  }
  return marked;
}

function clashes(attributes: FileAttribute[], marked: ReadonlySet<string>): Set<string> {
  const found = new Set<string>();
  const byPlace = new Map<string, FileAttribute[]>();
  const parents = new Set<string>();
  const parentsOfSteps = new Set<string>();
  for (const attribute of attributes) {
    const parts = pathParts(attribute.path, marked.has(attribute.path)).map(foldCase);
    const place = parts.join('/');
    byPlace.set(place, [...(byPlace.get(place) ?? []), attribute]);
    for (let length = 1; length < parts.length; length++) {
      const folder = parts.slice(0, length).join('/');
      parents.add(folder);
      if (LIKE_STEP.test(parts[length]!)) parentsOfSteps.add(folder);
    }
  }
  for (const [place, here] of byPlace) {
    for (const attribute of here) {
      const others = here.filter((other) => other !== attribute);
      if (others.some((other) => meet(attribute, other))) found.add(attribute.path);
      // A file series moves away from what looks like one of its points, anything else from what lies below it.
      const occupied = attribute.type === 'file_series' ? parentsOfSteps : parents;
      if (couldBeBare(attribute) && occupied.has(place)) found.add(attribute.path);
    }
  }
  return found;
}

/** True if the first of two attributes with one place has to give way. */
function meet(attribute: FileAttribute, other: FileAttribute): boolean {
  if (attribute.type === 'file' && other.type === 'file') {
    return (
      couldBeBare(attribute) || couldBeBare(other) || extensionFor(attribute.mimeType) === extensionFor(other.mimeType)
    );
  }
  if (other.type === 'file_series') return couldBeBare(attribute);
  // A file series lies in a folder; only a set of files or an artifact can be in its way.
  return attribute.type !== 'file_series' || other.type !== 'file';
}

/** True if the attribute may lie at its place without an extension, as a file or as a folder. */
function couldBeBare(attribute: FileAttribute): boolean {
  return attribute.type !== 'file' || extensionFor(attribute.mimeType) === '';
}

/** What file systems that ignore case and composition take for the same name. */
export function foldCase(part: string): string {
  return part.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}
