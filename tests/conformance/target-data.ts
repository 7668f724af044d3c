// The runs that the suite of targets loads, and what a target should hold of them by its design.

import type { AttributeType } from '../../src/model/attributes.ts';
import type { Batch, ScalarRow } from '../../src/model/batches.ts';
import {
  fileSeries,
  floats,
  histograms,
  line,
  microSteps,
  type Points,
  type SampleRun,
  sampleRun,
  scalars,
  strings,
} from '../helpers/archive-runs.ts';
import { PROJECT } from './target-bench.ts';
import type { HeldPoint, TargetDesign } from './target-kit.ts';

/** Values of every type, also those that are hard to keep. */
export const VALUES: ScalarRow[] = [
  { path: 'int/max', type: 'int', value: 2n ** 63n - 1n },
  { path: 'int/min', type: 'int', value: -(2n ** 63n) },
  { path: 'int/odd', type: 'int', value: 2n ** 53n + 1n },
  { path: 'float/tenth', type: 'float', value: 0.1 },
  { path: 'float/whole', type: 'float', value: 10 },
  { path: 'float/nan', type: 'float', value: Number.NaN },
  { path: 'float/inf', type: 'float', value: Number.POSITIVE_INFINITY },
  { path: 'float/minus', type: 'float', value: Number.NEGATIVE_INFINITY },
  { path: 'float/zero', type: 'float', value: -0 },
  { path: 'bool/yes', type: 'bool', value: true },
  { path: 'bool/no', type: 'bool', value: false },
  { path: 'time', type: 'datetime', value: 1_684_324_800_123n },
  { path: 'time/early', type: 'datetime', value: -1n },
  { path: 'set', type: 'string_set', value: ['b', 'a'] },
  { path: 'string/empty', type: 'string', value: '' },
  { path: 'string/unicode', type: 'string', value: '日本 😀 é\u0301 \u00a0' },
  { path: 'string/lines', type: 'string', value: ' a\r\n\tb\n ' },
  { path: 'string/quotes', type: 'string', value: `'"\\%;--<b>&amp;` },
];

const MAX = Number.MAX_VALUE;

/** Float series by path; `long` comes in two batches. */
export const FLOATS: Record<string, Points<number>> = {
  long: line(2500, 1 / 7),
  special: [
    ['0', 1_700_000_000_001, Number.NaN],
    ['1', 1_700_000_000_002, Number.POSITIVE_INFINITY],
    ['2', 1_700_000_000_003, Number.NEGATIVE_INFINITY],
    ['3', 1_700_000_000_004, -0],
    ['4', 1_700_000_000_005, 5e-324],
    ['5', 1_700_000_000_006, -MAX],
    ['999999999999', 1_700_000_000_007, 0.1],
  ],
  /** One step, other times and values; and one point twice. */
  repeated: [
    ['1', 10, 1],
    ['1', 11, 1],
    ['1', 11, 2],
    ['2', 12, 3],
    ['2', 12, 3],
  ],
};

export const TEXTS: Record<string, Points<string>> = {
  log: [
    ['0', 1_684_324_800_123, 'a; b'],
    ['1', 2000, ''],
    ['2', 3000, '日本'],
  ],
  'log/lines': [
    ['0', 1000, 'line\nbreak'],
    ['1', 2000, '  tab\t '],
  ],
};

export const HISTOGRAMS: Record<string, Points<{ edges: number[]; values: number[] }>> = {
  h: [
    ['0', 1000, { edges: [0, 0.1, Number.POSITIVE_INFINITY], values: [1, Number.NaN] }],
    ['1.25', 2000, { edges: [1], values: [] }],
  ],
};

/** Path of an attribute to its file, or to those of its set, below the project's files. */
export const FILES: Record<string, { type: 'file' | 'artifact' | 'file_set'; files: Record<string, Buffer> }> = {
  model: { type: 'file', files: { 'r/model.bin': Buffer.alloc(300_000, 7) } },
  'model/model.bin': { type: 'file', files: { 'r/below/x': Buffer.from('a file where another has its folder') } },
  'notes.txt': { type: 'file', files: { 'r/notes_txt/notes.txt': Buffer.from('named as its attribute') } },
  empty: { type: 'artifact', files: { 'r/empty': Buffer.alloc(0) } },
  odd: { type: 'file', files: { 'r/größe 100%25 #1?.txt': Buffer.from('odd name') } },
  set: { type: 'file_set', files: { 'r/set/set': Buffer.from('one'), 'r/set/deep/deep': Buffer.from('two') } },
};

