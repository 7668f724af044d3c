// A real MLflow server for tests: its own SQLite database and artifact folder, artifacts through the server.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Daemon, freePort, isAnswered, startDaemon } from './daemon.ts';
import { python } from './python.ts';

export interface MlflowServer {
  /** `http://127.0.0.1:<port>` */
  url: string;
  folder: string;
  stop(): Promise<void>;
}

export interface MlflowServerOptions {
  /** `database`: SQLite, the default. `folder`: MLflow's file store. */
  store?: 'database' | 'folder';
  args?: string[];
  env?: Record<string, string>;
}

/** Starts a server and waits until it answers. */
export async function startMlflow(options: MlflowServerOptions = {}): Promise<MlflowServer> {
  const { store = 'database', args = [], env = {} } = options;
  const mlflow = join(dirname(await python('mlflow')), 'mlflow');
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-mlflow-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const backend = store === 'database' ? `sqlite:///${join(folder, 'mlflow.db')}` : join(folder, 'store');
  const fixed = ['--backend-store-uri', backend, '--host', '127.0.0.1', '--port', String(port), '--workers', '2'];
  let daemon: Daemon | undefined;
  const stop = async () => {
    await daemon?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    daemon = await startDaemon(
      mlflow,
      ['server', ...fixed, '--artifacts-destination', join(folder, 'artifacts'), ...args],
      {
        name: 'MLflow',
        cwd: folder,
        env: {
          ...process.env,
          MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
          MLFLOW_ALLOW_FILE_STORE: 'true',
          MLFLOW_DISABLE_TELEMETRY: 'true',
          ...env,
        },
        isReady: () => isAnswered(`${url}/health`),
      },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, folder, stop };
}
