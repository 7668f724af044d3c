// The sample project: runs of a few experiments that look like real work. The same every time.

import { createHash } from 'node:crypto';
import { attribute, type DataSet, type DemoAttribute, type DemoProject, type DemoRun } from './dataset.ts';
import { metricsOf, type Training, timeOf } from './sample-curves.ts';
import { filesOf, histogramsOf, logsOf } from './sample-files.ts';
import { seedOf } from './sample-noise.ts';
import { IMAGE_RUNS, type Plan, TEXT_RUNS } from './sample-runs.ts';

export const SAMPLE_PROJECT = 'demo/image-classification';
const SECOND_PROJECT = 'demo/text-generation';

const FIRST_DAY = Date.UTC(2025, 2, 3, 8, 30);
const DAY = 86_400_000;

/** The content of the demo server. Costs hardly any memory: points and big files are computed when asked for. */
export function sampleProject(): DataSet {
  return {
    projects: [project(SAMPLE_PROJECT, 'IMG', IMAGE_RUNS), project(SECOND_PROJECT, 'TXT', TEXT_RUNS)],
  };
}

function project(path: string, key: string, plans: Plan[]): DemoProject {
  return { path, key, runs: plans.map((plan, index) => run(path, `${key}-${index + 1}`, plan, index, plans)) };
}

function run(projectPath: string, sysId: string, plan: Plan, index: number, plans: Plan[]): DemoRun {
  const training: Training = {
    seed: seedOf(plan.runId),
    steps: 5000,
    firstStep: plan.fork ? plan.fork.step + 1 : 0,
    lastStep: plan.steps,
    learningRate: plan.learningRate,
    floor: plan.floor,
    tau: plan.tau,
    ...(plan.divergesAt === undefined ? {} : { divergesAt: plan.divergesAt }),
    start: FIRST_DAY + index * 1.7 * DAY,
    msPerStep: 430 + 20 * (index % 4),
  };
  const config = configOf(plan, training);
  const content: [string, DemoAttribute][] = [
    ...config,
    ...metricsOf(training).map(([name, series]): [string, DemoAttribute] => [name, { type: 'floatSeries', series }]),
    ...logsOf(training),
    ...histogramsOf(training),
    ...filesOf(training, `${projectPath}/${sysId}`, plainConfig(config)),
  ];
  const sys = sysAttributes(projectPath, sysId, plan, training, ancestorsOf(plan, plans), content);
  return { attributes: new Map([...sys, ...content]) };
}

function configOf(plan: Plan, training: Training): [string, DemoAttribute][] {
  const { float, int, string, bool, datetime, stringSet } = attribute;
  const dataset = plan.model.startsWith('gpt') ? 'wikitext-103' : 'imagenet-100';
  const transformer = plan.model.startsWith('vit') || plan.model.startsWith('gpt');
  return [
    ['config/model/name', string(plan.model)],
    ['config/model/parameters', int(transformer ? 22_050_664 : 25_557_032)],
    ['config/model/dropout', float(transformer ? 0.1 : 0)],
    ['config/model/pretrained', bool(false)],
    ['config/optimizer/name', string(transformer ? 'adamw' : 'sgd')],
    ['config/optimizer/lr', float(plan.learningRate)],
    ['config/optimizer/weight_decay', float(transformer ? 0.05 : 0.0001)],
    ['config/optimizer/warmup_steps', int(500)],
    ['config/data/name', string(dataset)],
    ['config/data/path', string(`s3://datasets/${dataset}/2025-02`)],
    ['config/data/batch_size', int(1024)],
    [
      'config/data/augmentations',
      stringSet(plan.tags.includes('mixup') ? ['flip', 'crop', 'mixup'] : ['flip', 'crop']),
    ],
    ['config/data/frozen_at', datetime(Date.UTC(2025, 1, 17, 22, 15, 4, 321))],
    ['config/trainer/max_steps', int(plan.steps + 1)],
    ['config/trainer/mixed_precision', bool(true)],
    ['config/trainer/gradient_clip', float(1)],
    ['config/seed', int(training.seed)],
    ['command', string(`torchrun --nproc-per-node 2 train.py --model ${plan.model} --lr ${plan.learningRate}`)],
    ['source/commit', string(createHash('sha1').update(plan.runId).digest('hex'))],
  ];
}

