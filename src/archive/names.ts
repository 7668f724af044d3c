// Names on disk: folders and parts of projects and runs. Contract with the official exporter, see docs/archive-format.md.

import { join } from 'node:path';
import { blake2b } from '@noble/hashes/blake2.js';
import type { RegistryScope } from '../model/runs.ts';

/** What every file system takes for one name, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;
/** Room for `_part_999.parquet.tmp`. */
const MAX_DISK_NAME_BYTES = MAX_NAME_BYTES - '_part_999.parquet.tmp'.length;
const PART_NAME = /^(.+)_part_(0|[1-9]\d{0,8})\.parquet$/s;
const UTF8 = new TextEncoder();

/** Length in bytes of UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** The first code points of a text that fit into so many bytes of UTF-8. */
export function cutToBytes(text: string, bytes: number): string {
  if (utf8Length(text) <= bytes) return text;
  let used = 0;
  let end = 0;
  for (const character of text) {
    used += utf8Length(character);
    if (used > bytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** 16 hex digits of blake2b (8-byte digest) over the UTF-8 of a text; a lone surrogate counts as U+FFFD. */
export function nameDigest(text: string): string {
  return Buffer.from(blake2b(UTF8.encode(text), { dkLen: 8 })).toString('hex');
}

/**
 * Letters and numbers that Unicode has since version 16, which the official exporter's Python (3.13, Unicode 15.1)
 * doesn't know. Names must not change with the version of Node either.
 */
const NEWER_LETTERS =
  String.raw`\u{88f}\u{c5c}\u{cdc}\u{1c89}-\u{1c8a}\u{a7cb}-\u{a7cf}\u{a7d2}\u{a7d4}\u{a7da}-\u{a7dc}` +
  String.raw`\u{a7f1}\u{105c0}-\u{105f3}\u{10940}-\u{10959}\u{10d40}-\u{10d65}\u{10d6f}-\u{10d85}` +
  String.raw`\u{10ec2}-\u{10ec7}\u{11380}-\u{11389}\u{1138b}\u{1138e}\u{11390}-\u{113b5}\u{113b7}\u{113d1}` +
  String.raw`\u{113d3}\u{116d0}-\u{116e3}\u{11bc0}-\u{11be0}\u{11bf0}-\u{11bf9}\u{11db0}-\u{11ddb}` +
  String.raw`\u{11de0}-\u{11de9}\u{13460}-\u{143fa}\u{16100}-\u{1611d}\u{16130}-\u{16139}\u{16d40}-\u{16d6c}` +
  String.raw`\u{16d70}-\u{16d79}\u{16ea0}-\u{16eb8}\u{16ebb}-\u{16ed3}\u{16ff2}-\u{16ff6}\u{187f8}-\u{187ff}` +
  String.raw`\u{18cff}\u{18d09}-\u{18d1e}\u{18d80}-\u{18df2}\u{1ccf0}-\u{1ccf9}\u{1e5d0}-\u{1e5ed}` +
  String.raw`\u{1e5f0}-\u{1e5fa}\u{1e6c0}-\u{1e6de}\u{1e6e0}-\u{1e6e2}\u{1e6e4}-\u{1e6e5}\u{1e6e7}-\u{1e6ed}` +
  String.raw`\u{1e6f0}-\u{1e6f4}\u{1e6fe}-\u{1e6ff}\u{2b73a}-\u{2b73f}\u{2cea2}-\u{2cead}\u{323b0}-\u{33479}`;
const UNSAFE = new RegExp(`[^\\p{L}\\p{N}_-]|[${NEWER_LETTERS}]`, 'gu');

/** Replaces every code point that is no letter or number (Python's `str.isalnum`), `_` or `-` by `_`. */
export function safeCharacters(text: string): string {
  return text.replace(UNSAFE, '_');
}

/**
 * Disk name of a project or run: its safe characters, `-` and the digest of the whole id. Rule of the official
 * exporter; only a name too long for a file system is cut, and never in its digest.
 */
export function diskName(id: string): string {
  const suffix = `-${nameDigest(id)}`;
  return cutToBytes(safeCharacters(id), MAX_DISK_NAME_BYTES - suffix.length) + suffix;
}

/** File name of a part: `<run>_part_<n>.parquet`. `run` is the run's disk name. */
export function partName(run: string, part: number): string {
  return `${run}_part_${part}.parquet`;
}

/** Disk name of the run and number of the part that a file name stands for; undefined for any other file. */
export function parsePartName(name: string): { run: string; part: number } | undefined {
  const match = PART_NAME.exec(name);
  return match ? { run: match[1]!, part: Number(match[2]) } : undefined;
}

/**
 * The folder that holds the parts of a project's runs; with a scope, of its models or model versions. Rule of the
 * official exporter.
 */
export function runsFolder(dataPath: string, projectId: string, scope?: RegistryScope): string {
  return join(dataPath, diskName(projectId), ...(scope === undefined ? [] : [scope]));
}

export { FileNamer, type FileNamerOptions, type FileNames, foldCase, plainRunFolder } from './file-names.ts';
export { Neptune2FileNamer, type Neptune2FileNamerOptions, POINT_NAME } from './neptune2-file-names.ts';
