// What an archive holds, in a form that two of them can be compared by, row by row and byte by byte.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findArchive, readBatches } from '../../src/archive/reader.ts';
import { byAttribute, type PlainRow, plainRows } from '../archive/rows.ts';

/** Hashes of all rows of an attribute, the content of their files included, by `<run id>|<attribute path>`. */
export type Content = Map<string, string>;

/**
 * The content of an archive's first project; empty if there is none.
 * @param files false: the rows alone, whatever is in the files
 */
export async function contentOf(folder: string, { files = true } = {}): Promise<Content> {
  const content: Content = new Map();
  const archive = await findArchive(join(folder, 'data')).catch(() => undefined);
  const [project] = archive?.projects() ?? [];
  if (!archive || !project) return content;
  for await (const run of archive.runs(project)) {
    const rows: PlainRow[] = [];
    for await (const batch of readBatches(run)) rows.push(...plainRows(batch));
    for (const [, own] of byAttribute(rows)) {
      const hash = createHash('sha256');
      for (const row of own) {
        hash.update(JSON.stringify(row));
        if (files && typeof row.file === 'string')
          hash.update(await bytesAt(join(folder, 'files', project.diskName, row.file)));
      }
      const key = `${run.runId}|${own[0]!.path}`;
      content.set(key, `${content.get(key) ?? ''}${own[0]!.type} ${own.length} ${hash.digest('hex')}`);
    }
    content.set(`${run.runId}|`, 'run');
  }
  return content;
}

/** A folder is what a set of files has as its path: all that lies in it. */
async function bytesAt(path: string): Promise<Buffer> {
  return readFile(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EISDIR') return Buffer.from(`no file: ${error.code}`);
    const names = (await readdir(path)).sort();
    return Buffer.concat(await Promise.all(names.flatMap((name) => [Buffer.from(name), bytesAt(join(path, name))])));
  });
}

/**
 * Differences of two archives, one a line.
 * @param except keys that may be missing or incomplete
 */
export function differencesOf(found: Content, expected: Content, except: ReadonlySet<string> = new Set()): string[] {
  const keys = [...new Set([...found.keys(), ...expected.keys()])].filter((key) => !except.has(key)).sort();
  return keys.flatMap((key) => {
    const [has, wants] = [found.get(key), expected.get(key)];
    if (has === wants) return [];
    return [`${key}: ${has ?? 'missing'} instead of ${wants ?? 'nothing'}`];
  });
}
