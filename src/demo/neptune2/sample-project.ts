// The sample project of Neptune 2: runs and models that look like real work. The same every time.

import { createHash } from 'node:crypto';
import { seedOf } from '../sample-noise.ts';
import {
  attribute2,
  type DataSet2,
  type DemoArtifact,
  type DemoAttribute2,
  type DemoContainer,
  type DemoProject2,
} from './dataset.ts';
import { metricsOf, modelBytes, monitoringOf, resultsOf, sourceCodeOf, type Timing } from './sample-content.ts';
import { CHURN_MODELS, CHURN_RUNS, type ModelPlan, type Plan2, PRICE_RUNS } from './sample-runs.ts';

export const NEPTUNE2_SAMPLE_PROJECT = 'demo/churn-prediction';
const SECOND_PROJECT = 'demo/price-elasticity';

const FIRST_DAY = Date.UTC(2023, 4, 3, 7, 45);
const DAY = 86_400_000;
const HOST = 'gpu-node-3';

type Named = [name: string, attribute: DemoAttribute2];

/** The content of a Neptune 2 demo server. Costs hardly any memory: points and big files are computed when asked for. */
export function neptune2SampleProject(): DataSet2 {
  return {
    projects: [
      project(NEPTUNE2_SAMPLE_PROJECT, 'CHURN', CHURN_RUNS, CHURN_MODELS),
      project(SECOND_PROJECT, 'PRICE', PRICE_RUNS, []),
    ],
  };
}

function project(path: string, key: string, runs: Plan2[], models: ModelPlan[]): DemoProject2 {
  return {
    path,
    key,
    runs: runs.map((plan, index) => runOf(path, `${key}-${index + 1}`, plan, index)),
    models: models.map((plan, index) => modelOf(`${key}-${plan.key}`, plan, index)),
    modelVersions: models.flatMap((plan) =>
      plan.versions.map((_, index) => versionOf(path, key, `${key}-${plan.key}`, plan, index)),
    ),
  };
}

function runOf(projectPath: string, id: string, plan: Plan2, index: number): DemoContainer {
  const timing: Timing = {
    seed: seedOf(`${projectPath}/${id}`),
    start: FIRST_DAY + index * 2.3 * DAY,
    msPerStep: 220 + 30 * (index % 3),
  };
  const { string, stringSet } = attribute2;
  const created = timing.start - 3_100;
  const ended = timing.start + plan.steps * timing.msPerStep;
  const more: Named[] = [
    ['sys/hostname', string(HOST)],
    ['sys/group_tags', stringSet(plan.groups ?? [])],
    ...(plan.customRunId ? [['sys/custom_run_id', string(plan.customRunId)] as Named] : []),
    ...(plan.notebook ? [notebookOf(timing.seed)] : []),
    ['sys/failed', attribute2.bool(plan.failed === true)],
    ['sys/monitoring_time', attribute2.int(Math.round((ended - created) / 1000))],
    ['sys/running_time', attribute2.float((ended - created) / 1000)],
  ];
  return container([
    ...sysOf(id, { ...plan, trashed: plan.trashed === true, created, ended }),
    ...more,
    ...parametersOf(plan, timing),
    ...metricsOf(plan, timing),
    ['evaluation/auc', attribute2.float(plan.auc)],
    ['evaluation/confident', attribute2.bool(plan.auc > 0.8)],
    ...resultsOf(plan, timing),
    ...dataOf(plan),
    ...sourceCodeOf(plan, index),
    ...monitoringOf(plan, timing, HOST),
  ]);
}

interface Sys {
  name: string;
  description?: string;
  owner: string;
  tags: string[];
  trashed: boolean;
  created: number;
  ended: number;
}

/** What Neptune says itself of runs and models. */
function sysOf(id: string, { name, description, owner, tags, trashed, created, ended }: Sys): Named[] {
  const { float, string, bool, datetime, stringSet } = attribute2;
  return [
    ['sys/id', string(id)],
    ['sys/name', string(name)],
    ['sys/description', string(description ?? '')],
    ['sys/owner', string(owner)],
    ['sys/tags', stringSet(tags)],
    ['sys/trashed', bool(trashed)],
    ['sys/state', { type: 'experimentState', value: 'idle' }],
    ['sys/creation_time', datetime(created)],
    ['sys/modification_time', datetime(Math.round(ended) + 2_000)],
    ['sys/ping_time', datetime(Math.round(ended) + 1_500)],
    ['sys/size', float(1_200_000 + (seedOf(id) % 90_000))],
  ];
}

