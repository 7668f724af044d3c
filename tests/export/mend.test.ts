// A partial run gets only what it lacks: what came before stays, whatever comes of the next try.

import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { diskName } from '../../src/archive/names.ts';
import { ExporterError } from '../../src/model/errors.ts';
import { fakeBench } from './fake-bench.ts';

test('series that failed are read again, the others stay; single values come anew', async (t) => {
  const { source, now, exportAll, values, manifest } = await fakeBench(t, {
    rows: [{ path: 'lr', type: 'int', value: 1n }],
    series: { good: { values: [1, 2, 3] }, bad: { values: [5, 6, 7, 8], failsAfter: 2 } },
    files: [{ attributePath: 'f', type: 'file', content: 'f' }],
  });
  assert.equal((await exportAll()).partial, 1);
  now({ series: { good: { values: [9, 9, 9] }, bad: { values: [5, 6, 7, 8] } } });
  const { exported, partial } = await exportAll();
  assert.deepEqual([exported, partial], [1, 0]);
  assert.deepEqual([source.seriesRead, source.downloads], [['run bad'], []]);
  assert.deepEqual(await values('good'), [1, 2, 3]);
  assert.deepEqual(await values('bad'), [5, 6, 7, 8]);
  assert.equal((await values('lr')).length, 1);
  const { status, files, counts, failures } = await manifest();
  assert.deepEqual([status, files.map(({ path }) => path), failures], ['complete', ['run/f'], []]);
  assert.deepEqual(counts, {
    int: { attributes: 1, rows: 1 },
    float_series: { attributes: 2, rows: 7 },
    file: { attributes: 1, rows: 1 },
  });
});

test('a try that gets less of a series than the last one loses nothing of it', async (t) => {
  const { now, exportAll, values, manifest } = await fakeBench(t, {
    series: { a: { values: [1, 2, 3, 4], failsAfter: 3 }, b: { values: [1, 2], failsAfter: 0 } },
  });
  await exportAll();
  // b comes now, a fails earlier than before.
  now({ series: { a: { values: [1, 2, 3, 4], failsAfter: 1 }, b: { values: [1, 2] } } });
  assert.equal((await exportAll()).partial, 1);
  assert.deepEqual(await values('a'), [1, 2, 3]);
  assert.deepEqual(await values('b'), [1, 2]);
  assert.deepEqual(
    (await manifest()).failures.map(({ attributePath }) => attributePath),
    ['a'],
  );
});

test('a try that brings nothing leaves everything as it was', async (t) => {
  const { now, exportAll, manifest, failures } = await fakeBench(t, {
    series: { a: { values: [1, 2, 3, 4], failsAfter: 3 } },
  });
  await exportAll();
  const before = await manifest();
  now({ series: { a: { values: [1, 2, 3, 4], failsAfter: 0 } } });
  const { exported, partial, keptPartial } = await exportAll();
  assert.deepEqual([exported, partial, keptPartial, failures.length], [0, 1, 1, 1]);
  assert.deepEqual(await manifest(), before);
});

test('of files and points of file series only those are fetched that are missing', async (t) => {
  const fails = new ExporterError('not_found', 'It is not there.');
  const series = (step: number) => ({ attributePath: 's', type: 'file_series' as const, step, timestamp: 0n });
  const { source, now, exportAll, values, manifest } = await fakeBench(t, {
    files: [
      { attributePath: 'a', type: 'file', content: 'a' },
      { attributePath: 'b', type: 'file', content: 'b', fails },
      series(0),
      { ...series(1), fails },
      series(2),
    ],
  });
  assert.equal((await exportAll()).partial, 1);
  assert.deepEqual(await values('s'), ['run/s/step_0_000000', null, 'run/s/step_2_000000']);
  now({
    files: [
      { attributePath: 'a', type: 'file', content: 'other' },
      { attributePath: 'b', type: 'file', content: 'b', fails },
      series(0),
      series(1),
      series(2),
    ],
  });
  assert.equal((await exportAll()).partial, 1);
  assert.deepEqual(source.downloads.sort(), ['run b', 'run s 1']);
  assert.deepEqual(await values('s'), ['run/s/step_0_000000', 'run/s/step_1_000000', 'run/s/step_2_000000']);
  assert.deepEqual([await values('a'), await values('b')], [['run/a'], [null]]);
  const { files, failures } = await manifest();
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'run/a',
    'run/s/step_0_000000',
    'run/s/step_1_000000',
    'run/s/step_2_000000',
  ]);
  assert.deepEqual(
    failures.map(({ attributePath }) => attributePath),
    ['b'],
  );
});

