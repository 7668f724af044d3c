// Neptune 2 data sets: everything that is rare and allowed, and a mild one that has a bit of each type.

import { type Series, seriesOf } from '../../src/demo/dataset.ts';
import {
  attribute2,
  contentOf,
  type DataSet2,
  type DemoAttribute2,
  type DemoContainer,
  type DemoImage,
} from '../../src/demo/neptune2/dataset.ts';

export const ODD2_PROJECT = 'odd-ws/odd projekt ü';
export const MILD2_PROJECT = 'mild-ws/mild';

const TIME = Date.UTC(2022, 1, 28, 12, 0, 0, 7);
const MIB = 1 << 20;
/** 300 bytes, more than a file name may have. */
export const LONG_NAME2 = `long/${'ü'.repeat(150)}/tail`;

type Named = [name: string, attribute: DemoAttribute2];

/** Names with all sorts of characters. */
export const ODD2_NAMES = [
  'a:b',
  'looks/typed:string',
  'back`tick',
  'with "quotes" and \'more\'',
  'new\nline',
  ' leading and trailing ',
  'back\\slash',
  'ünï/cödé/日本語/🚀',
  'caf\u00e9',
  'cafe\u0301',
  'dots.b',
  'dots_b',
  'Case',
  'case',
  '(a|b)*[c]+?{1}^$.~ -',
  'a & b = c + 100% #1?',
  'percent%20%2F+plus',
  '../../x',
  'up/../../../y',
  'CON',
  'com1.txt',
  'trailing dot.',
  'x',
  'x.download',
  'nul\0byte',
  LONG_NAME2,
];

/** The official client drops empty parts of names: it asks for others than these. */
export const NAMES_WITH_EMPTY_PARTS = ['/abs', '/etc/passwd', 'a//b', 'ends/'];

/** A run that the official client can't open: in it, an attribute is also the folder of another. */
export const NESTED_RUN = 'ODD-5';

const FLOATS: [string, number][] = [
  ['nan', Number.NaN],
  ['infinity', Infinity],
  ['minus_infinity', -Infinity],
  ['minus_zero', -0],
  ['zero', 0],
  ['whole', 3],
  ['smallest', 5e-324],
  ['largest', Number.MAX_VALUE],
  ['tenth', 0.1],
];

const INTS: [string, bigint][] = [
  ['largest', 2n ** 63n - 1n],
  ['smallest', -(2n ** 63n)],
  ['beyond_double', 2n ** 53n + 1n],
  ['minus_one', -1n],
  ['zero', 0n],
];

const STRINGS: [string, string][] = [
  ['empty', ''],
  ['blank', ' '],
  ['lines', 'one\r\ntwo\n\tthree\u2028four\u0000five'],
  ['unicode', '🚀 cafe\u0301 日本語 \u{10ffff}'],
  ['nan', 'NaN'],
  ['quotes', '"double" \'single\' `back` \\'],
  ['longest', 'ä'.repeat(16_384)],
];

const DATES: [string, number][] = [
  ['epoch', 0],
  ['before_epoch', -1],
  ['time', TIME],
  ['far', Date.UTC(2250, 0, 1, 0, 0, 0, 999)],
];

const SETS: [string, string[]][] = [
  ['empty', []],
  ['of_empty', ['']],
  ['odd', ['a,b', '"q"', 'ü', ' ', 'a']],
];

/** Also steps whose six decimals are a matter of rounding. */
const STEPS = [0, 0.000001, 0.1, 0.1234565, 0.3, 1, 1.5, 2, 4096.123456, 1_000_000_000.5, 999_999_999_999.5];
const VALUES = [Number.NaN, Infinity, -Infinity, -0, 0, 5e-324, -1.5, Number.MAX_VALUE, 0.1, 1 / 3, Number.NaN];

