// The Neptune 2 demo server against the unmodified official client: what it reads back is what the data set holds.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { seriesOf } from '../../src/demo/dataset.ts';
import type { ServedRequest } from '../../src/demo/http-server.ts';
import { attribute2, type DataSet2, type DemoAttribute2 } from '../../src/demo/neptune2/dataset.ts';
import { neptune2SampleProject } from '../../src/demo/neptune2/sample-project.ts';
import { type Neptune2ServerOptions, startNeptune2DemoServer } from '../../src/demo/neptune2/server.ts';
import { python } from '../counterparts/python.ts';
import { tempFolder } from '../helpers/temp.ts';
import { projectOf2 } from './neptune2-api.ts';
import { writeExpected2 } from './neptune2-expected.ts';
import {
  MILD2_PROJECT,
  mildDataSet2,
  NAMES_WITH_EMPTY_PARTS,
  NESTED_RUN,
  ODD2_PROJECT,
  oddDataSet2,
} from './neptune2-odd-data.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '..', 'counterparts', 'neptune2_readback.py');
/** The client's OAuth library wants https else. */
const CLIENT_ENV = { TZ: 'UTC', OAUTHLIB_INSECURE_TRANSPORT: '1' };

interface Report {
  /** Number of comparisons by kind. */
  compared: Record<string, number>;
  differences: unknown[];
}

interface ReadBack {
  /** What the server has, if it isn't what is expected. */
  served?: DataSet2;
  server?: Omit<Neptune2ServerOptions, 'data'>;
  /** Names that the client can't ask for. */
  unreadable?: string[];
  /** Runs that it can't open. */
  unopened?: string[];
}

/** Reads the first project of a data set back from a server of it. */
async function readBack(t: TestContext, data: DataSet2, options: ReadBack = {}) {
  const folder = await tempFolder(t);
  const requests: ServedRequest[] = [];
  const server = await startNeptune2DemoServer({
    data: options.served ?? data,
    onRequest: (request) => requests.push(request),
    ...options.server,
  });
  t.after(() => server.close());
  await writeExpected2(data.projects[0]!, folder);
  const settings = {
    projects: data.projects.map(({ path }) => path),
    unreadable: options.unreadable ?? [],
    unopened: options.unopened ?? [],
    artifacts: options.server?.artifacts ?? true,
  };
  const { stdout } = await run(await python('neptune2'), [SCRIPT, folder, JSON.stringify(settings)], {
    cwd: folder,
    env: { ...process.env, ...CLIENT_ENV, NEPTUNE_API_TOKEN: server.token },
    maxBuffer: 1 << 26,
  });
  return { report: JSON.parse(stdout.slice(stdout.lastIndexOf('\n{'))) as Report, requests };
}

function refusedOf(requests: ServedRequest[]) {
  return requests.filter(({ status }) => status >= 300).map(({ operation, status }) => `${operation} ${status}`);
}

test('the official client reads the sample project back', async (t) => {
  const { report, requests } = await readBack(t, neptune2SampleProject());
  assert.deepEqual(report.differences, []);
  assert.deepEqual(refusedOf(requests), []);
  const { compared } = report;
  assert.equal(compared.structure, 10 + 2 + 5);
  assert.ok(compared.floatSeries! >= 10 * 9);
  assert.ok(compared.floatSeries_points! > 40_000);
  assert.ok(compared.stringSeries_points! > 1_500);
  assert.ok(compared.file! >= 10 * 4);
  assert.equal(compared.images, 10);
  assert.equal(compared.artifact, 10);
  assert.ok(compared.file_set! >= 10);
});

test('the official client reads odd data back', async (t) => {
  const { report, requests } = await readBack(t, oddDataSet2(), {
    unreadable: NAMES_WITH_EMPTY_PARTS.flatMap((name) => [name, `m/${name}`]),
    unopened: [NESTED_RUN],
  });
  assert.deepEqual(report.differences, []);
  // The file whose content the server has lost.
  assert.deepEqual(refusedOf(requests), ['downloadAttribute 404']);
  assert.ok(report.compared.file! >= 30);
  assert.ok(report.compared.images! >= 3);
});

