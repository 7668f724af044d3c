// All values and the list of series and files of some runs, by attributes/query: one request chain for everything.

import type { ScalarRow } from '../../model/batches.ts';
import { ExporterError, failureOf } from '../../model/errors.ts';
import type { RunRef, Selection } from '../../model/runs.ts';
import { type AttributeValue, decodeAttributes, type FileRef } from './messages.ts';
import { ProtobufReader } from './protobuf.ts';
import { backendTypes, nameFilter } from './selection.ts';
import { handOver, holder, isolating, type SeriesRef, type Work } from './work.ts';

/** Attribute values a page: the server's limit. */
const PAGE = 10_000;
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

/** Hands the values of the runs to the sink and collects what is still to be fetched. Failed runs are told to the sink. */
export async function readAttributes(work: Work, runs: RunRef[], selection: Selection): Promise<Found> {
  const found: Found = { series: [], files: [] };
  for (const part of selectionParts(selection, runs.length)) {
    await isolating(
      runs,
      async (some, budgetMs) => {
        // Only what a whole chain of pages gave is kept: a chain that breaks is read anew, for fewer runs.
        const chain = await readChain(work, some, part, budgetMs);
        for (const [run, attributes] of chain) await deliver(work, run, attributes, found);
      },
      (run, error) => work.sink.failure(run, failureOf(error)),
    );
  }
  return found;
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

async function readChain(
  work: Work,
  runs: RunRef[],
  selection: Selection,
  budgetMs: number | undefined,
): Promise<Map<RunRef, AttributeValue[]>> {
  const projectId = runs[0]!.projectId;
  const path = `/api/leaderboard/v1/proto/leaderboard/attributes/query?projectIdentifier=${encodeURIComponent(projectId)}`;
  const bySysId = new Map(runs.map((run) => [run.sysId, run]));
  const result = new Map<RunRef, AttributeValue[]>();
  const fixed = {
    experimentIdsFilter: runs.map(holder),
    attributeFilter: backendTypes(selection),
    ...nameFilter(selection.attributes),
  };
  let nextPageToken: string | undefined;
  do {
    const nextPage = { limit: PAGE, ...(nextPageToken === undefined ? {} : { nextPageToken }) };
    const page = await work.api.call(
      {
        path,
        body: JSON.stringify({ ...fixed, nextPage }),
        signal: work.signal,
        ...(budgetMs === undefined ? {} : { budgetMs }),
      },
      (answer) => decodeAttributes(new ProtobufReader(answer)),
    );
    if (page.nextPageToken !== undefined && page.nextPageToken === nextPageToken) {
      throw new ExporterError('bad_answer', 'The server repeats a page of attributes for ever.');
    }
    for (const { sysId, attributes } of page.runs) {
      const run = bySysId.get(sysId);
      if (!run) continue;
      const all = result.get(run);
      if (all) for (const attribute of attributes) all.push(attribute);
      else result.set(run, attributes);
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken !== undefined);
  return result;
}

async function deliver(work: Work, run: RunRef, attributes: AttributeValue[], found: Found): Promise<void> {
  const rows: ScalarRow[] = [];
  for (const attribute of attributes) {
    if (attribute.kind === 'scalar') rows.push(attribute.row);
    else if (attribute.kind === 'series') {
      found.series.push({ run, path: attribute.path, type: attribute.type, lastStep: attribute.lastStep });
    } else if (attribute.kind === 'file') found.files.push({ run, path: attribute.path, file: attribute.file });
    else {
      const text = `The server sent no value for an attribute of type ${attribute.type || '(none)'}.`;
      work.sink.failure(run, failureOf(new ExporterError('unsupported', text), attribute));
    }
  }
  if (rows.length > 0) await handOver(work.sink.batch(run, { kind: 'scalars', rows }));
}