function parametersOf(plan: Plan2, timing: Timing): Named[] {
  const { float, int, string, bool, datetime, stringSet } = attribute2;
  const neural = plan.algorithm === 'mlp';
  return [
    ['parameters/algorithm', string(plan.algorithm)],
    ['parameters/learning_rate', float(plan.learningRate)],
    [`parameters/${neural ? 'layers' : 'max_depth'}`, int(plan.depth)],
    ['parameters/rounds', int(plan.steps)],
    ['parameters/regularization/l1', float(0)],
    ['parameters/regularization/l2', float(neural ? 0.0001 : 1)],
    ['parameters/early_stopping', bool(!neural)],
    ['parameters/seed', int(timing.seed)],
    ['parameters/features', stringSet(['tenure', 'plan', 'calls', ...(neural ? ['region_embedding'] : [])])],
    ['parameters/objective', string('binary:logistic')],
    ['data/frozen_at', datetime(plan.data === '2023-05' ? Date.UTC(2023, 4, 1) : Date.UTC(2023, 5, 1, 0, 0, 0, 250))],
    ['data/rows', int(plan.data === '2023-05' ? 1_204_331 : 1_310_018)],
  ];
}

/** The tracked data set: runs on the same data have the same artifact. */
function dataOf({ data }: Plan2): Named[] {
  const files = ['train', 'valid', 'test'].map((part, index) => ({
    filePath: `${part}/part-0.parquet`,
    fileHash: digestOf('sha1', `${data}/${part}`),
    type: 'S3' as const,
    size: 48_000_000 + index * 1_234_567,
    metadata: { location: `s3://lab-data/churn/${data}/${part}/part-0.parquet`, last_modified: `${data}-01 03:00:00` },
  }));
  const artifact: DemoArtifact = { hash: digestOf('sha256', data), files };
  return [['data/training_set', { type: 'artifact', artifact }]];
}

function notebookOf(seed: number): Named {
  const notebook = {
    notebookId: uuid(`notebook ${seed}`),
    notebookName: 'exploration.ipynb',
    notebookDeleted: false,
    checkpointId: uuid(`checkpoint ${seed}`),
    checkpointName: 'before the meeting',
    checkpointDeleted: false,
  };
  return ['sys/notebook', { type: 'notebookRef', notebook }];
}

function modelOf(id: string, plan: ModelPlan, index: number): DemoContainer {
  const created = FIRST_DAY + (20 + index) * DAY;
  const sys = { name: plan.name, owner: 'ada', tags: ['churn'], trashed: false, created, ended: created + DAY };
  return container([
    ...sysOf(id, sys),
    ['signature/inputs', attribute2.stringSet(['tenure', 'plan', 'calls'])],
    ['signature/output', attribute2.string('probability')],
    ['documentation/card', attribute2.file('card.md', `# ${plan.name}\n\nPredicts who leaves within 30 days.\n`)],
  ]);
}

function versionOf(projectPath: string, key: string, modelId: string, plan: ModelPlan, index: number): DemoContainer {
  const version = plan.versions[index]!;
  const id = `${modelId}-${index + 1}`;
  const run = CHURN_RUNS[version.run - 1]!;
  const seed = seedOf(`${projectPath}/${id}`);
  const created = FIRST_DAY + (30 + index) * DAY;
  const sys = {
    name: `${plan.name} ${index + 1}`,
    owner: run.owner,
    tags: run.tags,
    trashed: version.trashed === true,
    created,
    ended: created + 60_000,
  };
  const checks = {
    length: 28,
    step: (day: number) => day,
    timestamp: (day: number) => created + day * DAY,
    value: (day: number) => run.auc - 0.001 * day,
  };
  return container([
    ...sysOf(id, sys),
    ['sys/model_id', attribute2.string(modelId)],
    ['sys/stage', attribute2.string(version.stage)],
    ['run/id', attribute2.string(`${key}-${version.run}`)],
    ['metrics/auc', attribute2.float(run.auc)],
    ['monitoring/auc', attribute2.floats(checks)],
    ['model/binary', attribute2.file('model.bin', modelBytes(seed))],
    [
      'model/environment',
      attribute2.fileSet({ 'requirements.txt': 'lightgbm==3.3.5\n', 'conda/env.yaml': 'name: lab\n' }),
    ],
  ]);
}

function container(attributes: Named[]): DemoContainer {
  return { attributes: new Map(attributes) };
}

function digestOf(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}

function uuid(text: string): string {
  return digestOf('sha256', text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}
