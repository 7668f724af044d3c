// Archive against source: whether the server has runs, attributes or points that the archive lacks. Nothing is written.

import { countAttributes } from '../archive/attribute-counts.ts';
import { type Archive, readBatches } from '../archive/reader.ts';
import { type AttributeCounts, addRows } from '../archive/row-counts.ts';
import type { ArchiveProject, ArchiveRun, Manifest } from '../archive/types.ts';
import { forEachLimited } from '../http/limits.ts';
import { type AttributeType, EXPORT_CLASSES, type ExportClass, FILE_TYPES, SCALAR_TYPES } from '../model/attributes.ts';
import { ExporterError, type Failure } from '../model/errors.ts';
import type { RegistryScope, RunRef, Selection } from '../model/runs.ts';
import type { RunSink, Source } from '../sources/source.ts';
import { hasChanged } from './export-choice.ts';
import { endsExport } from './export-failures.ts';

/** Runs that share their requests. */
const BATCH = 16;
const BATCHES_AT_ONCE = 2;

export type DifferenceCode =
  | 'source_run_missing' // the source has a run that the archive lacks
  | 'source_changed' // a run changed at the source since it was exported
  | 'source_attribute_missing' // the archive lacks an attribute
  | 'source_attribute_gone' // the source no longer tells of an attribute, though the run didn't change
  | 'source_points' // another number of points or values
  | 'source_unreadable'; // the source could not be asked

/** Something in which source and archive differ. */
export interface Difference {
  code: DifferenceCode;
  message: string;
  projectId: string;
  /** Absent where a project as a whole is concerned. */
  runId?: string;
  scope?: RegistryScope;
  attributePath?: string;
}

export interface CompareOptions {
  source: Source;
  archive: Archive;
  /** What of the archive. Absent: runs. */
  scope?: RegistryScope;
  /** Only these project ids. */
  projects?: readonly string[];
  /** Only these run ids. */
  runs?: readonly string[];
  onDifference(difference: Difference): void;
  progress?: {
    project(id: string, runs: number): void;
    runFinished(id: string, isSame: boolean): void;
    points(count: number): void;
  };
  signal: AbortSignal;
}

export interface Comparison {
  /** Runs whose content was counted at the source. */
  compared: number;
  /** Runs of the archive that are no longer at the source: the archive is all that is left of them. */
  onlyHere: number;
  /** Runs that are archived or in the trash at the source, and not in the archive. */
  archivedThere: number;
  /** Points and values that the source sent. */
  points: number;
}

/**
 * Compares runs, their attributes, and how many points and values each has. All points are read, files are counted but
 * not fetched. A run that changed since it was exported is told as such, and not counted.
 * @throws ExporterError what concerns every run: `token_refused`, `offline`, `interrupted`
 */
export async function compareWithSource(options: CompareOptions): Promise<Comparison> {
  const { archive, projects, runs } = options;
  const comparison: Comparison = { compared: 0, onlyHere: 0, archivedThere: 0, points: 0 };
  for (const project of archive.projects()) {
    if (projects && !projects.includes(project.projectId)) continue;
    const here = new Map<string, ArchiveRun>();
    // A damaged run is there, and for others to tell of.
    for await (const run of archive.runs(project, () => {})) {
      if (!runs || runs.includes(run.runId)) here.set(run.runId, withoutFiles(run));
    }
    try {
      await compareProject(project, here, options, comparison);
    } catch (error) {
      if (endsExport(error)) throw error;
      const message = error instanceof Error ? error.message : String(error);
      options.onDifference({ ...where(project), code: 'source_unreadable', message });
    }
  }
  return comparison;
}

/** What is needed of a run here; lists of its files take much memory where there are many runs. */
function withoutFiles(run: ArchiveRun): ArchiveRun {
  const { skippedFiles: _, ...manifest } = run.manifest ?? {};
  return run.manifest ? { ...run, manifest: { ...(manifest as Manifest), files: [], parts: [] } } : run;
}

function where({ projectId, scope }: ArchiveProject): Pick<Difference, 'projectId' | 'scope'> {
  return { projectId, ...(scope === undefined ? {} : { scope }) };
}

