// Values that W&B shows as media: histograms, images, tables. Pure.

import type { Histogram } from '../../model/batches.ts';
import { asciiJson, numberJson } from './json.ts';

/** Bins of a histogram (source of W&B's SDK). */
export const MAX_BINS = 512;

/** True if W&B's form can say the histogram, with its bins added up or not. */
export function isPlainHistogram({ edges, values }: Histogram): boolean {
  return edges.length === values.length + 1;
}

/** A histogram's JSON; over 512 bins neighbours are added up. */
export function histogramJson({ edges, values }: Histogram): string {
  const group = Math.ceil(values.length / MAX_BINS);
  const numbers = (from: ArrayLike<number>) => Array.from(from, numberJson).join(',');
  if (group <= 1) return `{"_type":"histogram","values":[${numbers(values)}],"bins":[${numbers(edges)}]}`;
  const counts: number[] = [];
  const bins: number[] = [];
  for (let at = 0; at < values.length; at += group) {
    let sum = 0;
    for (let i = at; i < Math.min(at + group, values.length); i++) sum += values[i]!;
    counts.push(sum);
    bins.push(edges[at]!);
  }
  bins.push(edges[values.length]!);
  return `{"_type":"histogram","values":[${numbers(counts)}],"bins":[${numbers(bins)}]}`;
}

export interface Image {
  /** Of the run's file. */
  path: string;
  sha256: string;
  bytes: number;
  format: string;
  width: number;
  height: number;
  caption: string;
}

/** Where an image is among a run's files. @param hash SHA-256 in hex of the file */
export function mediaPath(
  kind: 'images' | 'table',
  key: string,
  step: number,
  hash: string,
  extension: string,
): string {
  return `media/${kind}/${key}_${step}_${hash.slice(0, 20)}.${extension}`;
}

/** What a blob holds of an image, in ASCII. */
export function imageBlob({ path, sha256, bytes, format, width, height, caption }: Image): string {
  return `[${asciiJson(path)},"${sha256}",${bytes},"${format}",${width},${height},${asciiJson(caption)}]`;
}

/** The value of one image, or of several at one step. @param blobs of `imageBlob`, at least one */
export function imagesJson(blobs: readonly string[]): string {
  const images = blobs.map((blob) => JSON.parse(blob) as [string, string, number, string, number, number, string]);
  const [first] = images;
  const [path, sha256, bytes, format, width, height, caption] = first!;
  if (images.length === 1) {
    return `{"_type":"image-file","path":${asciiJson(path)},"sha256":"${sha256}","size":${bytes},"format":"${format}","width":${width},"height":${height},"caption":${asciiJson(caption)}}`;
  }
  const list = (at: 0 | 6) => images.map((image) => asciiJson(image[at])).join(',');
  return `{"_type":"images/separated","width":${width},"height":${height},"format":"${format}","count":${images.length},"filenames":[${list(0)}],"captions":[${list(6)}]}`;
}

export interface TableReference {
  key: string;
  /** Of the run's file. */
  path: string;
  sha256: string;
  bytes: number;
  rows: number;
  clientId: string;
  sequenceId: string;
}

/** A table's value in the history. */
export function tableJson({ key, path, sha256, bytes, rows, clientId, sequenceId }: TableReference): string {
  return (
    `{"_type":"table-file","path":${asciiJson(path)},"sha256":"${sha256}","size":${bytes},"ncols":3,"nrows":${rows},` +
    `"log_mode":"IMMUTABLE","artifact_path":"wandb-client-artifact://${clientId}/${key}.table.json",` +
    `"_latest_artifact_path":"wandb-client-artifact://${sequenceId}:latest/${key}.table.json"}`
  );
}
