// What servers and networks do to clients: the archive ends whole, or the report says exactly what is missing.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { DataSet } from '../../src/demo/dataset.ts';
import type { FaultRule } from '../../src/demo/faults.ts';
import { sampleProject } from '../../src/demo/sample-project.ts';
import { assertExit, bench } from './harness.ts';

/** Two runs are enough to meet every kind of request. */
function small(): DataSet {
  const [project] = sampleProject().projects;
  return { projects: [{ ...project!, runs: project!.runs.slice(0, 2) }] };
}

const ROUTES: [name: string, path: RegExp][] = [
  ['search', /entries\/search/],
  ['attributes', /attributes\/query/],
  ['float series', /series\/float/],
  ['other series', /attributes\/series$/],
  ['signing', /signedUrl/],
  ['storage', /^\/storage\//],
];

const MENDED: [name: string, fault: FaultRule['fault']][] = [
  ['503', { kind: 'status', status: 503 }],
  ['429 with seconds', { kind: 'status', status: 429, retryAfter: 1 }],
  ['429 with a date', { kind: 'status', status: 429, retryAfter: 1, asDate: true }],
  ['a cut connection', { kind: 'cut' }],
  ['half a body that calls itself whole', { kind: 'short' }],
];

for (const [name, fault] of MENDED) {
  test(`${name}, once at every kind of request, is mended`, async (t) => {
    const faults = ROUTES.map(([, path]): FaultRule => ({ path, fault, times: 1 }));
    const { exportAll, differences } = await bench(t, small(), { faults });
    assertExit(await exportAll(), 0);
    assert.equal(await differences(), '');
  });
}

test('garbage instead of protobuf is mended', async (t) => {
  const faults = ROUTES.slice(0, 4).map(([, path]): FaultRule => ({ path, fault: { kind: 'garbage' }, times: 1 }));
  const { exportAll, differences } = await bench(t, small(), { faults });
  assertExit(await exportAll(), 0);
  assert.equal(await differences(), '');
});

test('tokens that are revoked again and again are renewed', async (t) => {
  const faults: FaultRule[] = [
    { path: /series\/float/, fault: { kind: 'revokeTokens' }, times: 2 },
    { path: /attributes\/query/, fault: { kind: 'revokeTokens', refreshTokensToo: true }, times: 1 },
  ];
  const { exportAll, differences } = await bench(t, small(), { faults, tokenSeconds: 35 });
  assertExit(await exportAll(), 0);
  assert.equal(await differences(), '');
});

test('signed addresses that end at once are signed again', async (t) => {
  for (const provider of ['gcp', 'aws', 'azure'] as const) {
    const faults: FaultRule[] = [
      { path: /^\/storage\//, fault: { kind: 'status', status: provider === 'gcp' ? 400 : 403 }, times: 5 },
    ];
    const { exportAll, differences } = await bench(t, small(), { faults, provider });
    assertExit(await exportAll(), 0);
    assert.equal(await differences(), '');
  }
});

test('a series that the server refuses is named; everything else arrives', async (t) => {
  const data = small();
  const { folder, exportAll, differences } = await bench(t, data, {
    faults: [{ path: /series\/float/, fault: { kind: 'status', status: 400 } }],
  });
  const result = await exportAll('--error-report-file', 'errors.jsonl');
  assertExit(result, 3);
  const lines = (await readFile(join(folder, 'errors.jsonl'), 'utf8')).trim().split('\n');
  const named = lines.map(
    (line) => JSON.parse(line) as { run_id: string; attribute_path: string; attribute_type: string },
  );
  assert.ok(named.every(({ attribute_type }) => attribute_type === 'float_series'));
  const missing = data.projects[0]!.runs.flatMap(({ attributes }) =>
    [...attributes].filter(([, { type }]) => type === 'floatSeries').map(([path]) => path),
  );
  assert.deepEqual(named.map(({ attribute_path }) => attribute_path).sort(), missing.sort());
  const differences1 = (await differences()).split('\n');
  assert.equal(differences1.length, missing.length);
});
