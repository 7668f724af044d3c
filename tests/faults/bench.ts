// What the fault tests share: exports in this process through a proxy, and what they should come to.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DemoServer } from '../../src/demo/http-server.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { ExporterError, type Failure } from '../../src/model/errors.ts';
import { createSource, type SourceName } from '../../src/sources/registry.ts';
import type { Source } from '../../src/sources/source.ts';
import { type ExportResult, exportRuns } from '../../src/transfer/export.ts';
import { startFaultProxy } from '../helpers/fault-proxy.ts';
import { tempFolder } from '../helpers/temp.ts';
import { type Content, contentOf, differencesOf } from './compare.ts';
import { data2, data3, PROJECT } from './data.ts';

export interface ExportSettings {
  name: SourceName;
  token: string;
  folder: string;
  /** @default that of the small data */
  project?: string;
  /** A source of one's own, instead of a server's. */
  source?: Source;
  /** @default 60 s */
  budgetMs?: number;
  concurrency?: number;
  signal?: AbortSignal;
}

/** How an export ended. */
export interface Ended {
  /** As the command line would exit. */
  code: 0 | 1 | 3;
  result: ExportResult | undefined;
  /** What ended it. */
  error: ExporterError | undefined;
  failures: (Failure & { runId: string })[];
  /** `<run id>|<attribute path>` of each failure, sorted. */
  missing: string[];
  ms: number;
}

/** Exports the project in this process. Only an ExporterError is an end; others are thrown. */
export async function exportInto({
  name,
  token,
  folder,
  budgetMs,
  concurrency,
  signal,
  project = PROJECT,
  source: own,
}: ExportSettings): Promise<Ended> {
  const failures: Ended['failures'] = [];
  const made = createSource(name, {
    token,
    concurrency: concurrency ?? 8,
    ...(budgetMs === undefined ? {} : { retryBudgetMs: budgetMs }),
    ...(signal ? { signal } : {}),
  });
  const source = own ?? made;
  const began = performance.now();
  let result: ExportResult | undefined;
  let error: ExporterError | undefined;
  try {
    result = await exportRuns({
      source,
      projects: [project],
      filter: { includeArchived: false },
      selection: {
        attributes: { kind: 'all' },
        classes: new Set(['parameters', 'metrics', 'series', 'files']),
        includePreviews: false,
      },
      dataPath: join(folder, 'data'),
      filesPath: join(folder, 'files'),
      writtenBy: 'fault tests',
      errors: { record: (_, runId, failure) => failures.push({ runId, ...failure }) },
      ...(signal ? { signal } : {}),
    });
  } catch (thrown) {
    if (!(thrown instanceof ExporterError)) throw thrown;
    error = thrown;
  } finally {
    await made.close();
  }
  const incomplete = result && (result.partial > 0 || result.failed > 0);
  return {
    code: error ? 1 : incomplete ? 3 : 0,
    result,
    error,
    failures,
    missing: failures.map(({ runId, attributePath = '' }) => `${runId}|${attributePath}`).sort(),
    ms: performance.now() - began,
  };
}

export interface FaultBench {
  name: SourceName;
  server: DemoServer<unknown>;
  /** What an export without faults came to. */
  reference: Content;
}

/** A server of the small project, and its content as an export without faults has it. */
export async function faultBench(t: TestContext, name: SourceName): Promise<FaultBench> {
  const server =
    name === 'neptune3' ? await startDemoServer({ data: data3() }) : await startNeptune2DemoServer({ data: data2() });
  t.after(() => server.close());
  const folder = await tempFolder(t);
  const proxy = await startFaultProxy(server);
  const { code, error } = await exportInto({ name, token: proxy.token, folder });
  await proxy.close();
  if (code !== 0) throw error ?? new Error(`an export without faults ends with ${code}`);
  return { name, server, reference: await contentOf(folder) };
}

/** Names of files below a folder that no finished export leaves there. */
export async function leftovers(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /\.(tmp|download|jsonl|next)$|(^|[/\\])(_staged|_lock)$/.test(name)).sort();
}

/**
 * What is wrong with the outcome of an export through faults: it has all that the server holds, or names exactly what
 * is missing, each once, and that lies where the faults were.
 */
export function complaints(
  { code, error, missing }: Ended,
  content: Content,
  reference: Content,
  mayMiss: ReadonlySet<string>,
): string[] {
  if (code === 1) {
    const { message } = error!;
    const isSentence = !/\n/.test(message) && /[.!?]$/.test(message);
    return isSentence ? [] : [`no sentence: ${message}`];
  }
  const named = new Set(missing);
  const covered = [...reference.keys()].filter((key) => named.has(key) || named.has(`${key.split('|')[0]}|`));
  return [
    ...(code === 3 && named.size === 0 ? ['something is missing, and nothing is named'] : []),
    ...(code === 0 && named.size > 0 ? [`missing, and nevertheless done: ${missing}`] : []),
    ...missing.filter((key, index) => missing[index - 1] === key && !SEVERAL.test(key)).map((key) => `twice: ${key}`),
    ...[...named].filter((key) => !mayMiss.has(key)).map((key) => `named, though it had no fault: ${key}`),
    ...differencesOf(content, reference, new Set(covered)),
  ];
}

/** Attributes of several files, each of which may be missing. */
const SEVERAL = /\|images\//;
