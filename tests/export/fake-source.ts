// A source made of plain data, to see what the transfer makes of what a source may say.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ScalarRow } from '../../src/model/batches.ts';
import { ExporterError, FileTooLarge, failureOf } from '../../src/model/errors.ts';
import type { RegistryScope, RunRef, Selection } from '../../src/model/runs.ts';
import type { RemoteFile, RunSink, Source } from '../../src/sources/source.ts';

export interface FakeFile extends Pick<RemoteFile, 'attributePath' | 'type' | 'details'> {
  content?: string;
  /** Index of a point. */
  step?: number;
  timestamp?: bigint;
  /** The name that the answer tells. */
  name?: string;
  /** What the listing tells; nothing by default. */
  size?: number;
  /** Details that the answer tells. */
  later?: Record<string, string>;
  fails?: ExporterError;
}

export interface FakeRun {
  rows?: ScalarRow[];
  files?: FakeFile[];
  /** Attributes that can't be read. */
  lost?: string[];
  /** Float series by path: the values at the steps 0, 1, 2, ...; after `failsAfter` of them the reading fails. */
  series?: Record<string, { values: number[]; failsAfter?: number }>;
  modifiedAt?: number;
  /** @default the run id */
  sysId?: string;
}

/** Runs, models and versions by project and id. Ids of versions begin with their model's. */
export type FakeProject = Partial<Record<'runs' | RegistryScope, Record<string, FakeRun>>>;

export interface FakeSource extends Source {
  /** Downloads begun, as `<run> <attribute> <step>`. */
  downloads: string[];
  /** Series read, as `<run> <attribute>`. */
  seriesRead: string[];
  /** Thrown at the end of a listing, by `<project> <runs|models|model_versions>`. */
  listingEnds: Map<string, Error>;
  projects: Record<string, FakeProject>;
}

export function fakeSource(name: Source['name'], projects: Record<string, FakeProject>): FakeSource {
  const listingEnds = new Map<string, Error>();
  const downloads: string[] = [];
  const seriesRead: string[] = [];
  async function* list(projectId: string, what: 'runs' | RegistryScope, wanted: (id: string) => boolean) {
    const project = source.projects[projectId];
    if (!project) throw new ExporterError('access_denied', `There is no project ${projectId}.`);
    for (const runId of Object.keys(project[what] ?? {}).filter(wanted)) {
      const modifiedAt = project[what]?.[runId]?.modifiedAt;
      const time = modifiedAt === undefined ? {} : { modifiedAt };
      yield [
        {
          projectId,
          runId,
          sysId: project[what]?.[runId]?.sysId ?? runId,
          ...(what === 'runs' ? {} : { scope: what }),
          ...time,
        },
      ];
    }
    const end = listingEnds.get(`${projectId} ${what}`);
    if (end) throw end;
  }
  const source: FakeSource = {
    name,
    address: 'https://fake.invalid',
    downloads,
    seriesRead,
    listingEnds,
    projects,
    listProjects: async () => Object.keys(projects),
    listRuns: (projectId, { ids }) => list(projectId, 'runs', (id) => ids === undefined || ids.includes(id)),
    registry: {
      listModels: (projectId) => list(projectId, 'models', () => true),
      listVersions: (projectId, models) =>
        list(projectId, 'model_versions', (id) => models.some(({ runId }) => id.startsWith(`${runId}-`))),
    },
    async readRuns(runs, _selection: Selection, sink) {
      for (const run of runs) {
        const content = source.projects[run.projectId]?.[run.scope ?? 'runs']?.[run.runId];
        await readRun(run, content ?? {}, sink, { downloads, seriesRead });
      }
    },
    close: async () => {},
  };
  return source;
}

async function readRun(
  run: RunRef,
  { rows, files = [], lost = [], series = {} }: FakeRun,
  sink: RunSink,
  { downloads, seriesRead }: Pick<FakeSource, 'downloads' | 'seriesRead'>,
) {
  const isWanted = (path: string) => sink.wants?.(run, path) ?? true;
  await sink.batch(run, { kind: 'scalars', rows: rows ?? [{ path: 'sys/id', type: 'string', value: run.sysId }] });
  const attributes = new Map(files.map(({ attributePath: path, type }) => [path, { path, type }]));
  sink.fileAttributes(run, [...attributes.values()]);
  const wanted = new Set([...attributes.keys()].filter(isWanted));
  const wantedFiles = files.filter(({ attributePath }) => wanted.has(attributePath));
  await Promise.all(wantedFiles.map((file) => sink.file(run, remote(run, file, downloads))));
  for (const [path, { values, failsAfter = values.length }] of Object.entries(series)) {
    if (!isWanted(path)) continue;
    seriesRead.push(`${run.runId} ${path}`);
    const length = failsAfter;
    const steps = BigInt64Array.from({ length }, (_, index) => BigInt(index) * 1_000_000n);
    const points = { path, length, steps, timestamps: steps, values: Float64Array.from(values.slice(0, length)) };
    if (length > 0) await sink.batch(run, { kind: 'float_series', ...points });
    if (length < values.length) {
      sink.failure(run, failureOf(new ExporterError('server', 'It failed.'), { path, type: 'float_series' }));
    }
  }
  for (const path of lost) {
    sink.failure(run, failureOf(new ExporterError('server', 'It failed.'), { path, type: 'float_series' }));
  }
  await sink.done(run);
}

function remote(run: RunRef, file: FakeFile, downloads: string[]): RemoteFile {
  const { attributePath, type, step, timestamp, name, size, details, content = attributePath } = file;
  return {
    attributePath,
    type,
    origin: `${run.sysId} ${attributePath} ${step ?? ''} ${content}`,
    ...(step === undefined ? {} : { step: BigInt(step) * 1_000_000n }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(size === undefined ? {} : { size }),
    ...(details === undefined ? {} : { details }),
    ...(name === undefined ? {} : { namedByAnswer: true as const }),
    async download(target, { maxBytes = Number.POSITIVE_INFINITY } = {}) {
      downloads.push([run.runId, attributePath, ...(step === undefined ? [] : [step])].join(' '));
      if (file.fails) throw file.fails;
      const bytes = Buffer.byteLength(content);
      if (bytes > maxBytes) throw new FileTooLarge(bytes, maxBytes);
      const path = name === undefined ? target : join(target, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      const sha256 = createHash('sha256').update(content).digest('hex');
      return { bytes, sha256, ...(name === undefined ? {} : { name }), ...(file.later ? { details: file.later } : {}) };
    },
  };
}
