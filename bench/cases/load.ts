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
        peer: {
          name: "MLflow's client",
          command: (round) => client(data, server.url, `peer-${round}`),
        },
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
  env(server: ServerChild, folder: string): Record<string, string>;
}

const WANDB: Emulated = {
  loader: 'wandb',
  name: 'W&B',
  env: ({ url, token }, folder) => ({
    ...{ WANDB_BASE_URL: url, WANDB_API_KEY: token, WANDB_SILENT: 'true', HOME: folder },
  }),
};

const COMET: Emulated = {
  loader: 'comet',
  name: 'Comet',
  env: ({ url, token }, folder) => ({
    ...{ COMET_URL_OVERRIDE: `${url}/clientlib/`, COMET_API_KEY: token, HOME: folder },
    ...{ COMET_DISABLE_AUTO_LOGGING: '1', COMET_LOGGING_CONSOLE: 'ERROR' },
  }),
};

async function loadEmulated(
  bench: Bench,
  { loader, name, env }: Emulated,
  { series, points }: { series: number; points: number },
  withPeer: boolean,
): Promise<void> {
  const root = bench.path(`${loader}-${series}-${points}`);
  await makeSeriesArchive(root, 1, series, points);
  const server = await startServer(`${loader}.ts`, {});
  try {
    const surroundings = env(server, bench.folder);
    const client = await bench.peer(loader, `load_${loader}.py`, surroundings);
    const peer: Side = {
      name: `${name}'s SDK`,
      command: (round) => client(join(root, 'data'), bench.folder, `peer-${round}`),
    };
    await bench.compare({
      name: `load into ${name}, ${series.toLocaleString('en')} series × ${points.toLocaleString('en')} points`,
      ours: (round) => bench.program(load(bench, loader, root, round), surroundings),
      ...(withPeer ? { peer } : {}),
      requests: server.requests,
      amount: { count: series * points, unit: 'points' },
    });
  } finally {
    await server.stop();
  }
}
