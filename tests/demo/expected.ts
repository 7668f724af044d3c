// Writes what a data set holds to disk, so that a program in another language can compare it with what it reads back.

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DemoAttribute, DemoFile, DemoProject, FloatSeries } from '../../src/demo/dataset.ts';

/**
 * Writes `expected.json` and `points.bin` to a folder. Floating-point numbers are written as base64 of their bytes
 * (little-endian), integers as decimal text. `points.bin` holds float series, one after the other: all steps, then
 * timestamps, values and completions (NaN: committed), as doubles; the JSON says how many points each has, in order.
 */
export async function writeExpected(project: DemoProject, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const series: FloatSeries[] = [];
  const runs = project.runs.map(({ attributes }) => ({
    attributes: [...attributes].map(([name, attribute]) => ({
      name,
      type: attribute.type,
      ...contentOf(attribute, series),
    })),
  }));
  await writeFile(join(folder, 'expected.json'), JSON.stringify({ project: project.path, runs }));
  await pipeline(series.flatMap(floatColumns), createWriteStream(join(folder, 'points.bin')));
}

function contentOf(attribute: DemoAttribute, series: FloatSeries[]): Record<string, unknown> {
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
      return pointsOf(attribute.series, (text) => text);
    case 'histogramSeries':
      return pointsOf(attribute.series, ({ type, edges, values }) => [type, doubles(edges), doubles(values)]);
    case 'fileRef':
      return { value: fileOf(attribute.file) };
    case 'fileRefSeries':
      return pointsOf(attribute.series, fileOf);
    default:
      return {};
  }
}

function pointsOf<T>(
  series: { length: number; step(index: number): number; timestamp(index: number): number; value(index: number): T },
  write: (value: T) => unknown,
): Record<string, unknown> {
  const indexes = Array.from({ length: series.length }, (_, index) => index);
  return {
    steps: doubles(indexes.map((index) => series.step(index))),
    timestamps: doubles(indexes.map((index) => series.timestamp(index))),
    values: indexes.map((index) => write(series.value(index))),
  };
}

function fileOf(file: DemoFile): unknown {
  const sha256 = file.read && createHash('sha256').update(file.read(0, file.sizeBytes)).digest('hex');
  return { path: file.path, size: file.sizeBytes, mime: file.mimeType, sha256: sha256 ?? null };
}

/** The parts of `points.bin` for a series. */
export function floatColumns(series: FloatSeries): Buffer[] {
  const column = (value: (index: number) => number) =>
    Buffer.from(Float64Array.from({ length: series.length }, (_, index) => value(index)).buffer);
  return [
    column((index) => series.step(index)),
    column((index) => series.timestamp(index)),
    column((index) => series.value(index)),
    column((index) => series.completion?.(index) ?? Number.NaN),
  ];
}

export function doubles(values: readonly number[]): string {
  return Buffer.from(Float64Array.from(values).buffer).toString('base64');
}
