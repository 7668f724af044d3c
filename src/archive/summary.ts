// Sums up what an archive holds, from footers, manifests, and the two columns that name attributes.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { type AttributeType, FILE_TYPES } from '../model/attributes.ts';
import { ExporterError } from '../model/errors.ts';
import { stepText } from '../model/steps.ts';
import { isSafeRelativePath } from './manifest.ts';
import { INT64 } from './parquet/column-reader.ts';
import { type ParquetFile, useParquetFile } from './parquet/file-reader.ts';
import type { RowGroupInfo } from './parquet/footer.ts';
import { type Names, newNames, readKeys, typeOf } from './part-reader.ts';
import { type Archive, readBatches } from './reader.ts';
import type { ArchiveProject, ArchiveRun, TypeCount } from './types.ts';

const BIGGEST_RUNS = 5;
const WINDOW_ROWS = 1 << 16;

export interface SummaryOptions {
  /** Folder of downloaded files: sizes of files of runs without a manifest are looked up there. */
  filesPath?: string;
  /** Only these project ids. */
  projects?: readonly string[];
  /** Only these run ids. */
  runs?: readonly string[];
}

/** Everything in here can be written as JSON: steps are decimal text, times ISO 8601, counts and bytes numbers. */
export interface Summary {
  dataPath: string;
  totals: Totals & { projects: number };
  projects: ProjectSummary[];
}

interface Totals {
  runs: number;
  /** Runs with something missing, as their manifests say. */
  partialRuns: number;
  /** Runs without a manifest: nobody recorded whether they are whole. */
  unverifiedRuns: number;
  /** Runs that can't be read; they count nowhere else. */
  damagedRuns: number;
  /** Rows. */
  records: number;
  parquet: { files: number; bytes: number };
  files: FileTotals;
}

export interface FileTotals {
  /** Files that the archive says were downloaded. */
  count: number;
  /** Their size; null if that of some isn't known (no manifest, and no folder to look it up in). */
  bytes: number | null;
  /** Files without content: the server had none, or it isn't in the folder. */
  missing: number;
}

export interface ProjectSummary extends Totals {
  projectId: string;
  directory: string;
  /** By attribute type. `attributes` counts the different paths in the project, `rows` their rows. */
  types: Partial<Record<AttributeType, TypeCount>>;
  /** Least and greatest step of all series; null without any. */
  steps: { least: string; greatest: string } | null;
  /** First and last timestamp of all series; null without any. */
  times: { first: string; last: string } | null;
  /** Runs with the most rows, the largest first. */
  biggestRuns: { runId: string; records: number; bytes: number }[];
  /** Ids of partial runs. */
  partial: string[];
  /** Disk names of damaged runs, and what is wrong with them. */
  damaged: { run: string; message: string }[];
}

/**
 * Sums up an archive, run by run. Values are not read. A damaged run is listed, the others are summed up.
 * @throws ExporterError `archive` if a project or run that is asked for isn't there
 */
export async function summarise(archive: Archive, options: SummaryOptions = {}): Promise<Summary> {
  const wanted = archive
    .projects()
    .filter(({ projectId }) => options.projects === undefined || options.projects.includes(projectId));
  mustHave(options.projects, new Set(wanted.map(({ projectId }) => projectId)), 'project', archive.dataPath);
  const seen = new Set<string>();
  const projects: ProjectSummary[] = [];
  for (const project of wanted) projects.push(await summariseProject(archive, project, options, seen));
  mustHave(options.runs, seen, 'run', archive.dataPath);
  const totals = projects.reduce<Totals>((sum, project) => add(sum, project), emptyTotals());
  return { dataPath: archive.dataPath, totals: { projects: projects.length, ...totals }, projects };
}

function mustHave(asked: readonly string[] | undefined, found: ReadonlySet<string>, what: string, path: string): void {
  const lost = asked?.find((id) => !found.has(id));
  if (lost === undefined) return;
  throw new ExporterError('archive', `The archive ${path} has no ${what} ${lost}.`, {
    hint: `Without the option, the summary lists every ${what}.`,
  });
}

async function summariseProject(
  archive: Archive,
  project: ArchiveProject,
  options: SummaryOptions,
  seen: Set<string>,
): Promise<ProjectSummary> {
  const tally = new Tally(project);
  for await (const run of archive.runs(project, (name, error) => tally.damage(name, error))) {
    if (options.runs && !options.runs.includes(run.runId)) continue;
    seen.add(run.runId);
    try {
      tally.add(await summariseRun(run, options.filesPath));
    } catch (error) {
      if (!(error instanceof ExporterError && error.code === 'archive')) throw error;
      tally.damage(run.diskName, error);
    }
  }
  return tally.summary();
}

