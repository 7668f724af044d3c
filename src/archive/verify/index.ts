// Proves an archive: that all is there, and as it was recorded, and nothing besides. Offline, streaming, on all cores.

import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { forEachLimited, throwIfAborted } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import type { RegistryScope } from '../../model/runs.ts';
import { lockFolders } from '../lock.ts';
import { diskName, parsePartName } from '../names.ts';
import { type Archive, findArchive, openArchive } from '../reader.ts';
import type { ArchiveProject, ArchiveRun } from '../types.ts';
import { adoptRun } from './adopt.ts';
import { checkDamaged } from './damaged-run.ts';
import { KnownFiles } from './known-files.ts';
import { Pool } from './pool.ts';
import { Findings } from './report.ts';
import { type CheckContext, checkRun, type ReadRun } from './run-check.ts';
import { type FolderRuns, findDataStrangers, findFileStrangers, findRootStrangers } from './strangers.ts';
import type { Problem, VerifyResult } from './types.ts';

export { noteOf } from './report.ts';
export type { Note, Problem, ProblemCode, VerifyResult } from './types.ts';

/** A folder of data, and the folders of files that belong to it. */
export interface VerifyFolder {
  dataPath: string;
  /** Files of runs. It need not be there. */
  filesPath: string;
  /** Files of models and their versions. @default filesPath */
  modelFilesPath?: string;
}

export interface VerifyOptions {
  /** At least one. A folder of models may be one of its own. */
  folders: readonly VerifyFolder[];
  /** Only these project ids. */
  projects?: readonly string[];
  /** Only these run ids; what nothing accounts for is then looked for among their parts alone. */
  runs?: readonly string[];
  /** Write manifests for runs without one in which nothing looks broken. Needs `writtenBy`. @default false */
  adopt?: boolean;
  /** As Manifest.writtenBy. @default `neptune-exporter` */
  writtenBy?: string;
  /** Threads. @default as many as there are cores */
  threads?: number;
  /** Told of each problem when it is found. */
  onProblem?: (problem: Problem) => void;
  progress?: VerifyProgress;
  signal?: AbortSignal;
}

/** What verifying tells of its way. */
export interface VerifyProgress {
  /** Work on a project begins; it has about so many runs. */
  project(id: string, runs: number): void;
  runStarted(id: string): void;
  /** @param rows that it has, as far as they are known */
  runFinished(id: string, isFine: boolean, rows: number): void;
  /** Bytes that were read. */
  bytes(count: number): void;
}

const SCOPES = [undefined, 'models', 'model_versions'] as const;

/** A project of one folder of data, in one scope. */
interface Entry {
  archive: Archive;
  project: ArchiveProject;
  scope: RegistryScope | undefined;
  filesPath: string;
}

/**
 * Verifies an archive: runs, models and model versions. Damage never ends it.
 * @throws ExporterError `archive` if the folders hold no archive, or not what was asked for; `interrupted`; `disk` if a
 *   manifest can't be written; `locked` if an export is at work where manifests are to be written
 */
export async function verifyArchive(options: VerifyOptions): Promise<VerifyResult> {
  const folders = options.folders.map((folder) => ({
    dataPath: resolve(folder.dataPath),
    filesPath: resolve(folder.filesPath),
    modelFilesPath: resolve(folder.modelFilesPath ?? folder.filesPath),
  }));
  const entries = await openAll(folders);
  const dataPaths = folders.map(({ dataPath }) => dataPath);
  // Manifests are written: no export may be at work there.
  const lock = options.adopt ? await lockFolders(dataPaths) : undefined;
  const verifier = new Verifier(options, entries);
  try {
    return await verifier.verify(dataPaths);
  } finally {
    await verifier.close();
    await lock?.release();
  }
}

async function openAll(folders: readonly Required<VerifyFolder>[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const { dataPath, filesPath, modelFilesPath } of folders) {
    for (const scope of SCOPES) {
      const archive = await findArchive(dataPath, scope === undefined ? {} : { scope });
      for (const project of archive?.projects() ?? []) {
        entries.push({
          archive: archive!,
          project,
          scope,
          filesPath: scope === undefined ? filesPath : modelFilesPath,
        });
      }
    }
  }
  const [first] = folders;
  if (!first) throw new ExporterError('usage', 'There is no folder to verify.');
  // Where only wreckage is left, that is what is told; anything else is no archive.
  if (entries.length === 0 && (await wreckage(first.dataPath)).length === 0) await openArchive(first.dataPath);
  return entries;
}

