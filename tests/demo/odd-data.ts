// A data set of everything that is rare and allowed: names, values, steps and runs that break careless programs.

import { attribute, type DataSet, type DemoAttribute, type DemoRun, fileOf, seriesOf } from '../../src/demo/dataset.ts';

export const ODD_PROJECT = 'odd-ws/odd projekt ü';

const TIME = Date.UTC(2024, 1, 29, 12, 0, 0, 7);
const MIB = 1 << 20;
/** 320 characters, more than a file name may have. */
export const LONG_NAME = `long/${'x'.repeat(310)}/tail`;

export const ODD_NAMES = [
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
  'a.b',
  'a_b',
  '/begins/with/slash',
  'a//b',
  '(a|b)*[c]+?{1}^$.&~# -',
  'percent%20%2F+plus',
  LONG_NAME,
];

/** Run ids, also such that differ only in their unicode normal form. */
export const ODD_RUN_IDS = [
  'a "quoted" \\back\\slash/with/`ticks` and \'more\'',
  'ünï cödé 🚀',
  'caf\u00e9',
  'cafe\u0301',
  'new\nline',
  ' blank around ',
  'r'.repeat(300),
  '100% (a|b)+ & !c',
];

/** Where in the project the run with the longest id is. */
const LONG_RUN = 9 + ODD_RUN_IDS.findIndex((runId) => runId.length === 300);

const FLOATS: [string, number][] = [
  ['nan', Number.NaN],
  ['infinity', Infinity],
  ['minus_infinity', -Infinity],
  ['minus_zero', -0],
  ['zero', 0],
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
  ['mebibyte', 'ä'.repeat(MIB / 2)],
];

const DATES: [string, number][] = [
  ['epoch', 0],
  ['before_epoch', -1],
  ['leap_day', TIME],
  ['far', Date.UTC(2250, 0, 1, 0, 0, 0, 999)],
];

const SETS: [string, string[]][] = [
  ['empty', []],
  ['of_empty', ['']],
  ['odd', ['a,b', '"q"', 'ü', ' ', 'a']],
];

/** Steps with six decimals at most, as Neptune takes them. */
const STEPS = [0, 0.000001, 0.1, 0.2, 0.3, 1, 1.5, 2, 4096.123456, 1_000_000_000.5, 999_999_999_999.5];
const VALUES = [Number.NaN, Infinity, -Infinity, -0, 0, 5e-324, -1.5, Number.MAX_VALUE, 0.1, 1 / 3, Number.NaN];

function values<T>(prefix: string, pairs: [string, T][], make: (value: T) => DemoAttribute): [string, DemoAttribute][] {
  return pairs.map(([name, value]) => [`${prefix}/${name}`, make(value)]);
}

function oddValues(): [string, DemoAttribute][] {
  return [
    ...values('float', FLOATS, attribute.float),
    ...values('int', INTS, attribute.int),
    ...values('string', STRINGS, attribute.string),
    ...values('datetime', DATES, attribute.datetime),
    ...values('set', SETS, attribute.stringSet),
    ['bool/true', attribute.bool(true)],
    ['bool/false', attribute.bool(false)],
    ['no/value/git', { type: 'gitRef' }],
    ['no/value/complex', { type: 'complex' }],
    ['sys/state', { type: 'experimentState' }],
    ...ODD_NAMES.map((name, index): [string, DemoAttribute] => [name, attribute.string(`value ${index}`)]),
  ];
}

function oddSeries(): [string, DemoAttribute][] {
  const points = STEPS.map((step, index) => [step, TIME + index, VALUES[index]!] as const);
  const withPreviews = seriesOf(
    Array.from({ length: 20 }, (_, index) => [index, TIME + index * 1000, index / 7] as const),
  );
  const lines = Array.from(
    { length: 2500 },
    (_, index) => [index / 4, TIME + index, index % 3 ? `line ${index}\n` : ''] as const,
  );
  const huge = [0, 1, 2, 3].map((step) => [step, TIME + step, `${step}${'y'.repeat(MIB - 1)}`] as const);
  const bins = Array.from({ length: 512 }, (_, bin) => (bin === 7 ? 2 ** 60 : bin));
  return [
    ['series/values', { type: 'floatSeries', series: seriesOf(points) }],
    ['series/long', { type: 'floatSeries', series: longSeries(25_000) }],
    ['series/empty', { type: 'floatSeries', series: seriesOf([]) }],
    ['series/at_epoch', { type: 'floatSeries', series: seriesOf([[0, 0, 0]]) }],
    [
      'series/previews',
      {
        type: 'floatSeries',
        series: { ...withPreviews, completion: (index) => (index < 15 ? undefined : index / 20) },
      },
    ],
    ...ODD_NAMES.map((name, index): [string, DemoAttribute] => [
      `m/${name}`,
      { type: 'floatSeries', series: seriesOf([[index, TIME, index]]) },
    ]),
    ['lines/many', { type: 'stringSeries', series: seriesOf(lines) }],
    ['lines/huge', { type: 'stringSeries', series: seriesOf(huge) }],
    ['lines/empty', { type: 'stringSeries', series: seriesOf([]) }],
    [`lines/${ODD_NAMES[3]}`, { type: 'stringSeries', series: seriesOf([[0.1, TIME, 'ü']]) }],
    [
      'histograms/odd',
      {
        type: 'histogramSeries',
        series: seriesOf([
          [0, TIME, { type: 'COUNTING', edges: [...bins, 512], values: bins }],
          [0.5, TIME + 1, { type: 'DENSITY', edges: [-Infinity, -0, 0.1, Infinity], values: [Number.NaN, 0, -0] }],
          [1, TIME + 2, { type: '', edges: [], values: [] }],
        ]),
      },
    ],
    [
      'files/series',
      {
        type: 'fileRefSeries',
        series: seriesOf(
          STEPS.map(
            (step, index) => [step, TIME + index, fileOf(`s/${index}.bin`, 'image/png', `file ${index}`)] as const,
          ),
        ),
      },
    ],
  ];
}

