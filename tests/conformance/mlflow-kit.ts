// What the suite of targets needs to know of MLflow: a real server, read back by MLflow's own Python client.

import type { ScalarRow } from '../../src/model/batches.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { type ReadRun, readBack } from '../counterparts/mlflow-readback.ts';
import { startMlflow } from '../counterparts/mlflow-server.ts';
import type { HeldHistogram, HeldPoint, HeldRun, TargetKit } from './target-kit.ts';

const PASSWORD = 'a-password-of-nobody';
const ENV = { MLFLOW_TRACKING_USERNAME: 'somebody', MLFLOW_TRACKING_PASSWORD: PASSWORD };
const SOON = { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0' };
const OWN = 'neptune_exporter';

/** The artifact `attributes.json`, by which everything is found under its original path. */
interface Attribute {
  path: string;
  type: string;
  key: string;
}

/** A param as Python prints it. */
function paramText({ type, value }: ScalarRow): string | undefined {
  if (value === null) return type === 'float' ? 'nan' : undefined;
  if (type === 'bool') return value ? 'True' : 'False';
  if (type === 'datetime') return new Date(Number(value)).toISOString().replace('T', ' ').replace('Z', '000+00:00');
  if (type !== 'float') return Array.isArray(value) ? value.join(',') : String(value);
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** A number as Python prints it, or as JSON names what is none. */
function numberOf(text: string | number): number {
  if (text === 'inf' || text === '-inf') return text === 'inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return Number(text);
}

function timeOf(text: string | null): number | null {
  return text === null || text === 'None' || text === '' ? null : Date.parse(text);
}

/** The whole of a value that is too long for a param, which says where that is. */
function wholeValueOf({ params, artifacts }: ReadRun, key: string): string | undefined {
  const [, whole] = /whole in artifact (.+)\]$/.exec(params[key] ?? '') ?? [];
  return whole === undefined ? params[key] : artifacts[whole]?.text;
}

function floatsOf({ metrics }: ReadRun, key: string): HeldPoint<number>[] | undefined {
  return metrics[key]?.map(([step, time, value]) => ({ step, time: Number(time), value: numberOf(value) }));
}

/** `series.jsonl` where lines of `series.txt` can't be told apart. */
function textsOf({ artifacts }: ReadRun, key: string): HeldPoint<string>[] | undefined {
  const json = artifacts[`${key}/series.jsonl`]?.text;
  if (json !== undefined) {
    const lines = json.trimEnd().split('\n');
    return lines.map((line) => {
      const { step, timestamp, value } = JSON.parse(line) as { step: number; timestamp: string | null; value: string };
      return { step: String(step), time: timeOf(timestamp), value };
    });
  }
  const text = artifacts[`${key}/series.txt`]?.text ?? artifacts[`${key}/file_series.txt`]?.text;
  return text?.split('\n').map((line) => {
    const [step = '', time = '', ...value] = line.split('; ');
    return { step, time: timeOf(time), value: value.join('; ') };
  });
}

function histogramsOf({ artifacts }: ReadRun, key: string): HeldPoint<HeldHistogram>[] | undefined {
  const text = artifacts[`${key}/histograms.json`]?.text;
  if (text === undefined) return undefined;
  type Entry = { step: number; timestamp: string | null; type: string; edges: number[]; values: number[] };
  const { histograms } = JSON.parse(text) as { histograms: Entry[] };
  return histograms.map(({ step, timestamp, type, edges, values }) => ({
    step: String(step),
    time: timeOf(timestamp),
    value: { type, edges: edges.map(numberOf), values: values.map(numberOf) },
  }));
}

/** A series that is kept whole as CSV beside its metric. */
function originalOf({ artifacts }: ReadRun, key: string): HeldPoint<number | null>[] | undefined {
  const stem = `${OWN}/series/${key.replaceAll('/', '_').slice(0, 150)}-`;
  const found = Object.keys(artifacts).find((path) => path.startsWith(stem) && path.length === stem.length + 12);
  const text = found === undefined ? undefined : artifacts[found]?.text;
  return text
    ?.trimEnd()
    .split('\n')
    .slice(1)
    .map((row) => {
      const [step = '', time = '', value = ''] = row.split(',');
      return { step, time: timeOf(time), value: value === '' ? null : numberOf(value) };
    });
}

/** Files below the folder of an attribute that no other attribute has there. */
function filesOf({ artifacts }: ReadRun, key: string, all: readonly Attribute[]): [path: string, sha256: string][] {
  const inner = all.map((one) => one.key).filter((other) => other.startsWith(`${key}/`));
  return Object.entries(artifacts)
    .filter(([path]) => path.startsWith(`${key}/`) && !inner.some((other) => path.startsWith(`${other}/`)))
    .map(([path, { sha256 }]) => [path.slice(key.length + 1), sha256]);
}

function held(group: string, run: ReadRun, runs: ReadRun[]): HeldRun {
  const { tags, status, end, artifacts } = run;
  const isWhole = tags['neptune_exporter.loaded'] !== undefined;
  const looksWhole = status !== 'RUNNING' && end !== null;
  if (tags['neptune_exporter.run_key'] !== undefined && isWhole !== looksWhole) {
    throw new Error(`${run.name}: ${status} and ended at ${end}, though the mark says ${isWhole}`);
  }
  const mapping = artifacts[`${OWN}/attributes.json`]?.text;
  const all = mapping === undefined ? [] : (JSON.parse(mapping) as { attributes: Attribute[] }).attributes;
  const some = <Value>(types: string, find: (key: string) => Value | undefined): Record<string, Value> =>
    Object.fromEntries(
      all.flatMap(({ path, type, key }): [string, Value][] => {
        const found = types.split(' ').includes(type) ? find(key) : undefined;
        return found === undefined ? [] : [[path, found]];
      }),
    );
  return {
    id: run.id,
    group,
    name: run.name,
    isWhole,
    parent: runs.find(({ id }) => id === tags['mlflow.parentRunId'])?.name,
    values: some('float int string bool datetime string_set', (key) => wholeValueOf(run, key)),
    floats: some('float_series', (key) => floatsOf(run, key)),
    texts: some('string_series', (key) => textsOf(run, key)),
    histograms: some('histogram_series', (key) => histogramsOf(run, key)),
    files: some('file file_set artifact', (key) => {
      const hashes = filesOf(run, key, all).map(([, sha256]) => sha256);
      return hashes.length === 0 ? undefined : hashes.sort();
    }),
    fileSeries: some('file_series', (key) =>
      filesOf(run, key, all).map(([path, sha256]) => ({ step: /step_([^/]+)\//.exec(path)?.[1] ?? '', sha256 })),
    ),
    originals: some('float_series', (key) => originalOf(run, key)),
  };
}

async function call(url: string, path: string, body: object): Promise<unknown> {
  const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

export const kit: TargetKit = {
  name: 'mlflow',
  module: import.meta.filename,
  start: startMlflow,
  target: (mlflowTrackingUri, namePrefix, { impatient, ...options } = {}) =>
    createTarget('mlflow', { mlflowTrackingUri, namePrefix, ...options }, { ...ENV, ...(impatient ? SOON : {}) }),
  cli: { args: (url) => ['--mlflow-tracking-uri', url], env: () => ENV, impatient: SOON },
  secret: PASSWORD,
  async readBack(url, prefix) {
    const experiments = await readBack(url, `${prefix}/`, { artifacts: true });
    const active = experiments.map(({ name, runs }) => ({
      name,
      runs: runs.filter(({ lifecycle }) => lifecycle === 'active'),
    }));
    const all = active.flatMap(({ runs }) => runs);
    return active.flatMap(({ name, runs }) => runs.map((run) => held(name, run, all)));
  },
  async makeForeign(url, name, run_name) {
    const { experiment_id } = (await call(url, 'experiments/create', { name })) as { experiment_id: string };
    await call(url, 'runs/create', { experiment_id, run_name });
  },
  routes: {
    run: /runs\/create$/,
    points: /log-batch$/,
    file: /artifacts\/.*\.bin$/,
    all: {
      experiments: /experiments\/search$/,
      version: /\/version$/,
      info: /server-info$/,
      'experiment by name': /get-by-name$/,
      'new experiment': /experiments\/create$/,
      runs: /runs\/search$/,
      'new run': /runs\/create$/,
      points: /log-batch$/,
      artifact: /artifacts\/.*\.bin$/,
      'own artifact': /artifacts\/.*\.json$/,
      run: /runs\/get$/,
      end: /runs\/update$/,
      mark: /set-tag$/,
    },
  },
  pointsTaken: '{}',
  design: {
    text: paramText,
    float: (value) => (value === 0 ? 0 : Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE)),
    untimed: (type) => (type === 'float_series' ? 0 : null),
    mergesEqualPoints: true,
    codes: { infinity: 'infinity', negativeZero: 'negative_zero', untimed: 'timestamp_missing' },
    colliding: ['colon:d', 'colon_d'],
    longestText: 6000,
  },
};