test('an attribute that failed and is no longer told of stays a failure, and what came of it stays', async (t) => {
  const { now, exportAll, values, manifest } = await fakeBench(t, {
    series: { a: { values: [1, 2, 3], failsAfter: 2 }, b: { values: [1], failsAfter: 0 } },
  });
  await exportAll();
  now({ series: { b: { values: [1] } } });
  assert.equal((await exportAll()).partial, 1);
  assert.deepEqual(await values('a'), [1, 2]);
  const [failure] = (await manifest()).failures;
  assert.deepEqual([failure?.attributePath, failure?.code], ['a', 'bad_answer']);
});

test('a run that changed since, or whose parts did, is read anew as a whole', async (t) => {
  const bad = { bad: { values: [5, 6], failsAfter: 1 } };
  const { dataPath, source, now, exportAll, values } = await fakeBench(t, {
    series: { good: { values: [1] }, ...bad },
  });
  await exportAll();
  now({ modifiedAt: 2, series: { good: { values: [2] }, ...bad } });
  await exportAll();
  assert.deepEqual(source.seriesRead.sort(), ['run bad', 'run good']);
  assert.deepEqual(await values('good'), [2]);
  const project = join(dataPath, diskName('w/p'));
  const part = (await readdir(project)).find((name) => name.endsWith('.parquet'))!;
  const { size } = await import('node:fs').then(({ statSync }) => statSync(join(project, part)));
  now({ series: { good: { values: [3] }, bad: { values: [5, 6] } } });
  // Of the same size, so that only its hash tells.
  await writeFile(join(project, part), Buffer.alloc(size, 7));
  assert.equal((await exportAll()).partial, 0);
  assert.deepEqual(source.seriesRead.sort(), ['run bad', 'run good']);
  assert.deepEqual(await values('good'), [3]);
});

test('a run that lost a part is exported anew', async (t) => {
  const { dataPath, now, exportAll, values } = await fakeBench(t, { series: { a: { values: [1, 2] } } });
  await exportAll();
  const project = join(dataPath, diskName('w/p'));
  const part = (await readdir(project)).find((name) => name.endsWith('.parquet'))!;
  await writeFile(join(project, part), 'cut');
  assert.equal((await exportAll()).replaced, 1);
  assert.deepEqual(await values('a'), [1, 2]);
  await rm(join(project, part));
  now({});
  assert.equal((await exportAll()).exported, 1);
  assert.deepEqual(await values('a'), [1, 2]);
});

test('a refresh in which something new fails is still better than the old run; one that loses something is not', async (t) => {
  const { now, exportAll, values, manifest } = await fakeBench(t, { series: { a: { values: [1, 2] } } });
  await exportAll();
  now({ modifiedAt: 2, series: { a: { values: [1, 2, 3] }, fresh: { values: [1], failsAfter: 0 } } });
  const first = await exportAll({ refresh: true });
  assert.deepEqual([first.replaced, first.partial, first.keptOld], [1, 1, 0]);
  assert.deepEqual(await values('a'), [1, 2, 3]);
  assert.equal((await manifest()).status, 'partial');
  now({ modifiedAt: 3, series: { a: { values: [1, 2, 3, 4], failsAfter: 0 }, fresh: { values: [1] } } });
  const second = await exportAll({ refresh: true });
  assert.deepEqual([second.exported, second.keptPartial], [0, 1]);
  assert.deepEqual(await values('a'), [1, 2, 3]);
});
