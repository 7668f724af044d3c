// A Neptune with generated series, in a process of its own. It is told its size as JSON.

import type { FloatSeries } from '../../src/demo/dataset.ts';
import { attribute } from '../../src/demo/dataset.ts';
import type { FaultRule } from '../../src/demo/faults.ts';
import type { DemoServer } from '../../src/demo/http-server.ts';
import { attribute2 } from '../../src/demo/neptune2/dataset.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { startDemoServer } from '../../src/demo/server.ts';
import { START, timeAt, valueAt } from '../batches.ts';
import { report, sum } from './report.ts';
import { PROJECT, type ProjectSize } from './sizes.ts';

function floatSeries(seed: number, length: number): FloatSeries {
  return { length, step: (i) => i, timestamp: (i) => timeAt(seed, i), value: (i) => valueAt(seed, i) };
}

const runId = (run: number) => `BEN-${run + 1}`;

function startNeptune3({ runs, series, points, latencyMs }: ProjectSize): Promise<DemoServer<unknown>> {
  const project = {
    path: PROJECT,
    key: 'BEN',
    runs: Array.from({ length: runs }, (_, run) => ({
      attributes: new Map([
        ['sys/id', attribute.string(runId(run))],
        ['sys/custom_run_id', attribute.string(`run-${run + 1}`)],
        ['sys/name', attribute.string(`run ${run + 1}`)],
        ['sys/creation_time', attribute.datetime(START)],
        ['sys/modification_time', attribute.datetime(START + 1)],
        ['sys/archived', attribute.bool(false)],
        ...Array.from(
          { length: series },
          (_, i) => [`metrics/m${i}`, { type: 'floatSeries', series: floatSeries(run * series + i, points) }] as const,
        ),
      ]),
    })),
  };
  return startDemoServer({ data: { projects: [project] }, faults: latency(latencyMs) }) as Promise<DemoServer<unknown>>;
}

function startNeptune2({
  runs,
  series,
  points,
  latencyMs,
  page = 1000,
  bulk = false,
}: ProjectSize): Promise<DemoServer<unknown>> {
  const project = {
    path: PROJECT,
    key: 'BEN',
    runs: Array.from({ length: runs }, (_, run) => ({
      attributes: new Map([
        ['sys/id', attribute2.string(runId(run))],
        ['sys/name', attribute2.string(`run ${run + 1}`)],
        ['sys/trashed', attribute2.bool(false)],
        ['sys/creation_time', attribute2.datetime(START)],
        ['sys/modification_time', attribute2.datetime(START + 1)],
        ...Array.from(
          { length: series },
          (_, i) => [`metrics/m${i}`, attribute2.floats(floatSeries(run * series + i, points))] as const,
        ),
      ]),
    })),
  };
  const options = {
    data: { projects: [project] },
    faults: latency(latencyMs),
    maxSeriesPage: page,
    bulk,
    keepPages: true,
  };
  return startNeptune2DemoServer(options) as Promise<DemoServer<unknown>>;
}

function latency(ms: number | undefined): FaultRule[] {
  return ms === undefined ? [] : [{ fault: { kind: 'latency', ms } }];
}

const size = JSON.parse(process.argv[2] ?? '') as ProjectSize;
const server = await (size.version === 2 ? startNeptune2(size) : startNeptune3(size));
report({ url: server.url, token: server.token }, () => sum(server.counts));