/** A series of many points that is computed. */
function longSeries(length: number) {
  return {
    length,
    step: (index: number) => index * 3,
    timestamp: (index: number) => TIME + index * 17,
    value: (index: number) => Math.sin(index),
  };
}

function oddFiles(): [string, DemoAttribute][] {
  return [
    ['files/empty', attribute.file(fileOf('f/empty', 'text/plain', ''))],
    ['files/no_type', attribute.file(fileOf('f/no type ü%20?&#.bin', '', Uint8Array.of(0, 255, 1)))],
    ['files/big', attribute.file(fileOf('f/big', 'application/octet-stream', Buffer.alloc(3 * MIB + 1, 'abc')))],
    ['files/missing', attribute.file({ path: 'f/missing', sizeBytes: 10, mimeType: 'text/plain' })],
    ['files/ünï "cödé"', attribute.file(fileOf('f/x/y/z', 'application/json', '{}'))],
  ];
}

function run(sysId: string, runId: string, more: [string, DemoAttribute][]): DemoRun {
  return {
    attributes: new Map([['sys/id', attribute.string(sysId)], ['sys/custom_run_id', attribute.string(runId)], ...more]),
  };
}

function named(name: string): [string, DemoAttribute] {
  return ['sys/name', attribute.string(name)];
}

/** A run that logged `series/values` at the steps `from` to `to`, forked if it has a parent. */
function lineageRun(
  sysId: string,
  runId: string,
  experiment: string,
  from: number,
  to: number,
  parent?: [string, number],
) {
  const points = Array.from(
    { length: to - from + 1 },
    (_, index) => [from + index, TIME + index, from + index] as const,
  );
  const fork: [string, DemoAttribute][] = parent
    ? [
        ['sys/forking/parent', attribute.string(parent[0])],
        ['sys/forking/step', attribute.float(parent[1])],
        ['sys/forking/depth', attribute.int(1)],
      ]
    : [];
  const texts = seriesOf(points.map(([step, time]) => [step, time, `${runId} ${step}`] as const));
  return run(sysId, runId, [
    named(experiment),
    ...fork,
    ['sys/creation_time', attribute.datetime(TIME + from)],
    ['lineage/values', { type: 'floatSeries', series: seriesOf(points) }],
    ['lineage/texts', { type: 'stringSeries', series: texts }],
  ]);
}

/** Everything at once; runs of any class missing, forks of forks, archived and trashed runs. */
export function oddDataSet(): DataSet {
  const archived = attribute.bool(true);
  return {
    projects: [
      {
        path: ODD_PROJECT,
        key: 'ODD',
        runs: [
          run('ODD-1', 'everything', [named('odd "experiment"'), ...oddValues(), ...oddSeries(), ...oddFiles()]),
          run('ODD-2', 'nothing', []),
          run('ODD-3', 'other-types', [
            ['series/values', attribute.string('a string here')],
            ['float/nan', { type: 'floatSeries', series: seriesOf([[0, TIME, 1]]) }],
            ['string/empty', attribute.int(1)],
            [
              'lines/many',
              {
                type: 'histogramSeries',
                series: seriesOf([[2, TIME, { type: 'COUNTING', edges: [0, 1], values: [3] }]]),
              },
            ],
          ]),
          run('ODD-4', 'archived', [
            ['sys/archived', archived],
            ['sys/trashed', attribute.bool(false)],
            ['x', attribute.int(1)],
          ]),
          run('ODD-5', 'trashed', [
            ['sys/archived', archived],
            ['sys/trashed', archived],
            ['x', attribute.int(2)],
          ]),
          run('ODD-6', 'metrics-only', [['m', { type: 'floatSeries', series: seriesOf([[1, TIME, 2]]) }]]),
          lineageRun('ODD-7', 'root', 'family', 0, 10),
          lineageRun('ODD-8', 'child', 'family', 6, 12, ['root', 5]),
          lineageRun('ODD-9', 'grandchild', 'other', 9, 14, ['child', 8]),
          ...ODD_RUN_IDS.map((runId, index) =>
            run(`ODD-${10 + index}`, runId, [
              ['index', attribute.int(index)],
              ['m', { type: 'floatSeries', series: seriesOf([[index + 0.5, TIME, index]]) }],
              ['lines', { type: 'stringSeries', series: seriesOf([[index, TIME, runId]]) }],
              ['file', attribute.file(fileOf(`runs/${index}/${runId}`, 'text/plain', runId))],
            ]),
          ),
        ],
      },
      { path: 'odd-ws/empty', key: 'NIL', runs: [] },
    ],
  };
}

/**
 * The odd data without what makes the official exporter lose a whole batch of runs: a run id too long for a file name,
 * integers that a double can't hold, a name that is a string series in one run and a histogram series in another.
 */
export function mildDataSet(): DataSet {
  const isMild = (name: string, one: DemoAttribute) =>
    !(one.type === 'int' && !Number.isSafeInteger(Number(one.value))) &&
    !(one.type === 'histogramSeries' && name === 'lines/many');
  const projects = oddDataSet().projects.map((project) => ({
    ...project,
    runs: project.runs
      .filter((_, index) => index !== LONG_RUN)
      .map(({ attributes }) => ({ attributes: new Map([...attributes].filter(([name, one]) => isMild(name, one))) })),
  }));
  return { projects };
}