export function oddDataSet2(): DataSet2 {
  return {
    projects: [
      {
        path: ODD2_PROJECT,
        key: 'ODD',
        runs: [
          container('ODD-1', 1, [
            ...oddValues(),
            ...ODD2_NAMES.map(nameAsText),
            ...NAMES_WITH_EMPTY_PARTS.map(nameAsText),
          ]),
          container('ODD-2', 2, oddSeries()),
          container('ODD-3', 3, oddFiles()),
          container('ODD-4', 4, [...ODD2_NAMES, ...NAMES_WITH_EMPTY_PARTS].map(nameAsFile)),
          container(NESTED_RUN, 5, [
            ['a', attribute2.file('a', 'file a')],
            ['a/b', attribute2.file('b', 'file a/b')],
            ['..', attribute2.file('dots', 'file ..')],
            ['../..', attribute2.file('more dots', 'file ../..')],
            ['series', attribute2.images(images(2))],
            ['series/0.png', attribute2.file('0.png', 'a file')],
            ['set', attribute2.fileSet({ m: 'member' })],
            ['set/set.zip', attribute2.file('set.zip', 'no zip')],
          ]),
          {
            attributes: new Map([
              ['sys/id', attribute2.string('ODD-6')],
              ['sys/trashed', attribute2.bool(false)],
            ]),
          },
          container('ODD-7', 7, [['x', attribute2.int(1)]], true),
          // They share their time of creation.
          ...Array.from({ length: 8 }, (_, index) =>
            container(`ODD-${8 + index}`, 8, [
              ['index', attribute2.int(index)],
              ['m', attribute2.floats(seriesOf([[index + 0.5, TIME, index]]))],
              ['sys/group_tags', attribute2.stringSet(index % 2 ? ['odd'] : [])],
            ]),
          ),
        ],
        models: [
          container('ODD-MOD', 1, [nameAsText('../../x', 0), nameAsFile('../../y', 0)]),
          container('ODD-OLD', 2, [], true),
          container('ODD-NONE', 3, []),
        ],
        modelVersions: [
          version('ODD-MOD-1', 'ODD-MOD', 'production', [
            ['loss', attribute2.floats(seriesOf([[0.1, TIME, Number.NaN]]))],
            ...oddFiles().slice(0, 3),
          ]),
          version('ODD-MOD-2', 'ODD-MOD', 'none', [], true),
          version('ODD-OLD-1', 'ODD-OLD', 'archived', [['x', attribute2.int(1)]]),
        ],
      },
      { path: 'odd-ws/empty', key: 'NIL', runs: [] },
    ],
  };
}

function container(id: string, day: number, attributes: Named[], trashed = false): DemoContainer {
  return {
    attributes: new Map<string, DemoAttribute2>([
      ['sys/id', attribute2.string(id)],
      ['sys/creation_time', attribute2.datetime(TIME + day * 86_400_000)],
      ['sys/modification_time', attribute2.datetime(TIME + day * 86_400_000 + 5)],
      ['sys/trashed', attribute2.bool(trashed)],
      ...attributes,
    ]),
  };
}

function version(id: string, model: string, stage: string, attributes: Named[], trashed = false): DemoContainer {
  const own: Named[] = [
    ['sys/model_id', attribute2.string(model)],
    ['sys/stage', attribute2.string(stage)],
  ];
  return container(id, 4, [...own, ...attributes], trashed);
}

function nameAsText(name: string, index: number): Named {
  return [name, attribute2.string(`value ${index}`)];
}

function nameAsFile(name: string, index: number): Named {
  return [name, attribute2.file(`upload ${index}.bin`, `content of file ${index}`)];
}

function values<T>(prefix: string, pairs: [string, T][], make: (value: T) => DemoAttribute2): Named[] {
  return pairs.map(([name, value]) => [`${prefix}/${name}`, make(value)]);
}