/** What is summed up of one run. */
interface RunTally {
  run: ArchiveRun;
  records: number;
  bytes: number;
  files: FileTotals;
  types: Map<AttributeType, { rows: number; paths: Set<string> }>;
  steps: Range;
  times: Range;
}

async function summariseRun(run: ArchiveRun, filesPath: string | undefined): Promise<RunTally> {
  const tally: RunTally = {
    run,
    records: 0,
    bytes: 0,
    files: run.manifest ? filesOfManifest(run.manifest.files) : await filesOfRows(run, filesPath),
    types: new Map(),
    steps: new Range(),
    times: new Range(),
  };
  const names = newNames();
  for (const part of run.parts) {
    await useParquetFile(part, async (file) => {
      tally.bytes += file.footer.bytes;
      tally.records += file.footer.rows;
      for (const info of file.footer.rowGroups) {
        await countTypes(file, info, names, tally);
        await extend(tally.steps, file, info, 'step');
        await extend(tally.times, file, info, 'timestamp');
      }
    });
  }
  return tally;
}

/** Counts the rows of each attribute of a row group. */
async function countTypes(file: ParquetFile, info: RowGroupInfo, names: Names, tally: RunTally): Promise<void> {
  const group = file.rowGroup(info);
  for (let start = 0; start < info.rows; start += WINDOW_ROWS) {
    const keys = await readKeys(group, names, start, Math.min(start + WINDOW_ROWS, info.rows));
    for (let row = 0; row < keys.paths.length; ) {
      const [path, type] = [keys.paths[row]!, keys.types[row]!];
      let next = row + 1;
      while (next < keys.paths.length && keys.paths[next] === path && keys.types[next] === type) next++;
      const name = typeOf(names, type);
      let count = tally.types.get(name);
      if (!count) {
        count = { rows: 0, paths: new Set() };
        tally.types.set(name, count);
      }
      count.rows += next - row;
      count.paths.add(names.paths.texts[path]!);
      row = next;
    }
  }
}

