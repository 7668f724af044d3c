// `verify --source`: the archive beside the server that it came from.

import { findArchive } from '../archive/reader.ts';
import { type Note, noteOf, type Problem, type VerifyFolder } from '../archive/verify/index.ts';
import type { RegistryScope } from '../model/runs.ts';
import { createSource } from '../sources/registry.ts';
import { parseApiToken } from '../sources/token.ts';
import { compareWithSource } from '../transfer/compare-source.ts';
import type { Progress } from '../transfer/progress.ts';
import type { CliContext } from './context.ts';
import type { Log } from './logging.ts';
import { askServer, type Exporter } from './neptune.ts';

/** Requests at the same time, and how long one is tried. */
const CONCURRENCY = 16;
const RETRY_MS = 60_000;
/** Set and not empty: as of `export`. */
const SELF_SIGNED = 'NEPTUNE_ALLOW_SELF_SIGNED_CERTIFICATE';
const SCOPES: readonly (RegistryScope | undefined)[] = [undefined, 'models', 'model_versions'];

export interface SourceCheck {
  folders: readonly VerifyFolder[];
  apiToken?: string;
  exporter?: Exporter;
  projects?: readonly string[];
  runs?: readonly string[];
  onProblem(problem: Problem): void;
}

/** What a comparison adds to the result of verifying. */
export interface SourceResult {
  /** Of the server. */
  address: string;
  /** Runs, models and versions. */
  compared: number;
  /** Points and values that the server sent. */
  rows: number;
  notes: Note[];
}

/** The token, before anything else is done. @throws ExporterError `token_missing`, `token_invalid` */
export function sourceToken(apiToken: string | undefined, { env }: CliContext): string {
  return parseApiToken(apiToken ?? env.NEPTUNE_API_TOKEN).text;
}

/** @throws ExporterError as `compareWithSource` */
export async function compareArchive(
  check: SourceCheck,
  { context, log, signal, progress }: { context: CliContext; log: Log; signal: AbortSignal; progress: Progress },
): Promise<SourceResult> {
  const token = sourceToken(check.apiToken, context);
  const insecure = Boolean(context.env[SELF_SIGNED]);
  const exporter = check.exporter ?? (await askServer({ token, insecure, signal }, context.terminal));
  const source = createSource(exporter, {
    token,
    insecure,
    concurrency: CONCURRENCY,
    retryBudgetMs: RETRY_MS,
    logger: log,
    signal,
  });
  const result: SourceResult = { address: source.address, compared: 0, rows: 0, notes: [] };
  const note = (code: Note['code'], count: number) => {
    if (count > 0) result.notes.push(noteOf(code, count));
  };
  try {
    for (const { dataPath } of check.folders) {
      for (const scope of SCOPES) {
        const archive = await findArchive(dataPath, scope === undefined ? {} : { scope });
        if (!archive) continue;
        const found = await compareWithSource({
          source,
          archive,
          ...(scope === undefined ? {} : { scope }),
          ...(check.projects ? { projects: check.projects } : {}),
          ...(check.runs ? { runs: check.runs } : {}),
          onDifference: check.onProblem,
          progress: {
            project: (id, runs) => progress.project(`${id} at ${source.address}`, runs),
            runFinished: (id, isSame) => progress.runFinished(id, isSame ? 'done' : 'failed'),
            points: (count) => progress.points(count),
          },
          signal,
        });
        result.compared += found.compared;
        result.rows += found.points;
        note('source_gone', found.onlyHere);
        note('source_archived', found.archivedThere);
      }
    }
  } finally {
    await source.close();
  }
  return result;
}
