// A run that was loaded into W&B, as its own Python API class reads it, found by the original paths of its attributes.

import { gunzipSync } from 'node:zlib';
import type { ReadValues, ReadWandbArtifact, ReadWandbRun, ReadWandbTable } from '../counterparts/wandb-readback.ts';

/** Files of the run's artifact that are read with their content. */
export const CONTENTS = '^neptune_exporter/';

export interface LoadedAttribute {
  path: string;
  type: string;
  /** Absent for files of which none is an image. */
  key?: string;
  /** Folder of its files in the run's artifact. */
  files?: string;
}

/** A point as `series.csv.gz` has it: Neptune's own step and value. */
export interface KeptPoint {
  step: string;
  time: number | null;
  value: number | null;
}

export class LoadedRun {
  readonly run: ReadWandbRun;
  /** The newest version of the run's own artifact. */
  readonly own: ReadWandbArtifact | undefined;
  readonly attributes: LoadedAttribute[];
  readonly #keptLines = new Map<string, Map<string, ReadValues[]>>();
  #kept: Map<string, string[][]> | undefined;

  constructor(run: ReadWandbRun) {
    this.run = run;
    const own = run.artifacts.filter(({ type, state }) => type === 'neptune-run' && state === 'COMMITTED');
    this.own = own.sort((a, b) => versionOf(a) - versionOf(b)).at(-1);
    const told = this.text('neptune_exporter/attributes.json');
    this.attributes = told === undefined ? [] : (JSON.parse(told) as { attributes: LoadedAttribute[] }).attributes;
  }

  /** Bytes of a file of the run's artifact, unpacked. */
  content(path: string): Buffer | undefined {
    const base64 = this.own?.entries[path]?.base64;
    if (base64 === undefined) return undefined;
    const bytes = Buffer.from(base64, 'base64');
    return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  }

  text(path: string): string | undefined {
    return this.content(path)?.toString();
  }

  /** What the exporter says of the load. */
  get mark(): ReadValues {
    return (this.run.config.neptune_exporter ?? {}) as ReadValues;
  }

  /** @throws Error if the run has no such attribute */
  attribute(path: string, type?: string): LoadedAttribute {
    const found = this.attributes.find((one) => one.path === path && (type === undefined || one.type === type));
    if (!found) throw new Error(`${this.run.name} has no attribute ${path}: ${JSON.stringify(this.attributes)}`);
    return found;
  }

  key(path: string, type?: string): string {
    const { key } = this.attribute(path, type);
    if (key === undefined) throw new Error(`${path} has no key`);
    return key;
  }

  config(path: string): unknown {
    return this.run.config[this.key(path)];
  }

  /** Rows that have something of an attribute: step, time in ms, value. */
  rows(path: string, type?: string): [step: number, time: number | null, value: unknown][] {
    const key = this.key(path, type);
    return this.run.rows.flatMap((row): [number, number | null, unknown][] =>
      Object.hasOwn(row, key) && row[key] !== null ? [[Number(row._step), milliseconds(row._timestamp), row[key]]] : [],
    );
  }

  /** Points of a float series in the history. */
  points(path: string): [step: number, time: number | null, value: number][] {
    return this.rows(path, 'float_series').map(([step, time, value]) => [step, time, Number(value)]);
  }

  /** Tables of a string series, in their order. */
  tables(path: string): ReadWandbTable[] {
    const key = this.key(path, 'string_series');
    const found = this.run.artifacts.flatMap(({ tables }) => Object.entries(tables));
    const numbered = Array.from({ length: found.length }, (_, i) => `${i === 0 ? key : `${key}_${i + 1}`}.table.json`);
    const byPath = new Map(found);
    return numbered.flatMap((name) => byPath.get(name) ?? []);
  }

  /** Points of a series as the archive has them, where they are kept beside the history. */
  kept(path: string): KeptPoint[] | undefined {
    this.#kept ??= Map.groupBy(
      csvRows(this.text('neptune_exporter/series.csv.gz') ?? '').slice(1),
      ([attribute = '']) => attribute,
    );
    return this.#kept.get(path)?.map(([, step = '', time = '', value = '']) => ({
      step,
      time: timeOf(time),
      value: value === '' ? null : numberOf(value),
    }));
  }

  /** Lines of one of the files of whole series that are JSON, of one attribute. */
  keptLines(file: 'histograms' | 'texts' | 'values', path: string): ReadValues[] | undefined {
    let byPath = this.#keptLines.get(file);
    if (!byPath) {
      const text = this.text(`neptune_exporter/${file}.jsonl.gz`)?.trimEnd() ?? '';
      const lines = text === '' ? [] : text.split('\n').map((line) => JSON.parse(line, exactSteps) as ReadValues);
      byPath = Map.groupBy(lines, ({ attribute }) => String(attribute));
      this.#keptLines.set(file, byPath);
    }
    return byPath.get(path);
  }

  /** Hashes of the files of an attribute, by their path in the artifact. */
  files(path: string, type?: string): Record<string, string> {
    const { files: folder } = this.attribute(path, type);
    const all = this.attributes.flatMap(({ files: other }) => (other === undefined ? [] : [`${other}/`]));
    const inner = all.filter((other) => other.length > `${folder}/`.length && other.startsWith(`${folder}/`));
    return Object.fromEntries(
      Object.entries(this.own?.entries ?? {})
        .filter(([file]) => file.startsWith(`${folder}/`) && !inner.some((other) => file.startsWith(other)))
        .map(([file, { sha256 = 'not there' }]) => [file, sha256]),
    );
  }

  /** A value that the config doesn't hold whole: a text, or what its JSON says. */
  wholeValue(path: string): unknown {
    return this.keptLines('values', path)?.at(-1)?.value;
  }
}

/** Steps as they are written: doubles hold 15 digits only. */
const exactSteps = ((key: string, value: unknown, { source }: { source?: string }) =>
  key === 'step' && source !== undefined ? source : value) as (key: string, value: unknown) => unknown;

function versionOf({ name }: ReadWandbArtifact): number {
  return Number(name.slice(name.lastIndexOf(':v') + 2));
}

/** Of seconds. */
export function milliseconds(seconds: unknown): number | null {
  return seconds === undefined || seconds === null ? null : Math.round(Number(seconds) * 1000);
}

export function timeOf(text: string): number | null {
  if (text === '') return null;
  return /^-?\d+$/.test(text) ? Number(text) : Date.parse(text);
}

/** A number as Python or JavaScript prints it. */
export function numberOf(text: string | number): number {
  const match = /^([+-]?)inf(inity)?$/i.exec(String(text));
  if (match) return match[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

/** Rows of RFC 4180. */
export function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const one = text[at]!;
    if (isQuoted) {
      if (one !== '"') cell += one;
      else if (text[at + 1] === '"') cell += text[++at];
      else isQuoted = false;
    } else if (one === '"') isQuoted = true;
    else if (one === ',') {
      row.push(cell);
      cell = '';
    } else if (one === '\n') {
      rows.push([...row, cell.replace(/\r$/, '')]);
      row = [];
      cell = '';
    } else cell += one;
  }
  if (row.length > 0 || cell !== '') rows.push([...row, cell]);
  return rows;
}
