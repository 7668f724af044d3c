// One run in versions that can be told apart: each has its number in every row and in every file.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readManifest } from '../../src/archive/manifest.ts';
import { diskName } from '../../src/archive/names.ts';
import { newNames, readPart } from '../../src/archive/part-reader.ts';
import { publishRun } from '../../src/archive/publish.ts';
import { type Archive, findArchive, readBatches } from '../../src/archive/reader.ts';
import { fileOfRun, stagedFolder } from '../../src/archive/staged-files.ts';
import { MANIFEST_VERSION, type ManifestFile } from '../../src/archive/types.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import type { AttributeType } from '../../src/model/attributes.ts';

export const PROJECT = 'ws/p';
export const RUN = 'run 1';
const PART_ROWS = 1000;

/** Files of a version: one that all have, one of its own, and one where another version has a folder. */
function filesOf(version: number): Record<string, string> {
  return {
    'run/model.bin': `model ${version}`,
    [`run/only-${version}.bin`]: `only ${version}`,
    [version % 2 === 0 ? 'run/x' : 'run/x/y']: `x ${version}`,
  };
}

/** Writes a version in small parts and puts it in place, as an export does. */
export async function writeVersion(folder: string, version: number, rows: number): Promise<void> {
  const folders = { dataPath: join(folder, 'data'), filesPath: join(folder, 'files') };
  const writer = await RunWriter.create({
    dataPath: folders.dataPath,
    projectId: PROJECT,
    runId: RUN,
    exportId: `export ${version}`,
    partBytes: 1,
    replace: true,
  });
  for (let from = 0; from < rows; from += PART_ROWS) {
    const length = Math.min(PART_ROWS, rows - from);
    const values = new Float64Array(length).fill(version);
    const steps = BigInt64Array.from({ length }, (_, index) => BigInt(from + index) * 1_000_000n);
    await writer.append({ kind: 'float_series', path: 'loss', length, steps, timestamps: steps, values });
    await writer.flush();
  }
  const files: ManifestFile[] = [];
  const staged = stagedFolder(folders.filesPath, PROJECT, RUN);
  for (const [path, content] of Object.entries(filesOf(version))) {
    await mkdir(dirname(join(staged, path)), { recursive: true });
    await writeFile(join(staged, path), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    files.push({ attributePath: path, attributeType: 'file', path, bytes: content.length, sha256 });
  }
  const { parts, counts } = await writer.complete();
  const previous = await readManifest(folders.dataPath, PROJECT, RUN);
  await publishRun(
    folders,
    {
      format: 'neptune-exporter-run',
      version: MANIFEST_VERSION,
      status: 'complete',
      projectId: PROJECT,
      runId: RUN,
      writtenBy: 'test',
      writtenAt: new Date(0).toISOString(),
      source: { name: 'neptune3', address: 'https://neptune.invalid' },
      selection: { attributes: 'all', classes: ['metrics'], previews: false },
      exportId: `export ${version}`,
      parts,
      files,
      counts: counts satisfies Partial<Record<AttributeType, unknown>>,
      failures: [],
    },
    { parts: writer.replaced, ...(previous ? { manifest: previous } : {}) },
    () => writer.published(),
  );
}

/** What a reader finds: `version/rows`, or what is wrong. Undefined if there is no run. */
export async function readVersion(folder: string): Promise<string | undefined> {
  if (!existsSync(join(folder, 'data'))) return undefined;
  const archive: Archive | undefined = await findArchive(join(folder, 'data'));
  for (const project of archive?.projects() ?? []) {
    for await (const run of archive!.runs(project)) {
      const found = new Set<number>();
      let rows = 0;
      for await (const batch of readBatches(run)) {
        if (batch.kind !== 'float_series') continue;
        rows += batch.length;
        for (const value of batch.values.subarray(0, batch.length)) found.add(value);
      }
      const [version = -1, ...others] = found;
      if (others.length > 0) return `a mixture of ${[version, ...others]}`;
      const expected = filesOf(version);
      for (const { path, sha256 } of run.manifest?.files ?? []) {
        const content = await readFile(await fileOfRun(run, join(folder, 'files'), path!), 'utf8');
        // The hash tells a reader that the file is of another export by now.
        if (createHash('sha256').update(content).digest('hex') !== sha256) throw new Error('a file of another export');
        if (expected[path!] !== content) return `version ${version} with the file ${path} of '${content}'`;
      }
      if (run.manifest?.files.length !== 3) return `version ${version} with ${run.manifest?.files.length} files`;
      return `${version}/${rows}`;
    }
  }
  return undefined;
}

/** The version that a program finds which knows nothing of manifests: parts count by their names, if part_0 is there. */
export async function readByName(folder: string): Promise<string | undefined> {
  const directory = join(folder, 'data', PROJECT_FOLDER);
  const names = await readdir(directory).catch(() => []);
  const parts = names.filter((name) => /_part_\d+\.parquet$/.test(name));
  if (!parts.some((name) => name.endsWith('_part_0.parquet'))) return undefined;
  const found = new Set<number>();
  for (const part of parts) {
    for await (const batch of readPart(join(directory, part), newNames(), {})) {
      if (batch.kind !== 'float_series') continue;
      for (const value of batch.values.subarray(0, batch.length)) found.add(value);
    }
  }
  return [...found].join();
}

export const PROJECT_FOLDER = diskName(PROJECT);
