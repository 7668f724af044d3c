// All values and the list of series and files of some runs, by attributes/query: one request chain for everything.

import type { ScalarRow } from '../../model/batches.ts';
import { ExporterError, failureOf } from '../../model/errors.ts';
import type { RunRef, Selection } from '../../model/runs.ts';
import { AnswerTooLarge } from '../api.ts';
import { isolating, skimming } from '../isolating.ts';
import { ProtobufReader } from '../protobuf.ts';
import { withoutExcluded } from '../selection.ts';
import { handOver, holder, isFatal, type SeriesRef, type Work } from '../work.ts';
import { type AttributeValue, decodeAttributes, type FileRef } from './messages.ts';
import { backendTypes, nameFilter } from './selection.ts';

/** Attribute values a page: the server's limit. */
const PAGE = 10_000;
/** An answer that is larger is asked for in smaller pieces: it is held in memory until it is decoded. */
const MAX_ANSWER_BYTES = 24 << 20;
/** Bytes of exact names a request (with 50 for each run), as the official client keeps to. */
const NAMES_BYTES = 220_000;

export interface FileAttribute {
  run: RunRef;
  path: string;
  file: FileRef;
}

export interface Found {
  series: SeriesRef[];
  files: FileAttribute[];
}

/**
 * Hands the values of the runs to the sink and collects what is still to be fetched. Failed runs are told to the sink.
 * @returns `later`: without patience, the runs that were not read and may be later; nothing of them has been delivered
 */
export async function readAttributes(
  work: Work,
  runs: RunRef[],
  selection: Selection,
  { patient }: { patient: boolean },
): Promise<{ found: Found; later: RunRef[] }> {
  const found: Found = { series: [], files: [] };
  const stays = withoutExcluded(selection);
  const seesAll = selection.attributes.kind === 'all' && selection.classes.has('parameters');
  if (!seesAll) for (const run of runs) work.forks.add(run);
  const lost = new Set<RunRef>();
  const failed = (run: RunRef, error: unknown) => {
    if (!lost.has(run)) work.sink.failure(run, failureOf(error));
    lost.add(run);
  };
  const parts = selectionParts(selection, runs.length);
  // What is read in several requests can't be left for later as a whole.
  const skims = !patient && parts.length === 1;
  const later: RunRef[] = [];
  for (const part of parts) {
    const known = new Map<RunRef, { sysId: boolean }>();
    const state = { known, found, stays, failed };
    const read = (some: RunRef[], budgetMs?: number) => readPages(work, some, part, state, budgetMs);
    if (skims) later.push(...(await skimming(runs, read, failed)));
    else await isolating(runs, read, failed);
    // A run without any attribute may have been lost by an answer cut between two messages, or by an empty one.
    const absent = runs.filter((run) => !known.has(run) && !lost.has(run) && !later.includes(run));
    if (skims) later.push(...(await skimming(absent, read, failed)));
    else await isolating(absent, read, failed);
    // Every run has sys/id.
    const come = seesAll ? runs.filter((run) => !later.includes(run)) : [];
    for (const run of come) if (!known.get(run)?.sysId) failed(run, incomplete(run));
  }
  return { found, later };
}

function incomplete(run: RunRef): ExporterError {
  return new ExporterError(
    'bad_answer',
    `The server lists the run ${run.runId}, but sends its attributes without sys/id.`,
  );
}

/** Many exact names go in several requests. */
function selectionParts(selection: Selection, runs: number): Selection[] {
  const { attributes } = selection;
  if (attributes.kind !== 'names') return [selection];
  const room = NAMES_BYTES - 50 * runs;
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const name of new Set(attributes.names)) {
    const size = Buffer.byteLength(name);
    if (bytes + size > room) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(name);
    bytes += size;
  }
  return parts.map((names) => ({ ...selection, attributes: { kind: 'names', names } }));
}

interface ReadState {
  known: Map<RunRef, { sysId: boolean }>;
  found: Found;
  stays: (path: string) => boolean;
  failed: (run: RunRef, error: unknown) => void;
}

