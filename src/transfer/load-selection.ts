// Which runs of an archive a load is about, with what has to be known of each before it is read whole.

import { diskName } from '../archive/names.ts';
import type { Archive } from '../archive/reader.ts';
import type { ArchiveProject, ArchiveRun } from '../archive/types.ts';
import { throwIfAborted } from '../http/limits.ts';
import { ExporterError } from '../model/errors.ts';
import type { RunInfo } from '../model/runs.ts';
import { readKnownInfo } from './load-run.ts';

export interface SelectedRun {
  run: ArchiveRun;
  info: RunInfo;
}

export interface SelectedProject {
  project: ArchiveProject;
  runs: SelectedRun[];
  /** Runs that aren't asked for, by id: a parent may be among them. */
  others: Map<string, ArchiveRun>;
}

export interface SelectOptions {
  archive: Archive;
  /** Only these project ids. */
  projects?: readonly string[];
  /** Only these run ids. */
  runs?: readonly string[];
  /** Told of each run that is asked for and can't be listed, by its id or its name on disk. */
  onDamaged: (projectId: string, run: string, error: unknown) => void;
  signal: AbortSignal;
}

/** @returns the runs by project, and the ids that were asked for and aren't there @throws ExporterError `usage` for an unknown project */
export async function selectRuns(options: SelectOptions): Promise<{ projects: SelectedProject[]; missing: string[] }> {
  const missing = new Set(options.runs);
  const projects: SelectedProject[] = [];
  for (const project of chooseProjects(options.archive.projects(), options.projects)) {
    projects.push(await selectProject(project, options, missing));
  }
  return { projects, missing: [...missing] };
}

/** A project of which no run can be read is known by its folder only. */
function chooseProjects(all: ArchiveProject[], wanted: readonly string[] | undefined): ArchiveProject[] {
  if (!wanted) return all;
  const isWanted = ({ projectId, diskName: name }: ArchiveProject, id: string) =>
    projectId === id || name === diskName(id);
  const unknown = wanted.find((id) => !all.some((project) => isWanted(project, id)));
  if (unknown === undefined) return all.filter((project) => wanted.some((id) => isWanted(project, id)));
  throw new ExporterError('usage', `The archive has no project '${unknown}'.`, {
    hint: `It has: ${all.map(({ projectId }) => projectId).join(', ')}.`,
  });
}

async function selectProject(
  project: ArchiveProject,
  { archive, runs: asked, onDamaged, signal }: SelectOptions,
  missing: Set<string>,
): Promise<SelectedProject> {
  const runs: SelectedRun[] = [];
  const others = new Map<string, ArchiveRun>();
  /** Run id to disk name. */
  const seen = new Map<string, string>();
  const damaged = (name: string, error: unknown) => {
    const id = asked?.find((one) => one === name || diskName(one) === name);
    if (asked && id === undefined) return;
    missing.delete(id ?? name);
    onDamaged(project.projectId, id ?? name, error);
  };
  for await (const run of archive.runs(project, damaged)) {
    throwIfAborted(signal);
    if (asked && !asked.includes(run.runId)) {
      others.set(run.runId, run);
      continue;
    }
    missing.delete(run.runId);
    try {
      if (seen.has(run.runId)) throw repeatedRun(run, seen.get(run.runId)!);
      runs.push({ run, info: await readKnownInfo(run) });
      seen.set(run.runId, run.diskName);
    } catch (error) {
      damaged(run.runId, error);
    }
  }
  return { project, runs, others };
}

function repeatedRun({ runId, diskName: name, project }: ArchiveRun, first: string): ExporterError {
  return new ExporterError('archive', `The files ${name}… hold the run ${runId} once more: ${first}… are loaded.`, {
    hint: `Remove one of the two from ${project.directory}.`,
  });
}
