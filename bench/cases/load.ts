// Loads of one run with 20 long series, beside each target's own client. W&B and Comet are the emulators of the tests.

import { join } from 'node:path';
import { startMlflow } from '../../tests/counterparts/mlflow-server.ts';
import { foldersOf, makeSeriesArchive } from '../archive.ts';
import { type Bench, type BenchCase, quiet } from '../case.ts';
import { startServer } from '../servers/child.ts';

const SERIES = 20;
const POINTS = 50_000;

async function makeRun(
  bench: Bench,
): Promise<{ root: string; points: number; amount: { count: number; unit: string } }> {
  const root = bench.path('run');
  const points = bench.scaled(POINTS);
  await makeSeriesArchive(root, 1, SERIES, points);
  return { root, points, amount: { count: SERIES * points, unit: 'points' } };
}

function load(bench: Bench, loader: string, root: string, round: number): string[] {
  const errors = ['--error-report-file', bench.path('errors.jsonl')];
  return ['load', '--loader', loader, ...foldersOf(root), '--name-prefix', `ours-${round}`, ...errors, ...quiet(bench)];
}

/** Beside MLflow's client, and beside what the server takes at most. */
export const loadMlflow: BenchCase = {
  name: 'load-mlflow',
  about: 'load of 1 M points into a real MLflow server, beside its client and beside ready-made bodies',
  async run(bench) {
    const { root, points, amount } = await makeRun(bench);
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
  async run(bench) {
    const { root, amount } = await makeRun(bench);
    const data = join(root, 'data');
    const server = await startServer('wandb.ts', {});
    try {
      const env = { WANDB_BASE_URL: server.url, WANDB_API_KEY: server.token, HOME: bench.folder, WANDB_SILENT: 'true' };
      const client = await bench.peer('wandb', 'load_wandb.py', env);
      await bench.compare({
        name: `load into W&B, ${amount.count.toLocaleString('en')} points`,
        ours: (round) => bench.program(load(bench, 'wandb', root, round), env),
        peer: {
          name: "W&B's SDK",
          command: (round) => client(data, bench.folder, `peer-${round}`),
        },
        requests: server.requests,
        amount,
      });
    } finally {
      await server.stop();
    }
  },
};

export const loadComet: BenchCase = {
  name: 'load-comet',
  about: 'load of 1 M points into an emulated Comet server, beside its SDK',
  async run(bench) {
    const { root, amount } = await makeRun(bench);
    const data = join(root, 'data');
    const server = await startServer('comet.ts', {});
    try {
      const env = {
        COMET_URL_OVERRIDE: `${server.url}/clientlib/`,
        COMET_API_KEY: server.token,
        HOME: bench.folder,
        COMET_DISABLE_AUTO_LOGGING: '1',
        COMET_LOGGING_CONSOLE: 'ERROR',
      };
      const client = await bench.peer('comet', 'load_comet.py', env);
      await bench.compare({
        name: `load into Comet, ${amount.count.toLocaleString('en')} points`,
        ours: (round) => bench.program(load(bench, 'comet', root, round), env),
        peer: {
          name: "Comet's SDK",
          command: (round) => client(data, `peer-${round}`),
        },
        requests: server.requests,
        amount,
      });
    } finally {
      await server.stop();
    }
  },
};