test('the client finds everything where the documents say it is, also at moved paths', async (t) => {
  const { report, requests } = await readBack(t, mildDataSet2(), { server: { movedPaths: true } });
  assert.deepEqual(report.differences, []);
  assert.deepEqual(refusedOf(requests), []);
  assert.deepEqual(
    requests.map(({ path }) => path).filter((path) => /\/v1\/|\/auth\//.test(path)),
    [],
  );
});

test('the client goes where the configuration sends it', async (t) => {
  const { report, requests } = await readBack(t, mildDataSet2(), { server: { apiHost: 'localhost' } });
  assert.deepEqual(report.differences, []);
  assert.deepEqual(refusedOf(requests), []);
});

test('access tokens end and are renewed while the client works', async (t) => {
  // The client renews when less than 30 seconds are left: here before every request.
  const { report, requests } = await readBack(t, mildDataSet2(), { server: { tokenSeconds: 2 } });
  assert.deepEqual(report.differences, []);
  assert.deepEqual(refusedOf(requests), []);
  assert.ok(requests.filter(({ operation }) => operation === 'refresh').length > 20);
});

test('zips take their time, and a server may have no artifacts service', async (t) => {
  const { report, requests } = await readBack(t, mildDataSet2(), { server: { prepareDelay: 200, artifacts: false } });
  assert.deepEqual(report.differences, []);
  assert.deepEqual(refusedOf(requests), []);
  assert.equal(report.compared.artifact, undefined);
  const asked = requests.filter(({ operation }) => operation === 'getDownloadPrepareRequest').length;
  assert.ok(asked > report.compared.file_set!, `asked ${asked} times for ${report.compared.file_set} zips`);
});

test('the comparison sees what differs', async (t) => {
  const floats = (step: number, value: number, time = 5) => attribute2.floats(seriesOf([[step, time, value]]));
  const attributes: [string, DemoAttribute2, DemoAttribute2][] = [
    ['float', attribute2.float(0.1), attribute2.float(0.1 + 2 ** -56)],
    ['zero', attribute2.float(0), attribute2.float(-0)],
    ['type', attribute2.int(1), attribute2.float(1)],
    ['int', attribute2.int(2n ** 53n), attribute2.int(2n ** 53n + 1n)],
    ['text', attribute2.string('cafe\u0301'), attribute2.string('caf\u00e9')],
    ['set', attribute2.stringSet(['a']), attribute2.stringSet(['a', ''])],
    ['value', floats(1, 2), floats(1, 3)],
    ['step', floats(1, 2), floats(1.000001, 2)],
    ['time', floats(1, 2), floats(1, 2, 6)],
    ['line', attribute2.strings(seriesOf([[1, 2, 'a']])), attribute2.strings(seriesOf([[1, 2, 'b']]))],
    ['file', attribute2.file('a', 'a'), attribute2.file('a', 'b')],
    ['fileset', attribute2.fileSet({ a: 'a' }), attribute2.fileSet({ a: 'b' })],
  ];
  const data = (side: 1 | 2) => projectOf2(Object.fromEntries(attributes.map((one) => [one[0], one[side]])));
  const { report } = await readBack(t, data(1), { served: data(2) });
  const seen = JSON.stringify(report.differences);
  for (const [name] of attributes) assert.ok(seen.includes(`"P-1","${name}"`) || name === 'type', `${name}: ${seen}`);
  assert.match(seen, /\('type', 'Float'\)/);
});

test('the official client understands how the server says no', async (t) => {
  const server = await startNeptune2DemoServer({ data: oddDataSet2() });
  t.after(() => server.close());
  const client = await python('neptune2');
  const table = (project: string, query: string, token = server.token) => {
    const code =
      'import sys, neptune\n' +
      'with neptune.init_project(project=sys.argv[1], mode="read-only") as project:\n' +
      '    print(len(project.fetch_runs_table(query=sys.argv[2], progress_bar=False).to_rows()))\n';
    return run(client, ['-c', code, project, query], {
      env: { ...process.env, ...CLIENT_ENV, NEPTUNE_API_TOKEN: token },
    });
  };
  assert.match((await table(ODD2_PROJECT, '(`index`:int > 2)')).stdout, /^5$/m);
  await assert.rejects(table(ODD2_PROJECT, '`index`:int >'), /NeptuneInvalidQueryException/);
  await assert.rejects(table(MILD2_PROJECT, ''), /ProjectNotFound/);
  const wrong = { api_address: server.url, api_url: server.url, api_key: 'wrong' };
  const wrongToken = Buffer.from(JSON.stringify(wrong)).toString('base64');
  await assert.rejects(table(ODD2_PROJECT, '', wrongToken), /NeptuneInvalidApiTokenException/);
});
