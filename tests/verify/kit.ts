// What the tests of verifying share: archives to damage, and the verdict on them.

import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { manifestDigest, writeManifest } from '../../src/archive/manifest.ts';
import { diskName } from '../../src/archive/names.ts';
import type { Manifest } from '../../src/archive/types.ts';
import { type VerifyOptions, type VerifyResult, verifyArchive } from '../../src/archive/verify/index.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import type { Batch } from '../../src/model/batches.ts';
import { tempFolder } from '../helpers/temp.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
export const PROJECT = 'team.α/vision models';
export const PROJECT_NAME = diskName(PROJECT);

/** Folders of an archive on its own. */
export interface Copy {
  /** Where both folders lie. */
  folder: string;
  data: string;
  files: string;
  /** Of the project's parts. */
  project: string;
  /** Of the project's files. */
  projectFiles: string;
}

function copyAt(folder: string, [data, files]: [string, string], project: string): Copy {
  const [dataPath, filesPath] = [join(folder, data), join(folder, files)];
  return {
    folder,
    data: dataPath,
    files: filesPath,
    project: join(dataPath, project),
    projectFiles: join(filesPath, project),
  };
}

/** A copy of the fixture that is like an archive of the official exporter. */
export async function officialCopy(t: Pick<TestContext, 'after'>): Promise<Copy> {
  const folder = await tempFolder(t);
  await cp(join(FIXTURES, 'official'), folder, { recursive: true });
  return copyAt(folder, ['data', 'files'], PROJECT_NAME);
}

/** The same with models and their versions, of Neptune 2. */
export async function modelsCopy(t: Pick<TestContext, 'after'>): Promise<Copy> {
  const folder = await tempFolder(t);
  await cp(join(FIXTURES, 'official-models'), folder, { recursive: true });
  return copyAt(folder, ['model_data', 'model_files'], PROJECT_NAME);
}

/** Verifies in this process, without threads where there is little to do. */
export function verify(
  { data, files }: Pick<Copy, 'data' | 'files'>,
  options: Partial<VerifyOptions> = {},
): Promise<VerifyResult> {
  return verifyArchive({ folders: [{ dataPath: data, filesPath: files }], ...options });
}

/** Codes of the problems, each once, sorted. */
export function codesOf({ problems }: VerifyResult): string[] {
  return [...new Set(problems.map(({ code }) => code))].sort();
}

/** Changes a file's bytes. */
export async function edit(path: string, change: (bytes: Buffer) => Uint8Array | string): Promise<void> {
  await writeFile(path, change(await readFile(path)));
}

/** A file with one bit turned over. */
export function flipped(bytes: Uint8Array, at: number, bit = 0): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1 << bit;
  return copy;
}

export async function put(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

export const OWN_PROJECT = 'ws/p';
export const OWN_RUN = 'RUN-1';
const OWN_FILES: Record<string, string> = {
  'RUN-1/a/first.bin': 'first',
  'RUN-1/a/second.bin': 'second file',
  'RUN-1/empty': '',
};

/** Rows of a run: single values, a series that is spread over parts, files. */
function ownBatches(): Batch[] {
  const points = 3000;
  const series = (first: number): Batch => {
    const steps = BigInt64Array.from({ length: points }, (_, index) => BigInt(first + index) * 1_000_000n);
    const values = Float64Array.from({ length: points }, (_, index) => Math.sin(first + index));
    return { kind: 'float_series', path: 'loss', length: points, steps, timestamps: steps, values };
  };
  const files = Object.keys(OWN_FILES).map((file) => ({
    path: file.replace('RUN-1/', ''),
    type: 'file' as const,
    file,
  }));
  return [
    {
      kind: 'scalars',
      rows: [
        { path: 'sys/id', type: 'string', value: 'P-1' },
        { path: 'sys/custom_run_id', type: 'string', value: OWN_RUN },
        { path: 'sys/tags', type: 'string_set', value: ['a', 'b'] },
      ],
    },
    { kind: 'files', rows: files },
    series(0),
    series(points),
    series(points * 2),
  ];
}

/** An archive of ours with one run of three parts and three files. */
export async function ownArchive(t: Pick<TestContext, 'after'>, changes: Partial<Manifest> = {}): Promise<Copy> {
  const folder = await tempFolder(t);
  const copy = copyAt(folder, ['data', 'files'], diskName(OWN_PROJECT));
  await addOwnRun(copy, OWN_RUN, changes);
  for (const [path, content] of Object.entries(OWN_FILES)) await put(join(copy.projectFiles, path), content);
  return copy;
}

/** Adds a run to an archive of ours; its files have to be there. */
export async function addOwnRun(copy: Copy, runId: string, changes: Partial<Manifest> = {}): Promise<Manifest> {
  const { exportId = 'export-1' } = changes;
  const writer = await RunWriter.create({
    dataPath: copy.data,
    projectId: OWN_PROJECT,
    runId,
    exportId,
    partBytes: 20_000,
    rowGroupBytes: 20_000,
  });
  for (const batch of ownBatches()) await writer.append(batch);
  const { parts, counts } = await writer.finish();
  const manifest: Manifest = {
    format: 'neptune-exporter-run',
    version: 2,
    status: 'complete',
    projectId: OWN_PROJECT,
    runId,
    writtenBy: 'test',
    writtenAt: new Date(0).toISOString(),
    source: { name: 'neptune3', address: 'http://localhost' },
    selection: { attributes: 'all', classes: ['files', 'metrics', 'parameters', 'series'], previews: false },
    exportId,
    parts,
    counts,
    files: Object.entries(OWN_FILES).map(([path, content]) => ({
      attributePath: path.replace('RUN-1/', ''),
      attributeType: 'file',
      path,
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
    })),
    failures: [],
    ...changes,
  };
  await writeManifest(copy.data, manifest);
  return manifest;
}

export function ownManifest(copy: Copy, runId = OWN_RUN): string {
  return join(copy.project, '_runs', `${diskName(runId)}.json`);
}

/** Changes what a manifest says; its hash is that of what it says then. */
export async function rewrite(path: string, change: (manifest: Manifest) => void): Promise<void> {
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
  change(manifest);
  manifest.sha256 = manifestDigest(manifest);
  await writeFile(path, JSON.stringify(manifest, null, 2));
}

/** Paths of the parts in a folder, sorted. */
export async function partsIn(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => name.endsWith('.parquet'))
    .sort()
    .map((name) => join(directory, name));
}
