// Reads and writes manifests: what the archive says of each run beside its parquet parts.

import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { EXPORT_CLASSES, isAttributeType } from '../model/attributes.ts';
import { onDisk } from '../model/disk-error.ts';
import { ExporterError } from '../model/errors.ts';
import type { RegistryScope } from '../model/runs.ts';
import { syncFolder } from './durable.ts';
import { diskName, runsFolder } from './names.ts';
import { MANIFEST_VERSION, type Manifest } from './types.ts';

const FORMAT = 'neptune-exporter-run';
const FOLDER = '_runs';
/** Ends the name of a manifest whose run is being put in place. */
const NEXT = '.next';
/** What one text of JavaScript holds. A run with a million files comes to half of it. */
const MAX_BYTES = 500 * 1024 * 1024;
const SCOPES: readonly RegistryScope[] = ['models', 'model_versions'];

/** Path of a run's manifest. `directory` holds the run's parts, `run` is the run's disk name. */
export function manifestPath(directory: string, run: string): string {
  return join(directory, FOLDER, `${run}.json`);
}

/** Path of a run's next manifest, while the run is being put in place. Parameters as of `manifestPath`. */
export function nextManifestPath(directory: string, run: string): string {
  return manifestPath(directory, run) + NEXT;
}

/** Disk names of the runs in a folder that have a manifest, or only a next one, sorted. */
export async function manifestRuns(directory: string): Promise<string[]> {
  const [now, next] = [await namesOf(directory, '.json'), await namesOf(directory, `.json${NEXT}`)];
  return [...new Set([...now, ...next])].sort();
}

/** Disk names of the runs in a folder that are being put in place, or were when an export ended. */
export function pendingRuns(directory: string): Promise<string[]> {
  return namesOf(directory, `.json${NEXT}`);
}

async function namesOf(directory: string, ending: string): Promise<string[]> {
  // An archive of the official exporter has no such folder.
  const names = await readdir(join(directory, FOLDER)).catch(() => []);
  return names
    .filter((name) => name.endsWith(ending) && !name.startsWith('.'))
    .map((name) => name.slice(0, -ending.length));
}

/**
 * SHA-256 (hex) of what a manifest says: of its text as `JSON.stringify` gives it with an indent of two blanks, without
 * the field `sha256`, in UTF-8.
 */
export function manifestDigest({ sha256: _, ...content }: Manifest): string {
  return createHash('sha256')
    .update(JSON.stringify(content, null, 2))
    .digest('hex');
}

/**
 * Writes the manifest of a run, with its digest, replacing an earlier one in one step. It reaches the disk before this
 * returns.
 * @throws ExporterError `disk`
 */
export function writeManifest(dataPath: string, manifest: Manifest): Promise<void> {
  const { projectId, runId, scope } = manifest;
  return writeProven(manifestPath(runsFolder(dataPath, projectId, scope), diskName(runId)), manifest);
}

/**
 * Writes the manifest that a run is about to have: from now on readers take the run that it tells of.
 * @throws ExporterError `disk`
 */
export function writeNextManifest(dataPath: string, manifest: Manifest): Promise<void> {
  const { projectId, runId, scope } = manifest;
  return writeProven(nextManifestPath(runsFolder(dataPath, projectId, scope), diskName(runId)), manifest);
}

