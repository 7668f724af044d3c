// A local MLflow started as a server for the time of a load, so that a database file or a folder can be loaded into.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HttpClient } from '../../http/client.ts';
import { sleep, throwIfAborted } from '../../http/limits.ts';
import { ExporterError } from '../../model/errors.ts';
import type { Logger } from '../../model/logger.ts';
import type { Environment, TrackingPlace } from './settings.ts';

export interface LocalServer {
  /** `http://127.0.0.1:<port>` */
  readonly base: string;
  /** Ends the server and all its processes; resolves when they are gone. Repeatable. */
  stop(): Promise<void>;
}

export interface LocalServerOptions {
  place: Extract<TrackingPlace, { kind: 'local' }>;
  env: Environment;
  /** Relative paths and MLflow's defaults are meant from here. */
  cwd: string;
  http: HttpClient;
  logger: Logger;
  signal?: AbortSignal;
}

const START_TIMEOUT_MS = 180_000;
/** uvx downloads MLflow at its first use. */
const UVX_START_TIMEOUT_MS = 900_000;
const POLL_MS = 150;
const STOP_TIMEOUT_MS = 10_000;
const KEPT_OUTPUT = 8000;
const WORKERS = 2;
/** Where MLflow's Python client puts artifacts of a database's runs when no server is in between (mlflow 3.17.2). */
const DEFAULT_ARTIFACTS = './mlruns';

/**
 * Kills the whole group as soon as the pipe on descriptor 3 ends, which it does however this process dies. `exec` makes
 * the server the group's leader, so that its end is seen as the child's end.
 */
const GUARDED = '(trap "" TERM; read -r _ <&3; kill -TERM 0; sleep 5; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-';

/** Settings of the user's that would lead the server elsewhere. */
const UNWANTED = [
  'MLFLOW_TRACKING_URI',
  'MLFLOW_BACKEND_STORE_URI',
  'MLFLOW_REGISTRY_STORE_URI',
  'MLFLOW_READ_REPLICA_BACKEND_STORE_URI',
  'MLFLOW_STATIC_PREFIX',
  'MLFLOW_ARTIFACTS_ONLY',
  'MLFLOW_WORKSPACE',
  'MLFLOW_ENABLE_WORKSPACES',
  'MLFLOW_GUNICORN_OPTS',
  'MLFLOW_UVICORN_OPTS',
  'MLFLOW_SERVER_ALLOWED_HOSTS',
];

/**
 * True if the store of a local place is there already, as far as files tell: a database on a server is taken for there.
 * @param cwd where relative paths begin
 */
