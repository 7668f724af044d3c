// Sums up what an archive holds, from footers, manifests, and the two columns that name attributes.

import { ATTRIBUTE_TYPES, type AttributeType, EXPORT_CLASSES, FILE_TYPES, SCALAR_TYPES } from '../model/attributes.ts';
import { ExporterError } from '../model/errors.ts';
import { stepText } from '../model/steps.ts';
import { type FileTotals, FolderCheck, noFiles } from './file-check.ts';
import { isInterrupted } from './find-run.ts';
import { diskName } from './names.ts';
import { INT64 } from './parquet/column-reader.ts';
import { type ParquetFile, useParquetFile } from './parquet/file-reader.ts';
import type { RowGroupInfo } from './parquet/footer.ts';
import { newNames } from './part-reader.ts';
import { type Archive, type AttributeCount, readBatches } from './reader.ts';
import { type AttributeCounts, addRows } from './row-counts.ts';
import { countRowGroup } from './row-group-counts.ts';
import { fileOfRun } from './staged-files.ts';
import type { ArchiveProject, ArchiveRun, Manifest, TypeCount } from './types.ts';

const BIGGEST_RUNS = 5;
const WINDOW_ROWS = 1 << 16;

export interface SummaryOptions {
  /** Folder of downloaded files, where they are looked up; without it the manifests are believed. */
  filesPath?: string;
  /** Only these project ids. */
  projects?: readonly string[];
  /** Only these run ids. */
  runs?: readonly string[];
  /** Told of each project and run that is asked for and isn't there; without it the first one is thrown. */
  onMissing?: (what: 'project' | 'run', id: string, error: ExporterError) => void;
}

/** Everything in here can be written as JSON: steps are decimal text, times ISO 8601, counts and bytes numbers. */
export interface Summary {
  dataPath: string;
  /** Folder where downloaded files were looked up; null if they weren't. */
  filesPath: string | null;
  totals: Totals & { projects: number };
  projects: ProjectSummary[];
}

interface Totals {
  runs: number;
  /** Runs with something missing, as their manifests say. */
  partialRuns: number;
  /** Of the partial ones: accepted as they are by the user. */
  acceptedRuns: number;
  /** Runs without a manifest: nobody recorded whether they are whole. */
  unverifiedRuns: number;
  /** Runs without a manifest since their export was interrupted: the next one does them again. */
  interruptedRuns: number;
  /** Runs that were exported with a selection of attributes or classes, and are whole within that. */
  selectedRuns: number;
  /** Runs that can't be read; they count nowhere else. */
  damagedRuns: number;
  /** Rows, without the empty ones. */
  records: number;
  /** Rows of official archives that hold nothing: of attributes that a run doesn't have, of NaN, of failed files. */
  emptyRows: number;
  parquet: { files: number; bytes: number };
  files: FileTotals;
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
  /** Ids of partial runs, without the accepted ones. */
  partial: string[];
  /** Disk names of damaged runs, and what is wrong with them. */
  damaged: { run: string; message: string }[];
  /** Runs whose downloaded files are lost or of another size: ids, how many files, and what is wrong with one. */
  damagedFiles: { runId: string; files: number; example: string }[];
}

/**
 * Sums up an archive, run by run. A damaged run is listed, the others are summed up. Values are read only of
 * runs without a manifest, and there only single ones and the paths of files.
 * @throws ExporterError `archive` if a project or run that is asked for isn't there
 */
export async function summarise(archive: Archive, options: SummaryOptions = {}): Promise<Summary> {
  const wanted = archive
    .projects()
    .filter((project) => options.projects === undefined || options.projects.some((id) => isProject(project, id)));
  const found = options.projects?.filter((id) => wanted.some((project) => isProject(project, id)));
  mustHave(options.projects, new Set(found), 'project', archive.dataPath, options.onMissing);
  const seen = new Set<string>();
  const projects: ProjectSummary[] = [];
  for (const project of wanted) projects.push(await summariseProject(archive, project, options, seen));
  mustHave(options.runs, seen, 'run', archive.dataPath, options.onMissing);
  const totals = projects.reduce<Totals>((sum, project) => add(sum, project), emptyTotals());
  return {
    dataPath: archive.dataPath,
    filesPath: options.filesPath ?? null,
    totals: { projects: projects.length, ...totals },
    projects,
  };
}

