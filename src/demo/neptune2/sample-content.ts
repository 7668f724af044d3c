// What the runs of the Neptune 2 sample logged: metrics, monitoring, logs, files, images. Computed when asked for.

import type { Series } from '../dataset.ts';
import { makePng } from '../png.ts';
import { drift, hash, normal, seedOf, uniform } from '../sample-noise.ts';
import { attribute2, contentOf, type DemoAttribute2, type DemoContent, type DemoImage } from './dataset.ts';
import type { Plan2 } from './sample-runs.ts';

type Named = [name: string, attribute: DemoAttribute2];

/** A run's place in time. */
export interface Timing {
  seed: number;
  /** Milliseconds since 1970. */
  start: number;
  msPerStep: number;
}

const MONITORING_MS = 2_000;
const MODEL_BYTES = 1_203_377;
const PLOT = 64;

/** Metrics with a point each so many steps. */
export function metricsOf(plan: Plan2, timing: Timing): Named[] {
  const at = (step: number) => 1 - Math.exp((-4 * step) / plan.steps);
  const overfit = (step: number) => Math.max(0, plan.depth - 6) * 0.006 * (step / plan.steps);
  const series = (name: string, every: number, value: (step: number, seed: number) => number): Named => {
    const seed = seedOf(name) ^ timing.seed;
    return [`training/${name}`, attribute2.floats(bySteps(plan, timing, every, (step) => value(step, seed)))];
  };
  return [
    series('train/logloss', 1, (step, seed) => 0.69 - 0.4 * plan.auc * at(step) + 0.002 * normal(seed, step)),
    series('train/auc', 1, (step, seed) => 0.5 + (plan.auc - 0.46) * at(step) + 0.001 * normal(seed, step)),
    series(
      'valid/logloss',
      1,
      (step, seed) => 0.69 - 0.36 * plan.auc * at(step) + overfit(step) + 0.003 * normal(seed, step),
    ),
    series(
      'valid/auc',
      1,
      (step, seed) => 0.5 + (plan.auc - 0.5) * at(step) - overfit(step) + 0.002 * normal(seed, step),
    ),
    series(
      'valid/average_precision',
      10,
      (step, seed) => 0.2 + (plan.auc - 0.4) * at(step) + 0.004 * normal(seed, step),
    ),
    series('learning_rate', 10, (step) => plan.learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / plan.steps))),
    // Half steps: logged in the middle of a round.
    series('time_per_round', 2.5, (step, seed) => 0.2 + 0.05 * uniform(seed, step * 2) + 0.02 * drift(seed, step, 60)),
  ];
}

/** What the client measures by itself, and the output of the program, below `monitoring/<hash>/`. */
export function monitoringOf(plan: Plan2, timing: Timing, host: string): Named[] {
  const folder = `monitoring/${hash(timing.seed, 7).toString(16).padStart(8, '0')}`;
  const count = Math.ceil((plan.steps * timing.msPerStep) / MONITORING_MS);
  const measured = (name: string, value: (index: number, seed: number) => number): Named => {
    const seed = seedOf(name) ^ timing.seed;
    const time = (index: number) => timing.start + index * MONITORING_MS + (hash(seed, index) % 40);
    return [
      `${folder}/${name}`,
      attribute2.floats({ length: count, step: (i) => i, timestamp: time, value: (i) => value(i, seed) }),
    ];
  };
  return [
    measured('cpu', (index, seed) => Math.round(1000 * Math.abs(55 + 20 * drift(seed, index, 30))) / 1000),
    measured('memory', (index, seed) => 6.5 + 2 * (1 - Math.exp(-index / 20)) + 0.01 * normal(seed, index)),
    [`${folder}/stdout`, attribute2.strings(outputOf(plan, timing))],
    [`${folder}/stderr`, attribute2.strings(warningsOf(plan, timing))],
    [`${folder}/hostname`, attribute2.string(host)],
    [`${folder}/pid`, attribute2.string(String(2000 + (timing.seed % 20_000)))],
    [`${folder}/tid`, attribute2.string(String(140_000_000 + (timing.seed % 1_000_000)))],
  ];
}

function outputOf(plan: Plan2, timing: Timing): Series<string> {
  const every = 5;
  const lines = bySteps(
    plan,
    timing,
    every,
    (step) => `[${step}] valid-auc:${(0.5 + step / plan.steps / 4).toFixed(5)}`,
  );
  // The client counts lines, it doesn't know of the program's steps.
  return { ...lines, step: (index) => index };
}

