// Resolvers of runs: what they are, their history, console and files.

import { type Connection, connection } from './connections.ts';
import type { Arguments, Resolvers } from './graphql/execute.ts';
import { isObject, parseLenient, parseObject, quoteNonFinite } from './json.ts';
import { demand } from './refusal.ts';
import { matches, ordered } from './run-filters.ts';
import type { Site } from './site.ts';
import type { Project, Run } from './store.ts';

export interface RunFile {
  run: Run;
  path: string;
}

/** Files that are stored and were reported. */
export function filesOf(run: Run, site: Site): RunFile[] {
  return [...run.uploaded]
    .filter((path) => site.storage.objects.has(run.keyOf(path)))
    .sort()
    .map((path) => ({ run, path }));
}

/** Runs of a project that a filter (JSON) means, in an order. @throws Refusal */
export function runsOf(project: Project, { filters, order }: Arguments): Run[] {
  const runs = [...project.runs.values()];
  const filter = typeof filters === 'string' && filters !== '' ? parseLenient(filters) : {};
  return ordered(
    runs.filter((run) => matches(run, filter)),
    (order as string | null | undefined) ?? '+created_at',
  );
}

/** SQL's LIKE. */
function likeness(pattern: string): RegExp {
  const parts = [...pattern].map((one) => (one === '%' ? '.*' : one === '_' ? '.' : one.replace(/\W/gu, '\\$&')));
  return new RegExp(`^${parts.join('')}$`, 's');
}

const tail = (lines: string[]) => JSON.stringify(lines.slice(-1));

/** A line of the console is `TIME text`; errors are marked. */
function logLine(run: Run, at: number) {
  const line = run.output[at]!;
  const groups = /^(?<error>ERROR )?(?<time>\d{4}-\d\d-\d\dT\S+) (?<text>.*)$/s.exec(line)?.groups;
  const level = groups?.error ? 'error' : 'info';
  return { number: at, timestamp: groups?.time ?? null, level, label: null, line: groups?.text ?? line };
}

function logLines(run: Run, given: Arguments): Connection<object> {
  const lines = run.output.map((_, at) => logLine(run, at));
  return typeof given.last === 'number'
    ? connection(lines.slice(-given.last), { first: given.last })
    : connection(lines, given);
}

function sampled(run: Run, specs: string[]): unknown[] {
  return specs.map((text) => {
    const { keys, minStep = 0, maxStep = Number.MAX_SAFE_INTEGER, samples = 500, ...rest } = parseObject(text);
    demand(Array.isArray(keys) && keys.length > 0, 'sampledHistory: a spec needs keys');
    demand(Object.keys(rest).length === 0, `sampledHistory: unknown fields ${Object.keys(rest)} of a spec`);
    return run.history.sampled(keys as string[], minStep as number, maxStep as number, samples as number);
  });
}

/** All rows, with what is asked for of each. None was exported to parquet yet. */
function liveData(run: Run, keys: string[]): unknown[] {
  if (keys.length === 1 && keys[0] === '_step') return run.history.steps.map((step) => ({ _step: step }));
  return run.history.lines.map((_, at) => {
    const row = run.history.row(at);
    return Object.fromEntries(keys.filter((key) => key in row).map((key) => [key, row[key]]));
  });
}

function textOf(json: string, { bareNonFinite }: Site): string {
  return bareNonFinite ? json : quoteNonFinite(json);
}

export const RUN_RESOLVERS: Resolvers<Site> = {
  Project: {
    runs: (project: Project, given) => connection(runsOf(project, given), given),
    runCount: (project: Project, given) => runsOf(project, given).length,
    run: (project: Project, { name }) => project.runs.get(name as string) ?? null,
    bucket: (project: Project, { name }) => project.runs.get(name as string) ?? null,
  },
  Run: {
    createdAt: (run: Run) => run.createdAt.toISOString(),
    heartbeatAt: (run: Run) => run.heartbeatAt.toISOString(),
    readOnly: () => false,
    user: (_: Run, __, { user }) => ({ ...user }),
    projectId: (run: Run) => run.project.internalId,
    config: (run: Run, _, site) => textOf(run.config, site),
    summaryMetrics: (run: Run, _, site) => textOf(run.summaryText, site),
    systemMetrics: (run: Run, _, site) => textOf(run.events.at(-1) ?? '{}', site),
    wandbConfig: (run: Run, { keys }) => {
      const wrapped = parseObject(run.config)._wandb;
      const value = isObject(wrapped) && isObject(wrapped.value) ? wrapped.value : {};
      const picked = Object.entries(value).filter(([key]) => !Array.isArray(keys) || keys.includes(key));
      return JSON.stringify(Object.fromEntries(picked));
    },
    historyLineCount: (run: Run) => run.history.lines.length,
    eventsLineCount: (run: Run) => run.events.length,
    logLineCount: (run: Run) => run.output.length,
    historyTail: (run: Run) => tail(run.history.lines),
    eventsTail: (run: Run) => tail(run.events),
    historyKeys: (run: Run) =>
      run.history.lines.length > 0 ? { sets: [], keys: run.history.keyInfo(), lastStep: run.history.lastStep } : null,
    history: (run: Run, { minStep, maxStep, samples }, site) =>
      run.history
        .page(
          (minStep as number | null) ?? 0,
          (maxStep as number | null) ?? Number.MAX_SAFE_INTEGER,
          (samples as number | null) ?? 500,
        )
        .map((line) => textOf(line, site)),
    events: (run: Run, { samples }, site) =>
      run.events.slice(-((samples as number | null) ?? 500)).map((line) => textOf(line, site)),
    sampledHistory: (run: Run, { specs }) => sampled(run, specs as string[]),
    parquetHistory: (run: Run, { liveKeys }) => ({ parquetUrls: [], liveData: liveData(run, liveKeys as string[]) }),
    logLines: (run: Run, given) => logLines(run, given),
    fileCount: (run: Run, _, site) => filesOf(run, site).length,
    files: (run: Run, given, site) => {
      const names = (given.names ?? []) as string[];
      const like = typeof given.pattern === 'string' && given.pattern !== '' ? likeness(given.pattern) : undefined;
      const found = filesOf(run, site).filter(
        ({ path }) => (names.length === 0 || names.includes(path)) && (like?.test(path) ?? true),
      );
      return connection(
        found.map((file) => describeFile(file, site)),
        given,
      );
    },
  },
};

function describeFile({ run, path }: RunFile, site: Site) {
  const key = run.keyOf(path);
  const object = site.storage.objects.get(key);
  const parts = [run.project.entity, run.project.name, run.name, ...path.split('/')].map(encodeURIComponent);
  return {
    id: Buffer.from(`File:${key}`).toString('base64'),
    name: path,
    displayName: path,
    url: `${site.url}/files/${parts.join('/')}`,
    directUrl: site.storage.sign({ method: 'GET', key }),
    sizeBytes: object?.bytes.length ?? 0,
    mimetype: null,
    updatedAt: object?.storedAt.toISOString() ?? null,
    md5: object?.md5 ?? null,
    digest: object?.md5 ?? null,
    storagePath: key,
    uploadUrl: null,
    uploadHeaders: [],
    uploadMultipartUrls: null,
    artifact: null,
  };
}