/** A project so damaged that none of its runs says the id is known by its folder. */
function isProject(project: ArchiveProject, id: string): boolean {
  return project.projectId === id || project.diskName === diskName(id);
}

function mustHave(
  asked: readonly string[] = [],
  found: ReadonlySet<string>,
  what: 'project' | 'run',
  path: string,
  onMissing: SummaryOptions['onMissing'],
): void {
  for (const lost of asked.filter((id) => !found.has(id))) {
    const error = new ExporterError('archive', `The archive ${path} has no ${what} ${lost}.`, {
      hint: `Without the option, the summary lists every ${what}.`,
    });
    if (!onMissing) throw error;
    onMissing(what, lost, error);
  }
}

async function summariseProject(
  archive: Archive,
  project: ArchiveProject,
  options: SummaryOptions,
  seen: Set<string>,
): Promise<ProjectSummary> {
  const tally = new Tally(project);
  const damaged = (name: string, error: ExporterError) => {
    const asked = options.runs?.find((id) => diskName(id) === name);
    if (options.runs && asked === undefined) return;
    if (asked !== undefined) seen.add(asked);
    tally.damage(name, error);
  };
  for await (const run of archive.runs(project, damaged)) {
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
  interrupted: boolean;
  records: number;
  emptyRows: number;
  bytes: number;
  files: FolderCheck;
  types: AttributeCounts;
  steps: Range;
  times: Range;
}

async function summariseRun(run: ArchiveRun, filesPath: string | undefined): Promise<RunTally> {
  const tally: RunTally = {
    run,
    interrupted: await isInterrupted(run),
    records: 0,
    emptyRows: 0,
    bytes: 0,
    files: new FolderCheck(filesPath === undefined ? undefined : (path) => fileOfRun(run, filesPath, path)),
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
        await countRowGroup(file, info, names, tally.types);
        await extend(tally.steps, file, info, 'step');
        await extend(tally.times, file, info, 'timestamp');
      }
    });
  }
  if (run.manifest) {
    checkCounts(run, run.manifest.counts, tally);
    await tally.files.addAll(run.manifest.files);
    tally.files.addSkipped(run.manifest.skippedFiles ?? []);
    if (run.manifest.adopted !== undefined) await readUnrecorded(run, tally, false);
  } else await readUnrecorded(run, tally, true);
  return tally;
}

/** The parts must hold what the manifest counts. @throws ExporterError `archive` */
function checkCounts(run: ArchiveRun, counts: Manifest['counts'], { types }: RunTally): void {
  for (const type of ATTRIBUTE_TYPES) {
    const told = counts[type] ?? { attributes: 0, rows: 0 };
    const found = countOf(types.get(type) ?? new Map());
    if (told.attributes === found.attributes && told.rows === found.rows) continue;
    const text = `The run ${run.runId} should have ${told.rows} rows in ${told.attributes} attributes of type ${type}, but has ${found.rows} in ${found.attributes}.`;
    throw new ExporterError('archive', text, {
      hint: 'A part is damaged. Bring it back from a copy, or export the run again.',
    });
  }
}

/** True if some attributes were left out by choice; files by their size are counted elsewhere. */
function isNarrow({ attributes, classes, excluded = [] }: Manifest['selection']): boolean {
  return attributes !== 'all' || excluded.length > 0 || EXPORT_CLASSES.some((one) => !classes.includes(one));
}

/**
 * Finds what a manifest would tell: which rows hold nothing, and the files of a run. One of an adopted run tells of files only.
 */
