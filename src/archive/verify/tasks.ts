// The pieces of work of which verifying consists: plain data in, plain data out, so that any thread can do them.

import { basename, join, sep } from 'node:path';
import { ExporterError } from '../../model/errors.ts';
import { ParquetFile } from '../parquet/file-reader.ts';
import { EXPORT_ID_KEY, PROJECT_ID_KEY, RUN_ID_KEY } from '../parquet/file-writer.ts';
import { DamagedFile } from '../parquet/footer.ts';
import { whatIsCut } from './file-shape.ts';
import { folderMembers } from './folder-members.ts';
import { type PartContent, readContent } from './part-content.ts';
import { hashFile, linkOnTheWay, look, oddityOf, refusal, type TaskContext, useFile } from './regular-file.ts';
import type { Finding } from './types.ts';

/** What a manifest says of a part. */
export interface RecordedPart {
  rows: number;
  bytes: number;
  sha256: string;
  projectId: string;
  runId: string;
  exportId: string | undefined;
}

export interface PartTask {
  kind: 'part';
  path: string;
  /** Absent for a run without a manifest. */
  recorded?: RecordedPart;
  /** Read all values, too. */
  content: boolean;
}

export interface PartResult {
  findings: Finding[];
  /** Absent where nothing could be read. */
  bytes?: number;
  sha256?: string;
  /** Absent if the footer can't be read. */
  rows?: number;
  createdBy?: string;
  /** Ids in the footer, of a part without rows. */
  footerIds?: { projectId?: string; runId?: string };
  /** If it was asked for, and could be read to its end. */
  content?: PartContent;
}

/** A file of the archive, or the folder of a set of files. */
export interface FileToCheck {
  /** Below the root, in parts. */
  parts: string[];
  /** What a manifest says of it; absent for a run without one: then its format is looked at. */
  recorded?: { bytes: number; sha256: string };
  /** It is a folder, with any files in it. */
  isFolder?: boolean;
}

export interface FilesTask {
  kind: 'files';
  /** The archive's folder of files. No link below it is followed. */
  root: string;
  files: FileToCheck[];
}

export interface FileResult {
  findings: Finding[];
  bytes: number;
  sha256?: string;
  /** What lies in a folder: paths below it, with `/`. */
  members?: { path: string; bytes: number; sha256: string }[];
}

export type Task = PartTask | FilesTask;
export type ResultOf<T extends Task> = T extends PartTask ? PartResult : FileResult[];

/** Does a task. What is wrong with a part or file is in the result; only what ends the whole work is thrown. */
export async function doTask<T extends Task>(task: T, context: TaskContext): Promise<ResultOf<T>> {
  const result = task.kind === 'part' ? await checkPart(task, context) : await checkFiles(task, context);
  return result as ResultOf<T>;
}

async function checkPart(task: PartTask, context: TaskContext): Promise<PartResult> {
  const result: PartResult = { findings: [] };
  const find = (code: Finding['code'], message: string) => result.findings.push({ code, message });
  const { path, recorded } = task;
  try {
    const found = await look(path);
    if (!found) {
      find('part_missing', 'the part is missing');
      return result;
    }
    const oddity = oddityOf(found);
    if (oddity !== undefined) {
      find('part_not_regular', `${oddity} lies in its place`);
      return result;
    }
    const { bytes, sha256 } = await useFile(path, (file) => hashFile(file, context));
    Object.assign(result, { bytes, sha256 });
    if (recorded && bytes !== recorded.bytes) {
      find('part_size', `it has ${bytes} bytes, its manifest says ${recorded.bytes}`);
    } else if (recorded && sha256 !== recorded.sha256) find('part_hash', 'its content is not what its manifest says');
    if (recorded && result.findings.length > 0) return result;
    await readPart(task, result, context);
  } catch (error) {
    find('part_unreadable', wordsOf(error));
  }
  return result;
}