/** Extends a range by a column of a row group: by its statistics, or by its values where there are none. */
async function extend(range: Range, file: ParquetFile, info: RowGroupInfo, leaf: 'step' | 'timestamp'): Promise<void> {
  const { least, greatest, nulls, entries, decimalBytes } = info.chunks[leaf];
  if (nulls === entries) return;
  if (least && greatest) {
    for (const bytes of [least, greatest]) range.add(decimalBytes ? bigEndian(bytes) : littleEndian(bytes));
    return;
  }
  const group = file.rowGroup(info);
  for (let start = 0; start < info.rows; start += WINDOW_ROWS) {
    const { values, valid } = await group.read(leaf, INT64, start, Math.min(start + WINDOW_ROWS, info.rows));
    values.forEach((value, row) => {
      if (valid?.[row] !== 0) range.add(value);
    });
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt.asIntN(
    64,
    bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
  );
}

/** Of a decimal, at least 8 bytes long. */
function bigEndian(bytes: Uint8Array): bigint {
  return BigInt.asIntN(
    64,
    bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
  );
}

function filesOfManifest(files: readonly { path: string | null; bytes: number }[]): FileTotals {
  const there = files.filter(({ path }) => path !== null);
  return {
    count: there.length,
    bytes: there.reduce((sum, file) => sum + file.bytes, 0),
    missing: files.length - there.length,
  };
}

/** Looks up the files of a run that nobody made a manifest of. */
async function filesOfRows(run: ArchiveRun, filesPath: string | undefined): Promise<FileTotals> {
  const totals: FileTotals = { count: 0, bytes: filesPath === undefined ? null : 0, missing: 0 };
  for await (const batch of readBatches(run, { types: [...FILE_TYPES, 'file_series'] })) {
    const paths =
      batch.kind === 'files' ? batch.rows.map((row) => row.file) : batch.kind === 'file_series' ? batch.values : [];
    for (const path of paths) {
      if (path === null) totals.missing++;
      else if (filesPath === undefined) totals.count++;
      else {
        const size = isSafeRelativePath(path) ? await sizeOf(join(filesPath, run.project.diskName, path)) : undefined;
        if (size === undefined) totals.missing++;
        else {
          totals.count++;
          totals.bytes! += size;
        }
      }
    }
  }
  return totals.count === 0 && totals.bytes === null ? { ...totals, bytes: 0 } : totals;
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  // A set of files of Neptune 2 may be a folder; its size isn't told here.
  return found && (found.isFile() ? found.size : 0);
}

/** Least and greatest of some int64 values. */
class Range {
  least: bigint | undefined;
  greatest: bigint | undefined;

  add(value: bigint): void {
    if (this.least === undefined || value < this.least) this.least = value;
    if (this.greatest === undefined || value > this.greatest) this.greatest = value;
  }

  addAll(other: Range): void {
    if (other.least !== undefined) this.add(other.least);
    if (other.greatest !== undefined) this.add(other.greatest);
  }
}

/** Sums up the runs of a project. */
class Tally {
  readonly #project: ArchiveProject;
  readonly #totals = emptyTotals();
  readonly #types: RunTally['types'] = new Map();
  readonly #steps = new Range();
  readonly #times = new Range();
  readonly #partial: string[] = [];
  readonly #damaged: ProjectSummary['damaged'] = [];
  #biggest: ProjectSummary['biggestRuns'] = [];

  constructor(project: ArchiveProject) {
    this.#project = project;
  }

  damage(run: string, error: ExporterError): void {
    this.#damaged.push({ run, message: error.message });
    this.#totals.damagedRuns++;
  }

  add(tally: RunTally): void {
    const { run, records, bytes } = tally;
    Object.assign(
      this.#totals,
      add(this.#totals, {
        runs: 1,
        partialRuns: run.manifest?.status === 'partial' ? 1 : 0,
        unverifiedRuns: run.manifest ? 0 : 1,
        damagedRuns: 0,
        records,
        parquet: { files: run.parts.length, bytes },
        files: tally.files,
      }),
    );
    if (run.manifest?.status === 'partial') this.#partial.push(run.runId);
    for (const [type, { rows, paths }] of tally.types) {
      const count = this.#types.get(type) ?? { rows: 0, paths: new Set<string>() };
      this.#types.set(type, count);
      count.rows += rows;
      for (const path of paths) count.paths.add(path);
    }
    this.#steps.addAll(tally.steps);
    this.#times.addAll(tally.times);
    this.#biggest = [...this.#biggest, { runId: run.runId, records, bytes }]
      .sort((left, right) => right.records - left.records || right.bytes - left.bytes)
      .slice(0, BIGGEST_RUNS);
  }

  summary(): ProjectSummary {
    const { least: first, greatest: last } = this.#times;
    const { least, greatest } = this.#steps;
    const types = [...this.#types].sort(([left], [right]) => (left < right ? -1 : 1));
    return {
      projectId: this.#project.projectId,
      directory: this.#project.directory,
      ...this.#totals,
      types: Object.fromEntries(types.map(([type, { rows, paths }]) => [type, { attributes: paths.size, rows }])),
      steps: least === undefined ? null : { least: stepText(least), greatest: stepText(greatest!) },
      times: first === undefined ? null : { first: timeText(first), last: timeText(last!) },
      biggestRuns: this.#biggest,
      partial: this.#partial,
      damaged: this.#damaged,
    };
  }
}

/** ISO 8601; milliseconds as text where they lie beyond what that can say. */
function timeText(milliseconds: bigint): string {
  const date = new Date(Number(milliseconds));
  return Number.isNaN(date.getTime()) ? `${milliseconds} ms` : date.toISOString();
}

function emptyTotals(): Totals {
  return {
    runs: 0,
    partialRuns: 0,
    unverifiedRuns: 0,
    damagedRuns: 0,
    records: 0,
    parquet: { files: 0, bytes: 0 },
    files: { count: 0, bytes: 0, missing: 0 },
  };
}

function add(left: Totals, right: Totals): Totals {
  const [leftBytes, rightBytes] = [left.files.bytes, right.files.bytes];
  return {
    runs: left.runs + right.runs,
    partialRuns: left.partialRuns + right.partialRuns,
    unverifiedRuns: left.unverifiedRuns + right.unverifiedRuns,
    damagedRuns: left.damagedRuns + right.damagedRuns,
    records: left.records + right.records,
    parquet: {
      files: left.parquet.files + right.parquet.files,
      bytes: left.parquet.bytes + right.parquet.bytes,
    },
    files: {
      count: left.files.count + right.files.count,
      bytes: leftBytes === null || rightBytes === null ? null : leftBytes + rightBytes,
      missing: left.files.missing + right.files.missing,
    },
  };
}
