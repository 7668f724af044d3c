// Checks one run: against its manifest, or, where it has none, by all that its rows and files say of themselves.

import { join, relative, sep } from 'node:path';
import { forEachLimited } from '../../http/limits.ts';
import { type AttributeType, FILE_TYPES, isAttributeType } from '../../model/attributes.ts';
import { ExporterError } from '../../model/errors.ts';
import { normalRelativePath } from '../../model/plain-name.ts';
import { stepText } from '../../model/steps.ts';
import { isInterrupted } from '../find-run.ts';
import { diskName, nameDigest } from '../names.ts';
import { CREATED_BY } from '../parquet/file-writer.ts';
import { fileOfRun } from '../staged-files.ts';
import type { ArchiveRun, Manifest } from '../types.ts';
import type { KnownFiles } from './known-files.ts';
import { contradictedByRows, contradictions, partialText } from './manifest-check.ts';
import type { FileFact, PartContent } from './part-content.ts';
import { foreignParts, type ReadPart, repetitions } from './parts-together.ts';
import type { Pool } from './pool.ts';
import { look } from './regular-file.ts';
import type { Findings } from './report.ts';
import type { FileResult, FileToCheck, PartResult } from './tasks.ts';
import type { Finding, Problem, ProblemCode } from './types.ts';

/** Files that go to a thread at once: as many, or as many bytes. */
const BATCH_FILES = 64;
const BATCH_BYTES = 16 * 1024 * 1024;
/** Reading all values of a part is that much more work than hashing it. */
const CONTENT_WEIGHT = 8;
/** How our own writer names itself in a part. */
const OURS = CREATED_BY.slice(0, CREATED_BY.indexOf(' '));
const SERIES_ORDER: ReadonlySet<ProblemCode> = new Set(['step_missing', 'steps_out_of_order']);
const FILE_ROWS: ReadonlySet<string> = new Set([...FILE_TYPES, 'file_series']);

/** What is needed for the check of any run. */
export interface CheckContext {
  pool: Pool;
  findings: Findings;
  /** The archive's folder of files. */
  filesPath: string;
  /** It is there. */
  hasFiles: boolean;
  known: KnownFiles;
}

/** A run without a manifest that was read to its end. */
export interface ReadRun {
  run: ArchiveRun;
  parts: PartResult[];
  files: CheckedFile[];
}

/** A row's file, where it is, and what was found there. */
export interface CheckedFile {
  attributePath: string;
  attributeType: AttributeType;
  step?: string;
  /** Below the project's folder, with `/`. */
  path: string;
  result: FileResult;
}

/**
 * Checks a run.
 * @param guessed its id is not known: what its parts say is taken for it
 * @returns what was read of it, if it has no manifest and nothing looks broken
 */
export async function checkRun(run: ArchiveRun, context: CheckContext, guessed = false): Promise<ReadRun | undefined> {
  const check = new RunCheck(run, context);
  return run.manifest ? check.recorded(run.manifest) : check.unrecorded(guessed);
}

class RunCheck {
  readonly #context: CheckContext;
  #run: ArchiveRun;
  #problems = 0;

  constructor(run: ArchiveRun, context: CheckContext) {
    this.#run = run;
    this.#context = context;
  }