export function localStoreExists(place: LocalServerOptions['place'], cwd: string): boolean {
  const isThere = (path: string) => existsSync(resolve(cwd, path));
  if (place.store === 'default') return isThere('mlflow.db') || isThere('mlruns');
  if (place.store === 'folder') {
    return isThere(place.uri.startsWith('file:') ? folderOf(place.uri) : place.uri);
  }
  const file = /^sqlite(?:\+[a-z0-9]+)?:\/\/\/([^?#]*)/i.exec(place.uri)?.[1];
  return file === undefined || file === '' || file === ':memory:' || isThere(decodeURIComponent(file));
}

function folderOf(uri: string): string {
  return URL.canParse(uri) && /^file:\/\/\//.test(uri) ? fileURLToPath(uri) : uri.slice('file:'.length);
}

/**
 * Starts `mlflow server` on a free port of 127.0.0.1 and waits until it answers. The runs and artifacts it makes are
 * found by MLflow's client under the same tracking URI afterwards.
 * @throws ExporterError `target_missing` if neither `mlflow` nor `uv` is installed, or the server doesn't start
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const { place, env, cwd, http, logger, signal } = options;
  throwIfAborted(signal);
  const launcher = await findLauncher(env);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const command = [
    ...launcher.command,
    'server',
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--workers',
    String(WORKERS),
    '--default-artifact-root',
    place.store === 'folder' ? place.uri : DEFAULT_ARTIFACTS,
  ];
  logger.info(`Starting MLflow for the time of the load (${launcher.title})`);
  const child = spawnGuarded(command, serverEnvironment(place, env), cwd);
  const output = keepOutput(child);
  const server = { base, stop: () => stop(child) };
  try {
    await untilHealthy(child, base, launcher.timeoutMs, http, output, signal);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

interface Launcher {
  command: string[];
  title: string;
  timeoutMs: number;
}

async function findLauncher(env: Environment): Promise<Launcher> {
  const mlflow = await findProgram('mlflow', env);
  if (mlflow) return { command: [mlflow], title: mlflow, timeoutMs: START_TIMEOUT_MS };
  const uvx = await findProgram('uvx', env);
  if (uvx) return { command: [uvx, 'mlflow'], title: 'uvx mlflow', timeoutMs: UVX_START_TIMEOUT_MS };
  const uv = await findProgram('uv', env);
  if (uv) {
    return { command: [uv, 'tool', 'run', 'mlflow'], title: 'uv tool run mlflow', timeoutMs: UVX_START_TIMEOUT_MS };
  }
  throw new ExporterError(
    'target_missing',
    'Without a tracking server, loading into MLflow needs MLflow installed here.',
    {
      hint: 'Install it (pip install mlflow) or uv (https://docs.astral.sh/uv/), or pass the address of a server with --mlflow-tracking-uri.',
    },
  );
}

/** Absolute path of a program on the PATH. */
async function findProgram(name: string, env: Environment): Promise<string | undefined> {
  const windows = process.platform === 'win32';
  const endings = windows ? ['.exe', '.cmd'] : [''];
  for (const folder of (env.PATH ?? env.Path ?? '').split(delimiter)) {
    if (folder === '') continue;
    for (const ending of endings) {
      const path = join(folder, name + ending);
      try {
        await access(path, windows ? constants.F_OK : constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

/** The address of a database may hold a password: it goes by the environment, not by the command line. */
function serverEnvironment(place: LocalServerOptions['place'], env: Environment): NodeJS.ProcessEnv {
  const result: NodeJS.ProcessEnv = { ...env };
  for (const name of UNWANTED) delete result[name];
  if (place.store !== 'default') result.MLFLOW_BACKEND_STORE_URI = place.uri;
  // Helper processes of features that no load uses: seven of 240 MB each (mlflow 3.17.2).
  result.MLFLOW_SERVER_ENABLE_JOB_EXECUTION = 'false';
  // MLflow 3.17 refuses folders otherwise.
  result.MLFLOW_ALLOW_FILE_STORE = 'true';
  // What is too long must be refused, not cut: a fault of ours would show.
  result.MLFLOW_TRUNCATE_LONG_VALUES = 'false';
  result.MLFLOW_DISABLE_TELEMETRY = 'true';
  result.PYTHONUNBUFFERED = '1';
  return result;
}

function spawnGuarded(command: string[], env: NodeJS.ProcessEnv, cwd: string): ChildProcess {
  const [program = '', ...args] = command;
  if (process.platform === 'win32') {
    return spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  }
  return spawn('/bin/sh', ['-c', GUARDED, 'sh', program, ...args], {
    env,
    cwd,
    // A group of its own: Ctrl-C in the terminal must not take the server away before the load has ended in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
}

/** The end of what the server says; reading it also keeps its pipes from filling. */
function keepOutput(child: ChildProcess): () => string {
  let kept = '';
  const keep = (chunk: Buffer) => {
    kept = (kept + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => kept;
}

async function untilHealthy(
  child: ChildProcess,
  base: string,
  timeoutMs: number,
  http: HttpClient,
  output: () => string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let spawnError: Error | undefined;
  child.once('error', (error) => {
    spawnError = error;
  });
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    await sleep(POLL_MS, signal);
    if (spawnError || hasEnded(child)) throw startError(spawnError?.message ?? lastWords(output()));
    if (Date.now() > deadline) throw startError(`it did not answer within ${timeoutMs / 1000} seconds`);
    try {
      const request = { method: 'GET', url: `${base}/health`, retry: false, timeoutMs: 5000 } as const;
      const { status, body } = await http.request({ ...request, ...(signal ? { signal } : {}) });
      // A server of somebody else's on this port would leave ours dead.
      if (status === 200 && body.toString('utf8').trim() === 'OK' && !hasEnded(child)) return;
    } catch (error) {
      if (error instanceof ExporterError && error.code === 'interrupted') throw error;
    }
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function startError(reason: string): ExporterError {
  return new ExporterError('target_missing', `The local MLflow could not be started: ${reason.replace(/\.$/, '')}.`, {
    hint: 'Try it by hand: mlflow server --backend-store-uri sqlite:///mlflow.db',
  });
}

/** The line of a Python trace that says what happened. */
function lastWords(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const telling = lines.findLast((line) => /^[\w.]*(Error|Exception)\b|^Error\b/.test(line)) ?? lines.findLast(Boolean);
  return (telling ?? 'it ended without a word').slice(0, 300);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && !hasEnded(child)) {
    const ended = once(child, 'exit');
    signalGroup(child, 'SIGTERM');
    const late = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
  }
  // Workers and the guard may outlive the leader.
  signalGroup(child, 'SIGKILL');
  for (const stream of child.stdio) stream?.destroy();
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') spawn('taskkill', ['/pid', String(child.pid), '/t', '/f'], { stdio: 'ignore' });
    else process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