/**
 * Reads the pages of some runs and delivers each as it comes. A chain that breaks after its first page can't be read
 * anew without delivering twice: then its runs have failed.
 */
async function readPages(
  work: Work,
  runs: RunRef[],
  selection: Selection,
  { known, found, stays, failed }: ReadState,
  budgetMs: number | undefined,
): Promise<void> {
  const bySysId = new Map(runs.map((run) => [run.sysId, run]));
  let delivered = false;
  try {
    for await (const page of pagesOf(work, runs, selection, budgetMs)) {
      for (const { sysId, attributes } of page) {
        const run = bySysId.get(sysId);
        if (!run) continue;
        delivered = true;
        const hasId = attributes.some((one) => one.kind === 'scalar' && one.row.path === 'sys/id');
        known.set(run, { sysId: hasId || (known.get(run)?.sysId ?? false) });
        await deliver(work, run, attributes, stays, found);
      }
    }
  } catch (error) {
    if (!delivered || isFatal(error)) throw error;
    for (const run of runs) failed(run, error);
  }
}

async function* pagesOf(
  work: Work,
  runs: RunRef[],
  selection: Selection,
  budgetMs: number | undefined,
): AsyncGenerator<{ sysId: string; attributes: AttributeValue[] }[]> {
  const projectId = runs[0]!.projectId;
  const path = `/api/leaderboard/v1/proto/leaderboard/attributes/query?projectIdentifier=${encodeURIComponent(projectId)}`;
  const fixed = {
    experimentIdsFilter: runs.map(holder),
    attributeFilter: backendTypes(selection),
    ...nameFilter(selection.attributes),
  };
  let nextPageToken: string | undefined;
  let limit = PAGE;
  for (;;) {
    const nextPage = { limit, ...(nextPageToken === undefined ? {} : { nextPageToken }) };
    const call = {
      path,
      body: JSON.stringify({ ...fixed, nextPage }),
      signal: work.signal,
      maxBytes: MAX_ANSWER_BYTES,
      ...(budgetMs === undefined ? {} : { budgetMs }),
    };
    const page = await work.api
      .call(call, (answer) => decodeAttributes(new ProtobufReader(answer)))
      .catch((error: unknown) => {
        // Values of many bytes: ask for fewer runs (by isolating) or, in the middle of a chain, for fewer values.
        const halves = runs.length > 1 && nextPageToken === undefined;
        if (!(error instanceof AnswerTooLarge) || halves || limit === 1) throw error;
        return undefined;
      });
    if (page === undefined) {
      limit = Math.ceil(limit / 8);
      continue;
    }
    if (page.nextPageToken !== undefined && page.nextPageToken === nextPageToken) {
      throw new ExporterError('bad_answer', 'The server repeats a page of attributes for ever.');
    }
    yield page.runs;
    if (page.nextPageToken === undefined) return;
    nextPageToken = page.nextPageToken;
  }
}

async function deliver(
  work: Work,
  run: RunRef,
  attributes: AttributeValue[],
  stays: (path: string) => boolean,
  found: Found,
): Promise<void> {
  const rows: ScalarRow[] = [];
  for (const attribute of attributes) {
    const path = attribute.kind === 'scalar' ? attribute.row.path : attribute.path;
    if (path === 'sys/forking/parent') work.forks.add(run);
    if (!stays(path)) continue;
    if (attribute.kind === 'scalar') {
      rows.push(attribute.row);
    } else if (attribute.kind === 'series') {
      found.series.push({ run, path: attribute.path, type: attribute.type, lastStep: attribute.lastStep });
    } else if (attribute.kind === 'file') found.files.push({ run, path: attribute.path, file: attribute.file });
    else {
      const text = `The server sent no value for an attribute of type ${attribute.type || '(none)'}.`;
      work.sink.failure(run, failureOf(new ExporterError('unsupported', text), attribute));
    }
  }
  if (rows.length > 0) await handOver(work.sink.batch(run, { kind: 'scalars', rows }));
}