async function compareProject(
  project: ArchiveProject,
  here: ReadonlyMap<string, ArchiveRun>,
  options: CompareOptions,
  comparison: Comparison,
): Promise<void> {
  const { source, runs, onDifference, progress } = options;
  const [shown, all] = [await list(source, project, false), await list(source, project, true)];
  progress?.project(project.projectId, here.size);
  const pairs: { ref: RunRef; run: ArchiveRun }[] = [];
  for (const [runId, ref] of all) {
    const run = here.get(runId);
    if (run) pairs.push({ ref, run });
    else if (runs && !runs.includes(runId)) continue;
    else if (!shown.has(runId)) comparison.archivedThere++;
    else {
      const message = 'The source has this run, the archive lacks it.';
      onDifference({ ...where(project), code: 'source_run_missing', runId, message });
    }
  }
  for (const runId of here.keys()) {
    if (all.has(runId)) continue;
    comparison.onlyHere++;
    progress?.runFinished(runId, true);
  }
  const same = pairs.filter(({ ref, run }) => {
    if (!hasChanged(ref, run.manifest)) return true;
    const message = 'It has changed at the source since it was exported: export --refresh brings it up to date.';
    onDifference({ ...where(project), code: 'source_changed', runId: ref.runId, message });
    progress?.runFinished(ref.runId, false);
    return false;
  });
  // Runs that were exported with one selection are asked for together.
  const groups = Map.groupBy(same, ({ run }) => JSON.stringify(run.manifest?.selection ?? null));
  const batches: (typeof pairs)[] = [];
  for (const group of groups.values()) {
    for (let at = 0; at < group.length; at += BATCH) batches.push(group.slice(at, at + BATCH));
  }
  await forEachLimited(batches, BATCHES_AT_ONCE, (batch) => compareBatch(batch, options, comparison));
}

/** Runs of the source by id. */
async function list(
  source: Source,
  { projectId, scope }: ArchiveProject,
  includeArchived: boolean,
): Promise<Map<string, RunRef>> {
  const filter = { includeArchived };
  const found = new Map<string, RunRef>();
  const add = async (pages: AsyncIterable<RunRef[]>) => {
    // Of two runs with one id an export takes the first, and tells of the other.
    for await (const page of pages) for (const run of page) if (!found.has(run.runId)) found.set(run.runId, run);
  };
  const { registry } = source;
  if (scope === undefined) await add(source.listRuns(projectId, filter));
  else if (registry) {
    await add(registry.listModels(projectId, filter));
    if (scope === 'model_versions') {
      const models = [...found.values()];
      found.clear();
      await add(registry.listVersions(projectId, models, includeArchived));
    }
  } else throw new ExporterError('unsupported', 'Neptune 3 has no model registry to compare with.');
  return found;
}

/** What the source tells of one run. */
interface Told {
  run: ArchiveRun;
  counts: AttributeCounts;
  failures: Failure[];
}

async function compareBatch(
  pairs: readonly { ref: RunRef; run: ArchiveRun }[],
  options: CompareOptions,
  comparison: Comparison,
): Promise<void> {
  const { source, progress, signal } = options;
  const told = new Map<RunRef, Told>(
    pairs.map(({ ref, run }) => [ref, { run, counts: new Map(), failures: [] }] as const),
  );
  const count = (ref: RunRef, type: AttributeType, path: string, rows: number) => {
    addRows(told.get(ref)!.counts, type, path, rows);
    comparison.points += rows;
    progress?.points(rows);
  };
  const sink: RunSink = {
    async batch(ref, batch) {
      if (batch.kind === 'scalars') for (const { type, path } of batch.rows) count(ref, type, path, 1);
      else count(ref, batch.kind, batch.path, batch.length);
    },
    fileAttributes() {},
    // Not fetched: its row is what counts.
    file: async (ref, { type, attributePath }) => count(ref, type, attributePath, 1),
    failure(ref, failure) {
      told.get(ref)!.failures.push(failure);
    },
    async done(ref) {
      const one = told.get(ref)!;
      told.delete(ref);
      const isSame = await compareRun(one, options);
      comparison.compared++;
      progress?.runFinished(ref.runId, isSame);
    },
  };
  const refs = pairs.map(({ ref }) => ref);
  await source.readRuns(refs, selectionOf(pairs[0]!.run.manifest), sink, signal);
}

