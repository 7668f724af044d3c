// What W&B's own Python API class reads back, typed; and how Python programs with the official SDK are run here.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exactJson } from './exact-json.ts';
import { python } from './python.ts';
import { type Ask, startReader } from './python-reader.ts';

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
  /** `sha256` is that of what was downloaded; its bytes come if they are asked for. */
  entries: Record<string, { digest: string; size: number; ref: string | null; sha256?: string; base64?: string }>;
  /** By path, if they are asked for. */
  tables: Record<string, ReadWandbTable>;
}

/** A table as the SDK's own class has it; times are milliseconds. */
export interface ReadWandbTable {
  columns: string[];
  rows: unknown[][];
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
  /** Files of artifacts whose path this expression finds come with their bytes. */
  contents?: string;
  /** Tables in artifacts, too. */
  tables?: boolean;
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
  reader ??= startReader('wandb', SCRIPT, (folder) => wandbEnvironment(NO_SERVER, folder));
  const project: ReadWandbProject = { runs: [], collections: {} };
  await (await reader)({ url: server.url, api_key: server.apiKey, path, ...options }, (text) => {
    const line = exactJson(text) as Line;
    if (line.kind === 'error') throw new Error(`wandb_readback.py: ${line.text}`);
    return take(project, line);
  });
  return project;
}

/** The reader is told of its server with each question. */
const NO_SERVER: WandbAddress = { url: 'http://127.0.0.1:9', apiKey: '' };
let reader: Promise<Ask> | undefined;

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
