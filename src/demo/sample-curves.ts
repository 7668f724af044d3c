// The metrics of the sample project: functions of the step that look like training.

import type { FloatSeries, Series } from './dataset.ts';
import { drift, normal, seedOf, uniform } from './sample-noise.ts';

/** What makes one training differ from another. */
export interface Training {
  seed: number;
  /** Steps of the whole schedule. */
  steps: number;
  /** The run's own steps: after `firstStep` (a fork begins late) up to `lastStep`. */
  firstStep: number;
  lastStep: number;
  learningRate: number;
  /** Loss that it comes down to. */
  floor: number;
  /** Steps in which the loss falls to a third of the way. */
  tau: number;
  /** Step at which the loss begins to explode. */
  divergesAt?: number;
  /** Milliseconds since 1970, at step 0. */
  start: number;
  msPerStep: number;
}

const WARMUP = 500;
const LOSS_AT_START = 6.9;

function learningRate({ learningRate: base, steps }: Training, step: number): number {
  if (step < WARMUP) return (base * (step + 1)) / WARMUP;
  return base * 0.5 * (1 + Math.cos((Math.PI * (step - WARMUP)) / (steps - WARMUP)));
}

/** The loss without noise. Explodes to infinity and then to NaN, as real ones do. */
function smoothLoss(training: Training, step: number): number {
  const { floor, tau, divergesAt } = training;
  const fallen = 0.7 * Math.exp(-step / tau) + 0.3 / (1 + step / (tau / 3));
  const loss = floor + (LOSS_AT_START - floor) * fallen;
  if (divergesAt === undefined || step < divergesAt) return loss;
  const since = step - divergesAt;
  if (since > 400) return Number.NaN;
  return since > 380 ? Infinity : loss * Math.exp(since / 40);
}

function loss(training: Training, step: number, seed: number, noise: number): number {
  const smooth = smoothLoss(training, step);
  return smooth * (1 + noise * normal(seed, step) + 0.01 * drift(seed + 1, step, 40));
}

/** Accuracy goes with the loss; what exploded guesses. */
function accuracy(training: Training, step: number, seed: number, reach: number): number {
  const smooth = smoothLoss(training, step);
  if (!(smooth < LOSS_AT_START)) return 0.001;
  const value = reach * (1 - smooth / LOSS_AT_START) ** 0.8 + 0.008 * normal(seed, step);
  return Math.min(1, Math.max(0, value));
}

function gradientNorm(training: Training, step: number, seed: number): number {
  const smooth = smoothLoss(training, step);
  const spike = uniform(seed + 3, step) > 0.997 ? 6 : 1;
  return spike * (0.3 + 0.5 * smooth) * Math.exp(0.25 * normal(seed, step));
}

type Curve = (training: Training, step: number, seed: number) => number;
/** A metric: its name, at which multiples of steps it is there, and its curve. */
type Metric = [name: string, every: number, curve: Curve];

const TRAINING: Metric[] = [
  ['train/loss', 1, (t, step, seed) => loss(t, step, seed, 0.05)],
  ['train/accuracy', 1, (t, step, seed) => accuracy(t, step, seed, 1.05)],
  ['train/top5_accuracy', 1, (t, step, seed) => accuracy(t, step, seed, 1.25)],
  ['train/grad_norm', 1, gradientNorm],
  ['train/samples_per_second', 1, (_, step, seed) => 2480 + 35 * normal(seed, step) + 60 * drift(seed, step, 200)],
  ['optimizer/lr', 1, learningRate],
  ['val/loss', 100, (t, step, seed) => 1.06 * loss(t, step, seed, 0.01)],
  ['val/accuracy', 100, (t, step, seed) => 0.97 * accuracy(t, step, seed, 1.02)],
  ['val/top5_accuracy', 100, (t, step, seed) => 0.98 * accuracy(t, step, seed, 1.2)],
  ['val/f1', 100, (t, step, seed) => 0.95 * accuracy(t, step, seed, 1.02)],
  ['val/calibration_error', 100, (_, step, seed) => 0.03 + 0.12 * Math.exp(-step / 900) + 0.002 * normal(seed, step)],
];

function layerMetrics(layer: number): Metric[] {
  const name = `layers/${layer}`;
  return [
    [`${name}/grad_norm`, 5, (t, step, seed) => gradientNorm(t, step, seed) / (1 + layer / 3)],
    [`${name}/weight_norm`, 5, (_, step, seed) => 16 + layer - 4 * Math.exp(-step / 1500) + 0.02 * normal(seed, step)],
  ];
}

function gpuMetrics(gpu: number): Metric[] {
  const name = `monitoring/gpu/${gpu}`;
  return [
    [`${name}/utilization`, 10, (_, step, seed) => Math.min(100, 94 + 3 * normal(seed, step))],
    [`${name}/memory_gb`, 10, (_, step, seed) => 61.5 + 0.2 * drift(seed, step, 500)],
    [
      `${name}/temperature`,
      10,
      (_, step, seed) => Math.round(72 - 34 * Math.exp(-step / 200) + drift(seed, step, 150)),
    ],
    [`${name}/power_watts`, 10, (_, step, seed) => 388 + 14 * normal(seed, step)],
  ];
}

const HOST: Metric[] = [
  ['monitoring/cpu/utilization', 10, (_, step, seed) => 38 + 9 * drift(seed, step, 120) + 4 * normal(seed, step)],
  ['monitoring/memory/used_gb', 10, (_, step, seed) => 103 - 12 * Math.exp(-step / 800) + drift(seed, step, 300)],
  ['monitoring/disk/read_mb_s', 10, (_, step, seed) => Math.abs(310 + 90 * normal(seed, step))],
  ['monitoring/network/received_mb_s', 10, (_, step, seed) => Math.abs(14 + 6 * normal(seed, step))],
  // Sampled by time, so between the steps.
  ['monitoring/process/memory_gb', 12.5, (_, step, seed) => 21 + 0.4 * drift(seed, step, 200)],
];

const METRICS: Metric[] = [
  ...TRAINING,
  ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap(layerMetrics),
  ...[0, 1].flatMap(gpuMetrics),
  ...HOST,
];

/** All metrics of a training, by name. */
export function metricsOf(training: Training): [string, FloatSeries][] {
  return METRICS.map(([name, every, curve]): [string, FloatSeries] => {
    const seed = seedOf(name) ^ training.seed;
    return [name, seriesBySteps(training, every, (step) => curve(training, step, seed))];
  });
}

/** Time of a step: rises with the step, though not evenly. */
export function timeOf(training: Training, step: number): number {
  return Math.round(training.start + (step + 0.8 * uniform(training.seed, Math.floor(step))) * training.msPerStep);
}

/** A series with a point at each multiple of `every` among the run's own steps. */
export function seriesBySteps<T>(training: Training, every: number, value: (step: number) => T): Series<T> {
  const first = Math.ceil(training.firstStep / every);
  const length = Math.max(0, Math.floor(training.lastStep / every) - first + 1);
  const step = (index: number) => (first + index) * every;
  return { length, step, timestamp: (index) => timeOf(training, step(index)), value: (index) => value(step(index)) };
}