export const IMAGES: [step: string, time: number, path: string][] = [
  ['0.5', 1, 'r/imgs/a.png'],
  ['0.75', 2, 'r/imgs/b/a.png'],
  ['0.75', 3, 'r/imgs/c/a.png'],
];

/** A run with all of the above. */
export function everything(runId: string): SampleRun {
  const batches: Batch[] = [
    scalars(VALUES),
    floats('long', FLOATS.long!.slice(0, 1300)),
    floats('long', FLOATS.long!.slice(1300)),
    floats('special', FLOATS.special!),
    floats('repeated', FLOATS.repeated!),
    ...Object.entries(TEXTS).map(([path, points]) => strings(path, points)),
    ...Object.entries(HISTOGRAMS).map(([path, points]) => histograms(path, points)),
    {
      kind: 'files',
      rows: Object.entries(FILES).map(([path, { type, files }]) => {
        const [first = ''] = Object.keys(files);
        return { path, type, file: type === 'file_set' ? 'r/set' : first };
      }),
    },
    fileSeries('imgs', IMAGES),
  ];
  return sampleRun(PROJECT, runId, batches);
}

/** A run with something of each kind of request, quick to load. @param value to tell runs and versions of them apart */
export function small(runId: string, value = 1): SampleRun {
  return sampleRun(PROJECT, runId, [
    scalars([{ path: 'p', type: 'int', value: BigInt(value) }]),
    floats('m', line(30, value)),
    strings('s', [['0', 1, `text ${value}`]]),
    { kind: 'files', rows: [{ path: 'f', type: 'file', file: 'small.bin' }] },
  ]);
}

/** A run that names its parent. */
export function fork(runId: string, parent: string): SampleRun {
  return sampleRun(
    PROJECT,
    runId,
    [],
    [
      { path: 'sys/name', type: 'string', value: 'forks' },
      { path: 'sys/forking/parent', type: 'string', value: parent },
    ],
  );
}

/** The step that a target shows, by plain arithmetic on whole numbers. */
export function heldStep(text: string, multiplier: bigint, isWhole: boolean): string {
  const micro = microSteps(text) * multiplier;
  if (isWhole) return String(micro / 1_000_000n);
  const digits = String(micro < 0n ? -micro : micro).padStart(7, '0');
  const decimals = digits.slice(-6).replace(/0+$/, '');
  return `${micro < 0n ? '-' : ''}${digits.slice(0, -6)}${decimals === '' ? '' : `.${decimals}`}`;
}

/** The points of a series as a target should hold them. */
export function heldPoints<Value, Held>(
  points: Points<Value>,
  held: (value: Value) => Held,
  { multiplier = 1n, type, isWhole, design }: HeldSeries,
): HeldPoint<Held>[] {
  return points.map(([step, time, value]) => ({
    step: heldStep(step, multiplier, isWhole),
    time: time === null ? design.untimed(type) : Number(time),
    value: held(value),
  }));
}

export interface HeldSeries {
  multiplier?: bigint;
  type: AttributeType;
  isWhole: boolean;
  design: TargetDesign;
}

/** Points of a float series as a target should hold them, sorted as `sorted` does. */
export function heldFloats(points: Points<number | null>, series: Omit<HeldSeries, 'type'>): HeldPoint<number>[] {
  const { design } = series;
  const value = (given: number | null) => design.float(given ?? Number.NaN);
  const all = sorted(heldPoints(points, value, { type: 'float_series', ...series }));
  if (!design.mergesEqualPoints) return all;
  return all.filter((point, i) => i === 0 || pointText(point) !== pointText(all[i - 1]!));
}

/** In an order that doesn't depend on the target's. */
export function sorted<Value>(points: readonly HeldPoint<Value>[] = []): HeldPoint<Value>[] {
  const order = (point: HeldPoint<Value>) => Number(point.step);
  return points.toSorted((a, b) => order(a) - order(b) || (pointText(a) < pointText(b) ? -1 : 1));
}

function pointText({ step, time, value }: HeldPoint<unknown>): string {
  return `${step} ${time} ${Object.is(value, -0) ? '-0' : typeof value === 'object' ? JSON.stringify(value) : value}`;
}
