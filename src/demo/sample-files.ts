// Files, images, logs and histograms of the sample project.

import { type DemoAttribute, type DemoFile, type DemoHistogram, fileOf } from './dataset.ts';
import { makePng } from './png.ts';
import { seriesBySteps, type Training } from './sample-curves.ts';
import { hash, normal, seedOf, uniform } from './sample-noise.ts';

const CLASSES = ['cat', 'dog', 'horse', 'ship', 'truck', 'frog', 'bird', 'deer'];
const IMAGE = 48;
const CHECKPOINT_BYTES = 2_097_152 + 4_321;
const BINS = 32;

/** @param folder in the storage, unique to the run */
export function filesOf(
  training: Training,
  folder: string,
  config: Record<string, unknown>,
): [string, DemoAttribute][] {
  const file = (name: string, mimeType: string, content: string): [string, DemoAttribute] => [
    `files/${name.replace(/\.\w+$/, '')}`,
    { type: 'fileRef', file: fileOf(`${folder}/${name}`, mimeType, content) },
  ];
  const yaml = Object.entries(config).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
  return [
    file('config.yaml', 'application/x-yaml', yaml.join('')),
    file('environment.txt', 'text/plain', 'python==3.11.9\ntorch==2.6.0\ntorchvision==0.21.0\nnumpy==2.2.3\n'),
    file('class_names.json', 'application/json', `${JSON.stringify(CLASSES, undefined, 2)}\n`),
    file('predictions.csv', 'text/csv', predictions(training)),
    ['files/checkpoint', { type: 'fileRef', file: checkpoint(training, `${folder}/checkpoint.pt`) }],
    [
      'images/samples',
      { type: 'fileRefSeries', series: seriesBySteps(training, 1000, (step) => image(training, folder, step)) },
    ],
  ];
}

function predictions(training: Training): string {
  const lines = Array.from({ length: 200 }, (_, index) => {
    const [truth, guess] = [hash(training.seed, index) % 8, hash(training.seed + 1, index) % 8];
    return `${index},${CLASSES[truth]},${CLASSES[index % 5 === 0 ? guess : truth]},${uniform(training.seed, index).toFixed(4)}`;
  });
  return `index,label,prediction,confidence\n${lines.join('\n')}\n`;
}

/** Bytes made when they are read. */
function checkpoint({ seed }: Training, path: string): DemoFile {
  return {
    path,
    mimeType: 'application/octet-stream',
    sizeBytes: CHECKPOINT_BYTES,
    read: (start, end) => {
      const bytes = new Uint8Array(end - start);
      for (let at = start; at < end; at++) bytes[at - start] = hash(seed, at >> 2) >>> ((at & 3) * 8);
      return bytes;
    },
  };
}

/** A picture that comes out of the noise as the training goes on. */
function image(training: Training, folder: string, step: number): DemoFile {
  const clear = step / training.steps;
  const png = makePng(IMAGE, IMAGE, (x, y) => {
    const noise = 255 * uniform(training.seed + step, y * IMAGE + x);
    const inside = (x - IMAGE / 2) ** 2 + (y - IMAGE / 2) ** 2 < (IMAGE / 3) ** 2;
    const [red, green, blue] = inside ? [235, 150, 52] : [40, 70, 130];
    return [red, green, blue].map((color) => Math.round(color * clear + noise * (1 - clear))) as [
      number,
      number,
      number,
    ];
  });
  return fileOf(`${folder}/samples_${step}.png`, 'image/png', png);
}

/** Logs as a program prints them, and warnings beside them. */
export function logsOf(training: Training): [string, DemoAttribute][] {
  const line = (step: number) =>
    `epoch ${Math.floor(step / 1000)} step ${String(step).padStart(5)}/${training.steps} | ` +
    `${(1000 / training.msPerStep).toFixed(1)} it/s | ${step % 500 === 0 ? 'validating …' : 'training'}\n`;
  const warning = (step: number) =>
    `WARNING: data loader waited ${1 + (hash(training.seed, step) % 9)} s for batch ${step}`;
  return [
    ['logs/stdout', { type: 'stringSeries', series: seriesBySteps(training, 25, line) }],
    ['logs/stderr', { type: 'stringSeries', series: seriesBySteps(training, 700, warning) }],
  ];
}

export function histogramsOf(training: Training): [string, DemoAttribute][] {
  return ['weights/0', 'weights/1', 'gradients/0', 'gradients/1'].map((name) => {
    const seed = seedOf(name) ^ training.seed;
    const width = name.startsWith('weights') ? 0.5 : 0.05;
    const series = seriesBySteps(training, 250, (step) => histogram(seed, step, width));
    return [`histograms/${name}`, { type: 'histogramSeries', series }];
  });
}

function histogram(seed: number, step: number, width: number): DemoHistogram {
  const edges = Array.from({ length: BINS + 1 }, (_, edge) => width * ((2 * edge) / BINS - 1));
  const values = Array.from({ length: BINS }, (_, bin) => {
    const distance = (bin - BINS / 2 + 0.5) / (BINS / 6);
    return Math.max(0, Math.round(20_000 * Math.exp(-0.5 * distance ** 2) * (1 + 0.05 * normal(seed + step, bin))));
  });
  return { type: 'COUNTING', edges, values };
}