async function writeProven(path: string, manifest: Manifest): Promise<void> {
  const temporary = `${path}.tmp`;
  await onDisk(async () => {
    await mkdir(dirname(path), { recursive: true });
    try {
      const file = await open(temporary, 'w');
      try {
        const proven = { ...manifest, sha256: manifestDigest(manifest) };
        await file.writeFile(`${JSON.stringify(proven, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(dirname(path));
  });
}

/**
 * Reads a run's manifest, undefined if it has none. Fields that this version doesn't know are kept as they are.
 * @throws ExporterError `archive` if it isn't a manifest, is damaged, or has a newer format
 */
export function readManifest(
  dataPath: string,
  projectId: string,
  runId: string,
  scope?: RegistryScope,
): Promise<Manifest | undefined> {
  return readManifestFile(manifestPath(runsFolder(dataPath, projectId, scope), diskName(runId)));
}

/** Reads the manifest at a path. Otherwise like `readManifest`. */
export async function readManifestFile(path: string): Promise<Manifest | undefined> {
  let text: string;
  try {
    const file = await open(path, 'r');
    try {
      const found = await file.stat();
      if (!found.isFile()) throw damaged(path, 'it is no file');
      if (found.size > MAX_BYTES) throw damaged(path, `it has ${found.size} bytes`);
      text = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof ExporterError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ExporterError('archive', `The manifest ${path} can't be read (${code}).`, { cause: error });
  }
  return parseManifest(text, path);
}

/**
 * Checks a manifest's text, field by field.
 * @param path for the error's sentence
 * @throws ExporterError `archive`
 */
export function parseManifest(text: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, 'it is not JSON', error);
  }
  const check = new Checker(path);
  const manifest = check.object(value, 'the manifest');
  if (manifest.format !== FORMAT) throw damaged(path, `its format is not ${FORMAT}`);
  const version = check.count(manifest.version, 'version');
  if (version > MANIFEST_VERSION) {
    throw new ExporterError(
      'archive',
      `The manifest ${path} has format version ${version}; this program knows versions up to ${MANIFEST_VERSION}.`,
      { hint: 'A newer neptune-exporter wrote this archive. Update this one.' },
    );
  }
  checkManifest(manifest, check);
  const checked = manifest as unknown as Manifest;
  if (version > 1 && checked.sha256 !== manifestDigest(checked)) {
    throw damaged(path, 'its content is not what its own hash says');
  }
  return checked;
}

function checkManifest(manifest: Record<string, unknown>, check: Checker): void {
  check.oneOf(manifest.status, ['complete', 'partial'], 'status');
  for (const name of ['projectId', 'runId', 'writtenBy', 'writtenAt']) check.text(manifest[name], name);
  for (const name of ['exportId', 'accepted', 'adopted']) {
    check.optional(manifest[name], (value) => check.text(value, name));
  }
  check.optional(manifest.sha256, (value) => check.text(value, 'sha256'));
  check.optional(manifest.sysId, (value) => check.text(value, 'sysId'));
  check.optional(manifest.scope, (value) => check.oneOf(value, SCOPES, 'scope'));
  check.optional(manifest.modifiedAt, (value) => check.number(value, 'modifiedAt'));
  const source = check.object(manifest.source, 'source');
  check.text(source.name, 'source.name');
  check.text(source.address, 'source.address');
  check.optional(source.version, (value) => check.text(value, 'source.version'));
  checkSelection(check.object(manifest.selection, 'selection'), check);
  check.list(manifest.parts, 'parts', (part, where) => {
    check.fileName(part.name, `${where}.name`);
    check.count(part.rows, `${where}.rows`);
    checkContent(part, where, check);
  });
  check.list(manifest.files, 'files', (file, where) => {
    check.text(file.attributePath, `${where}.attributePath`);
    check.attributeType(file.attributeType, `${where}.attributeType`);
    check.optional(file.step, (value) => check.step(value, `${where}.step`));
    if (file.path !== null) check.relativePath(file.path, `${where}.path`);
    check.optional(file.details, (value) => check.textMap(value, `${where}.details`));
    checkContent(file, where, check);
  });
  check.optional(manifest.skippedFiles, (value) => checkSkippedFiles(value, check));
  for (const [type, count] of Object.entries(check.object(manifest.counts, 'counts'))) {
    check.attributeType(type, 'a key of counts');
    const { attributes, rows } = check.object(count, `counts.${type}`);
    check.count(attributes, `counts.${type}.attributes`);
    check.count(rows, `counts.${type}.rows`);
  }
  check.list(manifest.failures, 'failures', (failure, where) => {
    for (const name of ['code', 'message', 'time']) check.text(failure[name], `${where}.${name}`);
    for (const name of ['attributePath', 'attributeType']) {
      check.optional(failure[name], (value) => check.text(value, `${where}.${name}`));
    }
    check.optional(failure.attempts, (value) => check.count(value, `${where}.attempts`));
  });
}

function checkSkippedFiles(files: unknown, check: Checker): void {
  check.list(files, 'skippedFiles', (file, where) => {
    check.text(file.attributePath, `${where}.attributePath`);
    check.attributeType(file.attributeType, `${where}.attributeType`);
    check.optional(file.step, (value) => check.step(value, `${where}.step`));
    check.count(file.bytes, `${where}.bytes`);
  });
}

function checkSelection(selection: Record<string, unknown>, check: Checker): void {
  if (selection.attributes !== 'all') {
    const { regex, names } = check.object(selection.attributes, 'selection.attributes');
    if (names === undefined) check.text(regex, 'selection.attributes.regex');
    else check.texts(names, 'selection.attributes.names');
  }
  for (const name of check.texts(selection.classes, 'selection.classes')) {
    check.oneOf(name, EXPORT_CLASSES, 'selection.classes');
  }
  check.boolean(selection.previews, 'selection.previews');
  check.optional(selection.excluded, (value) => check.texts(value, 'selection.excluded'));
  check.optional(selection.maxFileSize, (value) => check.count(value, 'selection.maxFileSize'));
}

function checkContent(file: Record<string, unknown>, where: string, check: Checker): void {
  check.count(file.bytes, `${where}.bytes`);
  // A file that the server didn't have has nothing to hash.
  if (file.path === null) check.text(file.sha256, `${where}.sha256`);
  else check.matches(file.sha256, /^[0-9a-f]{64}$/, 'a SHA-256 in hex', `${where}.sha256`);
}

/** Checks of single fields. Each failure names the field and the file. */
class Checker {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  object(value: unknown, where: string): Record<string, unknown> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw damaged(this.#path, `${where} is not an object`);
  }

  list(value: unknown, where: string, each: (entry: Record<string, unknown>, where: string) => void): void {
    if (!Array.isArray(value)) throw damaged(this.#path, `${where} is not a list`);
    for (const [index, entry] of value.entries()) {
      each(this.object(entry, `${where}[${index}]`), `${where}[${index}]`);
    }
  }

  text(value: unknown, where: string): string {
    if (typeof value === 'string') return value;
    throw damaged(this.#path, `${where} is not a text`);
  }

  texts(value: unknown, where: string): string[] {
    if (Array.isArray(value)) return value.map((entry) => this.text(entry, where));
    throw damaged(this.#path, `${where} is not a list`);
  }

  textMap(value: unknown, where: string): void {
    for (const [key, entry] of Object.entries(this.object(value, where))) this.text(entry, `${where}.${key}`);
  }

  boolean(value: unknown, where: string): void {
    if (typeof value !== 'boolean') throw damaged(this.#path, `${where} is not true or false`);
  }

  number(value: unknown, where: string): number {
    if (typeof value === 'number') return value;
    throw damaged(this.#path, `${where} is not a number`);
  }

  count(value: unknown, where: string): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw damaged(this.#path, `${where} is not a whole number`);
  }

  oneOf(value: unknown, allowed: readonly string[], where: string): void {
    if (!allowed.includes(value as string)) throw damaged(this.#path, `${where} is none of ${allowed.join(', ')}`);
  }

  attributeType(value: unknown, where: string): void {
    if (!isAttributeType(this.text(value, where))) throw damaged(this.#path, `${where} is not an attribute type`);
  }

  step(value: unknown, where: string): void {
    this.matches(value, /^-?\d{1,12}\.\d{6}$/, 'a step with six decimals', where);
  }

  matches(value: unknown, pattern: RegExp, what: string, where: string): void {
    if (!pattern.test(this.text(value, where))) throw damaged(this.#path, `${where} is not ${what}`);
  }

  /** A name of one file: the manifest of a hostile archive could point anywhere. */
  fileName(value: unknown, where: string): void {
    this.relativePath(value, where);
    if (this.text(value, where).includes('/')) throw damaged(this.#path, `${where} is not a file name`);
  }

  relativePath(value: unknown, where: string): void {
    if (!isSafeRelativePath(this.text(value, where))) {
      throw damaged(this.#path, `${where} is not a path inside the archive`);
    }
  }

  optional(value: unknown, check: (value: unknown) => void): void {
    if (value !== undefined) check(value);
  }
}

/** True for a path with `/` that can't leave the folder it is put below, on any system. */
export function isSafeRelativePath(path: string): boolean {
  if (path === '' || path.includes('\0') || path.includes('\\') || /^[a-z]:/i.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The text of a manifest isn't one; to be told from a manifest that can't be read now, or is of a newer version. */
class DamagedManifest extends ExporterError {}

/** True if an error of reading a manifest says that its text is no manifest. */
export function isDamagedManifest(error: ExporterError): boolean {
  return error instanceof DamagedManifest;
}

function damaged(path: string, what: string, cause?: unknown): ExporterError {
  return new DamagedManifest('archive', `The manifest ${path} is damaged: ${what}.`, {
    hint: 'Export the run again; remove its files first.',
    ...(cause === undefined ? {} : { cause }),
  });
}
