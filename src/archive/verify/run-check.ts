// Checks one run: against its manifest, or, where it has none, by all that its rows and files say of themselves.

import { join, relative, sep } from 'node:path';
import { forEachLimited } from '../../http/limits.ts';
import { type AttributeType, FILE_TYPES, isAttributeType } from '../../model/attributes.ts';
import { ExporterError } from '../../model/errors.ts';
import { normalRelativePath } from '../../model/plain-name.ts';
import { stepText } from '../../model/steps.ts';
import { isInterrupted } from '../find-run.ts';
import { diskName, nameDigest, partName } from '../names.ts';
import { CREATED_BY } from '../parquet/file-writer.ts';
import { fileOfRun } from '../staged-files.ts';
import type { ArchiveRun, Manifest, TypeCount } from '../types.ts';
import type { KnownFiles } from './known-files.ts';
import type { FileFact, PartContent } from './part-content.ts';
import type { Pool } from './pool.ts';
import { look } from './regular-file.ts';
import type { Findings } from './report.ts';
import type { FileResult, FileToCheck, PartResult } from './tasks.ts';
import type { Finding, ProblemCode } from './types.ts';

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
    this.#checkManifest(manifest);
    const results = await this.#parts(content, manifest);
    if (content) this.#checkCounts(manifest, results);
    await this.#recordedFiles(manifest);
    if (content) findings.note('version_1');
    if (manifest.adopted !== undefined) findings.note('adopted');
    if (this.#run.pending) findings.note('pending');
    if (manifest.status === 'partial') {
      if (manifest.accepted !== undefined) findings.note('accepted');
      else this.#partial(manifest);
    }
    if (this.#problems === 0) findings.totals.verified++;
  }

  async unrecorded(guessed: boolean): Promise<ReadRun | undefined> {
    const { findings } = this.#context;
    if (await isInterrupted(this.#run)) {
      this.#find({ code: 'interrupted', message: 'its export was interrupted; the next one does it again' });
    }
    const parts = await this.#parts(true);
    const contents = parts.flatMap(({ content }) => content ?? []);
    if (guessed) this.#run = { ...this.#run, runId: contents[0]?.runIds[0] ?? this.#run.runId };
    if (!guessed || contents[0]?.runIds[0] !== undefined) this.#checkNames();
    // What can't be read to its end may name further files.
    if (contents.length < parts.length) this.#context.known.incomplete = true;
    this.#checkContents(contents, parts);
    const files = await this.#unrecordedFiles(contents);
    if (this.#problems > 0) return undefined;
    findings.totals.unverified++;
    return { run: this.#run, parts, files };
  }

  #find(finding: Finding, path?: string): void {
    const { projectId, runId, scope } = this.#run;
    this.#problems++;
    this.#context.findings.problem({
      ...finding,
      projectId,
      runId,
      ...(scope === undefined ? {} : { scope }),
      ...(path === undefined ? {} : { path }),
    });
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

  #checkManifest(manifest: Manifest): void {
    const foreign = (message: string) => this.#find({ code: 'manifest_foreign', message });
    const misnamed = manifest.parts.find(({ name }, index) => name !== partName(this.#run.diskName, index));
    if (misnamed) foreign(`its manifest names the part ${misnamed.name}, which is none of this run`);
    const rows = manifest.parts.reduce((sum, part) => sum + part.rows, 0);
    const counted = Object.values(manifest.counts).reduce((sum, count) => sum + count.rows, 0);
    if (rows !== counted) foreign(`its manifest counts ${rows} rows in its parts, and ${counted} by their types`);
  }

  #partial({ failures }: Manifest): void {
    const [first] = failures;
    const where = first?.attributePath === undefined ? '' : `${first.attributePath}: `;
    const example = first ? `: ${failures.length > 1 ? 'e.g. ' : ''}${where}${first.message}` : '';
    const what = failures.length === 1 ? 'one thing' : `${failures.length} things`;
    this.#context.findings.totals.partial++;
    this.#problems++;
    const { projectId, runId, scope } = this.#run;
    this.#context.findings.problem({
      code: 'partial',
      message: `${what} could not be exported${example}`,
      projectId,
      runId,
      ...(scope === undefined ? {} : { scope }),
      failures,
    });
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
    const ours = results.some(({ createdBy }) => createdBy?.startsWith(OURS));
    for (const [index, result] of results.entries()) {
      for (const finding of result.findings) {
        // Our exports keep what the server said, the odd things of old servers, too.
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

  /** Rows must be those that the manifest counts. */
  #checkCounts(manifest: Manifest, results: PartResult[]): void {
    const contents = results.flatMap(({ content }) => content ?? []);
    if (contents.length < results.length) return;
    this.#checkContents(contents, results, true);
    const counts = countsOf(contents);
    for (const type of new Set([...Object.keys(counts), ...Object.keys(manifest.counts)])) {
      const [found, told] = [counts[type as AttributeType], manifest.counts[type as AttributeType]];
      if (found?.rows === told?.rows && found?.attributes === told?.attributes) continue;
      const message = `it has ${countText(found)} of type ${type}, its manifest says ${countText(told)}`;
      this.#find({ code: 'part_rows', message });
    }
    const listed = new Set(manifest.files.map(({ path }) => path));
    const sets = new Set(
      manifest.files.flatMap(({ path, attributeType }) => (attributeType === 'file_set' && path !== null ? path : [])),
    );
    for (const { files } of contents) {
      for (const { file } of files) {
        if (listed.has(file) || [...sets].some((path) => path.startsWith(`${file}/`))) continue;
        this.#find({ code: 'manifest_foreign', message: `a row names the file ${file}, which its manifest doesn't` });
      }
    }
  }

  /** What the parts say must go together. */
  #checkContents(contents: PartContent[], parts: PartResult[], recorded = false): void {
    const { projectId, runId } = this.#run;
    const ids = (own: string, others: string[]) => new Set([own, ...others]);
    const projectIds = ids(
      projectId,
      contents.flatMap((content) => content.projectIds),
    );
    const runIds = ids(
      runId,
      contents.flatMap((content) => content.runIds),
    );
    for (const [what, found] of [['project', projectIds] as const, ['run', runIds] as const]) {
      if (found.size > 1) {
        this.#find({
          code: 'ids_differ',
          message: `its rows are of more than one ${what}: ${[...found].slice(0, 3).join(', ')}`,
        });
      }
    }
    if (recorded) return;
    const ours = parts.some(({ createdBy }) => createdBy?.startsWith(OURS));
    const seen = new Map<string, bigint | undefined>();
    for (const [index, { attributes }] of contents.entries()) {
      for (const { path, type, firstStep, lastStep } of attributes) {
        const key = `${type}\0${path}`;
        const before = seen.get(key);
        const part = this.#run.parts[index];
        if (seen.has(key) && isAttributeType(type) && !type.endsWith('_series')) {
          const message = `there are several rows of the ${type}, which has one value`;
          this.#find({ code: 'repeated_attribute', message, attributePath: path }, part);
        } else if (!ours && before !== undefined && firstStep !== undefined && firstStep <= before) {
          const message = `steps of the ${type} repeat or go back: this part begins at ${stepText(firstStep)}, the one before ended at ${stepText(before)}`;
          this.#find({ code: 'steps_out_of_order', message, attributePath: path }, part);
        }
        seen.set(key, lastStep ?? before);
      }
    }
    const readable = contents.length === parts.length;
    if (readable && contents.every(({ sysValues }) => sysValues === 0)) {
      this.#find({ code: 'no_sys_attributes', message: 'it has no attribute below sys/, which every run has' });
    }
    const empty = contents.flatMap(({ attributes }) => attributes).filter(({ type }) => FILE_ROWS.has(type));
    this.#context.findings.note(
      'empty_files',
      empty.reduce((sum, one) => sum + one.empty, 0),
    );
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
          this.#find({ code: 'repeated_attribute', message: `the file ${path} comes twice`, attributePath });
          continue;
        }
        seen.set(attributePath, paths.add(path));
        const parts = [this.#run.project.diskName, ...path.split('/')];
        if (type === 'file_set') known.addFolder(parts);
        else known.add(parts);
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

/** Rows and attributes by type, those that hold nothing included: as `summary` counts them. */
export function countsOf(contents: readonly PartContent[]): Partial<Record<AttributeType, TypeCount>> {
  const counts: Partial<Record<AttributeType, TypeCount>> = {};
  const seen = new Set<string>();
  for (const { attributes } of contents) {
    for (const { path, type, rows } of attributes) {
      if (!isAttributeType(type)) continue;
      const count = counts[type] ?? { attributes: 0, rows: 0 };
      counts[type] = count;
      count.rows += rows;
      const key = `${type}\0${path}`;
      if (!seen.has(key)) count.attributes++;
      seen.add(key);
    }
  }
  return counts;
}

function countText(count: TypeCount | undefined): string {
  return `${count?.rows ?? 0} rows in ${count?.attributes ?? 0} attributes`;
}

async function sizeOf(path: string): Promise<number> {
  return (await look(path).catch(() => undefined))?.size ?? 0;
}

/** True if a manifest can be written for the run: its place is the one that its ids lead to. */
export function isInPlace({ project, projectId, runId, diskName: name }: ArchiveRun): boolean {
  return project.diskName === diskName(projectId) && name === diskName(runId);
}