function oddValues(): Named[] {
  return [
    ...values('float', FLOATS, attribute2.float),
    ...values('int', INTS, attribute2.int),
    ...values('string', STRINGS, attribute2.string),
    ...values('datetime', DATES, attribute2.datetime),
    ...values('set', SETS, attribute2.stringSet),
    ['bool/true', attribute2.bool(true)],
    ['bool/false', attribute2.bool(false)],
    ['sys/state', { type: 'experimentState', value: 'running' }],
    ['source_code/git', { type: 'gitRef', git: GIT }],
    ['source_code/bare_git', { type: 'gitRef', git: { ...GIT, branch: 'ü', remotes: ['a', 'b'], dirty: true } }],
    ['sys/notebook', { type: 'notebookRef', notebook: { notebookId: NOTEBOOK, notebookDeleted: true } }],
    ['from/the/future', { type: 'unknown', wireType: 'hologram', properties: { value: 'shiny' } }],
  ];
}

const NOTEBOOK = '12345678-9abc-4def-8123-456789abcdef';
const GIT = {
  commitId: '0123456789abcdef0123456789abcdef01234567',
  message: 'Ünïcode 🚀\n\nand "more"\n',
  authorName: '',
  authorEmail: 'a@example.org',
  commitDate: TIME,
  dirty: false,
};

function oddSeries(): Named[] {
  const points = STEPS.map((step, index) => [step, TIME + index, VALUES[index]!] as const);
  const lines = (length: number) =>
    Array.from({ length }, (_, index) => [index / 4, TIME + index, index % 3 ? `line ${index}\n` : ''] as const);
  return [
    ['series/values', attribute2.floats(seriesOf(points))],
    ['series/long', attribute2.floats(longSeries(2500))],
    ['series/page', attribute2.floats(longSeries(1000))],
    ['series/empty', attribute2.floats(seriesOf([]))],
    ['series/at_epoch', attribute2.floats(seriesOf([[0, 0, 0]]))],
    ...ODD2_NAMES.map((name, index): Named => [`m/${name}`, attribute2.floats(seriesOf([[index, TIME, index]]))]),
    ...NAMES_WITH_EMPTY_PARTS.map((name): Named => [`m/${name}`, attribute2.floats(seriesOf([[1, TIME, 2]]))]),
    ['lines/many', attribute2.strings(seriesOf(lines(2500)))],
    ['lines/page', attribute2.strings(seriesOf(lines(1000)))],
    ['lines/empty', attribute2.strings(seriesOf([]))],
    ['lines/long', attribute2.strings(seriesOf([0, 1, 2].map((step) => [step, TIME, `${step}${'ü🚀'.repeat(900)}`])))],
    ['lines/odd "name" & more', attribute2.strings(seriesOf([[0.1, TIME, 'ü\u0000\u2028']]))],
    ['images/odd', attribute2.images(images(5))],
    ['images/empty', attribute2.images(images(0))],
    ['images/a & b/../c?', attribute2.images(images(1))],
  ];
}

/** Images with gaps between their steps; every second one has a name, every third one a description; one has no bytes. */
function images(length: number): Series<DemoImage> {
  return {
    length,
    step: (index) => index * 10 + 0.5,
    timestamp: (index) => TIME + index,
    value: (index) => ({
      ...contentOf(index === 4 ? '' : `image ${index}`),
      mimeType: ['image/png', 'image/jpeg', 'image/svg+xml'][index % 3]!,
      ...(index % 2 === 0 ? { name: `näme "${index}"\n/x` } : {}),
      ...(index % 3 === 0 ? { description: 'an odd\ndescription 🚀' } : {}),
    }),
  };
}

/** A series of many points that is computed. */
function longSeries(length: number): Series<number> {
  return {
    length,
    step: (index) => index * 3,
    timestamp: (index) => TIME + index * 17,
    value: (index) => Math.sin(index),
  };
}