/** Folders that hold parts, though none of a run that is there. */
async function wreckage(dataPath: string, projects: ReadonlySet<string> = new Set()): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dataPath, { withFileTypes: true })) {
    if (!entry.isDirectory() || projects.has(entry.name)) continue;
    for (const scope of ['', 'models', 'model_versions']) {
      const names = await readdir(join(dataPath, entry.name, scope)).catch(() => []);
      if (names.some((file) => parsePartName(file.replace(/\.tmp$/, '')))) found.push(entry.name);
    }
  }
  return [...new Set(found)];
}

class Verifier {
  readonly #options: VerifyOptions;
  readonly #entries: readonly Entry[];
  readonly #findings: Findings;
  readonly #pool: Pool;
  readonly #seenRuns = new Set<string>();

  constructor(options: VerifyOptions, entries: readonly Entry[]) {
    const { onProblem, progress, signal, threads } = options;
    this.#options = options;
    this.#entries = entries;
    this.#findings = new Findings(onProblem);
    this.#pool = new Pool({
      ...(threads === undefined ? {} : { size: threads }),
      ...(signal === undefined ? {} : { signal }),
      ...(progress === undefined ? {} : { onBytes: (count) => progress.bytes(count) }),
    });
  }

  async verify(dataPaths: readonly string[]): Promise<VerifyResult> {
    const { projects, runs } = this.#options;
    const wanted = this.#entries.filter(({ project }) => !projects || projects.some((id) => isProject(project, id)));
    this.#mustHave('project', projects, (id) => wanted.some(({ project }) => isProject(project, id)));
    for (const group of Map.groupBy(wanted, ({ project }) => project.diskName).values()) await this.#project(group);
    this.#mustHave('run', runs, (id) => this.#seenRuns.has(id));
    if (!projects && !runs) await this.#roots(dataPaths);
    return this.#findings.result();
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** A project in all folders and scopes: its files may lie in one folder. */
  async #project(entries: readonly Entry[]): Promise<void> {
    const known = new Map<string, KnownFiles>();
    const data = new Map<string, Map<RegistryScope | undefined, FolderRuns>>();
    for (const entry of entries) {
      const files = known.get(entry.filesPath) ?? new KnownFiles();
      known.set(entry.filesPath, files);
      const { dataPath } = entry.archive;
      const runs = data.get(dataPath) ?? new Map<RegistryScope | undefined, FolderRuns>();
      data.set(dataPath, runs.set(entry.scope, await this.#runs(entry, files)));
    }
    throwIfAborted(this.#options.signal);
    const { diskName: name, projectId } = entries[0]!.project;
    const asked = this.#options.runs;
    const strangers = { findings: this.#findings, ...(asked ? { onlyRuns: new Set(asked.map(diskName)) } : {}) };
    const journalled = new Set<string>();
    for (const [dataPath, runs] of data) {
      const folder = { directory: join(dataPath, name), projectId, holdsFiles: known.has(dataPath) };
      for (const files of (await findDataStrangers(folder, runs, strangers)).values()) {
        for (const file of files) journalled.add(`${name}/${file}`);
      }
    }
    if (asked) return;
    for (const [filesPath, files] of known) {
      await findFileStrangers(filesPath, { diskName: name, projectId }, files, journalled, {
        ...strangers,
        holdsData: data.has(filesPath),
      });
    }
  }

  /** Checks the runs of a project in one scope. */
  async #runs(entry: Entry, known: KnownFiles): Promise<FolderRuns> {
    const { archive, project, filesPath } = entry;
    const { runs: asked, progress, adopt = false, writtenBy = 'neptune-exporter' } = this.#options;
    const context: CheckContext = {
      pool: this.#pool,
      findings: this.#findings,
      filesPath,
      hasFiles: await isFolder(filesPath),
      known,
    };
    const runs: FolderRuns['runs'] = new Map();
    const damaged: { name: string; error: ExporterError }[] = [];
    const onDamaged = (name: string, error: ExporterError) => {
      const isAsked = !asked || asked.some((id) => diskName(id) === name);
      if (isAsked) damaged.push({ name, error });
      runs.set(name, { parts: new Set(), hasManifest: true, isOpen: true, isUnclear: true });
    };
    progress?.project(project.projectId, await countRuns(project));
    await forEachLimited(archive.runs(project, onDamaged), this.#pool.width, async (run) => {
      runs.set(run.diskName, knownRun(run));
      if (asked && !asked.includes(run.runId)) return;
      if (run.pending) known.incomplete = true;
      this.#seenRuns.add(run.runId);
      this.#findings.totals.runs++;
      progress?.runStarted(run.runId);
      const read = await checkRun(run, context);
      if (read && adopt) await this.#adopt(archive, read, writtenBy);
      else if (read) this.#findings.note('unverified');
      progress?.runFinished(run.runId, read !== undefined || run.manifest !== undefined, rowsOf(run, read));
    });
    for (const { name, error } of damaged) {
      for (const id of asked ?? []) if (diskName(id) === name) this.#seenRuns.add(id);
      this.#findings.totals.runs++;
      progress?.runStarted(name);
      await checkDamaged(project, name, error, context);
      progress?.runFinished(name, false, 0);
    }
    return { runs };
  }

  async #adopt(archive: Archive, read: ReadRun, writtenBy: string): Promise<void> {
    if (!(await adoptRun(archive.dataPath, read, writtenBy))) {
      this.#findings.note('not_adopted');
      return;
    }
    this.#findings.totals.unverified--;
    this.#findings.totals.adopted++;
  }

  /** What lies beside the projects. */
  async #roots(dataPaths: readonly string[]): Promise<void> {
    const projects = new Map<string, Set<string>>(dataPaths.map((path) => [path, new Set<string>()]));
    const files = new Map<string, Set<string>>();
    for (const { archive, project, filesPath } of this.#entries) {
      projects.get(archive.dataPath)?.add(project.diskName);
      files.set(filesPath, (files.get(filesPath) ?? new Set()).add(project.diskName));
    }
    const roots = [...projects.keys(), ...files.keys()];
    for (const [path, names] of projects) {
      for (const name of await wreckage(path, names)) {
        names.add(name);
        const folder = { directory: join(path, name), projectId: name };
        await findDataStrangers(folder, new Map(), { findings: this.#findings });
      }
      // Files of the same folder are of the same projects.
      if (!files.has(path)) await findRootStrangers(path, names, roots, this.#findings);
    }
    for (const [path, names] of files) {
      const all = new Set([...names, ...(projects.get(path) ?? [])]);
      if (await isFolder(path)) await findRootStrangers(path, all, roots, this.#findings);
    }
  }

  #mustHave(what: 'project' | 'run', asked: readonly string[] | undefined, isThere: (id: string) => boolean): void {
    const lost = asked?.find((id) => !isThere(id));
    if (lost === undefined) return;
    throw new ExporterError('archive', `The archive has no ${what} ${lost}.`, {
      hint: `\`neptune-exporter summary\` lists every ${what}.`,
    });
  }
}

function knownRun(run: ArchiveRun): FolderRuns['runs'] extends Map<string, infer Known> ? Known : never {
  const { manifest, parts, pending = false } = run;
  return {
    parts: new Set(parts),
    hasManifest: manifest !== undefined,
    isOpen: pending || manifest?.status !== 'complete',
    isUnclear: pending,
  };
}

function rowsOf({ manifest }: ArchiveRun, read: ReadRun | undefined): number {
  const parts = manifest?.parts ?? read?.parts ?? [];
  return parts.reduce((sum, { rows = 0 }) => sum + rows, 0);
}

/** A project so damaged that none of its runs says the id is known by its folder. */
function isProject(project: ArchiveProject, id: string): boolean {
  return project.projectId === id || project.diskName === diskName(id);
}

async function countRuns({ directory }: ArchiveProject): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  return new Set(names.flatMap((name) => parsePartName(name)?.run ?? [])).size;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
