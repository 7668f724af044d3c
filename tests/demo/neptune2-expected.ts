// Writes what a Neptune 2 project holds to disk, so that a program in another language can compare it with what it reads.

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FloatSeries, Series } from '../../src/demo/dataset.ts';
import type {
  DemoArtifact,
  DemoAttribute2,
  DemoContainer,
  DemoContent,
  DemoImage,
  DemoProject2,
} from '../../src/demo/neptune2/dataset.ts';
import { doubles, floatColumns } from './expected.ts';

/**
 * Writes `expected.json` and `points.bin`, as `writeExpected` does for Neptune 3, for the runs to the folder itself,
 * for models and their versions to its subfolders `models` and `model_versions`.
 */
export async function writeExpected2(project: DemoProject2, folder: string): Promise<void> {
  const { path, runs, models = [], modelVersions = [] } = project;
  const trashedModels = new Set(models.filter(isTrashed).map((model) => textOf(model, 'sys/id')));
  await writeContainers(path, runs, isTrashed, folder);
  await writeContainers(path, models, isTrashed, join(folder, 'models'));
  // An export of the registry goes from models to their versions.
  const isHidden = (one: DemoContainer) => isTrashed(one) || trashedModels.has(textOf(one, 'sys/model_id'));
  await writeContainers(path, modelVersions, isHidden, join(folder, 'model_versions'));
}

function isTrashed({ attributes }: DemoContainer): boolean {
  const trashed = attributes.get('sys/trashed');
  return trashed?.type === 'bool' && trashed.value;
}

function textOf({ attributes }: DemoContainer, name: string): string | undefined {
  const found = attributes.get(name);
  return found?.type === 'string' ? found.value : undefined;
}

/** @param isHidden whether an export leaves it out unless told otherwise */
async function writeContainers(
  project: string,
  containers: DemoContainer[],
  isHidden: (one: DemoContainer) => boolean,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const series: FloatSeries[] = [];
  const runs = containers.map((container) => ({
    hidden: isHidden(container),
    attributes: [...container.attributes].map(([name, attribute]) => ({
      name,
      type: attribute.type,
      ...contentOf(name, attribute, series),
    })),
  }));
  await writeFile(join(folder, 'expected.json'), JSON.stringify({ project, idAttribute: 'sys/id', runs }));
  await pipeline(series.flatMap(floatColumns), createWriteStream(join(folder, 'points.bin')));
}

function contentOf(name: string, attribute: DemoAttribute2, series: FloatSeries[]): Record<string, unknown> {
  switch (attribute.type) {
    case 'float':
      return { value: doubles([attribute.value]) };
    case 'int':
    case 'datetime':
      return { value: String(attribute.value) };
    case 'string':
    case 'bool':
    case 'stringSet':
      return { value: attribute.value };
    case 'floatSeries':
      series.push(attribute.series);
      return { count: attribute.series.length };
    case 'stringSeries':
      return pointsOf(attribute.series);
    case 'imageSeries':
      return { values: imagesOf(attribute.series) };
    case 'file':
      return { value: fileOf(attribute.file), fileName: attribute.file.name, ext: attribute.file.ext };
    case 'fileSet':
      return { members: [...attribute.fileSet.members].map(([path, member]) => [path, fileOf(member).sha256]) };
    case 'artifact':
      return { hash: attribute.artifact.hash, files: artifactOf(attribute.artifact.files) };
    case 'experimentState':
      return { state: attribute.value, rows: [[name, 'string', attribute.value]] };
    case 'gitRef':
    case 'notebookRef':
      return { rows: referenceRows(name, attribute) };
    case 'unknown':
      return {};
  }
}

/** `[path, archive type, value]`: what the archive has instead of an attribute that it has no type for. */
function referenceRows(path: string, attribute: DemoAttribute2 & { type: 'gitRef' | 'notebookRef' }): unknown[] {
  const rows: [string, string, unknown][] = [];
  const add = (name: string, type: string, value: unknown) => {
    if (value !== undefined) rows.push([`${path}/${name}`, type, value]);
  };
  if (attribute.type === 'gitRef') {
    const { git } = attribute;
    add('commit_id', 'string', git.commitId);
    add('message', 'string', git.message);
    add('author_name', 'string', git.authorName);
    add('author_email', 'string', git.authorEmail);
    add('commit_date', 'datetime', git.commitDate);
    add('branch', 'string', git.branch);
    add('dirty', 'bool', git.dirty);
    add('remotes', 'string_set', git.remotes);
  } else {
    const { notebook } = attribute;
    add('notebook_id', 'string', notebook.notebookId);
    add('notebook_name', 'string', notebook.notebookName);
    add('notebook_deleted', 'bool', notebook.notebookDeleted);
    add('checkpoint_id', 'string', notebook.checkpointId);
    add('checkpoint_name', 'string', notebook.checkpointName);
    add('checkpoint_deleted', 'bool', notebook.checkpointDeleted);
  }
  return rows;
}

function pointsOf(series: Series<string>): Record<string, unknown> {
  const indexes = Array.from({ length: series.length }, (_, index) => index);
  return {
    steps: doubles(indexes.map((index) => series.step(index))),
    timestamps: doubles(indexes.map((index) => series.timestamp(index))),
    values: indexes.map((index) => series.value(index)),
  };
}

function imagesOf(series: Series<DemoImage>) {
  return Array.from({ length: series.length }, (_, index) => {
    const image = series.value(index);
    return { ...fileOf(image), mime: image.mimeType };
  });
}

function fileOf(content: DemoContent): { size: number; sha256: string | null } {
  const bytes = content.read?.(0, content.sizeBytes);
  return { size: content.sizeBytes, sha256: bytes ? createHash('sha256').update(bytes).digest('hex') : null };
}

/** As the official exporter writes the list: metadata sorted by key, `null` for a size that isn't known. */
function artifactOf(files: DemoArtifact['files']) {
  return files.map(({ filePath, fileHash, type, size, metadata }) => ({
    filePath,
    fileHash,
    type,
    size: size ?? null,
    metadata: Object.entries(metadata)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, value })),
  }));
}