async function readPart(
  { path, recorded, content }: PartTask,
  result: PartResult,
  context: TaskContext,
): Promise<void> {
  const file = await ParquetFile.open(path);
  try {
    const { rows, createdBy, metadata, rowGroups } = file.footer;
    const footerIds = { projectId: metadata.get(PROJECT_ID_KEY), runId: metadata.get(RUN_ID_KEY) };
    Object.assign(result, { rows, createdBy });
    if (rows === 0) result.footerIds = definedOnly(footerIds);
    if (recorded) {
      const find = (code: Finding['code'], message: string) => result.findings.push({ code, message });
      if (rows !== recorded.rows) find('part_rows', `it has ${rows} rows, its manifest says ${recorded.rows}`);
      const exportId = metadata.get(EXPORT_ID_KEY);
      if (exportId !== undefined && recorded.exportId !== undefined && exportId !== recorded.exportId) {
        find('part_export', 'it is of another export than its manifest');
      }
      for (const { chunks } of rowGroups) {
        for (const [leaf, id] of [['project_id', recorded.projectId] as const, ['run_id', recorded.runId] as const]) {
          const { least, greatest } = chunks[leaf];
          const own = Buffer.from(id);
          if (least && greatest && !(own.equals(least) && own.equals(greatest))) {
            find('ids_differ', `it has rows with another ${leaf} than ${id}`);
          }
        }
      }
    }
    if (content) result.content = await readContent(file, context, (finding) => result.findings.push(finding));
  } finally {
    await file.close();
  }
}

async function checkFiles({ root, files }: FilesTask, context: TaskContext): Promise<FileResult[]> {
  const known = new Set<string>();
  const results: FileResult[] = [];
  for (const file of files) {
    context.check();
    results.push(await checkFile(root, file, known, context));
  }
  return results;
}

async function checkFile(
  root: string,
  file: FileToCheck,
  known: Set<string>,
  context: TaskContext,
): Promise<FileResult> {
  const result: FileResult = { findings: [], bytes: 0 };
  const find = (code: Finding['code'], message: string) => result.findings.push({ code, message });
  const path = join(root, ...file.parts);
  try {
    const link = await linkOnTheWay(root, file.parts, known);
    if (link !== undefined) {
      find(
        'file_not_regular',
        `the folder ${link.slice(root.length + 1).replaceAll(sep, '/')} on the way to it is a link`,
      );
      return result;
    }
    const found = await look(path);
    if (!found) find('file_missing', 'the file is missing');
    else if (file.isFolder) await checkFolder(path, result, context);
    else {
      const oddity = oddityOf(found);
      if (oddity !== undefined) find('file_not_regular', `${oddity} lies in its place`);
      else Object.assign(result, await checkContent(path, file.recorded, result.findings, context));
    }
  } catch (error) {
    find('file_unreadable', wordsOf(error));
  }
  return result;
}

async function checkContent(
  path: string,
  recorded: FileToCheck['recorded'],
  findings: Finding[],
  context: TaskContext,
): Promise<{ bytes: number; sha256: string }> {
  return useFile(path, async (handle) => {
    const { size } = await handle.stat();
    if (recorded && size !== recorded.bytes) {
      // Hashing it would tell nothing more.
      findings.push({ code: 'file_size', message: `it has ${size} bytes, its manifest says ${recorded.bytes}` });
      return { bytes: 0, sha256: '' };
    }
    const content = await hashFile(handle, context);
    if (recorded && content.sha256 !== recorded.sha256) {
      findings.push({ code: 'file_hash', message: 'its content is not what its manifest says' });
    }
    if (!recorded) {
      const lack = await whatIsCut(handle, basename(path), content.bytes, context);
      if (lack !== undefined) findings.push({ code: 'file_truncated', message: lack });
    }
    return content;
  });
}

/** The folder of a set of files, of which nothing says what has to be in it: something, and nothing but files. */
async function checkFolder(folder: string, result: FileResult, context: TaskContext): Promise<void> {
  const { findings } = result;
  const found = await look(folder);
  if (!found?.isDirectory()) {
    findings.push({ code: 'file_not_regular', message: 'it should be a folder, as it is a set of files' });
    return;
  }
  const { files, odd } = await folderMembers(folder);
  if (files.length + odd.length === 0)
    findings.push({ code: 'file_missing', message: 'the folder of the set of files is empty' });
  for (const path of odd) findings.push({ code: 'file_not_regular', message: `${path} in it is no file` });
  result.members = [];
  for (const path of files) {
    const own: Finding[] = [];
    const { bytes, sha256 } = await checkContent(join(folder, ...path.split('/')), undefined, own, context);
    findings.push(...own.map((finding) => ({ ...finding, message: `${path} in it: ${finding.message}` })));
    result.members.push({ path, bytes, sha256 });
    result.bytes += bytes;
  }
}

/** @throws the error if it isn't to be blamed on what was read */
function wordsOf(error: unknown): string {
  if (error instanceof DamagedFile) return error.message;
  const words = refusal(error);
  if (words !== undefined) return words;
  if (error instanceof ExporterError && error.code === 'archive') return error.message;
  throw error;
}

function definedOnly<T extends object>(value: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [Key in keyof T]?: NonNullable<T[Key]>;
  };
}