  async recorded(manifest: Manifest): Promise<undefined> {
    const { findings } = this.#context;
    const content = manifest.version < 2;
    this.#checkNames();
    for (const finding of contradictions(manifest, this.#run.diskName)) this.#find(finding);
    const parts = readParts(this.#run, await this.#parts(content, manifest));
    if (content && parts.length === this.#run.parts.length) {
      const contents = parts.map((part) => part.content);
      for (const finding of contradictedByRows(manifest, contents)) this.#find(finding);
      for (const { path, ...finding } of foreignParts(this.#run, parts)) this.#find(finding, path);
    }
    await this.#recordedFiles(manifest);
    if (content) findings.note('version_1');
    if (manifest.adopted !== undefined) findings.note('adopted');
    if (this.#run.pending) findings.note('pending');
    if (manifest.status === 'partial') {
      if (manifest.accepted !== undefined) findings.note('accepted');
      else {
        findings.totals.partial++;
        this.#find({ code: 'partial', message: partialText(manifest) }, undefined, { failures: manifest.failures });
      }
    }
    if (this.#problems === 0) findings.totals.verified++;
  }

  async unrecorded(guessed: boolean): Promise<ReadRun | undefined> {
    const { findings } = this.#context;
    if (await isInterrupted(this.#run)) {
      this.#find({ code: 'interrupted', message: 'its export was interrupted; the next one does it again' });
    }
    const parts = await this.#parts(true);
    const read = readParts(this.#run, parts);
    const contents = read.map((part) => part.content);
    if (guessed) this.#run = { ...this.#run, runId: contents[0]?.runIds[0] ?? this.#run.runId };
    if (!guessed || contents[0]?.runIds[0] !== undefined) this.#checkNames();
    // What can't be read to its end may name further files.
    if (contents.length < parts.length) this.#context.known.incomplete = true;
    this.#together(read, parts);
    const files = await this.#unrecordedFiles(contents);
    if (this.#problems > 0) return undefined;
    findings.totals.unverified++;
    return { run: this.#run, parts, files };
  }

  #find(finding: Finding, path?: string, more: Partial<Problem> = {}): void {
    const { projectId, runId, scope } = this.#run;
    this.#problems++;
    this.#context.findings.problem({
      ...finding,
      projectId,
      runId,
      ...(scope === undefined ? {} : { scope }),
      ...(path === undefined ? {} : { path }),
      ...more,
    });
  }

  /** What the parts of a run without a manifest say must go together. */
  #together(read: readonly ReadPart[], parts: readonly PartResult[]): void {
    const foreign = foreignParts(this.#run, read);
    // What a part of another run repeats is no second damage.
    const strange = new Set(foreign.map(({ path }) => path));
    const own = read.filter(({ path }) => !strange.has(path));
    for (const { path, ...finding } of [...foreign, ...repetitions(own, !isOurs(parts))]) this.#find(finding, path);
    const isWhole = read.length === parts.length;
    if (isWhole && read.every(({ content }) => content.sysValues === 0)) {
      this.#find({ code: 'no_sys_attributes', message: 'it has no attribute below sys/, which every run has' });
    }
    const rows = read.flatMap(({ content }) => content.attributes).filter(({ type }) => FILE_ROWS.has(type));
    this.#context.findings.note(
      'empty_files',
      rows.reduce((sum, { empty }) => sum + empty, 0),
    );
  }

  /** The names of folder and parts are made from the ids: their hashes at least, as they are the same everywhere. */
  #checkNames(): void {
    const { project, projectId, runId, diskName: name } = this.#run;
    if (!project.diskName.endsWith(`-${nameDigest(projectId)}`)) {
      this.#find(
        { code: 'wrong_name', message: `the folder's name is not that of the project ${projectId}` },
        project.directory,
      );
    }
    if (!name.endsWith(`-${nameDigest(runId)}`)) {
      const message = `the names of its parts are not those of the run ${runId}`;
      this.#find({ code: 'wrong_name', message }, this.#run.parts[0]);
    }
  }

  /** Checks the parts side by side. */
  async #parts(content: boolean, manifest?: Manifest): Promise<PartResult[]> {
    const { pool, findings } = this.#context;
    const { parts, projectId, runId } = this.#run;
    const results: PartResult[] = [];
    await forEachLimited(parts.entries(), pool.width, async ([index, path]) => {
      const part = manifest?.parts[index];
      const recorded = part && { ...part, projectId, runId, exportId: manifest.exportId };
      const weight = part?.bytes ?? (await sizeOf(path));
      const task = { kind: 'part' as const, path, content, ...(recorded ? { recorded } : {}) };
      const result = await this.#guarded(path, pool.run(task, content ? weight * CONTENT_WEIGHT : weight));
      results[index] = result ?? { findings: [] };
      findings.totals.parts++;
      findings.totals.bytes += result?.bytes ?? 0;
    });
    const ours = isOurs(results);
    for (const [index, result] of results.entries()) {
      for (const finding of result.findings) {
        if (!(ours && SERIES_ORDER.has(finding.code))) this.#find(finding, parts[index]);
      }
    }
    return results;
  }

  /** A task whose thread ended is a problem of what it worked on. */
  async #guarded<T>(path: string, task: Promise<T>): Promise<T | undefined> {
    try {
      return await task;
    } catch (error) {
      if (!(error instanceof ExporterError && error.code === 'internal')) throw error;
      this.#find({ code: 'check_failed', message: error.message }, path);
      return undefined;
    }
  }

  async #recordedFiles(manifest: Manifest): Promise<void> {
    const { filesPath, known } = this.#context;
    const files: FileToCheck[] = [];
    const attributes: string[] = [];
    for (const { path, bytes, sha256, attributePath } of manifest.files) {
      if (path === null) continue;
      attributes.push(attributePath);
      const parts = relative(filesPath, await fileOfRun(this.#run, filesPath, path)).split(sep);
      known.add(parts);
      files.push({ parts, recorded: { bytes, sha256 } });
    }
    if (!this.#folderIsThere(files.length)) return;
    await this.#files(files, (index) => attributes[index]);
  }

  async #unrecordedFiles(contents: PartContent[]): Promise<CheckedFile[]> {
    const { known, findings } = this.#context;
    const rows: { file: Omit<CheckedFile, 'result'>; check: FileToCheck }[] = [];
    const seen = new Map<string, Set<string>>();
    let repeated = 0;
    for (const { attributes, files } of contents) {
      for (const fact of files) {
        const { path: attributePath, type } = attributes[fact.attribute]!;
        if (!isAttributeType(type)) continue;
        const path = await this.#placeOf(fact);
        if (path === undefined) {
          const message = `the path ${fact.file} leads out of the folder of files`;
          this.#find({ code: 'path_outside', message, attributePath });
          continue;
        }
        const paths = seen.get(attributePath) ?? new Set();
        if (paths.has(path)) {
          // Of a part that lies there twice this is true of every file.
          if (repeated++ > 0) continue;
          this.#find({ code: 'repeated_attribute', message: `the file ${path} comes twice`, attributePath });
          continue;
        }
        seen.set(attributePath, paths.add(path));
        const parts = [this.#run.project.diskName, ...path.split('/')];
        if (type === 'file_set') known.addFolder(parts);
        known.add(parts);
        const step = fact.step === undefined ? {} : { step: stepText(fact.step) };
        rows.push({
          file: { attributePath, attributeType: type, path, ...step },
          check: { parts, ...(type === 'file_set' ? { isFolder: true } : {}) },
        });
      }
    }
    if (!this.#folderIsThere(rows.length)) return [];
    const checks = rows.map(({ check }) => check);
    const results = await this.#files(checks, (index) => rows[index]?.file.attributePath);
    const without = results.filter(
      ({ findings: wrong, bytes, members }) => wrong.length === 0 && bytes === 0 && !members,
    );
    findings.note('files_without_bytes', without.length);
    return rows.map(({ file }, index) => ({ ...file, result: results[index]! }));
  }

  /**
   * Where a row's file lies below the project's folder: names of official archives may hold `..`, and those made on Windows
   * have its separators.
   */
  async #placeOf({ file }: FileFact): Promise<string | undefined> {
    const path = normalRelativePath(file);
    if (path !== undefined || !file.includes('\\') || file.includes('\0')) return path;
    const parts = file.split('/');
    const literal =
      process.platform !== 'win32' && !parts.includes('..') && !parts.includes('') && !parts.includes('.');
    if (literal && (await look(join(this.#context.filesPath, this.#run.project.diskName, ...parts)))) return file;
    return normalRelativePath(file.replaceAll('\\', '/'));
  }

  /** Without the folder all files are missing: that is told once. */
  #folderIsThere(files: number): boolean {
    const { filesPath, hasFiles } = this.#context;
    if (hasFiles || files === 0) return hasFiles;
    const message = `${files === 1 ? '1 file is' : `${files} files are`} missing: the folder ${filesPath} is not there (-f says where files are)`;
    this.#find({ code: 'file_missing', message }, filesPath);
    return false;
  }

  async #files(files: FileToCheck[], attributeOf: (index: number) => string | undefined): Promise<FileResult[]> {
    const { pool, findings, filesPath } = this.#context;
    const results: FileResult[] = [];
    await forEachLimited(batches(files), pool.width, async ({ start, batch, bytes }) => {
      const first = join(filesPath, ...batch[0]!.parts);
      const done = await this.#guarded(first, pool.run({ kind: 'files', root: filesPath, files: batch }, bytes));
      const unknown: FileResult[] = batch.map(() => ({ findings: [], bytes: 0 }));
      for (const [index, result] of (done ?? unknown).entries()) {
        results[start + index] = result;
        findings.totals.files += result.members?.length ?? 1;
        findings.totals.bytes += result.bytes;
      }
    });
    for (const [index, { findings: wrong }] of results.entries()) {
      const attributePath = attributeOf(index);
      const path = join(filesPath, ...files[index]!.parts);
      for (const finding of wrong) {
        this.#find({ ...finding, ...(attributePath === undefined ? {} : { attributePath }) }, path);
      }
    }
    return results;
  }
}

/** Parts that were read to their end. */
function readParts({ parts }: ArchiveRun, results: readonly PartResult[]): ReadPart[] {
  return results.flatMap(({ content }, index) => (content ? [{ path: parts[index]!, content }] : []));
}

/** Our exports keep what the server said, the odd things of old servers, too. */
function isOurs(parts: readonly PartResult[]): boolean {
  return parts.some(({ createdBy }) => createdBy?.startsWith(OURS));
}

/** Files in portions, with about how many bytes they have. Of foreign ones nobody knows. */
function* batches(files: readonly FileToCheck[]): Generator<{ start: number; batch: FileToCheck[]; bytes: number }> {
  for (let start = 0; start < files.length; ) {
    let bytes = 0;
    let end = start;
    while (end < files.length && end - start < BATCH_FILES && bytes < BATCH_BYTES) {
      bytes += files[end++]!.recorded?.bytes ?? BATCH_BYTES / 8;
    }
    yield { start, batch: files.slice(start, end), bytes };
    start = end;
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await look(path).catch(() => undefined))?.size ?? 0;
}

/** True if a manifest can be written for the run: its place is the one that its ids lead to. */
export function isInPlace({ project, projectId, runId, diskName: name }: ArchiveRun): boolean {
  return project.diskName === diskName(projectId) && name === diskName(runId);
}
