// What W&B's own Python API class reads back, typed; and how Python programs with the official SDK are run here.

import { execFile, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { exactJson } from './exact-json.ts';
import { python } from './python.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'wandb_readback.py');

/** Whole numbers beyond 2^53 are bigint, non-finite numbers are texts. */
export type ReadValues = Record<string, unknown>;

export interface ReadWandbArtifact {
  /** `NAME:vN` */
  name: string;
  type: string;
  aliases: string[];
  tags: string[];
  state: string;
  digest: string;
  description: string | null;
  metadata: ReadValues;
  size: number;
  files: string[];
  /** `sha256` is that of what was downloaded. */
  entries: Record<string, { digest: string; size: number; ref: string | null; sha256?: string }>;
}

export interface ReadWandbRun {
  run: string;
  name: string;
  group: string | null;
  job_type: string | null;
  tags: string[];
  notes: string | null;
  state: string;
  config: ReadValues;
  /** `_wandb` of the config. */
  internal: ReadValues | null;
  summary: ReadValues;
  created_at: string;
  last_step: number;
  lines: number;
  rows: ReadValues[];
  files: Record<string, { size: number; md5: string; sha256?: string }>;
  artifacts: ReadWandbArtifact[];
  /** Names of artifacts that it used. */
  used: string[];
  console: string[];
}

export interface ReadWandbProject {
  runs: ReadWandbRun[];
  /** Type and aliases by version of each collection. */
  collections: Record<string, { type: string; versions: Record<string, string[]> }>;
}

export interface WandbAddress {
  url: string;
  apiKey: string;
}

export interface ReadWandbOptions {
  /** MongoDB-like, of runs. */
  filters?: Record<string, unknown>;
  order?: string;
  /** Contents of files, too. @default true */
  download?: boolean;
}

/** Environment of a program with the SDK: it talks to this server only, and keeps its files in a folder. */
export function wandbEnvironment({ url, apiKey }: WandbAddress, folder: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOME: folder,
    WANDB_BASE_URL: url,
    WANDB_API_KEY: apiKey,
    WANDB_ERROR_REPORTING: 'false',
    WANDB_SILENT: 'true',
    WANDB_DIR: folder,
    WANDB_CACHE_DIR: join(folder, 'cache'),
    WANDB_CONFIG_DIR: join(folder, 'config'),
    WANDB_DATA_DIR: join(folder, 'data'),
    WANDB_ARTIFACT_DIR: join(folder, 'artifacts'),
  };
}

/** Runs a program with the SDK; it gets a folder and the arguments. @returns the JSON of its last line */
export async function runWandb<T>(server: WandbAddress, script: string, args: string[] = []): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-wandb-'));
  try {
    const { stdout } = await run(await python('wandb'), [script, folder, ...args], {
      cwd: folder,
      env: wandbEnvironment(server, folder),
      maxBuffer: 1 << 28,
    });
    return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as T;
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Reads a project back. @param path `ENTITY/PROJECT` @throws Error with what the program said */
export async function readWandb(
  server: WandbAddress,
  path: string,
  options: ReadWandbOptions = {},
): Promise<ReadWandbProject> {
  reader ??= startReader();
  return (await reader)({ url: server.url, api_key: server.apiKey, path, ...options });
}

type Reader = (asked: object) => Promise<ReadWandbProject>;
let reader: Promise<Reader> | undefined;

/** One Python for all that a test file reads: importing the SDK takes a second. It ends with the test's process. */
async function startReader(): Promise<Reader> {
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-wandb-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const env = wandbEnvironment({ url: 'http://127.0.0.1:9', apiKey: '' }, folder);
  const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit'];
  const child = spawn(await python('wandb'), [SCRIPT, folder], { cwd: folder, env, stdio });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const sockets = [child.stdin, child.stdout] as unknown as Socket[];
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  child.unref();
  for (const socket of sockets) socket.unref();
  const ask = async (asked: object) => {
    child.stdin.write(`${JSON.stringify(asked)}\n`);
    const project: ReadWandbProject = { runs: [], collections: {} };
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error('wandb_readback.py ended.');
      const line = exactJson(value) as Line;
      if (line.kind === 'error') throw new Error(`wandb_readback.py: ${line.text}`);
      if (take(project, line)) return project;
    }
  };
  return async (asked) => {
    // Nothing but a question under way keeps the process of the tests alive.
    if (waiting++ === 0) for (const socket of sockets) socket.ref();
    const answer = last.then(() => ask(asked));
    last = answer.catch(() => {});
    try {
      return await answer;
    } finally {
      if (--waiting === 0) for (const socket of sockets) socket.unref();
    }
  };
}

interface Line {
  kind: string;
  [key: string]: unknown;
}

/** Adds what a line tells. @returns whether it is the last one */
function take(project: ReadWandbProject, line: Line): boolean {
  const { kind, run: _, ...content } = line;
  const last = project.runs.at(-1);
  if (kind === 'run') {
    const empty = { rows: [], files: {}, artifacts: [], used: [], console: [] };
    project.runs.push({ run: line.run, ...content, ...empty } as unknown as ReadWandbRun);
  } else if (kind === 'rows') for (const row of line.rows as ReadValues[]) last!.rows.push(row);
  else if (kind === 'file') {
    const { name, ...file } = content;
    last!.files[name as string] = file as unknown as ReadWandbRun['files'][string];
  } else if (kind === 'artifact') last!.artifacts.push(content as unknown as ReadWandbArtifact);
  else if (kind === 'used') last!.used = line.artifacts as string[];
  else if (kind === 'console') last!.console = line.lines as string[];
  else if (kind === 'collection') {
    const { name, ...collection } = content;
    project.collections[name as string] = collection as unknown as ReadWandbProject['collections'][string];
  }
  return kind === 'end';
}
