// Loads of one run with 20 long series, beside each target's own client. W&B and Comet are the emulators of the tests.

import { join } from 'node:path';
import { startMlflow } from '../../tests/counterparts/mlflow-server.ts';
import { foldersOf, makeSeriesArchive } from '../archive.ts';
import { type Bench, type BenchCase, quiet } from '../case.ts';
import type { Side } from '../measure.ts';
import { type ServerChild, startServer } from '../servers/child.ts';

const SERIES = 20;
const POINTS = 50_000;

function load(bench: Bench, loader: string, root: string, round: number): string[] {
  const errors = ['--error-report-file', bench.path('errors.jsonl')];
  return ['load', '--loader', loader, ...foldersOf(root), '--name-prefix', `ours-${round}`, ...errors, ...quiet(bench)];
}

/** How many series of how many points one run has. */
interface Size {
  series: number;
  points: number;
}

/**
 * The official exporter, if there is one to measure against, otherwise the target's own client. The former leaves out
 * runs that are there already, so that each round has a project of its own.
 */
async function peerOf(
  bench: Bench,
  loader: string,
  { series, points }: Size,
  options: string[],
  env: Record<string, string>,
  client: Side,
): Promise<Side> {
  const { official } = bench;
  if (official === undefined) return client;
  const root = (round: number) => bench.path(`official-${loader}-${round}`);
  for (let round = 0; round < bench.rounds; round++) {
    await makeSeriesArchive(root(round), 1, series, points, `bench/series-${round}`);
  }
  const log = ['--no-progress', '--log-file', bench.path('official.log')];
  return {
    name: 'official exporter',
    command: (round) => ({
      argv: [official, 'load', '--loader', loader, ...foldersOf(root(round)), ...options, ...log],
      env,
    }),
  };
}

/** Beside MLflow's client, and beside what the server takes at most. */
export const loadMlflow: BenchCase = {
  name: 'load-mlflow',
  about: 'load of 1 M points into a real MLflow server, beside its client and beside ready-made bodies',
  async run(bench) {
    const root = bench.path('run');
    const points = bench.scaled(POINTS);
    await makeSeriesArchive(root, 1, SERIES, points);
    const amount = { count: SERIES * points, unit: 'points' };
    const data = join(root, 'data');
    const client = await bench.peer('mlflow', 'load_mlflow.py');
    const server = await startMlflow();
    try {
      let made = 0;
      const ours = () => bench.program([...load(bench, 'mlflow', root, made++), '--mlflow-tracking-uri', server.url]);
      const bodies = join(import.meta.dirname, '..', 'peers', 'mlflow_bodies.ts');
      const name = `load into MLflow, ${amount.count.toLocaleString('en')} points`;
      await bench.compare({
        ...{ name, ours, amount },
        peer: {
          name: 'ready-made bodies',
          command: (round) => ({
            argv: [process.execPath, bodies, server.url, `bodies-${round}`, `${SERIES}`, `${points}`],
          }),
        },
      });
      await bench.compare({
        ...{ name, ours, amount },
        peer: await peerOf(
          bench,
          'mlflow',
          { series: SERIES, points },
          ['--mlflow-tracking-uri', server.url],
          {},
          {
            name: "MLflow's client",
            command: (round) => client(data, server.url, `peer-${round}`),
          },
        ),
      });
    } finally {
      await server.stop();
    }
  },
};

export const loadWandb: BenchCase = {
  name: 'load-wandb',
  about: 'load of 1 M points into an emulated W&B server, beside its SDK',
  run: async (bench) => loadEmulated(bench, WANDB, { series: SERIES, points: bench.scaled(POINTS) }, true),
};

export const loadComet: BenchCase = {
  name: 'load-comet',
  about: 'load of 1 M points into an emulated Comet server, beside its SDK',
  run: async (bench) => loadEmulated(bench, COMET, { series: SERIES, points: bench.scaled(POINTS) }, true),
};

/** The peak must stay where it is, whatever the length and the number of series. */
export const loadMemory: BenchCase = {
  name: 'load-memory',
  about: 'load into W&B and Comet: the peak with 10 M points, and with 5,000 series in one run',
  async run(bench) {
    for (const target of [WANDB, COMET]) {
      await loadEmulated(bench, target, { series: SERIES, points: bench.scaled(POINTS * 10) }, false);
      await loadEmulated(bench, target, { series: 5000, points: bench.scaled(200) }, false);
    }
  },
};

/** A target whose server is an emulator. */
interface Emulated {
  loader: 'wandb' | 'comet';
  name: string;
  /** What the official exporter has to be told besides. */
  options: string[];
  env(server: ServerChild, folder: string): Record<string, string>;
}

const WANDB: Emulated = {
  loader: 'wandb',
  name: 'W&B',
  options: ['--wandb-entity', 'emulated-team'],
  env: ({ url, token }, folder) => ({
    ...{ WANDB_BASE_URL: url, WANDB_API_KEY: token, WANDB_SILENT: 'true', WANDB_DIR: folder, HOME: folder },
  }),
};

const COMET: Emulated = {
  loader: 'comet',
  name: 'Comet',
  options: ['--comet-workspace', 'emulated-team'],
  env: ({ url, token }, folder) => ({
    ...{ COMET_URL_OVERRIDE: `${url}/clientlib/`, COMET_API_KEY: token, HOME: folder },
    ...{ COMET_DISABLE_AUTO_LOGGING: '1', COMET_LOGGING_CONSOLE: 'ERROR' },
  }),
};

async function loadEmulated(
  bench: Bench,
  { loader, name, options, env }: Emulated,
  { series, points }: Size,
  withPeer: boolean,
): Promise<void> {
  const root = bench.path(`${loader}-${series}-${points}`);
  await makeSeriesArchive(root, 1, series, points);
  const server = await startServer(`${loader}.ts`, {});
  try {
    const surroundings = env(server, bench.folder);
    const client = await bench.peer(loader, `load_${loader}.py`, surroundings);
    const sdk: Side = {
      name: `${name}'s SDK`,
      command: (round) => client(join(root, 'data'), bench.folder, `peer-${round}`),
    };
    await bench.compare({
      name: `load into ${name}, ${series.toLocaleString('en')} series × ${points.toLocaleString('en')} points`,
      ours: (round) => bench.program(load(bench, loader, root, round), surroundings),
      ...(withPeer ? { peer: await peerOf(bench, loader, { series, points }, options, surroundings, sdk) } : {}),
      requests: server.requests,
      amount: { count: series * points, unit: 'points' },
    });
  } finally {
    await server.stop();
  }
}