async function readUnrecorded(run: ArchiveRun, tally: RunTally, withFiles: boolean): Promise<void> {
  const onAbsent = ({ path, type, count }: AttributeCount) => {
    tally.records -= count;
    tally.emptyRows += count;
    const paths = tally.types.get(type)!;
    const rows = paths.get(path)! - count;
    if (rows > 0) paths.set(path, rows);
    else paths.delete(path);
    if (paths.size === 0) tally.types.delete(type);
  };
  for await (const batch of readBatches(run, { types: [...SCALAR_TYPES, ...FILE_TYPES, 'file_series'], onAbsent })) {
    if (!withFiles) continue;
    if (batch.kind === 'files') await tally.files.addAll(batch.rows.map(({ file }) => ({ path: file })));
    else if (batch.kind === 'file_series') await tally.files.addAll(batch.values.map((path) => ({ path })));
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
  readonly #types: AttributeCounts = new Map();
  readonly #steps = new Range();
  readonly #times = new Range();
  readonly #partial: string[] = [];
  readonly #damaged: ProjectSummary['damaged'] = [];
  readonly #damagedFiles: ProjectSummary['damagedFiles'] = [];
  #biggest: ProjectSummary['biggestRuns'] = [];

  constructor(project: ArchiveProject) {
    this.#project = project;
  }

  damage(run: string, error: ExporterError): void {
    this.#damaged.push({ run, message: error.message });
    this.#totals.damagedRuns++;
  }

  add(tally: RunTally): void {
    const { run, records, bytes, interrupted } = tally;
    const { totals: files, damage } = tally.files;
    Object.assign(
      this.#totals,
      add(this.#totals, {
        runs: 1,
        partialRuns: run.manifest?.status === 'partial' ? 1 : 0,
        acceptedRuns: isAccepted(run.manifest) ? 1 : 0,
        selectedRuns: run.manifest && isNarrow(run.manifest.selection) ? 1 : 0,
        unverifiedRuns: run.manifest || interrupted ? 0 : 1,
        interruptedRuns: interrupted ? 1 : 0,
        damagedRuns: 0,
        records,
        emptyRows: tally.emptyRows,
        parquet: { files: run.parts.length, bytes },
        files,
      }),
    );
    if (run.manifest?.status === 'partial' && !isAccepted(run.manifest)) this.#partial.push(run.runId);
    if (damage !== undefined) this.#damagedFiles.push({ runId: run.runId, files: files.damaged, example: damage });
    for (const [type, paths] of tally.types) {
      for (const [path, rows] of paths) addRows(this.#types, type, path, rows);
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
      types: Object.fromEntries(types.map(([type, paths]) => [type, countOf(paths)])),
      steps: least === undefined ? null : { least: stepText(least), greatest: stepText(greatest!) },
      times: first === undefined ? null : { first: timeText(first), last: timeText(last!) },
      biggestRuns: this.#biggest,
      partial: this.#partial,
      damaged: this.#damaged,
      damagedFiles: this.#damagedFiles,
    };
  }
}

function isAccepted(manifest: Manifest | undefined): boolean {
  return manifest?.status === 'partial' && manifest.accepted !== undefined;
}

function countOf(paths: ReadonlyMap<string, number>): TypeCount {
  return { attributes: paths.size, rows: [...paths.values()].reduce((sum, rows) => sum + rows, 0) };
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
    acceptedRuns: 0,
    selectedRuns: 0,
    unverifiedRuns: 0,
    interruptedRuns: 0,
    damagedRuns: 0,
    records: 0,
    emptyRows: 0,
    parquet: { files: 0, bytes: 0 },
    files: noFiles(),
  };
}

function add(left: Totals, right: Totals): Totals {
  const [leftBytes, rightBytes] = [left.files.bytes, right.files.bytes];
  return {
    runs: left.runs + right.runs,
    partialRuns: left.partialRuns + right.partialRuns,
    acceptedRuns: left.acceptedRuns + right.acceptedRuns,
    selectedRuns: left.selectedRuns + right.selectedRuns,
    unverifiedRuns: left.unverifiedRuns + right.unverifiedRuns,
    interruptedRuns: left.interruptedRuns + right.interruptedRuns,
    damagedRuns: left.damagedRuns + right.damagedRuns,
    records: left.records + right.records,
    emptyRows: left.emptyRows + right.emptyRows,
    parquet: {
      files: left.parquet.files + right.parquet.files,
      bytes: left.parquet.bytes + right.parquet.bytes,
    },
    files: {
      count: left.files.count + right.files.count,
      bytes: leftBytes === null || rightBytes === null ? null : leftBytes + rightBytes,
      missing: left.files.missing + right.files.missing,
      skipped: left.files.skipped + right.files.skipped,
      skippedBytes: left.files.skippedBytes + right.files.skippedBytes,
      damaged: left.files.damaged + right.files.damaged,
    },
  };
}
