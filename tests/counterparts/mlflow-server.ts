// A real MLflow server for tests: its own SQLite database and artifact folder, artifacts through the server.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
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

const START_TIMEOUT_MS = 180_000;

/** Starts a server and waits until it answers. */
export async function startMlflow(options: MlflowServerOptions = {}): Promise<MlflowServer> {
  const { store = 'database', args = [], env = {} } = options;
  const mlflow = join(dirname(await python('mlflow')), 'mlflow');
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-mlflow-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const backend = store === 'database' ? `sqlite:///${join(folder, 'mlflow.db')}` : join(folder, 'store');
  const fixed = ['--backend-store-uri', backend, '--host', '127.0.0.1', '--port', String(port), '--workers', '2'];
  const child = spawn(mlflow, ['server', ...fixed, '--artifacts-destination', join(folder, 'artifacts'), ...args], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      MLFLOW_ALLOW_FILE_STORE: 'true',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      ...env,
    },
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const end = () => killGroup(child);
  process.once('exit', end);
  const stop = async () => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    killGroup(child);
    await ended;
    process.off('exit', end);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isHealthy(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`MLflow did not start:\n${output.join('')}`);
    }
    await pause(200);
  }
  return { url, folder, stop };
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
