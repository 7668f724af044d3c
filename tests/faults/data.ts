// Two small projects, of Neptune 3 and 2, that need every kind of request; nothing in them is odd.

import {
  attribute,
  type DataSet,
  type DemoAttribute,
  type DemoFile,
  fileOf,
  type Series,
  seriesOf,
} from '../../src/demo/dataset.ts';
import { attribute2, contentOf, type DataSet2, type DemoAttribute2 } from '../../src/demo/neptune2/dataset.ts';

const TIME = Date.UTC(2024, 2, 1, 8);
export const PROJECT = 'faults/project';

/** Points that are computed. */
function points<T>(length: number, value: (index: number) => T): Series<T> {
  return { length, step: (index) => index, timestamp: (index) => TIME + index * 250, value };
}

/** Bytes that no compression makes small, so that a half of them is one in any case. */
export function bytesOf(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

/** How a PNG image begins and ends. */
const PNG_BEGIN = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const PNG_END = Buffer.from('\0\0\0\0IEND\xaeB`\x82', 'latin1');

/** Attributes by name, for the runs numbered from 1. */
function attributes3(index: number): [string, DemoAttribute][] {
  const file = (name: string, bytes: number): DemoFile =>
    fileOf(`${index}/${name}`, 'application/octet-stream', bytesOf(bytes, index * 100 + bytes));
  return [
    ['sys/id', attribute.string(`FLT-${index}`)],
    ['sys/custom_run_id', attribute.string(`run-${index}`)],
    ['sys/creation_time', attribute.datetime(TIME + index)],
    ['parameters/lr', attribute.float(0.1 * index)],
    ['parameters/layers', attribute.int(index)],
    ['parameters/name', attribute.string(`näme ${index}`)],
    ['parameters/tags', attribute.stringSet(['a', `b${index}`])],
    ['metrics/loss', { type: 'floatSeries', series: points(300, (step) => index / (step + 1)) }],
    ['metrics/acc', { type: 'floatSeries', series: points(20, (step) => step * index) }],
    ['logs/lines', { type: 'stringSeries', series: points(30, (step) => `line ${step} of ${index}`) }],
    [
      'histograms/weights',
      {
        type: 'histogramSeries',
        series: points(5, (step) => ({ type: 'COUNTING', edges: [0, step, 9], values: [1, 2] })),
      },
    ],
    ['files/model', attribute.file(file('model.bin', 50_000))],
    ['files/note', attribute.file(file('note.bin', 60))],
    ['images/sample', { type: 'fileRefSeries', series: points(3, (step) => file(`sample-${step}.png`, 3_000 + step)) }],
  ];
}

/** @param more of each run, by its number */
export function data3(runs = 3, more: (index: number) => [string, DemoAttribute][] = () => []): DataSet {
  const numbers = Array.from({ length: runs }, (_, index) => index + 1);
  return {
    projects: [
      {
        path: PROJECT,
        key: 'FLT',
        runs: numbers.map((index) => ({ attributes: new Map([...attributes3(index), ...more(index)]) })),
      },
    ],
  };
}

function attributes2(index: number): [string, DemoAttribute2][] {
  const image = (step: number) => ({
    ...contentOf(Buffer.concat([PNG_BEGIN, bytesOf(3_000 + step, index), PNG_END])),
    mimeType: 'image/png',
    description: `image ${step}`,
  });
  const files = [
    { filePath: 'train.csv', fileHash: 'aa', type: 'S3', size: 77, metadata: { location: 's3://b/train.csv' } },
  ] as const;
  return [
    ['sys/id', attribute2.string(`FLT-${index}`)],
    ['sys/creation_time', attribute2.datetime(TIME + index)],
    ['sys/trashed', attribute2.bool(false)],
    ['parameters/lr', attribute2.float(0.1 * index)],
    ['parameters/layers', attribute2.int(index)],
    ['parameters/tags', attribute2.stringSet(['a', `b${index}`])],
    ['metrics/loss', attribute2.floats(points(300, (step) => index / (step + 1)))],
    ['metrics/acc', attribute2.floats(points(20, (step) => step * index))],
    ['logs/lines', attribute2.strings(seriesOf([0, 1, 2].map((step) => [step, TIME + step, `line ${step}`])))],
    ['images/sample', attribute2.images(points(3, image))],
    ['files/model', attribute2.file('model.bin', bytesOf(50_000, index))],
    ['source/files', attribute2.fileSet({ 'train.py': 'print()\n', 'lib/util.py': `# ${index}\n` })],
    ['data/set', { type: 'artifact', artifact: { hash: String(index).repeat(64), files } }],
  ];
}

/** @param more of each run, by its number */
export function data2(runs = 3, more: (index: number) => [string, DemoAttribute2][] = () => []): DataSet2 {
  const numbers = Array.from({ length: runs }, (_, index) => index + 1);
  return {
    projects: [
      {
        path: PROJECT,
        key: 'FLT',
        runs: numbers.map((index) => ({ attributes: new Map([...attributes2(index), ...more(index)]) })),
      },
    ],
  };
}