function plainConfig(config: [string, DemoAttribute][]): Record<string, unknown> {
  return Object.fromEntries(
    config.map(([name, one]) => {
      const value = 'value' in one ? one.value : undefined;
      return [name.replaceAll('/', '.'), typeof value === 'bigint' ? Number(value) : value];
    }),
  );
}

/** Run ids of the parent, its parent, and so on up to the root. */
function ancestorsOf(plan: Plan, plans: Plan[]): string[] {
  const parent = plan.fork && plans.find(({ runId }) => runId === plan.fork?.parent);
  return parent ? [parent.runId, ...ancestorsOf(parent, plans)] : [];
}

function sysAttributes(
  projectPath: string,
  sysId: string,
  plan: Plan,
  training: Training,
  ancestors: string[],
  content: [string, DemoAttribute][],
): [string, DemoAttribute][] {
  const { float, int, string, bool, datetime, stringSet } = attribute;
  const created = timeOf(training, training.firstStep) - 4_200;
  const ended = timeOf(training, training.lastStep);
  const seconds = (ended - created) / 1000;
  const experiment: [string, DemoAttribute][] = plan.experiment
    ? [
        ['sys/name', string(plan.experiment)],
        ['sys/experiment/name', string(plan.experiment)],
        ['sys/experiment/is_head', bool(plan.head === true)],
        ['sys/experiment/running_time_seconds', float(seconds)],
      ]
    : [];
  const forking: [string, DemoAttribute][] = plan.fork
    ? [
        ['sys/forking/parent', string(plan.fork.parent)],
        ['sys/forking/step', float(plan.fork.step)],
      ]
    : [];
  return [
    ['sys/id', string(sysId)],
    ['sys/custom_run_id', string(plan.runId)],
    ...experiment,
    ...forking,
    ['sys/forking/depth', int(ancestors.length)],
    ['sys/family', string(ancestors.at(-1) ?? plan.runId)],
    ['sys/owner', string(plan.tags.includes('resnet') ? 'ada' : 'grace')],
    ['sys/description', string(plan.description ?? '')],
    ['sys/state', { type: 'experimentState' }],
    ['sys/archived', bool(plan.archived === true)],
    ['sys/trashed', bool(false)],
    ['sys/failed', bool(plan.failed === true)],
    ['sys/creation_time', datetime(created)],
    ['sys/modification_time', datetime(ended + 2_000)],
    ['sys/ping_time', datetime(ended + 1_500)],
    ['sys/running_time_seconds', float(seconds)],
    ['sys/relative_creation_time_ms', int(0)],
    ['sys/size', int(2_400_000 + (training.seed % 90_000))],
    ['sys/tags', stringSet(plan.tags)],
    ['sys/group_tags', stringSet(plan.experiment ? [plan.experiment] : [])],
    ['sys/diagnostics/run_uuid', string(uuid(`${projectPath}/${sysId}`))],
    ['sys/diagnostics/project_uuid', string(uuid(projectPath))],
    ...countsOf(content),
  ];
}

function countsOf(content: [string, DemoAttribute][]): [string, DemoAttribute][] {
  const counted: [string, DemoAttribute['type']][] = [
    ['bool', 'bool'],
    ['file_ref', 'fileRef'],
    ['file_ref_series', 'fileRefSeries'],
    ['float', 'float'],
    ['float_series', 'floatSeries'],
    ['histogram_series', 'histogramSeries'],
    ['int', 'int'],
    ['string', 'string'],
    ['string_series', 'stringSeries'],
    ['string_set', 'stringSet'],
  ];
  let points = 0;
  for (const [, one] of content) if ('series' in one) points += one.series.length;
  return [
    ...counted.map(([name, type]): [string, number] => [
      `${name}_count`,
      content.filter(([, one]) => one.type === type).length,
    ]),
    ['total_count', content.length] as [string, number],
    ['total_series_datapoints', points] as [string, number],
  ].map(([name, count]) => [`sys/diagnostics/attributes/${name}`, attribute.int(count)]);
}

function uuid(text: string): string {
  return createHash('md5')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
