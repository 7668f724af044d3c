// Which of the listed runs are exported: those that the archive lacks, has in part, or is to bring up to date.

import { findRun } from '../archive/find-run.ts';
import { writeManifest } from '../archive/manifest.ts';
import type { Manifest } from '../archive/types.ts';
import { ExporterError, failureOf } from '../model/errors.ts';
import type { RegistryScope, RunRef } from '../model/runs.ts';
import type { Source } from '../sources/source.ts';
import type { ExportResult, SettledOptions } from './export-options.ts';
import { isLost } from './lost-content.ts';
import { coversSelection, keepsRecorded } from './selection-record.ts';

const THINGS: Record<RegistryScope, string> = { models: 'models', model_versions: 'model versions' };

/** What is exported, as a word for people. */
export function thingsOf(scope: RegistryScope | undefined): string {
  return scope === undefined ? 'runs' : THINGS[scope];
}

/** Why a run is exported, or left as it is. */
type Choice =
  | 'missing'
  /** Exported with less than is asked for now. */
  | 'wider'
  | 'lost'
  /** Changed at the source. */
  | 'refresh'
  | 'partial'
  | 'whole'
  /** Whole, as far as `verify --adopt` could tell. */
  | 'adopted'
  | 'unverified'
  | 'changed'
  | 'narrower'
  | 'keptPartial'
  | 'accepted';

const EXPORTED: ReadonlySet<Choice> = new Set(['missing', 'wider', 'lost', 'refresh', 'partial']);

/**
 * Leaves out the runs that the archive holds whole, and those of which this selection would lose a part. A run that was
 * exported with less than is asked for now, or of which something is lost, is exported anew.
 */
export async function chooseRuns(
  runs: RunRef[],
  things: string,
  options: SettledOptions,
  result: ExportResult,
): Promise<RunRef[]> {
  const wanted: RunRef[] = [];
  const chosen = new Map<Choice, number>();
  for (const run of runs) {
    let choice: Choice;
    try {
      choice = await chooseRun(run, options, result);
    } catch (error) {
      // A manifest that can't be read, or another run's: nothing is written over it, and the others go on.
      options.errors?.record(run.projectId, run.runId, failureOf(error));
      result.failed++;
      options.progress.runFinished(run.runId, 'failed');
      continue;
    }
    chosen.set(choice, (chosen.get(choice) ?? 0) + 1);
    if (EXPORTED.has(choice)) {
      wanted.push(run);
      continue;
    }
    if (choice === 'keptPartial') result.partial++;
    else result.skipped++;
    if (choice !== 'whole' && choice !== 'adopted')
      result[choice as 'changed' | 'narrower' | 'unverified' | 'accepted' | 'keptPartial']++;
    options.progress.runFinished(run.runId, choice === 'keptPartial' ? 'partial' : 'skipped');
  }
  tell(chosen, things, options);
  return wanted;
}

async function chooseRun(run: RunRef, options: SettledOptions, result: ExportResult): Promise<Choice> {
  const { dataPath, selection, source, refresh = false, acceptPartial = false } = options;
  const there = await findRun(dataPath, run.projectId, run.runId, run.scope);
  if (!there || there.interrupted) return 'missing';
  const { manifest } = there;
  if (!manifest) return 'unverified';
  throwIfAnother(run, manifest, source);
  const keeps = keepsRecorded(selection, manifest.selection);
  const covers = coversSelection(manifest, selection);
  const lost = keeps && (await isLost(manifest, options));
  const changed = hasChanged(run, manifest);
  const isPartial = manifest.status === 'partial';
  if (isPartial && acceptPartial && covers && !lost && !(changed && refresh)) {
    await accept(manifest, dataPath);
    if (changed) result.changed++;
    return 'accepted';
  }
  if (isPartial) return keeps ? 'partial' : 'keptPartial';
  if (keeps && !covers) return 'wider';
  if (lost) return 'lost';
  if (changed && refresh && keeps) return 'refresh';
  if (!covers) return 'narrower';
  if (changed) return 'changed';
  return manifest.adopted === undefined ? 'whole' : 'adopted';
}

/**
 * The archive may hold the only copy of a run that is gone at the source: another one of the same id must not replace it.
 * @throws ExporterError `unsupported`
 */
function throwIfAnother(run: RunRef, { sysId, source: from, adopted }: Manifest, source: Source): void {
  const another = sysId !== undefined && sysId !== run.sysId;
  const elsewhere = adopted === undefined && from.name !== source.name;
  if (!another && !elsewhere) return;
  const what = another ? `${sysId} of ${from.address}` : `a run of ${from.name} at ${from.address}`;
  throw new ExporterError(
    'unsupported',
    `The archive has another run of the id ${run.runId}: ${what}; here it is ${run.sysId} of ${source.address}. It stays as it is.`,
    { hint: 'Use a fresh --data-path and --files-path for this one.' },
  );
}

/** Another time of the last change than when it was exported; a source that was put back to an earlier state has that, too. */
export function hasChanged(run: RunRef, manifest: Manifest | undefined): boolean {
  const before = manifest?.modifiedAt;
  return run.modifiedAt !== undefined && before !== undefined && run.modifiedAt !== before;
}

async function accept(manifest: Manifest, dataPath: string): Promise<void> {
  if (manifest.accepted !== undefined) return;
  await writeManifest(dataPath, { ...manifest, accepted: new Date().toISOString() });
}

/** What people should know of the runs that were left as they are, or are exported anew. */
function tell(chosen: ReadonlyMap<Choice, number>, things: string, { logger, refresh }: SettledOptions): void {
  const say = (choice: Choice, text: string, level: 'warn' | 'info' = 'warn') => {
    const count = chosen.get(choice) ?? 0;
    if (count > 0) logger[level](text.replace('#', `${count} of the ${things}`));
  };
  say(
    'narrower',
    "Skipped: #. They were exported with another selection (-a, -c, --exclude, --exclude-attributes, --max-file-size) that left out some of what is asked for now, and have some that isn't. Ask for both, or use a fresh --data-path and --files-path.",
  );
  say(
    'keptPartial',
    'Partial, and left as they are: #. They were exported with a wider selection than this one. Repeat the export with the first selection to complete them.',
  );
  say(
    'changed',
    refresh
      ? 'Changed at the source, but left as they are: #. They were exported with a wider selection than this one. Repeat --refresh with the first selection.'
      : 'Changed at the source since they were exported: #. --refresh brings them up to date.',
  );
  say('refresh', 'Changed at the source since they were exported, and exported anew: #.', 'info');
  say('unverified', "Skipped: #. They are the official exporter's, and nobody recorded whether they are whole.");
  say(
    'adopted',
    "Skipped: #. They are the official exporter's, recorded by verify --adopt: whether they hold all of the run nobody knows.",
    'info',
  );
  say('accepted', 'Partial, and accepted as they are: #.');
  say('lost', 'Exported anew: #. Parquet or downloaded files of theirs are lost or of another size.');
}
