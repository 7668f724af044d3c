// The runs of the sample projects, in short.

/** A run in short. */
export interface Plan {
  runId: string;
  /** `sys/name`; a run may have none. */
  experiment?: string;
  /** Is the one that stands for its experiment. */
  head?: boolean;
  model: string;
  learningRate: number;
  floor: number;
  tau: number;
  steps: number;
  /** Run id of the parent and the step up to which its points count. */
  fork?: { parent: string; step: number };
  divergesAt?: number;
  archived?: boolean;
  failed?: boolean;
  description?: string;
  tags: string[];
}

export const IMAGE_RUNS: Plan[] = [
  {
    runId: 'resnet50-baseline-1',
    experiment: 'resnet50-baseline',
    model: 'resnet50',
    learningRate: 0.1,
    floor: 0.92,
    tau: 700,
    steps: 4999,
    description: 'Reference for all that follows.',
    tags: ['baseline', 'resnet'],
  },
  {
    runId: 'resnet50-baseline-2',
    experiment: 'resnet50-baseline',
    head: true,
    model: 'resnet50',
    learningRate: 0.1,
    floor: 0.86,
    tau: 690,
    steps: 4999,
    fork: { parent: 'resnet50-baseline-1', step: 3000 },
    description: 'Went on from step 3000 with label smoothing.',
    tags: ['baseline', 'resnet', 'label-smoothing'],
  },
  {
    runId: 'resnet50-lr-0.01',
    experiment: 'resnet50-lr-sweep',
    model: 'resnet50',
    learningRate: 0.01,
    floor: 1.31,
    tau: 1600,
    steps: 3999,
    tags: ['sweep', 'resnet'],
  },
  {
    runId: 'resnet50-lr-0.05',
    experiment: 'resnet50-lr-sweep',
    head: true,
    model: 'resnet50',
    learningRate: 0.05,
    floor: 0.98,
    tau: 900,
    steps: 3999,
    tags: ['sweep', 'resnet'],
  },
  {
    runId: 'resnet50-lr-0.8',
    experiment: 'resnet50-lr-sweep',
    model: 'resnet50',
    learningRate: 0.8,
    floor: 1.2,
    tau: 600,
    steps: 1999,
    divergesAt: 1180,
    failed: true,
    description: 'Too much: diverged.',
    tags: ['sweep', 'resnet', 'diverged'],
  },
  {
    runId: 'vit-small-1',
    experiment: 'vit-small',
    model: 'vit_small_patch16',
    learningRate: 0.001,
    floor: 1.12,
    tau: 1300,
    steps: 4999,
    tags: ['vit'],
  },
  {
    runId: 'vit-small-1-mixup',
    experiment: 'vit-small-mixup',
    model: 'vit_small_patch16',
    learningRate: 0.001,
    floor: 0.99,
    tau: 1250,
    steps: 4999,
    fork: { parent: 'vit-small-1', step: 2000 },
    tags: ['vit', 'mixup'],
  },
  {
    runId: 'vit-small-1-mixup-ema',
    experiment: 'vit-small-mixup',
    head: true,
    model: 'vit_small_patch16',
    learningRate: 0.0008,
    floor: 0.9,
    tau: 1250,
    steps: 4999,
    fork: { parent: 'vit-small-1-mixup', step: 3500 },
    description: 'Averaged weights (EMA 0.9999).',
    tags: ['vit', 'mixup', 'ema'],
  },
  {
    runId: 'convnext-tiny-1',
    experiment: 'convnext-tiny',
    model: 'convnext_tiny',
    learningRate: 0.004,
    floor: 0.81,
    tau: 820,
    steps: 4999,
    tags: ['convnext', 'best'],
  },
  {
    runId: 'convnext-tiny-2',
    experiment: 'convnext-tiny',
    head: true,
    model: 'convnext_tiny',
    learningRate: 0.004,
    floor: 0.8,
    tau: 800,
    steps: 4999,
    description: 'Same as the first, other seed.',
    tags: ['convnext', 'best', 'seed-2'],
  },
  {
    runId: 'resnet50-old-data',
    experiment: 'old-data',
    head: true,
    model: 'resnet50',
    learningRate: 0.1,
    floor: 1.5,
    tau: 900,
    steps: 1499,
    archived: true,
    tags: ['resnet', 'obsolete'],
  },
  { runId: 'smoke-test', model: 'resnet18', learningRate: 0.1, floor: 2.5, tau: 300, steps: 199, tags: [] },
];

export const TEXT_RUNS: Plan[] = [
  {
    runId: 'gpt-mini-1',
    experiment: 'gpt-mini',
    model: 'gpt_mini',
    learningRate: 0.0006,
    floor: 2.9,
    tau: 500,
    steps: 999,
    tags: ['gpt'],
  },
  {
    runId: 'gpt-mini-2',
    experiment: 'gpt-mini',
    head: true,
    model: 'gpt_mini',
    learningRate: 0.0003,
    floor: 3.0,
    tau: 600,
    steps: 999,
    tags: ['gpt', 'low-lr'],
  },
];
