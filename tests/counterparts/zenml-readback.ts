// What ZenML's own Python client reads back, typed.

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exactJson } from './exact-json.ts';
import { type Ask, startLineServer } from './line-server.ts';
import { python } from './python.ts';
import { zenmlEnvironment } from './zenml-server.ts';

const SCRIPT = join(import.meta.dirname, 'zenml_readback.py');

/** Whole numbers beyond 2^53 are bigint, numbers that aren't finite are texts. */
export type ReadValues = Record<string, unknown>;

export interface ReadZenmlFile {
  size: number;
  sha256: string;
  /** Short UTF-8 content only. */
  text?: string;
}

/** What `load()` gives; values of other types than these have the name of their Python type as kind. */
export type ReadZenmlContent =
  | ({ kind: 'file'; name: string } & ReadZenmlFile)
  | { kind: 'folder'; files: Record<string, ReadZenmlFile> }
  | ({ kind: 'bytes' } & ReadZenmlFile)
  | { kind: 'str'; value: string }
  | { kind: 'dict'; value: ReadValues }
  | { kind: 'list'; value: unknown[] }
  | { kind: 'int' | 'float' | 'bool'; value: unknown }
  | { kind: 'error'; error: string };

export interface ReadZenmlArtifact {
  id: string;
  name: string;
  version: string;
  type: string;
  save_type: string;
  uri: string;
  /** Dotted, with the class. */
  materializer: string;
  data_type: string;
  /** Id of the artifact store. */
  store: string;
  tags: string[];
  visualizations: [type: string, uri: string][];
  metadata: ReadValues;
  /** Python types of the values of `metadata`: `int`, `float`, `str`, … */
  types: Record<string, string>;
  /** Unless it wasn't asked for. */
  loaded?: ReadZenmlContent;
}

export interface ReadZenmlVersion {
  id: string;
  name: string;
  number: number;
  stage: string | null;
  description: string | null;
  tags: string[];
  user: string | null;
  metadata: ReadValues;
  /** Python types of the values of `metadata`. */
  types: Record<string, string>;
  /** Those that are linked, in the order of their linking. */
  artifacts: ReadZenmlArtifact[];
}

export interface ReadZenmlModel {
  id: string;
  name: string;
  description: string | null;
  tags: string[];
  versions: ReadZenmlVersion[];
}

export interface ReadZenml {
  /** Names of what was active. */
  project: string;
  stack: string;
  models: ReadZenmlModel[];
}

export interface ReadZenmlOptions {
  /** Id of another project than the active one. */
  project?: string;
  /** Id of another stack than the active one. */
  stack?: string;
  /** More variables for the client. */
  environment?: Record<string, string>;
  /** Of the names of models. */
  prefix?: string;
  /** Load artifacts, too. @default true */
  load?: boolean;
}

/** Reads the models of a project. @param config folder that a login left @throws Error with what the client said */
export async function readZenml(config: string, options: ReadZenmlOptions = {}): Promise<ReadZenml> {
  reader ??= startReader();
  const { answer } = exactJson(await (await reader)({ config, ...options })) as { answer: ReadZenml };
  return answer;
}

let reader: Promise<Ask> | undefined;

/** One Python for all that a test file reads: importing ZenML takes seconds. */
async function startReader(): Promise<Ask> {
  const folder = await mkdtemp(join(tmpdir(), 'neptune-exporter-zenml-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return startLineServer(await python('zenml'), [SCRIPT], { cwd: folder, env: zenmlEnvironment(folder) });
}
