// What the suite of targets needs to know of ZenML: a real server with a local artifact store, read back by ZenML's own Python client.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import type { ScalarRow } from '../../src/model/batches.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { ZenmlTarget } from '../../src/targets/zenml/index.ts';
import { type ReadZenmlArtifact, type ReadZenmlVersion, readZenml } from '../counterparts/zenml-readback.ts';
import { startZenmlServer, type ZenmlLogin, type ZenmlServer, zenmlLogin } from '../counterparts/zenml-server.ts';
import type { HeldHistogram, HeldPoint, HeldRun, TargetKit } from './target-kit.ts';

/** Where the kit in a process that is to be killed finds what the kit that started it has. */
const KEY = 'NEPTUNE_EXPORTER_TEST_ZENML_KEY';
const CONFIG = 'NEPTUNE_EXPORTER_TEST_ZENML_CONFIG';

let server: ZenmlServer | undefined;
let login: ZenmlLogin | undefined;

const environment = (url: string) => ({
  ZENML_STORE_URL: url,
  ZENML_STORE_API_KEY: process.env[KEY] ?? '',
  ZENML_CONFIG_PATH: process.env[CONFIG] ?? '',
});

/** The artifact `neptune_export-attributes`, by which everything is found under its original path. */
interface Attribute {
  path: string;
  type: string;
  /** In the metadata, segments by slashes. */
  key?: string;
  value?: unknown;
  artifact?: string;
  version?: string;
}

interface FloatRow {
  attribute_path: string;
  step: bigint;
  timestamp: bigint | null;
  value: number | null;
}

/** A value as the metadata have it, as text. */
function valueText({ type, value }: ScalarRow): string | undefined {
  if (value === null) return type === 'float' ? 'NaN' : undefined;
  if (type === 'datetime') return new Date(Number(value)).toISOString().replace('Z', '000+00:00');
  if (Array.isArray(value)) return JSON.stringify(value);
  if (Object.is(value, -0)) return '-0';
  return String(value);
}

function heldText(value: unknown): string {
  if (Array.isArray(value)) return JSON.stringify(value);
  return Object.is(value, -0) ? '-0' : String(value);
}

/** A value at a path of the metadata; a member that is too large goes on in others. */
function at(metadata: Record<string, unknown>, key: string): unknown {
  let values: unknown[] = [metadata];
  for (const segment of key.split('/')) {
    values = values.flatMap((value) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([name, inner]) => (name.replace(/ \(\d+\)$/, '') === segment ? [inner] : []))
        : [],
    );
  }
  return values[0];
}

function textIn({ loaded }: ReadZenmlArtifact): string {
  if (loaded?.kind === 'str') return loaded.value;
  if (loaded?.kind === 'bytes' && loaded.text !== undefined) return loaded.text;
  throw new Error(`loaded as ${JSON.stringify(loaded)}`);
}

function hashOf({ name, loaded }: ReadZenmlArtifact): string {
  if (loaded?.kind !== 'file') throw new Error(`${name} was loaded as ${JSON.stringify(loaded)}`);
  return loaded.sha256;
}

/** The rows of the one file of all float series; what Python loads is what lies in the store. */
async function floatRows(artifact: ReadZenmlArtifact | undefined): Promise<FloatRow[]> {
  if (!artifact) return [];
  const content = await readFile(join(artifact.uri, 'file_data'));
  if (createHash('sha256').update(content).digest('hex') !== hashOf(artifact)) throw new Error('loaded something else');
  const file = new Uint8Array(content).buffer;
  const parsers = {
    timestampFromMilliseconds: (ms: bigint) => ms,
    timestampFromMicroseconds: (us: bigint) => us,
    timestampFromNanoseconds: (ns: bigint) => ns,
    dateFromDays: (days: number) => days,
    stringFromBytes: (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('utf8'),
  };
  return (await parquetReadObjects({ file, parsers } as never)) as unknown as FloatRow[];
}

function numberOf(text: unknown): number {
  return text === 'NaN' ? Number.NaN : Number(text);
}

function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(text);
}