/** What a run was exported with; everything, where nobody recorded it. */
function selectionOf(manifest: Manifest | undefined): Selection {
  const recorded = manifest?.adopted === undefined ? manifest?.selection : undefined;
  const { attributes = 'all', classes = EXPORT_CLASSES, previews = false, excluded, maxFileSize } = recorded ?? {};
  return {
    attributes:
      attributes === 'all'
        ? { kind: 'all' }
        : 'regex' in attributes
          ? { kind: 'regex', pattern: attributes.regex }
          : { kind: 'names', names: attributes.names },
    classes: new Set(classes as ExportClass[]),
    includePreviews: previews,
    ...(excluded === undefined ? {} : { excluded }),
    ...(maxFileSize === undefined ? {} : { maxFileSize }),
  };
}

/** True if source and archive have the same attributes with as many rows. */
async function compareRun({ run, counts, failures }: Told, { onDifference }: CompareOptions): Promise<boolean> {
  const base = { ...where(run.project), runId: run.runId };
  let isSame = true;
  const differ = (code: DifferenceCode, message: string, attributePath?: string) => {
    isSame = false;
    onDifference({ ...base, code, message, ...(attributePath === undefined ? {} : { attributePath }) });
  };
  // What the export could not get is told of the partial run already.
  const excused = new Set(run.manifest?.failures.map(({ attributePath }) => attributePath));
  for (const { attributePath, message } of failures) {
    if (attributePath !== undefined && excused.has(attributePath)) continue;
    differ('source_unreadable', `The source could not be asked: ${message}`, attributePath);
    excused.add(attributePath);
  }
  if (excused.has(undefined)) return isSame;
  let here: Awaited<ReturnType<typeof countPresent>>;
  try {
    here = await countPresent(run);
  } catch (error) {
    // Damage is for the rest of `verify` to tell.
    if (error instanceof ExporterError && error.code === 'archive') return false;
    throw error;
  }
  const { present, unclear } = here;
  const gaps = isForeign(run) ? referencesIn(counts, present) : new Set<string>();
  for (const [type, path, rows] of rowsOf(counts)) {
    const found = present.get(type)?.get(path) ?? 0;
    // Of what the official exporter wrote as null nobody knows what it was; some types it can't hold at all.
    if (found === rows || excused.has(path) || unclear.has(path) || gaps.has(path)) continue;
    if (found > 0) differ('source_points', `The source has ${rows} of ${type}, the archive ${found}.`, path);
    else differ('source_attribute_missing', `The source has ${rows} of ${type}, the archive none.`, path);
  }
  for (const [type, path, rows] of rowsOf(present)) {
    if (excused.has(path) || counts.get(type)?.has(path)) continue;
    differ('source_attribute_gone', `The archive has ${rows} of ${type}, the source none.`, path);
  }
  return isSame;
}

function* rowsOf(counts: AttributeCounts): Generator<[AttributeType, string, number]> {
  for (const [type, paths] of counts) for (const [path, rows] of paths) yield [type, path, rows];
}

function isForeign({ manifest }: ArchiveRun): boolean {
  return !manifest || manifest.adopted !== undefined;
}

/** Values that the exporter of Neptune has no type for: what Neptune 2 knows of git, notebooks and the run's state. */
function referencesIn(there: AttributeCounts, here: AttributeCounts): Set<string> {
  const missing = [...rowsOf(there)].filter(([type, path]) => !here.get(type)?.has(path)).map(([, path]) => path);
  const roots = missing.flatMap((path) => /^(.*)\/(?:commit_id|notebook_id)$/s.exec(path)?.[1] ?? []);
  return new Set(missing.filter((path) => path === 'sys/state' || roots.some((root) => path.startsWith(`${root}/`))));
}

/** Rows of the run by attribute, without those of official archives that hold nothing, and the attributes of these. */
async function countPresent(run: ArchiveRun): Promise<{ present: AttributeCounts; unclear: ReadonlySet<string> }> {
  const present = await countAttributes(run);
  const unclear = new Set<string>();
  if (!isForeign(run)) return { present, unclear };
  const types: AttributeType[] = [...SCALAR_TYPES, ...FILE_TYPES, 'file_series'];
  const onAbsent = ({ path, type, count }: { path: string; type: AttributeType; count: number }) => {
    unclear.add(path);
    const paths = present.get(type)!;
    const left = (paths.get(path) ?? 0) - count;
    if (left > 0) paths.set(path, left);
    else paths.delete(path);
  };
  for await (const _ of readBatches(run, { types, onAbsent }));
  return { present, unclear };
}
