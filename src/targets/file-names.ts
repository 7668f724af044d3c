// Names of files and folders as file systems take them. Pure.

import { cutWithHash, shortHash } from './text.ts';

/** Longest name of a folder or file, in bytes: under the 255 of common file systems. */
export const MAX_SEGMENT_BYTES = 200;

/** A file's name of at most 200 bytes: a longer one is cut before its extension, with a hash. @param name the whole one */
export function shortFileName(safe: string, name: string): string {
  if (Buffer.byteLength(safe) <= MAX_SEGMENT_BYTES) return safe;
  const extension = /\.[\p{L}\p{N}]{1,15}$/u.exec(safe)?.[0] ?? '';
  let stem = safe.slice(0, safe.length - extension.length);
  while (Buffer.byteLength(stem + extension) > MAX_SEGMENT_BYTES - 9) stem = stem.slice(0, -8).toWellFormed();
  return `${stem.replaceAll('\ufffd', '_')}_${shortHash(name)}${extension}`;
}

/** A folder's name of at most 200 bytes. */
export function shortFolderName(safe: string): string {
  let limit = MAX_SEGMENT_BYTES;
  let name = safe;
  // Characters may take several bytes.
  while (Buffer.byteLength(name) > MAX_SEGMENT_BYTES) {
    name = cutWithHash(safe, limit);
    limit -= 20;
  }
  return name;
}

/** The name with `file_` in front as often as it takes to be free. */
export function freeFileName(name: string, isFree: (name: string) => boolean): string {
  let free = name;
  while (!isFree(free)) free = `file_${free}`;
  return free;
}