function oddFiles(): Named[] {
  const s3 = { filePath: 'ü/train.csv', fileHash: 'aa', type: 'S3', size: 2 ** 40, metadata: S3_METADATA } as const;
  const local = { filePath: '../../local', fileHash: 'bb', type: 'Local', metadata: {} } as const;
  return [
    ['files/empty', attribute2.file('empty.txt', '')],
    ['files/no_ext', attribute2.file('no ext ü%20?&#', Uint8Array.of(0, 255, 1))],
    ['files/ünï "cödé"', attribute2.file('"x".json', '{}')],
    ['files/big', attribute2.file('big.bin', Buffer.alloc(3 * MIB + 1, 'abc'))],
    ['files/lost', attribute2.file('lost.bin', { sizeBytes: 10 })],
    ['sets/plain', attribute2.fileSet({ 'a.txt': 'a', 'b/c.txt': 'c', 'b/d/e.txt': '', 'ü.txt': 'ü' })],
    ['sets/empty', attribute2.fileSet({})],
    ['sets/hostile', attribute2.fileSet({ '../../evil': 'e', '/abs': 'a', CON: 'c', 'a//b': 'd' }, '../../evil.zip')],
    ['sets/odd name', attribute2.fileSet({ x: 'y' }, 'a "b" ü;x=1.zip')],
    ['artifacts/both', { type: 'artifact', artifact: { hash: 'c'.repeat(64), files: [s3, local] } }],
    ['artifacts/empty', { type: 'artifact', artifact: { hash: 'd'.repeat(64), files: [] } }],
  ];
}

const S3_METADATA = { location: 's3://bucket/ü/train.csv', last_modified: '2022-01-01 00:00:00', 'b key': '"v"\n' };

/** A project with a bit of each type and nothing hostile, for faults: two pages of points, one file of 3 MB. */
export function mildDataSet2(): DataSet2 {
  const run = (index: number): DemoContainer =>
    container(`MILD-${index}`, index, [
      ['sys/name', attribute2.string(`run ${index}`)],
      ['sys/tags', attribute2.stringSet(['mild', `n${index}`])],
      ['sys/state', { type: 'experimentState', value: 'idle' }],
      ['parameters/lr', attribute2.float(0.1 * index)],
      ['parameters/batch', attribute2.int(index)],
      ['parameters/started', attribute2.datetime(TIME)],
      ['source_code/git', { type: 'gitRef', git: { ...GIT, branch: 'main', remotes: ['origin'] } }],
      ['train/loss', attribute2.floats(longSeries(1500))],
      ['train/acc', attribute2.floats(longSeries(20))],
      ['monitoring/stdout', attribute2.strings(seriesOf([0, 1, 2].map((step) => [step, TIME + step, `line ${step}`])))],
      ['images/samples', attribute2.images(images(3))],
      ['files/config', attribute2.file('config.yaml', `index: ${index}\n`)],
      ['files/model', attribute2.file('model.bin', Buffer.alloc(index === 1 ? 3 * MIB : 100_000, `model ${index}`))],
      ['source_code/files', attribute2.fileSet({ 'train.py': 'print()\n', 'lib/util.py': `# ${index}\n` })],
      ['data/set', { type: 'artifact', artifact: MILD_ARTIFACT }],
    ]);
  return {
    projects: [
      {
        path: MILD2_PROJECT,
        key: 'MILD',
        runs: [run(1), run(2), run(3), container('MILD-4', 4, [['x', attribute2.int(1)]], true)],
        models: [container('MILD-MOD', 1, [['card', attribute2.file('card.md', '# Mild\n')]])],
        modelVersions: [
          version('MILD-MOD-1', 'MILD-MOD', 'none', [['binary', attribute2.file('m.bin', 'binary 1')]]),
          version('MILD-MOD-2', 'MILD-MOD', 'staging', [['auc', attribute2.floats(longSeries(10))]]),
        ],
      },
    ],
  };
}

const MILD_ARTIFACT = {
  hash: 'e'.repeat(64),
  files: [{ filePath: 'data.csv', fileHash: 'ff', type: 'S3', size: 12, metadata: { location: 's3://b/data.csv' } }],
} as const;