async function heldRun(group: string, version: ReadZenmlVersion, all: ReadZenmlVersion[]): Promise<HeldRun> {
  const { metadata, artifacts } = version;
  const isWhole = metadata.neptune_exporter_loaded !== undefined;
  const looksWhole = !version.tags.includes('neptune-import:incomplete');
  if (metadata.neptune_exporter_run_key !== undefined && isWhole !== looksWhole) {
    throw new Error(`${version.name}: tags ${version.tags}, though the mark says ${isWhole}`);
  }
  // A half run may have lists of several loads: the last one tells most.
  const lists = artifacts.filter(({ name }) => name === 'neptune_export-attributes').map(textIn);
  const attributes = lists.map((list) => (JSON.parse(list) as { attributes: Attribute[] }).attributes).at(-1) ?? [];
  const byName = new Map(artifacts.map((artifact) => [`${artifact.name}\0${artifact.version}`, artifact]));
  const of = ({ artifact, version: text }: Attribute) => byName.get(`${artifact}\0${text}`);
  const byPath = Map.groupBy(attributes, ({ path }) => path);
  const some = <Value>(types: string, find: (entries: Attribute[]) => Value | undefined): Record<string, Value> =>
    Object.fromEntries(
      [...byPath].flatMap(([path, entries]): [string, Value][] => {
        const fitting = entries.filter(({ type }) => types.split(' ').includes(type));
        const found = fitting.length === 0 ? undefined : find(fitting);
        return found === undefined ? [] : [[path, found]];
      }),
    );
  const rows = Map.groupBy(
    await floatRows(artifacts.filter(({ name }) => name === 'neptune_export-float_series').at(-1)),
    (row) => row.attribute_path,
  );
  const series = (path: string): HeldPoint<number>[] =>
    (rows.get(path) ?? []).map(({ step, timestamp, value }) => ({
      step: String(step),
      time: timestamp === null ? null : Number(timestamp),
      value: value ?? Number.NaN,
    }));
  const parent = (metadata.neptune_fork as { parent_model_version_id?: string } | undefined)?.parent_model_version_id;
  return {
    id: version.id,
    group,
    name: version.name,
    isWhole,
    parent: all.find(({ id }) => id === parent)?.name,
    values: some('float int string bool datetime string_set', ([first]) => {
      const whole = of(first!);
      if (whole) return textIn(whole);
      const value = first!.key === undefined ? undefined : at(metadata, first!.key);
      return value === undefined ? undefined : heldText(value);
    }),
    floats: some('float_series', ([first]) => series(first!.path)),
    texts: some('string_series', ([first]) => {
      const lines = textIn(of(first!)!).split('\n').slice(0, -1);
      return lines.map((line) => {
        const { timestamp, value } = JSON.parse(line) as { timestamp: string | null; value: string };
        return { step: /^\{"step": ([^,]+),/.exec(line)?.[1] ?? '', time: timeOf(timestamp), value };
      });
    }),
    histograms: some('histogram_series', ([first]) => {
      const loaded = of(first!)?.loaded;
      if (loaded?.kind !== 'dict') throw new Error(`loaded as ${JSON.stringify(loaded)}`);
      type Entry = { step: number; timestamp: string | null; type: string; edges: unknown[]; values: unknown[] };
      return (loaded.value.histograms as Entry[]).map(
        ({ step, timestamp, type, edges, values }): HeldPoint<HeldHistogram> => ({
          step: String(step),
          time: timeOf(timestamp),
          value: { type, edges: edges.map(numberOf), values: values.map(numberOf) },
        }),
      );
    }),
    files: some('file file_set artifact', (entries) => {
      const hashes = entries.flatMap((entry) => of(entry) ?? []).map(hashOf);
      return hashes.length === 0 ? undefined : hashes.sort();
    }),
    fileSeries: some('file_series', (entries) => {
      const files = entries.flatMap((entry) => of(entry) ?? []);
      if (files.length === 0) return undefined;
      return files.map((file) => ({ step: String(file.metadata.neptune_step), sha256: hashOf(file) }));
    }),
    originals: {},
  };
}

/** The name of the model of the suite's project. */
const modelOf = (prefix: string) => `${prefix}-neptune-export-ws-proj`.replace(/[^a-zA-Z0-9_\-\s/]/g, '_');

export const kit: TargetKit = {
  name: 'zenml',
  module: import.meta.filename,
  async start() {
    server = await startZenmlServer();
    login = await zenmlLogin(server, server.apiKey);
    process.env[KEY] = server.apiKey;
    process.env[CONFIG] = login.folder;
    return {
      url: server.url,
      stop: async () => {
        await server?.close();
        await login?.remove();
      },
    };
  },
  async target(url, namePrefix, { impatient, ...options } = {}) {
    if (!impatient) return createTarget('zenml', { namePrefix, ...options }, environment(url));
    return new ZenmlTarget({ namePrefix, ...options, env: environment(url), retryBudgetMs: 300 });
  },
  cli: {
    args: () => [],
    env: (url) => environment(url),
    impatient: {},
  },
  get secret() {
    return process.env[KEY] ?? '';
  },
  async readBack(_, prefix) {
    const { models } = await readZenml(process.env[CONFIG] ?? '', { prefix: modelOf(prefix) });
    const runs: HeldRun[] = [];
    for (const { name, versions } of models.filter((model) => model.name === modelOf(prefix))) {
      for (const version of versions) runs.push(await heldRun(name, version, versions));
    }
    return runs;
  },
  async makeForeign(_, group, name) {
    const project = server!.project.id;
    const { id } = await server!.call('POST', '/models', { name: group, project });
    await server!.call('POST', '/model_versions', { name, model: id, project });
  },
  routes: {
    run: /\/model_versions$/,
    points: /\/run-metadata$/,
    file: /\/artifact_versions$/,
    all: {
      info: /\/info$/,
      login: /\/login$/,
      user: /\/current-user$/,
      projects: /\/projects/,
      stacks: /\/stacks/,
      store: /\/components\//,
      models: /\/models(?:\?|$)/,
      versions: /\/model_versions(?:\?|$)/,
      version: /\/model_versions\//,
      metadata: /\/run-metadata$/,
      artifacts: /\/artifact_versions(?:\?|$)/,
      links: /\/model_version_artifacts$/,
    },
  },
  pointsTaken: 'null',
  design: {
    text: valueText,
    float: (value) => value,
    untimed: () => null,
    mergesEqualPoints: false,
    codes: {},
    colliding: ['colon:d', 'colon_d'],
    longestText: 5000,
    keepsSteps: true,
  },
  // Points themselves are in a file: what the server is told of them is how many they are.
  holdsTime: ({ body }) => body.includes('"count": 30'),
};
