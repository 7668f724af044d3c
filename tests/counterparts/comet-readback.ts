// What Comet's own Python API class reads back, typed; and how Python programs with the official SDK are run here.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { python } from './python.ts';
import { type Ask, startReader } from './python-reader.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'comet_readback.py');

export interface ReadCometMetric {
  context: string | null;
  /** Numbers are texts, here and below, as exact as the service tells them. */
  values: string[];
  steps: (string | null)[];
  epochs: (string | null)[];
  /** ms */
  timestamps: (string | null)[];
}

export interface ReadCometAsset {
  id: string;
  name: string;
  /** `visualization` for images. */
  type: string;
  step: string | null;
  epoch: string | null;
  context: string | null;
  size: number;
  /** JSON */
  metadata: string | null;
  /** Of an asset that lies elsewhere. */
  link: string | null;
  /** Of what was downloaded, when it was asked for. */
  sha256?: string;
  bytes?: Buffer;
}

export interface ReadCometExperiment {
  key: string;
  name: string;
  workspace: string;
  project: string;
  state: 'running' | 'finished' | 'crashed';
  archived: boolean;
  /** ms */
  start_time: number | null;
  end_time: number | null;
  params: Record<string, string>;
  others: Record<string, string>;
  tags: string[];
  /** By name; as the service answers it. */
  summary: Record<string, Record<string, unknown>>;
  system: Record<string, unknown>;
  git: Record<string, unknown>;
  html: string;
  output: string;
  graph: string | null;
  metrics: Record<string, ReadCometMetric>;
  assets: ReadCometAsset[];
}

export interface CometAddress {
  /** The root. */
  url: string;
  apiKey: string;
}

export interface ReadCometOptions {
  /** @default all of the workspace */
  project?: string;
  /** Of experiments; those that aren't there are left out. @default all */
  keys?: string[];
  /** Archived ones in place of the others. @default false */
  archived?: boolean;
  /** Download them: their sha256, or their bytes, too. @default neither */
  assets?: 'hash' | 'bytes';
  /** From storage on another host, when the server redirects there. @default false */
  direct?: boolean;
}

/** Environment of a program with the SDK: it talks to this server only, and keeps its files in a folder. */
export function cometEnvironment({ url, apiKey }: CometAddress, folder: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^COMET_|_proxy$/i.test(name));
  // Nothing listens there: what would go elsewhere, e.g. reports of errors, goes nowhere.
  const nowhere = 'http://127.0.0.1:9';
  return {
    ...Object.fromEntries(inherited),
    HOME: folder,
    // Where the SDK leaves copies of what it uploads.
    TMPDIR: folder,
    HTTP_PROXY: nowhere,
    HTTPS_PROXY: nowhere,
    NO_PROXY: '127.0.0.1,localhost',
    COMET_URL_OVERRIDE: `${url}/clientlib/`,
    COMET_API_KEY: apiKey,
    COMET_CONFIG: join(folder, 'comet.config'),
    COMET_OFFLINE_DIRECTORY: join(folder, 'offline'),
    COMET_ERROR_TRACKING_ENABLE: 'false',
    COMET_INTERNAL_REPORTING: 'false',
    COMET_DISABLE_ANNOUNCEMENT: 'true',
    COMET_DISABLE_AUTO_LOGGING: '1',
    COMET_DISPLAY_SUMMARY_LEVEL: '0',
    COMET_LOGGING_CONSOLE: 'error',
    // Environment details would ask the clouds' metadata services.
    COMET_AUTO_LOG_ENV_DETAILS: 'false',
    COMET_AUTO_LOG_ENV_HOST: 'false',
    COMET_AUTO_LOG_ENV_CPU: 'false',
    COMET_AUTO_LOG_ENV_GPU: 'false',
    COMET_AUTO_LOG_ENV_NETWORK: 'false',
    COMET_AUTO_LOG_ENV_DISK: 'false',
    COMET_AUTO_LOG_GIT_METADATA: 'false',
    COMET_AUTO_LOG_GIT_PATCH: 'false',
    COMET_AUTO_LOG_CODE: 'false',
    COMET_AUTO_LOG_CLI_ARGUMENTS: 'false',
    COMET_AUTO_LOG_CO2: 'false',
    COMET_AUTO_LOG_OUTPUT_LOGGER: 'false',
  };
}

/** Runs a program with the SDK; it gets a folder and the arguments. @returns the JSON of its last line */
export async function runComet<T>(
  server: CometAddress,
  script: string,
  args: string[] = [],
  environment: Record<string, string> = {},
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-comet-'));
  try {
    const { stdout } = await run(await python('comet'), [script, folder, ...args], {
      cwd: folder,
      env: { ...cometEnvironment(server, folder), ...environment },
      maxBuffer: 1 << 28,
    });
    return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as T;
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Reads experiments of a workspace back. @throws Error with what the program said */
export async function readComet(
  server: CometAddress,
  workspace: string,
  options: ReadCometOptions = {},
): Promise<ReadCometExperiment[]> {
  reader ??= startReader('comet', SCRIPT, (folder) => cometEnvironment(NO_SERVER, folder));
  const found: ReadCometExperiment[] = [];
  await (await reader)({ url: server.url, api_key: server.apiKey, workspace, ...options }, (text) => {
    const line = JSON.parse(text) as Line;
    if (line.kind === 'error') throw new Error(`comet_readback.py: ${line.text}`);
    return take(found, line);
  });
  return found;
}

/** The reader is told of its server with each question. */
const NO_SERVER: CometAddress = { url: 'http://127.0.0.1:9', apiKey: '' };
let reader: Promise<Ask> | undefined;

interface Line {
  kind: string;
  [key: string]: unknown;
}

/** Adds what a line tells. @returns whether it is the last one */
function take(found: ReadCometExperiment[], { kind, ...content }: Line): boolean {
  const last = found.at(-1);
  if (kind === 'experiment') found.push({ ...content, metrics: {}, assets: [] } as unknown as ReadCometExperiment);
  else if (kind === 'metric') {
    const { name, ...metric } = content;
    last!.metrics[name as string] = metric as unknown as ReadCometMetric;
  } else if (kind === 'asset') {
    const { base64, ...asset } = content;
    const bytes = typeof base64 === 'string' ? { bytes: Buffer.from(base64, 'base64') } : {};
    last!.assets.push({ ...asset, ...bytes } as unknown as ReadCometAsset);
  }
  return kind === 'end';
}