function warningsOf(plan: Plan2, timing: Timing): Series<string> {
  const count = plan.failed ? 3 : timing.seed % 3;
  return {
    length: count,
    step: (index) => index,
    timestamp: (index) => timing.start + 900 + index * 4_000,
    value: (index) =>
      plan.failed && index === count - 1
        ? 'Traceback (most recent call last):\n  File "train.py", line 88, in <module>\nMemoryError\n'
        : `UserWarning: column "tenure_${index}" has ${1 + (hash(timing.seed, index) % 900)} missing values`,
  };
}

/** Source code as the client uploads it. */
export function sourceCodeOf(plan: Plan2, index: number): Named[] {
  const code = `import neptune\n\nrun = neptune.init_run()\nrun["parameters"] = {"depth": ${plan.depth}}\n`;
  const files = {
    'train.py': code,
    'features.py': 'def features(table):\n    return table.drop(columns=["churned"])\n',
    'config/default.yaml': `algorithm: ${plan.algorithm}\ndepth: ${plan.depth}\n`,
    'README.md': '# Churn prediction\n\nWho will leave? 📉\n',
  };
  const diff = `--- a/config/default.yaml\n+++ b/config/default.yaml\n-depth: 6\n+depth: ${plan.depth}\n`;
  return [
    ['source_code/entrypoint', attribute2.string('train.py')],
    ['source_code/files', attribute2.fileSet(files)],
    ['source_code/diff', attribute2.file('diff.patch', diff)],
    [
      'source_code/git',
      {
        type: 'gitRef',
        git: {
          commitId: Array.from({ length: 5 }, (_, part) => hash(index, part).toString(16).padStart(8, '0')).join(''),
          message: `Depth ${plan.depth} for ${plan.algorithm}\n`,
          authorName: plan.owner === 'ada' ? 'Ada L.' : 'Grace H.',
          authorEmail: `${plan.owner}@example.org`,
          commitDate: Date.UTC(2023, 4, 2 + index, 9, 12, 4),
          dirty: plan.tags.includes('sweep'),
          branch: plan.tags.includes('sweep') ? 'sweep' : 'main',
          remotes: ['git@example.org:lab/churn.git'],
        },
      },
    ],
  ];
}

/** Results that came as files and pictures. */
export function resultsOf(plan: Plan2, timing: Timing): Named[] {
  const importance = Array.from({ length: 30 }, (_, n) => `feature_${n},${uniform(timing.seed, n).toFixed(4)}`);
  return [
    ['evaluation/feature_importance', attribute2.file('importance.csv', `feature,gain\n${importance.join('\n')}\n`)],
    ['evaluation/roc_curve', attribute2.file('roc.png', plot(timing.seed, plan.steps))],
    ['evaluation/plots', attribute2.images(plotsOf(plan, timing))],
    ['model/checkpoints/best', attribute2.file('best.bin', modelBytes(timing.seed))],
  ];
}

/** Bytes of a model, made when they are read. */
export function modelBytes(seed: number): DemoContent {
  return {
    sizeBytes: MODEL_BYTES,
    read: (start, end) => {
      const bytes = new Uint8Array(end - start);
      for (let at = start; at < end; at++) bytes[at - start] = hash(seed, at >> 2) >>> ((at & 3) * 8);
      return bytes;
    },
  };
}

function plotsOf(plan: Plan2, timing: Timing): Series<DemoImage> {
  const series = bySteps(plan, timing, Math.max(1, Math.floor(plan.steps / 4)), (step) => step);
  return {
    ...series,
    value: (index) => ({
      ...contentOf(plot(timing.seed, series.step(index))),
      mimeType: 'image/png',
      name: `calibration after ${series.step(index)} rounds`,
      ...(index === 0 ? {} : { description: `Predicted against true share, ${plan.algorithm}` }),
    }),
  };
}

/** A curve that bends more with more steps. */
function plot(seed: number, steps: number): Buffer {
  const bend = 1 + Math.log1p(steps) / 3;
  return makePng(PLOT, PLOT, (x, y) => {
    const curve = PLOT * (1 - (x / PLOT) ** (1 / bend)) + 2 * uniform(seed, x);
    if (Math.abs(y - curve) < 2) return [200, 60, 40];
    return Math.abs(PLOT - x - y) < 1 ? [160, 160, 160] : [250, 250, 250];
  });
}

/** A series with a point at each multiple of `every` up to the run's last step. */
function bySteps<T>(plan: Plan2, timing: Timing, every: number, value: (step: number) => T): Series<T> {
  return {
    length: Math.floor(plan.steps / every),
    step: (index) => index * every,
    timestamp: (index) =>
      Math.round(timing.start + (index * every + 0.7 * uniform(timing.seed, index)) * timing.msPerStep),
    value: (index) => value(index * every),
  };
}
