// Builds runs out of batches for tests, and writes them as archives do.

import { writeManifest } from '../../src/archive/manifest.ts';
import type { Manifest } from '../../src/archive/types.ts';
import { RunWriter } from '../../src/archive/writer.ts';
import type { Batch, FloatSeriesBatch, ScalarRow } from '../../src/model/batches.ts';
import type { RunInfo } from '../../src/model/runs.ts';

export interface SampleRun {
  info: RunInfo;
  batches: Batch[];
}

/** Values in bulk: path to [step, time in ms, value]; a step is text with up to six decimals. */
export type Points<T> = [step: string, timestamp: number | bigint | null, value: T][];

export function microSteps(text: string): bigint {
  const [, sign, whole = '0', places = ''] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  const micro = BigInt(whole) * 1_000_000n + BigInt(places.padEnd(6, '0'));
  return sign === '-' ? -micro : micro;
}

function columns(path: string, points: Points<unknown>) {
  const missing = points.some(([, timestamp]) => timestamp === null);
  return {
    path,
    length: points.length,
    steps: BigInt64Array.from(points, ([step]) => microSteps(step)),
    timestamps: BigInt64Array.from(points, ([, timestamp]) => BigInt(timestamp ?? 0)),
    ...(missing ? { timestampValid: Uint8Array.from(points, ([, timestamp]) => (timestamp === null ? 0 : 1)) } : {}),
  };
}

/** A null value is how the official exporter writes NaN. */
export function floats(path: string, points: Points<number | null>): FloatSeriesBatch {
  const nulls = points.some(([, , value]) => value === null);
  return {
    kind: 'float_series',
    ...columns(path, points),
    values: Float64Array.from(points, ([, , value]) => value ?? 0),
    ...(nulls ? { valueValid: Uint8Array.from(points, ([, , value]) => (value === null ? 0 : 1)) } : {}),
  };
}

export function strings(path: string, points: Points<string | null>): Batch {
  return { kind: 'string_series', ...columns(path, points), values: points.map(([, , value]) => value) };
}

export function fileSeries(path: string, points: Points<string | null>): Batch {
  return { kind: 'file_series', ...columns(path, points), values: points.map(([, , value]) => value) };
}

export function histograms(path: string, points: Points<{ edges: number[]; values: number[] }>): Batch {
  const values = points.map(([, , value]) => ({
    type: 'COUNTING',
    edges: Float64Array.from(value.edges),
    values: Float64Array.from(value.values),
  }));
  return { kind: 'histogram_series', ...columns(path, points), values };
}

export function scalars(rows: ScalarRow[]): Batch {
  return { kind: 'scalars', rows };
}

/** A run with the attributes that every run of Neptune 3 has, and those given. */
export function sampleRun(
  projectId: string,
  runId: string,
  batches: Batch[],
  sys: ScalarRow[] = [{ path: 'sys/name', type: 'string', value: 'an experiment' }],
): SampleRun {
  const rows: ScalarRow[] = [
    { path: 'sys/custom_run_id', type: 'string', value: runId },
    { path: 'sys/id', type: 'string', value: 'TST-1' },
    { path: 'sys/creation_time', type: 'datetime', value: 1_700_000_000_123n },
    { path: 'sys/modification_time', type: 'datetime', value: 1_700_000_900_456n },
    ...sys,
  ];
  const byPath = new Map(rows.map((row) => [row.path, row]));
  const text = (path: string) => {
    const row = byPath.get(path);
    return row?.type === 'string' && row.value !== null ? row.value : undefined;
  };
  const info = {
    projectId,
    runId,
    customRunId: runId,
    experimentName: text('sys/name'),
    parentRunId: text('sys/forking/parent'),
    creationTime: 1_700_000_000_123,
    modificationTime: 1_700_000_900_456,
    sys: byPath,
  };
  const known = Object.fromEntries(
    Object.entries(info).filter(([, value]) => value !== undefined),
  ) as unknown as RunInfo;
  return { info: known, batches: [scalars(rows), ...batches] };
}

/** A straight line of float points, a step apart. */
export function line(length: number, slope: number): [string, number, number][] {
  return Array.from({ length }, (_, i) => [String(i), 1_700_000_000_000 + i, i * slope]);
}

/** Writes runs without manifests, as the official exporter does. @param partBytes for small parts */
export async function writeArchive(dataPath: string, runs: readonly SampleRun[], partBytes?: number): Promise<void> {
  for (const { info, batches } of runs) {
    const { projectId, runId } = info;
    const small = partBytes === undefined ? {} : { partBytes, rowGroupBytes: partBytes };
    const writer = await RunWriter.create({ dataPath, projectId, runId, replace: true, ...small });
    for (const batch of batches) await writer.append(batch);
    await writer.finish();
  }
}

/** Writes a run with its manifest, as an export does. */
export async function writeExported(
  dataPath: string,
  { info, batches }: SampleRun,
  more: Partial<Pick<Manifest, 'status' | 'files' | 'skippedFiles' | 'failures' | 'accepted'>> = {},
): Promise<void> {
  const { projectId, runId } = info;
  const writer = await RunWriter.create({ dataPath, projectId, runId, replace: true });
  for (const batch of batches) await writer.append(batch);
  const { parts, counts } = await writer.finish();
  await writeManifest(dataPath, {
    format: 'neptune-exporter-run',
    version: 1,
    status: 'complete',
    projectId,
    runId,
    writtenBy: 'test',
    writtenAt: '2026-01-01T00:00:00.000Z',
    source: { name: 'neptune3', address: 'http://127.0.0.1' },
    selection: { attributes: 'all', classes: ['files'], previews: false },
    parts,
    files: [],
    counts,
    failures: [],
    ...more,
  });
}
