// What the suite of targets needs to know of Comet: an emulator that its SDK passes, read back by the SDK's API class.

import type { ScalarRow } from '../../src/model/batches.ts';
import { createTarget } from '../../src/targets/registry.ts';
import { startCometServer } from '../counterparts/comet/server.ts';
import { type ReadCometAsset, type ReadCometExperiment, readComet } from '../counterparts/comet-readback.ts';
import type { HeldHistogram, HeldPoint, HeldRun, TargetKit } from './target-kit.ts';

/** The emulator's. */
const API_KEY = 'emulatedKey0123456789abcd';
const WORKSPACE = 'emulated-team';
const SOON = { COMET_HTTP_SESSION_RETRY_TOTAL: '0' };
const OWN = 'neptune_exporter';

const environmentOf = (url: string) => ({
  COMET_API_KEY: API_KEY,
  COMET_WORKSPACE: WORKSPACE,
  COMET_URL_OVERRIDE: `${url}/clientlib/`,
});

/** The asset `attributes.json`, by which everything is found under its original path. */
interface Attribute {
  path: string;
  type: string;
  name: string;
}

/** A parameter as the service gives it back: always a text. */
function parameterText({ type, value }: ScalarRow): string | undefined {
  if (value === null) return undefined;
  if (type === 'datetime') return new Date(Number(value)).toISOString().replace('T', ' ').replace('Z', '000+00:00');
  if (Array.isArray(value)) return `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function timeOf(text: string | null): number | null {
  return text === null || text === 'None' || text === '' ? null : Date.parse(text);
}

const textOf = (asset: ReadCometAsset | undefined) => asset?.bytes?.toString('utf8');
const metadataOf = ({ metadata }: ReadCometAsset) => JSON.parse(metadata ?? '{}') as Record<string, unknown>;

/** The assets of one attribute by what they hold of it. */
function assetsOf({ assets }: ReadCometExperiment, path: string, type: string, content: string | undefined) {
  return assets.filter((asset) => {
    const { neptune_path, neptune_type, content: held } = metadataOf(asset);
    return neptune_path === path && neptune_type === type && held === content;
  });
}

/** The whole of a value that is too long for a parameter. */
function parameterOf(experiment: ReadCometExperiment, { name, path, type }: Attribute): string | undefined {
  const [whole] = assetsOf(experiment, path, type, 'value');
  const text = textOf(whole);
  return text !== undefined && whole?.name.endsWith('.json')
    ? (JSON.parse(text) as string)
    : (text ?? experiment.params[name]);
}

function floatsOf({ metrics }: ReadCometExperiment, { name }: Attribute): HeldPoint<number>[] | undefined {
  const metric = metrics[name];
  return metric?.values.map((value, i) => ({
    step: metric.steps[i] ?? 'null',
    time: metric.timestamps[i] === null ? null : Number(metric.timestamps[i]),
    value: Number(value),
  }));
}

/** JSON lines where lines of the text can't be told apart. */
function textsOf(experiment: ReadCometExperiment, { path, type }: Attribute): HeldPoint<string>[] | undefined {
  const json = textOf(assetsOf(experiment, path, type, 'series')[0]);
  if (json !== undefined) {
    return json
      .trimEnd()
      .split('\n')
      .map((line) => {
        const { step, timestamp, value } = JSON.parse(line) as {
          step: number;
          timestamp: string | null;
          value: string;
        };
        return { step: String(step), time: timeOf(timestamp), value };
      });
  }
  return textOf(assetsOf(experiment, path, type, 'lines')[0])
    ?.split('\n')
    .map((line) => {
      const [step = '', time = '', ...value] = line.split('; ');
      return { step, time: timeOf(time), value: value.join('; ') };
    });
}

function histogramsOf(
  experiment: ReadCometExperiment,
  { path, type }: Attribute,
): HeldPoint<HeldHistogram>[] | undefined {
  const text = textOf(assetsOf(experiment, path, type, 'series')[0]);
  if (text === undefined) return undefined;
  type Numbers = (number | string)[];
  type Entry = { step: number; timestamp: string | null; type: string; edges: Numbers; values: Numbers };
  return (JSON.parse(text) as { histograms: Entry[] }).histograms.map((entry) => ({
    step: String(entry.step),
    time: timeOf(entry.timestamp),
    value: { type: entry.type, edges: entry.edges.map(Number), values: entry.values.map(Number) },
  }));
}

/** A series that is kept whole as CSV beside its metric. */
function originalOf(
  experiment: ReadCometExperiment,
  { path, type }: Attribute,
): HeldPoint<number | null>[] | undefined {
  return textOf(assetsOf(experiment, path, type, 'series')[0])
    ?.trimEnd()
    .split('\n')
    .slice(1)
    .map((row) => {
      const [step = '', time = '', value = ''] = row.split(',');
      return { step, time: timeOf(time), value: value === '' ? null : Number(value.replace('inf', 'Infinity')) };
    });
}

function held(experiment: ReadCometExperiment, all: ReadCometExperiment[]): HeldRun {
  const { others, state, assets } = experiment;
  const isWhole = others[`${OWN}.loaded`] !== undefined;
  if (others[`${OWN}.load`] !== undefined && isWhole !== (state !== 'running')) {
    throw new Error(`${experiment.name}: ${state}, though the mark says ${isWhole}`);
  }
  const mapping = textOf(assets.find(({ name }) => name === `${OWN}/attributes.json`));
  const attributes = mapping === undefined ? [] : (JSON.parse(mapping) as { attributes: Attribute[] }).attributes;
  const some = <Value>(types: string, find: (attribute: Attribute) => Value | undefined): Record<string, Value> =>
    Object.fromEntries(
      attributes.flatMap((attribute): [string, Value][] => {
        const found = types.split(' ').includes(attribute.type) ? find(attribute) : undefined;
        return found === undefined ? [] : [[attribute.path, found]];
      }),
    );
  const files = ({ path, type }: Attribute) => assetsOf(experiment, path, type, undefined);
  return {
    id: experiment.key,
    group: experiment.project,
    name: experiment.name,
    isWhole,
    parent: all.find(({ key }) => key === others['neptune.parent_experiment'])?.name,
    values: some('float int string bool datetime string_set', (one) => parameterOf(experiment, one)),
    floats: some('float_series', (one) => floatsOf(experiment, one)),
    texts: some('string_series', (one) => textsOf(experiment, one)),
    histograms: some('histogram_series', (one) => histogramsOf(experiment, one)),
    files: some('file file_set artifact', (one) => {
      const found = files(one);
      return found.length === 0 ? undefined : found.map(({ sha256 = '' }) => sha256).sort();
    }),
    fileSeries: some('file_series', (one) => {
      const found = files(one);
      if (found.length === 0) return undefined;
      return found.map((asset) => ({ step: String(metadataOf(asset).step), sha256: asset.sha256 ?? '' }));
    }),
    originals: some('float_series', (one) => originalOf(experiment, one)),
  };
}

async function call(url: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${url}/api/rest/v2/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: API_KEY, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

export const kit: TargetKit = {
  name: 'comet',
  module: import.meta.filename,
  async start() {
    const { url, close } = await startCometServer();
    return { url, stop: close };
  },
  target: (url, namePrefix, { impatient, ...options } = {}) =>
    createTarget('comet', { namePrefix, ...options }, { ...environmentOf(url), ...(impatient ? SOON : {}) }),
  cli: {
    args: () => ['--comet-workspace', WORKSPACE, '--comet-api-key', API_KEY],
    env: (url) => ({ COMET_URL_OVERRIDE: `${url}/clientlib/` }),
    impatient: SOON,
  },
  secret: API_KEY,
  async readBack(url, prefix) {
    const stem = `${prefix}_`.replace(/[^a-zA-Z0-9_-]/g, '_');
    const { projects } = (await call(url, `projects?workspaceName=${WORKSPACE}`)) as {
      projects: { projectName: string }[];
    };
    const runs: HeldRun[] = [];
    for (const { projectName: project } of projects) {
      if (!project.startsWith(stem)) continue;
      const found = await readComet({ url, apiKey: API_KEY }, WORKSPACE, { project, assets: 'bytes' });
      runs.push(...found.map((experiment) => held(experiment, found)));
    }
    return runs;
  },
  async makeForeign(url, projectName, experimentName) {
    await call(url, 'write/experiment/create', { workspaceName: WORKSPACE, projectName, experimentName });
  },
  routes: {
    run: /logger\/add\/run$/,
    points: /experiment\/metric$/,
    file: /asset\/upload$/,
    all: {
      workspaces: /v2\/workspaces$/,
      projects: /v2\/projects$/,
      'new run': /logger\/add\/run$/,
      alive: /status-report\/update$/,
      other: /write\/experiment\/log-other$/,
      points: /experiment\/metric$/,
      parameters: /experiment\/parameter$/,
      file: /asset\/upload$/,
      'held parameters': /experiment\/parameters$/,
      'held assets': /asset\/list$/,
      'held marks': /get-metric$/,
      'held others': /v2\/experiment\/log-other$/,
      times: /set-start-end-time$/,
    },
  },
  pointsTaken: '{"msg":"success","code":200,"data":null,"sdk_error_code":0}',
  design: {
    text: parameterText,
    float: (value) => value,
    untimed: (type) => (type === 'float_series' ? 0 : null),
    mergesEqualPoints: false,
    codes: { untimed: 'timestamp_missing' },
    colliding: ['colon:d', 'colon_d'],
    longestText: 1000,
  },
};
