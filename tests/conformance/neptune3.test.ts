// Neptune 3 passes the suite of sources.

import type { DataSet } from '../../src/demo/dataset.ts';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { oddDataSet } from '../demo/odd-data.ts';
import { bench } from '../export/harness.ts';
import { againSuite } from './again-suite.ts';
import type { SourceKit } from './kit.ts';
import { sourceSuite } from './source-suite.ts';

/** Two runs are enough to meet every kind of request. */
function small(): DataSet {
  const [project] = sampleProject().projects;
  return { projects: [{ ...project!, runs: project!.runs.slice(0, 2) }] };
}

const parsed = {
  search: /entries\/search/,
  attributes: /attributes\/query/,
  'float series': /series\/float/,
  'other series': /attributes\/series$/,
};

const kit: SourceKit<DataSet> = {
  name: 'neptune3',
  bench,
  sample: sampleProject,
  small,
  odd: oddDataSet,
  oddFailures: ['everything, files/missing, not_found'],
  emptyProject: 'odd-ws/empty',
  routes: [...Object.entries(parsed), ['signing', /signedUrl/], ['storage', /^\/storage\//]],
  unmeasured: [],
  parsed: Object.values(parsed),
  attributes: parsed.attributes,
  floatSeries: parsed['float series'],
  otherContent: ['POST /api/leaderboard/v1/proto/attributes/series ', 'GET /storage/'],
  smallRuns: small().projects[0]!.runs.map(({ attributes }) => {
    const id = attributes.get('sys/custom_run_id');
    return id?.type === 'string' ? id.value : '';
  }),
  smallFloatSeries: (data) =>
    data.projects[0]!.runs.flatMap(({ attributes }) =>
      [...attributes].filter(([, { type }]) => type === 'floatSeries').map(([path]) => path),
    ),
  downloads: (counts) => counts.get('GET /storage/ 200') ?? 0,
  idleRequests: 2,
};

sourceSuite(kit);
againSuite(kit);
