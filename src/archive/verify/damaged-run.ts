// Finds out what is wrong with a run that can't even be listed, and checks what there is of it.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ExporterError } from '../../model/errors.ts';
import { manifestPath, nextManifestPath, readManifestFile } from '../manifest.ts';
import { diskName, parsePartName, partName } from '../names.ts';
import type { ArchiveProject, ArchiveRun, Manifest } from '../types.ts';
import { look } from './regular-file.ts';
import { type CheckContext, checkRun } from './run-check.ts';
import type { Finding } from './types.ts';

/** Missing parts of a run that are named one by one: a part's number may be anything. */
const NAMED_PARTS = 20;

/**
 * Checks a damaged run. At least one problem is told.
 * @param name the run's disk name
 * @param error why it can't be listed
 */
export async function checkDamaged(
  project: ArchiveProject,
  name: string,
  error: ExporterError,
  context: CheckContext,
): Promise<void> {
  const { directory, projectId, scope } = project;
  let told = 0;
  const tell = (finding: Finding, path?: string, runId = name) => {
    told++;
    context.findings.problem({
      ...finding,
      projectId,
      runId,
      ...(scope === undefined ? {} : { scope }),
      ...(path === undefined ? {} : { path }),
    });
  };
  const path = manifestPath(directory, name);
  const pending = await look(nextManifestPath(directory, name));
  const manifest = await readManifestFile(path).catch((reason: unknown) => {
    if (!(reason instanceof ExporterError)) throw reason;
    tell({ code: 'manifest_damaged', message: sentence(reason.message, path) }, path);
    return undefined;
  });
  const run: ArchiveRun = {
    project,
    ...(scope === undefined ? {} : { scope }),
    diskName: name,
    projectId,
    runId: manifest?.runId ?? name,
    parts: [],
  };
  if (manifest && !pending && belongs(manifest, project, name)) {
    const before = context.findings.totals.verified;
    const parts = manifest.parts.map((part) => join(directory, part.name));
    const recorded = new Set(manifest.parts.map((part) => part.name));
    for (const part of await partsOf(directory, name)) {
      const file = partName(name, part);
      if (!recorded.has(file)) tell({ code: 'stranger', message: 'its run has no such part' }, join(directory, file));
    }
    const problems = await countProblems(context, (own) =>
      checkRun({ ...run, projectId: manifest.projectId, parts, manifest }, own),
    );
    if (told + problems > 0) return;
    context.findings.totals.verified = before;
    tell({ code: 'run_damaged', message: error.message }, directory);
    return;
  }
  context.known.incomplete = true;
  if (manifest && !pending) {
    const message = `the manifest is of the run ${manifest.runId} of ${manifest.projectId}, not of this one`;
    tell({ code: 'manifest_foreign', message }, path);
  }
  const numbers = await partsOf(directory, name);
  for (const part of missing(numbers)) {
    tell({ code: 'part_missing', message: 'the part is missing' }, join(directory, partName(name, part)));
  }
  const parts = numbers.map((part) => join(directory, partName(name, part)));
  const problems = await countProblems(context, async (own) => {
    if (parts.length > 0) await checkRun({ ...run, runId: name, parts }, own, true);
  });
  if (told + problems === 0) tell({ code: 'run_damaged', message: error.message }, directory);
}

/** Numbers of the run's parts in a folder, rising. */
async function partsOf(directory: string, name: string): Promise<number[]> {
  const numbers = (await readdir(directory).catch(() => [])).flatMap((file) => {
    const parsed = parsePartName(file);
    return parsed?.run === name ? [parsed.part] : [];
  });
  return numbers.sort((left, right) => left - right);
}

/** Runs a check and counts what it finds. */
async function countProblems(context: CheckContext, check: (own: CheckContext) => Promise<unknown>): Promise<number> {
  const before = context.findings.count;
  await check(context);
  return context.findings.count - before;
}

function belongs(manifest: Manifest, project: ArchiveProject, name: string): boolean {
  return (
    diskName(manifest.projectId) === project.diskName &&
    diskName(manifest.runId) === name &&
    manifest.scope === project.scope
  );
}

/** Numbers that lack below the highest one; part 0 if there is none at all. */
function missing(numbers: readonly number[]): number[] {
  const there = new Set(numbers);
  const lost: number[] = [];
  for (let part = 0; part <= (numbers.at(-1) ?? 0) && lost.length < NAMED_PARTS; part++) {
    if (!there.has(part)) lost.push(part);
  }
  return lost;
}

/** The reason alone: the path stands beside it. */
function sentence(message: string, path: string): string {
  return message
    .replace(`The manifest ${path} is damaged: `, '')
    .replace(`The manifest ${path}`, 'it')
    .replace(/\.$/, '');
}
