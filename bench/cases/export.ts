// Exports of generated projects, beside the official exporter or what does its work.

import { type Bench, type BenchCase, quiet } from '../case.ts';
import type { Command, Side } from '../measure.ts';
import { startServer } from '../servers/child.ts';
import { allPoints, PROJECT, type ProjectSize } from '../servers/sizes.ts';

/** Neptune 3: series come many in a request, as protobuf. */
export const export3: BenchCase = {
  name: 'export3',
  about: 'export of Neptune 3: 50 runs × 100 series × 2,000 points beside the peer',
  run: async (bench) => exportBeside(bench, { version: 3, runs: bench.scaled(50), series: 100, points: 2000 }),
};

/** The peak must stay where it is, whatever the amount and its shape. */
export const export3Memory: BenchCase = {
  name: 'export3-memory',
  about: 'export of Neptune 3: the peak at 1 M and 50 M points, and with 5,000 series a run',
  run: async (bench) => {
    await exportAlone(bench, { version: 3, runs: bench.scaled(5), series: 100, points: 2000 });
    await exportAlone(bench, { version: 3, runs: bench.scaled(250), series: 100, points: 2000 });
    await exportAlone(bench, { version: 3, runs: 4, series: bench.scaled(5000), points: 500 });
  },
};

/** What a far server costs: each request waits 20 ms. */
export const export3Latency: BenchCase = {
  name: 'export3-latency',
  about: 'export of Neptune 3 with 20 ms latency a request: 10 runs × 100 series × 2,000 points',
  run: async (bench) =>
    exportBeside(bench, { version: 3, runs: bench.scaled(10), series: 100, points: 2000, latencyMs: 20 }),
};

const NEPTUNE2 = { version: 2, series: 40, points: 2000 } as const;

/** Neptune 2: one series a request, as JSON, in pages as large as the server allows, which no document tells. */
export const export2: BenchCase = {
  name: 'export2',
  about: 'export of Neptune 2: 50 runs × 40 series × 2,000 points beside the peer',
  run: async (bench) => exportBeside(bench, { ...NEPTUNE2, runs: bench.scaled(50), page: 10_000 }),
};

/** A server that gives no more points a request than the official client asks for. */
export const export2Pages: BenchCase = {
  name: 'export2-pages',
  about: 'the same with pages of 1,000 points',
  run: async (bench) => exportBeside(bench, { ...NEPTUNE2, runs: bench.scaled(50) }),
};

/** Newer servers answer many series in one request, as protobuf. */
export const export2Bulk: BenchCase = {
  name: 'export2-bulk',
  about: 'the same with many series a request',
  run: async (bench) => exportBeside(bench, { ...NEPTUNE2, runs: bench.scaled(50), bulk: true }),
};

function exportAlone(bench: Bench, size: ProjectSize): Promise<void> {
  return measureExport(bench, size, false);
}

function exportBeside(bench: Bench, size: ProjectSize): Promise<void> {
  return measureExport(bench, size, true);
}

async function measureExport(bench: Bench, size: ProjectSize, withPeer: boolean): Promise<void> {
  const server = await startServer('neptune.ts', size);
  try {
    // The client of Neptune 2 refuses to renew its token over http, even on this machine, unless told so.
    const env = { NEPTUNE_API_TOKEN: server.token, OAUTHLIB_INSECURE_TRANSPORT: '1' };
    let made = 0;
    const folders = (who: string) => {
      const root = bench.path(`export-${who}-${size.runs}-${size.series}-${made++}`);
      return ['-d', `${root}/data`, '-f', `${root}/files`];
    };
    const common = ['export', '--exporter', `neptune${size.version}`, '-p', PROJECT];
    await bench.compare({
      name: nameOf(size),
      ours: () => bench.program([...common, ...folders('ours'), ...quiet(bench)], env),
      ...(withPeer ? { peer: await peerOf(bench, size, (who) => [...common, ...folders(who)], env) } : {}),
      requests: server.requests,
      amount: { count: allPoints(size), unit: 'points' },
    });
  } finally {
    await server.stop();
  }
}

async function peerOf(
  bench: Bench,
  { version }: ProjectSize,
  args: (who: string) => string[],
  env: Record<string, string>,
): Promise<Side> {
  const { official } = bench;
  if (official !== undefined) {
    const logs = ['--no-progress', '--log-file', bench.path('official.log')];
    const errors = ['--error-report-file', bench.path('official-errors.jsonl')];
    const command = (): Command => ({ argv: [official, ...args('official'), ...logs, ...errors], env });
    return { name: 'official exporter', command };
  }
  const make = await bench.peer(version === 3 ? 'neptune3' : 'neptune2', `export${version}.py`, env);
  let made = 0;
  const command = () => make(PROJECT, bench.path(`export${version}-peer-${made++}`));
  return { name: version === 3 ? 'neptune-query and pyarrow' : 'neptune 1.x', command };
}

function nameOf({ version, runs, series, points, latencyMs, page = 1000, bulk }: ProjectSize): string {
  const amount = `${runs} runs × ${series.toLocaleString('en')} series × ${points.toLocaleString('en')} points`;
  const server = version === 3 ? '' : bulk ? ' (many series at once)' : ` (pages of ${page.toLocaleString('en')})`;
  return `export, Neptune ${version}${server}: ${amount}${latencyMs === undefined ? '' : `, ${latencyMs} ms a request`}`;
}
