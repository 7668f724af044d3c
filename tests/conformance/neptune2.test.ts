// Neptune 2 passes the suite of sources.

import type { DataSet2 } from '../../src/demo/neptune2/dataset.ts';
import { neptune2SampleProject } from '../../src/demo/neptune2/sample-project.ts';
import { startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { writeExpected2 } from '../demo/neptune2-expected.ts';
import { mildDataSet2, oddDataSet2 } from '../demo/neptune2-odd-data.ts';
import { benchOf } from '../export/harness.ts';
import { againSuite } from './again-suite.ts';
import type { SourceKit } from './kit.ts';
import { sourceSuite } from './source-suite.ts';

const parsed = {
  project: /projects\/get/,
  search: /entries\/search/,
  attributes: /v1\/attributes$/,
  'float series': /series\/float/,
  'string series': /series\/string/,
  'images, their number': /channels\//,
  'a zip, asked for': /downloadFileSetZipRequest/,
  'a zip, waited for': /downloadRequest$/,
  artifacts: /artifacts\/.*list|artifacts\/v/i,
};

/** The server tells no size of an image, and an image's content doesn't have to. */
const IMAGE = /image\/single/;

const kit: SourceKit<DataSet2> = {
  name: 'neptune2',
  bench: (t, data, options = {}) =>
    benchOf(t, 'neptune2', data, {
      start: () => startNeptune2DemoServer({ data, ...options }),
      writeExpected: (folder, now) => writeExpected2(now.projects[0]!, folder),
    }),
  sample: neptune2SampleProject,
  small: mildDataSet2,
  odd: oddDataSet2,
  oddFailures: ['ODD-1, from/the/future, unsupported', 'ODD-3, files/lost, not_found'],
  emptyProject: 'odd-ws/empty',
  routes: [
    ...Object.entries(parsed),
    ['file', /attributes\/download$/],
    ['image', IMAGE],
    ['zip', /\/download\/(?!downloadRequest)/],
  ],
  unmeasured: [IMAGE],
  parsed: Object.values(parsed),
  attributes: parsed.attributes,
  floatSeries: parsed['float series'],
  otherContent: ['getStringSeriesValues', 'downloadAttribute', 'download ', 'getImageSeriesValue', 'listArtifactFiles'],
  smallRuns: ['MILD-1', 'MILD-2', 'MILD-3'],
  smallFloatSeries: (data) =>
    data.projects[0]!.runs.flatMap(({ attributes }) =>
      attributes.get('sys/trashed')?.type === 'bool' &&
      attributes.get('sys/id')?.type === 'string' &&
      attributes.has('train/loss')
        ? ['train/loss', 'train/acc']
        : [],
    ),
  downloads: (counts) =>
    ['downloadAttribute 200', 'download 200', 'getImageSeriesValue 200'].reduce(
      (sum, key) => sum + (counts.get(key) ?? 0),
      0,
    ),
  idleRequests: 6,
};

sourceSuite(kit);
againSuite(kit);
