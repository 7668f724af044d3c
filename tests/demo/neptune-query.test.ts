// The demo server against the unmodified official client: what it reads back is what the data set holds.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { attribute, type DataSet, type DemoAttribute, fileOf, seriesOf } from '../../src/demo/dataset.ts';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { type DemoServerOptions, type ServedRequest, startDemoServer } from '../../src/demo/server.ts';
import { python } from '../counterparts/python.ts';
import { projectOf } from './api.ts';
import { writeExpected } from './expected.ts';
import { ODD_PROJECT, oddDataSet } from './odd-data.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '..', 'counterparts', 'neptune_query_readback.py');

interface Report {
  /** Number of comparisons by kind. */
  compared: Record<string, number>;
  differences: unknown[];
}

/** Reads the first project of a data set back from a server of it. */
async function readBack(data: DataSet, options: Partial<DemoServerOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'demo-readback-'));
  const requests: ServedRequest[] = [];
  const server = await startDemoServer({ data, onRequest: (request) => requests.push(request), ...options });
  try {
    await writeExpected(data.projects[0]!, folder);
    const { stdout } = await run(await python('neptune3'), [SCRIPT, folder], {
      env: { ...process.env, NEPTUNE_API_TOKEN: server.token, TZ: 'America/St_Johns' },
      maxBuffer: 1 << 26,
    });
    return { report: JSON.parse(stdout) as Report, requests };
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
}

function refusedOf(requests: ServedRequest[]): ServedRequest[] {
  return requests.filter(({ status }) => status >= 300);
}

test('the official client reads the sample project back', async () => {
  const { report, requests } = await readBack(sampleProject());
  assert.deepEqual(report.differences, []);
  assert.deepEqual(refusedOf(requests), []);
  const { compared } = report;
  assert.equal(compared.rows, 12);
  assert.ok(compared.float_points! > 400_000, `${compared.float_points} points`);
  assert.ok(compared.float_series! >= 12 * 40);
  assert.ok(compared.string_series_points! > 1000);
  assert.ok(compared.histogram_series_points! > 300);
  assert.ok(compared.download! >= 12 * 5);
  assert.equal(compared.lineage, 9);
});

test('the official client reads odd data back', async () => {
  const { report, requests } = await readBack(oddDataSet());
  assert.deepEqual(report.differences, []);
  const refused = refusedOf(requests);
  assert.ok(refused.every(({ path, status }) => path.endsWith('missing') && status === 404));
  assert.equal(refused.length, 1);
  assert.ok(report.compared.previews! > 0);
  assert.ok(report.compared.lineage! > 0);
});

test('files come from a storage that speaks Azure, too', async () => {
  const { projects } = oddDataSet();
  const data = { projects: [{ ...projects[0]!, runs: projects[0]!.runs.slice(0, 1) }] };
  const { report } = await readBack(data, { provider: 'azure' });
  assert.deepEqual(report.differences, []);
  assert.ok(report.compared.download! >= 15);
});

test('access tokens end and are renewed while the client works', async () => {
  const { projects } = oddDataSet();
  const data = { projects: [{ ...projects[0]!, runs: projects[0]!.runs.slice(1, 6) }] };
  // The client renews when less than 30 seconds are left: here before every request.
  const { report, requests } = await readBack(data, { tokenSeconds: 30 });
  assert.deepEqual(report.differences, []);
  assert.deepEqual(refusedOf(requests), []);
  assert.ok(requests.some(({ path }) => path.endsWith('/openid-connect/token')));
});

test('the comparison sees what differs', async () => {
  const point = (step: number, value: number, time = 5): DemoAttribute => ({
    type: 'floatSeries',
    series: seriesOf([[step, time, value]]),
  });
  const attributes: [string, DemoAttribute, DemoAttribute][] = [
    ['float', attribute.float(0.1), attribute.float(0.1 + 2 ** -56)],
    ['zero', attribute.float(0), attribute.float(-0)],
    ['type', attribute.int(1), attribute.float(1)],
    ['int', attribute.int(2n ** 53n), attribute.int(2n ** 53n + 1n)],
    ['text', attribute.string('cafe\u0301'), attribute.string('caf\u00e9')],
    ['value', point(1, 2), point(1, 3)],
    ['step', point(1, 2), point(1.000001, 2)],
    ['time', point(1, 2), point(1, 2, 6)],
    ['file', attribute.file(fileOf('a', 'text/plain', 'a')), attribute.file(fileOf('a', 'text/plain', 'b'))],
  ];
  const data = (side: 1 | 2) => projectOf(Object.fromEntries(attributes.map((one) => [one[0], one[side]])));
  const { report } = await readBack(data(1), { data: data(2) });
  const seen = JSON.stringify(report.differences);
  for (const [name] of attributes) assert.ok(seen.includes(name), `${name} is not among ${seen}`);
});

test('the official client understands how the server says no', async () => {
  const server = await startDemoServer({ data: oddDataSet() });
  const list = (token: string, project: string) =>
    run(python3, ['-c', 'import sys, neptune_query.runs as r; r.list_runs(project=sys.argv[1])', project], {
      env: { ...process.env, NEPTUNE_API_TOKEN: token },
    });
  const python3 = await python('neptune3');
  try {
    await assert.rejects(list(server.token, 'odd-ws/none'), /NeptuneProjectInaccessible/);
    const wrong = { api_address: server.url, api_url: server.url, api_key: 'wrong' };
    await assert.rejects(
      list(Buffer.from(JSON.stringify(wrong)).toString('base64'), ODD_PROJECT),
      /NeptuneInvalidCredentials/,
    );
  } finally {
    await server.close();
  }
});
