// Archives that are read by the benchmarks, written as an export writes them.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskName } from '../src/archive/names.ts';
import type { ManifestFile } from '../src/archive/types.ts';
import { sampleRun, writeExported } from '../tests/helpers/archive-runs.ts';
import { floatBatch } from './batches.ts';

/** Runs of float series, each with its manifest. */
export async function makeSeriesArchive(
  root: string,
  runs: number,
  series: number,
  points: number,
  projectId = 'bench/series',
): Promise<void> {
  for (let run = 0; run < runs; run++) {
    const batches = Array.from({ length: series }, (_, i) => floatBatch(`metrics/m${i}`, run * series + i, points));
    await writeExported(join(root, 'data'), sampleRun(projectId, `RUN-${run}`, batches));
  }
}

/** A run of large files, which compress as little as weights do. */
export async function makeFilesArchive(root: string, count: number, bytes: number): Promise<void> {
  const projectId = 'bench/files';
  const folderName = diskName(projectId);
  await mkdir(join(root, 'files', folderName), { recursive: true });
  const files: ManifestFile[] = [];
  for (let i = 0; i < count; i++) {
    const content = crypto.getRandomValues(new Uint8Array(65_536));
    const body = Buffer.concat(Array.from({ length: bytes / content.length }, () => content));
    const path = `file_${i}`;
    await writeFile(join(root, 'files', folderName, path), body);
    const sha256 = createHash('sha256').update(body).digest('hex');
    files.push({ attributePath: `files/f${i}`, attributeType: 'file', path, bytes: body.length, sha256 });
  }
  await writeExported(join(root, 'data'), sampleRun(projectId, 'files', []), { files });
}

/** Options that name the folders of an archive. */
export function foldersOf(root: string): string[] {
  return ['-d', join(root, 'data'), '-f', join(root, 'files')];
}
